//! Razorpay (<https://razorpay.com/docs/webhooks/>). The event's id is in a header that is not signed: a repeat could
//! be passed off as something new, which the ledger takes for what it is, since facts rest on the body alone.

use super::prelude::*;

pub(super) static RAZORPAY: Provider = Provider {
    id: "razorpay",
    name: "Razorpay",
    documentation: "https://razorpay.com/docs/webhooks/validate-test/",
    experimental: false,
    schemes: Schemes::one(Scheme {
        keeps: &["x-razorpay-signature", "x-razorpay-event-id"],
        ..hmac_of_body("x-razorpay-signature", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        event_id: &[Header("x-razorpay-event-id")],
        key: &[&[Header("x-razorpay-event-id")], &[BodySha256]],
        kind: &[&[Body("event")]],
        time: &[(Body("created_at"), Clock::Seconds)],
        subjects: &[
            Subject {
                payment: &[Body("payload.payment.entity.id")],
                amount: Amount::First(&["payload.payment.entity.amount"]),
                currency: Named::At(&["payload.payment.entity.currency"]),
                reference: &[Body("payload.order.entity.receipt")],
                refunded: Amount::First(&["payload.payment.entity.amount_refunded"]),
                rules: &[
                    ("payment.authorized", "", Authorized),
                    ("payment.captured", "", Paid),
                    ("payment.failed", "", Failed),
                    // They come with the payment that paid them.
                    ("order.paid", "", Paid),
                    ("payment_link.paid", "", Paid),
                ],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("payload.refund.entity.payment_id"), Body("payload.payment.entity.id")],
                operation: &[Body("payload.refund.entity.id")],
                amount: Amount::First(&["payload.refund.entity.amount"]),
                currency: Named::At(&["payload.refund.entity.currency"]),
                status: &[Body("payload.refund.entity.status")],
                rules: &[
                    ("refund.created", "processed", REFUNDED),
                    ("refund.created", "failed", REFUND_FAILED),
                    ("refund.created", "", REFUND_PENDING),
                    ("refund.processed", "", REFUNDED),
                    ("refund.failed", "", REFUND_FAILED),
                    ("refund.speed_changed", "", Mention),
                ],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("payload.dispute.entity.payment_id"), Body("payload.payment.entity.id")],
                operation: &[Body("payload.dispute.entity.id")],
                amount: Amount::First(&["payload.dispute.entity.amount"]),
                currency: Named::At(&["payload.dispute.entity.currency"]),
                rules: &[
                    ("payment.dispute.created", "", DISPUTE_OPEN),
                    ("payment.dispute.under_review", "", DISPUTE_UPDATED),
                    ("payment.dispute.action_required", "", DISPUTE_UPDATED),
                    ("payment.dispute.closed", "", DISPUTE_UPDATED),
                    ("payment.dispute.won", "", DISPUTE_WON),
                    ("payment.dispute.lost", "", DISPUTE_LOST),
                ],
                ..Subject::NOTHING
            },
        ],
        object: &[
            Body("payload.order.entity.id"),
            Body("payload.subscription.entity.id"),
            Body("payload.invoice.entity.id"),
        ],
        ..Format::JSON
    }),
};
