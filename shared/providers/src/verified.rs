//! Proof that a request was genuine, with what is worth keeping of it.

use crate::scheme::{Covers, Scheme};
use crate::{Malformed, Provider, Request, Settings};
use domain::{Notification, SecretId, VerifiedBy};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::fmt;
use std::time::Duration;

/// A genuine notification, its body byte for byte.
///
/// Only [`Provider::verify`] makes one from a request. [`Verified::from_parts`] puts one together again after it
/// has crossed the queue, which the webhook function alone can write to (its IAM role says so).
#[derive(Clone, PartialEq, Eq)]
pub struct Verified {
    meta: VerifiedMeta,
    body: Vec<u8>,
}

/// A [`Verified`] without its body, which the queue carries separately, compressed.
#[derive(Clone, Serialize, Deserialize)]
pub struct VerifiedMeta {
    #[serde(serialize_with = "serialize_provider", deserialize_with = "deserialize_provider")]
    provider: &'static Provider,
    scheme: String,
    covers: Covers,
    /// Absent where the provider signs nothing, or with a key of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<SecretId>,
    /// When it arrived, in microseconds since 1970: only where the provider signs nothing, whose notifications
    /// differ in nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    arrival_us: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
}

/// Of a provider that signs nothing, and whose notifications all look the same, what arrives within this time is one
/// notification. Anybody can send them; each would be an event and a question to the provider's API otherwise.
const WINDOW_US: i64 = 2_000_000;

impl VerifiedMeta {
    /// For how long after its arrival others may come that are the same notification. The provider's API has to be asked
    /// after that: its answer then tells what all of them were about.
    pub fn repeats_for(&self) -> Duration {
        let left = self.arrival_us.map_or(0, |at| WINDOW_US - at.rem_euclid(WINDOW_US));
        Duration::from_micros(left.unsigned_abs())
    }

    /// `content-type` and the headers that the scheme keeps; names in lower case.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }
}

/// The headers hold signatures, by which a request could be made again: only their names are shown.
impl fmt::Debug for VerifiedMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("VerifiedMeta")
            .field("provider", &self.provider.id())
            .field("scheme", &self.scheme)
            .field("covers", &self.covers)
            .field("secret", &self.secret)
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

impl PartialEq for VerifiedMeta {
    fn eq(&self, other: &Self) -> bool {
        let key = |meta: &Self| (meta.provider.id(), meta.covers);
        key(self) == key(other)
            && self.scheme == other.scheme
            && self.secret == other.secret
            && self.arrival_us == other.arrival_us
            && self.headers == other.headers
    }
}

impl Eq for VerifiedMeta {}

impl Verified {
    pub(crate) fn new(
        provider: &'static Provider,
        scheme: &Scheme,
        secret: &SecretId,
        request: &Request<'_>,
    ) -> Self {
        Self::signed(provider, (scheme.name, scheme.covers, scheme.keeps), Some(secret), request)
    }

    /// Without a secret: the provider signs with a key of its own.
    pub(crate) fn by_public_key(
        provider: &'static Provider,
        scheme: (&str, Covers, &[&str]),
        request: &Request<'_>,
    ) -> Self {
        Self::signed(provider, scheme, None, request)
    }

    fn signed(
        provider: &'static Provider,
        (name, covers, keeps): (&str, Covers, &[&str]),
        secret: Option<&SecretId>,
        request: &Request<'_>,
    ) -> Self {
        let kept = |name: &str| name == "content-type" || keeps.contains(&name);
        let headers = request
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .filter(|(name, _)| kept(name))
            .collect();
        let meta = VerifiedMeta {
            provider,
            scheme: name.to_owned(),
            covers,
            secret: secret.cloned(),
            arrival_us: None,
            headers,
        };
        Self { meta, body: request.body.to_vec() }
    }

    /// For a provider that signs nothing: [`VerifiedBy::None`].
    pub(crate) fn unsigned(provider: &'static Provider, request: &Request<'_>, now: Timestamp) -> Self {
        let headers = request
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-type"))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .collect();
        let meta = VerifiedMeta {
            provider,
            scheme: "unsigned".to_owned(),
            covers: Covers::None,
            secret: None,
            arrival_us: Some(now.as_microsecond()),
            headers,
        };
        Self { meta, body: request.body.to_vec() }
    }

    pub fn into_parts(self) -> (VerifiedMeta, Vec<u8>) {
        (self.meta, self.body)
    }

    /// For the queue alone: `meta` and `body` must be what [`Verified::into_parts`] gave.
    pub fn from_parts(meta: VerifiedMeta, body: Vec<u8>) -> Self {
        Self { meta, body }
    }

    pub fn meta(&self) -> &VerifiedMeta {
        &self.meta
    }

    pub fn provider(&self) -> &'static Provider {
        self.meta.provider
    }

    /// The name of the scheme that verified it.
    pub fn scheme(&self) -> &str {
        &self.meta.scheme
    }

    /// The raw bytes, as they came.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// `content-type` and the headers that the scheme keeps; names in lower case.
    pub fn headers(&self) -> &[(String, String)] {
        &self.meta.headers
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.meta.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The secret that matched; `None` where the provider signs nothing, or with a key of its own.
    pub fn secret(&self) -> Option<&SecretId> {
        self.meta.secret.as_ref()
    }

    /// The beginning of the span of time in which it arrived; see [`VerifiedMeta::repeats_for`].
    pub(crate) fn window(&self) -> Option<i64> {
        self.meta.arrival_us.map(|at| at - at.rem_euclid(WINDOW_US))
    }

    pub fn covers(&self) -> Covers {
        self.meta.covers
    }

    /// [`VerifiedBy::None`] where the signature does not cover all that the notification says.
    pub fn verified_by(&self) -> VerifiedBy {
        match self.meta.covers {
            Covers::Body | Covers::Fields => VerifiedBy::Signature,
            Covers::None => VerifiedBy::None,
        }
    }

    /// What the body says, in our words: one notification, or one per item of a batch.
    ///
    /// # Errors
    /// [`Malformed`] where not even the dedupe key and the type can be read, or an amount is not an integer.
    pub fn notifications(&self, settings: &Settings) -> Result<Vec<Notification>, Malformed> {
        self.meta.provider.normalise.run(self, settings)
    }
}

/// The body may hold personal data.
impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("provider", &self.meta.provider.id())
            .field("scheme", &self.meta.scheme)
            .field("secret", &self.meta.secret)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

fn serialize_provider<S: Serializer>(provider: &&'static Provider, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(provider.id())
}

fn deserialize_provider<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static Provider, D::Error> {
    let id = String::deserialize(deserializer)?;
    Provider::find(&id).ok_or_else(|| D::Error::custom("unknown provider"))
}
