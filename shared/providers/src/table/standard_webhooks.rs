//! Standard Webhooks from any sender.

use super::prelude::*;
use crate::normalise::standard_webhooks;

pub(super) static STANDARD_WEBHOOKS: Provider = Provider {
    id: "standard_webhooks",
    name: "Standard Webhooks",
    documentation: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
    experimental: false,
    // The kind of key decides the kind of signature, so that a public key can never be used as an HMAC secret
    // that everybody knows: `whsec_` verifies `v1`, `whpk_` verifies `v1a`, and nothing else.
    schemes: Schemes::Signed {
        first: WEBHOOK_V1,
        more: &[
            Scheme {
                name: "webhook-signature v1a",
                algorithm: Algorithm::Ed25519,
                key: ED25519_KEY,
                signature: Signature { shape: V1A, ..WEBHOOK_V1.signature },
                ..WEBHOOK_V1
            },
            SVIX_V1,
            Scheme {
                name: "svix-signature v1a",
                algorithm: Algorithm::Ed25519,
                key: ED25519_KEY,
                signature: Signature { shape: V1A, ..SVIX_V1.signature },
                ..SVIX_V1
            },
        ],
    },
    accepted: OK,
    settings: &[],
    normalise: Normalise::Code { run: standard_webhooks::notifications, expresses: EVERYTHING },
};

/// HMAC under the names of the specification.
pub(super) const WEBHOOK_V1: Scheme = Scheme {
    name: "webhook-signature v1",
    covers: Covers::Body,
    scope: Scope::Request,
    algorithm: Algorithm::Hmac(Hash::Sha256),
    key: Key { prefix: KeyPrefix::Cut("whsec_"), encoding: KeyEncoding::Base64, min_bytes: 16 },
    signature: Signature {
        from: Place::Header("webhook-signature"),
        repeat: Repeat::Refused,
        shape: Shape::Pairs { list: ' ', pair: ',', signature: "v1" },
        prefix: SignaturePrefix::None,
        encoding: Encoding::Base64,
    },
    signed: &[&[
        Part::From(Place::Header("webhook-id")),
        Part::Text("."),
        Part::From(Place::Header("webhook-timestamp")),
        Part::Text("."),
        Part::Body,
    ]],
    freshness: Some(Freshness {
        from: Place::Header("webhook-timestamp"),
        unit: Unit::Seconds,
        past_s: 300,
        future_s: 300,
    }),
    conditions: &[],
    keeps: &["webhook-id", "webhook-timestamp", "webhook-signature"],
};

const V1A: Shape = Shape::Pairs { list: ' ', pair: ',', signature: "v1a" };

const ED25519_KEY: Key =
    Key { prefix: KeyPrefix::CutRequired("whpk_"), encoding: KeyEncoding::Base64, min_bytes: 32 };

/// The same under Svix's own header names.
const SVIX_V1: Scheme = Scheme {
    name: "svix-signature v1",
    signature: Signature { from: Place::Header("svix-signature"), ..WEBHOOK_V1.signature },
    signed: &[&[
        Part::From(Place::Header("svix-id")),
        Part::Text("."),
        Part::From(Place::Header("svix-timestamp")),
        Part::Text("."),
        Part::Body,
    ]],
    freshness: Some(Freshness {
        from: Place::Header("svix-timestamp"),
        unit: Unit::Seconds,
        past_s: 300,
        future_s: 300,
    }),
    keeps: &["svix-id", "svix-timestamp", "svix-signature"],
    ..WEBHOOK_V1
};
