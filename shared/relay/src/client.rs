//! The outbound HTTP client.

#[cfg(test)]
mod tests;

use crate::{
    Answer, EgressPolicy, Resolver, Response, SendError, UrlError,
    answer::Excerpt,
    call::{ApiCall, ApiResponse, Detours, Method},
    connect::{Connector, Dialer, tls_config},
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Uri,
    body::Incoming,
    http::{HeaderName, HeaderValue, header},
};
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use rustls::RootCertStore;
use std::{error::Error, fmt, io, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};
use url::Url;

/// The fingerprint of the stack that a delivery comes from. Nobody else can set it: what a client or a provider would give
/// under this name is replaced.
pub const VIA: HeaderName = HeaderName::from_static("payrelay-via");

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("Payrelay/", env!("CARGO_PKG_VERSION")));

/// What delimits the request and the connection, and thus belongs to the HTTP library (RFC 9110 §7.6.1, RFC
/// 9112 §6). A caller's `transfer-encoding` beside the library's `content-length` would be request smuggling.
const RESERVED_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// How long an HTTP/2 connection may be silent while an answer is due, and again how long a ping may be. Without
/// pings a connection that some middle box has forgotten would take every further request to its host, each
/// ending in a timeout, until TCP gives up after a quarter of an hour. (An HTTP/1 connection ends with the
/// request that timed out on it.)
const HTTP2_PING: Duration = Duration::from_secs(4);

/// What hyper needs at least, and panics without.
const MIN_HEADER_BYTES: u32 = 8 * 1024;

/// Whether requests can't carry `name` because the client writes it itself.
pub fn is_reserved_header(name: &HeaderName) -> bool {
    RESERVED_HEADERS.contains(&name.as_str())
}

/// The bounds of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// For the DNS look-up alone, within the connect timeout.
    pub resolve_timeout: Duration,
    /// For look-up, TCP and TLS together.
    pub connect_timeout: Duration,
    /// From the call to the last byte that is read.
    pub total_timeout: Duration,
    /// For the body, once the status is known: it decides nothing, so it is not worth the rest of the total.
    pub body_timeout: Duration,
    /// The answer's header; never taken as less than 8 KiB.
    pub max_header_bytes: u32,
    /// How much of a body is read, so that the connection can be used again; a longer one ends it.
    pub max_read_bytes: usize,
    /// How much of the body is kept.
    pub max_excerpt_bytes: usize,
    /// The longest body that [`Client::call`] takes: a longer one is an error, for half a document is none.
    pub max_call_bytes: usize,
    /// How long an unused connection is kept. Lambda freezes the process between invocations, and most servers
    /// and NAT gateways give up on an idle connection after a minute or more.
    pub pool_idle_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            resolve_timeout: Duration::from_secs(3),
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(15),
            body_timeout: Duration::from_secs(3),
            max_header_bytes: 16 * 1024,
            max_read_bytes: 64 * 1024,
            max_excerpt_bytes: 1024,
            max_call_bytes: 64 * 1024,
            pool_idle_timeout: Duration::from_secs(20),
        }
    }
}

/// One request to an endpoint. Its headers hold neither `host` nor `content-length`
/// ([`is_reserved_header`]); `user-agent` and `accept` are added where they are missing.
#[derive(Clone)]
pub struct Outbound {
    pub url: Url,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
}

/// Without the URL's path and query, the headers and the body: tokens and payments are in them.
impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        f.debug_struct("Outbound")
            .field("host", &host)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What was given as a root is not a certificate that can be trusted.
#[derive(Debug, thiserror::Error)]
#[error("the root is not a certificate in DER")]
pub struct RootError(#[source] rustls::Error);

/// Posts to endpoints and calls providers' APIs. Cheap to make and to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    policy: Arc<EgressPolicy>,
    limits: Limits,
    detours: Detours,
    via: Option<HeaderValue>,
    http: legacy::Client<Connector, Full<Bytes>>,
}

impl Client {
    pub fn new(policy: EgressPolicy, limits: Limits, resolver: Resolver) -> Self {
        Self::assemble(policy, limits, resolver, Connector::new)
    }

