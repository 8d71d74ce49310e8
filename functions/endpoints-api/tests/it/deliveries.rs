use serde_json::{Value, json};
use store::RawEvent;
use support::{Api, TestSource};

/// `count` events of as many payments, each recorded and none delivered.
async fn events(api: &Api, source: &TestSource, count: usize) {
    for number in 0..count {
        let data = json!({"id": format!("p{number}"), "amount": 100, "currency": "EUR"});
        api.event(source, &format!("msg_{number}"), "payment.captured", &data).await;
        api.advance(jiff::SignedDuration::from_millis(1));
    }
}

fn ids(deliveries: &[Value]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn a_delivery_is_seen_before_and_after_its_first_attempt() {
    let api = Api::start().await;
    let (source, endpoint) = (api.new_source().await, api.new_endpoint().await);
    events(&api, &source, 1).await;

    let listed = api.get("/v1/deliveries").await;
    let pending = listed.expect(200).data()[0].clone();
    assert_eq!(pending["object"], "delivery");
    assert_eq!((&pending["status"], &pending["attempts"]), (&json!("pending"), &json!([])));
    assert_eq!((&pending["endpoint"], &pending["type"]), (&json!(endpoint), &json!("payment.captured")));
    let path = format!("/v1/deliveries/{}", pending["id"].as_str().expect("an id"));
    assert_eq!(api.get(&path).await.expect(200).json, pending);
    assert!(api.get(format!("{path}/attempts")).await.expect(200).data().is_empty());

    assert!(api.stack.dispatch().await.expect("the dispatcher runs") > 0);
    let attempted = api.get(&path).await;
    assert_eq!(attempted.expect(200)["status"], "retrying");
    assert_eq!(attempted["attempts"][0]["error"], "connection_refused");
    assert!(attempted["next_attempt_at"].is_string());
    let attempts = api.get(format!("{path}/attempts")).await;
    assert_eq!(json!(attempts.expect(200).data()), attempted["attempts"]);
    assert_eq!(api.get("/v1/deliveries").await.data(), [attempted.json]);
}

#[tokio::test]
async fn a_retry_by_hand_makes_one_more_attempt() {
    let api = Api::start().await;
    let (source, endpoint) = (api.new_source().await, api.new_endpoint().await);
    events(&api, &source, 1).await;
    api.stack.dispatch().await.expect("the dispatcher runs");
    let delivery = api.get("/v1/deliveries").await.data()[0]["id"].as_str().expect("an id").to_owned();
    let (path, retry) = (format!("/v1/deliveries/{delivery}"), format!("/v1/deliveries/{delivery}/retry"));

    let accepted = api.post(&retry, &json!({})).await;
    assert_eq!(accepted.expect(202).id(), delivery);
    api.stack.dispatch().await.expect("the dispatcher runs");
    let attempts = api.get(format!("{path}/attempts")).await;
    let numbers: Vec<_> = attempts.data().iter().map(|attempt| &attempt["number"]).collect();
    assert_eq!(numbers, [1, 2]);

    let endpoint = format!("/v1/endpoints/{endpoint}");
    let disabled = json!({"url": "http://127.0.0.1:2/hooks", "status": "disabled"});
    api.put(&endpoint, &disabled).await.expect(200);
    api.post(&retry, &json!({})).await.expect_problem(409, "conflict");
    api.delete(&endpoint).await.expect(204);
    api.post(&retry, &json!({})).await.expect_problem(409, "conflict");
    let unknown = format!("/v1/deliveries/dlv_{}/retry", "0".repeat(56));
    api.post(&unknown, &json!({})).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_delivery_that_was_canceled_before_its_first_attempt_can_be_retried() {
    let api = Api::start().await;
    let (source, endpoint) = (api.new_source().await, api.new_endpoint().await);
    events(&api, &source, 1).await;
    let endpoint = format!("/v1/endpoints/{endpoint}");
    let body = |status: &str| json!({"url": "http://127.0.0.1:2/hooks", "status": status});
    api.put(&endpoint, &body("disabled")).await.expect(200);
    api.stack.dispatch().await.expect("the dispatcher runs");
    let canceled = api.get("/v1/deliveries?status=canceled").await.data()[0].clone();
    api.put(&endpoint, &body("active")).await.expect(200);

    let path = format!("/v1/deliveries/{}", canceled["id"].as_str().expect("an id"));
    api.post(&format!("{path}/retry"), &json!({})).await.expect(202);
    api.stack.dispatch().await.expect("the dispatcher runs");
    let retried = api.get(&path).await;
    assert_eq!(retried["status"], "retrying");
    assert_eq!(retried["attempts"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn deliveries_are_listed_newest_first_once_each_over_pages_of_any_size() {
    let api = Api::start().await;
    let source = api.new_source().await;
    for _ in 0..3 {
        api.new_endpoint().await;
    }
    events(&api, &source, 4).await;
    let all = api.all("/v1/deliveries", 100).await;
    assert_eq!(all.len(), 12);
    let created: Vec<&str> =
        all.iter().map(|delivery| delivery["created_at"].as_str().expect("a time")).collect();
    assert!(created.is_sorted_by(|a, b| a >= b), "{created:?}");
    for limit in [1, 2, 5, 7, 12] {
        assert_eq!(ids(&api.all("/v1/deliveries", limit).await), ids(&all), "limit {limit}");
    }
}

#[tokio::test]
async fn deliveries_are_filtered() {
    let api = Api::start().await;
    let source = api.new_source().await;
    let (first, second) = (api.new_endpoint().await, api.new_endpoint().await);
    events(&api, &source, 3).await;
    api.delete(format!("/v1/endpoints/{second}")).await.expect(204);
    while api.stack.dispatch().await.expect("the dispatcher runs") > 0 {}
    events(&api, &source, 0).await;

    let count = async |query: String| api.all(&format!("/v1/deliveries?{query}"), 2).await.len();
    assert_eq!(count(format!("endpoint={first}")).await, 3);
    assert_eq!(count(format!("endpoint={first}&status=retrying")).await, 3);
    assert_eq!(count("status=canceled".to_owned()).await, 3);
    assert_eq!(count("status=succeeded".to_owned()).await, 0);
    let event = api.get("/v1/events").await.data()[0].clone();
    let (event, payment) = (event["id"].as_str().expect("an id"), event["payment"].as_str().expect("an id"));
    assert_eq!(count(format!("event={event}")).await, 2);
    assert_eq!(count(format!("event={event}&endpoint={first}")).await, 1);
    assert_eq!(count(format!("payment={payment}&status=canceled")).await, 1);

    let refused = api.get("/v1/deliveries?status=lost&endpoint=x&colour=red").await;
    assert_eq!(refused.expect_problem(400, "invalid_parameter").places(), ["endpoint", "status", "colour"]);
    let both = api.get(format!("/v1/deliveries?event={event}&payment={payment}")).await;
    assert_eq!(both.expect_problem(400, "invalid_parameter").places(), ["payment"]);
}

#[tokio::test]
async fn a_delivery_that_its_queue_can_never_take_ends_at_once_with_its_reason() {
    let api = Api::start().await;
    let source = api.new_source().await;
    let watching = json!({"type": "poll", "event_types": ["delivery.exhausted"]});
    api.post("/v1/endpoints", &watching).await.expect(201);
    events(&api, &source, 1).await;
    let event = api.get("/v1/events").await.data()[0]["id"].as_str().expect("an id").to_owned();
    let id = event.parse().expect("an id");
    let record = api.stack.store.event(&id).await.expect("the store works").expect("it is recorded");
    let raw = RawEvent { body: vec![b'x'; 1024 * 1024], ..record.raw.expect("it came in a request") };
    let digest = record.event.notification.digest();
    api.stack.store.conclude_event(&record.event, &raw, &digest, true).await.expect("the store works");

    let queue = "arn:aws:sqs:us-east-1:000000000000:orders";
    let settings = json!({"type": "sqs", "arn": queue, "format": "raw", "event_types": ["payment.*"]});
    let endpoint = api.post("/v1/endpoints", &settings).await.expect(201).id();
    api.post("/v1/replays", &json!({"event": event, "endpoint": endpoint})).await.expect(201);
    while api.stack.dispatch().await.expect("the dispatcher runs") > 0 {}
    let deliveries = api.get(format!("/v1/deliveries?endpoint={endpoint}")).await;
    let [delivery] = deliveries.data() else { panic!("one delivery: {deliveries:?}") };
    assert_eq!((&delivery["status"], &delivery["next_attempt_at"]), (&json!("exhausted"), &Value::Null));
    let [attempt] = &delivery["attempts"].as_array().expect("a list")[..] else { panic!("{delivery}") };
    assert_eq!((&attempt["outcome"], &attempt["error"]), (&json!("failed"), &json!("too_large")));
    let detail = attempt["error_detail"].as_str().expect("a detail");
    assert!(detail.starts_with("SQS takes messages of 1048576 bytes, this one has "), "{detail}");
    let told = api.get("/v1/events?type=delivery.exhausted").await;
    assert_eq!(told.data()[0]["notice"]["delivery"], delivery["id"]);
    let health = &api.get(format!("/v1/endpoints/{endpoint}")).await["health"];
    assert_eq!(health["consecutive_failures"], 0, "it says nothing of the endpoint");
}
