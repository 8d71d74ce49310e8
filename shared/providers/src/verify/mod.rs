//! Interprets [`Scheme`]s: decides whether a request is genuine.
//!
//! **Guarantee:** `Ok` only when, for every signed scope of the request, one active secret made one of the
//! signatures over one of the row's templates, the row's conditions hold and the time is within its tolerance.

mod certificate;
pub(crate) mod challenge;
mod crypto;
pub(crate) mod form;
pub(crate) mod minify;
pub(crate) mod paypal;
mod php;
pub(crate) mod plaid;
mod rsa;
mod signature;
mod view;

use crate::json::Object;
use crate::scheme::{Algorithm, Condition, Place, PublicKey, Scheme, Scope, Unit};
use crate::{ApiAnswer, Needed, Request, Secret, Settings};
pub(crate) use crypto::Key;
use jiff::Timestamp;
use serde_json::value::RawValue;
use signature::Signatures;
use view::View;

/// Why a request was not accepted. Says nothing of what it held, so that it can be logged and answered.
///
/// In the order of how far verification came: where a provider has several schemes, the greatest is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Rejection {
    #[error("the request is not a POST")]
    WrongMethod,
    #[error("the source has no active secret for this kind of signature")]
    NoActiveSecret,
    #[error("the provider is experimental, which the source's settings have not accepted")]
    ExperimentalNotAccepted,
    #[error("the source lacks a setting that the signature depends on")]
    MissingSetting,
    #[error("the source lacks a credential for the provider's API, which the signature's key comes from")]
    MissingCredential,
    #[error("the signature, or something that it is made over, is missing")]
    MissingSignature,
    #[error("the body, which holds the signature, cannot be read")]
    MalformedBody,
    #[error("a header that may occur once occurs several times")]
    DuplicateHeader,
    #[error("the signature, or its timestamp, cannot be read")]
    MalformedSignature,
    #[error("the key or certificate that the signature names is not one of the provider's that is in use")]
    UntrustedKey,
    #[error("the signature does not match")]
    SignatureMismatch,
    /// Only said of a genuine signature, so that an operator can tell a wrong clock from a wrong secret.
    #[error("the signature is genuine but its timestamp is outside the tolerance")]
    TimestampOutOfTolerance,
    /// Says nothing about the request: the provider is to send it again.
    #[error(
        "the provider's key or verdict, without which the signature can't be judged, could not be fetched"
    )]
    EvidenceUnavailable,
}

impl Rejection {
    /// Stable, for problems, metrics and logs.
    pub fn code(self) -> &'static str {
        match self {
            Self::WrongMethod => "wrong_method",
            Self::NoActiveSecret => "no_active_secret",
            Self::ExperimentalNotAccepted => "experimental_not_accepted",
            Self::MissingSetting => "missing_setting",
            Self::MissingCredential => "missing_credential",
            Self::MissingSignature => "missing_signature",
            Self::MalformedBody => "malformed_body",
            Self::DuplicateHeader => "duplicate_header",
            Self::MalformedSignature => "malformed_signature",
            Self::UntrustedKey => "untrusted_key",
            Self::SignatureMismatch => "signature_mismatch",
            Self::TimestampOutOfTolerance => "timestamp_out_of_tolerance",
            Self::EvidenceUnavailable => "evidence_unavailable",
        }
    }
}

/// What code that verifies by fetched evidence comes to, unless it refuses.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Genuine,
    Needs(Needed),
}

/// An answer of a provider's API, which is JSON whatever its status; if it is not, it is nothing to go by.
fn answered(answer: &ApiAnswer) -> Result<Object<'_>, Rejection> {
    Object::parse(&answer.body, "").map_err(|_| Rejection::EvidenceUnavailable)
}

/// Verifies `request` under a scheme whose key is public.
pub(crate) fn verify_by_public_key(
    scheme: &Scheme,
    key: &PublicKey<'_>,
    request: &Request<'_>,
    settings: &Settings,
    now: Timestamp,
) -> Result<(), Rejection> {
    let setting = |name: &str| settings.get(name).map(String::as_str).ok_or(Rejection::MissingSetting);
    let key = match key {
        PublicKey::Setting(name) => Key::public(setting(name)?),
        PublicKey::Fixed { by, keys, custom: (value, name) } => match settings.get(*by) {
            Some(chosen) if chosen == value => Key::public(setting(name)?),
            chosen => {
                let is_chosen = |value: &str| chosen.is_none_or(|chosen| chosen == value);
                let fixed = keys.iter().find(|(value, _)| is_chosen(value));
                Key::fixed(fixed.ok_or(Rejection::MissingSetting)?.1)
            }
        },
    };
    let key = key.ok_or(Rejection::MissingSetting)?;
    verify_one(scheme, View::new(request, settings, request.body), &[(0, key)], now).map(|_| ())
}

