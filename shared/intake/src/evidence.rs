//! Fetching what a verification needs: through the guarded client, from a cache where the provider allows it.
//!
//! **Guarantee:** whoever sends forged requests makes us fetch at most [`MAX_FETCHES_PER_SECOND`] answers a second
//! for one source and process, fills at most [`MAX_KEPT`] places of a cache for what the providers refuse, which pushes
//! out no answer that is of use, and gets none of them for longer than the provider says. Only hosts that `providers` names are called, over https.

use crate::{Intake, LoadedSource};
use domain::SourceId;
use jiff::{SignedDuration, Timestamp};
use platform::{Cache, Clock};
use providers::{ApiAnswer, ApiMethod, ApiRequest, Needed};
use relay::{ApiCall, HeaderName, HeaderValue, Limits, Method, Url};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Certificates and keys of the providers: a handful. Each place is at most 64 KiB.
const MAX_KEPT: usize = 100;
/// No answer is kept longer, whatever a provider's module says.
const KEPT_AT_MOST: SignedDuration = SignedDuration::from_hours(24);
/// How long it is remembered that there was no answer, or one that says no.
const KEPT_WITHOUT_SUCCESS: SignedDuration = SignedDuration::from_secs(10);

const MAX_FETCHES_PER_SECOND: u32 = 10;
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// The bounds of one fetch. The webhook function has 10 s, of which the rounds of a verification and the quarantine
/// must leave something for the table and the queue; `tests/tidy` holds that.
pub fn limits() -> Limits {
    Limits {
        resolve_timeout: Duration::from_millis(1_000),
        connect_timeout: Duration::from_millis(1_500),
        total_timeout: Duration::from_millis(2_000),
        ..Limits::default()
    }
}

/// An answer, or that there was none, and until when that holds.
#[derive(Debug, Clone)]
struct Fetched {
    answer: Option<Arc<ApiAnswer>>,
    until: Timestamp,
}

/// By provider and [`Needed::id`].
type Key = (&'static str, String);

/// What was fetched, while it may be kept. A sender chooses which certificate or key he names: what the provider does
/// not know has a cache of its own, which he may fill without pushing out what genuine requests need.
#[derive(Debug)]
pub(crate) struct Answers {
    good: Cache<Key, Fetched>,
    others: Cache<Key, Fetched>,
    clock: Clock,
}

impl Answers {
    pub(crate) fn new(clock: &Clock) -> Self {
        let cache = || Cache::with_max_entries(clock.clone(), KEPT_AT_MOST, MAX_KEPT);
        Self { good: cache(), others: cache(), clock: clock.clone() }
    }

    /// The answer, or that there is none for now.
    pub(crate) fn get(&self, key: &Key) -> Option<Option<ApiAnswer>> {
        let now = self.clock.now();
        let mut kept = [&self.good, &self.others].into_iter().filter_map(|cache| cache.get(key));
        let kept = kept.find(|kept| now < kept.until)?;
        Some(kept.answer.map(Arc::unwrap_or_clone))
    }

    pub(crate) fn keep(&self, key: Key, answer: Option<ApiAnswer>, max_age: SignedDuration) {
        let succeeded = answer.as_ref().is_some_and(|answer| (200..300).contains(&answer.status));
        let (cache, age) =
            if succeeded { (&self.good, max_age) } else { (&self.others, max_age.min(KEPT_WITHOUT_SUCCESS)) };
        let until = self.clock.now() + age.min(KEPT_AT_MOST);
        cache.insert(key, Fetched { answer: answer.map(Arc::new), until });
    }
}

/// Counts the fetches of a source within a second.
#[derive(Debug)]
pub(crate) struct FetchLimits(Cache<SourceId, Arc<AtomicU32>>);

impl FetchLimits {
    pub(crate) fn new(clock: &Clock) -> Self {
        Self(Cache::new(clock.clone(), SECOND))
    }

    fn allow(&self, source: &SourceId) -> bool {
        let count = self.0.get(source).unwrap_or_else(|| {
            let count = Arc::default();
            self.0.insert(source.clone(), Arc::clone(&count));
            count
        });
        count.fetch_add(1, Ordering::Relaxed) < MAX_FETCHES_PER_SECOND
    }
}

impl Intake {
    /// The answer to what is needed, whatever its status; `None` if there is none now.
    pub(crate) async fn fetch(&self, source: &LoadedSource, needed: Needed) -> Option<ApiAnswer> {
        let Needed { id, request, max_age } = needed;
        let provider = source.provider.id();
        let key = (provider, id);
        if let Some(kept) = self.answers.get(&key) {
            return kept;
        }
        if !self.fetches.allow(source.id()) {
            tracing::warn!(source = %source.id(), provider, "too much to fetch: a verification has to wait");
            return None;
        }
        let answer = self.call(provider, request).await;
        if let Some(max_age) = max_age {
            self.answers.keep(key, answer.clone(), max_age);
        }
        answer
    }

    /// What the API does not want to answer now (429 and 5xx) is no answer.
    async fn call(&self, provider: &'static str, request: ApiRequest) -> Option<ApiAnswer> {
        let Some(call) = api_call(request) else {
            tracing::error!(
                provider,
                "a call to the provider can't be made: its address or a header is not valid"
            );
            return None;
        };
        match self.parts.client.call(call).await {
            Ok(response) if response.status == 429 || response.status >= 500 => {
                tracing::warn!(provider, status = response.status, "the provider does not answer");
                None
            }
            Ok(response) => Some(ApiAnswer { status: response.status, body: response.body.to_vec() }),
            Err(error) => {
                tracing::warn!(provider, error = &error as &dyn Error, "the provider can't be asked");
                None
            }
        }
    }
}

/// As the client wants it. `None` for an address that is not https, and for a header that holds what no header may
/// (a credential that was pasted with a line break).
fn api_call(request: ApiRequest) -> Option<ApiCall> {
    let url: Url = request.url.parse().ok()?;
    if url.scheme() != "https" {
        return None;
    }
    let mut headers = Vec::with_capacity(request.headers.len());
    for (name, value) in request.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true); // may be the credential; keeps it out of HTTP/2's compression table
        headers.push((name, value));
    }
    let method = match request.method {
        ApiMethod::Get => Method::Get,
        ApiMethod::Post => Method::Post,
    };
    Some(ApiCall { method, url, headers, body: request.body.into() })
}
