//! Endpoints: where client apps take deliveries, with what they want, in which form, and how it is signed.

#[cfg(test)]
mod tests;

use crate::{
    BodyFormat, Conditions, EndpointId, EventTypePattern, RetrySchedule, SealedSecret, SourceId, serde_time,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointStatus {
    Active,
    /// Deliveries keep failing; they are still tried.
    Failing,
    /// Nothing is delivered.
    Disabled,
}

/// Where deliveries go. Many receivers have their password in the path or the query of their URL: `Debug` shows its scheme
/// and host alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Destination {
    /// They are posted to this URL.
    Http { url: String },
    /// They are sent to this SQS queue.
    Sqs { arn: String },
    /// They are put on this EventBridge event bus.
    Eventbridge { arn: String },
    /// Nowhere: they wait until the client polls for them.
    Poll,
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { url } => f.debug_struct("Http").field("url", &origin(url)).finish(),
            Self::Sqs { arn } => f.debug_struct("Sqs").field("arn", arn).finish(),
            Self::Eventbridge { arn } => f.debug_struct("Eventbridge").field("arn", arn).finish(),
            Self::Poll => f.write_str("Poll"),
        }
    }
}

/// `https://host:port/…`: whatever follows the host is hidden, and what may precede it (user name and password). Of a text
/// that has no host, nothing is shown. It only has to hide enough, so it needs no URL parser.
fn origin(url: &str) -> String {
    let is_scheme = |(scheme, _): &(&str, &str)| scheme.bytes().all(|byte| byte.is_ascii_alphabetic());
    let Some((scheme, rest)) = url.split_once("://").filter(is_scheme) else { return "…".to_owned() };
    // A backslash is a slash to browsers' parsers.
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}/…")
}

/// What an endpoint takes at most. What would be more waits; no attempt is used up by that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointLimits {
    /// Attempts that begin within a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<u16>,
    /// Attempts that are under way at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent: Option<u16>,
}

impl EndpointLimits {
    fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}

/// What a delivery's body is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointFormat {
    /// The Standard Webhooks payload.
    #[default]
    Standard,
    /// The same data as a CloudEvent in structured mode.
    Cloudevents,
    /// The provider's request as it came: body, content type and signature headers.
    Raw,
    /// The type and ids alone, for receivers that ask the REST API for the rest.
    Thin,
}

/// How a `standard` body is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    #[default]
    Json,
    Xml,
}

impl Encoding {
    fn is_json(&self) -> bool {
        *self == Self::Json
    }
}

/// A signature scheme of Standard Webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signing {
    /// HMAC-SHA256 under a secret that both sides have.
    V1,
    /// ed25519: the receiver needs the public key alone.
    V1a,
}

impl Signing {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V1a => "v1a",
        }
    }
}

/// A signing secret of an endpoint: symmetric, or the private half of a key pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSecret {
    #[serde(flatten)]
    pub sealed: SealedSecret,
    /// `whpk_…`; absent for a symmetric secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
}

impl EndpointSecret {
    /// The scheme that it signs for.
    pub fn signing(&self) -> Signing {
        if self.public_key.is_some() { Signing::V1a } else { Signing::V1 }
    }
}

/// Headers that the client wants on its deliveries. Their values may be credentials: sealed, all in one, because
/// opening each by itself would be one call to KMS each.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomHeaders {
    /// Sorted by name.
    pub shown: Vec<HeaderHint>,
    /// A JSON object from name to value, sealed. Opened by `platform` alone.
    pub sealed: String,
}

impl fmt::Debug for CustomHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomHeaders").field("shown", &self.shown).finish_non_exhaustive()
    }
}

/// What may be shown of a custom header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderHint {
    /// In lower case.
    pub name: String,
    /// The last four characters of the value; empty for a short one.
    pub hint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    pub id: EndpointId,
    pub destination: Destination,
    pub name: String,
    pub event_types: Vec<EventTypePattern>,
    /// Empty: all sources.
    pub sources: Vec<SourceId>,
    /// What else must hold of the payload.
    #[serde(default, skip_serializing_if = "Conditions::is_empty")]
    pub conditions: Conditions,
    pub format: EndpointFormat,
    #[serde(default, skip_serializing_if = "Encoding::is_json")]
    pub encoding: Encoding,
    /// Sorted, and for each there is a secret that does not expire. Empty for an event bus, and for that alone.
    #[serde(default = "v1_alone", skip_serializing_if = "is_v1_alone")]
    pub signing: Vec<Signing>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<CustomHeaders>,
    /// Absent: the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_schedule: Option<RetrySchedule>,
    #[serde(default = "default_timeout", skip_serializing_if = "is_default_timeout")]
    pub timeout_seconds: u8,
    #[serde(default, skip_serializing_if = "EndpointLimits::is_unlimited")]
    pub limits: EndpointLimits,
    pub status: EndpointStatus,
    pub secrets: Vec<EndpointSecret>,
    #[serde(with = "serde_time")]
    pub created_at: Timestamp,
    #[serde(with = "serde_time")]
    pub updated_at: Timestamp,
}

/// How long an attempt may take, unless the endpoint says otherwise.
pub const DEFAULT_TIMEOUT_SECONDS: u8 = 15;

fn default_timeout() -> u8 {
    DEFAULT_TIMEOUT_SECONDS
}

fn is_default_timeout(seconds: &u8) -> bool {
    *seconds == DEFAULT_TIMEOUT_SECONDS
}

fn v1_alone() -> Vec<Signing> {
    vec![Signing::V1]
}

fn is_v1_alone(signing: &[Signing]) -> bool {
    signing == [Signing::V1]
}

impl Endpoint {
    pub fn body_format(&self) -> BodyFormat {
        match (self.format, self.encoding) {
            (EndpointFormat::Standard, Encoding::Json) => BodyFormat::Standard,
            (EndpointFormat::Standard, Encoding::Xml) => BodyFormat::StandardXml,
            (EndpointFormat::Cloudevents, _) => BodyFormat::Cloudevents,
            (EndpointFormat::Raw, _) => BodyFormat::Raw,
            (EndpointFormat::Thin, _) => BodyFormat::Thin,
        }
    }

    pub fn schedule(&self) -> RetrySchedule {
        self.retry_schedule.clone().unwrap_or_default()
    }

    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds.into())
    }

    /// Whether there is a secret for the scheme that does not expire: one that only expires would leave the endpoint
    /// without any one day.
    pub fn has_lasting_secret(&self, signing: Signing) -> bool {
        self.secrets.iter().any(|secret| secret.signing() == signing && secret.sealed.expires_at.is_none())
    }

    /// The secrets that sign at `now`: those that have not expired, of the schemes that the endpoint uses.
    pub fn active_secrets(&self, now: Timestamp) -> impl Iterator<Item = &EndpointSecret> {
        self.secrets
            .iter()
            .filter(move |secret| secret.sealed.is_active(now) && self.signing.contains(&secret.signing()))
    }
}
