//! What a client may say about an endpoint, and the checks of it.

use crate::Deps;
use domain::{
    Conditions, DEFAULT_TIMEOUT_SECONDS, Encoding, EndpointFormat, EndpointStatus, EventTypePattern,
    InvalidSchedule, RetrySchedule, Signing, Source, SourceId,
};
use http::{Checks, Code, FieldError, Problem};
use relay::{SigningKey, SigningSecret, UrlError, check_header};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

const MAX_NAME_CHARS: usize = 200;
const MAX_EVENT_TYPES: usize = 100;
const MAX_SOURCES: usize = 100;
const MAX_HEADERS: usize = 20;
/// Servers commonly refuse requests with more than 8 KiB of headers.
const MAX_HEADERS_BYTES: usize = 4 * 1024;
/// The dispatcher waits no longer for the slowest of a batch; see its timeout in the template.
const TIMEOUT_SECONDS: RangeInclusive<u8> = 1..=30;

/// The body of POST. Not `Debug`: it may hold secrets.
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
    #[serde(default)]
    conditions: Map<String, Value>,
    #[serde(default)]
    format: EndpointFormat,
    #[serde(default)]
    encoding: Encoding,
    #[serde(default = "v1_alone")]
    signing: Vec<Signing>,
    #[serde(default)]
    headers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    retry_schedule: Option<Vec<u64>>,
    #[serde(default = "default_timeout")]
    timeout_seconds: u8,
    #[serde(default)]
    secret: Option<String>,
    #[serde(default)]
    private_key: Option<String>,
}

/// The body of PUT: all that can be changed. What is left out gets its default, as at creation, except the headers:
/// their values can't be read, so a client that only wants to change the name could not send them back. Not `Debug`:
/// they may be credentials.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointReplacement {
    url: String,
    #[serde(default)]
    name: String,
    #[serde(default = "everything")]
    event_types: Vec<String>,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    conditions: Map<String, Value>,
    #[serde(default)]
    format: EndpointFormat,
    #[serde(default)]
    encoding: Encoding,
    #[serde(default = "v1_alone")]
    signing: Vec<Signing>,
    #[serde(default)]
    headers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    retry_schedule: Option<Vec<u64>>,
    #[serde(default = "default_timeout")]
    timeout_seconds: u8,
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

fn v1_alone() -> Vec<Signing> {
    vec![Signing::V1]
}

fn default_timeout() -> u8 {
    DEFAULT_TIMEOUT_SECONDS
}

/// What passed the checks. Not `Debug`: the headers may be credentials.
pub(crate) struct Checked {
    pub(crate) url: String,
    pub(crate) name: String,
    pub(crate) event_types: Vec<EventTypePattern>,
    pub(crate) sources: Vec<SourceId>,
    pub(crate) conditions: Conditions,
    pub(crate) format: EndpointFormat,
    pub(crate) encoding: Encoding,
    /// Sorted, each once.
    pub(crate) signing: Vec<Signing>,
    /// Names in lower case. `None`: not spoken of.
    pub(crate) headers: Option<BTreeMap<String, String>>,
    pub(crate) retry_schedule: Option<RetrySchedule>,
    pub(crate) timeout_seconds: u8,
    pub(crate) status: EndpointStatus,
}

/// The ones that the client brought.
pub(crate) struct Brought {
    pub(crate) secret: Option<SigningSecret>,
    pub(crate) key: Option<SigningKey>,
}

impl NewEndpoint {
    pub(crate) async fn check(self, deps: &Deps) -> Result<(Checked, Brought), Problem> {
        let mut checks = Checks::new();
        let secret = self.secret.as_deref().and_then(|text| check_secret(&mut checks, "/secret", text));
        let key = self.private_key.as_deref().and_then(|text| check_key(&mut checks, "/private_key", text));
        for (pointer, given, signing) in [
            ("/secret", self.secret.is_some(), Signing::V1),
            ("/private_key", self.private_key.is_some(), Signing::V1a),
        ] {
            if given && !self.signing.contains(&signing) {
                checks
                    .refuse(pointer, format!("is of no use: `signing` does not list `{}`", signing.as_str()));
            }
        }
        let replacement = EndpointReplacement {
            url: self.url,
            name: self.name,
            event_types: self.event_types,
            sources: self.sources,
            conditions: self.conditions,
            format: self.format,
            encoding: self.encoding,
            signing: self.signing,
            headers: self.headers,
            retry_schedule: self.retry_schedule,
            timeout_seconds: self.timeout_seconds,
            status: WantedStatus::Active,
        };
        Ok((replacement.check_with(checks, deps).await?, Brought { secret, key }))
    }
}

impl EndpointReplacement {
    /// `has_secret` tells for which schemes there is one that stays.
    pub(crate) async fn check(
        self,
        deps: &Deps,
        has_secret: impl Fn(Signing) -> bool,
    ) -> Result<Checked, Problem> {
        let mut checks = Checks::new();
        for (index, signing) in self.signing.iter().enumerate().filter(|(_, signing)| !has_secret(**signing))
        {
            let detail = format!("the endpoint has no secret for `{}`: add one first", signing.as_str());
            checks.refuse(format!("/signing/{index}"), detail);
        }
        self.check_with(checks, deps).await
    }

