//! Shopify (<https://shopify.dev/docs/apps/build/webhooks>). The topic is in a header, which is not signed, so an
//! object is told by its own members: an order by its financial status, a refund by its transactions, a dispute by
//! its beginning. The topic only names what is shown.
//!
//! An order is one payment. Its transactions (`order_transactions/create`) would report the same money again.
//!
//! Payloads are those of <https://shopify.dev/docs/api/webhooks>; the event's id, which Shopify
//! means to tell repeats (<https://shopify.dev/docs/apps/build/webhooks/ignore-duplicates>), is not signed. Not confirmed:
//! whether a refund's transactions are in the order's currency where the buyer saw another.

use super::prelude::*;

const WEBHOOK: Scheme = Scheme {
    conditions: &[
        Condition::BodyPresent,
        // Its newer headers, which must not be rescued by these.
        Condition::HeaderAbsent("shopify-hmac-sha256"),
        Condition::Present(Place::Header("x-shopify-topic")),
        Condition::Present(Place::Header("x-shopify-shop-domain")),
        Condition::Present(Place::Header("x-shopify-api-version")),
        Condition::Present(Place::Header("x-shopify-webhook-id")),
    ],
    keeps: &[
        "x-shopify-hmac-sha256",
        "x-shopify-topic",
        "x-shopify-shop-domain",
        "x-shopify-api-version",
        "x-shopify-webhook-id",
        "x-shopify-event-id",
        "x-shopify-triggered-at",
    ],
    ..hmac_of_body("x-shopify-hmac-sha256", Hash::Sha256, Encoding::Base64)
};

pub(super) static SHOPIFY: Provider = Provider {
    id: "shopify",
    name: "Shopify",
    documentation: "https://shopify.dev/docs/apps/build/webhooks/subscribe/https",
    experimental: false,
    schemes: Schemes::Signed {
        first: WEBHOOK,
        more: &[Scheme {
            conditions: &[
                Condition::BodyPresent,
                Condition::Present(Place::Header("shopify-topic")),
                Condition::Present(Place::Header("shopify-shop-domain")),
                Condition::Present(Place::Header("shopify-api-version")),
                Condition::Present(Place::Header("shopify-webhook-id")),
                Condition::Present(Place::Header("shopify-event-id")),
            ],
            keeps: &[
                "shopify-hmac-sha256",
                "shopify-topic",
                "shopify-shop-domain",
                "shopify-api-version",
                "shopify-webhook-id",
                "shopify-event-id",
                "shopify-triggered-at",
            ],
            ..hmac_of_body("shopify-hmac-sha256", Hash::Sha256, Encoding::Base64)
        }],
    },
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        // One event goes to several subscriptions, each a webhook of its own.
        event_id: EVENT_ID,
        // None of its ids is signed, nor is the topic. But an order that is created and paid at once may be told twice in the
        // same bytes, and whoever gets them as they are wants both: of the topics only those that we know tell apart.
        key: &[&[HeaderAmong("x-shopify-topic", TOPICS), HeaderAmong("shopify-topic", TOPICS), BodySha256]],
        kind: &[&[Header("x-shopify-topic")], &[Header("shopify-topic")]],
        time: &[
            (Body("updated_at"), Clock::Rfc3339),
            (Body("processed_at"), Clock::Rfc3339),
            (Body("created_at"), Clock::Rfc3339),
            (Body("initiated_at"), Clock::Rfc3339),
        ],
        unit: AmountUnit::Major,
        subjects: &[
            Subject {
                payment: &[Body("id")],
                status: &[Body("financial_status")],
                amount: Amount::First(&["total_price"]),
                currency: Named::At(&["currency"]),
                reference: &[Body("name")],
                rules: &[
                    ("*", "pending", Processing),
                    ("*", "authorized", Authorized),
                    ("*", "paid", Paid),
                    // Refunds are reported one by one.
                    ("*", "partially_refunded", Paid),
                    ("*", "refunded", Paid),
                    ("*", "voided", Canceled),
                    ("*", "expired", Expired),
                    // How much of it is paid is not said.
                    ("*", "partially_paid", Mention),
                ],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("order_id")],
                operation: &[Body("id")],
                status: &[Body("transactions.0.kind"), Body("transactions.0.status")],
                amount: Amount::Each("transactions", "amount"),
                currency: Named::At(&["transactions.0.currency"]),
                rules: &[
                    ("*", "refund.success", REFUNDED),
                    ("*", "refund.pending", REFUND_PENDING),
                    ("*", "refund.failure", REFUND_FAILED),
                    ("*", "refund.error", REFUND_FAILED),
                ],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("order_id")],
                operation: &[Body("id")],
                status: &[If("initiated_at", "dispute"), Body("type"), Body("status")],
                amount: Amount::First(&["amount"]),
                currency: Named::At(&["currency"]),
                rules: &[
                    ("*", "dispute.inquiry.needs_response", DISPUTE_WARNING),
                    ("*", "dispute.inquiry.under_review", DISPUTE_WARNING),
                    ("*", "dispute.inquiry.won", DISPUTE_WON),
                    // It never took money, and the refund is reported by itself.
                    ("*", "dispute.inquiry.charge_refunded", DISPUTE_WON),
                    ("*", "dispute.inquiry.accepted", DISPUTE_UPDATED),
                    ("*", "dispute.inquiry.lost", DISPUTE_UPDATED),
                    ("*", "dispute.chargeback.needs_response", DISPUTE_CHARGED),
                    ("*", "dispute.chargeback.under_review", DISPUTE_CHARGED),
                    ("*", "dispute.chargeback.charge_refunded", DISPUTE_UPDATED),
                    ("*", "dispute.chargeback.accepted", DISPUTE_LOST),
                    ("*", "dispute.chargeback.lost", DISPUTE_LOST),
                    ("*", "dispute.chargeback.won", DISPUTE_REINSTATED),
                ],
                ..Subject::NOTHING
            },
        ],
        object: &[Body("id")],
        ..Format::JSON
    }),
};

/// Of orders, refunds and disputes.
const TOPICS: &[&str] = &[
    "orders/create",
    "orders/updated",
    "orders/edited",
    "orders/paid",
    "orders/partially_fulfilled",
    "orders/fulfilled",
    "orders/cancelled",
    "refunds/create",
    "disputes/create",
    "disputes/update",
];

const EVENT_ID: &[At] = &[
    Header("x-shopify-event-id"),
    Header("shopify-event-id"),
    Header("x-shopify-webhook-id"),
    Header("shopify-webhook-id"),
];
