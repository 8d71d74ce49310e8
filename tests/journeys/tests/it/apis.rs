//! Providers' APIs that answer as documented (`tests/vectors/answers/`), and webhooks that make us ask them.

use anyhow::{Context, Result};
use axum::body::Body;
use axum::http::{Method, Request, header};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use journeys::{Answer, App};
use serde_json::{Value, json};
use sha2::Sha256;
use std::path::Path;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

pub(crate) const MOLLIE_PAYMENT: &str = "tr_5B8cwPMGnU6qLbRvo7qEZo";
pub(crate) const MOLLIE_KEY: &str = "live_key_of_the_journeys";
const HOSTS: &[&str] = &["api.mollie.com", "api.stripe.com", "api.mercadopago.com", "api.opennode.com"];

/// An answer of `provider`'s API as documented.
pub(crate) fn documented(provider: &str, name: &str) -> Value {
    let file = format!("../vectors/answers/{provider}.json");
    let text = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("the file is there");
    let all: Value = serde_json::from_slice(&text).expect("it is JSON");
    assert!(all["answers"][name].is_object(), "{provider} has no answer {name}");
    all["answers"][name].clone()
}

/// A Payrelay whose calls to providers go to the server.
pub(crate) async fn start() -> Result<(App, MockServer)> {
    let apis = MockServer::start().await;
    let app = App::start_with_apis(&apis.uri(), HOSTS).await?;
    Ok((app, apis))
}

/// From now on, and before what was answered until now.
pub(crate) async fn answer(apis: &MockServer, at: &str, answer: ResponseTemplate) {
    apis.reset().await;
    Mock::given(method("GET")).and(path(at)).respond_with(answer).mount(apis).await;
}

pub(crate) async fn mollie_answers(apis: &MockServer, name: &str) {
    let template = ResponseTemplate::new(200).set_body_json(documented("mollie", name));
    answer(apis, &format!("/v2/payments/{MOLLIE_PAYMENT}"), template).await;
}

/// A source with an API credential.
pub(crate) async fn source(app: &App, provider: &str, secrets: &[&str], credential: &str) -> Result<String> {
    let mut body = json!({ "provider": provider, "secrets": secrets, "api_credential": credential });
    if provider == "mollie" {
        body["settings"] = json!({ "experimental": "accepted" });
    }
    let source = app.create("/v1/sources", body).await?;
    Ok(source["id"].as_str().context("a source has an id")?.to_owned())
}

pub(crate) async fn mollie(app: &App) -> Result<String> {
    source(app, "mollie", &[], MOLLIE_KEY).await
}

pub(crate) async fn form(app: &App, source: &str, body: String) -> Result<Answer> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("/webhooks/{source}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    app.call(request.body(Body::from(body))?).await
}

pub(crate) async fn mollie_calls(app: &App, source: &str, payment: &str) -> Result<()> {
    let answer = form(app, source, format!("id={payment}")).await?;
    anyhow::ensure!(answer.status == 200, "{}", answer.text());
    Ok(())
}

pub(crate) fn hmac_sha256(key: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length");
    mac.update(text.as_bytes());
    HEXLOWER.encode(&mac.finalize().into_bytes())
}

/// The one event that there is.
pub(crate) async fn only_event(app: &App) -> Result<Value> {
    let events = app.get("/v1/events").await?;
    anyhow::ensure!(events["data"].as_array().is_some_and(|data| data.len() == 1), "{events}");
    Ok(events["data"][0].clone())
}

pub(crate) async fn payments(app: &App) -> Result<Vec<Value>> {
    Ok(app.get("/v1/payments").await?["data"].as_array().cloned().unwrap_or_default())
}
