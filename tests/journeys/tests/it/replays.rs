//! Events that are sent again.

use crate::stories::StripeStory;
use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use jiff::SignedDuration;
use journeys::{App, Receipt, Receiver};
use serde_json::{Value, json};
use simulators::Stripe;
use std::collections::BTreeMap;

/// Payments are created, a second apart.
pub(crate) async fn events(
    app: &App,
    source: &str,
    stripe: &Stripe,
    numbers: std::ops::Range<usize>,
) -> Result<()> {
    for number in numbers {
        let story = StripeStory { stripe, payment: &format!("pi_{number}"), now: app.clock.now() };
        let answer = app.webhook(source, &story.created()).await?;
        ensure!(answer.status == StatusCode::OK, "{}", answer.text());
        app.clock.advance(SignedDuration::from_secs(1));
        app.stack.settle().await?;
    }
    Ok(())
}

/// A minute passes, as the sweeper's schedule and the queue's delays see it.
async fn pass_minute(app: &App) -> Result<()> {
    sweeper::handle(&app.stack.sweeper).await?;
    for _ in 0..4 {
        app.clock.advance(SignedDuration::from_secs(15));
        app.stack.settle().await?;
    }
    Ok(())
}

pub(crate) async fn replay(app: &App, body: Value) -> Result<String> {
    let replay = app.create("/v1/replays", body).await?;
    Ok(format!("/v1/replays/{}", replay["id"].as_str().context("a replay has an id")?))
}

fn marker(receipt: &Receipt) -> Option<&str> {
    receipt.headers.get("payrelay-replay").map(String::as_str)
}

/// How often each delivery arrived for a replay.
pub(crate) fn replayed(receiver: &Receiver) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for receipt in receiver.receipts().iter().filter(|receipt| marker(receipt).is_some()) {
        *counts.entry(receipt.webhook_id.clone()).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn hundreds_of_events_are_sent_again_once_each_with_the_same_ids_and_bytes_while_others_come_in()
-> Result<()> {
    const EVENTS: usize = 130;
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (endpoint, receiver) = app.endpoint().await?;
    let since = app.clock.now();
    events(&app, &source, &stripe, 0..EVENTS).await?;
    let path =
        replay(&app, json!({ "endpoint": endpoint, "since": since.to_string(), "rate_per_minute": 60 }))
            .await?;
    for live in EVENTS..EVENTS + 3 {
        pass_minute(&app).await?;
        events(&app, &source, &stripe, live..live + 1).await?;
        let last = receiver.receipts().into_iter().next_back().context("a live event")?;
        ensure!(marker(&last).is_none() && last.body.contains(&format!("pi_{live}")), "live events pass");
    }
    let done = app.get(&path).await?;
    assert_eq!((&done["status"], &done["sent"]), (&json!("succeeded"), &json!(EVENTS)));

    let receipts = receiver.receipts();
    let (replays, firsts): (Vec<_>, Vec<_>) = receipts.iter().partition(|receipt| marker(receipt).is_some());
    assert_eq!((replays.len(), firsts.len()), (EVENTS, EVENTS + 3));
    let id = done["id"].as_str().context("an id")?;
    assert!(replays.iter().all(|receipt| marker(receipt) == Some(id)));
    let first: Vec<_> = firsts[..EVENTS].iter().map(|receipt| (&receipt.webhook_id, &receipt.body)).collect();
    let again: Vec<_> = replays.iter().map(|receipt| (&receipt.webhook_id, &receipt.body)).collect();
    // What became due within the same 15 seconds may change places.
    let position = |wanted| first.iter().position(|one| *one == wanted);
    let is_late = |(at, one): (usize, &_)| position(*one).is_none_or(|should| at.abs_diff(should) > 16);
    assert!(!again.iter().enumerate().any(is_late), "oldest first");
    let sorted = |mut list: Vec<_>| {
        list.sort_unstable();
        list
    };
    assert_eq!(sorted(again), sorted(first), "the same ids and bytes, once each");
    Ok(())
}

#[tokio::test]
async fn a_replay_brings_deliveries_into_being_and_marks_all_their_attempts() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let since = app.clock.now();
    events(&app, &source, &stripe, 0..2).await?;
    let (endpoint, receiver) = app.endpoint().await?;
    receiver.answer_next([500, 500]);
    let failed = json!({ "endpoint": endpoint, "since": since.to_string(), "status": "failed" });
    let nothing = replay(&app, failed.clone()).await?;
    let path = replay(&app, json!({ "endpoint": endpoint, "since": since.to_string() })).await?;
    pass_minute(&app).await?;
    assert_eq!(app.get(&nothing).await?["sent"], 0, "there was no delivery that could have failed");
    let done = app.get(&path).await?;
    assert_eq!(done["sent"], 2);
    let receipts = receiver.receipts();
    let statuses: Vec<u16> = receipts.iter().map(|receipt| receipt.status).collect();
    assert_eq!(statuses, [500, 500, 200, 200], "the schedule has begun");
    assert!(receipts.iter().all(|receipt| marker(receipt) == done["id"].as_str()));
    let deliveries = app.get(&format!("/v1/deliveries?endpoint={endpoint}&status=succeeded")).await?;
    assert_eq!(deliveries["data"].as_array().map(Vec::len), Some(2));
    Ok(())
}

#[tokio::test]
async fn a_replay_that_fails_undoes_no_delivery_and_uses_up_no_schedule() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (endpoint, receiver) = app.endpoint().await?;
    let since = app.clock.now();
    events(&app, &source, &stripe, 0..1).await?;
    receiver.answer_next([500]);
    events(&app, &source, &stripe, 1..2).await?;
    let shown = async || -> Result<Vec<Value>> {
        let deliveries = app.get("/v1/deliveries").await?;
        let shown = deliveries["data"].as_array().context("a list")?.iter();
        Ok(shown.map(|delivery| json!([delivery["status"], delivery["next_attempt_at"]])).collect())
    };
    let before = shown().await?;
    assert_eq!((&before[0][0], &before[1][0]), (&json!("retrying"), &json!("succeeded")));
    receiver.answer_next([500, 500]);
    replay(&app, json!({ "endpoint": endpoint, "since": since.to_string() })).await?;
    sweeper::handle(&app.stack.sweeper).await?;
    app.clock.advance(SignedDuration::from_secs(1));
    app.stack.settle().await?;
    assert_eq!(replayed(&receiver).len(), 2);
    assert_eq!(shown().await?, before);
    pass_minute(&app).await?;
    assert_eq!(shown().await?[0][0], "succeeded", "the retry came as it was scheduled");
    Ok(())
}
