//! The layout of the items: what one release writes, the next one reads. A change here needs a thought about the
//! items that are there already.

use crate::{
    Asked, Placed, Quarantined, RawEvent, SealedRequest, Store, StoreError, StoredPayment, Wait, codec, keys,
};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use data_encoding::BASE64;
use domain::{
    ApiKey, ApiKeyId, Arrival, Attempt, AttemptOutcome, Conditions, CustomHeaders, DEFAULT_TIMEOUT_SECONDS,
    DeadLetter, DeadLetterId, DeadLetterReason, Death, Delivery, DeliveryId, DeliveryStatus, Destination,
    Encoding, Endpoint, EndpointFormat, EndpointId, EndpointLimits, EndpointSecret, EndpointStatus, Event,
    EventId, EventType, EventTypePattern, FailureKind, HeaderHint, MessageSubject, Payment, PaymentId,
    QuarantineId, Replay, ReplayFailure, ReplayFilter, ReplayId, ReplayRange, ReplayStatus, ReplayedStatus,
    RetrySchedule, Scope, SealedSecret, SecretId, Signing, Source, SourceId, SourceStatus, WorkQueue,
};
use jiff::{SignedDuration, Timestamp};
use platform::{Aws, AwsEndpoints};
use providers::{Provider, Request, Secret, Settings, Verified};
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex};

/// Answers every call with success and keeps what was to be put.
#[derive(Debug, Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Map<String, Value>>>>);

impl HttpConnector for Recorder {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().expect("the SDK's bodies are in memory");
        let mut body: Value = serde_json::from_slice(body).expect("DynamoDB is called with JSON");
        if let Some(Value::Object(item)) = body.get_mut("Item").map(Value::take) {
            self.0.lock().expect("no holder panics").push(item);
        }
        let status = 200.try_into().expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from("{}"))))
    }
}

impl HttpClient for Recorder {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// The item that a write puts, attribute by attribute with its bytes, and with its blob decoded.
async fn layout<T>(write: impl AsyncFnOnce(&Store) -> Result<T, StoreError>) -> Value {
    let recorder = Recorder::default();
    let aws = Aws::local(AwsEndpoints::default()).with_http_client(SharedHttpClient::new(recorder.clone()));
    write(&Store::new(aws.dynamodb(), "payrelay")).await.expect("the recorder takes all");
    let mut items = std::mem::take(&mut *recorder.0.lock().expect("no holder panics"));
    let item = items.pop().expect("an item was put");
    assert_eq!(items, [], "one write is one item");
    let total: usize = item.iter().map(|(name, value)| bytes(name, value)).sum();
    let mut shown: Map<String, Value> = item
        .into_iter()
        .map(|(name, mut value)| {
            let bytes = bytes(&name, &value);
            if let Some(Value::String(blob)) = value.get("B") {
                value["B"] = decoded(&BASE64.decode(blob.as_bytes()).expect("blobs are base64 in JSON"));
            }
            value["bytes"] = bytes.into();
            (name, value)
        })
        .collect();
    let units = total.div_ceil(1024);
    shown.insert("(in all)".to_owned(), json!({ "bytes": total, "write units without indexes": units }));
    Value::Object(shown)
}

/// What an attribute counts towards the size of its item: name and value
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>).
fn bytes(name: &str, value: &Value) -> usize {
    let (kind, value) = value.as_object().and_then(|value| value.iter().next()).expect("a typed value");
    let value = value.as_str().expect("texts, numbers and bytes are texts in JSON");
    let value = match kind.as_str() {
        "S" => value.len(),
        "N" => value.len().div_ceil(2) + 1,
        "B" => BASE64.decode(value.as_bytes()).expect("base64").len(),
        other => panic!("no item has attributes of the type {other}"),
    };
    name.len() + value
}

/// JSON, or a length, so much JSON, and a request's body.
fn decoded(blob: &[u8]) -> Value {
    let plain = codec::decode_bytes("test", blob).expect("what was encoded can be decoded");
    if let Ok(json) = serde_json::from_slice(&plain) {
        return json;
    }
    let (length, rest) = plain.split_first_chunk::<4>().expect("a length");
    let (head, body) = rest.split_at(u32::from_be_bytes(*length) as usize);
    let head: Value = serde_json::from_slice(head).expect("the head is JSON");
    json!({ "head": head, "body": String::from_utf8_lossy(body) })
}

