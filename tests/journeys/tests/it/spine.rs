//! The main job.

use crate::stories::{StripeStory, essence};
use anyhow::Result;
use axum::http::StatusCode;
use jiff::SignedDuration;
use journeys::App;
use serde_json::{Value, json};
use simulators::{Adyen, AdyenItem, StandardWebhooks, Stripe};
use std::collections::BTreeSet;

#[tokio::test]
async fn a_stripe_payment_goes_from_webhook_to_ledger_to_client() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (endpoint, receiver) = app.endpoint().await?;
    let story = StripeStory { stripe: &stripe, payment: "pi_1", now: app.clock.now() };
    for webhook in story.webhooks() {
        assert_eq!(app.webhook(&source, &webhook).await?.status, StatusCode::OK);
        app.stack.settle().await?;
    }

    let found = app.get("/v1/payments?provider_payment_id=pi_1").await?;
    let payment = &found["data"][0];
    assert_eq!(payment["status"], "captured");
    assert_eq!(payment["refund_status"], "partial");
    assert_eq!(payment["net_amount"], 3120);
    assert_eq!(payment["merchant_reference"], "order-pi_1");
    assert_eq!((&payment["currency"], &payment["currency_exponent"]), (&json!("EUR"), &json!(2)));

    let receipts = receiver.receipts();
    let types: Vec<Value> = receipts.iter().map(|receipt| receipt.json()["type"].clone()).collect();
    assert_eq!(types, ["payment.created", "payment.captured", "refund.pending", "refund.succeeded"]);
    let last = receipts[3].json();
    assert_eq!(last["data"]["previous"]["refund_status"], "pending");
    assert_eq!(last["data"]["previous"]["net_amount"], 4620);
    assert_eq!(last["data"]["payment"]["net_amount"], 3120);
    assert_eq!(last["data"]["payment"]["id"], payment["id"]);

    let deliveries = app.get(&format!("/v1/deliveries?endpoint={endpoint}")).await?;
    assert_eq!(deliveries["data"].as_array().map(Vec::len), Some(4));
    assert!(
        deliveries["data"].as_array().into_iter().flatten().all(|delivery| delivery["status"] == "succeeded")
    );
    let ids: BTreeSet<&str> = deliveries["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|delivery| delivery["id"].as_str())
        .collect();
    assert!(receipts.iter().all(|receipt| ids.contains(receipt.webhook_id.as_str())));
    Ok(())
}

#[tokio::test]
async fn any_order_and_any_repetition_give_the_same_payment() -> Result<()> {
    let mut seen = Vec::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let app = App::start().await?;
        let stripe = Stripe::new([1; 16]);
        let source = app.source("stripe", stripe.secret()).await?;
        let (_, receiver) = app.endpoint().await?;
        let webhooks = StripeStory { stripe: &stripe, payment: "pi_1", now: app.clock.now() }.webhooks();
        for index in order.into_iter().chain(order) {
            app.webhook(&source, &webhooks[index]).await?;
            app.clock.advance(SignedDuration::from_millis(10));
        }
        app.stack.settle().await?;
        let found = app.get("/v1/payments?provider_payment_id=pi_1").await?;
        seen.push(essence(&found["data"][0]));
        let receipts = receiver.receipts();
        let ids: BTreeSet<&str> = receipts.iter().map(|receipt| receipt.webhook_id.as_str()).collect();
        let said: BTreeSet<(&str, &str)> =
            receipts.iter().map(|receipt| (receipt.webhook_id.as_str(), receipt.body.as_str())).collect();
        assert_eq!(
            (ids.len(), said.len()),
            (4, 4),
            "each event under an id of its own, always in the same bytes"
        );
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    Ok(())
}

