//! Receives the providers' webhooks: `POST /webhooks/{source_id}`. `GET` answers a provider that asks first whether
//! the address is ours (Braintree).
//!
//! **Guarantee:** a 2xx answer means that the request was proven genuine and that SQS has confirmed it. Nothing
//! is queued that no scheme has verified; if the queue fails the answer is 503, and the provider tries again. What is
//! refused is kept in quarantine, with these exceptions: what was not read to its end, what is for no source, our own
//! deliveries, what is genuine and comes again; and what the quarantine has no room for, or what comes while the table or
//! KMS does not answer.
//!
//! Order: not our own delivery → source → size → signature and its age → can it be read at all → does it fit → queue. Each
//! answer is counted:
//!
//! | what arrives | answer | code | counted as | kept |
//! | --- | --- | --- | --- | --- |
//! | genuine, readable | the provider's own 2xx | | accepted | |
//! | a delivery of this very stack, known by its `payrelay-via` | 508, and `webhook-retry: no` | `delivery_loop` | `delivery_loop`, without a provider | |
//! | more than 6 MiB, which Lambda would not have handed over; not read to its end | 413 | `payload_too_large` | `too_large`, without a provider | |
//! | for a source that is not there, or disabled | 404 | `not_found` | `unknown_source`, without a provider | |
//! | no signature, a malformed or repeated one, of another secret or body, too old, from the future, … | 401 | `signature_rejected` | [`providers::Rejection::code`] | yes |
//! | what can't be judged because the provider's certificate, key or API is out of reach | 503 | `unavailable` | `evidence_unavailable` | yes |
//! | genuine, but it can't be read: not UTF-8, nested too deep, an entity in XML, no id, … | 400 | `malformed_webhook` | `malformed_webhook` | yes |
//! | more than [`MAX_BODY_BYTES`], not verified | 413 | `payload_too_large` | `too_large` | yes |
//! | genuine, but noise that does not compress to what a message of SQS holds | 413 | `payload_too_large` | `too_large` | yes |
//! | genuine, but SQS does not answer: the provider tries again | 503 | `unavailable` | `queue_unavailable` | |
//! | anything while the table or KMS does not answer | 503 | `unavailable` | `source_unavailable`, without a provider | |
//! | `GET`, for a provider that asks nothing | 405 | `method_not_allowed` | `method_not_allowed` | |
//! | any other method, which the gateway routes nowhere | 405 | `method_not_allowed` | | |

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use domain::SourceId;
use http::{Code, Problem};
use intake::{Counters, Intake, Judged, LoadError, Refusal};
use jiff::SignedDuration;
use platform::{Aws, Clock, Entropy, Metrics, Settings, Vault};
use providers::Rejection;
use queue::{MAX_BODY_BYTES, Queue};
use relay::{Client, EgressPolicy, RETRY, Resolver, VIA};
use std::sync::Arc;
use store::Store;

/// The most that is read of a body: Lambda hands over requests of 6 MB. More than [`MAX_BODY_BYTES`] arrives only where API
/// Gateway does not have to write the body as base64.
const MAX_READ_BYTES: usize = 6 * 1024 * 1024;

/// How long a source and its secrets may be kept. A new secret works at once all the same: what a cached source
/// rejects is checked again with a fresh one. A source that was deleted or disabled is taken for that long.
pub const SOURCE_MAX_AGE: SignedDuration = SignedDuration::from_secs(60);

#[derive(Debug)]
pub struct Deps {
    pub intake: Intake,
    pub clock: Clock,
    pub entropy: Entropy,
}

impl Deps {
    #[expect(clippy::disallowed_methods, reason = "a function on AWS asks AWS's resolver")]
    pub fn from_settings(settings: &mut Settings) -> Self {
        let aws = Aws::from_settings(settings);
        let (clock, entropy) = (Clock::system(), Entropy::system());
        let metrics = Metrics::stdout(settings.required("PAYRELAY_SERVICE"), clock.clone());
        let parts = intake::Parts {
            store: Store::new(aws.dynamodb(), settings.required("PAYRELAY_TABLE")),
            events: Queue::new(aws.sqs(), settings.required("PAYRELAY_EVENTS_QUEUE_URL")),
            vault: Vault::kms(aws.kms(), settings.required("PAYRELAY_KMS_KEY_ID"), entropy.clone()),
            client: Client::new(EgressPolicy::strict(), intake::limits(), Resolver::system()),
            counters: Counters::new(metrics),
            clock: clock.clone(),
            entropy: entropy.clone(),
        };
        Self { intake: Intake::new(parts, SOURCE_MAX_AGE), clock, entropy }
    }
}

pub fn service(deps: Deps) -> Router {
    let entropy = deps.entropy.clone();
    let router = Router::new()
        .route("/webhooks/{source_id}", post(receive))
        .route("/webhooks/{source_id}", get(challenge))
        .with_state(Arc::new(deps));
    http::edge(router, entropy)
}

