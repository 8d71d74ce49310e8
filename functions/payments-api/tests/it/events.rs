use jiff::SignedDuration;
use serde_json::{Value, json};
use support::{Api, Call};

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["provider_event_id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn events_are_listed_newest_first_and_filtered() {
    let api = Api::start().await;
    let (source, other) = (api.new_source().await, api.new_source().await);
    for (source, id, kind, payment) in [
        (&source, "msg_1", "payment.authorized", "p1"),
        (&source, "msg_2", "payment.captured", "p1"),
        (&source, "msg_3", "payment.captured", "p2"),
        (&other, "msg_4", "payment.captured", "p1"),
        (&source, "msg_5", "invoice.paid", "p1"),
    ] {
        api.event(source, id, kind, &json!({"id": payment, "amount": 5, "currency": "EUR"})).await;
        api.advance(SignedDuration::from_millis(1));
    }
    for limit in [1, 2, 100] {
        let all = api.all("/v1/events", limit).await;
        assert_eq!(names(&all), ["msg_5", "msg_4", "msg_3", "msg_2", "msg_1"], "limit {limit}");
        let captured = api.all("/v1/events?type=payment.captured", limit).await;
        assert_eq!(names(&captured), ["msg_4", "msg_3", "msg_2"], "limit {limit}");
        let other = api.all(&format!("/v1/events?source={}", other.id), limit).await;
        assert_eq!(names(&other), ["msg_4"], "limit {limit}");
        let payment = api.all("/v1/payments?provider_payment_id=p1", 5).await;
        let payment = payment.iter().find(|payment| payment["source"] == source.id).expect("it is there");
        let path = format!("/v1/events?payment={}", payment["id"].as_str().expect("an id"));
        let of_payment = api.all(&path, limit).await;
        assert!(names(&of_payment).ends_with(&["msg_2", "msg_1"]), "{of_payment:?}");
    }
    let refused = api.get("/v1/events?type=payment.lost&payment=1&state=x").await;
    assert_eq!(refused.expect_problem(400, "invalid_parameter").places(), ["type", "payment", "state"]);
}

#[tokio::test]
async fn an_event_is_read_and_its_raw_body_is_the_providers_own() {
    let api = Api::start().await;
    let source = api.new_source().await;
    let body = b"{ \"type\":\"payment.captured\",\n\t\"data\":{\"id\":\"p\\u00e9\",\"amount\":5,\"currency\":\"EUR\"} }";
    api.webhook(&source, "msg_1", body).await;
    let listed = api.get("/v1/events").await.data()[0].clone();
    let path = format!("/v1/events/{}", listed["id"].as_str().expect("an id"));
    let event = api.get(&path).await;
    assert_eq!(event.expect(200).json, listed);
    assert_eq!((&event["object"], &event["verified_by"]), (&json!("event"), &json!("signature")));
    assert_eq!((&event["effect"], &event["state_version"]), (&json!("applied"), &json!(1)));

    let raw = api.get(format!("{path}/raw")).await;
    assert_eq!(raw.expect(200).bytes, body);
    assert_eq!(raw.headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(raw.headers["payrelay-event"], listed["id"].as_str().expect("an id"));
    assert_eq!(raw.headers["x-content-type-options"], "nosniff");
    let on_lambda = api.respond(Call::new("GET", format!("{path}/raw"))).await;
    let on_lambda = lambda_http::IntoResponse::into_response(on_lambda).await.into_body();
    assert!(
        matches!(on_lambda, lambda_http::Body::Binary(bytes) if bytes == body),
        "a text would be decoded"
    );
    for path in ["", "/raw"] {
        api.get(format!("/v1/events/evt_{}{path}", "0".repeat(40))).await.expect_problem(404, "not_found");
    }
}
