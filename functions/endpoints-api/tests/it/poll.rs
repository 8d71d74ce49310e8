//! Polls, beside what the journeys show.

use domain::{Delivery, DeliveryId, DeliveryStatus, EventId, EventType, SourceId};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use store::{Placed, Wait};
use support::{Answer, Api, Call, TestSource};

async fn start(settings: Value) -> (Api, TestSource, Answer) {
    let api = Api::start().await;
    let source = api.new_source().await;
    let endpoint = api.post("/v1/endpoints", &settings).await;
    endpoint.expect(201);
    (api, source, endpoint)
}

fn path(endpoint: &Answer) -> String {
    format!("/v1/endpoints/{}/poll", endpoint.id())
}

#[tokio::test]
async fn a_poll_needs_a_scope_that_only_admin_includes() {
    let (api, _, endpoint) = start(json!({"type": "poll"})).await;
    let others = ["payments:read", "endpoints:read", "endpoints:write", "sources:read", "sources:write"];
    let (others, polling) = (api.new_key(&others).await, api.new_key(&["deliveries:poll"]).await);
    let get = |path: String, key: &str| Call::new("GET", path).key(key);
    api.send(get(path(&endpoint), &polling)).await.expect(200);
    api.send(get(path(&endpoint), &others)).await.expect_problem(403, "forbidden");
    api.send(Call::new("GET", path(&endpoint)).no_key()).await.expect_problem(401, "unauthorized");
    for other in [format!("/v1/endpoints/{}", endpoint.id()), "/v1/deliveries".to_owned()] {
        api.send(get(other, &polling)).await.expect_problem(403, "forbidden");
    }
}

#[tokio::test]
async fn what_is_not_there_or_not_polled_is_said() {
    let (api, _, _) = start(json!({"type": "poll"})).await;
    let unknown = format!("/v1/endpoints/ep_{}/poll", "0".repeat(26));
    api.get(unknown).await.expect_problem(404, "not_found");
    let called = api.new_endpoint().await;
    api.get(format!("/v1/endpoints/{called}/poll")).await.expect_problem(409, "conflict");
}

#[tokio::test]
async fn a_test_of_a_polled_endpoint_answers_the_message_and_places_nothing() {
    let (api, _, endpoint) = start(json!({"type": "poll", "signing": ["v1", "v1a"]})).await;
    let test = api.post(&format!("/v1/endpoints/{}/test", endpoint.id()), &json!({})).await;
    test.expect(200);
    assert_eq!((&test["attempt"], &test["headers"]["webhook-id"]), (&Value::Null, &test["id"]));
    let webhook = standardwebhooks::Webhook::new(endpoint["secret"].as_str().expect("a secret"));
    let at = test["headers"]["webhook-timestamp"].as_str().expect("a time").parse().expect("a number");
    let body = test["body"].as_str().expect("a body");
    let expected = webhook.expect("a valid secret").sign(&test.id(), at, body.as_bytes()).expect("signs");
    let signatures = test["headers"]["webhook-signature"].as_str().expect("signatures");
    assert!(signatures.split(' ').any(|one| one == expected), "{signatures}");
    assert!(signatures.contains("v1a,"), "{signatures}");
    let payload: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(payload["type"], "endpoint.test");
    assert!(api.get(path(&endpoint)).await.data().is_empty());
}

#[tokio::test]
async fn no_custom_header_is_shown_though_the_endpoint_kept_some_from_when_it_was_called() {
    let settings = json!({"url": "http://127.0.0.1:2/", "headers": {"authorization": "Bearer s3cret"}});
    let (api, source, endpoint) = start(settings).await;
    let polled = json!({"type": "poll"});
    api.put(&format!("/v1/endpoints/{}", endpoint.id()), &polled).await.expect(200);
    api.event(&source, "msg_1", "payment.captured", &json!({"id": "p1", "amount": 1, "currency": "EUR"}))
        .await;
    api.stack.dispatch().await.expect("the dispatcher runs");
    let answer = api.get(path(&endpoint)).await;
    let headers = answer.data()[0]["headers"].as_object().expect("headers").clone();
    let names: Vec<&str> = headers.keys().map(String::as_str).collect();
    assert_eq!(names, ["content-type", "webhook-id", "webhook-signature", "webhook-timestamp"]);
    assert!(!String::from_utf8_lossy(&answer.bytes).contains("s3cret"));
}

