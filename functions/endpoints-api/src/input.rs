//! What a client may say about an endpoint, and the checks of it.

use crate::Deps;
use domain::{
    Conditions, CustomHeaders, DEFAULT_TIMEOUT_SECONDS, Destination, Encoding, Endpoint, EndpointFormat,
    EndpointId, EndpointLimits, EndpointSecret, EndpointStatus, EventTypePattern, InvalidSchedule,
    RetrySchedule, Signing, Source, SourceId,
};
use http::{Checks, Code, FieldError, Problem};
use jiff::Timestamp;
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

/// More than this is what the default, no limit, gives anyway.
const MAX_PER_SECOND: u16 = 1_000;
/// As many attempts as all dispatchers make together would be no limit.
const MAX_CONCURRENT: u16 = 100;

/// The body of POST. Not `Debug`: it may hold secrets.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEndpoint {
    #[serde(default, rename = "type")]
    kind: DestinationKind,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    arn: Option<String>,
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
    /// Absent: what the type has.
    #[serde(default)]
    signing: Option<Vec<Signing>>,
    #[serde(default)]
    headers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    retry_schedule: Option<Vec<u64>>,
    #[serde(default = "default_timeout")]
    timeout_seconds: u8,
    #[serde(default)]
    limits: WantedLimits,
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
    #[serde(default, rename = "type")]
    kind: DestinationKind,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    arn: Option<String>,
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
    /// Absent: what the type has.
    #[serde(default)]
    signing: Option<Vec<Signing>>,
    #[serde(default)]
    headers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    retry_schedule: Option<Vec<u64>>,
    #[serde(default = "default_timeout")]
    timeout_seconds: u8,
    #[serde(default)]
    limits: WantedLimits,
    #[serde(default)]
    status: WantedStatus,
}

/// What an endpoint is: the rest of its destination follows in a field of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DestinationKind {
    #[default]
    Http,
    Sqs,
    Eventbridge,
    Poll,
}

