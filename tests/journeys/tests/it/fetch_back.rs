//! What no signature proves is asked of the provider's API, and only its answer moves money.

use crate::apis::{
    MOLLIE_KEY, MOLLIE_PAYMENT, answer, documented, form, hmac_sha256, mollie, mollie_answers, mollie_calls,
    only_event, payments, source, start,
};
use anyhow::{Context, Result};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use jiff::SignedDuration;
use journeys::App;
use relay::{Client, Detours, Limits, Resolver};
use serde_json::{Value, json};
use simulators::Stripe;
use std::time::Duration;
use wiremock::matchers::{header as has_header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

const MOLLIE_PATH: &str = "/v2/payments/tr_5B8cwPMGnU6qLbRvo7qEZo";

/// Takes what is in the queues of events and deliveries, but asks nobody.
async fn record(app: &App) -> Result<()> {
    while app.stack.consume().await? + app.stack.dispatch().await? > 0 {}
    Ok(())
}

/// Mollie calls, and the time in which it might call again has passed.
async fn called(app: &App, source: &str, payment: &str) -> Result<()> {
    mollie_calls(app, source, payment).await?;
    record(app).await?;
    app.clock.advance(SignedDuration::from_secs(2));
    Ok(())
}

async fn asked(apis: &MockServer) -> usize {
    apis.received_requests().await.map_or(0, |requests| requests.len())
}

#[tokio::test]
async fn a_classic_webhook_of_mollie_moves_money_once_mollie_has_confirmed_it() -> Result<()> {
    let (app, apis) = start().await?;
    let (_, receiver) = app.endpoint().await?;
    let source = mollie(&app).await?;
    let paid = ResponseTemplate::new(200).set_body_json(documented("mollie", "paid"));
    Mock::given(method("GET"))
        .and(path(MOLLIE_PATH))
        .and(query_param("embed", "refunds,chargebacks"))
        .and(has_header("authorization", format!("Bearer {MOLLIE_KEY}")))
        .respond_with(paid)
        .expect(1)
        .mount(&apis)
        .await;
    mollie_calls(&app, &source, MOLLIE_PAYMENT).await?;
    record(&app).await?;

    let waiting = only_event(&app).await?;
    assert_eq!(
        (&waiting["verified_by"], &waiting["effect"], &waiting["reason"]),
        (&json!("none"), &json!("unverified"), &json!("awaiting_confirmation")),
    );
    assert_eq!(
        (&waiting["type"], &waiting["provider_payment_id"]),
        (&json!("payment.unverified"), &json!(MOLLIE_PAYMENT)),
    );
    assert!(payments(&app).await?.is_empty() && receiver.receipts().is_empty());

    app.clock.advance(SignedDuration::from_secs(2));
    app.stack.settle().await?;
    let event = only_event(&app).await?;
    assert_eq!((&event["id"], &event["received_at"]), (&waiting["id"], &waiting["received_at"]));
    assert_eq!(
        (&event["verified_by"], &event["effect"], &event["type"]),
        (&json!("api"), &json!("applied"), &json!("payment.captured")),
    );
    assert_eq!(event["confirmed_at"], "2026-11-22T12:00:02.000Z");
    let payment = payments(&app).await?.remove(0);
    assert_eq!(
        (&payment["status"], &payment["amount_captured"], &payment["integrity"]),
        (&json!("captured"), &json!(7500), &json!("ok")),
    );
    assert_eq!(payment["merchant_reference"], "12345");
    let receipts = receiver.receipts();
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0].json()["type"], "payment.captured");
    assert_eq!(receipts[0].json()["data"]["event"]["verified_by"], "api");
    let id = event["id"].as_str().context("an event has an id")?;
    let raw = app.api(Method::GET, &format!("/v1/events/{id}/raw"), None).await?;
    assert_eq!(raw.body, format!("id={MOLLIE_PAYMENT}").into_bytes(), "the provider's own bytes");
    apis.verify().await;
    Ok(())
}

