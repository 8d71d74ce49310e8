//! What can be set about an endpoint beside its URL and its filter.

use serde_json::{Value, json};
use support::Api;

fn url() -> Value {
    json!("https://example.com/hooks")
}

fn with(name: &str, value: Value) -> Value {
    json!({ "url": url(), name: value })
}

#[tokio::test]
async fn every_setting_is_shown_as_it_was_given_and_goes_back_to_its_default_when_left_out() {
    let api = Api::start().await;
    let settings = json!({
        "format": "standard", "encoding": "xml", "signing": ["v1", "v1a"], "timeout_seconds": 30,
        "retry_schedule": [1, 60, 172_800],
        "conditions": {"data.payment.currency": ["EUR", {"prefix": "U"}], "data.event.amount": [{"numeric": [">=", 1]}]},
    });
    let mut body = settings.clone();
    body["url"] = url();
    let created = api.post("/v1/endpoints", &body).await;
    created.expect(201);
    let path = format!("/v1/endpoints/{}", created.id());
    let read = api.get(&path).await;
    for (name, value) in settings.as_object().expect("an object") {
        assert_eq!((&created[name], &read[name]), (value, value), "{name}");
    }

    let replaced = api.put(&path, &json!({ "url": url() })).await;
    replaced.expect(200);
    assert_eq!((&replaced["format"], &replaced["encoding"]), (&json!("standard"), &json!("json")));
    assert_eq!((&replaced["signing"], &replaced["conditions"]), (&json!(["v1"]), &json!({})));
    assert_eq!((&replaced["timeout_seconds"], &replaced["headers"]), (&json!(15), &json!([])));
    let default = json!([5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]);
    assert_eq!(replaced["retry_schedule"], default);
    assert_eq!(replaced["secrets"], created["secrets"], "they stay");
    for format in ["cloudevents", "raw", "thin"] {
        let replaced = api.put(&path, &with("format", json!(format))).await;
        assert_eq!(replaced.expect(200)["format"], format);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_setting_is_told_with_its_place() {
    let api = Api::start().await;
    let path = format!("/v1/endpoints/{}", api.new_endpoint().await);
    let many: serde_json::Map<_, _> = (0..21).map(|n| (format!("x-{n}"), json!("v"))).collect();
    let bulky: serde_json::Map<_, _> = (0..5).map(|n| (format!("x-{n}"), json!("v".repeat(1000)))).collect();
    for (body, places) in [
        (with("format", json!("soap")), vec!["/format"]),
        (json!({"url": url(), "encoding": "xml", "format": "thin"}), vec!["/encoding"]),
        (with("signing", json!([])), vec!["/signing"]),
        (with("signing", json!(["v1", "v1"])), vec!["/signing"]),
        (with("signing", json!(["v2"])), vec!["/signing/0"]),
        (with("timeout_seconds", json!(0)), vec!["/timeout_seconds"]),
        (with("timeout_seconds", json!(31)), vec!["/timeout_seconds"]),
        (with("timeout_seconds", json!(300)), vec!["/timeout_seconds"]),
        (with("retry_schedule", json!([])), vec!["/retry_schedule"]),
        (with("retry_schedule", json!(vec![1; 21])), vec!["/retry_schedule"]),
        (with("retry_schedule", json!([5, 0])), vec!["/retry_schedule/1"]),
        (with("retry_schedule", json!([5, -1])), vec!["/retry_schedule/1"]),
        (with("retry_schedule", json!([172_801])), vec!["/retry_schedule/0"]),
        (with("retry_schedule", json!(vec![172_800; 4])), vec!["/retry_schedule"]),
        (with("headers", json!(many)), vec!["/headers"]),
        (with("headers", json!(bulky)), vec!["/headers"]),
        (
            with("headers", json!({"Host": "a", "x/y": "a", "a b": "a"})),
            vec!["/headers/Host", "/headers/a b", "/headers/x~1y"],
        ),
        (with("headers", json!({"x-a": "s3cret\r\nx-b: 1"})), vec!["/headers/x-a"]),
        (with("headers", json!({"X-A": "1", "x-a": "2"})), vec!["/headers/x-a"]),
        (with("conditions", json!([])), vec!["/conditions"]),
        (
            with("conditions", json!({"data.payment.currancy": ["EUR"]})),
            vec!["/conditions/data.payment.currancy"],
        ),
        (
            with("conditions", json!({"type": [{"numeric": [">", "s3cret"]}, {"starts-with": "s3cret"}]})),
            vec!["/conditions/type/0/numeric", "/conditions/type/1/starts-with"],
        ),
    ] {
        for answer in [api.post("/v1/endpoints", &body).await, api.put(&path, &body).await] {
            answer.expect_problem(400, "invalid_field");
            assert_eq!(answer.places(), places, "{body}");
            assert!(!String::from_utf8_lossy(&answer.bytes).contains("s3cret"));
        }
    }
}

#[tokio::test]
async fn the_values_of_headers_are_never_shown_and_stay_until_others_are_given() {
    let api = Api::start().await;
    let created = api
        .post(
            "/v1/endpoints",
            &with("headers", json!({"Authorization": "Bearer s3cret-0123456789", "x-short": "s3cret"})),
        )
        .await;
    let shown = json!([{"name": "authorization", "hint": "6789"}, {"name": "x-short", "hint": ""}]);
    assert_eq!(created.expect(201)["headers"], shown);
    let path = format!("/v1/endpoints/{}", created.id());
    let stored =
        api.stack.store.config::<domain::Endpoint>(&created.id()).await.expect("read").expect("there");
    let kept = api.put(&path, &json!({ "url": url(), "name": "other" })).await;
    assert_eq!(kept.expect(200)["headers"], shown);
    let replaced = api.put(&path, &with("headers", json!({"x-new": "1"}))).await;
    assert_eq!(replaced.expect(200)["headers"], json!([{"name": "x-new", "hint": ""}]));
    let removed = api.put(&path, &with("headers", json!({}))).await;
    assert_eq!(removed.expect(200)["headers"], json!([]));
    let listed = api.get("/v1/endpoints").await;
    for answer in [created, kept, replaced, removed, listed] {
        assert!(!String::from_utf8_lossy(&answer.bytes).contains("s3cret"));
    }
    assert!(!format!("{:?}", stored.value).contains("s3cret"), "sealed at rest");
}
