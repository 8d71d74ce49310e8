//! An endpoint, opened: all that a request to it is made of besides the body.
//!
//! Shared by the dispatcher and the test call, so that what a test shows is what deliveries will be.

#[cfg(test)]
mod tests;

use crate::{Outbound, SigningKey, SigningSecret, is_reserved_header, signing, signing::SignError};
use bytes::Bytes;
use domain::{BodyFormat, Destination, Endpoint, EndpointLimits, Event, RetrySchedule, Signing};
use hyper::http::{HeaderName, HeaderValue, header};
use jiff::Timestamp;
use std::{collections::BTreeMap, fmt, time::Duration};
use url::Url;

const MAX_HEADER_NAME_BYTES: usize = 64;
const MAX_HEADER_VALUE_BYTES: usize = 1024;

/// Headers that a client can't set. What the client library writes itself ([`is_reserved_header`]) is not repeated
/// here.
const OURS: &[&str] = &["accept", "accept-encoding", "date", "forwarded", "user-agent", "via", "x-real-ip"];
/// Bodies, signatures and CloudEvents are described by us; who called is for the network to say.
const OUR_PREFIXES: &[&str] = &["content-", "webhook-", "payrelay-", "ce-", "x-forwarded-", "proxy-", "sec-"];

/// Where our own three headers go if the provider's request, passed on as it came, has headers of these names.
const RAW_PREFIX: &str = "payrelay-";

/// The names of the provider's headers that could not be passed on.
const LEFT_OUT: HeaderName = HeaderName::from_static("payrelay-headers-left-out");

/// Tells a receiver that a delivery is made for a replay, and for which. Not among what is signed: Standard Webhooks
/// signs id, time and body, and the body of a replay is what it always was.
pub const REPLAY: HeaderName = HeaderName::from_static("payrelay-replay");

/// Why a custom header is not accepted. The value is never part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("is not a header's name of at most {MAX_HEADER_NAME_BYTES} characters")]
    Name,
    #[error("is written by Payrelay or by the HTTP library")]
    Reserved,
    #[error("must be 1 to {MAX_HEADER_VALUE_BYTES} characters of visible ASCII, with spaces inside only")]
    Value,
}

/// Checks a header that a client wants on its deliveries; gives its name in lower case.
///
/// # Errors
/// If it can't be sent, or is not the client's to set.
pub fn check_header(name: &str, value: &str) -> Result<HeaderName, HeaderError> {
    let name = HeaderName::try_from(name).map_err(|_| HeaderError::Name)?;
    let text = name.as_str();
    if text.len() > MAX_HEADER_NAME_BYTES {
        return Err(HeaderError::Name);
    }
    let is_ours = OURS.contains(&text) || OUR_PREFIXES.iter().any(|prefix| text.starts_with(prefix));
    if is_ours || is_reserved_header(&name) {
        return Err(HeaderError::Reserved);
    }
    let is_sendable = (1..=MAX_HEADER_VALUE_BYTES).contains(&value.len())
        && value.trim() == value
        && value.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if is_sendable { Ok(name) } else { Err(HeaderError::Value) }
}

/// What is sent: the bytes and the headers that describe them.
#[derive(Clone)]
pub struct Body {
    headers: Vec<(HeaderName, HeaderValue)>,
    bytes: Bytes,
}

impl Body {
    /// A body of ours.
    pub fn new(content_type: &'static str, text: String) -> Self {
        Self {
            headers: vec![(header::CONTENT_TYPE, HeaderValue::from_static(content_type))],
            bytes: text.into(),
        }
    }

    /// A provider's request: its bytes, its content type and its signature headers. What would disturb the request that it is
    /// part of is left out. So is a value that no header can hold, of which [`LEFT_OUT`] tells.
    pub fn original(headers: &[(String, String)], bytes: impl Into<Bytes>) -> Self {
        let (mut sendable, mut left_out) = (Vec::new(), Vec::new());
        for (name, value) in headers {
            let Ok(name) = HeaderName::try_from(name) else { continue };
            match HeaderValue::try_from(value) {
                _ if is_reserved_header(&name) => {}
                Ok(value) => sendable.push((name, value)),
                Err(_) => left_out.push(name.to_string()),
            }
        }
        if let Some(names) = HeaderValue::try_from(left_out.join(", ")).ok().filter(|names| !names.is_empty())
        {
            sendable.push((LEFT_OUT, names));
        }
        Self { headers: sendable, bytes: bytes.into() }
    }

    /// An event in a format. `original` gives the provider's request that it came in, where that is the format; `None`
    /// if there was none, because we raised the event ourselves.
    pub fn of_event(
        format: BodyFormat,
        event: &Event,
        original: impl FnOnce() -> Option<Self>,
    ) -> Option<Self> {
        match format.content_type().zip(format.body(event)) {
            Some((content_type, text)) => Some(Self::new(content_type, text)),
            None => original(),
        }
    }
}

/// Without the bytes: payments are in them.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// A delivery with its signatures: what every kind of destination gets, each in its own way.
#[derive(Clone)]
pub struct Signed {
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
}

impl Signed {
    /// As a request to an endpoint of type `http`.
    pub fn to(self, url: Url) -> Outbound {
        Outbound { url, headers: self.headers, body: self.body }
    }
}