#[tokio::test]
async fn later_notifications_tell_what_has_changed_and_repeats_tell_nothing() -> Result<()> {
    let (app, apis) = start().await?;
    let source = mollie(&app).await?;
    for (name, event_type, effect) in [
        ("open", "payment.created", "applied"),
        ("paid", "payment.captured", "applied"),
        ("paid", "payment.captured", "ignored"),
        ("refunded", "refund.pending", "applied"),
        // What is asked late may be answered by an older copy.
        ("open", "payment.created", "ignored"),
    ] {
        mollie_answers(&apis, name).await;
        app.clock.advance(SignedDuration::from_secs(60));
        called(&app, &source, MOLLIE_PAYMENT).await?;
        app.stack.settle().await?;
        let newest = app.get("/v1/events?limit=1").await?["data"][0].clone();
        assert_eq!((&newest["type"], &newest["effect"]), (&json!(event_type), &json!(effect)), "{name}");
    }
    let payment = payments(&app).await?.remove(0);
    assert_eq!((&payment["amount_refunded"], &payment["amount_refund_pending"]), (&json!(595), &json!(1000)));
    assert_eq!(app.get("/v1/events").await?["data"].as_array().map(Vec::len), Some(5));
    let id = payment["id"].as_str().context("a payment has an id")?;
    let timeline = app.get(&format!("/v1/payments/{id}/timeline")).await?;
    assert_eq!(timeline["data"].as_array().map(Vec::len), Some(5));
    Ok(())
}

#[tokio::test]
async fn a_forged_notification_about_an_unknown_payment_moves_and_tells_nothing() -> Result<()> {
    let (app, apis) = start().await?;
    let (_, receiver) = app.endpoint().await?;
    let source = mollie(&app).await?;
    answer(&apis, "/v2/payments/tr_forged", ResponseTemplate::new(404)).await;
    called(&app, &source, "tr_forged").await?;
    for wait_seconds in [0, 6, 31, 1000] {
        app.clock.advance(SignedDuration::from_secs(wait_seconds));
        app.stack.settle().await?;
    }
    assert_eq!(asked(&apis).await, 3, "a copy that lags behind gets a second and a third chance");
    let event = only_event(&app).await?;
    assert_eq!(
        (&event["effect"], &event["reason"], &event["verified_by"]),
        (&json!("unverified"), &json!("unknown_to_provider"), &json!("none")),
    );
    assert_eq!(event["type"], "payment.unverified");
    assert!(payments(&app).await?.is_empty() && receiver.receipts().is_empty());
    assert_eq!(app.stack.fetches_dead_letter_count()?, 0);
    // Nor is anything asked for that is not an id.
    called(&app, &source, "..%2F..%2Fv2%2Fbalances").await?;
    app.stack.settle().await?;
    assert_eq!(asked(&apis).await, 3);
    Ok(())
}

#[tokio::test]
async fn a_refused_credential_makes_a_dead_letter_that_a_new_credential_redeems() -> Result<()> {
    let (app, apis) = start().await?;
    let source = mollie(&app).await?;
    answer(&apis, MOLLIE_PATH, ResponseTemplate::new(401)).await;
    called(&app, &source, MOLLIE_PAYMENT).await?;
    app.stack.settle().await?;
    assert_eq!(app.stack.fetches_dead_letter_count()?, 1);
    let letters = app.stack.fetches_dead_letters.receive_letters().await?;
    assert_eq!(letters[0].error.as_deref(), Some("credential refused: the API answered 401"));
    assert!(!letters[0].body.contains(MOLLIE_KEY), "a question carries no credential");
    let failed = only_event(&app).await?;
    assert_eq!(
        (&failed["reason"], &failed["effect"], &failed["type"]),
        (&json!("confirmation_failed"), &json!("unverified"), &json!("payment.unverified")),
    );

    apis.reset().await;
    let paid = ResponseTemplate::new(200).set_body_json(documented("mollie", "paid"));
    Mock::given(method("GET"))
        .and(path(MOLLIE_PATH))
        .and(has_header("authorization", "Bearer live_second"))
        .respond_with(paid)
        .mount(&apis)
        .await;
    let body = json!({ "settings": { "experimental": "accepted" }, "api_credential": "live_second" });
    let replaced = app.api(Method::PUT, &format!("/v1/sources/{source}"), Some(body)).await?;
    assert_eq!(replaced.status, StatusCode::OK, "{}", replaced.text());
    app.stack.fetches.send(&letters[0].body).await?;
    app.stack.settle().await?;
    let event = only_event(&app).await?;
    assert_eq!((&event["id"], &event["received_at"]), (&failed["id"], &failed["received_at"]));
    assert_eq!((&event["verified_by"], &event["type"]), (&json!("api"), &json!("payment.captured")));
    assert!(event.get("reason").is_none());
    Ok(())
}

