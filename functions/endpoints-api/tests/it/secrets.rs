//! Rotation of an endpoint's signing secrets.

use jiff::SignedDuration;
use relay::{SigningKey, SigningSecret};
use serde_json::{Value, json};
use support::{Answer, Api, Call};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn new_endpoint(api: &Api, signing: Value) -> Answer {
    let body = json!({"url": "https://example.com/hooks", "signing": signing});
    let created = api.post("/v1/endpoints", &body).await;
    created.expect(201);
    created
}

#[tokio::test]
async fn a_new_secret_signs_beside_the_old_one_for_a_day() {
    let api = Api::start().await;
    let endpoint = new_endpoint(&api, json!(["v1"])).await;
    let (path, first) = (format!("/v1/endpoints/{}/secrets", endpoint.id()), &endpoint["secrets"][0]["id"]);

    let generated = api.post(&path, &json!({})).await;
    assert!(SigningSecret::parse(generated.expect(201)["secret"].as_str().expect("a secret")).is_ok());
    assert_eq!(generated.headers["location"], format!("{path}/{}", generated.id()).as_str());
    let listed = api.get(&path).await;
    let day = (api.now() + SignedDuration::from_hours(24)).as_millisecond();
    let expires = |secret: &Value| {
        secret["expires_at"]
            .as_str()
            .map(|at| at.parse::<jiff::Timestamp>().expect("a time").as_millisecond())
    };
    let ids: Vec<_> = listed.expect(200).data().iter().map(|secret| &secret["id"]).collect();
    assert_eq!(ids, [&generated["id"], first], "newest first");
    assert_eq!(listed.data().iter().map(expires).collect::<Vec<_>>(), [None, Some(day)]);
    assert!(!String::from_utf8_lossy(&listed.bytes).contains("whsec_"));

    // A later rotation does not keep the first one longer; one that asks for less shortens it.
    api.advance(SignedDuration::from_hours(1));
    let soon = (api.now() + SignedDuration::from_mins(5)).to_string();
    let brought = api.post(&path, &json!({"secret": SECRET, "previous_expires_at": soon})).await;
    assert_eq!((&brought.expect(201)["secret"], &brought["hint"]), (&json!(SECRET), &json!("LaSw")));
    let listed = api.get(&path).await;
    let within = listed.data()[1..].iter().all(|secret| expires(secret) < Some(day));
    assert!(within, "{:?}", listed.json);

    api.advance(SignedDuration::from_mins(5));
    api.post(&path, &json!({})).await.expect(201);
    assert_eq!(api.get(&path).await.data().len(), 2, "expired ones are gone");
}

#[tokio::test]
async fn the_public_half_of_a_key_is_shown_and_the_private_one_never() {
    let api = Api::start().await;
    let key = SigningKey::generate([7; 32]);
    let body = json!({
        "url": "https://example.com/", "signing": ["v1a", "v1"], "secret": SECRET, "private_key": key.to_text(),
    });
    let created = api.post("/v1/endpoints", &body).await;
    assert_eq!(created.expect(201)["signing"], json!(["v1", "v1a"]));
    assert_eq!(created["secret"], SECRET);
    let public: Vec<_> = [0, 1].map(|index| created["secrets"][index]["public_key"].clone()).to_vec();
    assert_eq!(public, [Value::Null, json!(key.public_text())]);

    let path = format!("/v1/endpoints/{}/secrets", created.id());
    let generated = api.post(&path, &json!({"signing": "v1a"})).await;
    assert_eq!(generated.expect(201)["secret"], Value::Null);
    assert!(generated["public_key"].as_str().is_some_and(|text| text.starts_with("whpk_")));
    let listed = api.get(&path).await;
    let lasting = listed.data().iter().filter(|secret| secret["expires_at"].is_null());
    assert_eq!(lasting.count(), 2, "a key does not replace a secret");
    for answer in [created, generated, listed] {
        let text = String::from_utf8_lossy(&answer.bytes).into_owned();
        assert!(!text.contains("whsk_") && !text.contains("private"));
    }
}

#[tokio::test]
async fn an_endpoint_is_never_without_a_secret_for_what_it_signs_with() {
    let api = Api::start().await;
    let endpoint = new_endpoint(&api, json!(["v1a"])).await;
    assert_eq!(endpoint["secret"], Value::Null);
    let path = format!("/v1/endpoints/{}", endpoint.id());
    let secrets = format!("{path}/secrets");
    let url = "https://example.com/hooks";
    let only = endpoint["secrets"][0]["id"].as_str().expect("an id").to_owned();
    api.delete(format!("{secrets}/{only}")).await.expect_problem(409, "conflict");

    for body in [json!({"url": url}), json!({"url": url, "signing": ["v1a", "v1"]})] {
        let refused = api.put(&path, &body).await;
        let index = usize::from(body["signing"].is_array());
        assert_eq!(refused.expect_problem(400, "invalid_field").places(), [format!("/signing/{index}")]);
    }
    api.post(&secrets, &json!({"signing": "v1"})).await.expect(201);
    api.put(&path, &json!({"url": url})).await.expect(200);
    // One that expires is not enough either: deliveries would go unsigned a day later.
    let lasting = api.post(&secrets, &json!({"signing": "v1"})).await.expect(201).id();
    api.delete(format!("{secrets}/{lasting}")).await.expect_problem(409, "conflict");
    // Nothing is signed with the key any more.
    api.delete(format!("{secrets}/{only}")).await.expect(204);
    api.delete(format!("{secrets}/{only}")).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn what_is_wrong_with_a_secret_is_told_and_a_stale_revision_refused() {
    let api = Api::start().await;
    let endpoint = new_endpoint(&api, json!(["v1"])).await;
    let path = format!("/v1/endpoints/{}/secrets", endpoint.id());
    let key = SigningKey::generate([7; 32]).to_text();
    for (body, places) in [
        (json!({"secret": "whsec_c2hvcnQ="}), ["/secret"]),
        (json!({"private_key": key}), ["/private_key"]),
        (json!({"signing": "v1a", "secret": SECRET}), ["/secret"]),
        (json!({"signing": "v1a", "private_key": SECRET}), ["/private_key"]),
        (json!({"signing": "v3"}), ["/signing"]),
        (json!({"previous_expires_at": "2020-01-01T00:00:00Z"}), ["/previous_expires_at"]),
    ] {
        assert_eq!(
            api.post(&path, &body).await.expect_problem(400, "invalid_field").places(),
            places,
            "{body}"
        );
    }
    let unused = json!({"url": "https://example.com/", "private_key": key});
    let refused = api.post("/v1/endpoints", &unused).await;
    assert_eq!(refused.expect_problem(400, "invalid_field").places(), ["/private_key"]);

    let stale = Call::new("POST", &path).header("if-match", "\"77\"").json(&json!({}));
    api.send(stale).await.expect_problem(412, "precondition_failed");
    for _ in 1..10 {
        api.post(&path, &json!({})).await.expect(201);
    }
    api.post(&path, &json!({})).await.expect_problem(409, "conflict");
}