#[tokio::test]
async fn a_delivery_whose_event_is_not_there_waits_for_a_day_and_is_canceled_then() {
    let (api, _, endpoint) = start(json!({"type": "poll"})).await;
    let event = EventId::derive(&SourceId::mint([1; 16]), None, "gone");
    let id = endpoint.id().parse().expect("an id");
    let delivery = Delivery {
        id: DeliveryId::derive(&event, &id),
        event,
        endpoint: id,
        event_type: EventType::PaymentCaptured,
        status: DeliveryStatus::Pending,
        created_at: api.now(),
        next_attempt_at: None,
        dead_letter: None,
        attempts: Vec::new(),
    };
    let placed = Wait::Fetch(Placed { at: api.now(), asked: None });
    api.stack.store.put_delivery(&delivery, 0, placed).await.expect("the store works");
    let shown = format!("/v1/deliveries/{}", delivery.id);
    for (hours, status) in [(0, "pending"), (23, "pending"), (2, "canceled"), (1, "canceled")] {
        api.advance(SignedDuration::from_hours(hours));
        assert!(api.get(path(&endpoint)).await.expect(200).data().is_empty());
        assert_eq!(api.get(&shown).await["status"], status);
    }
}

#[tokio::test]
async fn bodies_of_any_size_come_in_answers_that_lambda_can_give() {
    const LAMBDA_BYTES: usize = 6 * 1024 * 1024;
    const EVENTS: usize = 5;
    let (api, source, endpoint) = start(json!({"type": "poll", "format": "raw"})).await;
    for number in 0..EVENTS {
        // Escaped twice over on its way, this becomes about four times as long.
        let note = "\"".repeat(240 * 1024);
        let data = json!({"id": format!("p{number}"), "amount": 1, "currency": "EUR", "note": note});
        api.event(&source, &format!("msg_{number}"), "payment.captured", &data).await;
        // Such a body does not travel with its message, which waits for the event to be committed.
        api.advance(SignedDuration::from_secs(2));
        while api.stack.dispatch().await.expect("the dispatcher runs") > 0 {}
    }
    let (mut seen, mut answers, mut query) = (BTreeSet::new(), 0, String::new());
    loop {
        let answer = api.get(format!("{}?limit=50{query}", path(&endpoint))).await;
        let text = String::from_utf8(answer.expect(200).bytes.clone()).expect("text");
        let wrapped = serde_json::to_string(&text).expect("serialises").len();
        assert!(wrapped < LAMBDA_BYTES, "{wrapped}");
        seen.extend(answer.data().iter().map(|polled| polled["id"].to_string()));
        assert_eq!(answer["has_more"], json!(seen.len() < EVENTS), "{} of {EVENTS}", seen.len());
        answers += 1;
        query = format!("&cursor={}", answer["cursor"].as_str().expect("a cursor"));
        if answer["has_more"] == false {
            break;
        }
    }
    assert_eq!(seen.len(), EVENTS);
    assert!((2..=EVENTS).contains(&answers), "{answers}");
}

#[tokio::test]
async fn what_becomes_visible_late_and_with_an_older_time_is_not_acknowledged_by_a_cursor_of_before() {
    let (api, source, endpoint) = start(json!({"type": "poll"})).await;
    let data = |id: &str| json!({"id": id, "amount": 1, "currency": "EUR"});
    api.event(&source, "msg_1", "payment.captured", &data("p1")).await;
    api.stack.dispatch().await.expect("the dispatcher runs");
    let first = api.get(path(&endpoint)).await;
    assert_eq!(first.data().len(), 1);

    api.event(&source, "msg_2", "payment.captured", &data("p2")).await;
    let pending = api.get("/v1/deliveries?status=pending").await;
    let late = pending.data().iter().find(|delivery| delivery["id"] != first.data()[0]["id"]);
    let text = |name: &str| late.expect("the second").get(name).and_then(Value::as_str).expect("a text");
    let delivery = Delivery {
        id: text("id").parse().expect("an id"),
        event: text("event").parse().expect("an id"),
        endpoint: text("endpoint").parse().expect("an id"),
        event_type: EventType::PaymentCaptured,
        status: DeliveryStatus::Pending,
        created_at: api.now(),
        next_attempt_at: None,
        dead_letter: None,
        attempts: Vec::new(),
    };
    let before = api.now() - SignedDuration::from_hours(1);
    let placed = Wait::Fetch(Placed { at: before, asked: None });
    api.stack.store.put_delivery(&delivery, 0, placed).await.expect("the store works");
    // Its message comes as well, and finds it waiting.
    while api.stack.dispatch().await.expect("the dispatcher runs") > 0 {}
    let cursor = first["cursor"].as_str().expect("a cursor");
    for _ in 0..2 {
        let next = api.get(format!("{}?cursor={cursor}", path(&endpoint))).await;
        let ids: Vec<&Value> = next.data().iter().map(|polled| &polled["id"]).collect();
        assert_eq!(ids, [&json!(delivery.id)]);
    }
}
