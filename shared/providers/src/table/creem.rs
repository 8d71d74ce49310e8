//! Creem (<https://docs.creem.io/code/webhooks>, with its examples).
//!
//! - What was paid, with taxes, is `amount_paid`; `amount` is before taxes, and stands in where there is nothing else.
//!   A refund is of what was paid.
//! - Of a subscription's first payment both `checkout.completed` and `subscription.paid` tell; they meet in the order.
//!   `subscription.paid` names it in its last transaction, which older versions leave out.
//! - Not confirmed: events on how a dispute ends.

use super::prelude::*;
use super::standard_webhooks::WEBHOOK_V1;

/// From before it adopted Standard Webhooks, whose failure it must not rescue.
const LEGACY: Scheme = Scheme {
    signature: Signature {
        prefix: SignaturePrefix::Optional("sha256="),
        ..in_header("creem-signature", Encoding::HexAnyCase)
    },
    conditions: &[Condition::HeaderAbsent("webhook-signature")],
    keeps: &["creem-signature"],
    ..hmac_of_body("creem-signature", Hash::Sha256, Encoding::HexAnyCase)
};

pub(super) static CREEM: Provider = Provider {
    id: "creem",
    name: "Creem",
    documentation: "https://docs.creem.io/code/webhooks",
    experimental: false,
    schemes: Schemes::Signed {
        first: WEBHOOK_V1,
        more: &[
            LEGACY,
            Scheme {
                name: "x-creem-signature",
                signature: Signature { from: Place::Header("x-creem-signature"), ..LEGACY.signature },
                conditions: &[
                    Condition::HeaderAbsent("webhook-signature"),
                    Condition::HeaderAbsent("creem-signature"),
                ],
                keeps: &["x-creem-signature"],
                ..LEGACY
            },
        ],
    },
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        event_id: &[Body("id"), Header("webhook-id")],
        key: &[&[Body("id")], &[Header("webhook-id")]],
        kind: &[&[Body("eventType")], &[Body("type")]],
        time: &[
            (Body("created_at"), Clock::Milliseconds),
            (Body("created_at"), Clock::Rfc3339),
            (Body("timestamp"), Clock::Rfc3339),
        ],
        // Creem's own SDK takes `data` where there is no `object`.
        subjects: &[
            Subject {
                payment: &[Body("object.order.id"), Body("data.order.id")],
                amount: Amount::First(&[
                    "object.order.amount_paid",
                    "object.order.amount",
                    "data.order.amount_paid",
                    "data.order.amount",
                ]),
                currency: Named::At(&["object.order.currency", "data.order.currency"]),
                reference: &[Body("object.request_id"), Body("data.request_id")],
                rules: &[("checkout.completed", "", Paid)],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("object.last_transaction.order"), Body("data.last_transaction.order")],
                object: ID,
                status: &[Body("object.last_transaction.status")],
                amount: Amount::First(&[
                    "object.last_transaction.amount_paid",
                    "data.last_transaction.amount_paid",
                ]),
                currency: Named::At(&["object.last_transaction.currency", "data.last_transaction.currency"]),
                rules: &[("subscription.paid", "paid", Paid), ("subscription.paid", "", Mention)],
                ..Subject::NOTHING
            },
            Subject {
                payment: ORDER,
                operation: ID,
                status: &[Body("object.status")],
                amount: Amount::First(&["object.refund_amount", "data.refund_amount"]),
                currency: Named::At(&["object.refund_currency", "data.refund_currency"]),
                rules: REFUND,
                ..Subject::NOTHING
            },
            Subject {
                payment: ORDER,
                operation: ID,
                amount: Amount::First(&["object.amount", "data.amount"]),
                currency: Named::At(&["object.currency", "data.currency"]),
                // By then the transaction is a `chargeback`, whose money is gone.
                rules: &[("dispute.created", "", DISPUTE_CHARGED)],
                ..Subject::NOTHING
            },
        ],
        object: ID,
        ..Format::JSON
    }),
};

const ID: &[At] = &[Body("object.id"), Body("data.id")];
const ORDER: &[At] = &[
    Body("object.order.id"),
    Body("object.transaction.order"),
    Body("data.order.id"),
    Body("data.transaction.order"),
];
const REFUND: &[Rule] = &[
    ("refund.created", "succeeded", REFUNDED),
    ("refund.created", "failed", REFUND_FAILED),
    ("refund.created", "canceled", REFUND_FAILED),
    ("refund.created", "", REFUND_PENDING),
];
