//! `/v1/endpoints`.

use crate::Deps;
use crate::input::{Checked, EndpointReplacement, NewEndpoint};
use axum::extract::State;
use axum::response::Response;
use domain::{
    Endpoint, EndpointFormat, EndpointId, EndpointStatus, EventTypePattern, SealedSecret, SecretId, SourceId,
    serde_time,
};
use http::{IfMatch, IfNoneMatch, Json, List, Params, Path, Problem, SecretView};
use jiff::Timestamp;
use platform::SecretText;
use relay::SigningSecret;
use serde::Serialize;
use store::{Page, StoreError, Versioned};

#[derive(Debug, Serialize)]
pub(crate) struct EndpointView {
    id: EndpointId,
    object: &'static str,
    url: String,
    name: String,
    event_types: Vec<EventTypePattern>,
    sources: Vec<SourceId>,
    format: EndpointFormat,
    status: EndpointStatus,
    secrets: Vec<SecretView>,
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
    secret: &'a str,
}

impl From<&Endpoint> for EndpointView {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            id: endpoint.id.clone(),
            object: "endpoint",
            url: endpoint.url.clone(),
            name: endpoint.name.clone(),
            event_types: endpoint.event_types.clone(),
            sources: endpoint.sources.clone(),
            format: endpoint.format,
            status: endpoint.status,
            secrets: endpoint.secrets.iter().map(SecretView::from).collect(),
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }
}

pub(crate) async fn list(
    State(deps): State<Deps>,
    mut params: Params,
) -> Result<List<EndpointView>, Problem> {
    let paging = params.page(&deps.cursors);
    params.finish()?;
    let page = deps.store.configs::<Endpoint>(&paging.request).await?;
    let items = page.items.iter().map(|stored| EndpointView::from(&stored.value)).collect();
    Ok(paging.list(Page { items, next: page.next }))
}

pub(crate) async fn get(
    State(deps): State<Deps>,
    Path(id): Path<EndpointId>,
    known: IfNoneMatch,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    let stored = deps.find_endpoint(&id).await?;
    Ok(http::ok(&EndpointView::from(&stored.value), stored.revision, Some(&known)))
}

pub(crate) async fn create(
    State(deps): State<Deps>,
    params: Params,
    Json(body): Json<NewEndpoint>,
) -> Result<Response, Problem> {
    params.finish()?;
    let Checked { url, name, event_types, sources, format, status, secret } = body.check(&deps).await?;
    let now = deps.clock.now();
    let id = EndpointId::mint(deps.entropy.uuid_v7(now));
    let secret = secret.unwrap_or_else(|| SigningSecret::generate(deps.entropy.bytes()));
    let secret = SecretText::new(secret.to_text());
    let sealed = SealedSecret {
        id: SecretId::mint(deps.entropy.uuid_v7(now)),
        hint: secret.hint(),
        sealed: deps.vault.seal(id.as_str(), &secret).await?,
        created_at: now,
        expires_at: None,
    };
    let endpoint = Endpoint {
        id,
        url,
        name,
        event_types,
        sources,
        format,
        status,
        secrets: vec![sealed],
        created_at: now,
        updated_at: now,
    };
    let revision = deps.store.create_config(&endpoint).await?;
    let answer = CreatedEndpoint { endpoint: EndpointView::from(&endpoint), secret: secret.expose() };
    Ok(http::created(&answer, revision, &format!("/v1/endpoints/{}", endpoint.id)))
}

/// Its secrets stay; a failing endpoint that is set to `active` starts afresh.
pub(crate) async fn replace(
    State(deps): State<Deps>,
    Path(id): Path<EndpointId>,
    wanted: IfMatch,
    params: Params,
    Json(body): Json<EndpointReplacement>,
) -> Result<Response, Problem> {
    params.finish()?;
    let stored = deps.find_endpoint(&id).await?;
    wanted.check(stored.revision)?;
    let Checked { url, name, event_types, sources, format, status, secret: _ } = body.check(&deps).await?;
    let Endpoint { id, secrets, created_at, .. } = stored.value;
    let updated_at = deps.clock.now();
    let endpoint =
        Endpoint { id, url, name, event_types, sources, format, status, secrets, created_at, updated_at };
    let revision =
        deps.store.replace_config(&endpoint, stored.revision).await.map_err(|e| lost(e, &wanted))?;
    Ok(http::ok(&EndpointView::from(&endpoint), revision, None))
}

/// Deliveries that still wait for it are canceled when their time comes.
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
        Ok(http::no_content())
    } else {
        Err(Problem::not_found())
    }
}

fn lost(error: StoreError, wanted: &IfMatch) -> Problem {
    match error {
        StoreError::Conflict => wanted.lost(),
        error => error.into(),
    }
}

impl Deps {
    async fn find_endpoint(&self, id: &EndpointId) -> Result<Versioned<Endpoint>, Problem> {
        self.store.config(id.as_str()).await?.ok_or_else(Problem::not_found)
    }
}
