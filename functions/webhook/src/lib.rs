//! Receives the providers' webhooks: `POST /webhooks/{source_id}`.
//!
//! **Guarantee:** a 2xx answer means that the request was proven genuine and that SQS has confirmed it. Nothing
//! is queued that no scheme has verified; if the queue fails the answer is 503, and the provider tries again.
//!
//! Order: size → source → signature and its age → can it be read at all → queue.

mod source;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use domain::SourceId;
use http::{Code, Problem};
use jiff::{SignedDuration, Timestamp};
use platform::{Aws, Cache, Clock, Entropy, Settings, Vault};
use providers::{Rejection, Verified};
use queue::{EventMessage, Outgoing, Queue};
use source::{Found, LoadError, LoadedSource};
use std::sync::Arc;
use std::time::Duration;
use store::Store;

/// The largest body that is taken, in bytes. Providers' events are a few KiB; SQS takes 1 MiB.
pub const MAX_BODY_BYTES: usize = 512 * 1024;

/// How long a source and its secrets may be kept. A new secret works at once all the same: what a cached source
/// rejects is checked again with a fresh one. A source that was deleted or disabled is taken for that long.
pub const SOURCE_MAX_AGE: SignedDuration = SignedDuration::from_secs(60);

/// Requests that no cached secret matches read the source again. Between two such reads of one source lies at
/// least this time, so that a flood of forged requests does not become a flood of reads.
const RELOAD_INTERVAL: SignedDuration = SignedDuration::from_secs(1);

#[derive(Debug)]
pub struct Deps {
    pub store: Store,
    pub events: Queue,
    pub vault: Vault,
    pub clock: Clock,
    pub entropy: Entropy,
    pub sources: Cache<SourceId, Arc<LoadedSource>>,
    pub reloads: Cache<SourceId, ()>,
}

impl Deps {
    /// `source_max_age`: how long a source may be kept.
    pub fn new(
        store: Store,
        events: Queue,
        vault: Vault,
        clock: Clock,
        entropy: Entropy,
        source_max_age: SignedDuration,
    ) -> Self {
        Self {
            store,
            events,
            vault,
            sources: Cache::new(clock.clone(), source_max_age),
            reloads: Cache::new(clock.clone(), RELOAD_INTERVAL),
            clock,
            entropy,
        }
    }

    pub fn from_settings(settings: &mut Settings) -> Self {
        let aws = Aws::from_settings(settings);
        Self::new(
            Store::new(aws.dynamodb(), settings.required("PAYRELAY_TABLE")),
            Queue::new(aws.sqs(), settings.required("PAYRELAY_EVENTS_QUEUE_URL")),
            Vault::kms(aws.kms(), settings.required("PAYRELAY_KMS_KEY_ID"), Entropy::system()),
            Clock::system(),
            Entropy::system(),
            SOURCE_MAX_AGE,
        )
    }
}

pub fn service(deps: Deps) -> Router {
    let entropy = deps.entropy.clone();
    http::edge(
        Router::new().route("/webhooks/{source_id}", post(receive)).with_state(Arc::new(deps)),
        entropy,
    )
}

async fn receive(
    State(deps): State<Arc<Deps>>,
    Path(source_id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let received_at = deps.clock.now();
    let (parts, body) = request.into_parts();
    let body = read_body(&parts, body).await?;
    let source_id: SourceId = source_id.parse().map_err(|_| unknown_source())?;
    let found =
        source::find(&deps.store, &deps.vault, &deps.sources, &source_id).await.map_err(to_problem)?;
    let (source, verified) = verify(&deps, &source_id, found, &parts, &body, received_at).await?;
    // Read once already now, so that the provider learns what can't be read. The consumer reads it for good.
    verified.notifications(&source.source.settings).map_err(|malformed| {
        tracing::warn!(source = %source_id, reason = %malformed, "a genuine webhook can't be read");
        Problem::new(Code::MalformedWebhook, malformed.to_string())
    })?;
    if !store::is_storable(&body) {
        return Err(Problem::new(
            Code::PayloadTooLarge,
            "The webhook is genuine, but its body does not compress to what an event can hold (360 KiB).",
        ));
    }
    let accepted = source.provider.accepted();
    let (meta, body) = verified.into_parts();
    let message = EventMessage {
        source: source_id.clone(),
        provider: source.provider.id().to_owned(),
        received_at,
        settings: source.source.settings.clone(),
        meta,
        body,
    };
    let outgoing = Outgoing { body: message.encode(), delay: Duration::ZERO, group: source_id.to_string() };
    deps.events.send(outgoing).await.map_err(Problem::unavailable)?;
    let status = StatusCode::from_u16(accepted.status).map_err(Problem::internal)?;
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static(accepted.content_type))];
    Ok(if accepted.body.is_empty() {
        status.into_response()
    } else {
        (status, content_type, accepted.body).into_response()
    })
}

async fn read_body(parts: &Parts, body: Body) -> Result<Vec<u8>, Problem> {
    let declared =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|bytes: usize| bytes > MAX_BODY_BYTES) {
        return Err(too_large());
    }
    let read = axum::body::to_bytes(body, MAX_BODY_BYTES).await;
    read.map(Vec::from).map_err(|_| too_large())
}

/// What a cached source rejects is checked once more with the source as it is now: a secret that was rotated in
/// the last minute works at once.
async fn verify(
    deps: &Deps,
    source_id: &SourceId,
    found: Found,
    parts: &Parts,
    body: &[u8],
    now: Timestamp,
) -> Result<(Arc<LoadedSource>, Verified), Problem> {
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let url = url(parts);
    let request = providers::Request { method: parts.method.as_str(), url: &url, headers: &headers, body };
    let check = |source: &LoadedSource| -> Result<Verified, Rejection> {
        source.provider.verify(&request, &source.secrets(now), &source.source.settings, now)
    };
    let rejection = match check(&found.source) {
        Ok(verified) => return Ok((found.source, verified)),
        Err(rejection) => rejection,
    };
    if found.cached && deps.reloads.get(source_id).is_none() {
        deps.reloads.insert(source_id.clone(), ());
        let fresh =
            source::load(&deps.store, &deps.vault, &deps.sources, source_id).await.map_err(to_problem)?;
        if let Ok(verified) = check(&fresh) {
            return Ok((fresh, verified));
        }
    }
    let provider = found.source.provider.id();
    tracing::warn!(source = %source_id, provider, code = rejection.code(), "a webhook was rejected");
    Err(Problem::new(Code::SignatureRejected, rejection.to_string()))
}

/// The address that the provider called, for those that sign it.
fn url(parts: &Parts) -> String {
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    format!("https://{host}{path}")
}

fn to_problem(error: LoadError) -> Problem {
    match error {
        LoadError::Unknown => unknown_source(),
        LoadError::Store(error) => error.into(),
        LoadError::Vault(error) => error.into(),
    }
}

fn unknown_source() -> Problem {
    Problem::new(Code::NotFound, "There is no active source by this id.")
}

fn too_large() -> Problem {
    Problem::new(Code::PayloadTooLarge, "A webhook's body is at most 512 KiB.")
}
