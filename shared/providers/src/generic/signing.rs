//! How a user's provider signs.

use super::layout::Layout;
use super::reading;
use super::words::{self, Given, Reason, Token};
use crate::normalise::format::Meaning;
use crate::provider::{InvalidSetting, Settings};
use crate::scheme::{
    Algorithm, Covers, Encoding, Freshness, Hash, Key, KeyEncoding, KeyPrefix, Part, Place, Repeat, Scheme,
    Scope, Shape, Signature, SignaturePrefix, Template, Unit,
};

/// Keys, tokens and passwords shorter than this can be guessed.
const MIN_KEY_BYTES: usize = 8;
/// A week: some providers repeat a notification for days with the signature of its first time.
const MAX_TOLERANCE_S: u32 = 7 * 24 * 60 * 60;

const UNKNOWN_WORD: &str = "has a word that is none of `{body}`, `{body_sha256}`, `{timestamp}`, `{url}`, `{key}`, \
                            `{header:NAME}`, `{query:NAME}` and `{form:NAME}`";

/// Settings that say something about a hash.
const OF_HASHES: &[&str] =
    &["encoding", "key_encoding", "key_prefix", "signed", "timestamp", "timestamp_unit", "tolerance_seconds"];

/// What the settings say of signing, still to be laid out as a [`Scheme`].
pub(super) struct Signing<'a> {
    /// The word that the user wrote for it.
    name: &'a str,
    algorithm: Algorithm<'a>,
    key: Key<'a>,
    signature: Signature<'a>,
    /// Empty where the secret itself is sent.
    template: Vec<Part<'a>>,
    freshness: Option<Freshness<'a>>,
    /// Headers to keep.
    keeps: Vec<&'a str>,
    /// Whoever has a genuine request could give it another meaning, although its body is signed.
    leaves_open: bool,
}

impl<'a> Signing<'a> {
    /// # Errors
    /// All that is wrong with the settings of this part.
    pub(super) fn of(settings: &'a Settings) -> Result<Self, Vec<InvalidSetting>> {
        let mut given = Given::new(settings);
        let signing = match given.required("algorithm") {
            Some("hmac-sha256") => Self::hmac("hmac-sha256", Hash::Sha256, &mut given),
            Some("hmac-sha512") => Self::hmac("hmac-sha512", Hash::Sha512, &mut given),
            Some("hmac-sha1") => Self::hmac("hmac-sha1", Hash::Sha1, &mut given),
            Some("token") => Self::token(&mut given),
            Some("basic") => Self::basic(&mut given),
            Some(_) => {
                given.refuse("algorithm", "is none of those that we know");
                None
            }
            None => None,
        };
        match signing {
            Some(mut signing) if given.refused.is_empty() => {
                signing.keeps.extend(headers_read(&given).map(|(_, header)| header));
                signing.leaves_open = signing.leaves_type_open(&given) || signing.can_be_divided(&given);
                Ok(signing)
            }
            _ => Err(given.refused),
        }
    }

    fn hmac(name: &'static str, hash: Hash, given: &mut Given<'a>) -> Option<Self> {
        let place = given.required("signature").and_then(|_| given.parsed("signature", words::place));
        let layout =
            if given.has("layout") { given.parsed("layout", Layout::parse) } else { Some(Layout::BARE) };
        let encoding = given.required("encoding").and_then(|_| {
            given.one_of(
                "encoding",
                &[
                    ("hex", Encoding::HexLower),
                    ("hex-any-case", Encoding::HexAnyCase),
                    ("base64", Encoding::Base64),
                    ("base64-of-hex", Encoding::Base64OfHex),
                ],
            )
        });
        let key = Self::key(given);
        let timestamp = Self::timestamp(layout.and_then(|layout| layout.timestamp), given);
        let template = given
            .required("signed")
            .and_then(|_| given.parsed("signed", |text| template(text, place, timestamp)));
        let freshness = Self::freshness(timestamp, template.as_deref(), given);
        let layout = layout?;
        let signature = Signature {
            from: place?,
            repeat: Repeat::Refused,
            shape: layout.shape,
            prefix: layout.prefix,
            encoding: encoding?,
        };
        let template = template?;
        let referred = template.iter().filter_map(|part| match part {
            Part::From(Place::Header(name)) => Some(*name),
            _ => None,
        });
        let mut keeps: Vec<&'a str> = referred.collect();
        if let Place::Header(name) = signature.from {
            keeps.push(name);
        }
        Some(Self {
            name,
            algorithm: Algorithm::Hmac(hash),
            key: key?,
            signature,
            template,
            freshness,
            keeps,
            leaves_open: false,
        })
    }

