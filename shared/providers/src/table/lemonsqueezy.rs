//! Lemon Squeezy (<https://docs.lemonsqueezy.com/help/webhooks>). Its deliveries have no id: an object and the time of
//! its last change stand in for one. Refunds are reported as a running total.
//!
//! A subscription's first payment is reported twice, as the order and as an invoice whose `billing_reason` is `initial`:
//! the order stands for it. Not confirmed: events of disputes.

use super::prelude::*;

pub(super) static LEMONSQUEEZY: Provider = Provider {
    id: "lemonsqueezy",
    name: "Lemon Squeezy",
    documentation: "https://docs.lemonsqueezy.com/help/webhooks/signing-requests",
    experimental: false,
    schemes: Schemes::one(Scheme {
        keeps: &["x-signature", "x-event-name"],
        ..hmac_of_body("x-signature", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        key: &[
            &[
                Body("meta.event_name"),
                Body("data.type"),
                Body("data.id"),
                Body("data.attributes.updated_at"),
            ],
            &[BodySha256],
        ],
        kind: &[&[Body("meta.event_name")]],
        time: &[
            (Body("data.attributes.updated_at"), Clock::Rfc3339),
            (Body("data.attributes.created_at"), Clock::Rfc3339),
        ],
        subjects: &[
            Subject { payment: &[Body("data.id")], rules: ORDER, ..PAYMENT },
            Subject { payment: &[Body("data.id")], amount: REFUNDED_TOTAL, rules: ORDER_REFUND, ..PAYMENT },
            Subject {
                payment: INVOICE_ID,
                status: &[Body("data.attributes.billing_reason")],
                rules: FIRST_INVOICE,
                ..PAYMENT
            },
            // Numbered apart from orders.
            Subject { payment: INVOICE_ID, rules: INVOICE, ..PAYMENT },
            Subject { payment: INVOICE_ID, amount: REFUNDED_TOTAL, rules: INVOICE_REFUND, ..PAYMENT },
        ],
        object: &[Body("data.id")],
        ..Format::JSON
    }),
};

const INVOICE_ID: &[At] = &[After("subscription-invoices:", "data.id")];
const REFUNDED_TOTAL: Amount = Amount::First(&["data.attributes.refunded_amount", "data.attributes.total"]);

const PAYMENT: Subject = Subject {
    status: &[Body("data.attributes.status")],
    amount: Amount::First(&["data.attributes.total"]),
    currency: Named::At(&["data.attributes.currency"]),
    reference: &[Body("meta.custom_data.merchant_reference"), Body("meta.custom_data.order_id")],
    ..Subject::NOTHING
};

const ORDER: &[Rule] = &[
    ("order_created", "pending", Created),
    ("order_created", "failed", Failed),
    ("order_created", "fraudulent", Failed),
    ("order_created", "", Paid),
];
const ORDER_REFUND: &[Rule] = &[("order_refunded", "", RefundTotal)];
const FIRST_INVOICE: &[Rule] = &[
    ("subscription_payment_success", "initial", Mention),
    ("subscription_payment_refunded", "initial", Mention),
];
const INVOICE: &[Rule] = &[
    ("subscription_payment_success", "", Paid),
    ("subscription_payment_recovered", "", Paid),
    ("subscription_payment_failed", "", Failed),
];
const INVOICE_REFUND: &[Rule] = &[("subscription_payment_refunded", "", RefundTotal)];
