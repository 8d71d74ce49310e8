use domain::PaymentId;
use jiff::SignedDuration;
use serde_json::{Value, json};
use support::{Api, Call, TestSource};

/// Five payments, the odd ones captured, the even ones authorised; newest last.
async fn five(api: &Api, source: &TestSource) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 1..=5 {
        let data = json!({
            "id": format!("p{number}"), "amount": 100 * number, "currency": "EUR",
            "requested_amount": 100 * number, "merchant_reference": format!("order-{}", number % 2),
        });
        let kind = if number % 2 == 1 { "payment.captured" } else { "payment.authorized" };
        api.event(source, &format!("msg_{number}"), kind, &data).await;
        api.advance(SignedDuration::from_millis(1));
        let source = source.id.parse().expect("an id");
        ids.push(PaymentId::derive(&source, &format!("p{number}")).to_string());
    }
    ids
}

fn ids(payments: &[Value]) -> Vec<&str> {
    payments.iter().map(|payment| payment["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn a_payment_is_read_with_its_derived_fields() {
    let api = Api::start().await;
    let source = api.new_source().await;
    let expected = five(&api, &source).await;
    let path = format!("/v1/payments/{}", expected[0]);
    let payment = api.get(&path).await;
    payment.expect(200);
    for (field, value) in [
        ("object", json!("payment")),
        ("source", json!(source.id)),
        ("provider", json!("standard_webhooks")),
        ("provider_payment_id", json!("p1")),
        ("merchant_reference", json!("order-1")),
        ("status", json!("captured")),
        ("refund_status", json!("none")),
        ("dispute_status", json!("none")),
        ("integrity", json!("ok")),
        ("currency", json!("EUR")),
        ("currency_exponent", json!(2)),
        ("amount_captured", json!(100)),
        ("net_amount", json!(100)),
        ("state_version", json!(1)),
    ] {
        assert_eq!(payment[field], value, "{field}");
    }
    let known = Call::new("GET", &path).header("if-none-match", payment.etag());
    api.send(known.clone()).await.expect(304);
    let refund = json!({"id": "r1", "payment_id": "p1", "amount": 30, "currency": "EUR"});
    api.event(&source, "msg_refund", "refund.succeeded", &refund).await;
    let changed = api.send(known).await;
    assert_eq!(
        (&changed.expect(200)["refund_status"], &changed["net_amount"]),
        (&json!("partial"), &json!(70))
    );

    api.get(format!("/v1/payments/pay_{}", "0".repeat(26))).await.expect_problem(404, "not_found");
    api.get("/v1/payments/nonsense").await.expect_problem(404, "not_found");
    api.get(format!("{path}?expand=all")).await.expect_problem(400, "invalid_parameter");
}

#[tokio::test]
async fn payments_are_listed_newest_first_over_pages_of_any_size() {
    let api = Api::start().await;
    let source = api.new_source().await;
    let mut expected = five(&api, &source).await;
    expected.reverse();
    for limit in [1, 2, 3, 100] {
        assert_eq!(ids(&api.all("/v1/payments", limit).await), expected, "limit {limit}");
        assert_eq!(ids(&api.all("/v1/payments?status=captured", limit).await).len(), 3, "limit {limit}");
    }
    let cursor = api.get("/v1/payments?limit=1").await["next_cursor"].as_str().expect("a cursor").to_owned();
    let other_list = api.get(format!("/v1/events?cursor={cursor}")).await;
    assert_eq!(other_list.expect_problem(400, "invalid_parameter").places(), ["cursor"]);
    let other_filter = api.get(format!("/v1/payments?status=captured&cursor={cursor}")).await;
    assert_eq!(other_filter.expect_problem(400, "invalid_parameter").places(), ["cursor"]);
}

#[tokio::test]
async fn payments_are_found_by_what_they_are_called_elsewhere() {
    let api = Api::start().await;
    let (source, other) = (api.new_source().await, api.new_source().await);
    let expected = five(&api, &source).await;
    let data = json!({"id": "p1", "amount": 7, "currency": "USD"});
    api.event(&other, "msg_other", "payment.authorized", &data).await;

    let found = async |query: &str| api.all(&format!("/v1/payments?{query}"), 2).await;
    assert_eq!(found("provider_payment_id=p1").await.len(), 2);
    let one = found(&format!("provider_payment_id=p1&source={}", source.id)).await;
    assert_eq!(ids(&one), [expected[0].as_str()]);
    assert_eq!(found("provider_payment_id=p1&status=authorized").await[0]["source"], other.id);
    assert!(found("provider_payment_id=p9").await.is_empty());

    assert_eq!(ids(&found("merchant_reference=order-1").await), [&expected[4], &expected[2], &expected[0]]);
    assert_eq!(ids(&found("merchant_reference=order-1&status=authorized").await), [""; 0]);
    assert_eq!(ids(&found("merchant_reference=order-1&provider_payment_id=p3").await), [&expected[2]]);
    assert_eq!(found(&format!("source={}", other.id)).await.len(), 1);
    assert_eq!(found("provider=stripe").await.len(), 0);
    assert_eq!(found("refund_status=none&dispute_status=none").await.len(), 6);

    let refused = api.get("/v1/payments?status=paid&source=x&limit=0&colour=red&provider=").await;
    let places = ["source", "provider", "status", "limit", "colour"];
    assert_eq!(refused.expect_problem(400, "invalid_parameter").places(), places);
}

#[tokio::test]
async fn the_operations_of_a_payment_are_listed_newest_first_over_pages_of_any_size() {
    let api = Api::start().await;
    let source = api.new_source().await;
    let data = json!({"id": "p1", "amount": 1000, "currency": "EUR"});
    api.event(&source, "msg_0", "payment.captured", &data).await;
    // Refunds of the same moment are told apart by their ids, which no page may lose.
    for (number, moment) in [(1, 1), (2, 1), (3, 1), (4, 2), (5, 3)] {
        if number > 3 || number == 1 {
            api.advance(SignedDuration::from_millis(moment));
        }
        let refund = json!({"id": format!("r{number}"), "payment_id": "p1", "amount": 1, "currency": "EUR"});
        api.event(&source, &format!("msg_{number}"), "refund.succeeded", &refund).await;
    }
    let payment = api.get("/v1/payments").await.data()[0].clone();
    let path = format!("/v1/payments/{}/operations", payment["id"].as_str().expect("an id"));
    for limit in [1, 2, 3, 100] {
        let listed = api.all(&path, limit).await;
        let told: Vec<_> = listed
            .iter()
            .map(|operation| (&operation["kind"], &operation["provider_operation_id"]))
            .collect();
        let (refund, ids) = (json!("refund"), ["r5", "r4", "r3", "r2", "r1"].map(Value::from));
        let mut expected: Vec<_> = ids.iter().map(|id| (&refund, id)).collect();
        // A payment of this provider is authorised and captured at once.
        let (capture, authorization, id) = (json!("capture"), json!("authorization"), json!("p1"));
        expected.extend([(&capture, &id), (&authorization, &id)]);
        assert_eq!(told, expected, "limit {limit}");
        for operation in payment["operations"].as_array().expect("a list") {
            assert!(listed.contains(operation), "{operation}");
        }
    }
    api.get(format!("/v1/payments/pay_{}/operations", "0".repeat(26))).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn the_timeline_tells_what_happened_in_the_order_in_which_it_did() {
    let api = Api::start().await;
    let (source, endpoint) = (api.new_source().await, api.new_endpoint().await);
    let at = |minutes| (api.now() - SignedDuration::from_mins(minutes)).to_string();
    let body = |kind: &str, minutes, data: Value| {
        json!({"type": kind, "timestamp": at(minutes), "data": data}).to_string()
    };
    // The capture arrives first, then what happened before it, then an older word on the capture.
    let data = json!({"id": "p1", "amount": 500, "currency": "EUR"});
    let capture = body("payment.captured", 1, data.clone());
    let authorization = body("payment.authorized", 3, data.clone());
    let older = body("payment.captured", 2, data);
    for (id, body) in [("msg_3", &capture), ("msg_1", &authorization), ("msg_2", &older)] {
        api.webhook(&source, id, body.as_bytes()).await;
        api.advance(SignedDuration::from_millis(1));
    }

    let id = api.get("/v1/payments").await.data()[0]["id"].as_str().expect("an id").to_owned();
    let timeline = api.all(&format!("/v1/payments/{id}/timeline"), 2).await;
    let told: Vec<_> = timeline
        .iter()
        .map(|event| {
            (event["provider_event_id"].as_str(), event["effect"].as_str(), event["reason"].as_str())
        })
        .collect();
    assert_eq!(
        told,
        [
            (Some("msg_1"), Some("applied"), None),
            (Some("msg_2"), Some("ignored"), Some("nothing_new")),
            (Some("msg_3"), Some("applied"), None),
        ]
    );
    assert_eq!(timeline[0]["deliveries"][0]["endpoint"], endpoint);
    assert_eq!(timeline[0]["deliveries"][0]["status"], "pending");
    while api.stack.dispatch().await.expect("the dispatcher runs") > 0 {}
    let timeline = api.all(&format!("/v1/payments/{id}/timeline"), 100).await;
    assert_eq!(timeline[0]["deliveries"][0]["status"], "retrying");
    assert_eq!(timeline[0]["deliveries"][0]["attempts"], 1);
    let unknown = format!("/v1/payments/pay_{}/timeline", "0".repeat(26));
    api.get(unknown).await.expect_problem(404, "not_found");
}