    /// The secret itself, in a header or in the query. Not in the body, which is kept and relayed.
    fn token(given: &mut Given<'a>) -> Option<Self> {
        given.forbid(OF_HASHES, "is of no use: a token is sent as it is, and signs nothing");
        let place = given.required("signature").and_then(|_| given.parsed("signature", words::place));
        let layout =
            if given.has("layout") { given.parsed("layout", Layout::parse) } else { Some(Layout::BARE) };
        if let Some(Place::Form(_)) = place {
            given.refuse("signature", "is in the body, with which the token would be kept and relayed");
        }
        if layout.is_some_and(|layout| !matches!(layout.shape, Shape::One)) {
            given.refuse("layout", "is more than a token behind a fixed text");
        }
        let place = place?;
        let read: Vec<_> =
            headers_read(given).filter(|(_, header)| same(Place::Header(header), place)).collect();
        for (name, _) in read {
            given.refuse(name, "names the token's header, which would be kept with the event");
        }
        Some(Self::secret_itself("token", place, layout?.prefix, Encoding::Text))
    }

    /// RFC 7617.
    fn basic(given: &mut Given<'a>) -> Option<Self> {
        given.forbid(OF_HASHES, "is of no use: HTTP Basic signs nothing");
        given.forbid(&["signature", "layout"], "is of no use: HTTP Basic is always in `authorization`");
        let prefix = SignaturePrefix::Required("Basic ");
        Some(Self::secret_itself("basic", Place::Header("authorization"), prefix, Encoding::Base64))
    }

    fn secret_itself(
        name: &'static str,
        from: Place<'a>,
        prefix: SignaturePrefix<'a>,
        encoding: Encoding,
    ) -> Self {
        Self {
            name,
            algorithm: Algorithm::Token,
            key: Key { prefix: KeyPrefix::None, encoding: KeyEncoding::Utf8, min_bytes: MIN_KEY_BYTES },
            signature: Signature { from, repeat: Repeat::Refused, shape: Shape::One, prefix, encoding },
            template: Vec::new(),
            freshness: None,
            keeps: Vec::new(),
            leaves_open: false,
        }
    }

    fn key(given: &mut Given<'a>) -> Option<Key<'a>> {
        let words = [("utf8", KeyEncoding::Utf8), ("hex", KeyEncoding::Hex), ("base64", KeyEncoding::Base64)];
        let encoding = given.one_of("key_encoding", &words)?;
        let prefix = given.get("key_prefix").map_or(KeyPrefix::None, KeyPrefix::Cut);
        Some(Key { prefix, encoding, min_bytes: MIN_KEY_BYTES })
    }

    /// Where the timestamp is: in the layout, or in a place of its own.
    fn timestamp(in_layout: Option<Place<'a>>, given: &mut Given<'a>) -> Option<Place<'a>> {
        if in_layout.is_some() {
            given.forbid(&["timestamp"], "is of no use: the layout has the timestamp");
            return in_layout;
        }
        given.parsed("timestamp", words::kept_place)
    }

    /// A tolerance without a timestamp judges nothing, a timestamp that is not signed can be any.
    fn freshness(
        timestamp: Option<Place<'a>>,
        template: Option<&[Part<'a>]>,
        given: &mut Given<'a>,
    ) -> Option<Freshness<'a>> {
        let unit = given
            .one_of("timestamp_unit", &[("seconds", Unit::Seconds), ("milliseconds", Unit::Milliseconds)]);
        let Some(from) = timestamp else {
            if !given.has("timestamp") {
                given.forbid(
                    &["tolerance_seconds", "timestamp_unit"],
                    "needs a timestamp: in `timestamp`, or as `{timestamp}` in `layout`",
                );
            }
            return None;
        };
        if template.is_some_and(|template| !signs(template, from)) {
            let name = if given.has("timestamp") { "timestamp" } else { "layout" };
            given.refuse(name, "has a timestamp that is not signed: add `{timestamp}` to `signed`");
        }
        given.required("tolerance_seconds")?;
        let tolerance_s = given.parsed("tolerance_seconds", tolerance)?;
        Some(Freshness { from, unit: unit?, past_s: tolerance_s, future_s: tolerance_s })
    }

