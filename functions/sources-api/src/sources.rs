//! `/v1/sources`.

use crate::Deps;
use crate::input::{Checked, NewSource, SourceReplacement};
use axum::extract::State;
use axum::response::Response;
use domain::{
    SealedSecret, SecretId, Source, SourceId, SourceStatus, format_time, serde_time, serde_time_option,
};
use http::{IfMatch, IfNoneMatch, Json, Paged, Params, Path, Problem, SecretView};
use jiff::Timestamp;
use platform::SecretText;
use providers::{Covers, Provider};
use serde::Serialize;
use std::collections::BTreeMap;
use store::{StoreError, Versioned};

#[derive(Debug, Serialize)]
pub(crate) struct SourceView {
    id: SourceId,
    object: &'static str,
    provider: String,
    /// Whether the provider's rules are not fully known.
    experimental: bool,
    /// What a genuine signature proves of its webhooks: where that is nothing, they move no money by themselves.
    covers: Covers,
    name: String,
    status: SourceStatus,
    /// Where the provider is to send its webhooks.
    webhook_url: String,
    secrets: Vec<SecretView>,
    settings: BTreeMap<String, String>,
    /// The key for the provider's API, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_credential: Option<CredentialView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    silent_after_hours: Option<u16>,
    /// When its last event was received, or up to ten minutes earlier ([`domain::LAST_EVENT_ACCURACY`]).
    #[serde(with = "serde_time_option", skip_serializing_if = "Option::is_none")]
    last_event_at: Option<Timestamp>,
    #[serde(with = "serde_time")]
    created_at: Timestamp,
    #[serde(with = "serde_time")]
    updated_at: Timestamp,
}

/// What may be shown of a credential.
#[derive(Debug, Serialize)]
struct CredentialView {
    hint: String,
    #[serde(with = "serde_time")]
    created_at: Timestamp,
}

pub(crate) async fn list(State(deps): State<Deps>, mut params: Params) -> Result<Paged, Problem> {
    let paging = params.page(&deps.cursors);
    params.finish()?;
    let page = deps.store.configs::<Source>(&paging.request).await?;
    let activity = deps.store.activity_of(page.readable().map(|stored| &stored.value.id)).await?;
    let last_event_at =
        |source: &Source| activity.get(&source.id).and_then(|activity| activity.last_event_at);
    Ok(paging.list(page.map(|stored| deps.view(&stored.value, last_event_at(&stored.value)))))
}

pub(crate) async fn get(
    State(deps): State<Deps>,
    Path(id): Path<SourceId>,
    known: IfNoneMatch,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    let stored = deps.find_source(&id).await?;
    let last_event_at = deps.store.activity(&id).await?.last_event_at;
    let view = deps.view(&stored.value, last_event_at);
    Ok(http::ok_with(&view, stored.revision, last_event_at.map(format_time).as_ref(), Some(&known)))
}

pub(crate) async fn create(
    State(deps): State<Deps>,
    params: Params,
    Json(body): Json<NewSource>,
) -> Result<Response, Problem> {
    params.finish()?;
    let Checked { provider, name, secrets, settings, status, api_credential, silent_after_hours } =
        body.check()?;
    let now = deps.clock.now();
    let id = SourceId::mint(deps.entropy.uuid_v7(now));
    let secrets = deps.seal_all(&id, secrets.unwrap_or_default(), now).await?;
    let api_credential = deps.seal_credential(&id, api_credential.flatten(), now).await?;
    let source = Source {
        id,
        provider: provider.id().to_owned(),
        name,
        status,
        secrets,
        settings,
        api_credential,
        silent_after_hours,
        created_at: now,
        updated_at: now,
    };
    let revision = deps.store.create_config(&source).await?;
    Ok(http::created(&deps.view(&source, None), revision, &format!("/v1/sources/{}", source.id)))
}

