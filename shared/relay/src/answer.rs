//! What came back from an endpoint, and what it means for the delivery.

mod excerpt;
#[cfg(test)]
mod tests;

pub(crate) use excerpt::Excerpt;

use crate::{Blocked, UrlError, retry_after};
use domain::{Attempt, AttemptOutcome, FailureKind};
use hyper::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use std::{error::Error, fmt, io, sync::Arc, time::Duration};

/// The result of one attempt.
#[derive(Debug, Clone)]
pub struct Answer {
    pub outcome: Result<Response, SendError>,
    /// Until the answer's header was read, or until the attempt failed.
    pub latency: Duration,
}

impl Answer {
    /// The record of the attempt that got this answer, made at `at`.
    pub fn attempt(&self, number: u32, at: Timestamp, verdict: Verdict, manual: bool) -> Attempt {
        let (outcome, error) = match verdict {
            Verdict::Succeeded => (AttemptOutcome::Succeeded, None),
            Verdict::Retry { kind, .. } => (AttemptOutcome::Failed, Some(kind)),
            Verdict::Stop { kind } => (AttemptOutcome::Failed, Some(kind)),
            Verdict::Disable => (AttemptOutcome::Failed, Some(FailureKind::Status)),
        };
        let response = self.outcome.as_ref().ok();
        Attempt {
            number,
            at,
            outcome,
            status_code: response.map(|response| response.status),
            latency_ms: u64::try_from(self.latency.as_millis()).unwrap_or(u64::MAX),
            error,
            error_detail: self.outcome.as_ref().err().map(SendError::public_text),
            manual,
            repeat: false,
            replay: None,
            response_excerpt: response
                .map(|response| response.excerpt.clone())
                .filter(|text| !text.is_empty()),
        }
    }
}

/// An answer whose status is known. How much of its body could be read changes nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// `Retry-After` as it was sent; [`classify`] reads it.
    pub retry_after: Option<HeaderValue>,
    /// The endpoint sent [`RETRY`]`: no`.
    pub rejects: bool,
    /// The beginning of the body as one line of harmless text.
    pub excerpt: String,
}

/// The header by which an endpoint that did not succeed says that trying again is pointless: `webhook-retry: no`.
/// Standard Webhooks has no word for it but 410, which disables the endpoint altogether.
pub const RETRY: HeaderName = HeaderName::from_static("webhook-retry");

impl Response {
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap, excerpt: String) -> Self {
        let wish = headers.get(RETRY).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Self {
            status: status.as_u16(),
            retry_after: headers.get(header::RETRY_AFTER).cloned(),
            rejects: wish.trim().eq_ignore_ascii_case("no"),
            excerpt,
        }
    }

    /// The answer of an AWS service in an endpoint's place, without what an endpoint alone can say ([`RETRY`]). `text`
    /// becomes the excerpt, cut and made harmless as any.
    pub fn of_service(status: u16, text: &str) -> Self {
        let mut excerpt = Excerpt::new(MAX_SERVICE_TEXT_BYTES);
        excerpt.push(text.as_bytes());
        Self { status, retry_after: None, rejects: false, excerpt: excerpt.into_text() }
    }
}

/// As much as is kept of an endpoint's answer.
const MAX_SERVICE_TEXT_BYTES: usize = 1024;