#[tokio::test]
async fn a_busy_api_is_asked_again_when_it_says_so_and_a_broken_one_by_the_schedule() -> Result<()> {
    let (app, apis) = start().await?;
    let source = mollie(&app).await?;
    let busy = ResponseTemplate::new(429).insert_header("retry-after", "40");
    answer(&apis, MOLLIE_PATH, busy).await;
    called(&app, &source, MOLLIE_PAYMENT).await?;
    app.stack.settle().await?;
    assert_eq!(asked(&apis).await, 1);
    app.clock.advance(SignedDuration::from_secs(39));
    app.stack.settle().await?;
    assert_eq!(asked(&apis).await, 1, "not before its time");

    answer(&apis, MOLLIE_PATH, ResponseTemplate::new(200).set_body_string("<html>maintenance</html>")).await;
    app.clock.advance(SignedDuration::from_secs(2));
    app.stack.settle().await?;
    answer(&apis, MOLLIE_PATH, ResponseTemplate::new(503)).await;
    app.clock.advance(SignedDuration::from_secs(31));
    app.stack.settle().await?;
    assert_eq!(asked(&apis).await, 1, "since the last change of mind");
    mollie_answers(&apis, "paid").await;
    app.clock.advance(SignedDuration::from_secs(121));
    app.stack.settle().await?;
    assert_eq!(only_event(&app).await?["verified_by"], "api");
    Ok(())
}

