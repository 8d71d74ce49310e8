//! The providers. One row each; see [`crate::scheme`] for the words.
//!
//! To add one: write its row here and its normalisation under `normalise/`, put its golden vectors into
//! `tests/vectors/` and a sample of each kind of payload into `tests/vectors/samples/`. Both are picked up.

use crate::normalise;
use crate::provider::{Accepted, Provider, Setting, SettingValues};
use crate::scheme::{
    Algorithm, Covers, Encoding, Freshness, Hash, Key, KeyEncoding, KeyPrefix, Part, Place, Repeat, Scheme,
    Schemes, Scope, Shape, Signature, SignaturePrefix, Unit,
};

pub(crate) const PROVIDERS: &[&Provider] = &[&STRIPE, &ADYEN, &STANDARD_WEBHOOKS];

/// What most providers want to hear: any 2xx, whose body they ignore.
const OK: Accepted = Accepted { status: 200, content_type: "text/plain; charset=utf-8", body: "" };

static STRIPE: Provider = Provider {
    id: "stripe",
    name: "Stripe",
    documentation: "https://docs.stripe.com/webhooks/signature",
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
    normalise: normalise::stripe::notifications,
};

static ADYEN: Provider = Provider {
    id: "adyen",
    name: "Adyen (standard notifications)",
    documentation: "https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures",
    schemes: Schemes::one(Scheme {
        name: "hmacSignature",
        // Reason, payment method, event date and the rest of `additionalData` are not signed.
        covers: Covers::Fields,
        scope: Scope::EachItem { list: "notificationItems", element: "NotificationRequestItem" },
        algorithm: Algorithm::Hmac(Hash::Sha256),
        key: Key { prefix: KeyPrefix::None, encoding: KeyEncoding::Hex, min_bytes: 32 },
        signature: Signature {
            from: Place::Json(&["additionalData", "hmacSignature"]),
            repeat: Repeat::Refused,
            shape: Shape::One,
            prefix: SignaturePrefix::None,
            encoding: Encoding::Base64,
        },
        // Joined with `:` without escaping: what is absent counts as empty.
        signed: &[&[
            Part::OrEmpty(Place::Json(&["pspReference"])),
            Part::Text(":"),
            Part::OrEmpty(Place::Json(&["originalReference"])),
            Part::Text(":"),
            Part::OrEmpty(Place::Json(&["merchantAccountCode"])),
            Part::Text(":"),
            Part::OrEmpty(Place::Json(&["merchantReference"])),
            Part::Text(":"),
            Part::OrEmpty(Place::Json(&["amount", "value"])),
            Part::Text(":"),
            Part::OrEmpty(Place::Json(&["amount", "currency"])),
            Part::Text(":"),
            Part::OrEmpty(Place::Json(&["eventCode"])),
            Part::Text(":"),
            Part::OrEmpty(Place::Json(&["success"])),
        ]],
        freshness: None,
        conditions: &[],
        keeps: &[],
    }),
    accepted: Accepted { status: 200, content_type: "text/plain; charset=utf-8", body: "[accepted]" },
    settings: &[Setting {
        name: "capture",
        description: "How the merchant account captures. With `automatic` Adyen sends no CAPTURE, so that a \
                      successful AUTHORISATION counts as the capture too.",
        required: false,
        values: SettingValues::OneOf(&["manual", "automatic"]),
    }],
    normalise: normalise::adyen::notifications,
};

static STANDARD_WEBHOOKS: Provider = Provider {
    id: "standard_webhooks",
    name: "Standard Webhooks",
    documentation: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
    // The kind of key decides the kind of signature, so that a public key can never be used as an HMAC secret
    // that everybody knows: `whsec_` verifies `v1`, `whpk_` verifies `v1a`, and nothing else.
    schemes: Schemes {
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
    normalise: normalise::standard_webhooks::notifications,
};

const WEBHOOK_V1: Scheme = Scheme {
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
