//! Calls to the clients' endpoints and to the providers' APIs: where a call may go, how it is signed, how it is
//! made, what its answer means.
//!
//! **Guarantee:** nothing leaves through [`Client`] for an address that its [`EgressPolicy`] refuses. The name
//! is resolved by the connector itself, every address that comes back is checked, and the socket is opened to
//! one of exactly these addresses: there is no second look-up that could answer differently (DNS rebinding).
//! Redirects are not followed, no proxy is read from the environment, no cookie is kept, and time, header and
//! body are bounded ([`Limits`]).
//!
//! The crate reads no wall clock and no entropy: signing takes the time and [`SigningSecret::generate`] the
//! random bytes. Durations are measured with tokio's monotonic clock.

mod answer;
mod call;
mod client;
mod connect;
mod egress;
mod retry_after;
pub mod signing;
mod target;

pub use answer::{Answer, RETRY, Response, SendError, Verdict, classify};
pub use call::{ApiCall, ApiResponse, Detours, Method};
pub use client::{Client, Limits, Outbound, RootError, VIA, is_reserved_header};
pub use connect::Resolver;
pub use egress::{AllowListError, Blocked, EgressPolicy, UrlError};
pub use hyper::http::{HeaderName, HeaderValue};
pub use signing::{SigningKey, SigningSecret};
pub use target::{Body, HeaderError, OpenError, Place, REPLAY, Signed, Target, check_header};
pub use url::Url;
