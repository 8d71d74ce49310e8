//! Cashfree Payments (<https://www.cashfree.com/docs/payments/online/webhooks/overview>).
//!
//! Read: <https://www.cashfree.com/docs/api-reference/payments/latest/refunds/webhooks>. Refunds that Cashfree makes by
//! itself, of payments that came too late, have a type and an object of their own. Not confirmed: the statuses of
//! disputes beside those below; unknown ones count as an update.

use super::prelude::*;

pub(super) static CASHFREE: Provider = Provider {
    id: "cashfree",
    name: "Cashfree",
    documentation: "https://www.cashfree.com/docs/payments/online/webhooks/signature-verification",
    experimental: false,
    schemes: Schemes::one(Scheme {
        signed: &[&[Part::From(Place::Header("x-webhook-timestamp")), Part::Body]],
        keeps: &["x-webhook-timestamp", "x-webhook-signature", "x-webhook-version", "x-idempotency-key"],
        ..hmac_of_body("x-webhook-signature", Hash::Sha256, Encoding::Base64)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        key: &[
            // The header `x-idempotency-key` is not signed.
            &[Body("type"), Body("data.payment.cf_payment_id")],
            &[Body("type"), Body("data.refund.cf_refund_id"), Body("data.refund.refund_status")],
            &[Body("type"), Body("data.auto_refund.cf_refund_id"), Body("data.auto_refund.refund_status")],
            &[Body("type"), Body("data.dispute.dispute_id"), Body("data.dispute.dispute_status")],
            &[Body("type"), Body("data.order.transaction_id")],
            &[BodySha256],
        ],
        kind: &[&[Body("type")]],
        time: &[(Body("event_time"), Clock::Rfc3339)],
        unit: AmountUnit::Major,
        subjects: &[
            Subject {
                payment: &[Body("data.payment.cf_payment_id")],
                amount: Amount::First(&["data.payment.payment_amount"]),
                currency: Named::At(&["data.payment.payment_currency", "data.order.order_currency"]),
                reference: &[Body("data.order.order_id")],
                rules: &[
                    ("PAYMENT_SUCCESS_WEBHOOK", "", Paid),
                    ("PAYMENT_FAILED_WEBHOOK", "", Failed),
                    ("PAYMENT_USER_DROPPED_WEBHOOK", "", Failed),
                    // What the payment cost the merchant.
                    ("PAYMENT_CHARGES_WEBHOOK", "", Mention),
                    // The dashboard's test of the address.
                    ("WEBHOOK", "", Test),
                ],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("data.order.transaction_id")],
                status: &[Body("data.order.transaction_status")],
                amount: Amount::First(&["data.order.order_amount"]),
                currency: Named::At(&["data.link_currency"]),
                reference: &[Body("data.order.order_id")],
                rules: &[
                    ("PAYMENT_LINK_EVENT", "SUCCESS", Paid),
                    ("PAYMENT_LINK_EVENT", "FAILED", Failed),
                    ("PAYMENT_LINK_EVENT", "PENDING", Processing),
                ],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("data.refund.cf_payment_id")],
                operation: &[Body("data.refund.cf_refund_id"), Body("data.refund.refund_id")],
                status: &[Body("data.refund.refund_status")],
                amount: Amount::First(&["data.refund.refund_amount"]),
                currency: Named::At(&["data.refund.refund_currency"]),
                rules: &[
                    ("REFUND_STATUS_WEBHOOK", "SUCCESS", REFUNDED),
                    ("REFUND_STATUS_WEBHOOK", "PENDING", REFUND_PENDING),
                    ("REFUND_STATUS_WEBHOOK", "ONHOLD", REFUND_PENDING),
                    ("REFUND_STATUS_WEBHOOK", "CANCELLED", REFUND_FAILED),
                    ("REFUND_STATUS_WEBHOOK", "FAILED", REFUND_FAILED),
                ],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("data.auto_refund.cf_payment_id")],
                operation: &[Body("data.auto_refund.cf_refund_id"), Body("data.auto_refund.refund_id")],
                status: &[Body("data.auto_refund.refund_status")],
                amount: Amount::First(&["data.auto_refund.refund_amount"]),
                currency: Named::At(&["data.auto_refund.refund_currency"]),
                rules: &[
                    ("AUTO_REFUND_STATUS_WEBHOOK", "SUCCESS", REFUNDED),
                    ("AUTO_REFUND_STATUS_WEBHOOK", "PENDING", REFUND_PENDING),
                    ("AUTO_REFUND_STATUS_WEBHOOK", "CANCELLED", REFUND_FAILED),
                    ("AUTO_REFUND_STATUS_WEBHOOK", "FAILED", REFUND_FAILED),
                ],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("data.order_details.cf_payment_id")],
                operation: &[Body("data.dispute.dispute_id")],
                status: &[Body("data.dispute.dispute_status")],
                amount: Amount::First(&["data.dispute.dispute_amount"]),
                currency: Named::At(&["data.dispute.dispute_amount_currency"]),
                rules: &[
                    ("*", "DISPUTE_CREATED", DISPUTE_WARNING),
                    ("*", "RETRIEVAL_CREATED", DISPUTE_WARNING),
                    ("*", "CHARGEBACK_CREATED", DISPUTE_OPEN),
                    ("*", "PRE_ARBITRATION_CREATED", DISPUTE_OPEN),
                    ("*", "ARBITRATION_CREATED", DISPUTE_OPEN),
                    ("*", "DISPUTE_MERCHANT_WON", DISPUTE_WON),
                    ("*", "CHARGEBACK_MERCHANT_WON", DISPUTE_WON),
                    ("*", "PRE_ARBITRATION_MERCHANT_WON", DISPUTE_WON),
                    ("*", "ARBITRATION_MERCHANT_WON", DISPUTE_WON),
                    ("*", "DISPUTE_MERCHANT_LOST", DISPUTE_LOST),
                    ("*", "CHARGEBACK_MERCHANT_LOST", DISPUTE_LOST),
                    ("*", "PRE_ARBITRATION_MERCHANT_LOST", DISPUTE_LOST),
                    ("*", "ARBITRATION_MERCHANT_LOST", DISPUTE_LOST),
                    ("*", "CHARGEBACK_MERCHANT_ACCEPTED", DISPUTE_LOST),
                    ("DISPUTE_CREATED", "", DISPUTE_UPDATED),
                    ("DISPUTE_UPDATED", "", DISPUTE_UPDATED),
                    ("DISPUTE_CLOSED", "", DISPUTE_UPDATED),
                ],
                ..Subject::NOTHING
            },
        ],
        ..Format::JSON
    }),
};
