//! Flutterwave v4 (<https://developer.flutterwave.com/docs/webhooks>). Experimental: neither the signature nor the
//! fields were checked against the provider. Not confirmed: `charge.failed`, `refund.failed` (a secondary source names
//! them beside the completed ones) and what a chargeback's event looks like, which books nothing.

use super::prelude::*;

pub(super) static FLUTTERWAVE_V4: Provider = Provider {
    id: "flutterwave_v4",
    name: "Flutterwave (v4)",
    documentation: "https://developer.flutterwave.com/docs/webhooks",
    experimental: true,
    schemes: Schemes::one(Scheme {
        keeps: &["flutterwave-signature"],
        ..hmac_of_body("flutterwave-signature", Hash::Sha256, Encoding::Base64)
    }),
    accepted: OK,
    settings: &[EXPERIMENTAL],
    normalise: Normalise::Format(&Format {
        event_id: &[Body("webhook_id")],
        key: &[&[Body("webhook_id")]],
        kind: &[&[Body("type")]],
        time: &[(Body("timestamp"), Clock::Milliseconds)],
        unit: AmountUnit::Major,
        subjects: &[
            Subject {
                payment: &[Body("data.id")],
                status: &[Body("data.status")],
                amount: Amount::First(&["data.amount"]),
                currency: Named::At(&["data.currency"]),
                reference: &[Body("data.reference")],
                rules: &[
                    ("charge.completed", "succeeded", Paid),
                    ("charge.completed", "failed", Failed),
                    ("charge.completed", "pending", Processing),
                    ("charge.completed", "voided", Canceled),
                    ("charge.failed", "", Failed),
                ],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("data.charge_id")],
                operation: &[Body("data.id")],
                status: &[Body("data.status")],
                amount: Amount::First(&["data.amount_refunded"]),
                currency: Named::At(&["data.currency"]),
                rules: &[
                    ("refund.completed", "succeeded", REFUNDED),
                    ("refund.completed", "failed", REFUND_FAILED),
                    ("refund.failed", "", REFUND_FAILED),
                ],
                ..Subject::NOTHING
            },
        ],
        object: &[Body("data.id")],
        ..Format::JSON
    }),
};