#[tokio::test]
async fn an_adyen_batch_becomes_one_event_per_item_and_is_answered_as_adyen_expects() -> Result<()> {
    let app = App::start().await?;
    let adyen = Adyen::new([2; 32]);
    let source = app.source("adyen", &adyen.secret()).await?;
    let item = |reference, original, code, value| AdyenItem {
        psp_reference: reference,
        original_reference: original,
        merchant_reference: "order: 1\\2",
        event_code: code,
        value,
        currency: "EUR",
        success: true,
        event_date: app.clock.now(),
    };
    let batch = adyen.notification(&[
        item("CAP1", Some("AUTH1"), "CAPTURE", 700),
        item("AUTH1", None, "AUTHORISATION", 2000),
        item("AUTH2", None, "AUTHORISATION", 500),
    ]);
    let answer = app.webhook(&source, &batch).await?;
    assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, "[accepted]"));
    app.stack.settle().await?;

    let payments = app.get("/v1/payments").await?;
    assert_eq!(payments["data"].as_array().map(Vec::len), Some(2));
    let events = app.get("/v1/events").await?;
    assert_eq!(events["data"].as_array().map(Vec::len), Some(3));
    let first = app.get("/v1/payments?provider_payment_id=AUTH1").await?;
    assert_eq!(first["data"][0]["status"], "partially_captured");
    assert_eq!(first["data"][0]["amount_captured"], 700);
    let found = app.get("/v1/payments?merchant_reference=order:%201%5C2").await?;
    assert_eq!(found["data"].as_array().map(Vec::len), Some(2));
    Ok(())
}

#[tokio::test]
async fn a_standard_webhooks_source_feeds_the_ledger_and_other_events_are_kept_beside_it() -> Result<()> {
    let app = App::start().await?;
    let sender = StandardWebhooks::new([3; 32]);
    let source = app.source("standard_webhooks", &sender.secret()).await?;
    let (_, receiver) = app.endpoint().await?;
    let now = app.clock.now();
    let authorized = json!({ "payment_id": "p1", "amount": 1000, "currency": "JPY" });
    app.webhook(&source, &sender.event("msg_1", "payment.authorized", now, &authorized, now)).await?;
    app.webhook(&source, &sender.event("msg_2", "invoice.paid", now, &json!({ "id": "i1" }), now)).await?;
    app.stack.settle().await?;
    let payments = app.get("/v1/payments").await?;
    assert_eq!(payments["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(payments["data"][0]["status"], "authorized");
    assert_eq!(payments["data"][0]["currency_exponent"], 0);
    let mut types: Vec<String> = receiver
        .receipts()
        .iter()
        .filter_map(|receipt| Some(receipt.json()["type"].as_str()?.to_owned()))
        .collect();
    types.sort();
    assert_eq!(types, ["payment.authorized", "provider.other"]);
    Ok(())
}

#[tokio::test]
async fn the_raw_event_is_given_back_byte_for_byte() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let body = "{\"id\": \"evt_raw\",\r\n\t\"type\":\"charge.pending\", \"created\": 1795348000, \"note\":\"zażółć €\",\n \"data\":{\"object\":{\"id\":\"ch_1\",\"object\":\"charge\",\"amount\":1.0e3,\"payment_intent\":null}}}\n";
    let body = body.replace("1.0e3", "1000");
    app.webhook(&source, &stripe.sign(body.clone(), app.clock.now())).await?;
    app.stack.settle().await?;
    let events = app.get("/v1/events").await?;
    let id = events["data"][0]["id"].as_str().unwrap_or_default();
    let raw = app.api(axum::http::Method::GET, &format!("/v1/events/{id}/raw"), None).await?;
    assert_eq!(raw.body, body.as_bytes());
    assert_eq!(
        raw.headers.get("content-type").map(|value| value.as_bytes()),
        Some("application/json".as_bytes())
    );
    Ok(())
}

#[tokio::test]
async fn the_timeline_shows_what_each_event_did_and_why_some_did_nothing() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let story = StripeStory { stripe: &stripe, payment: "pi_1", now: app.clock.now() };
    for webhook in [story.succeeded(), story.refunded(), story.refund_pending()] {
        app.webhook(&source, &webhook).await?;
        app.stack.settle().await?;
        app.clock.advance(SignedDuration::from_secs(1));
    }
    let payments = app.get("/v1/payments").await?;
    let id = payments["data"][0]["id"].as_str().unwrap_or_default();
    let timeline = app.get(&format!("/v1/payments/{id}/timeline")).await?;
    let shown: Vec<(&Value, &Value, &Value)> = timeline["data"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|event| (&event["provider_type"], &event["effect"], &event["reason"]))
        .collect();
    assert_eq!(
        shown,
        [
            (&json!("payment_intent.succeeded"), &json!("applied"), &Value::Null),
            (&json!("refund.created"), &json!("ignored"), &json!("nothing_new")),
            (&json!("charge.refund.updated"), &json!("applied"), &Value::Null),
        ]
    );
    Ok(())
}