const CHARGE: &str = r#"{"id":"evt_3Q","object":"event","created":1795348799,"data":{"object":{"id":"ch_3Q","object":"charge","amount":4200,"amount_captured":4200,"amount_refunded":0,"captured":true,"currency":"eur","metadata":{"order_id":"1000"},"payment_intent":"pi_3Q","status":"succeeded"}},"type":"charge.succeeded"}"#;

fn at() -> Timestamp {
    "2026-11-22T12:00:00.123Z".parse().expect("a time")
}

fn source_id() -> SourceId {
    SourceId::mint([1; 16])
}

fn secret() -> SealedSecret {
    SealedSecret {
        id: SecretId::mint([2; 16]),
        hint: "j8Kq".to_owned(),
        sealed: "k1.d3JhcHBlZA.c2VhbGVk".to_owned(),
        created_at: at(),
        expires_at: Some(at() + SignedDuration::from_hours(24)),
    }
}

fn verified() -> Verified {
    let stripe = simulators::Stripe::new([9; 16]);
    let webhook = stripe.sign(CHARGE.to_owned(), at());
    let headers: Vec<(String, String)> =
        webhook.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let url = "https://pay.example/webhooks";
    let request = Request { method: "POST", url, headers: &headers, body: webhook.body.as_bytes() };
    let secret = Secret { id: &SecretId::mint([2; 16]), text: stripe.secret() };
    let provider = Provider::find("stripe").expect("Stripe is in the table");
    provider.verify(&request, &[secret], &Settings::new(), at()).expect("it is genuine")
}

/// A charge as the consumer records it: the payment, its event, and the request.
fn recorded() -> (Payment, Event, RawEvent) {
    let verified = verified();
    let notification = verified.notifications(&Settings::new()).expect("it can be read").remove(0);
    let provider_payment_id = notification.provider_payment_id.clone().expect("it is about a payment");
    let payment_id = PaymentId::derive(&source_id(), &provider_payment_id);
    let id = EventId::derive(&source_id(), Some(&payment_id), &notification.dedupe_key);
    let mut payment = Payment::new(source_id(), "stripe".to_owned(), provider_payment_id, id.clone(), at());
    let arrival = Arrival {
        received_at: at(),
        verified_by: verified.verified_by(),
        confirmed_at: None,
        secret: verified.secret().cloned(),
    };
    let transition = payment.record(&id, &id, &notification, &arrival).transition;
    let event = Event {
        id,
        source: Some(source_id()),
        provider: "stripe".to_owned(),
        event_type: notification.event_type,
        payment: Some(payment_id),
        received_at: at(),
        verified_by: verified.verified_by(),
        confirmed_at: None,
        secret: verified.secret().cloned(),
        notification,
        transition: Some(transition),
        unconfirmed: None,
        notice: None,
        endpoints: vec![EndpointId::mint([3; 16])],
    };
    let (meta, body) = verified.into_parts();
    (payment, event, RawEvent { meta, body, answer: None })
}

fn delivery(status: DeliveryStatus) -> Delivery {
    let (_, event, _) = recorded();
    let endpoint = EndpointId::mint([3; 16]);
    Delivery {
        id: DeliveryId::derive(&event.id, &endpoint),
        event: event.id,
        endpoint,
        event_type: EventType::PaymentCaptured,
        status,
        created_at: at(),
        next_attempt_at: (status == DeliveryStatus::Retrying).then(at),
        dead_letter: None,
        attempts: vec![Attempt {
            number: 1,
            at: at(),
            outcome: AttemptOutcome::Failed,
            status_code: Some(503),
            latency_ms: 31,
            error: Some(FailureKind::Status),
            error_detail: None,
            manual: false,
            repeat: false,
            replay: None,
            response_excerpt: Some("try later".to_owned()),
        }],
    }
}

