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
//! The rows of the table are `Scheme<'static>`; one that a user configures borrows from the source's settings.

use crate::verify::Verdict;
use crate::{Evidence, Rejection, Request, Settings};
use jiff::Timestamp;
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
#[derive(Debug)]
pub enum Schemes {
    /// Never empty.
    Signed { first: Scheme<'static>, more: &'static [Scheme<'static>] },
    /// As signed by one scheme; the provider also asks whether the address is ours.
    Challenging { scheme: Scheme<'static>, challenge: Challenge },
    /// By a way of signing that is no shape of data.
    Coded(Coded),
    /// The provider signs nothing: whoever knows the address can call it. What arrives is a hint to look at the
    /// provider's API and moves no money ([`Covers::None`]).
    Unsigned,
    /// One scheme, which the source's settings describe.
    Configured,
}

impl Schemes {
    pub const fn one(first: Scheme<'static>) -> Self {
        Self::Signed { first, more: &[] }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Scheme<'static>> {
        let (first, more) = match self {
            Self::Signed { first, more } => (Some(first), *more),
            Self::Challenging { scheme, .. } => (Some(scheme), &[][..]),
            Self::Coded(_) | Self::Unsigned | Self::Configured => (None, &[][..]),
        };
        first.into_iter().chain(more)
    }
}

/// A GET that wants to hear who we are: `public key|HMAC-SHA1 of the challenge` (Braintree).
#[derive(Debug)]
pub struct Challenge {
    /// The parameter of the query that holds it: lower-case hex.
    pub query: &'static str,
    /// How many characters it may have.
    pub length: std::ops::RangeInclusive<usize>,
    /// The setting with the public key.
    pub public_key: &'static str,
}

/// A way of signing that code decides. It takes no secret: what it needs are settings and fetched evidence.
#[derive(Debug)]
pub struct Coded {
    /// As in a [`Scheme`].
    pub name: &'static str,
    pub covers: Covers,
    pub keeps: &'static [&'static str],
    pub(crate) verify: Procedure,
}

pub(crate) type Procedure =
    fn(&Request<'_>, &Settings, &Evidence<'_>, Timestamp) -> Result<Verdict, Rejection>;

/// One way of signing.
#[derive(Debug)]
pub struct Scheme<'a> {
    /// For logs and documentation; unique within the provider.
    pub name: &'a str,
    pub covers: Covers,
    pub scope: Scope<'a>,
    pub algorithm: Algorithm<'a>,
    pub key: Key<'a>,
    pub signature: Signature<'a>,
    /// What is signed: alternatives, of which one must match. A template that refers to something absent is
    /// passed over.
    pub signed: &'a [Template<'a>],
    pub freshness: Option<Freshness<'a>>,
    /// All must hold before a signature counts.
    pub conditions: &'a [Condition<'a>],
    /// The headers worth keeping with the event, lower case, beside `content-type`: what relaying the original
    /// needs, and the ids and types that normalisation reads. Where the signature does not cover them, no fact
    /// may rest on them alone. Never one that carries the secret itself.
    pub keeps: &'a [&'a str],
}

/// What carries one signature.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    Request,
    /// Each element of a list in the JSON body, every one of which must verify: `list` names the list,
    /// `element` the object inside each element. An empty list is refused.
    EachItem {
        list: &'a str,
        element: &'a str,
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
pub enum Algorithm<'a> {
    Hmac(Hash),
    /// A plain hash over a template that contains the key ([`Part::Key`]).
    Digest(Hash),
    /// A plain hash that an element of the signature header names, of those allowed here.
    DigestNamedBy {
        pair: &'a str,
        allowed: &'a [(&'a str, Hash)],
    },
    Ed25519,
    /// RSA (PKCS#1 v1.5) under the provider's public key. Takes no secret; the row's [`Key`] counts for nothing.
    Rsa {
        hash: RsaHash,
        key: PublicKey<'a>,
    },
    /// The secret itself is sent. With prefix `Basic ` and base64 this is HTTP Basic, the secret being
    /// `user:password`.
    Token,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RsaHash {
    /// Only where the provider leaves no choice (Paddle Classic).
    Sha1,
    Sha256,
}

/// Where a public key is taken from: PEM, `-----BEGIN PUBLIC KEY-----`.
#[derive(Debug, Clone, Copy)]
pub enum PublicKey<'a> {
    Setting(&'a str),
    /// The provider has fixed keys, among which a setting chooses.
    Fixed {
        by: &'a str,
        /// By the setting's value; the first is what an absent setting means. One of 1024 bits is taken only from here,
        /// where the provider leaves no choice (Woovi).
        keys: &'a [(&'a str, &'a str)],
        /// The value under which the key is another setting's, and that setting.
        custom: (&'a str, &'a str),
    },
}

/// How the secret's text becomes a key.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    pub prefix: KeyPrefix<'a>,
    pub encoding: KeyEncoding,
    /// The least length that we let a user configure: in bytes of the decoded key, or of the text where only its
    /// hash is the key.
    pub min_bytes: usize,
}