    /// A scheme borrows its lists, so that it lives no longer than a call.
    pub(super) fn with_scheme<T>(&self, run: impl FnOnce(&Scheme<'_>) -> T) -> T {
        let templates: [Template<'_>; 1] = [&self.template];
        run(&Scheme {
            name: self.name,
            covers: self.covers(),
            scope: Scope::Request,
            algorithm: self.algorithm,
            key: self.key,
            signature: self.signature,
            signed: if self.template.is_empty() { &[] } else { &templates },
            freshness: self.freshness,
            conditions: &[],
            keeps: &self.keeps,
        })
    }

    /// Whether the signature covers this header.
    pub(super) fn signs(&self, header: &str) -> bool {
        signs(&self.template, Place::Header(header))
    }

    /// A header that is not signed says what a notification means.
    fn leaves_type_open(&self, given: &Given<'_>) -> bool {
        let mut unsigned = headers_read(given)
            .filter(|(name, header)| *name == "type" && !signs(&self.template, Place::Header(header)));
        means_by_type(given) && unsigned.next().is_some()
    }

    /// A form whose first or last fields could go into what is signed beside it, for the same signed text, still is a
    /// form. JSON without its beginning or end is no JSON, a timestamp with more or fewer digits is another time.
    fn can_be_divided(&self, given: &Given<'_>) -> bool {
        let timestamp = self.freshness.map(|freshness| freshness.from);
        let is_of_any_length = |part: &Part<'_>| match part {
            Part::From(place) => !timestamp.is_some_and(|timestamp| same(timestamp, *place)),
            _ => false,
        };
        given.get("body_format") == Some("form")
            && self.template.iter().any(|part| matches!(part, Part::Body))
            && self.template.iter().any(is_of_any_length)
    }

    /// Single fields may be all that matters, but we can't know that. What a genuine body means must not be for
    /// whoever sends it again to say.
    pub(super) fn covers(&self) -> Covers {
        let body = self.template.iter().any(|part| matches!(part, Part::Body | Part::BodySha256));
        if body && !self.leaves_open { Covers::Body } else { Covers::None }
    }
}

/// Whether what is booked depends on the type, if only by what else it could be.
fn means_by_type(given: &Given<'_>) -> bool {
    let rules = given.get("meanings").and_then(|text| reading::rules(text).ok()).unwrap_or_default();
    let books = |meaning: &Meaning| !matches!(meaning, Meaning::Test | Meaning::Mention);
    rules.iter().any(|(kind, ..)| *kind != "*") && rules.iter().any(|(.., meaning)| books(meaning))
}

/// The headers that the event's id and type come from, with the setting that says so.
fn headers_read<'a>(given: &Given<'a>) -> impl Iterator<Item = (&'static str, &'a str)> {
    let places = |name: &'static str| (name, given.get(name).unwrap_or_default());
    let listed = [places("event_id"), places("type")].into_iter();
    listed.flat_map(|(name, places)| {
        let headers = places.split(',').filter_map(|place| place.trim().strip_prefix("header:"));
        headers.filter(|header| words::kept_header(header).is_ok()).map(move |header| (name, header))
    })
}

/// What is signed. `signature` and `timestamp` are where these two stand, if that is known.
fn template<'a>(
    text: &'a str,
    signature: Option<Place<'a>>,
    timestamp: Option<Place<'a>>,
) -> Result<Vec<Part<'a>>, Reason> {
    let mut parts = Vec::new();
    for token in words::tokens(text)? {
        parts.push(match token {
            Token::Text(text) => Part::Text(text),
            Token::Word("body") => Part::Body,
            Token::Word("body_sha256") => Part::BodySha256,
            Token::Word("url") => Part::From(Place::Url),
            Token::Word("key") => Part::Key,
            Token::Word("timestamp") => Part::From(timestamp.ok_or(
                "has `{timestamp}`, which stands nowhere: name its place in `timestamp` or `layout`",
            )?),
            Token::Word(word) => {
                Part::From(words::kept_place(word).map_err(|reason| {
                    if word.starts_with("header:") { reason } else { UNKNOWN_WORD.into() }
                })?)
            }
        });
    }
    let holds_signature = |part: &Part<'_>| match (part, signature) {
        (Part::Body | Part::BodySha256, Some(Place::Form(_))) => true,
        (Part::From(Place::Url), Some(Place::Query(_))) => true,
        (Part::From(place), Some(signature)) => same(*place, signature),
        _ => false,
    };
    if parts.iter().any(holds_signature) {
        return Err("holds the signature itself".into());
    }
    // The address alone is the same for every notification.
    let says_something =
        |part: &Part<'_>| !matches!(part, Part::Text(_) | Part::Key | Part::From(Place::Url));
    if parts.iter().any(says_something) { Ok(parts) } else { Err("signs nothing of the notification".into()) }
}

/// Whether a change of what is at `place` would break the signature.
fn signs(template: &[Part<'_>], place: Place<'_>) -> bool {
    template.iter().any(|part| match (part, place) {
        (Part::Body | Part::BodySha256, Place::Form(_)) => true,
        (Part::From(Place::Url), Place::Query(_)) => true,
        (Part::From(signed), place) => same(*signed, place),
        _ => false,
    })
}

fn same(left: Place<'_>, right: Place<'_>) -> bool {
    match (left, right) {
        (Place::Header(left), Place::Header(right))
        | (Place::Pair(left), Place::Pair(right))
        | (Place::Query(left), Place::Query(right))
        | (Place::Form(left), Place::Form(right)) => left == right,
        _ => false,
    }
}

fn tolerance(text: &str) -> Result<u32, Reason> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let seconds = text.parse().ok().filter(|seconds| digits && (1..=MAX_TOLERANCE_S).contains(seconds));
    seconds.ok_or_else(|| format!("is not a number of seconds from 1 to {MAX_TOLERANCE_S}").into())
}
