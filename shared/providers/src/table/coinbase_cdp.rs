//! Coinbase Developer Platform: payment links and checkouts
//! (<https://docs.cdp.coinbase.com/coinbase-business/checkout-apis/webhooks>). Signed as Hook0 does it. The payload is
//! the payment itself as it is now, without an id of the notification. What a refund's looks like is not documented, so
//! that it is not booked.

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
        key: &[&[Body("eventType"), Body("id"), Body("updatedAt")], &[BodySha256]],
        kind: &[&[Body("eventType")], &[Body("event_type")], &[Body("type")], &[Body("event")]],
        time: &[
            (Body("timestamp"), Clock::Rfc3339),
            (Body("updatedAt"), Clock::Rfc3339),
            (Body("createdAt"), Clock::Rfc3339),
        ],
        unit: AmountUnit::Major,
        // A token, with six decimals.
        exponents: &[("USDC", 6)],
        subjects: &[Subject {
            payment: &[Body("id"), Body("data.id")],
            amount: Amount::First(&["amount", "data.amount"]),
            currency: Named::At(&["currency", "data.currency"]),
            reference: &[
                Body("metadata.merchant_reference"),
                Body("metadata.order_id"),
                Body("metadata.orderId"),
            ],
            rules: &[
                ("payment_link.payment.success", "", Paid),
                ("payment_link.payment.failed", "", Failed),
                ("payment_link.payment.expired", "", Expired),
                ("checkout.payment.success", "", Paid),
                ("checkout.payment.failed", "", Failed),
                ("checkout.payment.expired", "", Expired),
                ("checkout.refund.success", "", Mention),
                ("checkout.refund.failed", "", Mention),
            ],
            ..Subject::NOTHING
        }],
        object: &[Body("id"), Body("data.id")],
        ..Format::JSON
    }),
};
