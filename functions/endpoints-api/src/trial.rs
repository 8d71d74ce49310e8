//! `/v1/endpoints/{id}/test` and `/match`: what would happen, without anything that happens.

use crate::Deps;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::{Attempt, Candidate, Endpoint, EndpointId, EventId, Reason, TestId, serde_time};
use http::{Checks, Json, Params, Path, Problem};
use jiff::Timestamp;
use relay::{Body, OpenError, Place, Target};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;

/// Somebody waits for the answer, and the function itself has 15 s.
const MAX_WAIT: Duration = Duration::from_secs(10);

#[derive(Debug, Serialize)]
struct TestView {
    /// What was sent as `webhook-id`.
    id: TestId,
    object: &'static str,
    endpoint: EndpointId,
    #[serde(with = "serde_time")]
    created_at: Timestamp,
    attempt: Attempt,
}

/// Sends one signed `endpoint.test` and tells what came of it, as an attempt's record would. Nothing is recorded and
/// nothing follows: not even 410 disables the endpoint. One that is disabled can be tested before it is enabled.
pub(crate) async fn test(
    State(deps): State<Deps>,
    Path(id): Path<EndpointId>,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    let endpoint = deps.find_endpoint(&id).await?.value;
    let at = deps.clock.now();
    let target = open(&deps, &endpoint, at).await?;
    let test = TestId::mint(deps.entropy.uuid_v7(at));
    let (content_type, body) = target.format.test_body(&id, &test, at);
    let body = Body::new(content_type, body);
    let signed = target.sign(test.as_str(), at, body).map_err(Problem::internal)?;
    let Place::Http(url) = &target.destination else { return Err(Problem::not_found()) };
    let answer = deps.client.post_within(signed.to(url.clone()), target.timeout.min(MAX_WAIT)).await;
    let attempt = answer.attempt(1, at, relay::classify(&answer, deps.clock.now()), true);
    let view = TestView { id: test, object: "endpoint_test", endpoint: id, created_at: at, attempt };
    Ok(http::json(StatusCode::OK, &view))
}

async fn open(deps: &Deps, endpoint: &Endpoint, at: Timestamp) -> Result<Target, Problem> {
    let unseal = async |sealed: String| {
        deps.vault.open(endpoint.id.as_str(), &sealed).await.map(|text| text.expose().to_owned())
    };
    Target::open(endpoint, at, unseal).await.map_err(|error| match error {
        OpenError::Sealed(_, error) => error.into(),
        OpenError::Invalid(_) => Problem::internal(error),
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    #[serde(default)]
    event: Option<String>,
    /// In `standard` format.
    #[serde(default)]
    payload: Option<Map<String, Value>>,
}

#[derive(Debug, Serialize)]
struct MatchView {
    object: &'static str,
    matches: bool,
    reasons: Vec<Reason>,
}

/// Whether an event would be delivered to the endpoint if it were recorded now, and what each part of the filter says.
pub(crate) async fn matching(
    State(deps): State<Deps>,
    Path(id): Path<EndpointId>,
    params: Params,
    Json(question): Json<Question>,
) -> Result<Response, Problem> {
    params.finish()?;
    let endpoint = deps.find_endpoint(&id).await?.value;
    let mut checks = Checks::new();
    let record = match (question.event, &question.payload) {
        (Some(text), None) => match text.parse::<EventId>() {
            Ok(event) => {
                let record = deps.store.event(&event).await?;
                if record.is_none() {
                    checks.refuse("/event", "there is no event by this id");
                }
                record
            }
            Err(error) => {
                checks.refuse("/event", error);
                None
            }
        },
        (None, Some(_)) => None,
        _ => {
            checks.refuse("", "expected either `event` or `payload`");
            None
        }
    };
    checks.finish()?;
    let reasons = match &record {
        Some(record) => endpoint.judge(&Candidate::event(&record.event)),
        None => endpoint.judge(&Candidate::payload(Value::Object(question.payload.unwrap_or_default()))),
    };
    let matches = reasons.iter().all(|reason| reason.holds);
    Ok(http::json(StatusCode::OK, &MatchView { object: "match", matches, reasons }))
}
