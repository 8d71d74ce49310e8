//! Paddle Billing (<https://developer.paddle.com/webhooks/overview>). Refunds and chargebacks are adjustments of a
//! transaction; those of one chargeback have ids of their own, so that a dispute goes by its transaction.
//!
//! Actions and statuses are those of <https://developer.paddle.com/api-reference/adjustments> and of Paddle's Node SDK
//! (<https://github.com/PaddleHQ/paddle-node-sdk>). A credit lowers what is still to be paid, and moves no money.
//! Not confirmed: whether a `chargeback_warning` has taken the money already (Paddle refunds some of them by itself).

use super::prelude::*;

pub(super) static PADDLE: Provider = Provider {
    id: "paddle",
    name: "Paddle Billing",
    documentation: "https://developer.paddle.com/webhooks/signature-verification",
    experimental: false,
    schemes: Schemes::one(Scheme {
        name: "paddle-signature h1",
        key: Key { prefix: KeyPrefix::Kept("pdl_ntfset_"), encoding: KeyEncoding::Utf8, min_bytes: 16 },
        // Any `h1` may match, and other names are ignored: the SDKs do one or the other, the documentation both.
        signature: Signature {
            shape: Shape::Pairs { list: ';', pair: '=', signature: "h1" },
            ..in_header("paddle-signature", Encoding::HexLower)
        },
        signed: &[&[Part::From(Place::Pair("ts")), Part::Text(":"), Part::Body]],
        // Five seconds is Paddle's own limit. A clock ahead of ours gets more room: Paddle's Node SDK sets none.
        freshness: fresh(Place::Pair("ts"), Unit::Seconds, 5, 30),
        keeps: &["paddle-signature"],
        ..hmac_of_body("paddle-signature", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        // `notification_id` differs between destinations.
        event_id: &[Body("event_id")],
        key: &[&[Body("event_id")]],
        kind: &[&[Body("event_type")]],
        time: &[(Body("occurred_at"), Clock::Rfc3339)],
        subjects: &[
            Subject {
                payment: &[Body("data.id")],
                amount: Amount::First(&["data.details.totals.grand_total"]),
                currency: Named::At(&["data.currency_code"]),
                reference: &[Body("data.custom_data.merchant_reference"), Body("data.custom_data.order_id")],
                rules: &[
                    ("transaction.created", "", Created),
                    ("transaction.ready", "", Created),
                    ("transaction.billed", "", Processing),
                    ("transaction.past_due", "", Processing),
                    ("transaction.paid", "", Paid),
                    ("transaction.completed", "", Paid),
                    ("transaction.payment_failed", "", Failed),
                    ("transaction.canceled", "", Canceled),
                    ("transaction.updated", "", Mention),
                    ("transaction.revised", "", Mention),
                ],
                ..Subject::NOTHING
            },
            Subject {
                operation: &[Body("data.id")],
                rules: &[
                    ("adjustment.created", "refund.pending_approval", REFUND_PENDING),
                    ("adjustment.created", "refund.approved", REFUNDED),
                    ("adjustment.created", "refund.rejected", REFUND_FAILED),
                    ("adjustment.updated", "refund.pending_approval", REFUND_PENDING),
                    ("adjustment.updated", "refund.approved", REFUNDED),
                    ("adjustment.updated", "refund.rejected", REFUND_FAILED),
                    ("adjustment.updated", "refund.reversed", REFUND_REVERSED),
                ],
                ..ADJUSTMENT
            },
            Subject {
                object: &[Body("data.id")],
                rules: &[
                    ("adjustment.created", "chargeback_warning.approved", DISPUTE_WARNING),
                    ("adjustment.created", "chargeback_warning_reverse.approved", DISPUTE_WON),
                    ("adjustment.created", "chargeback.approved", DISPUTE_CHARGED),
                    ("adjustment.created", "chargeback_reverse.approved", DISPUTE_REINSTATED),
                    ("adjustment.updated", "chargeback_warning.reversed", DISPUTE_WON),
                    ("adjustment.updated", "chargeback.reversed", DISPUTE_REINSTATED),
                    ("adjustment.created", "credit.approved", Mention),
                    ("adjustment.created", "credit_reverse.approved", Mention),
                    ("adjustment.updated", "credit.reversed", Mention),
                ],
                ..ADJUSTMENT
            },
        ],
        object: &[Body("data.id")],
        ..Format::JSON
    }),
};

const ADJUSTMENT: Subject = Subject {
    payment: &[Body("data.transaction_id")],
    status: &[Body("data.action"), Body("data.status")],
    amount: Amount::First(&["data.totals.total"]),
    currency: Named::At(&["data.currency_code"]),
    ..Subject::NOTHING
};
