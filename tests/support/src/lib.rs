//! What the tests of the REST functions share: a whole Payrelay in memory, and a client for it.
//!
//! The functions run over the real engines of the local stack; nothing is faked but the clock, which a test can
//! move. Requests go into the router without a socket. Everything panics where it fails: this is for tests only.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderName, Request, StatusCode};
use axum::response::Response;
use destinations::Sender;
use intake::{Counters, Intake};
use jiff::{SignedDuration, Timestamp};
use local::{Options, Stack};
use platform::{AdminKeyHash, Aws, AwsEndpoints, Clock, Entropy, Metrics, SecretText, Vault};
use queue::Queue;
use redrive::Queues;
use relay::{Client, EgressPolicy, Resolver, SigningSecret};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use store::Store;
use tower::ServiceExt;

pub const ADMIN_KEY: &str = "prk_admin_for_the_tests_of_the_rest_api_only";

/// What the three REST functions answer, each operation with its scope.
pub fn operations() -> Vec<http::Operation> {
    // No call is made: nothing needs to be there.
    let aws = Aws::local(AwsEndpoints::default());
    let (clock, entropy) = (Clock::system(), Entropy::system());
    let store = Store::new(aws.dynamodb(), "table");
    let queue = Queue::new(aws.sqs(), "queue");
    let hash = AdminKeyHash::of(&SecretText::new(ADMIN_KEY)).expect("long enough");
    let key = Vault::new_key_file(&entropy);
    let vault = Vault::key_file(key.expose(), entropy.clone()).expect("a new key file is valid");
    let mut operations = payments_api::operations(&payments_api::Deps::new(
        store.clone(),
        hash.clone(),
        clock.clone(),
        entropy.clone(),
    ));
    let client = Client::new(EgressPolicy::strict(), relay::Limits::default(), Resolver::this_machine());
    let sender = Sender::new(client, &aws, "", clock.clone()).expect("no queue is named");
    operations.extend(endpoints_api::operations(&endpoints_api::Deps::new(
        store.clone(),
        queue.clone(),
        vault.clone(),
        sender,
        hash.clone(),
        clock.clone(),
        entropy.clone(),
    )));
    let parts = intake::Parts {
        store: store.clone(),
        events: queue.clone(),
        vault: vault.clone(),
        client: Client::new(EgressPolicy::strict(), intake::limits(), Resolver::this_machine()),
        counters: Counters::new(Metrics::in_memory(clock.clone())),
        clock: clock.clone(),
        entropy: entropy.clone(),
    };
    let intake = Intake::new(parts, SignedDuration::ZERO);
    let queues = Queues {
        events: queue.clone(),
        deliveries: queue.clone(),
        slow_deliveries: queue.clone(),
        fetches: queue,
    };
    let sources_api = sources_api::Deps::new(store, vault, intake, queues, "", hash, clock, entropy);
    operations.extend(sources_api::operations(&sources_api));
    operations
}

/// A stack with a clock that stands still until it is moved.
#[derive(Debug)]
pub struct Api {
    pub stack: Stack,
    now_ms: Arc<AtomicI64>,
}

/// A Standard Webhooks source, with the secret that its webhooks are signed with.
#[derive(Debug)]
pub struct TestSource {
    pub id: String,
    secret: SigningSecret,
}

/// An answer, its body parsed if it is JSON.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
    pub json: Value,
}