#[tokio::test]
async fn configuration_items() {
    let source = Source {
        id: source_id(),
        provider: "stripe".to_owned(),
        name: "shop".to_owned(),
        status: SourceStatus::Active,
        secrets: vec![secret()],
        settings: Settings::from([("account".to_owned(), "acct_1".to_owned())]),
        api_credential: None,
        silent_after_hours: None,
        created_at: at(),
        updated_at: at(),
    };
    let endpoint = Endpoint {
        id: EndpointId::mint([3; 16]),
        destination: Destination::Http { url: "https://shop.example/hooks".to_owned() },
        name: "app".to_owned(),
        event_types: vec![EventTypePattern::everything()],
        sources: vec![source_id()],
        conditions: Conditions::default(),
        format: EndpointFormat::Standard,
        encoding: Encoding::Json,
        signing: vec![Signing::V1],
        headers: None,
        retry_schedule: None,
        timeout_seconds: DEFAULT_TIMEOUT_SECONDS,
        limits: EndpointLimits::default(),
        status: EndpointStatus::Active,
        secrets: vec![EndpointSecret { sealed: secret(), public_key: None }],
        created_at: at(),
        updated_at: at(),
    };
    let elaborate = Endpoint {
        conditions: Conditions::parse(&json!({"data.event.amount": [{"numeric": [">=", 1000]}]}))
            .expect("valid"),
        encoding: Encoding::Xml,
        signing: vec![Signing::V1, Signing::V1a],
        headers: Some(CustomHeaders {
            shown: vec![HeaderHint { name: "x-api-key".to_owned(), hint: "cdef".to_owned() }],
            sealed: "f1.sealed".to_owned(),
        }),
        retry_schedule: Some(RetrySchedule::try_from(vec![60, 3600]).expect("valid")),
        timeout_seconds: 30,
        destination: Destination::Sqs { arn: "arn:aws:sqs:us-east-1:123456789012:payments".to_owned() },
        limits: EndpointLimits { per_second: Some(20), concurrent: Some(5) },
        secrets: vec![EndpointSecret { sealed: secret(), public_key: Some("whpk_public".to_owned()) }],
        ..endpoint.clone()
    };
    let api_key = ApiKey {
        id: ApiKeyId::mint([4; 16]),
        name: "reports".to_owned(),
        scopes: vec![Scope::PaymentsRead, Scope::EndpointsRead],
        hash: "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8".to_owned(),
        created_at: at(),
        expires_at: None,
    };
    let source = layout(async |store| store.create_config(&source).await).await;
    insta::assert_json_snapshot!("source", source);
    let endpoint = layout(async |store| store.replace_config(&endpoint, 6).await).await;
    insta::assert_json_snapshot!("endpoint", endpoint);
    let elaborate = layout(async |store| store.replace_config(&elaborate, 6).await).await;
    insta::assert_json_snapshot!("endpoint_with_all_settings", elaborate);
    let api_key = layout(async |store| store.create_config(&api_key).await).await;
    insta::assert_json_snapshot!("api_key", api_key);
}

#[tokio::test]
async fn the_item_of_a_payment() {
    let (payment, ..) = recorded();
    let item = layout(async |store| store.put_payment(StoredPayment::new(payment)).await).await;
    insta::assert_json_snapshot!("payment", item);
}

#[tokio::test]
async fn the_items_of_events() {
    let (_, event, raw) = recorded();
    let commit = async |raw: Option<&RawEvent>, opens_payment| {
        layout(async |store| store.commit_event(&event, raw, opens_payment).await).await
    };
    let first = commit(Some(&raw), true).await;
    insta::assert_json_snapshot!("event_that_opens_its_payment", first);
    insta::assert_json_snapshot!("event_that_we_raised", commit(None, false).await);
    let told = Event { confirmed_at: Some(at()), ..event.clone() };
    let answered = RawEvent { answer: Some(b"{}".to_vec()), ..raw.clone() };
    let confirmed = layout(async |store| store.conclude_event(&told, &answered, "digest", true).await).await;
    insta::assert_json_snapshot!("event_that_the_api_confirmed", confirmed);
    // A later event differs from the first by its entries in the listing by time and in its payment's timeline alone.
    let mut later = commit(Some(&raw), false).await;
    for entry in [keys::GSI1PK, keys::GSI1SK, keys::GSI2PK, keys::GSI2SK] {
        assert!(later.as_object_mut().expect("an item").remove(entry).is_some());
    }
    later["(in all)"] = first["(in all)"].clone();
    assert_eq!(later, first);
}

