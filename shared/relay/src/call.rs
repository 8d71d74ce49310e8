//! A call to a provider's API: a request with a method, and an answer whose body is wanted whole.

use crate::retry_after;
use bytes::Bytes;
use hyper::http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use std::{collections::BTreeMap, fmt};
use url::Url;

/// What we send: we read (GET), and where an API wants its question in a body, POST. Nothing that Payrelay calls
/// may change anything at a provider, so no other method can be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

/// One request to a provider's API. The rules of [`crate::Outbound`] hold for its headers.
#[derive(Clone)]
pub struct ApiCall {
    pub method: Method,
    pub url: Url,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
}

/// Without the path and query, the headers and the body: payments and the credential are in them.
impl fmt::Debug for ApiCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiCall")
            .field("method", &self.method)
            .field("host", &self.url.host_str().unwrap_or_default())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The answer, whatever its status.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiResponse {
    pub status: u16,
    /// `Retry-After` as it was sent.
    pub retry_after: Option<HeaderValue>,
    /// All of it, at most [`crate::Limits::max_call_bytes`].
    pub body: Bytes,
}

impl ApiResponse {
    /// How long the API asks us to wait, in whole seconds from `now`, at most 24 h (RFC 9110 §10.2.3). `None` if it
    /// does not say, or not in a form that the RFC knows.
    pub fn retry_after_seconds(&self, now: Timestamp) -> Option<u32> {
        self.retry_after.as_ref().and_then(|value| retry_after::seconds(value, now))
    }
}

/// Without the body: it tells about a payment.
impl fmt::Debug for ApiResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiResponse")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Stand-ins for hosts: a call to a host that is named here goes to the stand-in's scheme, address and port, with
/// its own path and query.
///
/// For the local stack and tests, where a provider's `https://api.…` is a server on loopback without a
/// certificate. This opens nothing: the URL that comes out passes the same guard, which on AWS takes https and
/// public addresses only. A [`crate::Resolver`] could not do it, for it can't change the port or drop TLS.
#[derive(Debug, Clone, Default)]
pub struct Detours {
    by_host: BTreeMap<String, Url>,
}

impl Detours {
    /// `hosts` are in lower case, without a port.
    pub fn new(hosts: impl IntoIterator<Item = (String, Url)>) -> Self {
        Self { by_host: hosts.into_iter().collect() }
    }

    pub(crate) fn apply(&self, url: Url) -> Url {
        let Some(stand_in) = url.host_str().and_then(|host| self.by_host.get(host)) else { return url };
        let mut detour = stand_in.clone();
        detour.set_path(url.path());
        detour.set_query(url.query());
        detour
    }
}