/// Verifies `request` under one scheme and tells which of `secrets` matched (the first item's, for a batch).
pub(crate) fn verify(
    scheme: &Scheme,
    request: &Request<'_>,
    secrets: &[Secret<'_>],
    settings: &Settings,
    now: Timestamp,
) -> Result<usize, Rejection> {
    let keys: Vec<(usize, Key)> = secrets
        .iter()
        .enumerate()
        .filter_map(|(index, secret)| Some((index, Key::of(&scheme.key, secret.text)?)))
        .collect();
    if keys.is_empty() {
        return Err(Rejection::NoActiveSecret);
    }
    match scheme.scope {
        Scope::Request => verify_one(scheme, View::new(request, settings, request.body), &keys, now),
        Scope::EachItem { list, element } => {
            let mut first = None;
            for item in items(request.body, list, element)? {
                let matched =
                    verify_one(scheme, View::new(request, settings, item.get().as_bytes()), &keys, now)?;
                first.get_or_insert(matched);
            }
            // Nothing signed is nothing verified.
            first.ok_or(Rejection::MissingSignature)
        }
    }
}

fn items<'a>(body: &'a [u8], list: &str, element: &str) -> Result<Vec<&'a RawValue>, Rejection> {
    let body = Object::parse(body, "body").map_err(|_| Rejection::MalformedBody)?;
    let elements = body.list(list).ok_or(Rejection::MalformedBody)?;
    elements
        .into_iter()
        .map(|wrapper| {
            let wrapper =
                Object::parse(wrapper.get().as_bytes(), "").map_err(|_| Rejection::MalformedBody)?;
            wrapper.member(element).ok_or(Rejection::MalformedBody)
        })
        .collect()
}

fn verify_one<'a>(
    scheme: &Scheme<'a>,
    mut view: View<'a>,
    keys: &[(usize, Key)],
    now: Timestamp,
) -> Result<usize, Rejection> {
    let Signatures { candidates, pairs } = signature::read(&scheme.signature, &view)?;
    view.pairs = pairs;
    for condition in scheme.conditions {
        hold(condition, &view)?;
    }
    // Read before anything is hashed, so that a malformed time is reported as such; judged last.
    let signed_at = match &scheme.freshness {
        Some(freshness) => Some((freshness, timestamp(view.required(&freshness.from)?.as_ref())?)),
        None => None,
    };
    let messages = match scheme.algorithm {
        Algorithm::Token => Vec::new(),
        _ => view.messages(scheme.signed)?,
    };
    let hash = crypto::resolve(scheme.algorithm, &view)?;
    let matched = keys
        .iter()
        .find(|(_, key)| crypto::any_matches(&hash, key, &messages, &candidates))
        .map(|(index, _)| *index)
        .ok_or(Rejection::SignatureMismatch)?;
    if let Some((freshness, signed_at)) = signed_at {
        let (now, unit) = match freshness.unit {
            Unit::Seconds => (now.as_second(), 1),
            Unit::Milliseconds => (now.as_millisecond(), 1000),
        };
        let age = now - signed_at;
        if age > i64::from(freshness.past_s) * unit || -age > i64::from(freshness.future_s) * unit {
            return Err(Rejection::TimestampOutOfTolerance);
        }
    }
    Ok(matched)
}

fn hold(condition: &Condition, view: &View<'_>) -> Result<(), Rejection> {
    let holds = match condition {
        Condition::PairAbsent(name) => !view.pairs.iter().any(|(pair, _)| pair == name),
        Condition::Equal(left, right) => view.required(left)? == view.required(right)?,
        Condition::EqualIfSet(place, setting) => match view.value(&Place::Setting(setting)) {
            Err(Rejection::MissingSetting) => true,
            wanted => Some(view.required(place)?) == wanted?,
        },
        Condition::Without(character, place) => {
            if view.value(place)?.is_some_and(|value| value.contains(*character)) {
                return Err(Rejection::MalformedBody);
            }
            true
        }
        Condition::Present(place) => view.required(place).map(|_| true)?,
        Condition::Absent(place) => view.value(place)?.is_none(),
        Condition::HeaderAbsent(name) => view.request().header_lines(name).next().is_none(),
        Condition::BodyPresent => !view.request().body.is_empty(),
        Condition::Base64Lines(place) => {
            let is_base64 =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\n');
            if !view.required(place)?.bytes().all(is_base64) {
                return Err(Rejection::MalformedBody);
            }
            true
        }
    };
    match condition {
        _ if holds => Ok(()),
        // Another scheme is meant, and what that one complains of is the reason.
        Condition::PairAbsent(_) | Condition::Absent(_) | Condition::HeaderAbsent(_) => {
            Err(Rejection::MissingSignature)
        }
        _ => Err(Rejection::SignatureMismatch),
    }
}

/// Digits only: `+1`, ` 1` and `1e9` are what parsers disagree on. Eighteen of them leave room to subtract.
fn timestamp(text: &str) -> Result<i64, Rejection> {
    if text.is_empty() || text.len() > 18 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Rejection::MalformedSignature);
    }
    text.parse().map_err(|_| Rejection::MalformedSignature)
}

#[cfg(test)]
mod tests;
