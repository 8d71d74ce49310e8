//! Coinbase Developer Platform, signed as Hook0 does it. Two products with events of different shapes:
//!
//! - Coinbase Business: checkouts and payment links. The payload is the payment itself as it is now, without an id of the
//!   notification, with what was refunded so far
//!   (<https://docs.cdp.coinbase.com/coinbase-business/checkout-apis/webhooks>).
//! - Payment Acceptance: sessions that are authorised, captured and refunded in steps with ids of their own
//!   (<https://docs.cdp.coinbase.com/webhooks/payment-acceptance/overview>,
//!   <https://docs.cdp.coinbase.com/webhooks/payment-acceptance/example-payloads>). Events of voids are reserved and not
//!   sent yet.
//!
//! Disbursements and mandates are not payments.

use super::prelude::*;

const HOOK0: Scheme = Scheme {
    name: "x-hook0-signature v1",
    signature: Signature {
        shape: Shape::Pairs { list: ',', pair: '=', signature: "v1" },
        ..in_header("x-hook0-signature", Encoding::HexAnyCase)
    },
    signed: &[&[
        Part::From(Place::Pair("t")),
        Part::Text("."),
        Part::From(Place::Pair("h")),
        Part::Text("."),
        Part::HeadersNamedBy("h"),
        Part::Text("."),
        Part::Body,
    ]],
    freshness: fresh(Place::Pair("t"), Unit::Seconds, 300, 300),
    keeps: &["x-hook0-signature"],
    ..hmac_of_body("x-hook0-signature", Hash::Sha256, Encoding::HexAnyCase)
};

pub(super) static COINBASE_CDP: Provider = Provider {
    id: "coinbase_cdp",
    name: "Coinbase Developer Platform",
    documentation: "https://docs.cdp.coinbase.com/webhooks/payment-acceptance/verification",
    experimental: false,
    schemes: Schemes::Signed {
        first: HOOK0,
        more: &[
            // Where it names no headers, their place stays empty.
            Scheme {
                name: "x-hook0-signature v1 without headers",
                signed: &[&[Part::From(Place::Pair("t")), Part::Text("..."), Part::Body]],
                conditions: &[Condition::PairAbsent("h")],
                ..HOOK0
            },
            // Of before. It must not rescue a `v1` that failed.
            Scheme {
                name: "x-hook0-signature v0",
                signature: Signature {
                    shape: Shape::Pairs { list: ',', pair: '=', signature: "v0" },
                    ..HOOK0.signature
                },
                signed: &[&[Part::From(Place::Pair("t")), Part::Text("."), Part::Body]],
                conditions: &[Condition::PairAbsent("v1")],
                ..HOOK0
            },
        ],
    },
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        event_id: &[Body("eventId")],
        key: &[&[Body("eventId")], &[Body("eventType"), Body("id"), Body("updatedAt")], &[BodySha256]],
        kind: &[&[Body("eventType")], &[Body("event_type")], &[Body("type")], &[Body("event")]],
        time: &[
            (Body("timestamp"), Clock::Rfc3339),
            (Body("updatedAt"), Clock::Rfc3339),
            (Body("createdAt"), Clock::Rfc3339),
        ],
        unit: AmountUnit::Major,
        // Tokens, with six decimals.
        exponents: &[("USDC", 6), ("EURC", 6)],
        subjects: &[
            Subject { rules: CHECKOUTS, ..CHECKOUT },
            // All that was refunded so far; `amount` is still the payment's.
            Subject {
                amount: Amount::First(&["refundedAmount"]),
                rules: &[("checkout.refund.success", "", RefundTotal)],
                ..CHECKOUT
            },
            Subject { rules: SESSIONS, ..SESSION },
            Subject {
                operation: &[Body("data.capture.captureId")],
                amount: Amount::First(&["data.capture.amount"]),
                rules: &[
                    ("acceptance.payment_session.capture_succeeded", "", Captured),
                    ("acceptance.payment_session.capture_failed", "", CaptureFailed),
                    ("acceptance.payment_session.capture_pending", "", Mention),
                ],
                ..SESSION
            },
            Subject {
                operation: &[Body("data.refund.refundId")],
                amount: Amount::First(&["data.refund.amount"]),
                rules: &[
                    ("acceptance.payment_session.refund_pending", "", REFUND_PENDING),
                    ("acceptance.payment_session.refund_succeeded", "", REFUNDED),
                    ("acceptance.payment_session.refund_failed", "", REFUND_FAILED),
                ],
                ..SESSION
            },
        ],
        object: &[Body("id"), Body("data.disbursementId"), Body("data.mandate.mandateId"), Body("data.id")],
        ..Format::JSON
    }),
};

const CHECKOUT: Subject = Subject {
    payment: &[Body("id"), Body("data.id")],
    amount: Amount::First(&["amount", "data.amount"]),
    currency: Named::At(&["currency", "data.currency"]),
    reference: &[Body("metadata.merchant_reference"), Body("metadata.order_id"), Body("metadata.orderId")],
    ..Subject::NOTHING
};

const CHECKOUTS: &[Rule] = &[
    ("payment_link.payment.success", "", Paid),
    ("payment_link.payment.failed", "", Failed),
    ("payment_link.payment.expired", "", Expired),
    ("checkout.payment.success", "", Paid),
    ("checkout.payment.failed", "", Failed),
    ("checkout.payment.expired", "", Expired),
    ("checkout.refund.failed", "", Mention),
];

const SESSION: Subject = Subject {
    payment: &[Body("data.paymentSession.paymentSessionId")],
    amount: Amount::First(&["data.paymentSession.amount"]),
    currency: Named::At(&["data.paymentSession.asset"]),
    reference: &[Body("data.paymentSession.externalReferenceId")],
    ..Subject::NOTHING
};

const SESSIONS: &[Rule] = &[
    ("acceptance.payment_session.created", "", Created),
    ("acceptance.payment_session.authorization_pending", "", Processing),
    ("acceptance.payment_session.authorization_succeeded", "", Authorized),
    ("acceptance.payment_session.authorization_failed", "", Failed),
    ("acceptance.payment_session.canceled", "", Canceled),
    ("acceptance.payment_session.void_succeeded", "", Canceled),
    ("acceptance.payment_session.void_pending", "", Mention),
    ("acceptance.payment_session.void_failed", "", Mention),
];
