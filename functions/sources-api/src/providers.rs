//! `/v1/providers`: what this release knows of each provider, so that a client need not try out what a source can be
//! and what its webhooks prove. The same for everybody, and for as long as the release runs.

use axum::http::StatusCode;
use axum::response::Response;
use http::{List, Params, Path, Problem};
use providers::{Covers, CredentialUse, Expressed, Expresses, Needs, Provider, Setting, SettingValues};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug, Serialize)]
pub(crate) struct ProviderView {
    id: &'static str,
    object: &'static str,
    name: &'static str,
    /// The provider's page on how it signs.
    documentation: &'static str,
    experimental: bool,
    covers: CoversView,
    takes_secrets: bool,
    settings: Vec<SettingView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_credential: Option<CredentialNeed>,
    expresses: ExpressesView,
    /// Whether what its signature does not prove can be asked of its API.
    confirmable: bool,
}

/// What a genuine signature proves, by the usual way of signing.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum CoversView {
    Known(Covers),
    /// A source's settings say.
    Configured(&'static str),
}

#[derive(Debug, Serialize)]
struct SettingView {
    name: &'static str,
    description: &'static str,
    required: bool,
    values: ValuesView,
}

#[derive(Debug, Serialize)]
struct ValuesView {
    #[serde(rename = "type")]
    kind: &'static str,
    /// All that there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    one_of: Option<&'static [&'static str]>,
}

#[derive(Debug, Serialize)]
struct CredentialNeed {
    used_for: &'static str,
    required: bool,
    /// The settings with which it is required, where it is not always.
    #[serde(skip_serializing_if = "Option::is_none")]
    required_if: Option<BTreeMap<&'static str, &'static str>>,
    documentation: &'static str,
}

#[derive(Debug, Serialize)]
struct ExpressesView {
    authorize: &'static str,
    capture: &'static str,
    void: &'static str,
    refund: &'static str,
    dispute: &'static str,
}

pub(crate) async fn list(params: Params) -> Result<List<ProviderView>, Problem> {
    params.finish()?;
    Ok(List { data: Provider::all().map(ProviderView::from).collect(), next_cursor: None })
}

pub(crate) async fn get(Path(id): Path<String>, params: Params) -> Result<Response, Problem> {
    params.finish()?;
    let provider = Provider::find(&id).ok_or_else(Problem::not_found)?;
    Ok(http::json(StatusCode::OK, &ProviderView::from(provider)))
}

impl From<&'static Provider> for ProviderView {
    fn from(provider: &'static Provider) -> Self {
        Self {
            id: provider.id(),
            object: "provider",
            name: provider.name(),
            documentation: provider.documentation(),
            experimental: provider.is_experimental(),
            covers: CoversView::of(provider),
            takes_secrets: provider.takes_secrets(),
            settings: provider.settings().iter().map(SettingView::from).collect(),
            api_credential: provider.credential_use().map(|used| CredentialNeed::of(provider, used)),
            expresses: provider.expresses().into(),
            confirmable: provider.confirms(),
        }
    }
}

impl CoversView {
    fn of(provider: &Provider) -> Self {
        match provider.covers() {
            Some(covers) => Self::Known(covers),
            None if provider.is_signed() => Self::Configured("configured"),
            None => Self::Known(Covers::None),
        }
    }
}

impl From<&'static Setting> for SettingView {
    fn from(Setting { name, description, required, values }: &'static Setting) -> Self {
        let (kind, one_of) = match values {
            SettingValues::OneOf(allowed) => ("one_of", Some(*allowed)),
            SettingValues::Text => ("text", None),
            SettingValues::HttpUrl => ("http_url", None),
            SettingValues::Path => ("path", None),
            SettingValues::Id => ("id", None),
            SettingValues::Digits => ("digits", None),
            SettingValues::Currency => ("currency", None),
            SettingValues::PublicKeyPem => ("public_key_pem", None),
        };
        Self { name, description, required: *required, values: ValuesView { kind, one_of } }
    }
}

impl CredentialNeed {
    fn of(provider: &Provider, used: CredentialUse) -> Self {
        let used_for = match used {
            CredentialUse::Verification(_) => "verification",
            CredentialUse::Confirmation => "confirmation",
        };
        let required_if = match used {
            CredentialUse::Verification(Needs::If(name, value)) => Some(BTreeMap::from([(name, value)])),
            CredentialUse::Verification(Needs::Always) | CredentialUse::Confirmation => None,
        };
        Self {
            used_for,
            required: used == CredentialUse::Verification(Needs::Always),
            required_if,
            // The page on how it signs names the call that verifies.
            documentation: provider.confirmation_documentation().unwrap_or(provider.documentation()),
        }
    }
}

impl From<Expresses> for ExpressesView {
    fn from(expresses: Expresses) -> Self {
        let word = |expressed| match expressed {
            Expressed::WithAmount => "yes",
            Expressed::WithoutAmount => "no_amount",
            Expressed::Never => "no",
        };
        Self {
            authorize: word(expresses.authorization),
            capture: word(expresses.capture),
            void: word(expresses.void),
            refund: word(expresses.refund),
            dispute: word(expresses.dispute),
        }
    }
}
