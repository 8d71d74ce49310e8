//! Airwallex: payment intents, their attempts, refunds and disputes. Amounts are decimals.
//!
//! Read: <https://www.airwallex.com/docs/payments/reference/payments-webhooks>,
//! <https://www.airwallex.com/docs/developer-tools/webhooks/listen-for-webhook-events>, the payload examples for online
//! payments, the guide to disputes (<https://airwallex.com/docs/payments__disputes__handle-disputes-using-our-apis>).
//!
//! - An intent may take several attempts: one that failed leaves it open for the next.
//! - An intent has succeeded as soon as its capture is requested. A capture that then fails takes that back.
//! - Not confirmed: when the money of a dispute is taken; only that it is lost, or won.

use super::prelude::*;

pub(super) static AIRWALLEX: Provider = Provider {
    id: "airwallex",
    name: "Airwallex",
    documentation: "https://www.airwallex.com/docs/developer-tools/webhooks/listen-for-webhook-events",
    experimental: false,
    schemes: Schemes::one(Scheme {
        signed: &[&[Part::From(Place::Header("x-timestamp")), Part::Body]],
        freshness: fresh(Place::Header("x-timestamp"), Unit::Milliseconds, 300, 300),
        keeps: &["x-timestamp", "x-signature"],
        ..hmac_of_body("x-signature", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        event_id: &[Body("id")],
        key: &[&[Body("id")]],
        kind: &[&[Body("name")]],
        // Named differently in different versions of the API.
        time: &[(Body("created_at"), Clock::Rfc3339), (Body("createdAt"), Clock::Rfc3339)],
        unit: AmountUnit::Major,
        subjects: &[
            // Captures are reported as what was captured so far, beside the amount of the intent.
            Subject {
                amount: Amount::First(&["data.object.captured_amount", "data.object.amount"]),
                requested: Amount::First(&["data.object.amount"]),
                rules: &[("payment_intent.succeeded", "", Captured)],
                ..INTENT
            },
            INTENT,
            Subject {
                payment: &[Body("data.object.payment_intent_id")],
                object: &[Body("data.object.id")],
                rules: ATTEMPTS,
                ..INTENT
            },
            Subject {
                payment: &[Body("data.object.payment_intent_id")],
                operation: &[Body("data.object.id")],
                rules: REFUNDS_AND_DISPUTES,
                ..INTENT
            },
        ],
        object: &[Body("data.object.id")],
        ..Format::JSON
    }),
};

const INTENT: Subject = Subject {
    payment: &[Body("data.object.id")],
    amount: Amount::First(&["data.object.amount"]),
    currency: Named::At(&["data.object.currency"]),
    reference: &[Body("data.object.merchant_order_id")],
    rules: &[
        ("payment_intent.created", "", Created),
        ("payment_intent.requires_payment_method", "", Created),
        ("payment_intent.requires_customer_action", "", RequiresAction),
        ("payment_intent.pending", "", Processing),
        // Authorised, but under review for fraud.
        ("payment_intent.pending_review", "", Processing),
        ("payment_intent.requires_capture", "", Authorized),
        ("payment_intent.payment_failed", "", Failed),
        ("payment_intent.cancelled", "", Canceled),
        ("payment_intent.updated", "", Mention),
    ],
    ..Subject::NOTHING
};

const ATTEMPTS: &[Rule] = &[
    ("payment_attempt.received", "", Processing),
    ("payment_attempt.authentication_redirected", "", RequiresAction),
    ("payment_attempt.pending_authorization", "", Processing),
    ("payment_attempt.authorized", "", Authorized),
    ("payment_attempt.authentication_failed", "", Failed),
    ("payment_attempt.authorization_failed", "", Failed),
    ("payment_attempt.risk_declined", "", Failed),
    ("payment_attempt.failed_to_process", "", Failed),
    ("payment_attempt.expired", "", Failed),
    ("payment_attempt.capture_failed", "", CaptureReversed),
    // The intent itself tells these.
    ("payment_attempt.capture_requested", "", Mention),
    ("payment_attempt.cancelled", "", Mention),
    // Settled with Airwallex, paid out to the merchant.
    ("payment_attempt.settled", "", Mention),
    ("payment_attempt.paid", "", Mention),
];

const REFUNDS_AND_DISPUTES: &[Rule] = &[
    ("refund.received", "", REFUND_PENDING),
    ("refund.accepted", "", REFUND_PENDING),
    ("refund.processing", "", REFUND_PENDING),
    ("refund.settled", "", REFUNDED),
    ("refund.succeeded", "", REFUNDED),
    ("refund.failed", "", REFUND_FAILED),
    ("payment_dispute.requires_response", "", DISPUTE_OPEN),
    ("payment_dispute.challenged", "", DISPUTE_UPDATED),
    ("payment_dispute.pending_decision", "", DISPUTE_UPDATED),
    ("payment_dispute.pending_closure", "", DISPUTE_UPDATED),
    ("payment_dispute.accepted", "", DISPUTE_LOST),
    ("payment_dispute.expired", "", DISPUTE_LOST),
    ("payment_dispute.lost", "", DISPUTE_LOST),
    ("payment_dispute.won", "", DISPUTE_WON),
    // The payer's bank withdrew it.
    ("payment_dispute.reversed", "", DISPUTE_WON),
];