#[derive(Debug, Clone, Copy)]
pub enum KeyPrefix<'a> {
    None,
    /// Part of the key. Its absence shows that something else was pasted, so it is asked for when a secret is
    /// configured; verification does not look at it.
    Kept(&'a str),
    /// Cut off where present.
    Cut(&'a str),
    /// Cut off; a secret without it is not for this scheme.
    CutRequired(&'a str),
}

#[derive(Debug, Clone, Copy)]
pub enum KeyEncoding {
    Utf8,
    Hex,
    Base64,
    /// The text as it is, like [`KeyEncoding::Utf8`]; the provider gives out nothing but hex digits (Authorize.Net).
    HexText,
    /// The raw SHA-1 digest of the text (Braintree).
    Sha1OfUtf8,
}

/// Where a value is found.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    Header(&'a str),
    /// An element of the signature's own header, see [`Shape::Pairs`] and [`Shape::First`].
    Pair(&'a str),
    /// A path in the JSON body, or in the item where the scheme's scope is an item. Strings are decoded,
    /// numbers and truth values taken as they were written.
    Json(&'a [&'a str]),
    /// A field of a form-encoded body.
    Form(&'a str),
    /// A parameter of the URL's query.
    Query(&'a str),
    /// The same, in lower case (Mercado Pago).
    QueryLower(&'a str),
    /// The whole URL as the provider was given it.
    Url,
    /// The URL's path, without the query.
    Path,
    /// A setting of the source.
    Setting(&'a str),
}

#[derive(Debug, Clone, Copy)]
pub struct Signature<'a> {
    pub from: Place<'a>,
    pub repeat: Repeat,
    pub shape: Shape<'a>,
    pub prefix: SignaturePrefix<'a>,
    pub encoding: Encoding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    Refused,
    /// The header may occur several times, each line with signatures of its own. API Gateway joins lines with commas
    /// (payload format 2.0), which therefore separates them as well.
    AnyLine,
}

/// How the signatures are laid out in the value.
#[derive(Debug, Clone, Copy)]
pub enum Shape<'a> {
    /// The value is one signature.
    One,
    /// `t=1,v1=ab,v1=cd`: elements between `list`, name and value split at the first `pair`. Those named
    /// `signature` are signatures, the others are for [`Place::Pair`].
    Pairs { list: char, pair: char, signature: &'a str },
    /// `1,ab,cd`: the first element is for [`Place::Pair`] under the name `first`, the others are signatures.
    First { list: char, first: &'a str },
    /// `key/hash/ab,key2/hash/cd`: elements with fields in a fixed order. `None` marks the signature's field,
    /// `Some` what the field must be.
    Fields { list: char, field: char, fields: &'a [Option<Want<'a>>] },
}

/// What a field must be.
#[derive(Debug, Clone, Copy)]
pub enum Want<'a> {
    Is(&'a str),
    Setting(&'a str),
}

#[derive(Debug, Clone, Copy)]
pub enum SignaturePrefix<'a> {
    None,
    Required(&'a str),
    Optional(&'a str),
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
pub type Template<'a> = &'a [Part<'a>];

#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    Text(&'a str),
    /// The raw bytes of the body.
    Body,
    /// SHA-256 of the body in lower-case hex.
    BodySha256,
    /// SHA-256, in lower-case hex, of the JSON body without white space between its tokens.
    MinifiedSha256,
    /// PHP's `serialize` of all fields of a form-encoded body but this one, sorted by name (Paddle Classic).
    PhpForm {
        without: &'a str,
    },
    /// The key, for [`Algorithm::Digest`].
    Key,
    /// A value that must be there and not be empty.
    From(Place<'a>),
    /// A value that counts as empty when it is absent.
    OrEmpty(Place<'a>),
    /// Vanishes as a whole when a value in it is absent or empty.
    Maybe(&'a [Part<'a>]),
    /// The values of the headers that the pair names (separated by spaces), joined with `.` (Hook0).
    HeadersNamedBy(&'a str),
}

#[derive(Debug, Clone, Copy)]
pub struct Freshness<'a> {
    pub from: Place<'a>,
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
pub enum Condition<'a> {
    /// The signature header has no such element: a weaker version must not rescue a failed stronger one.
    PairAbsent(&'a str),
    /// Both are there and equal.
    Equal(Place<'a>, Place<'a>),
    /// Where the source has this setting, the value is there and equal to it: providers that sign for all of their
    /// customers under one key say in the body for whom.
    EqualIfSet(Place<'a>, &'a str),
    /// Absent, or without this character: it joins the values that are signed, so that a value with it in it could be
    /// read as two.
    Without(char, Place<'a>),
    /// There, and not empty.
    Present(Place<'a>),
    /// Not there. Where another scheme wants the value to be a certain one, a wrong value must not pass for none.
    Absent(Place<'a>),
    /// Another scheme's header is not there, so that this one can't rescue what failed under it.
    HeaderAbsent(&'a str),
    BodyPresent,
    /// Nothing but base64's letters and line feeds: what a decoder passes over must not be signed unseen.
    Base64Lines(Place<'a>),
}
