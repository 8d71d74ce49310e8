use jiff::SignedDuration;
use serde_json::json;
use support::{ADMIN_KEY, Api, Call};

#[tokio::test]
async fn a_key_is_shown_once_and_works_until_it_is_revoked() {
    let api = Api::start().await;
    let body = json!({"name": "dashboard", "scopes": ["sources:read", "payments:read", "sources:read"]});
    let created = api.post("/v1/api-keys", &body).await;
    created.expect(201);
    assert_eq!(created["scopes"], json!(["payments:read", "sources:read"]));
    let key = created["key"].as_str().expect("a key").to_owned();
    let path = format!("/v1/api-keys/{}", created.id());
    assert!(key.starts_with(&format!("prk_{}_", &created.id()[4..])));

    let read = api.get(&path).await;
    assert!(read.expect(200).json.get("key").is_none());
    assert_eq!(api.get("/v1/api-keys").await.data(), [read.json]);

    let call = Call::new("GET", "/v1/sources").key(&key);
    api.send(call.clone()).await.expect(200);
    api.delete(&path).await.expect(204);
    api.send(call).await.expect_problem(401, "unauthorized");
    api.get(&path).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_key_expires() {
    let api = Api::start().await;
    let at = |hours| domain::format_time(api.now() + SignedDuration::from_hours(hours));
    let body = json!({"name": "ci", "scopes": ["admin"], "expires_at": at(1)});
    let key = api.post("/v1/api-keys", &body).await.expect(201)["key"].as_str().expect("a key").to_owned();
    let call = Call::new("GET", "/v1/api-keys").key(&key);
    api.send(call.clone()).await.expect(200);
    api.advance(SignedDuration::from_hours(1));
    api.send(call).await.expect_problem(401, "unauthorized");
    let body = json!({"name": "", "scopes": [], "expires_at": at(-1)});
    let refused = api.post("/v1/api-keys", &body).await;
    assert_eq!(refused.expect_problem(400, "invalid_field").places(), ["/scopes", "/expires_at"]);
    let refused = api.post("/v1/api-keys", &json!({"name": "", "scopes": ["root"]})).await;
    assert_eq!(refused.expect_problem(400, "invalid_field").places(), ["/scopes/0"]);
}

#[tokio::test]
async fn every_bad_credential_gets_the_same_answer() {
    let api = Api::start().await;
    let key = api.new_key(&["sources:read"]).await;
    let mut tampered = key.clone();
    tampered.replace_range(tampered.len() - 2.., "xx");
    let unknown = format!("prk_{}{}", "0".repeat(26), &key[30..]);
    let mut seen = Vec::new();
    for bad in [tampered.as_str(), &unknown, "prk_", "x", "", &ADMIN_KEY[1..], "\u{e9}"] {
        let answer = api.send(Call::new("GET", "/v1/sources").key(bad)).await;
        answer.expect_problem(401, "unauthorized");
        let challenge = answer.headers["www-authenticate"].to_str().expect("ASCII").to_owned();
        seen.push((answer["detail"].clone(), answer["title"].clone(), challenge));
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");

    let none = api.send(Call::new("GET", "/v1/sources").no_key()).await;
    assert_eq!(
        none.expect_problem(401, "unauthorized").headers["www-authenticate"],
        "Bearer realm=\"payrelay\""
    );
    let basic = Call::new("GET", "/v1/sources").no_key().header("authorization", "Basic eDp5");
    api.send(basic).await.expect_problem(401, "unauthorized");
    let twice = Call::new("GET", "/v1/sources").header("authorization", "Bearer other");
    api.send(twice).await.expect_problem(401, "unauthorized");
}

#[tokio::test]
async fn a_scope_allows_what_it_names_and_no_more() {
    let api = Api::start().await;
    let source = api.new_source().await;
    let one = format!("/v1/sources/{}", source.id);
    let (reader, writer) = (api.new_key(&["sources:read"]).await, api.new_key(&["sources:write"]).await);
    let other = api.new_key(&["payments:read", "endpoints:write"]).await;
    let body = json!({"name": "n"});
    for (key, method, path, status) in [
        (&reader, "GET", one.as_str(), 200),
        (&reader, "PUT", &one, 403),
        (&reader, "DELETE", &one, 403),
        (&reader, "GET", "/v1/api-keys", 403),
        (&writer, "GET", &one, 200),
        (&writer, "PUT", &one, 200),
        (&writer, "POST", "/v1/api-keys", 403),
        (&other, "GET", &one, 403),
        (&other, "GET", "/v1/api-keys", 403),
    ] {
        let answer = api.send(Call::new(method, path).key(key).json(&body)).await;
        answer.expect(status);
        if status == 403 {
            answer.expect_problem(403, "forbidden");
            let challenge = answer.headers["www-authenticate"].to_str().expect("ASCII");
            assert!(challenge.contains("insufficient_scope"), "{challenge}");
        }
    }
}