/// The provider stays: the ids of payments and events rest on what the source is an account of.
pub(crate) async fn replace(
    State(deps): State<Deps>,
    Path(id): Path<SourceId>,
    wanted: IfMatch,
    params: Params,
    Json(body): Json<SourceReplacement>,
) -> Result<Response, Problem> {
    params.finish()?;
    let Versioned { value: mut source, revision } = deps.find_source(&id).await?;
    wanted.check(revision)?;
    let provider = provider_of(&source)?;
    let Checked { name, secrets, settings, status, api_credential, silent_after_hours, provider: _ } =
        body.check(provider, source.api_credential.is_some())?;
    let now = deps.clock.now();
    if let Some(secrets) = secrets {
        source.secrets = deps.seal_all(&source.id, secrets, now).await?;
    }
    if let Some(given) = api_credential {
        source.api_credential = deps.seal_credential(&source.id, given, now).await?;
    }
    source = Source { name, settings, status, silent_after_hours, updated_at: now, ..source };
    let revision = deps.store.replace_config(&source, revision).await.map_err(|e| lost(e, &wanted))?;
    let last_event_at = deps.store.activity(&source.id).await?.last_event_at;
    let view = deps.view(&source, last_event_at);
    Ok(http::ok_with(&view, revision, last_event_at.map(format_time).as_ref(), None))
}

/// Its payments and events stay; its webhook URL answers 404, on AWS within a minute (`webhook` keeps sources that long).
pub(crate) async fn delete(
    State(deps): State<Deps>,
    Path(id): Path<SourceId>,
    wanted: IfMatch,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    let stored = deps.find_source(&id).await?;
    wanted.check(stored.revision)?;
    let expected = wanted.expected(stored.revision);
    let deleted = deps.store.delete_config::<Source>(id.as_str(), expected).await;
    if deleted.map_err(|error| lost(error, &wanted))? {
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

pub(crate) fn provider_of(source: &Source) -> Result<&'static Provider, Problem> {
    Provider::find(&source.provider)
        .ok_or_else(|| Problem::internal(format!("source {} is of an unknown provider", source.id)))
}

impl Deps {
    fn view(&self, source: &Source, last_event_at: Option<Timestamp>) -> SourceView {
        // One that this release no longer has verifies nothing.
        let provider = Provider::find(&source.provider);
        SourceView {
            id: source.id.clone(),
            object: "source",
            provider: source.provider.clone(),
            experimental: provider.is_some_and(Provider::is_experimental),
            covers: provider.map_or(Covers::None, |provider| provider.covers_with(&source.settings)),
            name: source.name.clone(),
            status: source.status,
            webhook_url: format!("{}/webhooks/{}", self.public_url, source.id),
            secrets: source.secrets.iter().map(SecretView::from).collect(),
            settings: source.settings.clone(),
            api_credential: source.api_credential.as_ref().map(|credential| CredentialView {
                hint: credential.hint.clone(),
                created_at: credential.created_at,
            }),
            silent_after_hours: source.silent_after_hours,
            last_event_at,
            created_at: source.created_at,
            updated_at: source.updated_at,
        }
    }

    pub(crate) async fn find_source(&self, id: &SourceId) -> Result<Versioned<Source>, Problem> {
        self.store.config(id.as_str()).await?.ok_or_else(Problem::not_found)
    }

    async fn seal_all(
        &self,
        owner: &SourceId,
        secrets: Vec<SecretText>,
        now: Timestamp,
    ) -> Result<Vec<SealedSecret>, Problem> {
        let mut sealed = Vec::with_capacity(secrets.len());
        for secret in &secrets {
            sealed.push(self.seal(owner, secret, now).await?);
        }
        Ok(sealed)
    }

    async fn seal_credential(
        &self,
        owner: &SourceId,
        credential: Option<SecretText>,
        now: Timestamp,
    ) -> Result<Option<SealedSecret>, Problem> {
        match credential {
            Some(text) => Ok(Some(self.seal(owner, &text, now).await?)),
            None => Ok(None),
        }
    }

    pub(crate) async fn seal(
        &self,
        owner: &SourceId,
        secret: &SecretText,
        now: Timestamp,
    ) -> Result<SealedSecret, Problem> {
        Ok(SealedSecret {
            id: SecretId::mint(self.entropy.uuid_v7(now)),
            hint: secret.hint(),
            sealed: self.vault.seal(owner.as_str(), secret).await?,
            created_at: now,
            expires_at: None,
        })
    }
}
