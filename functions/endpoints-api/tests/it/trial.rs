//! Test calls, and the question whether an event would be delivered.

use serde_json::{Value, json};
use standardwebhooks::Webhook;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;
use support::Api;

/// Answers one request with `answer`; gives the request.
fn server(answer: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a call");
        let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
        loop {
            let text = String::from_utf8_lossy(&request).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if body.len() >= length.map_or(0, |length| length.parse().expect("a number")) {
                    stream.write_all(answer.as_bytes()).expect("the caller waits");
                    return text;
                }
            }
            let read = stream.read(&mut chunk).expect("readable");
            request.extend_from_slice(&chunk[..read]);
        }
    });
    (url, thread)
}

fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let prefix = format!("{name}: ");
    request.lines().find_map(|line| line.strip_prefix(prefix.as_str())).expect(name)
}

#[tokio::test]
async fn a_test_call_is_signed_and_its_outcome_answered() {
    let api = Api::start().await;
    let (url, called) = server("HTTP/1.1 202 Accepted\r\ncontent-length: 6\r\n\r\nthanks");
    let headers = json!({"authorization": "Bearer s3cret"});
    let created = api.post("/v1/endpoints", &json!({"url": url, "headers": headers})).await;
    let path = format!("/v1/endpoints/{}", created.id());
    let test = api.post(&format!("{path}/test"), &json!({})).await;
    let attempt = &test.expect(200)["attempt"];
    assert_eq!((&test["object"], &test["endpoint"]), (&json!("endpoint_test"), &created["id"]));
    assert_eq!((&attempt["outcome"], &attempt["status_code"]), (&json!("succeeded"), &json!(202)));
    assert_eq!(attempt["response_excerpt"], "thanks");

    let request = called.join().expect("a request");
    assert_eq!(header(&request, "authorization"), "Bearer s3cret");
    assert_eq!(header(&request, "webhook-id"), test.id());
    let body = request.split_once("\r\n\r\n").expect("a body").1;
    let payload: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(payload["type"], "endpoint.test");
    assert_eq!(payload["data"], json!({"endpoint": created["id"], "test": test.id()}));
    let webhook = Webhook::new(created["secret"].as_str().expect("a secret")).expect("a valid secret");
    let at = header(&request, "webhook-timestamp").parse().expect("a number");
    let expected = webhook.sign(&test.id(), at, body.as_bytes()).expect("signs");
    assert_eq!(header(&request, "webhook-signature"), expected);
    assert!(api.get("/v1/deliveries").await.data().is_empty(), "nothing is recorded");
}

#[tokio::test]
async fn a_failing_test_call_tells_why_and_changes_nothing() {
    let api = Api::start().await;
    for (answer, error) in [
        ("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", "status"),
        ("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\nwebhook-retry: no\r\n\r\n", "rejected"),
        ("HTTP/1.1 301 Moved\r\ncontent-length: 0\r\nlocation: http://10.0.0.1/\r\n\r\n", "redirect"),
    ] {
        let (url, _called) = server(answer);
        let path = format!("/v1/endpoints/{}", api.post("/v1/endpoints", &json!({"url": url})).await.id());
        let test = api.post(&format!("{path}/test"), &json!({})).await;
        assert_eq!(test.expect(200)["attempt"]["error"], error);
        assert_eq!(api.get(&path).await["status"], "active");
    }
    let path = format!("/v1/endpoints/{}", api.new_endpoint().await);
    let disabled = json!({"url": "http://127.0.0.1:2/", "status": "disabled"});
    api.put(&path, &disabled).await.expect(200);
    let test = api.post(&format!("{path}/test"), &json!({})).await;
    assert_eq!(test.expect(200)["attempt"]["error"], "connection_refused", "also a disabled one is called");
    let unknown = format!("/v1/endpoints/ep_{}/test", "0".repeat(26));
    api.post(&unknown, &json!({})).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn each_format_has_its_test_body() {
    let api = Api::start().await;
    for (settings, content_type, start) in [
        (
            json!({"format": "cloudevents"}),
            "application/cloudevents+json",
            "{\"specversion\":\"1.0\",\"id\":\"tst_",
        ),
        (json!({"format": "thin"}), "application/json", "{\"type\":\"endpoint.test\""),
        (json!({"format": "raw"}), "application/json", "{\"type\":\"endpoint.test\""),
        (
            json!({"encoding": "xml"}),
            "application/xml",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<webhook>",
        ),
    ] {
        let (url, called) = server("HTTP/1.1 204 No Content\r\n\r\n");
        let mut body = settings.clone();
        body["url"] = json!(url);
        let id = api.post("/v1/endpoints", &body).await.expect(201).id();
        let test = api.post(&format!("/v1/endpoints/{id}/test"), &json!({})).await;
        assert_eq!(test.expect(200)["attempt"]["outcome"], "succeeded", "{settings}");
        let request = called.join().expect("a request");
        assert_eq!(header(&request, "content-type"), content_type, "{settings}");
        assert!(request.split_once("\r\n\r\n").expect("a body").1.starts_with(start), "{request}");
    }
}

#[tokio::test]
async fn a_match_tells_of_each_part_of_the_filter_whether_it_holds() {
    let api = Api::start().await;
    let source = api.new_source().await;
    let data = json!({"id": "p1", "amount": 4200, "currency": "EUR"});
    api.event(&source, "msg_1", "payment.captured", &data).await;
    let event = api.get("/v1/events").await.data()[0]["id"].clone();
    let body = json!({
        "url": "https://example.com/", "event_types": ["payment.*"], "sources": [source.id],
        "conditions": {"data.event.amount": [{"numeric": [">", 5000]}], "data.payment.currency": ["EUR"]},
    });
    let path = format!("/v1/endpoints/{}/match", api.post("/v1/endpoints", &body).await.expect(201).id());
    let failing = |answer: &support::Answer| -> Vec<String> {
        let reasons = answer["reasons"].as_array().cloned().unwrap_or_default();
        assert_eq!(reasons.len(), 5, "{reasons:?}");
        let failing = reasons.iter().filter(|reason| reason["holds"] == false);
        failing.map(|reason| reason["part"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let stored = api.post(&path, &json!({ "event": event })).await;
    assert_eq!(stored.expect(200)["matches"], false);
    assert_eq!(failing(&stored), ["conditions/data.event.amount"]);

    let payload = json!({
        "type": "payment.captured",
        "data": {"event": {"amount": 5001, "source": source.id}, "payment": {"currency": "EUR"}},
    });
    let made_up = api.post(&path, &json!({ "payload": payload })).await;
    assert_eq!((&made_up.expect(200)["matches"], failing(&made_up)), (&json!(true), vec![]));
    let empty = api.post(&path, &json!({ "payload": {} })).await;
    assert_eq!(failing(&empty).len(), 4, "all but the status");

    let unknown = format!("evt_{}", "0".repeat(40));
    for (question, place) in [
        (json!({}), ""),
        (json!({"event": event, "payload": {}}), ""),
        (json!({"event": "x"}), "/event"),
        (json!({"event": unknown}), "/event"),
        (json!({"payload": []}), "/payload"),
    ] {
        assert_eq!(api.post(&path, &question).await.expect_problem(400, "invalid_field").places(), [place]);
    }
}
