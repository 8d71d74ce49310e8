//! The words of the rows, and the shapes that many of them share.

pub(super) use crate::normalise::format::{
    Amount, AmountUnit, At, At::*, Clock, DISPUTE_CHARGED, DISPUTE_LOST, DISPUTE_OPEN, DISPUTE_REINSTATED,
    DISPUTE_UPDATED, DISPUTE_WARNING, DISPUTE_WON, Format, Meaning::*, Named, REFUND_FAILED, REFUND_PENDING,
    REFUND_REVERSED, REFUNDED, Rule, Subject,
};
pub(super) use crate::normalise::{Expressed, Expresses, Normalise};
pub(super) use crate::provider::{Accepted, EXPERIMENTAL, Provider, Setting, SettingValues};
pub(super) use crate::scheme::{
    Algorithm, Challenge, Coded, Condition, Covers, Encoding, Freshness, Hash, Key, KeyEncoding, KeyPrefix,
    Part, Place, PublicKey, Repeat, RsaHash, Scheme, Schemes, Scope, Shape, Signature, SignaturePrefix, Unit,
    Want,
};

/// Of a provider that signs with a key of its own, which this release has.
pub(super) const ENVIRONMENT: Setting = Setting {
    name: "environment",
    description: "Whose key signs. `custom`: the key of `public_key_pem`, should the provider replace its own.",
    required: false,
    values: SettingValues::OneOf(&["production", "sandbox", "custom"]),
};
pub(super) const CUSTOM_KEY: Setting = Setting {
    name: "public_key_pem",
    description: "The public key in PEM, for the environment `custom`.",
    required: false,
    values: SettingValues::PublicKeyPem,
};

/// What most providers want to hear: any 2xx, whose body they ignore.
pub(super) const OK: Accepted = Accepted { status: 200, content_type: "text/plain; charset=utf-8", body: "" };

pub(super) const EVERYTHING: Expresses = Expresses {
    authorization: Expressed::WithAmount,
    capture: Expressed::WithAmount,
    void: Expressed::WithAmount,
    refund: Expressed::WithAmount,
    dispute: Expressed::WithAmount,
};

/// A secret that is used as it reads.
pub(super) const TEXT_KEY: Key = Key { prefix: KeyPrefix::None, encoding: KeyEncoding::Utf8, min_bytes: 8 };

/// One signature, which is all that the header holds.
pub(super) const fn in_header(header: &'static str, encoding: Encoding) -> Signature<'static> {
    Signature {
        from: Place::Header(header),
        repeat: Repeat::Refused,
        shape: Shape::One,
        prefix: SignaturePrefix::None,
        encoding,
    }
}

/// HMAC over the raw body, keyed with the secret as it reads, in a header of its own: what most providers do.
pub(super) const fn hmac_of_body(header: &'static str, hash: Hash, encoding: Encoding) -> Scheme<'static> {
    Scheme {
        name: header,
        covers: Covers::Body,
        scope: Scope::Request,
        algorithm: Algorithm::Hmac(hash),
        key: TEXT_KEY,
        signature: in_header(header, encoding),
        signed: &[&[Part::Body]],
        freshness: None,
        conditions: &[],
        keeps: &[],
    }
}

/// The secret itself in a header. It proves the sender, and nothing of the body.
pub(super) const fn token(header: &'static str) -> Scheme<'static> {
    Scheme {
        covers: Covers::None,
        algorithm: Algorithm::Token,
        signed: &[],
        ..hmac_of_body(header, Hash::Sha256, Encoding::Text)
    }
}

/// At most this many seconds old or ahead, by seconds in the signature's header.
pub(super) const fn fresh(from: Place, unit: Unit, past_s: u32, future_s: u32) -> Option<Freshness> {
    Some(Freshness { from, unit, past_s, future_s })
}
