//! The consumer, the dispatcher and the sweeper are stopped at every call to AWS, before and after its effect,
//! and started again: the ledger is the same, every event is delivered, and no notification is lost or changed.

use crate::stories::{StripeStory, essence};
use anyhow::{Result, ensure};
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use jiff::SignedDuration;
use journeys::{App, Crash, Receiver, Side};
use serde_json::{Value, json};
use simulators::Stripe;
use std::collections::{BTreeMap, BTreeSet};

/// What a client learned, without ids that are random in each run: for each notification what it said.
pub(crate) type Told = BTreeMap<(String, String), Value>;

/// Fails if two deliveries under one `webhook-id` differ in a single byte.
pub(crate) fn told(receiver: &Receiver) -> Result<Told> {
    let mut bodies = BTreeMap::new();
    let mut told = Told::new();
    for receipt in receiver.receipts() {
        let first = bodies.entry(receipt.webhook_id.clone()).or_insert_with(|| receipt.body.clone());
        ensure!(*first == receipt.body, "a notification was changed:\n{first}\n{}", receipt.body);
        let payload = receipt.json();
        let key = |name: &str| payload["data"]["event"][name].to_string();
        let said = json!([
            essence(&payload["data"]["payment"]),
            payload["data"]["payment"]["state_version"],
            payload["data"]["previous"],
            payload["data"]["event"]["effect"],
        ]);
        told.insert((key("provider_event_id"), payload["type"].to_string()), said);
    }
    ensure!(receiver.refused() == 0, "an unsigned request was sent");
    Ok(told)
}

/// One run: `crash` stops the consumer in the middle of its batch. Gives what was told, the ledger, and whether
/// it came to the crash.
async fn consumer_run(crash: Option<Crash>) -> Result<(Told, Vec<Value>, bool)> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (_, receiver) = app.endpoint().await?;
    // A batch over an existing payment and a new one, with an event that nothing comes of.
    let first = StripeStory { stripe: &stripe, payment: "pi_1", now: app.clock.now() };
    let second = StripeStory { stripe: &stripe, payment: "pi_2", now: app.clock.now() };
    app.webhook(&source, &first.created()).await?;
    app.stack.settle().await?;
    for webhook in [first.refunded(), second.succeeded(), first.succeeded(), first.refund_pending()] {
        app.webhook(&source, &webhook).await?;
    }
    let mut crashed = false;
    if let Some(crash) = crash {
        app.faults.arm(crash);
        app.stack
            .events
            .poll(0, async |batch| lost(&batch, consumer::handle(&app.stack.consumer, batch.clone()).await))
            .await?;
        crashed = app.faults.disarm();
        app.pass_visibility_timeout();
    }
    app.stack.settle().await?;
    ensure!(app.stack.dead_letter_counts()? == (0, 0), "a message was given up");
    let payments = app.get("/v1/payments").await?;
    let mut ledger: Vec<Value> = payments["data"].as_array().into_iter().flatten().map(essence).collect();
    ledger.sort_by_key(Value::to_string);
    let events = app.get("/v1/events").await?;
    ensure!(events["data"].as_array().map(Vec::len) == Some(5), "an event is missing: {events}");
    Ok((told(&receiver)?, ledger, crashed))
}

/// What a stopped process would have answered is never seen: none of its messages is acknowledged.
pub(crate) fn lost(batch: &SqsEvent, _: SqsBatchResponse) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = batch
        .records
        .iter()
        .map(|record| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = record.message_id.clone().unwrap_or_default();
            failure
        })
        .collect();
    response
}

pub(crate) fn crashes() -> impl Iterator<Item = Crash> {
    (0..).flat_map(|call| [Side::Before, Side::After].map(|side| Crash { call, side }))
}

#[tokio::test]
async fn the_consumer_may_stop_at_any_call() -> Result<()> {
    let (told, ledger, _) = consumer_run(None).await?;
    assert_eq!(told.len(), 5);
    let mut points = 0;
    for crash in crashes() {
        let (told_after, ledger_after, crashed) = consumer_run(Some(crash)).await?;
        if !crashed {
            break;
        }
        points += 1;
        assert_eq!(ledger_after, ledger, "{crash:?}");
        assert_eq!(told_after, told, "{crash:?}");
    }
    // Two reads, endpoints, two payments, the deliveries, four events, each before and after.
    assert!(points >= 20, "only {points} points were reached");
    Ok(())
}

