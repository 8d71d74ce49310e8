//! The AWS JSON 1.0 protocol: an action named in `X-Amz-Target`, a JSON object in and out.
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use rusqlite::Transaction;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::Sqs;
use super::engine::{self, Queue};
use super::error::{Code, Error};
use super::message::{self, Draft, MAX_BYTES};
use super::queue::{self, ACCOUNT};
use super::received::Received;

/// A message of 1 MiB is up to six times as long in JSON, where a control character becomes `\u0009`.
const MAX_REQUEST_BYTES: usize = 8 * 1024 * 1024;

/// Serves all queues of `sqs` to SDK clients. Queue URLs have the form `http://HOST/000000000000/NAME` with
/// the host that the client addressed; of a URL that comes in, only the name counts.
pub fn router(sqs: Sqs) -> Router {
    // Old clients post to the queue's URL, newer ones to the root with the URL in the body.
    Router::new()
        .route("/", post(handle))
        .route("/{account}/{queue}", post(handle))
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .with_state(sqs)
}

async fn handle(State(sqs): State<Sqs>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let action = header("x-amz-target").strip_prefix("AmazonSQS.").unwrap_or_default();
    let base_url = format!("http://{}/{ACCOUNT}", header(HOST.as_str()));
    match act(&sqs, action, &base_url, &body).await {
        Ok(answer) => reply(StatusCode::OK, &answer).into_response(),
        Err(Error::Refused { code, message }) => {
            let answer = json!({"__type": code.shape(), "message": message});
            let query_error = [("x-amzn-query-error", format!("{};Sender", code.query()))];
            (query_error, reply(StatusCode::BAD_REQUEST, &answer)).into_response()
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, action, "an SQS action failed");
            let answer = json!({"__type": "com.amazon.coral.service#InternalFailure"});
            reply(StatusCode::INTERNAL_SERVER_ERROR, &answer).into_response()
        }
    }
}

fn reply(status: StatusCode, answer: &Value) -> impl IntoResponse + use<> {
    (status, [(CONTENT_TYPE, "application/x-amz-json-1.0")], answer.to_string())
}

async fn act(sqs: &Sqs, action: &str, base_url: &str, body: &[u8]) -> Result<Value, Error> {
    match action {
        "CreateQueue" => sqs.create(parse(body)?, base_url),
        "GetQueueUrl" => sqs.queue_url(parse(body)?, base_url),
        "ListQueues" => sqs.list(parse(body)?, base_url),
        "DeleteQueue" => sqs.on(parse(body)?, |tx, _, queue, NoMore {}| {
            engine::delete_queue(tx, &queue)?;
            Ok(json!({}))
        }),
        "PurgeQueue" => sqs.on(parse(body)?, |tx, _, queue, NoMore {}| {
            engine::purge(tx, &queue)?;
            Ok(json!({}))
        }),
        "GetQueueAttributes" => sqs.on(parse(body)?, get_attributes),
        "SetQueueAttributes" => sqs.on(parse(body)?, |tx, now_ms, queue, request: NewAttributes| {
            engine::set_attributes(tx, now_ms, queue, request.attributes)?;
            Ok(json!({}))
        }),
        "SendMessage" => sqs.on(parse(body)?, |tx, now_ms, queue, draft| {
            Ok(Value::Object(send(tx, now_ms, &queue, &draft)?))
        }),
        "SendMessageBatch" => sqs.on(parse(body)?, send_batch),
        "ReceiveMessage" => sqs.receive(parse(body)?).await,
        "DeleteMessage" => sqs.on(parse(body)?, |tx, _, queue, request: Handle| {
            Ok(Value::Object(delete(tx, &queue, &request)?))
        }),
        "DeleteMessageBatch" => sqs.on(parse(body)?, |tx, _, queue, request: Batch<Handle>| {
            request.each(|entry| delete(tx, &queue, entry))
        }),
        "ChangeMessageVisibility" => sqs.on(parse(body)?, |tx, now_ms, queue, request: Visibility| {
            Ok(Value::Object(change_visibility(tx, now_ms, &queue, &request)?))
        }),
        "ChangeMessageVisibilityBatch" => {
            sqs.on(parse(body)?, |tx, now_ms, queue, request: Batch<Visibility>| {
                request.each(|entry| change_visibility(tx, now_ms, &queue, entry))
            })
        }
        _ => {
            let message = format!("The action {action} is not valid for this endpoint.");
            Err(Error::refused(Code::InvalidAction, message))
        }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body)
        .map_err(|error| Error::refused(Code::SerializationException, error.to_string()))
}

/// What every action on a queue begins with, and the rest of its request.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OnQueue<T> {
    #[serde(default)]
    queue_url: String,
    #[serde(flatten)]
    rest: T,
}

