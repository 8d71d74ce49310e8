//! What was refused, verified again.

use jiff::SignedDuration;
use serde_json::{Value, json};
use support::{Answer, Api, Call, TestSource};

const BODY: &str = r#"{"type":"payment.captured","timestamp":"2026-11-22T12:00:00Z","data":{"id":"p1","amount":500,"currency":"EUR"}}"#;

/// A webhook that is signed with a secret which its source does not have.
async fn refused(api: &Api, signer: &TestSource, id: &str) {
    api.advance(SignedDuration::from_millis(1)); // so that the order in which they came can be told
    api.send_webhook(signer, id, BODY.as_bytes()).await.expect_problem(401, "signature_rejected");
}

async fn quarantine(api: &Api) -> Vec<Value> {
    api.get("/v1/quarantine").await.expect(200).data().to_vec()
}

fn ids(requests: &[Value]) -> Vec<String> {
    requests.iter().map(|request| request["id"].as_str().expect("an id").to_owned()).collect()
}

async fn verify(api: &Api, id: &str) -> Answer {
    api.post(&format!("/v1/quarantine/{id}/verify"), &json!({})).await
}

/// The source gets the secret that the webhooks were signed with.
async fn correct(api: &Api, signer: &TestSource) {
    let path = format!("/v1/sources/{}/secrets", signer.id);
    api.post(&path, &json!({"secret": signer.secret_text()})).await.expect(201);
}

#[tokio::test]
async fn a_refused_request_is_kept_and_shown_without_its_contents_until_it_is_deleted() {
    let api = Api::start().await;
    let source = api.new_source().await;
    let received_at = api.now() + SignedDuration::from_millis(1);
    refused(&api, &source.signed_with([9; 32]), "msg_visible_only_inside").await;

    let listed = quarantine(&api).await;
    let id = listed[0]["id"].as_str().expect("an id").to_owned();
    let headers = &listed[0]["headers"];
    let expected = json!({
        "id": id,
        "object": "quarantined_request",
        "source": source.id,
        "provider": "standard_webhooks",
        "reason": "signature_mismatch",
        "method": "POST",
        "headers": ["content-type", "webhook-id", "webhook-timestamp", "webhook-signature"],
        "body_bytes": BODY.len(),
        "received_at": domain::format_time(received_at),
        "expires_at": domain::format_time(received_at + SignedDuration::from_hours(7 * 24)),
        "created_at": domain::format_time(received_at),
    });
    assert_eq!(listed, std::slice::from_ref(&expected), "{headers}");
    let path = format!("/v1/quarantine/{id}");
    assert_eq!(api.get(&path).await.expect(200).json, expected);
    let shown = format!("{listed:?}");
    assert!(!shown.contains("msg_visible") && !shown.contains("payment.captured"));

    api.delete(&path).await.expect(204);
    api.get(&path).await.expect_problem(404, "not_found");
    api.delete(&path).await.expect_problem(404, "not_found");
    verify(&api, &id).await.expect_problem(404, "not_found");
    assert!(quarantine(&api).await.is_empty());
}

#[tokio::test]
async fn after_the_secret_is_corrected_the_request_is_recorded_with_the_time_at_which_it_came() {
    let api = Api::start().await;
    let source = api.new_source().await;
    let signer = source.signed_with([9; 32]);
    refused(&api, &signer, "msg_1").await;
    let received_at = api.now();
    let id = ids(&quarantine(&api).await).remove(0);

    let answer = verify(&api, &id).await;
    let rejected = json!({
        "id": id, "object": "quarantine_verification", "outcome": "rejected", "reason": "signature_mismatch",
    });
    assert_eq!(answer.expect(200).json, rejected);
    assert_eq!(quarantine(&api).await.len(), 1, "it stays");

    correct(&api, &signer).await;
    // Longer than any tolerance: what counts is when it came.
    api.advance(SignedDuration::from_hours(30));
    let answer = verify(&api, &id).await;
    assert_eq!(
        answer.expect(200).json,
        json!({"id": id, "object": "quarantine_verification", "outcome": "accepted"})
    );
    assert!(quarantine(&api).await.is_empty());
    while api.stack.consume().await.expect("the consumer runs") > 0 {}
    let events = api.get("/v1/events").await;
    assert_eq!(events.data().len(), 1);
    assert_eq!(events.data()[0]["received_at"], domain::format_time(received_at));
    assert_eq!(events.data()[0]["verified_by"], "signature");
    assert_eq!(api.get("/v1/payments").await.data()[0]["amount_captured"], 500);
}

