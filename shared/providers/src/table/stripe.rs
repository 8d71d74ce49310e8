//! Stripe. Normalised by code: what a payment is depends on the API that was used. The types that it reads are all
//! those of payments, charges, refunds and disputes that Stripe's Python SDK lists (`stripe` 16.1.0).

use super::prelude::*;
use crate::normalise::stripe;

pub(super) static STRIPE: Provider = Provider {
    id: "stripe",
    name: "Stripe",
    documentation: "https://docs.stripe.com/webhooks/signature",
    experimental: false,
    schemes: Schemes::one(Scheme {
        name: "stripe-signature v1",
        covers: Covers::Body,
        scope: Scope::Request,
        algorithm: Algorithm::Hmac(Hash::Sha256),
        // The prefix belongs to the key, and what follows it is not base64.
        key: Key { prefix: KeyPrefix::Kept("whsec_"), encoding: KeyEncoding::Utf8, min_bytes: 16 },
        signature: Signature {
            from: Place::Header("stripe-signature"),
            repeat: Repeat::Refused,
            // `v0` is the scheme of Stripe's test fixtures; it must not be accepted.
            shape: Shape::Pairs { list: ',', pair: '=', signature: "v1" },
            prefix: SignaturePrefix::None,
            encoding: Encoding::HexLower,
        },
        signed: &[&[Part::From(Place::Pair("t")), Part::Text("."), Part::Body]],
        // Stripe's SDKs accept any time in the future; we hold it to the same five minutes as the past.
        freshness: Some(Freshness {
            from: Place::Pair("t"),
            unit: Unit::Seconds,
            past_s: 300,
            future_s: 300,
        }),
        conditions: &[],
        keeps: &["stripe-signature"],
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Code { run: stripe::notifications, expresses: EVERYTHING },
};