#[derive(Deserialize)]
struct NoMore {}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateQueue {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetQueueUrl {
    queue_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListQueues {
    #[serde(default)]
    queue_name_prefix: String,
    max_results: Option<i64>,
    #[serde(default)]
    next_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AttributeNames {
    #[serde(default)]
    attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NewAttributes {
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Receive {
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    /// The former name of `message_system_attribute_names`; older clients send it.
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Handle {
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Visibility {
    receipt_handle: String,
    visibility_timeout: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<T> {
    #[serde(default = "Vec::new")]
    entries: Vec<Entry<T>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<T> {
    id: String,
    #[serde(flatten)]
    item: T,
}

impl<T> Batch<T> {
    /// Acts on each entry. One that is refused fails alone; a database error fails the request, and with it
    /// the transaction.
    fn each(&self, mut act: impl FnMut(&T) -> Result<Map<String, Value>, Error>) -> Result<Value, Error> {
        self.check()?;
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for Entry { id, item } in &self.entries {
            match act(item) {
                Ok(mut answer) => {
                    answer.insert("Id".to_owned(), json!(id));
                    successful.push(answer);
                }
                Err(Error::Refused { code, message }) => failed
                    .push(json!({"Id": id, "SenderFault": true, "Code": code.query(), "Message": message})),
                Err(error) => return Err(error),
            }
        }
        Ok(json!({"Successful": successful, "Failed": failed}))
    }

    fn check(&self) -> Result<(), Error> {
        let count = self.entries.len();
        if count == 0 {
            let message = "There should be at least one entry in the request.";
            return Err(Error::refused(Code::EmptyBatchRequest, message));
        }
        if count > 10 {
            let message = format!("Maximum number of entries per request are 10. You have sent {count}.");
            return Err(Error::refused(Code::TooManyEntriesInBatchRequest, message));
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let mut seen = HashSet::new();
        for Entry { id, .. } in &self.entries {
            if !(1..=80).contains(&id.len()) || !id.bytes().all(allowed) {
                let message = "A batch entry id can only contain alphanumeric characters, hyphens and \
                               underscores. It can be at most 80 letters long.";
                return Err(Error::refused(Code::InvalidBatchEntryId, message));
            }
            if !seen.insert(id) {
                let message = format!("Id {id} repeated.");
                return Err(Error::refused(Code::BatchEntryIdsNotDistinct, message));
            }
        }
        Ok(())
    }
}

impl Sqs {
    /// Runs an action on the queue that the request names, and wakes one who waits for its messages: most actions on a
    /// queue make a message visible, and a look in vain costs microseconds.
    fn on<T>(
        &self,
        request: OnQueue<T>,
        act: impl FnOnce(&Transaction<'_>, i64, Queue, T) -> Result<Value, Error>,
    ) -> Result<Value, Error> {
        let name = queue_name(&request.queue_url)?;
        let answer = self.write(|tx, now_ms| act(tx, now_ms, engine::find_queue(tx, name)?, request.rest))?;
        self.signals.wake(name);
        Ok(answer)
    }

    fn create(&self, request: CreateQueue, base_url: &str) -> Result<Value, Error> {
        let name = &request.queue_name;
        self.write(|tx, now_ms| engine::create_queue(tx, now_ms, name, &request.attributes))?;
        Ok(json!({"QueueUrl": format!("{base_url}/{name}")}))
    }

    fn queue_url(&self, request: GetQueueUrl, base_url: &str) -> Result<Value, Error> {
        let queue = self.write(|tx, _| engine::find_queue(tx, &request.queue_name))?;
        Ok(json!({"QueueUrl": format!("{base_url}/{}", queue.name)}))
    }

    fn list(&self, request: ListQueues, base_url: &str) -> Result<Value, Error> {
        let limit = Error::unless_in("MaxResults", request.max_results.unwrap_or(1000), 1..=1000)?;
        let names = self
            .write(|tx, _| engine::list_queues(tx, &request.queue_name_prefix, &request.next_token, limit))?;
        let urls: Vec<String> = names.iter().map(|name| format!("{base_url}/{name}")).collect();
        let mut answer = json!({"QueueUrls": urls});
        // AWS pages only if the caller set a page size.
        if let (Some(max), Some(last)) = (request.max_results, names.last())
            && i64::try_from(names.len()) == Ok(max)
        {
            answer["NextToken"] = json!(last);
        }
        Ok(answer)
    }

    async fn receive(&self, request: OnQueue<Receive>) -> Result<Value, Error> {
        let OnQueue { queue_url, rest: request } = request;
        let name = queue_name(&queue_url)?;
        let max =
            Error::unless_in("MaxNumberOfMessages", request.max_number_of_messages.unwrap_or(1), 1..=10)?;
        let max = usize::try_from(max).expect("1 to 10 fits");
        if let Some(wait_s) = request.wait_time_seconds {
            Error::unless_in("WaitTimeSeconds", wait_s, 0..=20)?;
        }
        if let Some(visibility_s) = request.visibility_timeout {
            Error::unless_in("VisibilityTimeout", visibility_s, 0..=43_200)?;
        }
        let default_s = self.read(|db, _| Ok(engine::find_queue(db, name)?.settings.wait_s))?;
        let wait_s = request.wait_time_seconds.unwrap_or(default_s);
        let until = Instant::now() + Duration::from_secs(wait_s.unsigned_abs());
        let received = self
            .when_ready(name, Some(until), |tx, now_ms, queue| {
                let visibility_s = request.visibility_timeout.unwrap_or(queue.settings.visibility_s);
                engine::receive(tx, now_ms, queue, max, visibility_s)
            })
            .await?;
        let messages: Vec<Value> = received.into_iter().map(|message| present(message, &request)).collect();
        // AWS leaves the list out when it is empty.
        Ok(if messages.is_empty() { json!({}) } else { json!({"Messages": messages}) })
    }
}

fn queue_name(url: &str) -> Result<&str, Error> {
    if url.is_empty() {
        return Err(Error::missing("QueueUrl"));
    }
    match url.rsplit('/').next() {
        Some(name) if !name.is_empty() && name.len() < url.len() => Ok(name),
        _ => {
            let message = format!("The address {url} is not valid for this endpoint.");
            Err(Error::refused(Code::InvalidAddress, message))
        }
    }
}

fn send(
    tx: &Transaction<'_>,
    now_ms: i64,
    queue: &Queue,
    draft: &Draft,
) -> Result<Map<String, Value>, Error> {
    let id = engine::send(tx, now_ms, queue, draft)?;
    let mut answer = Map::new();
    answer.insert("MessageId".to_owned(), json!(id));
    answer.insert("MD5OfMessageBody".to_owned(), json!(message::body_digest(&draft.message_body)));
    for (name, attributes) in [
        ("MD5OfMessageAttributes", &draft.message_attributes),
        ("MD5OfMessageSystemAttributes", &draft.message_system_attributes),
    ] {
        if let Some(digest) = message::attributes_digest(attributes) {
            answer.insert(name.to_owned(), json!(digest));
        }
    }
    Ok(answer)
}

fn send_batch(tx: &Transaction<'_>, now_ms: i64, queue: Queue, batch: Batch<Draft>) -> Result<Value, Error> {
    let bytes: i64 = batch.entries.iter().map(|entry| entry.item.size()).sum();
    if bytes > MAX_BYTES {
        let message =
            format!("Batch requests cannot be longer than {MAX_BYTES} bytes. You have sent {bytes} bytes.");
        return Err(Error::refused(Code::BatchRequestTooLong, message));
    }
    batch.each(|draft| send(tx, now_ms, &queue, draft))
}

fn delete(tx: &Transaction<'_>, queue: &Queue, request: &Handle) -> Result<Map<String, Value>, Error> {
    engine::delete(tx, queue, &request.receipt_handle)?;
    Ok(Map::new())
}

fn change_visibility(
    tx: &Transaction<'_>,
    now_ms: i64,
    queue: &Queue,
    request: &Visibility,
) -> Result<Map<String, Value>, Error> {
    let visibility_s = request.visibility_timeout.ok_or_else(|| Error::missing("VisibilityTimeout"))?;
    engine::change_visibility(tx, now_ms, queue, &request.receipt_handle, visibility_s)?;
    Ok(Map::new())
}

fn get_attributes(
    tx: &Transaction<'_>,
    now_ms: i64,
    queue: Queue,
    request: AttributeNames,
) -> Result<Value, Error> {
    let depth = engine::depth(tx, now_ms, &queue)?;
    let mut all = queue.settings.answer();
    all.extend([
        ("ApproximateNumberOfMessages", depth.visible.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", depth.in_flight.to_string()),
        ("ApproximateNumberOfMessagesDelayed", depth.delayed.to_string()),
        ("CreatedTimestamp", (queue.created_ms / 1000).to_string()),
        ("LastModifiedTimestamp", (queue.modified_ms / 1000).to_string()),
        ("QueueArn", queue::arn(&queue.name)),
    ]);
    all.extend(queue.attributes.iter().map(|(name, value)| (name.as_str(), value.clone())));
    let wanted = request.attribute_names;
    all.retain(|name, _| wanted.iter().any(|want| want == "All" || want == name));
    Ok(json!({"Attributes": all}))
}

/// A received message as the receiver asked for it.
fn present(message: Received, request: &Receive) -> Value {
    let wanted = [&request.attribute_names[..], &request.message_system_attribute_names[..]].concat();
    let mut system = message.system_attributes();
    system.retain(|name, _| wanted.iter().any(|want| want == "All" || want == name));
    let mut answer = json!({
        "MessageId": message.id,
        "ReceiptHandle": message.handle,
        "MD5OfBody": message::body_digest(&message.body),
        "Body": message.body,
    });
    if !system.is_empty() {
        answer["Attributes"] = json!(system);
    }
    let attributes = message::selected(message.attributes, &request.message_attribute_names);
    if let Some(digest) = message::attributes_digest(&attributes) {
        answer["MD5OfMessageAttributes"] = json!(digest);
        answer["MessageAttributes"] = json!(attributes);
    }
    answer
}