#[tokio::test]
async fn an_api_that_stays_away_is_given_up_visibly_after_twelve_calls() -> Result<()> {
    let (app, apis) = start().await?;
    let source = mollie(&app).await?;
    answer(&apis, MOLLIE_PATH, ResponseTemplate::new(500)).await;
    called(&app, &source, MOLLIE_PAYMENT).await?;
    for _ in 0..15 {
        app.stack.settle().await?;
        app.clock.advance(SignedDuration::from_secs(901));
    }
    assert_eq!(asked(&apis).await, 12);
    let letters = app.stack.fetches_dead_letters.receive_letters().await?;
    let reasons: Vec<_> = letters.iter().map(|letter| letter.error.as_deref()).collect();
    assert_eq!(reasons, [Some("given up after 12 calls: the API answered 500")]);
    assert_eq!(only_event(&app).await?["reason"], "confirmation_failed");
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_about_something_else_or_can_not_be_final_moves_nothing() -> Result<()> {
    for (template, expected) in [
        (
            ResponseTemplate::new(301).insert_header("location", "https://elsewhere.example/"),
            "the API answered 301",
        ),
        (ResponseTemplate::new(400), "the API answered 400"),
    ] {
        let (app, apis) = start().await?;
        let source = mollie(&app).await?;
        answer(&apis, MOLLIE_PATH, template).await;
        called(&app, &source, MOLLIE_PAYMENT).await?;
        app.stack.settle().await?;
        let letters = app.stack.fetches_dead_letters.receive_letters().await?;
        assert_eq!(letters[0].error.as_deref(), Some(expected));
    }
    let (app, apis) = start().await?;
    let source = mollie(&app).await?;
    let mut other = documented("mollie", "paid");
    other["id"] = json!("tr_other");
    answer(&apis, MOLLIE_PATH, ResponseTemplate::new(200).set_body_json(other)).await;
    called(&app, &source, MOLLIE_PAYMENT).await?;
    app.stack.settle().await?;
    assert_eq!(only_event(&app).await?["effect"], "unverified");
    assert!(payments(&app).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_slow_api_does_not_hold_the_function_up_and_is_asked_again() -> Result<()> {
    let (app, apis) = start().await?;
    let source = mollie(&app).await?;
    let slow = ResponseTemplate::new(200).set_body_json(documented("mollie", "paid"));
    answer(&apis, MOLLIE_PATH, slow.set_delay(Duration::from_secs(30))).await;
    called(&app, &source, MOLLIE_PAYMENT).await?;
    let limits = Limits { total_timeout: Duration::from_millis(200), ..Limits::default() };
    let detours = Detours::new([("api.mollie.com".to_owned(), apis.uri().parse()?)]);
    let known = &app.stack.fetcher;
    let impatient = fetcher::Deps {
        store: known.store.clone(),
        vault: known.vault.clone(),
        client: Client::new(local::loopback_egress(), limits, Resolver::this_machine()).with_detours(detours),
        events: known.events.clone(),
        fetches: known.fetches.clone(),
        dead_letters: known.dead_letters.clone(),
        metrics: known.metrics.clone(),
        clock: known.clock.clone(),
        accounts: platform::Cache::new(known.clock.clone(), SignedDuration::ZERO),
        pace: fetcher::Pace::new(Duration::ZERO, 10),
        answers: fetcher::answers(&known.clock),
    };
    let taken = app.stack.fetches.poll(0, async |batch| fetcher::handle(&impatient, batch).await).await?;
    assert_eq!(taken, 1);
    assert_eq!(only_event(&app).await?["reason"], "awaiting_confirmation");
    mollie_answers(&apis, "paid").await;
    app.clock.advance(SignedDuration::from_secs(6));
    app.stack.settle().await?;
    assert_eq!(only_event(&app).await?["verified_by"], "api");
    Ok(())
}

fn thin(kind: &str, id: &str) -> String {
    json!({
        "id": "evt_test_65R9Ijk8dKEYZcXeRWn16R9A",
        "object": "v2.core.event",
        "type": format!("v1.{kind}.updated"),
        "livemode": false,
        "created": "2026-11-22T11:59:00.000Z",
        "related_object": { "id": id, "type": kind, "url": format!("/v1/{kind}s/{id}") },
    })
    .to_string()
}

#[tokio::test]
async fn a_thin_event_of_stripe_becomes_what_stripe_says_of_its_object() -> Result<()> {
    let (app, apis) = start().await?;
    let (_, receiver) = app.endpoint().await?;
    let stripe = Stripe::new([1; 16]);
    let source = source(&app, "stripe", &[stripe.secret()], "sk_test_of_the_journeys").await?;
    let id = "pi_3MtwBwLkdIwHu7ix28a3tqPa";
    Mock::given(method("GET"))
        .and(path(format!("/v1/payment_intents/{id}")))
        .and(query_param("expand[]", "latest_charge"))
        .and(has_header("authorization", "Bearer sk_test_of_the_journeys"))
        .and(has_header("stripe-version", "2024-06-20"))
        .respond_with(ResponseTemplate::new(200).set_body_json(documented("stripe", "succeeded")))
        .expect(1)
        .mount(&apis)
        .await;
    let webhook = stripe.sign(thin("payment_intent", id), app.clock.now());
    assert_eq!(app.webhook(&source, &webhook).await?.status, StatusCode::OK);
    record(&app).await?;
    let waiting = only_event(&app).await?;
    assert_eq!(
        (&waiting["verified_by"], &waiting["type"], &waiting["reason"]),
        (&json!("signature"), &json!("payment.unverified"), &json!("awaiting_confirmation")),
        "it is genuine; what it lacks is content",
    );
    app.stack.settle().await?;
    let payment = payments(&app).await?.remove(0);
    assert_eq!((&payment["status"], &payment["amount_captured"]), (&json!("captured"), &json!(2000)));
    let event = only_event(&app).await?;
    assert_eq!((&event["verified_by"], &event["type"]), (&json!("api"), &json!("payment.captured")));
    assert!(event["secret"].is_string(), "its signature was good, too");
    assert_eq!(receiver.receipts().len(), 1);
    // Stripe sends it again.
    app.webhook(&source, &webhook).await?;
    app.stack.settle().await?;
    assert_eq!(receiver.receipts().len(), 1);
    apis.verify().await;
    Ok(())
}

#[tokio::test]
async fn a_refund_whose_payment_only_the_api_knows_is_recorded_with_that_payment() -> Result<()> {
    let (app, apis) = start().await?;
    let (_, receiver) = app.endpoint().await?;
    let stripe = Stripe::new([1; 16]);
    let source = source(&app, "stripe", &[stripe.secret()], "sk_test_of_the_journeys").await?;
    let id = "re_1Nispe2eZvKYlo2Cd31jOCgZ";
    let refund = ResponseTemplate::new(200).set_body_json(documented("stripe", "refund"));
    answer(&apis, &format!("/v1/refunds/{id}"), refund).await;
    app.webhook(&source, &stripe.sign(thin("refund", id), app.clock.now())).await?;
    app.stack.settle().await?;

    let payment = payments(&app).await?.remove(0);
    assert_eq!(
        (&payment["provider_payment_id"], &payment["amount_refunded"]),
        (&json!("pi_3MtwBwLkdIwHu7ix28a3tqPa"), &json!(1000)),
    );
    let events = app.get("/v1/events").await?;
    let events = events["data"].as_array().context("a list")?;
    assert_eq!(events.len(), 2);
    let find = |effect: &str| events.iter().find(|event| event["effect"] == effect).context("there");
    let (told, stands_in) = (find("applied")?, find("unverified")?);
    assert_eq!((&told["type"], &told["payment"]), (&json!("refund.succeeded"), &payment["id"]));
    assert_eq!((&stands_in["reason"], stands_in.get("payment")), (&json!("recorded_with_payment"), None));
    assert_eq!(
        (&stands_in["verified_by"], &stands_in["type"]),
        (&json!("signature"), &json!("payment.unverified"))
    );
    assert_eq!(told["provider_event_id"], stands_in["provider_event_id"]);
    assert_eq!(receiver.receipts().len(), 1, "told once");
    Ok(())
}

#[tokio::test]
async fn a_notification_of_mercado_pago_becomes_what_its_api_says() -> Result<()> {
    let (app, apis) = start().await?;
    let secret = "a secret of the journeys";
    let source = source(&app, "mercadopago", &[secret], "APP_USR-of-the-journeys").await?;
    Mock::given(method("GET"))
        .and(path("/v1/payments/20359978"))
        .and(has_header("authorization", "Bearer APP_USR-of-the-journeys"))
        .respond_with(
            ResponseTemplate::new(200).set_body_json(documented("mercadopago", "partially_refunded")),
        )
        .expect(1)
        .mount(&apis)
        .await;
    let body =
        json!({ "action": "payment.updated", "data": { "id": "20359978" }, "id": 1, "type": "payment" });
    let signed = hmac_sha256(secret, "id:20359978;request-id:r-1;ts:1795348800;");
    let request = Request::post(format!("/webhooks/{source}?data.id=20359978&type=payment"))
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-request-id", "r-1")
        .header("x-signature", format!("ts=1795348800,v1={signed}"))
        .body(Body::from(body.to_string()))?;
    let answer = app.call(request).await?;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    app.stack.settle().await?;
    let payment = payments(&app).await?.remove(0);
    assert_eq!((&payment["amount_captured"], &payment["amount_refunded"]), (&json!(5880), &json!(1050)));
    let event = only_event(&app).await?;
    assert_eq!((&event["verified_by"], &event["type"]), (&json!("api"), &json!("refund.succeeded")));
    apis.verify().await;
    Ok(())
}

/// OpenNode's signature covers the charge's id alone.
fn opennode(status: &str) -> String {
    let id = "47bb5224-bf50-49d0-a317-4adfd345221a";
    let signed = hmac_sha256("a key of the journeys", id);
    format!("id={id}&status={status}&order_id=7&price=1&hashed_order={signed}")
}

#[tokio::test]
async fn a_credential_that_comes_later_settles_what_was_unproven_before() -> Result<()> {
    let (app, apis) = start().await?;
    let (_, receiver) = app.endpoint().await?;
    let source = app.source("opennode", "a key of the journeys").await?;
    form(&app, &source, opennode("processing")).await?;
    app.stack.settle().await?;
    let payment = payments(&app).await?.remove(0);
    assert_eq!((&payment["status"], &payment["integrity"]), (&json!("unknown"), &json!("unverified")));
    let receipts = receiver.receipts();
    assert_eq!(receipts.len(), 1, "without a credential it is relayed as the claim that it is");
    let told = receipts[0].json();
    assert_eq!(
        (&told["type"], &told["data"]["event"]["reason"]),
        (&json!("payment.unverified"), &json!("no_credential"))
    );

    let body = json!({ "api_credential": "a-key-of-the-api" });
    let replaced = app.api(Method::PUT, &format!("/v1/sources/{source}"), Some(body)).await?;
    assert_eq!(replaced.status, StatusCode::OK, "{}", replaced.text());
    let shown: Value = replaced.json()["api_credential"].clone();
    assert_eq!(shown["hint"], "-api");
    assert!(!replaced.text().contains("a-key-of-the-api"));
    let paid = ResponseTemplate::new(200).set_body_json(documented("opennode", "paid"));
    answer(&apis, "/v1/charge/47bb5224-bf50-49d0-a317-4adfd345221a", paid).await;
    form(&app, &source, opennode("paid")).await?;
    app.stack.settle().await?;
    let payment = payments(&app).await?.remove(0);
    assert_eq!(
        (&payment["status"], &payment["integrity"], &payment["amount_captured"]),
        (&json!("captured"), &json!("ok"), &json!(250_000)),
    );
    assert_eq!(receiver.receipts().len(), 2);
    Ok(())
}
