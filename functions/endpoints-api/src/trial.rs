//! `/v1/endpoints/{id}/test` and `/match`: what would happen, without anything that happens.

use crate::{Deps, poll::Message};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use destinations::About;
use domain::{Attempt, Candidate, Endpoint, EndpointId, EventId, EventType, Reason, TestId, serde_time};
use http::{Checks, Json, Params, Path, Problem};
use jiff::Timestamp;
use relay::{Body, OpenError, Place, Target};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;

/// Somebody waits for the answer, and the function itself has 28 s.
const MAX_WAIT: Duration = Duration::from_secs(10);

#[derive(Debug, Serialize)]
struct TestView {
    /// What was sent as `webhook-id`.
    id: TestId,
    object: &'static str,
    endpoint: EndpointId,
    #[serde(with = "serde_time")]
    created_at: Timestamp,
    /// Absent where nothing is called: the client polls.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<Attempt>,
    /// What a poll would answer, for an endpoint that is polled.
    #[serde(flatten)]
    message: Option<Message>,
}

/// Sends one signed `endpoint.test` and tells what came of it, as an attempt's record would. Nothing is recorded and
/// nothing follows: not even 410 disables the endpoint. One that is disabled can be tested before it is enabled. Where
/// there is nowhere to send it, it is answered, signed: to put it into the mailbox would be to record it.
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
    let (attempt, message) = if target.destination == Place::Poll {
        (None, Some(signed.into()))
    } else {
        let about = About {
            id: test.as_str(),
            event: None,
            event_type: EventType::EndpointTest,
            time: at,
            replay: None,
            asked_for: None,
        };
        let sent = deps.sender.send(&target.destination, signed, &about, target.timeout.min(MAX_WAIT)).await;
        let answer = sent.ok_or_else(Problem::not_found)?;
        (Some(answer.attempt(1, at, relay::classify(&answer, deps.clock.now()), true)), None)
    };
    let view = TestView { id: test, object: "endpoint_test", endpoint: id, created_at: at, attempt, message };
    Ok(http::json(StatusCode::OK, &view))
}

pub(crate) async fn open(deps: &Deps, endpoint: &Endpoint, at: Timestamp) -> Result<Target, Problem> {
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
