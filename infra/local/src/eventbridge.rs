//! An EventBridge-compatible endpoint, for the local stack and the tests: event buses, and what was put on them.
//!
//! It speaks the AWS JSON 1.1 protocol and is held to the same contract suite as the emulator that runs the deployed test.
//! There are no rules and no targets: the last events can be read, by the program ([`EventBridge::events`]) and by people
//! (`GET /`). As on AWS, events for a bus that does not exist are confirmed and dropped
//! (<https://github.com/aws/aws-cli/issues/9186>). Buses are kept in a file, events in memory.
//!
//! Requests are not authenticated: serve it on loopback only.
//!
//! Reference: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/>.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use platform::Clock;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";
const DEFAULT_BUS: &str = "default";
/// Of all entries of a request: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>.
const MAX_BYTES: usize = 1024 * 1024;
const MAX_ENTRIES: usize = 10;
const MAX_REQUEST_BYTES: usize = 8 * 1024 * 1024;
/// How many events are kept to be read.
const MAX_KEPT: usize = 1000;

/// The ARN of a local event bus.
#[must_use]
pub fn arn(name: &str) -> String {
    format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{name}")
}

/// An event as its bus has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BusEvent {
    pub id: String,
    pub bus: String,
    pub source: String,
    pub detail_type: String,
    pub time_seconds: i64,
    pub resources: Vec<String>,
    pub detail: Value,
}

/// All event buses. Clones share them.
#[derive(Debug, Clone)]
pub struct EventBridge {
    state: Arc<Mutex<Kept>>,
    file: Option<Arc<PathBuf>>,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Kept {
    /// Beside the default one.
    buses: BTreeSet<String>,
    events: VecDeque<BusEvent>,
    put: u64,
}

/// What is refused, under the names that SDKs match on.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into() }
    }
}

impl EventBridge {
    /// With the buses that `file` names, which is written when there are others; in memory alone for `None`.
    ///
    /// # Errors
    /// If the file can't be read, or is not such a file.
    pub fn open(file: Option<&Path>, clock: Clock) -> io::Result<Self> {
        let buses = match file.map(std::fs::read) {
            Some(Ok(text)) => serde_json::from_slice(&text)?,
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Some(Err(_)) | None => BTreeSet::new(),
        };
        let state = Arc::new(Mutex::new(Kept { buses, ..Kept::default() }));
        Ok(Self { state, file: file.map(|path| Arc::new(path.to_owned())), clock })
    }

    /// The last events that were put on a bus, the oldest first.
    pub fn events(&self, bus: &str) -> Vec<BusEvent> {
        self.lock().events.iter().filter(|event| event.bus == bus).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn act(&self, action: &str, body: &[u8]) -> Result<Value, Refusal> {
        match action {
            "PutEvents" => self.put(parse(body)?),
            "CreateEventBus" => self.create(parse(body)?),
            "DescribeEventBus" => self.describe(&parse(body)?),
            "DeleteEventBus" => self.delete(parse(body)?),
            "ListEventBuses" => {
                let state = self.lock();
                let names = [DEFAULT_BUS].into_iter().chain(state.buses.iter().map(String::as_str));
                Ok(json!({ "EventBuses": names.map(bus).collect::<Vec<_>>() }))
            }
            _ => {
                Err(Refusal::new("UnknownOperationException", format!("{action} is not supported locally.")))
            }
        }
    }

    fn put(&self, request: PutEvents) -> Result<Value, Refusal> {
        let count = request.entries.len();
        if !(1..=MAX_ENTRIES).contains(&count) {
            let bound = if count == 0 { "greater than or equal to 1" } else { "less than or equal to 10" };
            return Err(Refusal::new(
                "ValidationException",
                format!(
                    "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have \
                     length {bound}"
                ),
            ));
        }
        if request.entries.iter().map(Entry::size).sum::<usize>() > MAX_BYTES {
            let message = "Total size of the entries in the request is over the limit.";
            return Err(Refusal::new("ValidationException", message));
        }
        let mut state = self.lock();
        let (mut answers, mut failed) = (Vec::new(), 0);
        for entry in request.entries {
            match entry.check() {
                Ok(checked) => answers.push(json!({ "EventId": state.take(checked, &self.clock) })),
                Err((code, message)) => {
                    failed += 1;
                    answers.push(json!({ "ErrorCode": code, "ErrorMessage": message }));
                }
            }
        }
        Ok(json!({ "FailedEntryCount": failed, "Entries": answers }))
    }

    fn create(&self, Named { name }: Named) -> Result<Value, Refusal> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if !(1..=256).contains(&name.len()) || !name.bytes().all(allowed) {
            return Err(Refusal::new("ValidationException", "The name of the event bus is not valid."));
        }
        if name == DEFAULT_BUS || !self.lock().buses.insert(name.clone()) {
            return Err(Refusal::new(
                "ResourceAlreadyExistsException",
                format!("Event bus {name} already exists."),
            ));
        }
        self.keep()?;
        Ok(json!({ "EventBusArn": arn(&name) }))
    }

