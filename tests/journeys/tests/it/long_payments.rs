//! A payment with thousands of operations: answered, listed and relayed to every kind of destination like any other.

use anyhow::{Context, Result};
use axum::http::StatusCode;
use jiff::SignedDuration;
use journeys::{App, ClientQueue, Receiver, create_bus};
use serde_json::{Value, json};
use simulators::Stripe;
use std::collections::BTreeSet;

/// Refunds that one webhook lists: 200 KB of JSON.
const LISTED: usize = 1_000;
/// What a payment and its payloads show (`domain`).
const SHOWN: usize = 100;

#[tokio::test]
async fn a_payment_with_three_thousand_operations_is_answered_listed_and_relayed_to_every_destination()
-> Result<()> {
    payment_with(3_000).await
}

#[tokio::test]
#[ignore = "takes half a minute; the size that the ledger is made for"]
async fn so_is_one_with_ten_thousand() -> Result<()> {
    payment_with(10_000).await
}

/// One client for each kind of destination.
struct Clients {
    receiver: Receiver,
    queue: ClientQueue,
    polled: String,
}

async fn clients(app: &App) -> Result<Clients> {
    let (_, receiver) = app.endpoint().await?;
    let queue = ClientQueue::create(&app.stack, "orders")?;
    let bus = create_bus(&app.stack, "payments").await?;
    for settings in [json!({"type": "sqs", "arn": queue.arn()}), json!({"type": "eventbridge", "arn": bus})] {
        app.create("/v1/endpoints", settings).await?;
    }
    let polled = app.create("/v1/endpoints", json!({"type": "poll"})).await?;
    let polled = polled["id"].as_str().context("an id")?.to_owned();
    Ok(Clients { receiver, queue, polled })
}

async fn payment_with(refunds: usize) -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let clients = clients(&app).await?;
    send(&app, &stripe, &source, "charge.succeeded", &charge(&[])).await?;
    for first in (1..=refunds).step_by(LISTED) {
        let listed: Vec<Value> = (first..first + LISTED).map(refund).collect();
        send(&app, &stripe, &source, "charge.refunded", &charge(&listed)).await?;
    }
    let mut single = refund(refunds + 1);
    single["payment_intent"] = json!("pi_1");
    single["currency"] = json!("eur");
    send(&app, &stripe, &source, "refund.created", &single).await?;
    let events = refunds / LISTED + 2;

    // It is in the list, and says how much more there is than it shows.
    let payments = app.get("/v1/payments").await?;
    let payment = &payments["data"][0];
    let id = payment["id"].as_str().context("an id")?;
    assert_eq!(payment["amount_refunded"], refunds + 1, "{payment}");
    let count = usize::try_from(payment["operations_count"].as_u64().context("a count")?)?;
    assert!(count > refunds, "{count}");
    assert_eq!(payment["operations"].as_array().context("operations")?.len(), SHOWN);
    assert_eq!(app.get(&format!("/v1/payments/{id}")).await?, *payment);

    // All of it is there, a page at a time.
    let operations = app.all(&format!("/v1/payments/{id}/operations?limit=100")).await?;
    let ids: BTreeSet<String> = operations
        .iter()
        .map(|operation| format!("{}/{}", operation["kind"], operation["provider_operation_id"]))
        .collect();
    assert_eq!((operations.len(), ids.len()), (count, count));
    let told = app.all(&format!("/v1/payments/{id}/timeline?limit=2")).await?;
    assert_eq!(told.len(), events);
    assert_eq!(app.all(&format!("/v1/events?payment={id}&limit=2")).await?.len(), events);

    // Each client has each event, with no more of the payment than it shows.
    let posted: Vec<Value> = clients.receiver.receipts().iter().map(|receipt| receipt.json()).collect();
    let queued = clients.queue.take(&app.stack).await?;
    let queued = queued.iter().map(|message| parse(&message.body)).collect::<Result<_>>()?;
    let on_bus: Vec<Value> =
        app.stack.buses.events("payments").into_iter().map(|event| event.detail).collect();
    let polled = app.get(&format!("/v1/endpoints/{}/poll?limit=50", clients.polled)).await?;
    let polled = polled["data"].as_array().context("a list")?.iter();
    let polled =
        polled.map(|message| parse(message["body"].as_str().context("a body")?)).collect::<Result<_>>()?;
    for payloads in [posted, queued, on_bus, polled] {
        let last: Vec<&Value> = payloads
            .iter()
            .filter(|payload| payload["data"]["payment"]["amount_refunded"] == refunds + 1)
            .collect();
        assert_eq!((payloads.len(), last.len()), (events, 1));
        let payment = &last[0]["data"]["payment"];
        assert_eq!(payment["operations_count"], count);
        assert_eq!(payment["operations"].as_array().context("operations")?.len(), SHOWN);
    }
    assert_eq!(app.get("/v1/dead-letters").await?["data"], json!([]));
    Ok(())
}

fn refund(number: usize) -> Value {
    // As long as Stripe's.
    json!({"id": format!("re_{number:024}"), "object": "refund", "amount": 1, "status": "succeeded"})
}

fn charge(listed: &[Value]) -> Value {
    json!({
        "id": "ch_1", "object": "charge", "amount": 1_000_000_000, "captured": true,
        "amount_captured": 1_000_000_000, "currency": "eur", "status": "succeeded",
        "payment_intent": "pi_1", "refunds": {"data": listed},
    })
}

async fn send(app: &App, stripe: &Stripe, source: &str, event_type: &str, object: &Value) -> Result<()> {
    let now = app.clock.now();
    let id = format!("evt_{}", now.as_millisecond());
    let answer = app.webhook(source, &stripe.event(&id, event_type, now, object, now)).await?;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    app.stack.settle().await?;
    app.clock.advance(SignedDuration::from_secs(1));
    Ok(())
}

fn parse(body: &str) -> Result<Value> {
    Ok(serde_json::from_str(body)?)
}
