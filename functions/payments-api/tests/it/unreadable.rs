//! One item that can't be read costs only itself, whatever it is. The functions run as one, so all of their lists are here.

use crate::openapi::{Shapes, document};
use domain::PaymentId;
use jiff::SignedDuration;
use serde_json::{Value, json};
use support::{Api, TestSource};

fn data(number: u32) -> Value {
    json!({"id": format!("p{number}"), "amount": 100, "currency": "EUR"})
}

async fn captured(api: &Api, source: &TestSource, number: u32) -> String {
    api.event(source, &format!("msg_{number}"), "payment.captured", &data(number)).await;
    api.advance(SignedDuration::from_millis(1));
    PaymentId::derive(&source.id.parse().expect("an id"), &format!("p{number}")).to_string()
}

/// What a derived id has in its key: what is in quarantine and dead letters have a prefix of their own there.
fn partition(id: &str) -> String {
    let (kind, partition) = (&id[..4], &id[4..20]);
    match kind {
        "qrn_" => format!("Q#{partition}"),
        "dlt_" => format!("DEAD#{partition}"),
        _ => partition.to_owned(),
    }
}

/// Spoils the second of two objects of a list; the first is still read, the second named with a problem, and by its id alone
/// it is a problem too.
async fn costs_only_itself(api: &Api, path: &str, object: &str, shape: &str, pk: Option<&str>) {
    let before = api.get(path).await.expect(200).data().to_vec();
    assert!(before.len() >= 2, "{path}: {before:?}");
    let id = before[1]["id"].as_str().expect("an id").to_owned();
    api.spoil(&pk.map_or_else(|| partition(&id), str::to_owned), &id).await;
    for limit in [1, 2, 100] {
        let after = api.all(path, limit).await;
        assert_eq!(after.len(), before.len(), "{path}");
        assert_eq!(after[0], before[0], "{path}");
        let unreadable = &after[1];
        assert_eq!((&unreadable["id"], &unreadable["object"]), (&json!(id), &json!(object)), "{path}");
        let problem = &unreadable["problem"];
        assert_eq!((&problem["code"], &problem["status"]), (&json!("unreadable"), &json!(500)), "{path}");
        assert_eq!(problem["type"], "/errors/unreadable");
        assert_eq!(unreadable.as_object().expect("an object").len(), 3, "{unreadable}");
    }
    Shapes(document()).check(shape, &api.get(path).await);
    let (list, _) = path.split_once('?').unwrap_or((path, ""));
    api.get(format!("{list}/{id}")).await.expect_problem(500, "unreadable");
}

#[tokio::test]
async fn an_unreadable_item_stands_in_its_list_by_its_id_and_keeps_no_other_from_it() {
    let api = Api::start().await;
    let source = api.new_source().await;
    api.new_source().await;
    for _ in 0..2 {
        api.new_endpoint().await;
        api.new_key(&["payments:read"]).await;
    }
    for number in 1..=3 {
        captured(&api, &source, number).await;
    }
    while api.stack.dispatch().await.expect("the dispatcher runs") > 0 {}
    for number in 4..=5 {
        let refused = api.send_webhook(&source.signed_with([8; 32]), &format!("msg_{number}"), b"{}").await;
        assert_eq!(refused.status, 401);
        api.advance(SignedDuration::from_millis(1));
    }
    for event in api.get("/v1/events").await.expect(200).data() {
        api.post("/v1/replays", &json!({"event": event["id"]})).await.expect(201);
    }
    for (path, object, shape, pk) in [
        ("/v1/replays", "replay", "ReplayList", Some("replay")),
        ("/v1/api-keys", "api_key", "ApiKeyList", Some("api_key")),
        ("/v1/quarantine", "quarantined_request", "QuarantinedRequestList", None),
        ("/v1/deliveries", "delivery", "DeliveryList", None),
        ("/v1/events", "event", "EventList", None),
        ("/v1/payments", "payment", "PaymentList", None),
        ("/v1/endpoints", "endpoint", "EndpointList", Some("endpoint")),
        ("/v1/sources", "source", "SourceList", Some("source")),
    ] {
        costs_only_itself(&api, path, object, shape, pk).await;
    }
    // A filter does not hide it: nobody can tell whether it matches.
    assert_eq!(api.get("/v1/payments?status=captured").await.expect(200).data().len(), 3);
    assert_eq!(api.get("/v1/payments?status=expired").await.expect(200).data().len(), 1);
    api.get("/errors/unreadable").await.expect(200);
}

