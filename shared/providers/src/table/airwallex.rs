//! Airwallex (<https://www.airwallex.com/docs/developer-tools/webhooks>).

use super::prelude::*;

pub(super) static AIRWALLEX: Provider = Provider {
    id: "airwallex",
    name: "Airwallex",
    documentation: "https://www.airwallex.com/docs/developer-tools/webhooks/listen-for-webhook-events",
    experimental: false,
    schemes: Schemes::one(Scheme {
        signed: &[&[Part::From(Place::Header("x-timestamp")), Part::Body]],
        freshness: fresh(Place::Header("x-timestamp"), Unit::Milliseconds, 300, 300),
        keeps: &["x-timestamp", "x-signature"],
        ..hmac_of_body("x-signature", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        event_id: &[Body("id")],
        key: &[&[Body("id")]],
        kind: &[&[Body("name")]],
        time: &[(Body("created_at"), Clock::Rfc3339)],
        unit: AmountUnit::Major,
        subjects: &[
            // Captures are reported as what was captured so far, beside the amount of the intent.
            Subject {
                amount: Amount::First(&["data.object.captured_amount", "data.object.amount"]),
                requested: Amount::First(&["data.object.amount"]),
                rules: &[("payment_intent.succeeded", "", Captured)],
                ..INTENT
            },
            INTENT,
            Subject {
                payment: &[Body("data.object.payment_intent_id")],
                operation: &[Body("data.object.id")],
                rules: &[
                    ("refund.received", "", REFUND_PENDING),
                    ("refund.accepted", "", REFUND_PENDING),
                    ("refund.processing", "", REFUND_PENDING),
                    ("refund.settled", "", REFUNDED),
                    ("refund.succeeded", "", REFUNDED),
                    ("refund.failed", "", REFUND_FAILED),
                    ("payment_dispute.requires_response", "", DISPUTE_OPEN),
                    ("payment_dispute.challenged", "", DISPUTE_UPDATED),
                    ("payment_dispute.accepted", "", DISPUTE_LOST),
                    ("payment_dispute.lost", "", DISPUTE_LOST),
                    ("payment_dispute.won", "", DISPUTE_WON),
                ],
                ..INTENT
            },
        ],
        object: &[Body("data.object.id")],
        ..Format::JSON
    }),
};

const INTENT: Subject = Subject {
    payment: &[Body("data.object.id")],
    amount: Amount::First(&["data.object.amount"]),
    currency: Named::At(&["data.object.currency"]),
    reference: &[Body("data.object.merchant_order_id")],
    rules: &[
        ("payment_intent.created", "", Created),
        ("payment_intent.requires_payment_method", "", Created),
        ("payment_intent.requires_customer_action", "", RequiresAction),
        ("payment_intent.pending", "", Processing),
        ("payment_intent.requires_capture", "", Authorized),
        ("payment_intent.cancelled", "", Canceled),
    ],
    ..Subject::NOTHING
};
