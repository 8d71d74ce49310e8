//! What a client may say about an endpoint, and the checks of it.

use crate::Deps;
use domain::{EndpointFormat, EndpointStatus, EventTypePattern, Source, SourceId};
use http::{Checks, Code, FieldError, Problem};
use relay::{SigningSecret, UrlError};
use serde::Deserialize;

const MAX_NAME_CHARS: usize = 200;
const MAX_EVENT_TYPES: usize = 100;
const MAX_SOURCES: usize = 100;

/// The body of POST. Not `Debug`: it may hold a secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEndpoint {
    url: String,
    #[serde(default)]
    name: String,
    #[serde(default = "everything")]
    event_types: Vec<String>,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default = "standard")]
    format: EndpointFormat,
    #[serde(default)]
    secret: Option<String>,
}

/// The body of PUT: all that can be changed. What is left out gets its default, as at creation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointReplacement {
    url: String,
    #[serde(default)]
    name: String,
    #[serde(default = "everything")]
    event_types: Vec<String>,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default = "standard")]
    format: EndpointFormat,
    #[serde(default)]
    status: WantedStatus,
}

/// `failing` is for us to say.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WantedStatus {
    #[default]
    Active,
    Disabled,
}

fn everything() -> Vec<String> {
    vec!["*".to_owned()]
}

fn standard() -> EndpointFormat {
    EndpointFormat::Standard
}

/// What passed the checks.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) url: String,
    pub(crate) name: String,
    pub(crate) event_types: Vec<EventTypePattern>,
    pub(crate) sources: Vec<SourceId>,
    pub(crate) format: EndpointFormat,
    pub(crate) status: EndpointStatus,
    /// The one that the client brought.
    pub(crate) secret: Option<SigningSecret>,
}

impl NewEndpoint {
    pub(crate) async fn check(self, deps: &Deps) -> Result<Checked, Problem> {
        let mut checks = Checks::new();
        let secret = self.secret.as_deref().and_then(|text| match SigningSecret::parse(text) {
            Ok(secret) => Some(secret),
            Err(error) => {
                checks.refuse("/secret", error);
                None
            }
        });
        let replacement = EndpointReplacement {
            url: self.url,
            name: self.name,
            event_types: self.event_types,
            sources: self.sources,
            format: self.format,
            status: WantedStatus::Active,
        };
        let checked = replacement.check_with(checks, deps).await?;
        Ok(Checked { secret, ..checked })
    }
}

impl EndpointReplacement {
    pub(crate) async fn check(self, deps: &Deps) -> Result<Checked, Problem> {
        self.check_with(Checks::new(), deps).await
    }

    async fn check_with(self, mut checks: Checks, deps: &Deps) -> Result<Checked, Problem> {
        checks.label("/name", &self.name, MAX_NAME_CHARS);
        checks.count("/event_types", &self.event_types, 1, MAX_EVENT_TYPES);
        checks.count("/sources", &self.sources, 0, MAX_SOURCES);
        let event_types = checks.each("/event_types", &self.event_types);
        let sources: Vec<SourceId> = checks.each("/sources", &self.sources);
        if !sources.is_empty() {
            let known = deps.store.all_configs::<Source>().await?;
            for (index, id) in self.sources.iter().enumerate() {
                let is_id = sources.iter().any(|source| source.as_str() == id);
                if is_id && !known.iter().any(|source| source.id.as_str() == id) {
                    checks.refuse(format!("/sources/{index}"), "there is no source by this id");
                }
            }
        }
        checks.finish()?;
        // Last, because it is an answer of its own: the request is well-formed, we will not do it.
        let url = deps.egress.parse_url(&self.url).map_err(|error| refused_url(&error))?;
        Ok(Checked {
            url: url.into(),
            name: self.name,
            event_types,
            sources,
            format: self.format,
            status: match self.status {
                WantedStatus::Active => EndpointStatus::Active,
                WantedStatus::Disabled => EndpointStatus::Disabled,
            },
            secret: None,
        })
    }
}

fn refused_url(error: &UrlError) -> Problem {
    let field = FieldError { code: Some(error.code()), ..FieldError::field("/url", error) };
    Problem::new(Code::EndpointUrlRefused, format!("The URL is not accepted: {error}.")).with_errors([field])
}
