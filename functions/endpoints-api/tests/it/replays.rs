use jiff::SignedDuration;
use serde_json::{Value, json};
use support::{Answer, Api, Call, TestSource};

/// `count` events of as many payments, a second apart, and the first attempt of each, which fails.
async fn failed_events(api: &Api, source: &TestSource, count: usize) {
    for number in 0..count {
        let data = json!({"id": format!("p{number}"), "amount": 100, "currency": "EUR"});
        api.event(source, &format!("msg_{number}"), "payment.captured", &data).await;
        api.advance(SignedDuration::from_secs(1));
        if number % 20 == 19 {
            dispatch(api).await;
            forget_failures(api).await;
        }
    }
    dispatch(api).await;
    forget_failures(api).await;
}

/// So many failures would open the breaker, and the rest would have no attempt.
async fn forget_failures(api: &Api) {
    for endpoint in api.all("/v1/endpoints", 100).await {
        let id = endpoint["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        api.stack.store.forget_standing(&id).await.expect("the table answers");
    }
}

async fn dispatch(api: &Api) {
    while api.stack.dispatch().await.expect("the dispatcher runs") > 0 {}
}

async fn sweep(api: &Api) {
    sweeper::handle(&api.stack.sweeper).await.expect("the sweeper runs");
}

/// The numbers of attempts of all deliveries, newest first.
async fn attempts(api: &Api) -> Vec<usize> {
    let deliveries = api.all("/v1/deliveries", 100).await;
    deliveries.iter().map(|delivery| delivery["attempts"].as_array().map_or(0, Vec::len)).collect()
}

async fn replay(api: &Api, body: &Value) -> Answer {
    api.post("/v1/replays", body).await
}

#[tokio::test]
async fn an_event_is_sent_again_at_once_to_all_that_want_it_or_to_one() {
    let api = Api::start().await;
    let source = api.new_source().await;
    let (first, _) = (api.new_endpoint().await, api.new_endpoint().await);
    failed_events(&api, &source, 1).await;
    let event = api.get("/v1/events").await.data()[0]["id"].clone();

    let all = replay(&api, &json!({"event": event})).await;
    assert_eq!((&all.expect(201)["object"], &all["status"]), (&json!("replay"), &json!("succeeded")));
    assert_eq!(
        (&all["sent"], &all["looked_at"], &all["filter"]),
        (&json!(2), &json!(1), &json!({"event": event}))
    );
    assert!(all["finished_at"].is_string());
    api.advance(SignedDuration::from_secs(1));
    dispatch(&api).await;
    assert_eq!(attempts(&api).await, [2, 2]);

    let one = replay(&api, &json!({"event": event, "endpoint": first})).await;
    assert_eq!(one.expect(201)["sent"], 1);
    dispatch(&api).await;
    let delivery = api.get(format!("/v1/deliveries?endpoint={first}")).await.data()[0].clone();
    let replays: Vec<&Value> =
        delivery["attempts"].as_array().expect("a list").iter().map(|a| &a["replay"]).collect();
    assert_eq!(replays, [&Value::Null, &all["id"], &one["id"]], "each attempt names its replay");
    assert_eq!(delivery["attempts"][1]["manual"], true);

    let location = one.headers["location"].to_str().expect("ASCII").to_owned();
    assert_eq!(api.get(&location).await.expect(200).json, one.json);
    let known = api.send(Call::new("GET", location).header("if-none-match", one.etag())).await;
    known.expect(304);
}

#[tokio::test]
async fn a_delivery_is_sent_again_though_its_endpoint_wants_such_events_no_more() {
    let api = Api::start().await;
    let (source, endpoint) = (api.new_source().await, api.new_endpoint().await);
    failed_events(&api, &source, 1).await;
    let refunds = json!({"url": "http://127.0.0.1:2/hooks", "event_types": ["refund.*"]});
    api.put(&format!("/v1/endpoints/{endpoint}"), &refunds).await.expect(200);
    let delivery = api.get("/v1/deliveries").await.data()[0].clone();

    let event = replay(&api, &json!({"event": delivery["event"], "endpoint": endpoint})).await;
    assert_eq!(event.expect(201)["sent"], 0, "the endpoint does not want it");
    let named = replay(&api, &json!({"delivery": delivery["id"]})).await;
    let filter = json!({"delivery": delivery["id"], "event": delivery["event"], "endpoint": endpoint});
    assert_eq!((&named.expect(201)["sent"], &named["filter"]), (&json!(1), &filter));
    dispatch(&api).await;
    assert_eq!(attempts(&api).await, [2]);
}

#[tokio::test]
async fn a_range_is_walked_oldest_first_a_minute_at_a_time() {
    let api = Api::start().await;
    let (source, endpoint) = (api.new_source().await, api.new_endpoint().await);
    let tomorrow = json!({"url": "http://127.0.0.1:2/hooks", "retry_schedule": [86400]});
    api.put(&format!("/v1/endpoints/{endpoint}"), &tomorrow).await.expect(200);
    let since = api.now();
    failed_events(&api, &source, 130).await;
    let created =
        replay(&api, &json!({"endpoint": endpoint, "since": since.to_string(), "rate_per_minute": 60})).await;
    assert_eq!((&created.expect(201)["status"], &created["sent"]), (&json!("running"), &json!(0)));
    let path = format!("/v1/replays/{}", created.id());

    let mut before = 0;
    for (sent, status) in [(60, "running"), (120, "running"), (130, "succeeded")] {
        sweep(&api).await;
        let replay = api.get(&path).await;
        assert_eq!((&replay.expect(200)["sent"], &replay["status"]), (&json!(sent), &json!(status)));
        assert_eq!(replay["looked_at"], sent);
        let oldest = api.all("/v1/events", 100).await.into_iter().rev().nth(sent - 1).expect("an event");
        assert_eq!(replay["reached"], oldest["received_at"], "the walk goes on from the oldest");
        sweep(&api).await;
        assert_eq!(api.get(&path).await["sent"], sent, "the minute is full");
        api.advance(SignedDuration::from_secs(30));
        dispatch(&api).await;
        let replayed = attempts(&api).await.into_iter().filter(|made| *made == 2).count();
        assert_eq!(replayed, (before + 31).min(sent), "one a second, the first of them at once");
        before = sent;
        api.advance(SignedDuration::from_secs(30));
        dispatch(&api).await;
    }
    assert_eq!(attempts(&api).await, [2; 130]);
}

#[tokio::test]
async fn what_failed_is_sent_again_and_nothing_else() {
    let api = Api::start().await;
    let (source, endpoint) = (api.new_source().await, api.new_endpoint().await);
    let since = api.now();
    failed_events(&api, &source, 2).await;
    let later = api.now();
    failed_events(&api, &source, 0).await;
    let data = json!({"id": "p9", "amount": 100, "currency": "EUR"});
    api.event(&source, "msg_9", "payment.captured", &data).await;

    let failed = |since: jiff::Timestamp| json!({"endpoint": endpoint, "status": "failed", "since": since.to_string()});
    api.advance(SignedDuration::from_secs(1));
    let count = async |body: &Value| {
        let mut body = body.clone();
        body["dry_run"] = json!(true);
        let counted = api.post("/v1/replays", &body).await;
        assert_eq!(
            (&counted.expect(200)["object"], &counted["count_is_exact"]),
            (&json!("replay_count"), &json!(true))
        );
        counted["count"].clone()
    };
    assert_eq!(count(&failed(since)).await, 2, "the third is on its way");
    assert_eq!(count(&failed(later)).await, 0);
    assert_eq!(count(&json!({"endpoint": endpoint, "since": since.to_string()})).await, 3);
    let narrowed = json!({"endpoint": endpoint, "since": since.to_string(), "event_types": ["refund.*"]});
    assert_eq!(count(&narrowed).await, 0);
    let narrowed = json!({"endpoint": endpoint, "since": since.to_string(), "sources": [source.id]});
    assert_eq!(count(&narrowed).await, 3);
    api.advance(SignedDuration::from_hours(1));
    assert_eq!(count(&failed(since)).await, 3, "the third got lost");
    assert!(api.get("/v1/replays").await.data().is_empty(), "a dry run makes none");

    let created = replay(&api, &failed(since)).await;
    created.expect(201);
    sweep(&api).await;
    assert_eq!(api.get(format!("/v1/replays/{}", created.id())).await["sent"], 3);
}

#[tokio::test]
async fn a_replay_is_canceled_once_and_for_all() {
    let api = Api::start().await;
    let (source, endpoint) = (api.new_source().await, api.new_endpoint().await);
    let since = api.now();
    failed_events(&api, &source, 70).await;
    let body = json!({"endpoint": endpoint, "since": since.to_string(), "rate_per_minute": 60});
    let created = replay(&api, &body).await;
    let path = format!("/v1/replays/{}", created.expect(201).id());
    sweep(&api).await;
    let canceled = api.post(&format!("{path}/cancel"), &json!({})).await;
    assert_eq!((&canceled.expect(200)["status"], &canceled["sent"]), (&json!("canceled"), &json!(60)));
    assert!(canceled["finished_at"].is_string());
    api.advance(SignedDuration::from_secs(60));
    sweep(&api).await;
    assert_eq!(api.get(&path).await.json, canceled.json, "nothing more is queued");
    assert_eq!(api.post(&format!("{path}/cancel"), &json!({})).await.expect(200).json, canceled.json);

    let event = api.get("/v1/events").await.data()[0]["id"].clone();
    let over = replay(&api, &json!({"event": event})).await.expect(201).id();
    api.post(&format!("/v1/replays/{over}/cancel"), &json!({})).await.expect_problem(409, "conflict");
    let unknown = format!("/v1/replays/rpl_{}", "0".repeat(26));
    api.get(&unknown).await.expect_problem(404, "not_found");
    api.post(&format!("{unknown}/cancel"), &json!({})).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_replay_fails_when_its_endpoint_goes_away() {
    let api = Api::start().await;
    let source = api.new_source().await;
    let (first, second) = (api.new_endpoint().await, api.new_endpoint().await);
    let since = api.now();
    failed_events(&api, &source, 1).await;
    let body = |endpoint: &str| json!({"endpoint": endpoint, "since": since.to_string()});
    let deleted = replay(&api, &body(&first)).await.expect(201).id();
    let disabled = replay(&api, &body(&second)).await.expect(201).id();
    api.delete(format!("/v1/endpoints/{first}")).await.expect(204);
    let off = json!({"url": "http://127.0.0.1:2/hooks", "status": "disabled"});
    api.put(&format!("/v1/endpoints/{second}"), &off).await.expect(200);
    sweep(&api).await;
    for (id, reason) in [(deleted, "endpoint_deleted"), (disabled, "endpoint_disabled")] {
        let failed = api.get(format!("/v1/replays/{id}")).await;
        assert_eq!((&failed.expect(200)["status"], &failed["reason"]), (&json!("failed"), &json!(reason)));
        assert_eq!(failed["sent"], 0);
    }
    assert_eq!(api.all("/v1/replays?status=failed", 1).await.len(), 2);
    assert_eq!(api.all(&format!("/v1/replays?endpoint={second}"), 1).await.len(), 1);
    assert!(api.all("/v1/replays?status=running", 10).await.is_empty());
}

#[tokio::test]
async fn what_does_not_make_a_replay_is_refused_field_by_field() {
    let api = Api::start().await;
    let (source, endpoint) = (api.new_source().await, api.new_endpoint().await);
    failed_events(&api, &source, 1).await;
    let delivery = api.get("/v1/deliveries").await.data()[0].clone();
    let (event, delivery) = (&delivery["event"], &delivery["id"]);
    let now = api.now();
    let (past, future) =
        ((now - SignedDuration::from_secs(9)).to_string(), (now + SignedDuration::from_secs(9)).to_string());
    let unknown_endpoint = format!("ep_{}", "0".repeat(26));
    let unknown_event = format!("evt_{}", "0".repeat(40));
    let unknown_delivery = format!("dlv_{}", "0".repeat(56));
    for (body, places) in [
        (json!({}), vec!["/endpoint", "/since"]),
        (json!({"status": "failed"}), vec!["/endpoint", "/since"]),
        (json!({"endpoint": endpoint, "since": "yesterday"}), vec!["/since"]),
        (json!({"endpoint": endpoint, "since": past, "until": future}), vec!["/until"]),
        (json!({"endpoint": endpoint, "since": past, "until": past}), vec!["/since"]),
        (json!({"endpoint": endpoint, "since": past, "rate_per_minute": 59}), vec!["/rate_per_minute"]),
        (json!({"endpoint": endpoint, "since": past, "rate_per_minute": 6001}), vec!["/rate_per_minute"]),
        (json!({"endpoint": endpoint, "since": past, "event_types": []}), vec!["/event_types"]),
        (
            json!({"endpoint": endpoint, "since": past, "event_types": ["refund.*", "x"]}),
            vec!["/event_types/1"],
        ),
        (json!({"endpoint": endpoint, "since": past, "sources": ["x"]}), vec!["/sources/0"]),
        (json!({"endpoint": unknown_endpoint, "since": past}), vec!["/endpoint"]),
        (json!({"event": event, "endpoint": unknown_endpoint}), vec!["/endpoint"]),
        (json!({"event": event, "since": past, "status": "failed"}), vec!["/since", "/status"]),
        (json!({"delivery": delivery, "event": event, "endpoint": endpoint}), vec!["/event", "/endpoint"]),
        (json!({"event": unknown_event}), vec!["/event"]),
        (json!({"delivery": unknown_delivery}), vec!["/delivery"]),
        (json!({"delivery": "x"}), vec!["/delivery"]),
        (json!({"endpoint": endpoint, "since": past, "status": "succeeded"}), vec!["/status"]),
    ] {
        let refused = replay(&api, &body).await;
        assert_eq!(refused.expect_problem(400, "invalid_field").places(), places, "{body}");
    }
    replay(&api, &json!({"colour": "red"})).await.expect_problem(400, "unknown_field");
    let reader = api.new_key(&["endpoints:read"]).await;
    let call = Call::new("POST", "/v1/replays").key(&reader).json(&json!({"event": event}));
    api.send(call).await.expect_problem(403, "forbidden");

    api.delete(format!("/v1/endpoints/{endpoint}")).await.expect(204);
    replay(&api, &json!({"delivery": delivery})).await.expect_problem(409, "conflict");
    assert!(api.get("/v1/replays").await.data().is_empty());
}

#[tokio::test]
async fn only_so_many_ranges_are_replayed_at_once_and_single_events_always() {
    let api = Api::start().await;
    let (source, endpoint) = (api.new_source().await, api.new_endpoint().await);
    failed_events(&api, &source, 1).await;
    let body = json!({"endpoint": endpoint, "since": (api.now() - SignedDuration::from_secs(9)).to_string()});
    for _ in 0..20 {
        replay(&api, &body).await.expect(201);
    }
    replay(&api, &body).await.expect_problem(409, "conflict");
    let event = api.get("/v1/events").await.data()[0]["id"].clone();
    replay(&api, &json!({"event": event})).await.expect(201);
    sweep(&api).await;
    replay(&api, &body).await.expect(201);
    assert_eq!(api.all("/v1/replays?status=succeeded", 7).await.len(), 21);
}

#[tokio::test]
async fn of_two_sweeps_at_once_one_goes_on_with_a_replay() {
    let api = Api::start().await;
    let (source, endpoint) = (api.new_source().await, api.new_endpoint().await);
    let since = api.now();
    failed_events(&api, &source, 150).await;
    let body = json!({"endpoint": endpoint, "since": since.to_string()});
    let created = replay(&api, &body).await.expect(201).id();
    let (first, second) =
        tokio::join!(sweeper::handle(&api.stack.sweeper), sweeper::handle(&api.stack.sweeper));
    let steps = first.expect("it runs").replay_steps + second.expect("it runs").replay_steps;
    sweep(&api).await;
    assert!((2..=3).contains(&steps), "two steps and perhaps the end of the walk, not each twice: {steps}");
    let done = api.get(format!("/v1/replays/{created}")).await;
    assert_eq!((&done["status"], &done["sent"]), (&json!("succeeded"), &json!(150)));
    // The notices of so many failures are events too.
    assert!(done["looked_at"].as_u64().is_some_and(|looked_at| looked_at >= 150), "{}", done["looked_at"]);
}