    fn describe(&self, Named { name }: &Named) -> Result<Value, Refusal> {
        let known = name_of(name);
        if known != DEFAULT_BUS && !self.lock().buses.contains(known) {
            return Err(Refusal::new(
                "ResourceNotFoundException",
                format!("Event bus {known} does not exist."),
            ));
        }
        Ok(bus(known))
    }

    fn delete(&self, Named { name }: Named) -> Result<Value, Refusal> {
        if name == DEFAULT_BUS {
            return Err(Refusal::new("ValidationException", "Cannot delete event bus default."));
        }
        self.lock().buses.remove(name_of(&name));
        self.keep()?;
        Ok(json!({}))
    }

    fn keep(&self) -> Result<(), Refusal> {
        let Some(path) = self.file.as_deref() else { return Ok(()) };
        let text = serde_json::to_vec(&self.lock().buses).expect("a list of names serialises");
        crate::storage::replace(path, &text).map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "the event buses could not be written");
            Refusal {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                code: "InternalException",
                message: "The event buses could not be written.".to_owned(),
            }
        })
    }
}

impl Kept {
    /// Gives the event's id, whether its bus is there or not.
    fn take(&mut self, entry: Checked, clock: &Clock) -> String {
        self.put += 1;
        // In the form of a UUID (version 8, RFC 9562 section 5.8): a number is enough for one machine.
        let id = format!("00000000-0000-8000-8000-{:012x}", self.put);
        let Checked { bus, source, detail_type, time_seconds, resources, detail } = entry;
        if bus == DEFAULT_BUS || self.buses.contains(&bus) {
            let time_seconds = time_seconds.unwrap_or_else(|| clock.now().as_second());
            self.events.push_back(BusEvent {
                id: id.clone(),
                bus,
                source,
                detail_type,
                time_seconds,
                resources,
                detail,
            });
            if self.events.len() > MAX_KEPT {
                self.events.pop_front();
            }
        }
        id
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    #[serde(default)]
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEvents {
    #[serde(default)]
    entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    event_bus_name: Option<String>,
    source: Option<String>,
    detail_type: Option<String>,
    detail: Option<String>,
    /// Seconds since the epoch, with a fraction.
    time: Option<f64>,
    #[serde(default)]
    resources: Vec<String>,
}

/// An entry that is taken.
struct Checked {
    bus: String,
    source: String,
    detail_type: String,
    time_seconds: Option<i64>,
    resources: Vec<String>,
    detail: Value,
}

impl Entry {
    /// As AWS counts it (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html>).
    fn size(&self) -> usize {
        let texts = [&self.source, &self.detail_type, &self.detail];
        let texts = texts.into_iter().flatten().chain(&self.resources).map(String::len).sum::<usize>();
        texts + if self.time.is_some() { 14 } else { 0 }
    }

    /// An entry is refused alone, with a code and a text.
    fn check(self) -> Result<Checked, (&'static str, String)> {
        let required = |name: &str, value: Option<String>| {
            let reason = || {
                (
                    "InvalidArgument",
                    format!("Parameter {name} is not valid. Reason: {name} is a required argument."),
                )
            };
            value.filter(|text| !text.is_empty()).ok_or_else(reason)
        };
        let source = required("Source", self.source)?;
        let detail_type = required("DetailType", self.detail_type)?;
        let detail = required("Detail", self.detail)?;
        if source.starts_with("aws.") {
            return Err(("NotAuthorizedForSourceException", "Not authorized for the source.".to_owned()));
        }
        let detail = match serde_json::from_str(&detail) {
            Ok(object @ Value::Object(_)) => object,
            Ok(_) | Err(_) => return Err(("MalformedDetail", "Detail is malformed.".to_owned())),
        };
        let named = self.event_bus_name.as_deref().unwrap_or(DEFAULT_BUS);
        #[expect(clippy::cast_possible_truncation, reason = "whole seconds are what is asked for")]
        let time_seconds = self.time.map(|seconds| seconds as i64);
        let bus = name_of(named).to_owned();
        Ok(Checked { bus, source, detail_type, time_seconds, resources: self.resources, detail })
    }
}

/// A bus is named by its name or its ARN.
fn name_of(name_or_arn: &str) -> &str {
    name_or_arn.rsplit_once(":event-bus/").map_or(name_or_arn, |(_, name)| name)
}

fn bus(name: &str) -> Value {
    json!({ "Name": name, "Arn": arn(name) })
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::new("SerializationException", error.to_string()))
}

/// Serves the buses to SDK clients, and the last events to people.
pub fn router(buses: EventBridge) -> Router {
    Router::new()
        .route("/", get(show).post(handle))
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .with_state(buses)
}

async fn handle(State(buses): State<EventBridge>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (status, answer) = match buses.act(target.strip_prefix("AWSEvents.").unwrap_or_default(), &body) {
        Ok(answer) => (StatusCode::OK, answer),
        Err(Refusal { status, code, message }) => (status, json!({ "__type": code, "message": message })),
    };
    (status, [(CONTENT_TYPE, "application/x-amz-json-1.1")], answer.to_string()).into_response()
}

async fn show(State(buses): State<EventBridge>) -> Response {
    let state = buses.lock();
    axum::Json(json!({ "buses": state.buses, "events": state.events })).into_response()
}
