//! Secrets stay out of the log and out of answers. A test binary of its own: the log belongs to the process.

use anyhow::{Context, Result};
use axum::body::Body;
use axum::http::{Method, Request};
use journeys::{ADMIN_KEY, App, Crash, Side};
use serde_json::json;
use simulators::{Stripe, Webhook};
use std::io::Write;
use std::sync::{Arc, Mutex};

fn created(stripe: &Stripe, app: &App) -> Webhook {
    let now = app.clock.now();
    let intent = json!({ "id": "pi_1", "object": "payment_intent", "amount": 1, "currency": "eur", "status": "processing" });
    stripe.event("evt_1", "payment_intent.processing", now, &intent, now)
}

/// Everything that was logged, as text.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no holder of this lock panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_ever_logged_or_answered_again() -> Result<()> {
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber)?;

    let app = App::start().await?;
    let stripe = Stripe::new([7; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (endpoint, receiver) = app.endpoint().await?;
    receiver.answer_next([500]);
    let made = app.create("/v1/api-keys", json!({ "name": "reader", "scopes": ["payments:read"] })).await?;
    let key = made["key"].as_str().context("a new key's answer has its text")?.to_owned();
    let mut answers = String::new();
    for path in [
        "/v1/sources".to_owned(),
        format!("/v1/sources/{source}"),
        "/v1/endpoints".to_owned(),
        format!("/v1/endpoints/{endpoint}"),
        "/v1/api-keys".to_owned(),
    ] {
        answers.push_str(&app.get(&path).await?.to_string());
    }
    app.webhook(&source, &created(&stripe, &app)).await?;
    let body = r#"{"card":"body_of_a_refused_request"}"#.to_owned();
    let mut refused = Stripe::new([9; 16]).sign(body, app.clock.now());
    refused.headers.push(("authorization", "Bearer credential_of_a_refused_request".to_owned()));
    app.webhook(&source, &refused).await?;
    let quarantine = app.get("/v1/quarantine").await?;
    answers.push_str(&quarantine.to_string());
    let id = quarantine["data"][0]["id"].as_str().context("what was refused is kept")?.to_owned();
    let verify = format!("/v1/quarantine/{id}/verify");
    answers.push_str(&app.api(Method::POST, &verify, None).await?.text());
    let forged = Request::get("/v1/payments").header("authorization", "Bearer prk_forged_key_for_a_test");
    app.call(forged.body(Body::empty())?).await?;
    app.stack.events.send("not json").await?;
    app.stack.settle().await?;
    app.faults.arm(Crash { call: 0, side: Side::Before });
    app.webhook(&source, &created(&stripe, &app)).await?;
    app.faults.disarm();

    let logged =
        String::from_utf8_lossy(&captured.0.lock().expect("no holder of this lock panics")).into_owned();
    assert!(logged.contains("a webhook was rejected"), "the log was captured");
    let endpoint_secret = receiver.secret();
    for (what, secret) in [
        ("source secret", stripe.secret()),
        ("endpoint secret", endpoint_secret.as_str()),
        ("API key", key.as_str()),
        ("admin key", ADMIN_KEY),
        ("forged key", "prk_forged_key_for_a_test"),
        ("header of a refused request", "credential_of_a_refused_request"),
        ("body of a refused request", "body_of_a_refused_request"),
    ] {
        let body = secret.trim_start_matches("whsec_");
        assert!(!logged.contains(body), "the {what} was logged");
        assert!(!answers.contains(body), "the {what} was answered again");
    }
    Ok(())
}
