use serde_json::json;
use support::{Api, Call};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[tokio::test]
async fn a_source_is_created_read_replaced_and_deleted() {
    let api = Api::start().await;
    let body = json!({"provider": "stripe", "name": "shop", "secrets": [SECRET], "settings": {}});
    let created = api.post("/v1/sources", &body).await;
    created.expect(201);
    let id = created.id();
    let path = format!("/v1/sources/{id}");
    assert_eq!(created.headers["location"], path.as_str());
    assert_eq!(created["object"], "source");
    assert_eq!(created["status"], "active");
    assert_eq!(created["webhook_url"], format!("http://payrelay.test/webhooks/{id}"));
    assert_eq!(created["secrets"][0]["hint"], "LaSw");

    let read = api.get(&path).await;
    assert_eq!(read.expect(200).json, created.json);
    assert_eq!(read.etag(), created.etag());
    let known = Call::new("GET", &path).header("if-none-match", read.etag());
    let unchanged = api.send(known).await;
    assert!(unchanged.expect(304).bytes.is_empty());

    let replaced = api.put(&path, &json!({"name": "store", "status": "disabled"})).await;
    assert_eq!(replaced.expect(200)["name"], "store");
    assert_eq!(replaced["status"], "disabled");
    assert_eq!(replaced["secrets"], created["secrets"], "secrets stay unless they are given");
    assert_ne!(replaced.etag(), created.etag());

    let replaced = api.put(&path, &json!({"name": "store", "secrets": ["whsec_otherotherother"]})).await;
    assert_eq!(replaced.expect(200)["secrets"][0]["hint"], "ther");
    assert_eq!(replaced["status"], "active", "what is left out gets its default");

    api.delete(&path).await.expect(204);
    api.get(&path).await.expect_problem(404, "not_found");
    api.delete(&path).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_write_with_the_etag_of_another_revision_is_refused() {
    let api = Api::start().await;
    let source = api.new_source().await;
    let path = format!("/v1/sources/{}", source.id);
    let first = api.get(&path).await.etag();
    api.put(&path, &json!({"name": "second"})).await.expect(200);

    let stale = Call::new("PUT", &path).header("if-match", first.clone()).json(&json!({"name": "third"}));
    api.send(stale).await.expect_problem(412, "precondition_failed");
    let stale = Call::new("DELETE", &path).header("if-match", first);
    api.send(stale).await.expect_problem(412, "precondition_failed");

    let current = api.get(&path).await;
    assert_eq!(current["name"], "second");
    let fresh = Call::new("DELETE", &path).header("if-match", current.etag());
    api.send(fresh).await.expect(204);
}

#[tokio::test]
async fn what_is_wrong_with_a_source_is_said_field_by_field() {
    let api = Api::start().await;
    for (body, code, places) in [
        (json!({"provider": "stripe"}), "missing_field", vec!["/secrets"]),
        (json!({"provider": "stripe", "secrets": [SECRET], "colour": 1}), "unknown_field", vec!["/colour"]),
        (json!({"provider": "acme", "secrets": [SECRET]}), "invalid_field", vec!["/provider"]),
        (json!({"provider": "stripe", "secrets": []}), "invalid_field", vec!["/secrets"]),
        (json!({"provider": "stripe", "secrets": "x"}), "invalid_field", vec!["/secrets"]),
        (
            json!({
                "provider": "adyen", "name": "a\u{7}", "secrets": ["nothex", "no hex"],
                "settings": {"capture": "maybe", "a/b": "x"},
            }),
            "invalid_field",
            vec!["/name", "/secrets/0", "/secrets/1", "/settings/a~1b", "/settings/capture"],
        ),
    ] {
        assert_eq!(api.post("/v1/sources", &body).await.expect_problem(400, code).places(), places, "{body}");
    }
}

#[tokio::test]
async fn sources_are_listed_newest_first_over_several_pages() {
    let api = Api::start().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(api.new_source().await.id);
        api.advance(jiff::SignedDuration::from_millis(1));
    }
    ids.reverse();
    for limit in [1, 2, 5] {
        let listed: Vec<_> = api.all("/v1/sources", limit).await;
        let listed: Vec<_> = listed.iter().map(|source| source["id"].as_str().unwrap_or_default()).collect();
        assert_eq!(listed, ids, "limit {limit}");
    }
    api.get("/v1/sources?limit=101").await.expect_problem(400, "invalid_parameter");
    let tampered = api.get("/v1/sources?cursor=AAAA").await;
    assert_eq!(tampered.expect_problem(400, "invalid_parameter").places(), ["cursor"]);
}

#[tokio::test]
async fn a_secret_is_never_shown_nor_repeated_in_an_error() {
    let api = Api::start().await;
    let hidden = "whsec_hiddenhiddenhidden";
    let body = json!({"provider": "stripe", "name": "shop", "secrets": [hidden]});
    let created = api.post("/v1/sources", &body).await;
    let path = format!("/v1/sources/{}", created.id());
    let mut answers = vec![created, api.get(&path).await, api.get("/v1/sources").await];
    answers.push(api.get(format!("{path}/secrets")).await);
    answers.push(api.put(&path, &json!({"name": "x", "secrets": [hidden]})).await);
    answers.push(api.put(&path, &json!({"name": 1, "secrets": [hidden]})).await);
    answers.push(api.put(&path, &json!({"secrets": hidden})).await);
    answers.push(api.put(&path, &json!({"secrets": [hidden, hidden]})).await);
    answers.push(api.put(&path, &json!({"status": hidden})).await);
    answers.push(api.put(&path, &json!({"settings": {"x": hidden}})).await);
    answers.push(api.post(&format!("{path}/secrets"), &json!({"secret": [hidden]})).await);
    for answer in answers {
        let text = String::from_utf8_lossy(&answer.bytes);
        assert!(!text.contains("hiddenhidden"), "{text}");
    }
}