impl DestinationKind {
    fn default_signing(self) -> Vec<Signing> {
        match self {
            Self::Http | Self::Sqs | Self::Poll => vec![Signing::V1],
            Self::Eventbridge => Vec::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedLimits {
    #[serde(default)]
    per_second: Option<u16>,
    #[serde(default)]
    concurrent: Option<u16>,
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

fn default_timeout() -> u8 {
    DEFAULT_TIMEOUT_SECONDS
}

/// What passed the checks. Not `Debug`: the headers may be credentials.
pub(crate) struct Checked {
    pub(crate) destination: Destination,
    name: String,
    event_types: Vec<EventTypePattern>,
    sources: Vec<SourceId>,
    conditions: Conditions,
    format: EndpointFormat,
    encoding: Encoding,
    /// Sorted, each once; empty for an event bus alone.
    pub(crate) signing: Vec<Signing>,
    /// Names in lower case. `None`: not spoken of.
    pub(crate) headers: Option<BTreeMap<String, String>>,
    retry_schedule: Option<RetrySchedule>,
    timeout_seconds: u8,
    limits: EndpointLimits,
    status: EndpointStatus,
}

/// What an endpoint has that is not for the client to say.
pub(crate) struct Identity {
    pub(crate) id: EndpointId,
    pub(crate) headers: Option<CustomHeaders>,
    pub(crate) secrets: Vec<EndpointSecret>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl Checked {
    /// Whether what it has of custom headers stays with it.
    pub(crate) fn takes_headers(&self) -> bool {
        matches!(self.destination, Destination::Http { .. })
    }

    pub(crate) fn into_endpoint(self, identity: Identity) -> Endpoint {
        let Identity { id, headers, secrets, created_at, updated_at } = identity;
        Endpoint {
            id,
            destination: self.destination,
            name: self.name,
            event_types: self.event_types,
            sources: self.sources,
            conditions: self.conditions,
            format: self.format,
            encoding: self.encoding,
            signing: self.signing,
            headers,
            retry_schedule: self.retry_schedule,
            timeout_seconds: self.timeout_seconds,
            limits: self.limits,
            status: self.status,
            secrets,
            created_at,
            updated_at,
        }
    }
}

/// The ones that the client brought.
pub(crate) struct Brought {
    pub(crate) secret: Option<SigningSecret>,
    pub(crate) key: Option<SigningKey>,
}

impl NewEndpoint {
    pub(crate) async fn check(self, deps: &Deps) -> Result<(Checked, Brought), Problem> {
        let mut checks = Checks::new();
        let signing = self.signing.unwrap_or_else(|| self.kind.default_signing());
        let secret = self.secret.as_deref().and_then(|text| check_secret(&mut checks, "/secret", text));
        let key = self.private_key.as_deref().and_then(|text| check_key(&mut checks, "/private_key", text));
        for (pointer, given, scheme) in [
            ("/secret", self.secret.is_some(), Signing::V1),
            ("/private_key", self.private_key.is_some(), Signing::V1a),
        ] {
            if given && !signing.contains(&scheme) {
                checks
                    .refuse(pointer, format!("is of no use: `signing` does not list `{}`", scheme.as_str()));
            }
        }
        let replacement = EndpointReplacement {
            kind: self.kind,
            url: self.url,
            arn: self.arn,
            name: self.name,
            event_types: self.event_types,
            sources: self.sources,
            conditions: self.conditions,
            format: self.format,
            encoding: self.encoding,
            signing: Some(signing),
            headers: self.headers,
            retry_schedule: self.retry_schedule,
            timeout_seconds: self.timeout_seconds,
            limits: self.limits,
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
        let wanted = match self.kind {
            DestinationKind::Eventbridge => Vec::new(),
            kind => self.signing.clone().unwrap_or_else(|| kind.default_signing()),
        };
        for (index, signing) in wanted.iter().enumerate().filter(|(_, signing)| !has_secret(**signing)) {
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
        check_detail(&mut checks, self.kind, self.format, self.encoding);
        let signing = self.signing.unwrap_or_else(|| self.kind.default_signing());
        let signing = check_signing(&mut checks, self.kind, signing);
        let headers = self.headers.map(|headers| check_headers(&mut checks, self.kind, headers));
        let retry_schedule = self.retry_schedule.and_then(|seconds| check_schedule(&mut checks, seconds));
        if !TIMEOUT_SECONDS.contains(&self.timeout_seconds) {
            let (least, most) = (TIMEOUT_SECONDS.start(), TIMEOUT_SECONDS.end());
            checks.refuse("/timeout_seconds", format!("must be {least} to {most}"));
        }
        let limits = check_limits(&mut checks, self.limits);
        let place = check_place(&mut checks, self.kind, self.url, self.arn)?;
        if let Err(error) = deps.sender.check(&place) {
            checks.refuse("/arn", error);
        }
        checks.finish()?;
        // Last, because it is an answer of its own: the request is well-formed, we will not do it.
        let destination = match place {
            Destination::Http { url } => {
                let url = deps.sender.parse_url(&url).map_err(|error| refused_url(&error))?;
                Destination::Http { url: url.into() }
            }
            other => other,
        };
        Ok(Checked {
            destination,
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
            limits,
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
        let known = deps.store.config_ids::<Source>().await?;
        for (index, id) in self.sources.iter().enumerate() {
            let is_id = sources.iter().any(|source| source.as_str() == id);
            if is_id && !known.contains(id) {
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

/// An event's detail is a JSON object (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html>).
fn check_detail(checks: &mut Checks, kind: DestinationKind, format: EndpointFormat, encoding: Encoding) {
    if kind != DestinationKind::Eventbridge {
        return;
    }
    if format == EndpointFormat::Raw {
        checks.refuse("/format", "`raw` is not for an event bus, which takes JSON alone");
    }
    if encoding == Encoding::Xml {
        checks.refuse("/encoding", "`xml` is not for an event bus, which takes JSON alone");
    }
}

/// An event has no headers for a signature to be in; who may put events on a bus is for IAM to say.
fn check_signing(checks: &mut Checks, kind: DestinationKind, mut signing: Vec<Signing>) -> Vec<Signing> {
    if kind == DestinationKind::Eventbridge {
        if !signing.is_empty() {
            checks.refuse("/signing", "must be absent or empty: what goes to an event bus is not signed");
        }
        return Vec::new();
    }
    let given = signing.len();
    signing.sort_unstable();
    signing.dedup();
    if signing.is_empty() || signing.len() < given {
        checks.refuse("/signing", "must list `v1`, `v1a` or both, each once");
    }
    signing
}

/// A message has ten attributes, which its signatures may need; an event has nothing like them.
fn check_headers(
    checks: &mut Checks,
    kind: DestinationKind,
    headers: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    if kind != DestinationKind::Http && !headers.is_empty() {
        checks.refuse("/headers", "are for the type `http` alone");
    }
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

fn check_limits(checks: &mut Checks, wanted: WantedLimits) -> EndpointLimits {
    for (pointer, limit, most) in [
        ("/limits/per_second", wanted.per_second, MAX_PER_SECOND),
        ("/limits/concurrent", wanted.concurrent, MAX_CONCURRENT),
    ] {
        if limit.is_some_and(|limit| !(1..=most).contains(&limit)) {
            checks.refuse(pointer, format!("must be 1 to {most}"));
        }
    }
    EndpointLimits { per_second: wanted.per_second, concurrent: wanted.concurrent }
}

/// Each kind of destination has its own way to say where it is; the other fields have no meaning then.
fn check_place(
    checks: &mut Checks,
    kind: DestinationKind,
    url: Option<String>,
    arn: Option<String>,
) -> Result<Destination, Problem> {
    let (wants_url, wants_arn) = match kind {
        DestinationKind::Http => (true, false),
        DestinationKind::Sqs | DestinationKind::Eventbridge => (false, true),
        DestinationKind::Poll => (false, false),
    };
    for (name, given, wanted) in [("url", url.is_some(), wants_url), ("arn", arn.is_some(), wants_arn)] {
        let pointer = format!("/{name}");
        match (given, wanted) {
            (false, true) => return Err(Problem::missing_field(pointer, name)),
            (true, false) => checks.refuse(pointer, "has no meaning for this `type`"),
            (true, true) | (false, false) => {}
        }
    }
    let (url, arn) = (url.unwrap_or_default(), arn.unwrap_or_default());
    Ok(match kind {
        DestinationKind::Http => Destination::Http { url },
        DestinationKind::Sqs => Destination::Sqs { arn },
        DestinationKind::Eventbridge => Destination::Eventbridge { arn },
        DestinationKind::Poll => Destination::Poll,
    })
}

fn refused_url(error: &UrlError) -> Problem {
    let field = FieldError { code: Some(error.code()), ..FieldError::field("/url", error) };
    Problem::new(Code::EndpointUrlRefused, format!("The URL is not accepted: {error}.")).with_errors([field])
}
