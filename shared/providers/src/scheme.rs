//! The vocabulary in which a provider's way of signing is written down. A [`Scheme`] is data; `verify`
//! interprets it. The rules that hold for every scheme are the interpreter's, not a row's:
//!
//! - an empty secret matches nothing, and a secret that does not fit the scheme's [`Key`] is passed over;
//! - a header that is read must occur once, unless the row says [`Repeat::AnyLine`];
//! - elements of a signature header that the row does not name are ignored, one that it names and that occurs
//!   twice is refused unless it is a signature;
//! - any of {active secrets} × {signatures} × {templates} may match; decoded bytes are compared in constant time;
//! - a timestamp is digits only.
//!
//! What is not here yet: RSA, X.509 certificates and JSON Web Tokens. They are new [`Algorithm`]s and a new
//! [`KeyEncoding`], not a new shape.

use serde::{Deserialize, Serialize};

/// What a genuine signature proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covers {
    /// Every byte of the body.
    Body,
    /// Each field that says which payment it is, what happened and how much. Other fields could be altered by
    /// somebody who has seen a genuine notification.
    Fields,
    /// That the sender knew the secret, but not all of what the notification says: it moves no money until the
    /// provider's API confirms it.
    None,
}

/// The schemes of a provider, tried in order.
#[expect(
    clippy::large_enum_variant,
    reason = "rows are statics, which can't hold boxes, and are never moved"
)]
#[derive(Debug)]
pub enum Schemes {
    /// Never empty.
    Signed { first: Scheme, more: &'static [Scheme] },
    /// The provider signs nothing: whoever knows the address can call it. What arrives is a hint to look at the
    /// provider's API and moves no money ([`Covers::None`]).
    Unsigned,
}

impl Schemes {
    pub const fn one(first: Scheme) -> Self {
        Self::Signed { first, more: &[] }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Scheme> {
        let (first, more) = match self {
            Self::Signed { first, more } => (Some(first), *more),
            Self::Unsigned => (None, &[][..]),
        };
        first.into_iter().chain(more)
    }
}

/// One way of signing.
#[derive(Debug)]
pub struct Scheme {
    /// For logs and documentation; unique within the provider.
    pub name: &'static str,
    pub covers: Covers,
    pub scope: Scope,
    pub algorithm: Algorithm,
    pub key: Key,
    pub signature: Signature,
    /// What is signed: alternatives, of which one must match. A template that refers to something absent is
    /// passed over.
    pub signed: &'static [Template],
    pub freshness: Option<Freshness>,
    /// All must hold before a signature counts.
    pub conditions: &'static [Condition],
    /// The headers worth keeping with the event, lower case, beside `content-type`: what relaying the original
    /// needs, and the ids and types that normalisation reads. Where the signature does not cover them, no fact
    /// may rest on them alone. Never one that carries the secret itself.
    pub keeps: &'static [&'static str],
}

/// What carries one signature.
#[derive(Debug, Clone, Copy)]
pub enum Scope {
    Request,
    /// Each element of a list in the JSON body, every one of which must verify: `list` names the list,
    /// `element` the object inside each element. An empty list is refused.
    EachItem {
        list: &'static str,
        element: &'static str,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// Only where the provider leaves no choice (PayU).
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

#[derive(Debug, Clone, Copy)]
pub enum Algorithm {
    Hmac(Hash),
    /// A plain hash over a template that contains the key ([`Part::Key`]).
    Digest(Hash),
    /// A plain hash that an element of the signature header names, of those allowed here.
    DigestNamedBy {
        pair: &'static str,
        allowed: &'static [(&'static str, Hash)],
    },
    Ed25519,
    /// The secret itself is sent. With prefix `Basic ` and base64 this is HTTP Basic, the secret being
    /// `user:password`.
    Token,
}

/// How the secret's text becomes a key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    pub prefix: KeyPrefix,
    pub encoding: KeyEncoding,
    /// The least length, in bytes of the decoded key, that we let a user configure.
    pub min_bytes: usize,
}