    async fn check_with(self, mut checks: Checks, deps: &Deps) -> Result<Checked, Problem> {
        checks.label("/name", &self.name, MAX_NAME_CHARS);
        checks.count("/event_types", &self.event_types, 1, MAX_EVENT_TYPES);
        checks.count("/sources", &self.sources, 0, MAX_SOURCES);
        let event_types = checks.each("/event_types", &self.event_types);
        let sources = self.check_sources(&mut checks, deps).await?;
        let conditions = check_conditions(&mut checks, self.conditions);
        if self.encoding == Encoding::Xml && self.format != EndpointFormat::Standard {
            checks.refuse("/encoding", "`xml` is for the format `standard` alone");
        }
        let signing = check_signing(&mut checks, self.signing);
        let headers = self.headers.map(|headers| check_headers(&mut checks, headers));
        let retry_schedule = self.retry_schedule.and_then(|seconds| check_schedule(&mut checks, seconds));
        if !TIMEOUT_SECONDS.contains(&self.timeout_seconds) {
            let (least, most) = (TIMEOUT_SECONDS.start(), TIMEOUT_SECONDS.end());
            checks.refuse("/timeout_seconds", format!("must be {least} to {most}"));
        }
        checks.finish()?;
        // Last, because it is an answer of its own: the request is well-formed, we will not do it.
        let url = deps.egress.parse_url(&self.url).map_err(|error| refused_url(&error))?;
        Ok(Checked {
            url: url.into(),
            name: self.name,
            event_types,
            sources,
            conditions,
            format: self.format,
            encoding: self.encoding,
            signing,
            headers,
            retry_schedule,
            timeout_seconds: self.timeout_seconds,
            status: match self.status {
                WantedStatus::Active => EndpointStatus::Active,
                WantedStatus::Disabled => EndpointStatus::Disabled,
            },
        })
    }

    async fn check_sources(&self, checks: &mut Checks, deps: &Deps) -> Result<Vec<SourceId>, Problem> {
        let sources: Vec<SourceId> = checks.each("/sources", &self.sources);
        if sources.is_empty() {
            return Ok(sources);
        }
        let known = deps.store.all_configs::<Source>().await?;
        for (index, id) in self.sources.iter().enumerate() {
            let is_id = sources.iter().any(|source| source.as_str() == id);
            if is_id && !known.iter().any(|source| source.id.as_str() == id) {
                checks.refuse(format!("/sources/{index}"), "there is no source by this id");
            }
        }
        Ok(sources)
    }
}

pub(crate) fn check_secret(checks: &mut Checks, pointer: &str, text: &str) -> Option<SigningSecret> {
    SigningSecret::parse(text).map_err(|error| checks.refuse(pointer, error)).ok()
}

pub(crate) fn check_key(checks: &mut Checks, pointer: &str, text: &str) -> Option<SigningKey> {
    SigningKey::parse(text).map_err(|error| checks.refuse(pointer, error)).ok()
}

fn check_conditions(checks: &mut Checks, conditions: Map<String, Value>) -> Conditions {
    Conditions::parse(&Value::Object(conditions)).unwrap_or_else(|errors| {
        for error in errors {
            checks.refuse(format!("/conditions{}", error.pointer), &error);
        }
        Conditions::default()
    })
}

fn check_signing(checks: &mut Checks, mut signing: Vec<Signing>) -> Vec<Signing> {
    let given = signing.len();
    signing.sort_unstable();
    signing.dedup();
    if signing.is_empty() || signing.len() < given {
        checks.refuse("/signing", "must list `v1`, `v1a` or both, each once");
    }
    signing
}

fn check_headers(checks: &mut Checks, headers: BTreeMap<String, String>) -> BTreeMap<String, String> {
    if headers.len() > MAX_HEADERS {
        checks.refuse("/headers", format!("must have at most {MAX_HEADERS} entries"));
    }
    if headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_HEADERS_BYTES {
        checks.refuse("/headers", format!("must have at most {MAX_HEADERS_BYTES} characters in all"));
    }
    let mut checked = BTreeMap::new();
    for (given, value) in headers {
        match check_header(&given, &value) {
            Ok(name) if checked.insert(name.as_str().to_owned(), value).is_some() => {
                checks.refuse(Checks::member("/headers", &given), "is given twice");
            }
            Ok(_) => {}
            Err(error) => checks.refuse(Checks::member("/headers", &given), error),
        }
    }
    checked
}

fn check_schedule(checks: &mut Checks, seconds: Vec<u64>) -> Option<RetrySchedule> {
    let error = match RetrySchedule::try_from(seconds) {
        Ok(schedule) => return Some(schedule),
        Err(error) => error,
    };
    let pointer = match error {
        InvalidSchedule::Delay(index) => format!("/retry_schedule/{index}"),
        InvalidSchedule::Count | InvalidSchedule::Total => "/retry_schedule".to_owned(),
    };
    checks.refuse(pointer, error);
    None
}

fn refused_url(error: &UrlError) -> Problem {
    let field = FieldError { code: Some(error.code()), ..FieldError::field("/url", error) };
    Problem::new(Code::EndpointUrlRefused, format!("The URL is not accepted: {error}.")).with_errors([field])
}
