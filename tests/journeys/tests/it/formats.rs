//! What each kind of endpoint is sent, and which events it is sent at all.

use crate::stories::StripeStory;
use anyhow::{Context, Result};
use axum::http::{Method, StatusCode};
use jiff::SignedDuration;
use journeys::{App, Receiver};
use serde_json::{Value, json};
use simulators::{StandardWebhooks, Stripe, Webhook};
use std::collections::BTreeSet;

async fn send(app: &App, source: &str, webhook: &Webhook) -> Result<()> {
    app.webhook(source, webhook).await?;
    app.stack.settle().await
}

/// Enough for a delayed message and for the sweeper.
async fn pass(app: &App, by: SignedDuration) -> Result<()> {
    app.clock.advance(by);
    sweeper::handle(&app.stack.sweeper).await?;
    app.stack.settle().await
}

fn succeeded(stripe: &Stripe, app: &App) -> Webhook {
    StripeStory { stripe, payment: "pi_1", now: app.clock.now() }.succeeded()
}

fn last(receiver: &Receiver) -> Result<journeys::Receipt> {
    receiver.receipts().pop().context("a delivery")
}

#[tokio::test]
async fn each_endpoint_gets_the_event_in_its_format_and_the_same_bytes_at_every_attempt() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let mut receivers = Vec::new();
    for settings in [
        json!({ "format": "standard" }),
        json!({ "encoding": "xml" }),
        json!({ "format": "cloudevents" }),
        json!({ "format": "thin" }),
        json!({ "format": "raw" }),
    ] {
        let (_, receiver) = app.endpoint_with(settings).await?;
        receiver.answer_next([500; 3]);
        receivers.push(receiver);
    }
    let webhook = succeeded(&stripe, &app);
    send(&app, &source, &webhook).await?;
    // From the consumer, from the dispatcher's own queue, and twice from the due-index and the stored event.
    for seconds in [7, 361, 2161] {
        pass(&app, SignedDuration::from_secs(seconds)).await?;
    }
    let mut told = Vec::new();
    for receiver in &receivers {
        let receipts = receiver.receipts();
        assert_eq!((receipts.len(), receiver.refused()), (4, 0));
        let sent = |receipt: &journeys::Receipt| {
            (receipt.webhook_id.clone(), receipt.headers["content-type"].clone(), receipt.body.clone())
        };
        let distinct: BTreeSet<_> = receipts.iter().map(sent).collect();
        assert_eq!(distinct.len(), 1, "{distinct:?}");
        told.push(last(receiver)?);
    }
    let [standard, xml, cloudevent, thin, raw] = &told[..] else { anyhow::bail!("five receivers") };
    let types = told.iter().map(|receipt| receipt.headers["content-type"].as_str()).collect::<Vec<_>>();
    let expected = [
        "application/json",
        "application/xml",
        "application/cloudevents+json",
        "application/json",
        "application/json",
    ];
    assert_eq!(types, expected);

    let data = &standard.json()["data"];
    assert_eq!(
        (&standard.json()["type"], &data["payment"]["status"]),
        (&json!("payment.captured"), &json!("captured"))
    );
    assert!(xml.body.contains("<type>payment.captured</type>") && xml.body.contains("<amount>4620</amount>"));
    let cloudevent = cloudevent.json();
    assert_eq!(cloudevent["id"], data["event"]["id"]);
    assert_eq!(
        (&cloudevent["type"], &cloudevent["subject"]),
        (&json!("payrelay.payment.captured"), &data["payment"]["id"])
    );
    assert_eq!(&cloudevent["data"], data);
    let told = json!({
        "event": data["event"]["id"], "payment": data["payment"]["id"], "source": source, "state_version": 1,
    });
    assert_eq!(thin.json()["data"], told);
    // What `stripe.webhooks.constructEvent` is given: the body and this header.
    assert_eq!(raw.body, webhook.body);
    let signature = webhook.headers.iter().find(|(name, _)| *name == "stripe-signature").context("signed")?;
    assert_eq!(raw.headers["stripe-signature"], signature.1);
    Ok(())
}

#[tokio::test]
async fn a_providers_own_webhook_headers_are_left_to_it_in_raw_format() -> Result<()> {
    let app = App::start().await?;
    let provider = StandardWebhooks::new([7; 32]);
    let source = app.source("standard_webhooks", &provider.secret()).await?;
    let (_, receiver) = app.endpoint_with(json!({ "format": "raw" })).await?;
    let now = app.clock.now();
    let webhook = provider.event("msg_1", "invoice.paid", now, &json!({ "id": "in_1" }), now);
    send(&app, &source, &webhook).await?;
    let receipt = last(&receiver)?;
    assert_eq!((receiver.refused(), &receipt.body), (0, &webhook.body));
    for (name, value) in &webhook.headers {
        assert_eq!(&receipt.headers[*name], value, "{name}");
    }
    assert!(receipt.webhook_id.starts_with("dlv_"), "ours, under another name");
    Ok(())
}

#[tokio::test]
async fn what_payrelay_raises_itself_is_not_sent_as_a_request_that_never_was() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (_, raw) = app.endpoint_with(json!({ "format": "raw" })).await?;
    let (_, thin) = app.endpoint_with(json!({ "format": "thin" })).await?;
    let now = app.clock.now();
    for amount in [1000, 900] {
        let intent = json!({ "id": "pi_1", "object": "payment_intent", "amount": amount, "amount_received": amount,
                             "currency": "eur", "status": "succeeded" });
        send(&app, &source, &stripe.event("evt_1", "payment_intent.succeeded", now, &intent, now)).await?;
    }
    let raised =
        thin.receipts().iter().filter(|receipt| receipt.json()["type"] == "payment.conflicted").count();
    assert_eq!((raised, thin.receipts().len(), raw.receipts().len()), (1, 3, 2));
    Ok(())
}