#[tokio::test]
async fn an_unreadable_event_costs_only_itself_in_what_is_told_of_its_payment() {
    let api = Api::start().await;
    let source = api.new_source().await;
    let (endpoint, other) = (api.new_endpoint().await, api.new_endpoint().await);
    let payment = captured(&api, &source, 1).await;
    for (id, kind) in [("msg_2", "refund.pending"), ("msg_3", "refund.succeeded")] {
        let refund = json!({"id": "r1", "payment_id": "p1", "amount": 5, "currency": "EUR"});
        api.event(&source, id, kind, &refund).await;
        api.advance(SignedDuration::from_millis(1));
    }
    while api.stack.dispatch().await.expect("the dispatcher runs") > 0 {}
    let timeline = format!("/v1/payments/{payment}/timeline");
    let before = api.all(&timeline, 100).await;
    let id = |event: &Value| event["id"].as_str().expect("an id").to_owned();

    // A delivery: its event is told, and what became of it is a problem.
    let delivery = id(&before[0]["deliveries"][0]);
    api.spoil(&partition(&delivery), &delivery).await;
    let told = api.get(&timeline).await.expect(200).data()[0]["deliveries"].clone();
    let spoiled = told.as_array().expect("a list").iter().find(|told| told["id"] == delivery.as_str());
    assert_eq!(spoiled.expect("it is named")["problem"]["code"], "unreadable");
    assert!(told.as_array().expect("a list").iter().any(|told| told["status"] == "retrying"));

    Shapes(document()).check("TimelineEntryList", &api.get(&timeline).await);

    // The second event, then the first one, which has no entry of its own in the timeline.
    for (index, left) in [(1, 2), (0, 1)] {
        let spoiled = id(&before[index]);
        api.spoil(&partition(&spoiled), &spoiled).await;
        for limit in [1, 100] {
            let after = api.all(&timeline, limit).await;
            assert_eq!(after.iter().map(id).collect::<Vec<_>>(), before.iter().map(id).collect::<Vec<_>>());
            assert_eq!(after[index]["problem"]["code"], "unreadable");
            assert_eq!(after[2], before[2]);
        }
        let events = api.all(&format!("/v1/events?payment={payment}"), 2).await;
        assert_eq!(events.len(), 3);
        let deliveries = api.all(&format!("/v1/deliveries?payment={payment}"), 2).await;
        let readable = deliveries.iter().filter(|delivery| delivery["object"] == "delivery");
        assert_eq!(
            readable.filter(|delivery| delivery["problem"].is_null()).count(),
            2 * left - usize::from(index == 1)
        );
        assert!(deliveries.iter().any(|entry| entry["id"] == spoiled.as_str() && entry["object"] == "event"));
    }
    // An endpoint that can't be read gets nothing, and stops nothing.
    api.spoil("endpoint", &endpoint).await;
    api.advance(SignedDuration::from_mins(1));
    let payment = captured(&api, &source, 9).await;
    let recorded = api.get(format!("/v1/payments/{payment}/timeline")).await.expect(200).data().to_vec();
    let matched: Vec<_> =
        recorded[0]["deliveries"].as_array().expect("a list").iter().map(|d| &d["endpoint"]).collect();
    assert_eq!(matched, [&json!(other)]);
}
