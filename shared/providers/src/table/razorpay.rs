//! Razorpay (<https://razorpay.com/docs/webhooks/all>). The event's id is in a header that is not signed. So it is
//! shown, and repeats are told by the body, which has the event's time and is the same at every try.
//!
//! What is never captured is given back as a refund (<https://razorpay.com/docs/webhooks/refunds>), of which nothing
//! was ever taken: it is a void. A dispute in the phases of suspected fraud and of retrieval is an inquiry
//! (<https://razorpay.com/docs/api/disputes/entity>), and the amount is deducted when it is lost. Not confirmed: at
//! which event an account with "deduct at onset" shows what is withheld.

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
        key: &[&[BodySha256]],
        kind: &[&[Body("event")]],
        time: &[(Body("created_at"), Clock::Seconds)],
        subjects: &[
            Subject {
                payment: &[Body("payload.payment.entity.id")],
                amount: Amount::First(&["payload.payment.entity.amount"]),
                currency: Named::At(&["payload.payment.entity.currency"]),
                reference: &[
                    Body("payload.order.entity.receipt"),
                    Body("payload.payment_link.entity.reference_id"),
                    Body("payload.payment.entity.notes.merchant_reference"),
                    Body("payload.payment.entity.notes.order_id"),
                ],
                refunded: Amount::First(&["payload.payment.entity.amount_refunded"]),
                status: &[Body("payload.payment.entity.status")],
                rules: &[
                    ("payment.authorized", "", Authorized),
                    ("payment.captured", "", Paid),
                    ("payment.failed", "", Failed),
                    // They come with the payment that paid them.
                    ("order.paid", "", Paid),
                    ("payment_link.paid", "", Paid),
                    ("payment_link.partially_paid", "captured", Paid),
                    ("invoice.paid", "captured", Paid),
                    ("invoice.partially_paid", "captured", Paid),
                    ("subscription.charged", "captured", Paid),
                    ("virtual_account.credited", "captured", Paid),
                    ("qr_code.credited", "captured", Paid),
                ],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("payload.refund.entity.payment_id"), Body("payload.payment.entity.id")],
                object: &[Body("payload.refund.entity.id")],
                amount: Amount::First(&["payload.refund.entity.amount"]),
                currency: Named::At(&["payload.refund.entity.currency"]),
                status: &[Body("payload.payment.entity.captured")],
                rules: &[
                    ("refund.created", "false", Mention),
                    ("refund.processed", "false", Canceled),
                    ("refund.failed", "false", Mention),
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
                status: &[Body("payload.dispute.entity.phase")],
                rules: &[
                    ("payment.dispute.created", "fraud", DISPUTE_WARNING),
                    ("payment.dispute.created", "retrieval", DISPUTE_WARNING),
                    ("payment.dispute.created", "", DISPUTE_OPEN),
                    ("payment.dispute.under_review", "", DISPUTE_UPDATED),
                    ("payment.dispute.action_required", "", DISPUTE_UPDATED),
                    // An inquiry that was closed never took money.
                    ("payment.dispute.closed", "fraud", DISPUTE_WON),
                    ("payment.dispute.closed", "retrieval", DISPUTE_WON),
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
