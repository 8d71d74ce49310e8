use serde_json::json;
use support::{Api, Call};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[tokio::test]
async fn an_endpoint_is_created_read_replaced_and_deleted() {
    let api = Api::start().await;
    let created = api.post("/v1/endpoints", &json!({"url": "https://example.com/hooks"})).await;
    created.expect(201);
    let path = format!("/v1/endpoints/{}", created.id());
    assert_eq!(created.headers["location"], path.as_str());
    assert_eq!(created["event_types"], json!(["*"]));
    assert_eq!(created["sources"], json!([]));
    assert_eq!((&created["format"], &created["status"]), (&json!("standard"), &json!("active")));

    let read = api.get(&path).await;
    let mut shown = created.json.clone();
    let secret = shown.as_object_mut().and_then(|shown| shown.remove("secret")).expect("a secret");
    assert!(secret.as_str().is_some_and(|secret| relay::SigningSecret::parse(secret).is_ok()));
    assert_eq!(read.expect(200).json, shown, "all but the secret");
    assert_eq!(api.get("/v1/endpoints").await.data(), [shown]);
    let known = Call::new("GET", &path).header("if-none-match", format!("W/{}", read.etag()));
    api.send(known).await.expect(304);

    let source = api.new_source().await;
    let body = json!({
        "url": "https://example.com/other", "name": "other", "event_types": ["refund.*", "payment.captured"],
        "sources": [source.id], "format": "standard", "status": "disabled",
    });
    let replaced = api.put(&path, &body).await;
    replaced.expect(200);
    for (name, value) in body.as_object().expect("an object") {
        assert_eq!(&replaced[name], value, "{name}");
    }
    assert_eq!(replaced["secrets"], created["secrets"]);

    let stale = Call::new("PUT", &path).header("if-match", read.etag()).json(&body);
    api.send(stale).await.expect_problem(412, "precondition_failed");
    let stale = Call::new("DELETE", &path).header("if-match", read.etag());
    api.send(stale).await.expect_problem(412, "precondition_failed");
    let fresh = Call::new("DELETE", &path).header("if-match", replaced.etag());
    api.send(fresh).await.expect(204);
    api.get(&path).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_secret_that_the_client_brings_is_kept_and_shown_once() {
    let api = Api::start().await;
    let body = json!({"url": "https://example.com/", "secret": SECRET});
    let created = api.post("/v1/endpoints", &body).await;
    assert_eq!(created.expect(201)["secret"], SECRET);
    assert_eq!(created["secrets"][0]["hint"], "LaSw");
    let path = format!("/v1/endpoints/{}", created.id());
    let replaced = api.put(&path, &json!({"url": "https://example.com/"})).await;
    let refused = api.put(&path, &json!({"url": "https://example.com/", "secret": SECRET})).await;
    refused.expect_problem(400, "unknown_field");
    for answer in [replaced, refused, api.get(&path).await, api.get("/v1/endpoints").await] {
        assert!(!String::from_utf8_lossy(&answer.bytes).contains(&SECRET[6..]));
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_endpoint_is_said_field_by_field() {
    let api = Api::start().await;
    let unknown = "src_00000000000000000000000000";
    for (body, code, places) in [
        (json!({}), "missing_field", vec!["/url"]),
        (json!({"url": "https://example.com", "uri": 1}), "unknown_field", vec!["/uri"]),
        (json!({"url": 1}), "invalid_field", vec!["/url"]),
        (json!({"url": "https://example.com", "format": "xml"}), "invalid_field", vec!["/format"]),
        (
            json!({
                "url": "https://example.com", "name": "n".repeat(201), "secret": "whsec_c2hvcnQ=",
                "event_types": ["payment.*", "payments.*"], "sources": ["x", unknown],
            }),
            "invalid_field",
            vec!["/secret", "/name", "/event_types/1", "/sources/0", "/sources/1"],
        ),
        (json!({"url": "https://example.com", "event_types": []}), "invalid_field", vec!["/event_types"]),
    ] {
        assert_eq!(
            api.post("/v1/endpoints", &body).await.expect_problem(400, code).places(),
            places,
            "{body}"
        );
    }
    let text = Call::new("POST", "/v1/endpoints").header("content-type", "text/plain").body("{}");
    api.send(text).await.expect_problem(415, "unsupported_media_type");
    let broken =
        Call::new("POST", "/v1/endpoints").header("content-type", "application/json").body("{\"url\": ");
    api.send(broken).await.expect_problem(400, "invalid_json");
    let large = json!({"url": "https://example.com", "name": "n".repeat(300 * 1024)});
    api.post("/v1/endpoints", &large).await.expect_problem(413, "payload_too_large");
    let xml = Call::new("GET", "/v1/endpoints").header("accept", "application/xml");
    api.send(xml).await.expect_problem(406, "not_acceptable");
    let patch = api.send(Call::new("PATCH", "/v1/endpoints")).await;
    assert_eq!(patch.expect_problem(405, "method_not_allowed").headers["allow"], "GET,HEAD,POST");
}

#[tokio::test]
async fn urls_that_reach_inside_are_refused_with_the_reason() {
    let api = Api::start().await; // its stack allows http and loopback, and nothing else
    for (url, reason) in [
        ("https://10.0.0.1/", "url_address_blocked"),
        ("https://192.168.1.1/", "url_address_blocked"),
        ("https://169.254.169.254/latest/meta-data", "url_address_blocked"),
        ("https://[fe80::1]/", "url_address_blocked"),
        ("https://[::ffff:10.0.0.1]/", "url_address_blocked"),
        ("https://0x0a000001/", "url_address_blocked"),
        ("https://167772161/", "url_address_blocked"),
        ("https://[fd00:ec2::254]/", "url_address_blocked"),
        ("ftp://example.com/", "url_scheme"),
        ("https://user:pass@example.com/", "url_user_info"),
        ("https://example.com/#x", "url_fragment"),
        ("example.com", "url_malformed"),
        ("", "url_malformed"),
    ] {
        let refused = api.post("/v1/endpoints", &json!({"url": url})).await;
        refused.expect_problem(422, "endpoint_url_refused");
        let error = &refused["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!("/url"), &json!(reason)), "{url}");
    }
    let id = api.new_endpoint().await;
    let inward = json!({"url": "https://10.0.0.1/"});
    api.put(&format!("/v1/endpoints/{id}"), &inward).await.expect_problem(422, "endpoint_url_refused");
    assert_eq!(api.get("/v1/endpoints").await.data().len(), 1);
}

#[tokio::test]
async fn endpoints_are_listed_over_several_pages() {
    let api = Api::start().await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.insert(0, api.new_endpoint().await);
        api.advance(jiff::SignedDuration::from_millis(1));
    }
    let listed = api.all("/v1/endpoints", 3).await;
    assert_eq!(listed.iter().map(|endpoint| endpoint["id"].clone()).collect::<Vec<_>>(), ids);
}

#[tokio::test]
async fn scopes_are_asked_for_on_every_route() {
    let api = Api::start().await;
    let id = api.new_endpoint().await;
    let path = format!("/v1/endpoints/{id}");
    let none = api.new_key(&["payments:read", "sources:write"]).await;
    let reader = api.new_key(&["endpoints:read"]).await;
    let delivery = format!("/v1/deliveries/dlv_{}", "0".repeat(56));
    let retry = format!("{delivery}/retry");
    let attempts = format!("{delivery}/attempts");
    let (secrets, test, matching) =
        (format!("{path}/secrets"), format!("{path}/test"), format!("{path}/match"));
    let secret = format!("{secrets}/sec_{}", "0".repeat(26));
    for (method, path, for_reader) in [
        ("GET", "/v1/endpoints", 200),
        ("POST", "/v1/endpoints", 403),
        ("GET", &path, 200),
        ("PUT", &path, 403),
        ("DELETE", &path, 403),
        ("GET", &secrets, 200),
        ("POST", &secrets, 403),
        ("DELETE", &secret, 403),
        ("POST", &test, 403),
        ("POST", &matching, 415),
        ("GET", "/v1/deliveries", 200),
        ("GET", &delivery, 404),
        ("GET", &attempts, 404),
        ("POST", &retry, 403),
    ] {
        api.send(Call::new(method, path).no_key()).await.expect_problem(401, "unauthorized");
        api.send(Call::new(method, path).key(&none)).await.expect_problem(403, "forbidden");
        api.send(Call::new(method, path).key(&reader)).await.expect(for_reader);
    }
}
