//! `/v1/endpoints`.

use crate::Deps;
use crate::input::{Brought, EndpointReplacement, Identity, NewEndpoint};
use crate::secrets::EndpointSecretView;
use axum::extract::State;
use axum::response::Response;
use domain::{
    BreakerState, Conditions, CustomHeaders, Destination, Encoding, Endpoint, EndpointFormat, EndpointId,
    EndpointLimits, EndpointStatus, EventTypePattern, HeaderHint, Health, RetrySchedule, Signing, SourceId,
    Standing, serde_time, serde_time_option,
};
use http::{Code, IfMatch, IfNoneMatch, Json, Paged, Params, Path, Problem};
use jiff::Timestamp;
use platform::SecretText;
use relay::{SigningKey, SigningSecret};
use serde::Serialize;
use std::collections::BTreeMap;
use store::{StoreError, Versioned};

#[derive(Debug, Serialize)]
pub(crate) struct EndpointView {
    id: EndpointId,
    object: &'static str,
    #[serde(flatten)]
    destination: Destination,
    name: String,
    event_types: Vec<EventTypePattern>,
    sources: Vec<SourceId>,
    conditions: Conditions,
    format: EndpointFormat,
    encoding: Encoding,
    signing: Vec<Signing>,
    headers: Vec<HeaderHint>,
    retry_schedule: RetrySchedule,
    timeout_seconds: u8,
    limits: EndpointLimits,
    status: EndpointStatus,
    health: HealthView,
    secrets: Vec<EndpointSecretView>,
    #[serde(with = "serde_time")]
    created_at: Timestamp,
    #[serde(with = "serde_time")]
    updated_at: Timestamp,
}

/// The answer to the creation: the only one that holds the secret. Not `Debug`.
#[derive(Serialize)]
struct CreatedEndpoint<'a> {
    #[serde(flatten)]
    endpoint: EndpointView,
    /// Absent where deliveries are signed with a key pair alone, whose public half is among the `secrets`.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

/// What the circuit breaker knows, and whether the endpoint is slow.
#[derive(Debug, Serialize)]
struct HealthView {
    state: BreakerState,
    consecutive_failures: u32,
    #[serde(with = "serde_time_option", skip_serializing_if = "Option::is_none")]
    failing_since: Option<Timestamp>,
    #[serde(with = "serde_time_option", skip_serializing_if = "Option::is_none")]
    next_probe_at: Option<Timestamp>,
    #[serde(with = "serde_time_option", skip_serializing_if = "Option::is_none")]
    slow_until: Option<Timestamp>,
}

impl HealthView {
    fn new(standing: &Standing, now: Timestamp) -> Self {
        let health = standing.health.as_ref();
        Self {
            state: health.map_or(BreakerState::Closed, |health| health.state(now)),
            consecutive_failures: health.map_or(0, |health| health.consecutive_failures),
            failing_since: health.map(|health| health.failing_since),
            next_probe_at: health.and_then(|health| health.next_probe_at),
            slow_until: standing.slow_until.filter(|_| standing.is_slow(now)),
        }
    }

    /// Whether it says more than that all is well.
    fn is_remarkable(&self) -> bool {
        self.consecutive_failures > 0 || self.slow_until.is_some()
    }
}

