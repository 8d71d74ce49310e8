//! `/v1/api-keys`. A key is never changed: it is made, and it is revoked.

use crate::Deps;
use axum::extract::State;
use axum::response::Response;
use domain::{ApiKey, ApiKeyId, Scope, serde_time, serde_time_option};
use http::{Checks, IfMatch, IfNoneMatch, Json, NewKey, Paged, Params, Path, Problem};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::Versioned;

const MAX_NAME_CHARS: usize = 200;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewApiKey {
    name: String,
    scopes: Vec<Scope>,
    #[serde(default)]
    expires_at: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ApiKeyView {
    id: ApiKeyId,
    object: &'static str,
    name: String,
    scopes: Vec<Scope>,
    #[serde(with = "serde_time")]
    created_at: Timestamp,
    #[serde(with = "serde_time_option", skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

/// The answer to the creation: the only one that holds the key. Not `Debug`.
#[derive(Serialize)]
struct CreatedApiKey<'a> {
    #[serde(flatten)]
    api_key: ApiKeyView,
    key: &'a str,
}

impl From<&ApiKey> for ApiKeyView {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id.clone(),
            object: "api_key",
            name: key.name.clone(),
            scopes: key.scopes.clone(),
            created_at: key.created_at,
            expires_at: key.expires_at,
        }
    }
}

pub(crate) async fn list(State(deps): State<Deps>, mut params: Params) -> Result<Paged, Problem> {
    let paging = params.page(&deps.cursors);
    params.finish()?;
    let page = deps.store.configs::<ApiKey>(&paging.request).await?;
    Ok(paging.list(page.map(|stored| ApiKeyView::from(&stored.value))))
}

pub(crate) async fn get(
    State(deps): State<Deps>,
    Path(id): Path<ApiKeyId>,
    known: IfNoneMatch,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    let stored = deps.find_key(&id).await?;
    Ok(http::ok(&ApiKeyView::from(&stored.value), stored.revision, Some(&known)))
}

pub(crate) async fn create(
    State(deps): State<Deps>,
    params: Params,
    Json(body): Json<NewApiKey>,
) -> Result<Response, Problem> {
    params.finish()?;
    let now = deps.clock.now();
    let NewApiKey { name, mut scopes, expires_at } = body;
    let mut checks = Checks::new();
    checks.label("/name", &name, MAX_NAME_CHARS);
    checks.count("/scopes", &scopes, 1, Scope::ALL.len());
    let expires_at = checks.future("/expires_at", expires_at.as_deref(), now);
    checks.finish()?;
    scopes.sort_unstable();
    scopes.dedup();
    let NewKey { record, text } = NewKey::make(&deps.entropy, now, name, scopes, expires_at);
    let revision = deps.store.create_config(&record).await?;
    let answer = CreatedApiKey { api_key: ApiKeyView::from(&record), key: text.expose() };
    Ok(http::created(&answer, revision, &format!("/v1/api-keys/{}", record.id)))
}

/// Revokes: the next request with the key is refused.
pub(crate) async fn delete(
    State(deps): State<Deps>,
    Path(id): Path<ApiKeyId>,
    wanted: IfMatch,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    let stored = deps.find_key(&id).await?;
    wanted.check(stored.revision)?; // a key has one revision, so nothing can change between here and there
    if deps.store.delete_config::<ApiKey>(id.as_str(), None).await? {
        Ok(http::no_content())
    } else {
        Err(Problem::not_found())
    }
}

impl Deps {
    async fn find_key(&self, id: &ApiKeyId) -> Result<Versioned<ApiKey>, Problem> {
        self.store.config(id.as_str()).await?.ok_or_else(Problem::not_found)
    }
}
