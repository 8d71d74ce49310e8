use serde_json::{Value, json};
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
async fn a_generic_source_says_how_its_provider_signs_and_what_can_not_work_is_refused() {
    let api = Api::start().await;
    let body = |secret: &str, signed: &str, meanings: &str| {
        json!({
            "provider": "generic", "name": "shop", "secrets": [secret],
            "settings": {
                "algorithm": "hmac-sha256", "signature": "header:x-signature", "encoding": "hex", "key_encoding": "hex",
                "signed": signed, "type": "event", "payment": "data.id", "meanings": meanings,
            },
        })
    };
    let key = "00112233445566778899aabbccddeeff";
    let created = api.post("/v1/sources", &body(key, "{body}", "sold=paid")).await;
    assert_eq!(created.expect(201)["settings"]["signed"], "{body}");
    let path = format!("/v1/sources/{}/secrets", created.id());
    api.post(&path, &json!({"secret": "ffeeddccbbaa99887766554433221100"})).await.expect(201);
    let pasted = api.post(&path, &json!({"secret": "not-in-hex-at-all"})).await;
    assert_eq!(pasted.expect_problem(400, "invalid_field").places(), ["/secret"]);

    let refused = api.post("/v1/sources", &body("not-in-hex-at-all", "{timestamp}", "sold=bought")).await;
    let refused = refused.expect_problem(400, "invalid_field");
    // What the secret has to be is only known once the settings are right.
    assert_eq!(refused.places(), ["/settings/signed", "/settings/meanings"]);
    let refused = api.post("/v1/sources", &body("not-in-hex-at-all", "{body}", "sold=paid")).await;
    assert_eq!(refused.expect_problem(400, "invalid_field").places(), ["/secrets/0"]);
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

#[tokio::test]
async fn an_api_credential_is_taken_and_never_shown() {
    let api = Api::start().await;
    let key = "sk_live_abcdefgh1234";
    let body = json!({"provider": "stripe", "secrets": [SECRET], "api_credential": key});
    let created = api.post("/v1/sources", &body).await;
    created.expect(201);
    assert_eq!(created["api_credential"]["hint"], "1234");
    let path = format!("/v1/sources/{}", created.id());
    let shown = api.get(&path).await["api_credential"].clone();
    assert_eq!(shown, created["api_credential"]);
    assert_eq!(shown.as_object().map(serde_json::Map::len), Some(2), "hint and time alone: {shown}");

    let kept = api.put(&path, &json!({"name": "store"})).await;
    assert_eq!(kept.expect(200)["api_credential"], shown, "it stays unless another is given");
    let replaced = api.put(&path, &json!({"api_credential": "rk_live_abcdefgh5678"})).await;
    assert_eq!(replaced.expect(200)["api_credential"]["hint"], "5678");
    let removed = api.put(&path, &json!({"api_credential": null})).await;
    assert!(removed.expect(200).json.get("api_credential").is_none());
    for answer in [&created, &kept, &replaced] {
        assert!(!String::from_utf8_lossy(&answer.bytes).contains("abcdefgh"));
    }
}

#[tokio::test]
async fn an_api_credential_that_can_not_be_one_is_refused() {
    let api = Api::start().await;
    for (provider, credential, complaint) in [
        ("stripe", "pk_live_1", "the credential must begin with one of: sk_, rk_"),
        ("stripe", "", "the credential is empty"),
        ("stripe", "sk_live_1 ", "the credential has characters that no key has"),
        ("square", "key", "nothing is asked of this provider's API"),
    ] {
        let body = json!({"provider": provider, "secrets": [SECRET], "api_credential": credential});
        let refused = api.post("/v1/sources", &body).await;
        refused.expect_problem(400, "invalid_field");
        let expected = ("/api_credential".to_owned(), complaint.to_owned());
        assert!(refused.errors().contains(&expected), "{:?}", refused.errors());
        assert!(credential.is_empty() || !refused.json.to_string().contains(credential));
    }
    let source = api.new_source().await;
    let long = format!("sk_{}", "x".repeat(4096));
    let body = json!({"provider": "stripe", "secrets": [SECRET], "api_credential": long});
    assert_eq!(api.post("/v1/sources", &body).await.places(), ["/api_credential"]);
    let refused = api.put(&format!("/v1/sources/{}", source.id), &json!({"api_credential": "key"})).await;
    assert_eq!(refused.places(), ["/api_credential"]);
}

#[tokio::test]
async fn a_source_that_can_verify_nothing_without_a_credential_is_refused_until_it_has_one() {
    let api = Api::start().await;
    let paypal =
        |verification: &str| json!({"webhook_id": "8PT597110X687430L", "verification": verification});
    let source =
        |provider: &str, settings: Value| json!({"provider": provider, "secrets": [], "settings": settings});
    for body in [source("plaid", json!({})), source("paypal", paypal("api"))] {
        let refused = api.post("/v1/sources", &body).await;
        assert_eq!(refused.expect_problem(400, "invalid_field").places(), ["/api_credential"], "{body}");
    }
    let mut body = source("plaid", json!({}));
    body["api_credential"] = json!("client:secret");
    let plaid = api.post("/v1/sources", &body).await;
    let path = format!("/v1/sources/{}", plaid.expect(201).id());
    api.put(&path, &json!({"name": "stays"})).await.expect(200);
    let refused = api.put(&path, &json!({"api_credential": null})).await;
    assert_eq!(refused.expect_problem(400, "invalid_field").places(), ["/api_credential"]);

    let paypal_source = api.post("/v1/sources", &source("paypal", paypal("certificate"))).await;
    let path = format!("/v1/sources/{}", paypal_source.expect(201).id());
    let refused = api.put(&path, &json!({"settings": paypal("api")})).await;
    assert_eq!(refused.expect_problem(400, "invalid_field").places(), ["/api_credential"]);
    let both = json!({"settings": paypal("api"), "api_credential": "client:secret"});
    api.put(&path, &both).await.expect(200);
}

#[tokio::test]
async fn a_source_says_after_how_many_hours_of_silence_it_is_told_of() {
    let api = Api::start().await;
    let body = |hours: Value| json!({"provider": "stripe", "secrets": [SECRET], "silent_after_hours": hours});
    for hours in [1, 720] {
        let created = api.post("/v1/sources", &body(json!(hours))).await;
        assert_eq!(created.expect(201)["silent_after_hours"], hours);
        let path = format!("/v1/sources/{}", created.id());
        assert_eq!(api.get(&path).await["silent_after_hours"], hours);
        let replaced = api.put(&path, &json!({"name": "quiet"})).await;
        assert_eq!(replaced.expect(200)["silent_after_hours"], Value::Null, "left out, it gets its default");
    }
    for hours in [json!(0), json!(721)] {
        let refused = api.post("/v1/sources", &body(hours)).await;
        assert_eq!(refused.expect_problem(400, "invalid_field").places(), ["/silent_after_hours"]);
    }
    for hours in [json!(-1), json!(1.5), json!("24"), json!(100_000)] {
        api.post("/v1/sources", &body(hours)).await.expect_problem(400, "invalid_field");
    }
}

#[tokio::test]
async fn a_source_shows_when_its_last_event_came_and_its_tag_follows() {
    let api = Api::start().await;
    let source = api.new_source().await;
    let path = format!("/v1/sources/{}", source.id);
    let silent = api.get(&path).await;
    assert_eq!(silent.expect(200)["last_event_at"], Value::Null);
    let at = api.stack.clock.now();
    api.stack.store.note_event(&source.id.parse().expect("an id"), at).await.expect("noted");
    let heard = api.get(&path).await;
    assert_eq!(heard.expect(200)["last_event_at"], domain::format_time(at));
    assert_ne!(heard.etag(), silent.etag());
    assert_eq!(api.get("/v1/sources").await["data"][0], heard.json);
    api.send(Call::new("GET", &path).header("if-none-match", heard.etag())).await.expect(304);
    api.send(Call::new("GET", &path).header("if-none-match", silent.etag())).await.expect(200);
    let write = Call::new("PUT", &path).header("if-match", heard.etag()).json(&json!({"name": "heard"}));
    let written = api.send(write).await;
    assert_eq!(written.expect(200)["last_event_at"], heard["last_event_at"]);
}