/// Without the excerpt: an endpoint may echo what it was sent.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Why there is no answer.
///
/// The inner errors are shared so that the error, found inside hyper's, can be handed out whole.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SendError {
    #[error("the URL is not acceptable")]
    Url(#[source] UrlError),
    #[error("the header `{0}` is written by the client itself")]
    ReservedHeader(HeaderName),
    #[error("the name could not be resolved")]
    Dns(#[source] Arc<io::Error>),
    #[error("the name resolves to an address that deliveries must not reach")]
    Blocked(#[source] Blocked),
    #[error("no connection within the time allowed")]
    ConnectTimeout,
    #[error("the connection was refused or there is no route")]
    Refused(#[source] Arc<io::Error>),
    #[error("TLS could not be set up")]
    Tls(#[source] Arc<dyn Error + Send + Sync>),
    #[error("the connection was closed before an answer")]
    Reset(#[source] Arc<dyn Error + Send + Sync>),
    #[error("no answer within the time allowed")]
    Timeout,
    #[error("the header of the answer is too large")]
    HeaderTooLarge(#[source] Arc<dyn Error + Send + Sync>),
    #[error("the body of the answer is too large")]
    BodyTooLarge,
    #[error("the body of the answer broke off")]
    Incomplete(#[source] Arc<dyn Error + Send + Sync>),
    /// Over HTTP/2 also a header that is a little too large.
    #[error("the answer breaks the rules of HTTP")]
    Protocol(#[source] Arc<dyn Error + Send + Sync>),
    /// Of destinations that are no URL, as the following ones; the text is for the owner of the endpoint. The delivery has
    /// more bytes than the destination takes.
    #[error("{0}")]
    TooLarge(String),
    /// The body is not what the destination takes.
    #[error("{0}")]
    NotSendable(String),
    /// The destination is not one to send to from here. Its endpoint can be corrected.
    #[error("{0}")]
    NoPlace(String),
    /// The same. The code and the text are the service's.
    #[error("not taken: {0}")]
    NotTaken(String),
    /// The place is one of Payrelay's own.
    #[error("the queue is one of Payrelay's own")]
    OwnQueue,
}

impl SendError {
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Url(UrlError::Blocked(_)) | Self::Blocked(_) | Self::OwnQueue => {
                FailureKind::BlockedAddress
            }
            Self::Url(_) => FailureKind::InvalidUrl,
            Self::Dns(_) => FailureKind::Dns,
            Self::ConnectTimeout => FailureKind::ConnectTimeout,
            Self::Refused(_) => FailureKind::ConnectionRefused,
            Self::Tls(_) => FailureKind::Tls,
            Self::Reset(_) | Self::Incomplete(_) => FailureKind::ConnectionReset,
            Self::Timeout => FailureKind::Timeout,
            Self::HeaderTooLarge(_) | Self::BodyTooLarge => FailureKind::ResponseTooLarge,
            Self::ReservedHeader(_) | Self::Protocol(_) => FailureKind::Protocol,
            Self::TooLarge(_) => FailureKind::TooLarge,
            Self::NotSendable(_) | Self::NoPlace(_) => FailureKind::NotSendable,
            Self::NotTaken(_) => FailureKind::NotTaken,
        }
    }

    /// The text for the owner of the endpoint: with the cause where it is about their URL, address or
    /// certificate, without it where it is about our machine.
    pub fn public_text(&self) -> String {
        match self {
            Self::Url(UrlError::Blocked(cause)) | Self::Blocked(cause) => format!("{self}: {cause}"),
            Self::Url(cause) => format!("{self}: {cause}"),
            Self::Tls(cause) => format!("{self}: {cause}"),
            _ => self.to_string(),
        }
    }
}

/// What the dispatcher does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Succeeded,
    /// The attempt failed. The next one follows the schedule, but not before `retry_after_seconds` (at most
    /// 24 h) if the endpoint asked for that.
    Retry {
        kind: FailureKind,
        retry_after_seconds: Option<u32>,
    },
    /// No later attempt can end otherwise: the endpoint wants this delivery no more ([`RETRY`]), or the destination can't
    /// take it.
    Stop {
        kind: FailureKind,
    },
    /// 410 Gone: the endpoint wants no more deliveries.
    Disable,
}

/// As "Delivery success and failure" of Standard Webhooks says: 2xx succeeds whatever the body, 410 disables, a
/// redirect is a failure like any other. An endpoint that does not succeed can say that it never will ([`RETRY`]). What a
/// queue or an event bus can't take is not tried again either: its bytes are the same at every attempt.
/// `Retry-After` counts for 429 and 503, where RFC 6585 §4 and RFC 9110
/// §15.6.4 give it a meaning; elsewhere it is mostly left over from some middle box. `now` is when the answer came.
pub fn classify(answer: &Answer, now: Timestamp) -> Verdict {
    let response = match &answer.outcome {
        Ok(response) => response,
        Err(error @ (SendError::TooLarge(_) | SendError::NotSendable(_))) => {
            return Verdict::Stop { kind: error.kind() };
        }
        Err(error) => return Verdict::Retry { kind: error.kind(), retry_after_seconds: None },
    };
    match response.status {
        200..=299 => Verdict::Succeeded,
        410 => Verdict::Disable,
        _ if response.rejects => Verdict::Stop { kind: FailureKind::Rejected },
        300..=399 => Verdict::Retry { kind: FailureKind::Redirect, retry_after_seconds: None },
        429 | 503 => {
            let asked = response.retry_after.as_ref().and_then(|value| retry_after::seconds(value, now));
            Verdict::Retry { kind: FailureKind::Status, retry_after_seconds: asked }
        }
        _ => Verdict::Retry { kind: FailureKind::Status, retry_after_seconds: None },
    }
}