async fn receive(
    State(deps): State<Arc<Deps>>,
    Path(source_id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (intake, counters) = (&deps.intake, deps.intake.counters());
    let received_at = deps.clock.now();
    let (parts, body) = request.into_parts();
    deps.check_loop(&parts)?;
    let body = read_body(&parts, body).await.inspect_err(|_| counters.rejected(None, "too_large"))?;
    let source_id: SourceId = source_id.parse().map_err(|_| deps.not_loaded(LoadError::Unknown))?;
    let (url, headers) = (url(&parts), headers(&parts));
    let request =
        providers::Request { method: parts.method.as_str(), url: &url, headers: &headers, body: &body };
    let found = intake.source(&source_id).await.map_err(|error| deps.not_loaded(error))?;
    let judged = intake.judge(found, &request, received_at).await;
    let Judged { source, outcome } = judged.map_err(|error| deps.not_loaded(error))?;
    let provider = source.provider();
    let genuine = match outcome {
        Ok(genuine) => genuine,
        Err(refusal) => {
            let code = refusal.code();
            let reason = reason(&refusal);
            tracing::warn!(source = %source_id, provider = provider.id(), code, reason, "a webhook was rejected");
            counters.rejected(Some(provider.id()), code);
            intake.quarantine(&source, &request, received_at, code).await;
            return Err(refused(&refusal));
        }
    };
    intake.enqueue(genuine).await.map_err(|error| {
        counters.rejected(Some(provider.id()), "queue_unavailable");
        Problem::unavailable(error)
    })?;
    counters.accepted(provider.id());
    let accepted = provider.accepted();
    let status = StatusCode::from_u16(accepted.status).map_err(Problem::internal)?;
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static(accepted.content_type))];
    Ok(if accepted.body.is_empty() {
        status.into_response()
    } else {
        (status, content_type, accepted.body).into_response()
    })
}

/// Some providers ask, when an address is set up, for a proof that whoever answers there has the secret. Nothing is
/// recorded of that.
async fn challenge(
    State(deps): State<Arc<Deps>>,
    Path(source_id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let source_id: SourceId = source_id.parse().map_err(|_| deps.not_loaded(LoadError::Unknown))?;
    let found = deps.intake.source(&source_id).await.map_err(|error| deps.not_loaded(error))?;
    let source = found.source;
    let (url, headers) = (url(&parts), headers(&parts));
    let request =
        providers::Request { method: parts.method.as_str(), url: &url, headers: &headers, body: &[] };
    let secrets = source.secrets(deps.clock.now());
    let provider = source.provider();
    match provider.answer_challenge(&request, &secrets, source.settings()) {
        Some(Ok(answer)) => Ok(answer.into_response()),
        Some(Err(rejection)) => {
            let code = rejection.code();
            tracing::warn!(source = %source_id, provider = provider.id(), code, "a challenge was rejected");
            deps.intake.counters().rejected(Some(provider.id()), code);
            Err(refused(&Refusal::Rejected(rejection)))
        }
        None => {
            deps.intake.counters().rejected(Some(provider.id()), "method_not_allowed");
            Err(Problem::new(Code::MethodNotAllowed, "This source's provider sends its webhooks with POST.")
                .with_header(header::ALLOW, HeaderValue::from_static("POST")))
        }
    }
}

async fn read_body(parts: &Parts, body: Body) -> Result<Vec<u8>, Problem> {
    let declared =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|bytes: usize| bytes > MAX_READ_BYTES) {
        return Err(too_large());
    }
    let read = axum::body::to_bytes(body, MAX_READ_BYTES).await;
    read.map(Vec::from).map_err(|_| too_large())
}

fn headers(parts: &Parts) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// Marks, as an extension of the request, that it came over plain http, which only the local stack serves. Not a
/// header: those are the sender's to write.
#[derive(Debug, Clone, Copy)]
pub struct PlainHttp;

/// The address that the provider called, for those that sign it.
fn url(parts: &Parts) -> String {
    let scheme = if parts.extensions.get::<PlainHttp>().is_some() { "http" } else { "https" };
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    format!("{scheme}://{host}{path}")
}

impl Deps {
    /// Refuses what this stack has sent itself: an endpoint whose URL is our own webhook address, of a source that has
    /// the endpoint's secret. Before anything is read or kept: its signature is right, and so would be that of the next
    /// round.
    fn check_loop(&self, parts: &Parts) -> Result<(), Problem> {
        // API Gateway joins repeated headers with commas.
        let sent = parts.headers.get_all(VIA).iter().filter_map(|value| value.to_str().ok());
        let mut stacks = sent.flat_map(|value| value.split(',')).map(str::trim).peekable();
        if stacks.peek().is_none() || !self.intake.is_of_this_stack(stacks) {
            return Ok(());
        }
        self.intake.counters().rejected(None, "delivery_loop");
        let detail =
            "This is a delivery of the same Payrelay: the endpoint's URL must be one of your application's.";
        Err(Problem::new(Code::DeliveryLoop, detail).with_header(RETRY, HeaderValue::from_static("no")))
    }

    fn not_loaded(&self, error: LoadError) -> Problem {
        let (reason, problem) = match error {
            LoadError::Unknown => {
                ("unknown_source", Problem::new(Code::NotFound, "There is no active source by this id."))
            }
            LoadError::Store(error) => ("source_unavailable", error.into()),
            LoadError::Vault(error) => ("source_unavailable", error.into()),
        };
        self.intake.counters().rejected(None, reason);
        problem
    }
}

fn refused(refusal: &Refusal) -> Problem {
    let code = match refusal {
        Refusal::Rejected(Rejection::EvidenceUnavailable) => Code::Unavailable,
        Refusal::Rejected(_) => Code::SignatureRejected,
        Refusal::Malformed(_) => Code::MalformedWebhook,
        Refusal::TooLarge | Refusal::Incompressible => Code::PayloadTooLarge,
    };
    Problem::new(code, reason(refusal))
}

/// Quotes nothing of the request.
fn reason(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Rejected(rejection) => rejection.to_string(),
        Refusal::Malformed(malformed) => malformed.to_string(),
        Refusal::TooLarge => format!("A webhook's body is at most {} KiB.", MAX_BODY_BYTES / 1024),
        Refusal::Incompressible => {
            "The webhook is genuine, but its body does not compress to what a message can hold (756 KiB)."
                .to_owned()
        }
    }
}

fn too_large() -> Problem {
    Problem::new(Code::PayloadTooLarge, reason(&Refusal::TooLarge))
}