impl EndpointView {
    /// `failing` is not stored with the endpoint: it is what its health amounts to, and ends with it.
    fn new(endpoint: &Endpoint, standing: &Standing, now: Timestamp) -> Self {
        let status = match endpoint.status {
            EndpointStatus::Active if standing.health.as_ref().is_some_and(Health::is_failing) => {
                EndpointStatus::Failing
            }
            status => status,
        };
        Self {
            id: endpoint.id.clone(),
            object: "endpoint",
            destination: endpoint.destination.clone(),
            name: endpoint.name.clone(),
            event_types: endpoint.event_types.clone(),
            sources: endpoint.sources.clone(),
            conditions: endpoint.conditions.clone(),
            format: endpoint.format,
            encoding: endpoint.encoding,
            signing: endpoint.signing.clone(),
            headers: endpoint.headers.as_ref().map(|headers| headers.shown.clone()).unwrap_or_default(),
            retry_schedule: endpoint.schedule(),
            timeout_seconds: endpoint.timeout_seconds,
            limits: endpoint.limits,
            status,
            health: HealthView::new(standing, now),
            secrets: endpoint.secrets.iter().map(EndpointSecretView::from).collect(),
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }
}

pub(crate) async fn list(State(deps): State<Deps>, mut params: Params) -> Result<Paged, Problem> {
    let paging = params.page(&deps.cursors);
    params.finish()?;
    let page = deps.store.configs::<Endpoint>(&paging.request).await?;
    let standings = deps.store.standings(page.readable().map(|stored| &stored.value.id)).await?;
    let now = deps.clock.now();
    let well = Standing::default();
    let view =
        |endpoint: &Endpoint| EndpointView::new(endpoint, standings.get(&endpoint.id).unwrap_or(&well), now);
    Ok(paging.list(page.map(|stored| view(&stored.value))))
}

pub(crate) async fn get(
    State(deps): State<Deps>,
    Path(id): Path<EndpointId>,
    known: IfNoneMatch,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    let stored = deps.find_endpoint(&id).await?;
    let standing = deps.store.standing(&id, true).await?;
    let view = EndpointView::new(&stored.value, &standing, deps.clock.now());
    let more = Some(&view.health).filter(|health| health.is_remarkable());
    Ok(http::ok_with(&view, stored.revision, more, Some(&known)))
}

pub(crate) async fn create(
    State(deps): State<Deps>,
    params: Params,
    Json(body): Json<NewEndpoint>,
) -> Result<Response, Problem> {
    params.finish()?;
    let (mut checked, Brought { secret, key }) = body.check(&deps).await?;
    let now = deps.clock.now();
    let id = EndpointId::mint(deps.entropy.uuid_v7(now));
    let (mut secrets, mut shown) = (Vec::new(), None);
    if checked.signing.contains(&Signing::V1) {
        let secret = secret.unwrap_or_else(|| SigningSecret::generate(deps.entropy.bytes()));
        let text = SecretText::new(secret.to_text());
        secrets.push(deps.seal_secret(&id, &text, now).await?);
        shown = Some(text);
    }
    if checked.signing.contains(&Signing::V1a) {
        let key = key.unwrap_or_else(|| SigningKey::generate(deps.entropy.bytes()));
        secrets.push(deps.seal_key(&id, &key, now).await?);
    }
    let headers = deps.seal_headers(&id, checked.headers.take().unwrap_or_default()).await?;
    let endpoint = checked.into_endpoint(Identity { id, headers, secrets, created_at: now, updated_at: now });
    let revision = deps.store.create_config(&endpoint).await?;
    let secret = shown.as_ref().map(SecretText::expose);
    let answer =
        CreatedEndpoint { endpoint: EndpointView::new(&endpoint, &Standing::default(), now), secret };
    Ok(http::created(&answer, revision, &format!("/v1/endpoints/{}", endpoint.id)))
}

/// Its secrets stay; a failing endpoint starts afresh: its deliveries are tried again as they come up.
pub(crate) async fn replace(
    State(deps): State<Deps>,
    Path(id): Path<EndpointId>,
    wanted: IfMatch,
    params: Params,
    Json(body): Json<EndpointReplacement>,
) -> Result<Response, Problem> {
    params.finish()?;
    let Versioned { value: stored, revision } = deps.find_endpoint(&id).await?;
    wanted.check(revision)?;
    let mut checked = body.check(&deps, |signing| stored.has_lasting_secret(signing)).await?;
    if stored.destination == Destination::Poll && checked.destination != Destination::Poll {
        // Whatever waits to be fetched then, nobody would fetch.
        let detail = "An endpoint of type `poll` stays one: make another for another type.";
        return Err(Problem::new(Code::Conflict, detail));
    }
    let headers = match checked.headers.take() {
        Some(headers) => deps.seal_headers(&id, headers).await?,
        None => stored.headers.filter(|_| checked.takes_headers()),
    };
    let endpoint = checked.into_endpoint(Identity {
        id: stored.id,
        headers,
        secrets: stored.secrets,
        created_at: stored.created_at,
        updated_at: deps.clock.now(),
    });
    // First: without its replacement an endpoint that is counted afresh is soon found failing again, whereas an old
    // count could disable the new one at its first failure.
    deps.store.forget_standing(&endpoint.id).await?;
    let revision = deps.store.replace_config(&endpoint, revision).await.map_err(|e| lost(e, &wanted))?;
    let view = EndpointView::new(&endpoint, &Standing::default(), endpoint.updated_at);
    Ok(http::ok(&view, revision, None))
}

/// Deliveries that still wait for it are canceled when their time comes. What waits for a client that polls has no such time:
/// it stays `pending` until it expires (ADR 0024).
pub(crate) async fn delete(
    State(deps): State<Deps>,
    Path(id): Path<EndpointId>,
    wanted: IfMatch,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    let stored = deps.find_endpoint(&id).await?;
    wanted.check(stored.revision)?;
    let expected = wanted.expected(stored.revision);
    let deleted = deps.store.delete_config::<Endpoint>(id.as_str(), expected).await;
    if deleted.map_err(|error| lost(error, &wanted))? {
        deps.store.forget_standing(&id).await?;
        Ok(http::no_content())
    } else {
        Err(Problem::not_found())
    }
}

pub(crate) fn lost(error: StoreError, wanted: &IfMatch) -> Problem {
    match error {
        StoreError::Conflict => wanted.lost(),
        error => error.into(),
    }
}

impl Deps {
    pub(crate) async fn find_endpoint(&self, id: &EndpointId) -> Result<Versioned<Endpoint>, Problem> {
        self.store.config(id.as_str()).await?.ok_or_else(Problem::not_found)
    }

    async fn seal_headers(
        &self,
        id: &EndpointId,
        headers: BTreeMap<String, String>,
    ) -> Result<Option<CustomHeaders>, Problem> {
        if headers.is_empty() {
            return Ok(None);
        }
        let text = serde_json::to_string(&headers).map_err(Problem::internal)?;
        let sealed = self.vault.seal(id.as_str(), &SecretText::new(text)).await?;
        let shown = headers
            .into_iter()
            .map(|(name, value)| HeaderHint { name, hint: SecretText::new(value).hint() })
            .collect();
        Ok(Some(CustomHeaders { shown, sealed }))
    }
}