#[tokio::test]
async fn contradicting_content_under_one_event_id_is_kept_and_raised() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (_, receiver) = app.endpoint().await?;
    let now = app.clock.now();
    let intent = |amount: i64| {
        json!({ "id": "pi_1", "object": "payment_intent", "amount": amount, "amount_received": amount,
                "currency": "eur", "status": "succeeded" })
    };
    for amount in [1000, 900, 1000] {
        let webhook = stripe.event("evt_1", "payment_intent.succeeded", now, &intent(amount), now);
        app.webhook(&source, &webhook).await?;
        app.stack.settle().await?;
    }
    let payments = app.get("/v1/payments").await?;
    assert_eq!(payments["data"][0]["integrity"], "conflicted");
    assert_eq!(payments["data"][0]["amount_captured"], 1000);
    let events = app.get("/v1/events").await?;
    assert_eq!(events["data"].as_array().map(Vec::len), Some(3), "both contents, and what was raised");
    let raised =
        receiver.receipts().iter().filter(|receipt| receipt.json()["type"] == "payment.conflicted").count();
    assert_eq!(raised, 1);
    Ok(())
}

#[tokio::test]
async fn what_a_partial_capture_leaves_is_no_refund() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let now = app.clock.now();
    let charge = |captured: bool, amount_captured: i64, amount_refunded: i64| {
        json!({ "id": "ch_1", "object": "charge", "amount": 1000, "amount_captured": amount_captured,
                "amount_refunded": amount_refunded, "captured": captured, "currency": "eur",
                "payment_intent": "pi_1", "status": "succeeded" })
    };
    let intent = json!({ "id": "pi_1", "object": "payment_intent", "amount": 1000, "amount_received": 600,
                         "currency": "eur", "status": "succeeded" });
    let events = [
        ("evt_1", "charge.succeeded", charge(false, 0, 0)),
        // Stripe counts the 400 that were never captured as refunded.
        ("evt_2", "charge.captured", charge(true, 600, 400)),
        ("evt_3", "payment_intent.succeeded", intent),
    ];
    for (id, event_type, object) in &events {
        app.webhook(&source, &stripe.event(id, event_type, now, object, now)).await?;
    }
    app.stack.settle().await?;
    let payment = &app.get("/v1/payments").await?["data"][0];
    let amounts =
        ["amount_captured", "amount_voided", "amount_refunded", "net_amount"].map(|name| &payment[name]);
    assert_eq!(amounts, [600, 400, 0, 600]);
    assert_eq!((&payment["status"], &payment["refund_status"]), (&json!("captured"), &json!("none")));

    app.webhook(&source, &stripe.event("evt_4", "charge.refunded", now, &charge(true, 600, 500), now))
        .await?;
    app.stack.settle().await?;
    let payment = &app.get("/v1/payments").await?["data"][0];
    assert_eq!((&payment["amount_refunded"], &payment["net_amount"]), (&json!(100), &json!(500)));
    Ok(())
}
