//! PhonePe v2 (<https://developer.phonepe.com/payment-gateway/website-integration/standard-checkout/api-integration/webhook>).
//! The header is a hash of user and password: it proves the sender, and nothing of the body. A refund names the
//! merchant's order, not PhonePe's, so it can't be booked. It has PhonePe's own id in some of the examples only, the
//! merchant's in all.
//!
//! Types are those of PhonePe's Python SDK (`phonepe-pg-sdk-python` 3.0.1): `type` is the older spelling of `event`.

use super::prelude::*;

pub(super) static PHONEPE: Provider = Provider {
    id: "phonepe",
    name: "PhonePe (v2)",
    documentation: "https://developer.phonepe.com/payment-gateway/website-integration/standard-checkout/api-integration/webhook",
    experimental: false,
    schemes: Schemes::one(Scheme {
        covers: Covers::None,
        algorithm: Algorithm::Digest(Hash::Sha256),
        signed: &[&[Part::Key]],
        ..hmac_of_body("authorization", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        key: &[
            &[Body("event"), Body("payload.refundId")],
            &[Body("event"), Body("payload.merchantRefundId")],
            &[Body("event"), Body("payload.orderId")],
            &[BodySha256],
        ],
        kind: &[&[Body("event")], &[Body("type")]],
        time: &[
            (Body("payload.paymentDetails.0.timestamp"), Clock::Milliseconds),
            (Body("payload.timestamp"), Clock::Milliseconds),
        ],
        subjects: &[
            Subject {
                payment: &[Body("payload.orderId")],
                amount: Amount::First(&["payload.amount"]),
                currency: Named::Always("INR"),
                reference: &[Body("payload.merchantOrderId")],
                rules: &[
                    ("checkout.order.completed", "", Paid),
                    ("checkout.order.failed", "", Failed),
                    ("pg.order.completed", "", Paid),
                    ("pg.order.failed", "", Failed),
                    ("CHECKOUT_ORDER_COMPLETED", "", Paid),
                    ("CHECKOUT_ORDER_FAILED", "", Failed),
                    ("PG_ORDER_COMPLETED", "", Paid),
                    ("PG_ORDER_FAILED", "", Failed),
                ],
                ..Subject::NOTHING
            },
            Subject {
                operation: &[Body("payload.merchantRefundId"), Body("payload.refundId")],
                amount: Amount::First(&["payload.amount"]),
                currency: Named::Always("INR"),
                rules: &[
                    ("pg.refund.accepted", "", REFUND_PENDING),
                    ("pg.refund.completed", "", REFUNDED),
                    ("pg.refund.failed", "", REFUND_FAILED),
                    ("PG_REFUND_ACCEPTED", "", REFUND_PENDING),
                    ("PG_REFUND_COMPLETED", "", REFUNDED),
                    ("PG_REFUND_FAILED", "", REFUND_FAILED),
                ],
                ..Subject::NOTHING
            },
        ],
        ..Format::JSON
    }),
};
