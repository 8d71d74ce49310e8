//! What is said about a payment and proven by nothing is told as a claim, never as money.

use crate::apis::{hmac_sha256, mollie_calls, only_event, payments};
use anyhow::{Context, Result, ensure};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use data_encoding::BASE64;
use journeys::{App, Receiver};
use serde_json::{Value, json};
use simulators::Stripe;

const MERCADOPAGO_SECRET: &str = "a secret of the journeys";

/// The only event, once it has been seen that its receiver was told just that.
async fn told_once(app: &App, receiver: &Receiver) -> Result<Value> {
    app.stack.settle().await?;
    let event = only_event(app).await?;
    let receipts = receiver.receipts();
    ensure!(receipts.len() == 1, "told {} times", receipts.len());
    assert_eq!((&receipts[0].json()["type"], &receipts[0].json()["data"]["event"]), (&event["type"], &event));
    Ok(event)
}

async fn unsigned_source(app: &App, provider: &str) -> Result<String> {
    let body = json!({ "provider": provider, "secrets": [], "settings": { "experimental": "accepted" } });
    let source = app.create("/v1/sources", body).await?;
    Ok(source["id"].as_str().context("a source has an id")?.to_owned())
}

/// About a payment, unproven for want of a credential, and nothing has moved.
async fn is_a_mere_claim(app: &App, event: &Value, payment: &str, verified_by: &str) -> Result<()> {
    assert_eq!(
        (&event["type"], &event["effect"], &event["reason"]),
        (&json!("payment.unverified"), &json!("unverified"), &json!("no_credential")),
    );
    assert_eq!(
        (&event["provider_payment_id"], &event["verified_by"]),
        (&json!(payment), &json!(verified_by)),
        "it can be looked up at the provider",
    );
    assert!(event.get("payment").is_none() && payments(app).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_classic_webhook_of_mollie_without_a_credential_is_a_claim_about_its_payment() -> Result<()> {
    let app = App::start().await?;
    let (_, receiver) = app.endpoint().await?;
    let source = unsigned_source(&app, "mollie").await?;
    mollie_calls(&app, &source, "tr_7UhSN1zuXS").await?;
    let event = told_once(&app, &receiver).await?;
    is_a_mere_claim(&app, &event, "tr_7UhSN1zuXS", "none").await
}

#[tokio::test]
async fn a_notification_of_mercado_pago_without_a_credential_is_a_claim_about_its_payment() -> Result<()> {
    let app = App::start().await?;
    let (_, receiver) = app.endpoint().await?;
    let source = app.source("mercadopago", MERCADOPAGO_SECRET).await?;
    let body =
        json!({ "action": "payment.updated", "data": { "id": "20359978" }, "id": 1, "type": "payment" });
    let signed = hmac_sha256(MERCADOPAGO_SECRET, "id:20359978;request-id:r-1;ts:1795348800;");
    let request = Request::post(format!("/webhooks/{source}?data.id=20359978&type=payment"))
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-request-id", "r-1")
        .header("x-signature", format!("ts=1795348800,v1={signed}"))
        .body(Body::from(body.to_string()))?;
    let answer = app.call(request).await?;
    ensure!(answer.status == StatusCode::OK, "{}", answer.text());
    let event = told_once(&app, &receiver).await?;
    is_a_mere_claim(&app, &event, "20359978", "none").await
}

#[tokio::test]
async fn a_thin_event_of_stripe_without_a_credential_is_genuine_and_still_a_claim() -> Result<()> {
    let app = App::start().await?;
    let (_, receiver) = app.endpoint().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let id = "pi_3MtwBwLkdIwHu7ix28a3tqPa";
    let thin = json!({
        "id": "evt_test_65R9Ijk8dKEYZcXeRWn16R9A", "object": "v2.core.event", "livemode": false,
        "type": "v1.payment_intent.updated", "created": "2026-11-22T11:59:00.000Z",
        "related_object": { "id": id, "type": "payment_intent", "url": format!("/v1/payment_intents/{id}") },
    });
    app.webhook(&source, &stripe.sign(thin.to_string(), app.clock.now())).await?;
    let event = told_once(&app, &receiver).await?;
    is_a_mere_claim(&app, &event, id, "signature").await
}

#[tokio::test]
async fn an_endpoint_that_waits_for_captures_is_not_told_of_a_claimed_one() -> Result<()> {
    let app = App::start().await?;
    let (_, receiver) = app.endpoint().await?;
    let body = json!({ "provider": "generic", "secrets": ["shop:a password of the journeys"], "settings": {
        "algorithm": "basic", "event_id": "id", "type": "type", "meanings": "paid=captured",
        "payment": "payment", "amount": "amount", "currency": "currency", "amount_unit": "minor",
    } });
    let source = app.create("/v1/sources", body).await?;
    let source = source["id"].as_str().context("a source has an id")?;
    let said = json!({ "id": "1", "type": "paid", "payment": "p-1", "amount": 100, "currency": "EUR" });
    let request = Request::post(format!("/webhooks/{source}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Basic {}", BASE64.encode(b"shop:a password of the journeys")))
        .body(Body::from(said.to_string()))?;
    let answer = app.call(request).await?;
    ensure!(answer.status == StatusCode::OK, "{}", answer.text());
    let event = told_once(&app, &receiver).await?;
    assert_eq!(
        (&event["type"], &event["provider_type"], &event["effect"], &event["verified_by"]),
        (&json!("payment.unverified"), &json!("paid"), &json!("unverified"), &json!("none")),
    );
    assert_eq!(payments(&app).await?[0]["status"], "unknown");
    Ok(())
}
