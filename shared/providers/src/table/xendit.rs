//! Xendit (<https://docs.xendit.co/docs/handling-webhooks>): the secret is sent as it is.

use super::prelude::*;

pub(super) static XENDIT: Provider = Provider {
    id: "xendit",
    name: "Xendit",
    documentation: "https://docs.xendit.co/docs/handling-webhooks",
    experimental: false,
    schemes: Schemes::one(Scheme { keeps: &["webhook-id"], ..token("x-callback-token") }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        event_id: &[Header("webhook-id")],
        key: &[&[Header("webhook-id")], &[BodySha256]],
        // An invoice's callback is the invoice itself.
        kind: &[&[Body("event")], &[If("external_id", "invoice"), Body("status")]],
        time: &[
            (Body("created"), Clock::Rfc3339),
            (Body("updated"), Clock::Rfc3339),
            (Body("data.updated"), Clock::Rfc3339),
        ],
        unit: AmountUnit::Major,
        subjects: &[
            Subject {
                payment: &[Body("data.payment_id"), Body("data.id")],
                status: &[Body("data.status")],
                amount: Amount::First(&["data.request_amount", "data.amount"]),
                currency: Named::At(&["data.currency"]),
                reference: &[Body("data.reference_id")],
                rules: &[
                    ("payment.capture", "FAILED", Failed),
                    ("payment.capture", "", Paid),
                    ("payment.authorization", "", Authorized),
                    ("payment.failure", "", Failed),
                    ("payment.succeeded", "", Paid),
                    ("payment.failed", "", Failed),
                    ("payment.pending", "", Processing),
                ],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("data.payment_id")],
                operation: &[Body("data.id")],
                amount: Amount::First(&["data.amount"]),
                currency: Named::At(&["data.currency"]),
                rules: &[("refund.succeeded", "", REFUNDED), ("refund.failed", "", REFUND_FAILED)],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("id")],
                amount: Amount::First(&["paid_amount", "amount"]),
                currency: Named::At(&["currency"]),
                requested: Amount::First(&["amount"]),
                reference: &[Body("external_id")],
                rules: &[
                    ("invoice.PAID", "", Paid),
                    ("invoice.SETTLED", "", Paid),
                    ("invoice.EXPIRED", "", Expired),
                ],
                ..Subject::NOTHING
            },
        ],
        object: &[Body("data.id"), Body("id")],
        ..Format::JSON
    }),
};
