//! `/v1/sources/{id}/secrets`: rotation without a gap. The new secret is added while the old ones are still
//! accepted, and these expire when the provider has switched over.

use crate::Deps;
use crate::input::{MAX_SECRETS, check_secret};
use crate::sources::{lost, provider_of};
use axum::extract::State;
use axum::response::Response;
use domain::{SealedSecret, SecretId, Source, SourceId};
use http::{Checks, Code, IfMatch, Json, List, Params, Path, Problem, SecretView};
use jiff::{SignedDuration, Timestamp};
use platform::SecretText;
use serde::Deserialize;
use store::Versioned;

/// Stripe, for one, keeps signing with the old secret for up to 24 h
/// (<https://docs.stripe.com/webhooks#roll-endpoint-secrets>).
const PREVIOUS_STAY: SignedDuration = SignedDuration::from_hours(24);

/// Not `Debug`: it holds a secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSecret {
    secret: String,
    #[serde(default)]
    previous_expires_at: Option<String>,
}

pub(crate) async fn list(
    State(deps): State<Deps>,
    Path(id): Path<SourceId>,
    params: Params,
) -> Result<List<SecretView>, Problem> {
    params.finish()?;
    let source = deps.find_source(&id).await?.value;
    let mut data: Vec<SecretView> = source.secrets.iter().map(SecretView::from).collect();
    data.reverse(); // newest first
    Ok(List { data, next_cursor: None })
}

pub(crate) async fn add(
    State(deps): State<Deps>,
    Path(id): Path<SourceId>,
    wanted: IfMatch,
    params: Params,
    Json(body): Json<NewSecret>,
) -> Result<Response, Problem> {
    params.finish()?;
    let Versioned { value: mut source, revision } = deps.find_source(&id).await?;
    wanted.check(revision)?;
    let now = deps.clock.now();
    let mut checks = Checks::new();
    check_secret(&mut checks, provider_of(&source)?, &source.settings, "/secret", &body.secret);
    let until = checks.future("/previous_expires_at", body.previous_expires_at.as_deref(), now);
    checks.finish()?;
    source.secrets.retain(|secret| secret.is_active(now));
    if source.secrets.len() >= MAX_SECRETS {
        let detail = format!("The source has {MAX_SECRETS} active secrets already: delete one first.");
        return Err(Problem::new(Code::Conflict, detail));
    }
    if deps.has_secret(&source, &body.secret).await? {
        let mut checks = Checks::new();
        checks.refuse("/secret", "is an active secret of the source already");
        checks.finish()?;
    }
    expire(&mut source.secrets, until.unwrap_or(now + PREVIOUS_STAY));
    let secret = deps.seal(&source.id, &SecretText::new(body.secret), now).await?;
    let view = SecretView::from(&secret);
    source.secrets.push(secret);
    source.updated_at = now;
    let revision = deps.store.replace_config(&source, revision).await.map_err(|e| lost(e, &wanted))?;
    Ok(http::created(&view, revision, &format!("/v1/sources/{id}/secrets/{}", view.id)))
}

impl Deps {
    /// Given again, a secret would be there twice, and the one that is to expire would go on to count. Who asks may
    /// change the source, and so learns nothing that he could not find out by signing a webhook.
    async fn has_secret(&self, source: &Source, text: &str) -> Result<bool, Problem> {
        for secret in &source.secrets {
            let known = self.vault.open(source.id.as_str(), &secret.sealed).await?;
            if known.expose() == text {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Those that would stay longer, or for ever.
fn expire(secrets: &mut [SealedSecret], until: Timestamp) {
    for secret in secrets {
        secret.expires_at = Some(secret.expires_at.map_or(until, |at| at.min(until)));
    }
}

pub(crate) async fn delete(
    State(deps): State<Deps>,
    Path((id, secret)): Path<(SourceId, SecretId)>,
    wanted: IfMatch,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    let Versioned { value: mut source, revision } = deps.find_source(&id).await?;
    if !source.secrets.iter().any(|other| other.id == secret) {
        return Err(Problem::not_found());
    }
    wanted.check(revision)?;
    source.secrets.retain(|other| other.id != secret);
    let now = deps.clock.now();
    if !source.secrets.iter().any(|other| other.is_active(now)) {
        let detail = "This is the last active secret, without which every webhook is refused. Add another first, \
                      or disable the source.";
        return Err(Problem::new(Code::Conflict, detail));
    }
    source.updated_at = now;
    deps.store.replace_config(&source, revision).await.map_err(|e| lost(e, &wanted))?;
    Ok(http::no_content())
}
