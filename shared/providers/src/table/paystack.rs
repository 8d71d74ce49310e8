//! Paystack (<https://paystack.com/docs/payments/webhooks/>). A payment goes by the merchant's reference, which refunds
//! and disputes name.
//!
//! A refund gets its reference on the way (<https://paystack.com/docs/payments/refunds/>): while it waits it often has
//! none, and is only mentioned, because what is in flight under one name would never end under another. Amounts of
//! refunds are text or number. Not confirmed: `charge.failed`, which only other people's code names.

use super::prelude::*;

pub(super) static PAYSTACK: Provider = Provider {
    id: "paystack",
    name: "Paystack",
    documentation: "https://paystack.com/docs/payments/webhooks/#verify-event-origin",
    experimental: false,
    schemes: Schemes::one(Scheme {
        keeps: &["x-paystack-signature"],
        ..hmac_of_body("x-paystack-signature", Hash::Sha512, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        key: &[
            // A dispute is reminded of more than once.
            &[Body("event"), Body("data.id"), Body("data.updated_at")],
            &[Body("event"), Body("data.id")],
            &[Body("event"), Body("data.refund_reference")],
            &[BodySha256],
        ],
        kind: &[&[Body("event")]],
        time: &[
            (Body("data.resolvedAt"), Clock::Rfc3339),
            (Body("data.paid_at"), Clock::Rfc3339),
            (Body("data.created_at"), Clock::Rfc3339),
            (Body("data.createdAt"), Clock::Rfc3339),
        ],
        // Sent in hundredths although it has none (https://paystack.com/docs/api/#supported-currency).
        exponents: &[("XOF", 2)],
        subjects: &[
            Subject {
                payment: &[Body("data.reference")],
                object: &[Body("data.id")],
                amount: Amount::First(&["data.amount"]),
                currency: Named::At(&["data.currency"]),
                requested: Amount::First(&["data.requested_amount", "data.amount"]),
                reference: &[Body("data.reference")],
                rules: &[("charge.success", "", Paid), ("charge.failed", "", Failed)],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("data.transaction_reference")],
                operation: &[Body("data.refund_reference")],
                amount: Amount::First(&["data.amount"]),
                currency: Named::At(&["data.currency"]),
                rules: &[
                    ("refund.pending", "", REFUND_PENDING),
                    ("refund.processing", "", REFUND_PENDING),
                    ("refund.needs-attention", "", REFUND_PENDING),
                ],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("data.transaction_reference")],
                operation: &[Body("data.refund_reference"), Body("data.id")],
                amount: Amount::First(&["data.amount"]),
                currency: Named::At(&["data.currency"]),
                rules: &[("refund.processed", "", REFUNDED), ("refund.failed", "", REFUND_FAILED)],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("data.transaction.reference")],
                operation: &[Body("data.id")],
                status: &[Body("data.resolution")],
                amount: Amount::First(&["data.refund_amount"]),
                currency: Named::At(&["data.currency", "data.transaction.currency"]),
                rules: &[
                    ("charge.dispute.create", "", DISPUTE_OPEN),
                    ("charge.dispute.remind", "", DISPUTE_UPDATED),
                    ("charge.dispute.resolve", "merchant-accepted", DISPUTE_LOST),
                    // Nobody answered in time.
                    ("charge.dispute.resolve", "auto-accepted", DISPUTE_LOST),
                    ("charge.dispute.resolve", "declined", DISPUTE_WON),
                    ("charge.dispute.resolve", "", DISPUTE_UPDATED),
                ],
                ..Subject::NOTHING
            },
        ],
        object: &[Body("data.id"), Body("data.reference")],
        ..Format::JSON
    }),
};