/// Without headers and body: tokens and payments are in them.
impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").field("body_bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// Where deliveries go, read once.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    Http(Url),
    Sqs { arn: String },
    Eventbridge { arn: String },
    Poll,
}

impl Place {
    fn read(destination: &Destination) -> Option<Self> {
        Some(match destination {
            Destination::Http { url } => Self::Http(Url::parse(url).ok()?),
            Destination::Sqs { arn } => Self::Sqs { arn: arn.clone() },
            Destination::Eventbridge { arn } => Self::Eventbridge { arn: arn.clone() },
            Destination::Poll => Self::Poll,
        })
    }
}

/// Without the URL's path and query.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => f.debug_tuple("Http").field(&url.host_str().unwrap_or_default()).finish(),
            Self::Sqs { arn } => f.debug_tuple("Sqs").field(arn).finish(),
            Self::Eventbridge { arn } => f.debug_tuple("Eventbridge").field(arn).finish(),
            Self::Poll => f.write_str("Poll"),
        }
    }
}

/// Why an endpoint could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError<E: std::error::Error + 'static> {
    #[error("the endpoint's {0} could not be opened")]
    Sealed(&'static str, #[source] E),
    #[error("the endpoint's {0} is not what was checked when it was stored")]
    Invalid(&'static str),
}

/// An endpoint with its secrets and headers in clear.
#[derive(Clone)]
pub struct Target {
    pub format: BodyFormat,
    pub schedule: RetrySchedule,
    pub timeout: Duration,
    pub limits: EndpointLimits,
    pub destination: Place,
    secrets: Vec<SigningSecret>,
    keys: Vec<SigningKey>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Without the URL's path and query, secrets and headers.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("destination", &self.destination)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl Target {
    /// Opens an endpoint as it is at `now`. `open` unseals a text; it is called once for each active secret and once
    /// for all headers.
    ///
    /// # Errors
    /// If `open` fails, or what it gives is not what was sealed.
    pub async fn open<E, F>(
        endpoint: &Endpoint,
        now: Timestamp,
        open: impl Fn(String) -> F,
    ) -> Result<Self, OpenError<E>>
    where
        E: std::error::Error + 'static,
        F: Future<Output = Result<String, E>>,
    {
        let destination = Place::read(&endpoint.destination).ok_or(OpenError::Invalid("URL"))?;
        let (mut secrets, mut keys) = (Vec::new(), Vec::new());
        for secret in endpoint.active_secrets(now) {
            let text =
                open(secret.sealed.sealed.clone()).await.map_err(|e| OpenError::Sealed("secret", e))?;
            let invalid = |_| OpenError::Invalid("secret");
            match secret.signing() {
                Signing::V1 => secrets.push(SigningSecret::parse(&text).map_err(invalid)?),
                Signing::V1a => keys.push(SigningKey::parse(&text).map_err(invalid)?),
            }
        }
        let mut headers = Vec::new();
        if let Some(custom) = &endpoint.headers {
            let text = open(custom.sealed.clone()).await.map_err(|e| OpenError::Sealed("headers", e))?;
            headers = read_headers(&text).ok_or(OpenError::Invalid("headers"))?;
        }
        let (format, schedule, timeout) = (endpoint.body_format(), endpoint.schedule(), endpoint.timeout());
        let limits = endpoint.limits;
        Ok(Self { format, schedule, timeout, limits, destination, secrets, keys, headers })
    }

    /// What one attempt sends, signed. `webhook_id` stays the same over all attempts of a delivery.
    ///
    /// What goes to an event bus is not signed: an event has no headers, and IAM says who put it there.
    ///
    /// # Errors
    /// If there is nothing to sign with.
    pub fn sign(&self, webhook_id: &str, at: Timestamp, body: Body) -> Result<Signed, SignError> {
        let Body { mut headers, bytes } = body;
        if matches!(self.destination, Place::Eventbridge { .. }) {
            return Ok(Signed { headers, body: bytes });
        }
        let ours = signing::headers(webhook_id, at.as_second(), &bytes, &self.secrets, &self.keys)?;
        let is_taken =
            |name: &HeaderName, among: &[(HeaderName, HeaderValue)]| among.iter().any(|(n, _)| n == name);
        // The provider's own come first: code that was written against its SDK looks for them under these names.
        let collide = ours.iter().any(|(name, _)| is_taken(name, &headers));
        for (name, value) in ours {
            let prefixed =
                || HeaderName::try_from(format!("{RAW_PREFIX}{name}")).unwrap_or_else(|_| name.clone());
            headers.push((if collide { prefixed() } else { name }, value));
        }
        let custom = self.headers.iter().filter(|(name, _)| !is_taken(name, &headers)).cloned();
        let custom: Vec<_> = custom.collect();
        headers.extend(custom);
        Ok(Signed { headers, body: bytes })
    }
}

/// A JSON object from name to value, as it was sealed.
fn read_headers(text: &str) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let headers: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
    headers
        .into_iter()
        .map(|(name, value)| {
            let mut value = HeaderValue::try_from(value).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::try_from(name).ok()?, value))
        })
        .collect()
}