    /// Trusts certificates that chain to one of `roots`, each in DER, and none of the web's: for tests, whose servers no
    /// public authority would vouch for. All else about a certificate (name, dates) is checked as ever.
    ///
    /// # Errors
    /// If one of `roots` is not a certificate.
    pub fn trusting(
        policy: EgressPolicy,
        limits: Limits,
        resolver: Resolver,
        roots: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<Self, RootError> {
        let mut trusted = RootCertStore::empty();
        for root in roots {
            trusted.add(root.into()).map_err(RootError)?;
        }
        let tls = tls_config(|builder| builder.with_root_certificates(trusted));
        Ok(Self::assemble(policy, limits, resolver, |dialer| Connector::with_tls(dialer, tls)))
    }

    fn assemble(
        policy: EgressPolicy,
        limits: Limits,
        resolver: Resolver,
        connector: impl FnOnce(Dialer) -> Connector,
    ) -> Self {
        let policy = Arc::new(policy);
        let dialer = Dialer {
            policy: Arc::clone(&policy),
            resolver,
            resolve_timeout: limits.resolve_timeout,
            connect_timeout: limits.connect_timeout,
        };
        let max_header_bytes = limits.max_header_bytes.max(MIN_HEADER_BYTES);
        let http = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(limits.pool_idle_timeout)
            .http1_max_buf_size(usize::try_from(max_header_bytes).unwrap_or(usize::MAX))
            .http2_max_header_list_size(max_header_bytes)
            .http2_keep_alive_interval(HTTP2_PING)
            .http2_keep_alive_timeout(HTTP2_PING)
            .build(connector(dialer));
        Self { policy, limits, detours: Detours::default(), via: None, http }
    }

    /// Makes [`Client::post`], never [`Client::call`], say which stack the request comes from ([`VIA`]): a stack that is sent its
    /// own delivery knows it by that.
    ///
    /// # Panics
    /// If `fingerprint` is not visible ASCII.
    #[must_use]
    pub fn with_via(self, fingerprint: &str) -> Self {
        let via = HeaderValue::try_from(fingerprint).expect("a fingerprint is hexadecimal digits");
        Self { via: Some(via), ..self }
    }

    /// Checks a URL as every request's is checked, and reads it.
    ///
    /// # Errors
    /// If no request would be made to it.
    pub fn parse_url(&self, text: &str) -> Result<Url, UrlError> {
        self.policy.parse_url(text)
    }

    /// Makes [`Client::call`], never [`Client::post`], go to stand-ins. For the local stack and tests; see
    /// [`Detours`].
    #[must_use]
    pub fn with_detours(self, detours: Detours) -> Self {
        Self { detours, ..self }
    }

    /// Makes one attempt. It ends within `total_timeout`, follows no redirect, and never fails otherwise than in
    /// the answer.
    pub async fn post(&self, outbound: Outbound) -> Answer {
        self.post_within(outbound, self.limits.total_timeout).await
    }

    /// [`Client::post`] with a time of its own. Connecting still ends within `connect_timeout`.
    pub async fn post_within(&self, mut outbound: Outbound, total_timeout: Duration) -> Answer {
        if let Some(via) = &self.via {
            outbound.headers.retain(|(name, _)| *name != VIA);
            outbound.headers.push((VIA, via.clone()));
        }
        let started = Instant::now();
        let deadline = started + total_timeout;
        let answered = self.send(Method::Post, outbound, deadline).await;
        let latency = started.elapsed();
        let outcome = match answered {
            Ok(response) => Ok(self.read(response, deadline).await),
            Err(error) => Err(error),
        };
        Answer { outcome, latency }
    }

    /// Calls a provider's API and reads the whole answer. The same guard, no redirect, one attempt; it ends within
    /// `total_timeout`. Any status is an answer: what it means, the caller knows.
    ///
    /// # Errors
    /// Where [`Client::post`] has no answer, and where the body is longer than `max_call_bytes` or breaks off.
    pub async fn call(&self, call: ApiCall) -> Result<ApiResponse, SendError> {
        let deadline = Instant::now() + self.limits.total_timeout;
        let ApiCall { method, url, headers, body } = call;
        let url = self.detours.apply(url);
        let response = self.send(method, Outbound { url, headers, body }, deadline).await?;
        let (head, body) = response.into_parts();
        Ok(ApiResponse {
            status: head.status.as_u16(),
            retry_after: head.headers.get(header::RETRY_AFTER).cloned(),
            body: self.read_whole(body, deadline).await?,
        })
    }

    async fn send(
        &self,
        method: Method,
        outbound: Outbound,
        deadline: Instant,
    ) -> Result<hyper::Response<Incoming>, SendError> {
        self.policy.check_url(&outbound.url).map_err(SendError::Url)?;
        let request = request(method, outbound)?;
        let answered = timeout_at(deadline, self.http.request(request)).await;
        answered.map_err(|_| SendError::Timeout)?.map_err(send_error)
    }

    /// The status has decided by now: a body that is slow, endless or cut off only shortens the excerpt.
    async fn read(&self, response: hyper::Response<Incoming>, deadline: Instant) -> Response {
        let deadline = deadline.min(Instant::now() + self.limits.body_timeout);
        let (head, mut body) = response.into_parts();
        let mut excerpt = Excerpt::new(self.limits.max_excerpt_bytes);
        let mut read_bytes = 0;
        while let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await {
            let Some(data) = frame.data_ref() else { continue };
            excerpt.push(data);
            read_bytes += data.len();
            if read_bytes > self.limits.max_read_bytes {
                break;
            }
        }
        Response::new(head.status, &head.headers, excerpt.into_text())
    }

    async fn read_whole(&self, mut body: Incoming, deadline: Instant) -> Result<Bytes, SendError> {
        let mut whole = Vec::new();
        while let Some(frame) = timeout_at(deadline, body.frame()).await.map_err(|_| SendError::Timeout)? {
            let frame = frame.map_err(|error| SendError::Incomplete(Arc::new(error)))?;
            let Some(data) = frame.data_ref() else { continue };
            if whole.len() + data.len() > self.limits.max_call_bytes {
                return Err(SendError::BodyTooLarge);
            }
            whole.extend_from_slice(data);
        }
        Ok(whole.into())
    }
}

fn request(method: Method, outbound: Outbound) -> Result<Request<Full<Bytes>>, SendError> {
    let uri = Uri::try_from(outbound.url.as_str()).map_err(|_| SendError::Url(UrlError::NotSendable))?;
    let builder = match method {
        Method::Get => Request::get(uri),
        Method::Post => Request::post(uri),
    };
    let mut request = builder.body(Full::new(outbound.body)).expect("a request to a parsed URI is valid");
    for (name, value) in outbound.headers {
        if is_reserved_header(&name) {
            return Err(SendError::ReservedHeader(name));
        }
        request.headers_mut().append(name, value);
    }
    request.headers_mut().entry(header::USER_AGENT).or_insert(USER_AGENT);
    request.headers_mut().entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    Ok(request)
}

/// Finds what happened in hyper's chain of errors.
fn send_error(error: legacy::Error) -> SendError {
    if let Some(own) = find::<SendError>(&error) {
        return own.clone();
    }
    let from_io = find::<io::Error>(&error);
    let from_hyper = find::<hyper::Error>(&error);
    // With TLS 1.3 a server refuses the handshake after we believe it done: that arrives as a read error.
    let is_tls = from_io.and_then(io::Error::get_ref).is_some_and(|inner| inner.is::<rustls::Error>());
    let from_http2 = find::<h2::Error>(&error);
    // HTTP/2 has one word for a header far above the limit and another, which has many meanings (PROTOCOL_ERROR), for
    // one that is a little above it: the latter can't be told apart from nonsense.
    let is_vast = |e: &h2::Error| e.is_library() && e.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM);
    let is_too_large =
        from_hyper.is_some_and(hyper::Error::is_parse_too_large) || from_http2.is_some_and(is_vast);
    let is_closed = from_hyper.is_some_and(|e| e.is_incomplete_message() || e.is_closed() || e.is_canceled())
        || from_http2.is_some_and(h2::Error::is_remote) // RST_STREAM or GOAWAY
        || from_io.is_some();
    let error = Arc::new(error);
    if is_tls {
        SendError::Tls(error)
    } else if is_too_large {
        SendError::HeaderTooLarge(error)
    } else if is_closed {
        SendError::Reset(error)
    } else {
        SendError::Protocol(error)
    }
}

fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