/// One run: three deliveries, of which one fails at first, with a crash of the dispatcher in the middle.
async fn dispatcher_run(crash: Option<Crash>, failing: bool) -> Result<bool> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (_, receiver) = app.endpoint().await?;
    if failing {
        receiver.answer_next([500]);
    }
    let story = StripeStory { stripe: &stripe, payment: "pi_1", now: app.clock.now() };
    app.webhook(&source, &story.created()).await?;
    while app.stack.consume().await? > 0 {}
    let mut crashed = false;
    if let Some(crash) = crash {
        app.faults.arm(crash);
        let stack = &app.stack;
        stack
            .deliveries
            .poll(0, async |batch| lost(&batch, dispatcher::handle(&stack.dispatcher, batch.clone()).await))
            .await?;
        crashed = app.faults.disarm();
        app.pass_visibility_timeout();
    }
    app.stack.settle().await?;
    // The retry: through the queue's delay, or found by the sweeper when the queue never got it.
    for _ in 0..3 {
        app.clock.advance(SignedDuration::from_mins(16));
        sweeper::handle(&app.stack.sweeper).await?;
        app.stack.settle().await?;
    }
    told(&receiver)?;
    let delivered: BTreeSet<String> = receiver
        .receipts()
        .into_iter()
        .filter(|receipt| receipt.status == 200)
        .map(|receipt| receipt.webhook_id)
        .collect();
    ensure!(delivered.len() == 1, "not delivered after {crash:?}");
    let deliveries = app.get("/v1/deliveries").await?;
    ensure!(deliveries["data"][0]["status"] == "succeeded", "after {crash:?}: {deliveries}");
    ensure!(app.stack.dead_letter_counts()? == (0, 0), "a message was given up");
    Ok(crashed)
}

#[tokio::test]
async fn the_dispatcher_may_stop_at_any_call() -> Result<()> {
    for failing in [false, true] {
        dispatcher_run(None, failing).await?;
        let mut points = 0;
        for crash in crashes() {
            if !dispatcher_run(Some(crash), failing).await? {
                break;
            }
            points += 1;
        }
        // The endpoint, the attempt, and after a failure the retry.
        assert!(points >= if failing { 6 } else { 4 }, "only {points} points were reached");
    }
    Ok(())
}

/// One run: a delivery has failed often enough to wait in the due-index; the sweeper stops in the middle.
async fn sweeper_run(crash: Option<Crash>) -> Result<bool> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (_, receiver) = app.endpoint().await?;
    receiver.answer_next([500, 500, 500]);
    let story = StripeStory { stripe: &stripe, payment: "pi_1", now: app.clock.now() };
    app.webhook(&source, &story.created()).await?;
    app.stack.settle().await?;
    for wait_seconds in [7, 361] {
        app.clock.advance(SignedDuration::from_secs(wait_seconds));
        app.stack.settle().await?;
    }
    ensure!(receiver.receipts().len() == 3, "three attempts have failed");
    app.clock.advance(SignedDuration::from_mins(37)); // 30 minutes and their jitter
    let mut crashed = false;
    if let Some(crash) = crash {
        app.faults.arm(crash);
        let _ = sweeper::handle(&app.stack.sweeper).await;
        crashed = app.faults.disarm();
    }
    for _ in 0..2 {
        sweeper::handle(&app.stack.sweeper).await?;
        app.stack.settle().await?;
        app.clock.advance(SignedDuration::from_mins(16));
    }
    let statuses: Vec<u16> = receiver.receipts().iter().map(|receipt| receipt.status).collect();
    // Twice where the queue took the message and the answer was lost: at least once is the promise.
    let succeeded = statuses.iter().filter(|status| **status == 200).count();
    ensure!(statuses.starts_with(&[500, 500, 500, 200]) && succeeded <= 2, "after {crash:?}: {statuses:?}");
    let deliveries = app.get("/v1/deliveries").await?;
    ensure!(deliveries["data"][0]["status"] == "succeeded", "after {crash:?}: {deliveries}");
    told(&receiver)?;
    Ok(crashed)
}

#[tokio::test]
async fn the_sweeper_may_stop_at_any_call() -> Result<()> {
    sweeper_run(None).await?;
    let mut points = 0;
    for crash in crashes() {
        if !sweeper_run(Some(crash)).await? {
            break;
        }
        points += 1;
    }
    // Four shards, and in one of them the deliveries, the queue and the move.
    assert!(points >= 14, "only {points} points were reached");
    Ok(())
}
