//! `/v1/endpoints/{id}/secrets`: rotation without a gap. Deliveries carry a signature by the new secret and by each
//! old one until that expires, so that a receiver may change over at any moment in between.

use crate::Deps;
use crate::endpoints::lost;
use crate::input::{check_key, check_secret};
use axum::extract::State;
use axum::response::Response;
use domain::{
    Endpoint, EndpointId, EndpointSecret, SealedSecret, SecretId, Signing, serde_time, serde_time_option,
};
use http::{Checks, Code, IfMatch, Json, List, Params, Path, Problem};
use jiff::{SignedDuration, Timestamp};
use platform::SecretText;
use relay::{SigningKey, SigningSecret};
use serde::{Deserialize, Serialize};
use store::Versioned;

/// Each adds a signature to every delivery.
const MAX_SECRETS: usize = 10;
const PREVIOUS_STAY: SignedDuration = SignedDuration::from_hours(24);

/// A secret as it is shown after it was stored.
#[derive(Debug, Serialize)]
pub(crate) struct EndpointSecretView {
    id: SecretId,
    object: &'static str,
    signing: Signing,
    /// Of a key pair, the last characters of its public half.
    hint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    #[serde(with = "serde_time")]
    created_at: Timestamp,
    #[serde(with = "serde_time_option", skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

impl From<&EndpointSecret> for EndpointSecretView {
    fn from(secret: &EndpointSecret) -> Self {
        Self {
            id: secret.sealed.id.clone(),
            object: "secret",
            signing: secret.signing(),
            hint: secret.sealed.hint.clone(),
            public_key: secret.public_key.clone(),
            created_at: secret.sealed.created_at,
            expires_at: secret.sealed.expires_at,
        }
    }
}

/// Not `Debug`: it may hold a secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSecret {
    #[serde(default = "v1")]
    signing: Signing,
    /// Generated unless given.
    #[serde(default)]
    secret: Option<String>,
    #[serde(default)]
    private_key: Option<String>,
    #[serde(default)]
    previous_expires_at: Option<String>,
}

fn v1() -> Signing {
    Signing::V1
}

/// The only answer that holds the secret. Not `Debug`.
#[derive(Serialize)]
struct AddedSecret<'a> {
    #[serde(flatten)]
    view: EndpointSecretView,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

enum Material {
    Secret(SigningSecret),
    Key(SigningKey),
}

impl NewSecret {
    fn material(&self, checks: &mut Checks, deps: &Deps) -> Option<Material> {
        match self.signing {
            Signing::V1 => {
                if self.private_key.is_some() {
                    checks.refuse("/private_key", "is for `v1a`");
                }
                match &self.secret {
                    Some(text) => check_secret(checks, "/secret", text).map(Material::Secret),
                    None => Some(Material::Secret(SigningSecret::generate(deps.entropy.bytes()))),
                }
            }
            Signing::V1a => {
                if self.secret.is_some() {
                    checks.refuse("/secret", "is for `v1`");
                }
                match &self.private_key {
                    Some(text) => check_key(checks, "/private_key", text).map(Material::Key),
                    None => Some(Material::Key(SigningKey::generate(deps.entropy.bytes()))),
                }
            }
        }
    }
}

pub(crate) async fn list(
    State(deps): State<Deps>,
    Path(id): Path<EndpointId>,
    params: Params,
) -> Result<List<EndpointSecretView>, Problem> {
    params.finish()?;
    let endpoint = deps.find_endpoint(&id).await?.value;
    let mut data: Vec<_> = endpoint.secrets.iter().map(EndpointSecretView::from).collect();
    data.reverse(); // newest first
    Ok(List { data, next_cursor: None })
}