#[derive(Debug, Clone, Copy)]
pub enum KeyPrefix {
    None,
    /// Part of the key. Its absence shows that something else was pasted, so it is asked for when a secret is
    /// configured; verification does not look at it.
    Kept(&'static str),
    /// Cut off where present.
    Cut(&'static str),
    /// Cut off; a secret without it is not for this scheme.
    CutRequired(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub enum KeyEncoding {
    Utf8,
    Hex,
    Base64,
    /// The raw SHA-1 digest of the text (Braintree).
    Sha1OfUtf8,
}

/// Where a value is found.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    Header(&'static str),
    /// An element of the signature's own header, see [`Shape::Pairs`] and [`Shape::First`].
    Pair(&'static str),
    /// A path in the JSON body, or in the item where the scheme's scope is an item. Strings are decoded,
    /// numbers and truth values taken as they were written.
    Json(&'static [&'static str]),
    /// A field of a form-encoded body.
    Form(&'static str),
    /// A parameter of the URL's query.
    Query(&'static str),
    /// The same, in lower case (Mercado Pago).
    QueryLower(&'static str),
    /// The whole URL as the provider was given it.
    Url,
    /// A setting of the source.
    Setting(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub struct Signature {
    pub from: Place,
    pub repeat: Repeat,
    pub shape: Shape,
    pub prefix: SignaturePrefix,
    pub encoding: Encoding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    Refused,
    /// The header may occur several times, each line with signatures of its own.
    AnyLine,
}

/// How the signatures are laid out in the value.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// The value is one signature.
    One,
    /// `t=1,v1=ab,v1=cd`: elements between `list`, name and value split at the first `pair`. Those named
    /// `signature` are signatures, the others are for [`Place::Pair`].
    Pairs { list: char, pair: char, signature: &'static str },
    /// `1,ab,cd`: the first element is for [`Place::Pair`] under the name `first`, the others are signatures.
    First { list: char, first: &'static str },
    /// `key/hash/ab,key2/hash/cd`: elements with fields in a fixed order. `None` marks the signature's field,
    /// `Some` what the field must be.
    Fields { list: char, field: char, fields: &'static [Option<Want>] },
}

/// What a field must be.
#[derive(Debug, Clone, Copy)]
pub enum Want {
    Is(&'static str),
    Setting(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub enum SignaturePrefix {
    None,
    Required(&'static str),
    Optional(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub enum Encoding {
    HexLower,
    HexAnyCase,
    Base64,
    Base64OfHex,
    Text,
}

/// The signed text, part by part.
pub type Template = &'static [Part];

#[derive(Debug, Clone, Copy)]
pub enum Part {
    Text(&'static str),
    /// The raw bytes of the body.
    Body,
    /// SHA-256 of the body in lower-case hex.
    BodySha256,
    /// The key, for [`Algorithm::Digest`].
    Key,
    /// A value that must be there and not be empty.
    From(Place),
    /// A value that counts as empty when it is absent.
    OrEmpty(Place),
    /// Vanishes as a whole when a value in it is absent or empty.
    Maybe(&'static [Part]),
    /// The values of the headers that the pair names (separated by spaces), joined with `.` (Hook0).
    HeadersNamedBy(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub struct Freshness {
    pub from: Place,
    pub unit: Unit,
    /// How old a signature may be.
    pub past_s: u32,
    /// How far ahead of our clock it may be.
    pub future_s: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Milliseconds,
}

#[derive(Debug, Clone, Copy)]
pub enum Condition {
    /// The signature header has no such element: a weaker version must not rescue a failed stronger one.
    PairAbsent(&'static str),
    /// Both are there and equal.
    Equal(Place, Place),
    /// There, and not empty.
    Present(Place),
    /// Another scheme's header is not there, so that this one can't rescue what failed under it.
    HeaderAbsent(&'static str),
    BodyPresent,
}