#[tokio::test]
async fn all_of_a_source_are_verified_in_bulk_and_the_cursor_leads_past_those_that_stay() {
    let api = Api::start().await;
    let source = api.new_source().await;
    let other = api.new_source().await;
    let (corrected, forger) = (source.signed_with([9; 32]), source.signed_with([8; 32]));
    refused(&api, &other.signed_with([9; 32]), "msg_other").await;
    for number in 0..3 {
        refused(&api, &corrected, &format!("msg_{number}")).await;
        refused(&api, &forger, &format!("msg_forged_{number}")).await;
    }
    correct(&api, &corrected).await;
    let (mut accepted, mut rejected, mut calls) = (0, 0, 0);
    let mut body = json!({"source": source.id, "limit": 2});
    loop {
        let answer = api.post("/v1/quarantine/verify", &body).await;
        assert_eq!(answer.expect(200)["object"], "quarantine_verifications");
        accepted += answer["accepted"].as_u64().expect("a count");
        rejected += answer["rejected"].as_u64().expect("a count");
        if answer["rejected"] != 0 {
            assert_eq!(answer["reasons"], json!({"signature_mismatch": answer["rejected"]}));
        }
        calls += 1;
        if answer["next_cursor"].is_null() {
            break;
        }
        body["cursor"] = answer["next_cursor"].clone();
    }
    assert_eq!((accepted, rejected), (3, 3));
    assert!(calls <= 4, "{calls}");
    while api.stack.consume().await.expect("the consumer runs") > 0 {}
    assert_eq!(api.get("/v1/events").await.data().len(), 3);
    let left = quarantine(&api).await;
    assert_eq!(left.iter().filter(|request| request["source"] == source.id.as_str()).count(), 3);
    assert_eq!(left.len(), 4, "the other source's is untouched");
}

#[tokio::test]
async fn what_is_wrong_with_a_bulk_verification_is_said_field_by_field() {
    let api = Api::start().await;
    let source = api.new_source().await;
    let unknown = "src_00000000000000000000000000";
    let post = async |body: Value| api.post("/v1/quarantine/verify", &body).await;
    for (body, code, places) in [
        (json!({}), "missing_field", vec!["/source"]),
        (json!({"source": "x"}), "invalid_field", vec!["/source"]),
        (json!({"source": source.id, "limit": 0}), "invalid_field", vec!["/limit"]),
        (
            json!({"source": unknown, "limit": 101, "cursor": "AAAA"}),
            "invalid_field",
            vec!["/limit", "/cursor", "/source"],
        ),
        (json!({"source": source.id, "all": true}), "unknown_field", vec!["/all"]),
    ] {
        assert_eq!(post(body.clone()).await.expect_problem(400, code).places(), places, "{body}");
    }
    // A cursor of one source is none of another.
    let signer = source.signed_with([9; 32]);
    refused(&api, &signer, "msg_1").await;
    refused(&api, &signer, "msg_2").await;
    let cursor = post(json!({"source": source.id, "limit": 1})).await["next_cursor"].clone();
    assert!(cursor.is_string());
    let other = api.new_source().await;
    let answer = post(json!({"source": other.id, "cursor": cursor})).await;
    assert_eq!(answer.expect_problem(400, "invalid_field").places(), ["/cursor"]);
}