/// A request; send it with [`Api::send`].
#[derive(Debug, Clone)]
pub struct Call {
    method: &'static str,
    path: String,
    key: Option<String>,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Call {
    /// With the admin key.
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        let key = Some(ADMIN_KEY.to_owned());
        Self { method, path: path.into(), key, headers: Vec::new(), body: Vec::new() }
    }

    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    #[must_use]
    pub fn no_key(mut self) -> Self {
        self.key = None;
        self
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

impl Api {
    pub async fn start() -> Self {
        // Today, because the engine expires items by its own clock.
        let now_ms = Arc::new(AtomicI64::new(Clock::system().now().as_millisecond()));
        let clock = Clock::from_fn({
            let now_ms = Arc::clone(&now_ms);
            move || Timestamp::from_millisecond(now_ms.load(Ordering::SeqCst)).expect("a time in range")
        });
        let options = Options::for_tests(SecretText::new(ADMIN_KEY), clock);
        Self { stack: Stack::open(options).await.expect("the stack opens"), now_ms }
    }

    pub fn advance(&self, by: SignedDuration) {
        let by = i64::try_from(by.as_millis()).expect("not that long");
        self.now_ms.fetch_add(by, Ordering::SeqCst);
    }

    pub fn now(&self) -> Timestamp {
        self.stack.clock.now()
    }

    /// The response as Lambda's adapter gets it.
    pub async fn respond(&self, call: Call) -> Response {
        let mut request = Request::builder().method(call.method).uri(&call.path);
        if let Some(key) = &call.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        for (name, value) in &call.headers {
            request = request.header(HeaderName::from_static(name), value);
        }
        let request = request.body(Body::from(call.body)).expect("a valid request");
        self.stack.router().oneshot(request).await.expect("infallible")
    }

    pub async fn send(&self, call: Call) -> Answer {
        let (parts, body) = self.respond(call).await.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("in memory").to_vec();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, bytes, json }
    }

    pub async fn get(&self, path: impl Into<String>) -> Answer {
        self.send(Call::new("GET", path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Call::new("POST", path).json(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Call::new("PUT", path).json(body)).await
    }

    pub async fn delete(&self, path: impl Into<String>) -> Answer {
        self.send(Call::new("DELETE", path)).await
    }

    /// A key with these scopes.
    pub async fn new_key(&self, scopes: &[&str]) -> String {
        let answer = self.post("/v1/api-keys", &json!({"name": "test", "scopes": scopes})).await;
        answer.expect(201)["key"].as_str().expect("a key").to_owned()
    }

    pub async fn new_source(&self) -> TestSource {
        let secret = SigningSecret::generate([7; 32]);
        let body = json!({"provider": "standard_webhooks", "name": "shop", "secrets": [secret.to_text()]});
        let answer = self.post("/v1/sources", &body).await;
        TestSource { id: answer.expect(201).id(), secret }
    }

    /// An endpoint that nothing listens at, for all events.
    pub async fn new_endpoint(&self) -> String {
        // No service has this port and no test may listen there: every connection is refused.
        let answer = self.post("/v1/endpoints", &json!({"url": "http://127.0.0.1:2/hooks"})).await;
        answer.expect(201).id()
    }

    /// Sends a signed webhook and records it. Nothing is delivered yet.
    pub async fn webhook(&self, source: &TestSource, id: &str, body: &[u8]) {
        let answer = self.send_webhook(source, id, body).await;
        assert!(answer.status.is_success(), "{answer:?}");
        while self.stack.consume().await.expect("the consumer takes it") > 0 {}
    }

    /// Sends a signed webhook, whatever becomes of it.
    pub async fn send_webhook(&self, source: &TestSource, id: &str, body: &[u8]) -> Answer {
        let timestamp = self.now().as_second();
        let signed = relay::signing::headers(id, timestamp, body, std::slice::from_ref(&source.secret), &[]);
        let mut call = Call::new("POST", format!("/webhooks/{}", source.id))
            .no_key()
            .header("content-type", "application/json; charset=utf-8")
            .body(body);
        for ((name, value), known) in signed.expect("a valid id").into_iter().zip(SIGNATURE_HEADERS) {
            assert_eq!(name, known);
            call = call.header(known, value.to_str().expect("ASCII"));
        }
        self.send(call).await
    }

    /// Sends an event of a payment at the present time.
    pub async fn event(&self, source: &TestSource, id: &str, event_type: &str, data: &Value) {
        let body = json!({"type": event_type, "timestamp": self.now().to_string(), "data": data});
        self.webhook(source, id, body.to_string().as_bytes()).await;
    }

    /// Makes an item unreadable, as one that a later release has written may be.
    pub async fn spoil(&self, pk: &str, sk: &str) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let dynamodb = Aws::local(self.stack.engines().clone()).dynamodb();
        let update = dynamodb.update_item().table_name(local::TABLE).key("PK", text(pk)).key("SK", text(sk));
        let update = update.condition_expression("attribute_exists(d)").update_expression("SET d = :d");
        let spoiled = update.expression_attribute_values(":d", AttributeValue::B(Blob::new([9; 9])));
        spoiled.send().await.expect("it is there");
    }

    /// All pages of a list.
    pub async fn all(&self, path: &str, limit: usize) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let first = format!("{path}{separator}limit={limit}");
        let (mut found, mut next) = (Vec::new(), first.clone());
        loop {
            let page = self.get(next).await.expect(200).json.clone();
            let data = page["data"].as_array().expect("a list");
            assert!(data.len() <= limit, "{} entries on a page of {limit}", data.len());
            found.extend(data.iter().cloned());
            match page["next_cursor"].as_str() {
                Some(cursor) => next = format!("{first}&cursor={cursor}"),
                None => return found,
            }
        }
    }
}

impl TestSource {
    /// The same source, called by somebody who signs with another secret.
    #[must_use]
    pub fn signed_with(&self, key: [u8; 32]) -> Self {
        Self { id: self.id.clone(), secret: SigningSecret::generate(key) }
    }

    /// The text of the secret that this signs with.
    pub fn secret_text(&self) -> String {
        self.secret.to_text()
    }
}

const SIGNATURE_HEADERS: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];

impl Answer {
    /// Itself, if it has this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.bytes));
        self
    }

    /// Itself, if it is a problem of this code with all that a problem has.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) -> &Self {
        self.expect(status);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.json["code"], code, "{}", self.json);
        assert_eq!(self.json["type"], format!("/errors/{code}"));
        assert_eq!(self.json["status"], status);
        assert_eq!(self.json["request_id"], self.headers["x-request-id"].to_str().expect("ASCII"));
        self
    }

    /// What is said about each field: pairs of pointer or parameter, and detail.
    pub fn errors(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let errors = self.json["errors"].as_array().cloned().unwrap_or_default();
        let place = |error: &Value| text(error.get("pointer").unwrap_or(&error["parameter"]));
        errors.iter().map(|error| (place(error), text(&error["detail"]))).collect()
    }

    pub fn places(&self) -> Vec<String> {
        self.errors().into_iter().map(|(place, _)| place).collect()
    }

    #[track_caller]
    pub fn id(&self) -> String {
        self.json["id"].as_str().expect("an id").to_owned()
    }

    #[track_caller]
    pub fn etag(&self) -> String {
        self.headers["etag"].to_str().expect("ASCII").to_owned()
    }

    #[track_caller]
    pub fn data(&self) -> &[Value] {
        self.json["data"].as_array().expect("a list")
    }
}

impl std::ops::Index<&str> for Answer {
    type Output = Value;

    fn index(&self, name: &str) -> &Value {
        &self.json[name]
    }
}
