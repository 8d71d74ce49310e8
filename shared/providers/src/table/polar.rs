//! Polar (<https://polar.sh/docs/integrate/webhooks/endpoints>): Standard Webhooks in all but the key, which is the
//! secret as it reads. A refund's amount leaves out its tax, an order's does not. Types and statuses are those of
//! Polar's Python SDK (`polar-sdk` 1.0.2). There are no webhooks about disputes: a refund that settles one is a refund.
//! Not confirmed: what is charged where a customer's balance is applied; the order's total is shown.

use super::prelude::*;
use super::standard_webhooks::WEBHOOK_V1;

pub(super) static POLAR: Provider = Provider {
    id: "polar",
    name: "Polar",
    documentation: "https://polar.sh/docs/integrate/webhooks/delivery",
    experimental: false,
    schemes: Schemes::one(Scheme { key: Key { min_bytes: 16, ..TEXT_KEY }, ..WEBHOOK_V1 }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        event_id: &[Header("webhook-id")],
        key: &[&[Header("webhook-id")]],
        kind: &[&[Body("type")]],
        time: &[(Body("timestamp"), Clock::Rfc3339)],
        subjects: &[
            Subject {
                payment: &[Body("data.id")],
                status: &[Body("data.status")],
                amount: Amount::First(&["data.total_amount"]),
                currency: Named::At(&["data.currency"]),
                reference: &[Body("data.metadata.merchant_reference"), Body("data.metadata.order_id")],
                rules: &[
                    ("order.created", "paid", Paid),
                    ("order.created", "", Created),
                    ("order.paid", "", Paid),
                    ("order.updated", "paid", Paid),
                    ("order.updated", "void", Canceled),
                    ("order.updated", "", Mention),
                ],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("data.id")],
                amount: Amount::Sum(&["data.refunded_amount", "data.refunded_tax_amount"]),
                currency: Named::At(&["data.currency"]),
                rules: &[("order.refunded", "", RefundTotal)],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("data.order_id")],
                operation: &[Body("data.id")],
                status: &[Body("data.status")],
                amount: Amount::Sum(&["data.amount", "data.tax_amount"]),
                currency: Named::At(&["data.currency"]),
                rules: &[
                    ("refund.created", "succeeded", REFUNDED),
                    ("refund.created", "failed", REFUND_FAILED),
                    ("refund.created", "canceled", REFUND_FAILED),
                    ("refund.created", "", REFUND_PENDING),
                    ("refund.updated", "succeeded", REFUNDED),
                    ("refund.updated", "failed", REFUND_FAILED),
                    ("refund.updated", "canceled", REFUND_FAILED),
                    ("refund.updated", "", REFUND_PENDING),
                ],
                ..Subject::NOTHING
            },
        ],
        object: &[Body("data.id")],
        ..Format::JSON
    }),
};