#[tokio::test]
async fn the_list_goes_over_pages_newest_first_by_source_and_by_provider() {
    let api = Api::start().await;
    let (first, second) = (api.new_source().await, api.new_source().await);
    let (first, second) = (first.signed_with([9; 32]), second.signed_with([9; 32]));
    let mut expected = Vec::new();
    for number in 0..5 {
        let signer = if number % 2 == 0 { &first } else { &second };
        refused(&api, signer, &format!("msg_{number}")).await;
        expected.push((signer.id.clone(), domain::format_time(api.now())));
    }
    expected.reverse();
    let seen = async |path: &str, limit| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let all = api.all(path, limit).await;
        all.iter().map(|request| (text(&request["source"]), text(&request["received_at"]))).collect()
    };
    for limit in [1, 2, 100] {
        assert_eq!(seen("/v1/quarantine", limit).await, expected, "limit {limit}");
        let path = format!("/v1/quarantine?source={}", first.id);
        let of_first: Vec<_> = expected.iter().filter(|(source, _)| *source == first.id).cloned().collect();
        assert_eq!(seen(&path, limit).await, of_first, "limit {limit}");
        assert_eq!(seen("/v1/quarantine?provider=standard_webhooks", limit).await, expected);
        assert!(seen("/v1/quarantine?provider=stripe", limit).await.is_empty());
    }
    api.get("/v1/quarantine?reason=x").await.expect_problem(400, "invalid_parameter");
}

#[tokio::test]
async fn after_seven_days_a_request_is_gone_though_the_table_may_still_have_it() {
    let api = Api::start().await;
    let source = api.new_source().await;
    refused(&api, &source.signed_with([9; 32]), "msg_1").await;
    let id = ids(&quarantine(&api).await).remove(0);
    api.advance(SignedDuration::from_hours(7 * 24) - SignedDuration::from_millis(1));
    assert_eq!(quarantine(&api).await.len(), 1);
    api.advance(SignedDuration::from_millis(1));
    assert!(quarantine(&api).await.is_empty());
    assert!(api.get(format!("/v1/quarantine?source={}", source.id)).await.data().is_empty());
    api.get(format!("/v1/quarantine/{id}")).await.expect_problem(404, "not_found");
    verify(&api, &id).await.expect_problem(404, "not_found");
    let bulk = api.post("/v1/quarantine/verify", &json!({"source": source.id})).await;
    assert_eq!((&bulk.expect(200)["accepted"], &bulk["rejected"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn nothing_is_accepted_for_a_source_that_is_disabled() {
    let api = Api::start().await;
    let source = api.new_source().await;
    let signer = source.signed_with([9; 32]);
    refused(&api, &signer, "msg_1").await;
    correct(&api, &signer).await;
    let path = format!("/v1/sources/{}", source.id);
    api.put(&path, &json!({"name": "shop", "status": "disabled"})).await.expect(200);
    let id = ids(&quarantine(&api).await).remove(0);
    assert_eq!(verify(&api, &id).await.expect(200)["reason"], "unknown_source");
    api.put(&path, &json!({"name": "shop"})).await.expect(200);
    assert_eq!(verify(&api, &id).await.expect(200)["outcome"], "accepted");
}

#[tokio::test]
async fn reading_does_not_allow_verifying_or_deleting() {
    let api = Api::start().await;
    let source = api.new_source().await;
    refused(&api, &source.signed_with([9; 32]), "msg_1").await;
    let path = format!("/v1/quarantine/{}", ids(&quarantine(&api).await).remove(0));
    let reader = api.new_key(&["sources:read"]).await;
    let verify = format!("{path}/verify");
    let body = json!({"source": source.id});
    for (method, path, status) in [
        ("GET", "/v1/quarantine", 200),
        ("GET", &path, 200),
        ("DELETE", &path, 403),
        ("POST", &verify, 403),
        ("POST", "/v1/quarantine/verify", 403),
    ] {
        api.send(Call::new(method, path).key(&reader).json(&body)).await.expect(status);
    }
    api.get("/v1/quarantine/verify").await.expect_problem(405, "method_not_allowed");
    api.get("/v1/quarantine/qrn_1").await.expect_problem(404, "not_found");
}