#[tokio::test]
async fn a_body_too_large_for_the_queue_is_built_from_its_event_a_second_later() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (_, receiver) = app.endpoint_with(json!({ "format": "raw" })).await?;
    let now = app.clock.now();
    let intent = json!({ "id": "pi_1", "object": "payment_intent", "amount": 1, "currency": "eur",
                         "status": "requires_payment_method", "description": "x".repeat(100_000) });
    let webhook = stripe.event("evt_1", "payment_intent.created", now, &intent, now);
    send(&app, &source, &webhook).await?;
    assert_eq!(receiver.receipts().len(), 0);
    app.clock.advance(SignedDuration::from_secs(1));
    app.stack.settle().await?;
    assert!(last(&receiver)?.body == webhook.body);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_is_given_another_format_gets_it_from_the_next_attempt_on() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (id, receiver) = app.endpoint_with(json!({})).await?;
    receiver.answer_next([500]);
    let webhook = succeeded(&stripe, &app);
    send(&app, &source, &webhook).await?;
    let body = json!({ "url": receiver.url(), "format": "raw" });
    assert_eq!(
        app.api(Method::PUT, &format!("/v1/endpoints/{id}"), Some(body)).await?.status,
        StatusCode::OK
    );
    pass(&app, SignedDuration::from_secs(7)).await?;
    let receipts = receiver.receipts();
    assert_eq!(receipts[0].json()["type"], "payment.captured");
    assert_eq!(receipts[1].body, webhook.body);
    assert_eq!(receipts[0].webhook_id, receipts[1].webhook_id);
    Ok(())
}

#[tokio::test]
async fn deliveries_carry_the_endpoints_headers_and_every_signature_of_a_rotation() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (id, receiver) = app
        .endpoint_with(json!({ "signing": ["v1", "v1a"], "headers": { "X-Tenant": "shop 7", "authorization": "Bearer k" } }))
        .await?;
    let story = StripeStory { stripe: &stripe, payment: "pi_1", now: app.clock.now() };
    let kinds = |receipt: &journeys::Receipt| -> Vec<String> {
        let signatures = receipt.headers["webhook-signature"].split(' ');
        signatures.map(|signature| signature.split(',').next().unwrap_or_default().to_owned()).collect()
    };
    send(&app, &source, &story.created()).await?;
    let receipt = last(&receiver)?;
    assert_eq!(
        (receipt.headers["x-tenant"].as_str(), receipt.headers["authorization"].as_str()),
        ("shop 7", "Bearer k")
    );
    assert_eq!(kinds(&receipt), ["v1", "v1a"]);

    let secrets = format!("/v1/endpoints/{id}/secrets");
    let secret = app.create(&secrets, json!({})).await?;
    let key = app.create(&secrets, json!({ "signing": "v1a" })).await?;
    send(&app, &source, &story.succeeded()).await?;
    assert_eq!(kinds(&last(&receiver)?), ["v1", "v1", "v1a", "v1a"], "the old ones still verify");
    receiver.verify_with(secret["secret"].as_str().context("shown once")?);
    receiver.verify_with_key(key["public_key"].as_str().context("public")?);
    send(&app, &source, &story.refund_pending()).await?;
    app.clock.advance(SignedDuration::from_hours(24));
    let later = StripeStory { now: app.clock.now(), ..story };
    send(&app, &source, &later.refunded()).await?;
    assert_eq!(kinds(&last(&receiver)?), ["v1", "v1a"], "a day later the old ones are gone");
    assert_eq!((receiver.receipts().len(), receiver.refused()), (4, 0));
    Ok(())
}

#[tokio::test]
async fn a_key_alone_is_enough_to_sign() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (_, receiver) = app.endpoint_with(json!({ "signing": ["v1a"] })).await?;
    send(&app, &source, &succeeded(&stripe, &app)).await?;
    assert!(last(&receiver)?.headers["webhook-signature"].starts_with("v1a,"));
    Ok(())
}

#[tokio::test]
async fn conditions_decide_which_events_are_delivered_and_match_tells_the_same() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let conditions = json!({
        "data.previous.amount_refund_pending": [{ "exists": true }],
        "data.payment.merchant_reference": [{ "prefix": "order-" }],
        "data.payment.operations.amount": [{ "numeric": ["=", 1500] }],
    });
    let (id, receiver) = app.endpoint_with(json!({ "conditions": conditions })).await?;
    let story = StripeStory { stripe: &stripe, payment: "pi_1", now: app.clock.now() };
    for webhook in story.webhooks() {
        send(&app, &source, &webhook).await?;
    }
    let told: Vec<Value> = receiver.receipts().iter().map(|receipt| receipt.json()["type"].clone()).collect();
    assert_eq!(told, ["refund.pending", "refund.succeeded"]);

    let mut matching = 0;
    let deliveries = app.get("/v1/deliveries").await?;
    let delivered: BTreeSet<_> = deliveries["data"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|delivery| delivery["event"].to_string())
        .collect();
    for event in app.get("/v1/events").await?["data"].as_array().context("a list")? {
        let question = json!({ "event": event["id"] });
        let answer =
            app.api(Method::POST, &format!("/v1/endpoints/{id}/match"), Some(question)).await?.json();
        assert_eq!(answer["matches"], delivered.contains(&event["id"].to_string()), "{answer}");
        matching += usize::from(answer["matches"] == true);
    }
    assert_eq!(matching, 2);
    Ok(())
}