#[tokio::test]
async fn the_item_of_a_request_in_quarantine() {
    let entry = Quarantined {
        id: QuarantineId::mint(&source_id(), [5; 16]),
        source: source_id(),
        provider: "stripe".to_owned(),
        reason: "signature_mismatch".to_owned(),
        method: "POST".to_owned(),
        header_names: vec!["stripe-signature".to_owned()],
        body_bytes: 300,
        received_at: at(),
    };
    // What is sealed is opaque to the table; this is something that the snapshot can show.
    let request = SealedRequest { entry, sealed: codec::encode_bytes(b"\"sealed\"").expect("is small") };
    let item = layout(async |store| store.put_quarantined(&request).await).await;
    insta::assert_json_snapshot!("quarantined", item);
}

#[tokio::test]
async fn the_item_of_a_dead_letter() {
    let (_, event, _) = recorded();
    let death = Death {
        queue: WorkQueue::Events,
        reason: DeadLetterReason::TriesUsedUp,
        error: Some("DynamoDB PutItem failed".to_owned()),
        received_count: 5,
        message_id: "d0a7c4ba-8c6e-4b0e-9d8a-2f2f4b8f0a11".to_owned(),
        group: Some(source_id().to_string()),
        body_bytes: 300,
        sent_at: at(),
        died_at: at(),
        subject: MessageSubject { source: event.source, event: Some(event.id), ..MessageSubject::default() },
    };
    let letter = DeadLetter::new(DeadLetterId::derive(WorkQueue::Events, &death.message_id), death);
    // As above.
    let sealed = codec::encode_bytes(b"\"sealed\"").expect("is small");
    let item = layout(async |store| store.put_dead_letter(&letter, sealed.clone(), 0).await).await;
    insta::assert_json_snapshot!("dead_letter", item);
}

#[tokio::test]
async fn the_items_of_replays() {
    let range = ReplayRange {
        endpoint: EndpointId::mint([3; 16]),
        since: at(),
        until: at() + SignedDuration::from_hours(1),
        status: Some(ReplayedStatus::Failed),
        event_types: vec![EventTypePattern::everything()],
        sources: vec![source_id()],
    };
    let mut replay = Replay::new(ReplayId::mint([7; 16]), ReplayFilter::Range(range), 600, at());
    replay.note_sent(60, at());
    replay.looked_at = 100;
    replay.position = Some("01a205f5dfbevg1m6c0k3n8c2r5t7u9".to_owned());
    replay.reached = Some(at());
    let running = layout(async |store| store.put_replay(&replay, 3).await).await;
    insta::assert_json_snapshot!("replay_running", running);
    replay.finish(ReplayStatus::Failed, Some(ReplayFailure::EndpointDeleted), at());
    let failed = layout(async |store| store.put_replay(&replay, 4).await).await;
    insta::assert_json_snapshot!("replay_failed", failed);
}

#[tokio::test]
async fn the_items_of_deliveries() {
    let put = async |status, wait| {
        let delivery = delivery(status);
        layout(async |store| store.put_delivery(&delivery, 0, wait).await).await
    };
    insta::assert_json_snapshot!("delivery_retrying", put(DeliveryStatus::Retrying, Wait::Due(at())).await);
    insta::assert_json_snapshot!("delivery_exhausted", put(DeliveryStatus::Exhausted, Wait::Nothing).await);
    let placed = Placed { at: at(), asked: Some(Asked::For(ReplayId::mint([7; 16]))) };
    insta::assert_json_snapshot!("delivery_placed", put(DeliveryStatus::Pending, Wait::Fetch(placed)).await);
}
