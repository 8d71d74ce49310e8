//! Dodo Payments (<https://docs.dodopayments.com/developer-resources/webhooks>): Standard Webhooks. The events are those of
//! <https://docs.dodopayments.com/developer-resources/webhooks/intents/webhook-events-guide>.

use super::prelude::*;
use super::standard_webhooks::WEBHOOK_V1;

pub(super) static DODOPAYMENTS: Provider = Provider {
    id: "dodopayments",
    name: "Dodo Payments",
    documentation: "https://docs.dodopayments.com/developer-resources/webhooks",
    experimental: false,
    schemes: Schemes::one(WEBHOOK_V1),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        event_id: &[Header("webhook-id")],
        key: &[&[Header("webhook-id")]],
        kind: &[&[Body("type")]],
        time: &[(Body("timestamp"), Clock::Rfc3339)],
        subjects: &[
            Subject {
                payment: &[Body("data.payment_id")],
                amount: Amount::First(&["data.total_amount"]),
                currency: Named::At(&["data.currency"]),
                reference: &[Body("data.metadata.merchant_reference"), Body("data.metadata.order_id")],
                rules: &[
                    ("payment.processing", "", Processing),
                    ("payment.succeeded", "", Paid),
                    ("payment.failed", "", Failed),
                    ("payment.cancelled", "", Canceled),
                ],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("data.payment_id")],
                operation: &[Body("data.refund_id")],
                amount: Amount::First(&["data.amount"]),
                currency: Named::At(&["data.currency"]),
                rules: &[("refund.succeeded", "", REFUNDED), ("refund.failed", "", REFUND_FAILED)],
                ..Subject::NOTHING
            },
            // Its amount is a text whose unit is not documented.
            Subject {
                payment: &[Body("data.payment_id")],
                operation: &[Body("data.dispute_id")],
                rules: &[
                    ("dispute.opened", "", DISPUTE_OPEN),
                    ("dispute.challenged", "", DISPUTE_UPDATED),
                    ("dispute.accepted", "", DISPUTE_LOST),
                    ("dispute.expired", "", DISPUTE_LOST),
                    ("dispute.lost", "", DISPUTE_LOST),
                    ("dispute.cancelled", "", DISPUTE_WON),
                    ("dispute.won", "", DISPUTE_WON),
                ],
                ..Subject::NOTHING
            },
        ],
        object: &[Body("data.subscription_id"), Body("data.id")],
        ..Format::JSON
    }),
};