pub(crate) async fn add(
    State(deps): State<Deps>,
    Path(id): Path<EndpointId>,
    wanted: IfMatch,
    params: Params,
    Json(body): Json<NewSecret>,
) -> Result<Response, Problem> {
    params.finish()?;
    let Versioned { value: mut endpoint, revision } = deps.find_endpoint(&id).await?;
    wanted.check(revision)?;
    let now = deps.clock.now();
    let mut checks = Checks::new();
    let material = body.material(&mut checks, &deps);
    let until = checks.future("/previous_expires_at", body.previous_expires_at.as_deref(), now);
    checks.finish()?;
    endpoint.secrets.retain(|secret| secret.sealed.is_active(now));
    if endpoint.secrets.len() >= MAX_SECRETS {
        let detail = format!("The endpoint has {MAX_SECRETS} active secrets already: delete one first.");
        return Err(Problem::new(Code::Conflict, detail));
    }
    let (added, shown) = match material {
        Some(Material::Secret(secret)) => {
            let text = SecretText::new(secret.to_text());
            (deps.seal_secret(&id, &text, now).await?, Some(text))
        }
        Some(Material::Key(key)) => (deps.seal_key(&id, &key, now).await?, None),
        None => return Err(Problem::internal("a secret passed the checks and is not there")),
    };
    expire(&mut endpoint, body.signing, until.unwrap_or(now + PREVIOUS_STAY));
    let view = EndpointSecretView::from(&added);
    endpoint.secrets.push(added);
    endpoint.updated_at = now;
    let revision = deps.store.replace_config(&endpoint, revision).await.map_err(|e| lost(e, &wanted))?;
    let location = format!("/v1/endpoints/{id}/secrets/{}", view.id);
    let answer = AddedSecret { view, secret: shown.as_ref().map(SecretText::expose) };
    Ok(http::created(&answer, revision, &location))
}

/// Those of the same scheme that would stay longer, or for ever.
fn expire(endpoint: &mut Endpoint, signing: Signing, until: Timestamp) {
    for secret in endpoint.secrets.iter_mut().filter(|secret| secret.signing() == signing) {
        let sealed = &mut secret.sealed;
        sealed.expires_at = Some(sealed.expires_at.map_or(until, |at| at.min(until)));
    }
}

pub(crate) async fn delete(
    State(deps): State<Deps>,
    Path((id, secret)): Path<(EndpointId, SecretId)>,
    wanted: IfMatch,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    let Versioned { value: mut endpoint, revision } = deps.find_endpoint(&id).await?;
    let Some(index) = endpoint.secrets.iter().position(|other| other.sealed.id == secret) else {
        return Err(Problem::not_found());
    };
    wanted.check(revision)?;
    let deleted = endpoint.secrets.remove(index).signing();
    if endpoint.signing.contains(&deleted) && !endpoint.has_lasting_secret(deleted) {
        let detail = format!(
            "This is the last secret for `{}` that does not expire, and deliveries are signed with it. Add another \
             first.",
            deleted.as_str()
        );
        return Err(Problem::new(Code::Conflict, detail));
    }
    endpoint.updated_at = deps.clock.now();
    deps.store.replace_config(&endpoint, revision).await.map_err(|e| lost(e, &wanted))?;
    Ok(http::no_content())
}

impl Deps {
    pub(crate) async fn seal_secret(
        &self,
        owner: &EndpointId,
        text: &SecretText,
        now: Timestamp,
    ) -> Result<EndpointSecret, Problem> {
        Ok(EndpointSecret { sealed: self.seal(owner, text, text.hint(), now).await?, public_key: None })
    }

    pub(crate) async fn seal_key(
        &self,
        owner: &EndpointId,
        key: &SigningKey,
        now: Timestamp,
    ) -> Result<EndpointSecret, Problem> {
        let public_key = key.public_text();
        let hint = SecretText::new(public_key.clone()).hint();
        let sealed = self.seal(owner, &SecretText::new(key.to_text()), hint, now).await?;
        Ok(EndpointSecret { sealed, public_key: Some(public_key) })
    }

    async fn seal(
        &self,
        owner: &EndpointId,
        text: &SecretText,
        hint: String,
        now: Timestamp,
    ) -> Result<SealedSecret, Problem> {
        Ok(SealedSecret {
            id: SecretId::mint(self.entropy.uuid_v7(now)),
            hint,
            sealed: self.vault.seal(owner.as_str(), text).await?,
            created_at: now,
            expires_at: None,
        })
    }
}
