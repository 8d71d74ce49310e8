//! The dispatcher is stopped at every call of placing deliveries, and the REST function at every call of an acknowledgement:
//! everything is fetched, each delivery is recorded once, and nothing leaves the mailbox that was not named.

use crate::crashes::{crashes, lost};
use crate::poll::Client;
use anyhow::{Context, Result, ensure};
use jiff::SignedDuration;
use journeys::Crash;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// One run: three deliveries are placed; the dispatcher stops in the middle.
async fn placing_run(crash: Option<Crash>, replayed: bool) -> Result<bool> {
    let client = Client::start().await?;
    let since = client.app.clock.now();
    if replayed {
        client.events(0..3).await?;
        let polled = client.poll("").await?;
        client.poll_after(&polled, "").await?;
        let replay = json!({ "endpoint": client.endpoint, "since": since.to_string() });
        client.app.create("/v1/replays", replay).await?;
        sweeper::handle(&client.app.stack.sweeper).await?;
        client.app.clock.advance(SignedDuration::from_secs(1));
    } else {
        for number in 0..3 {
            client.send(number).await?;
        }
        while client.app.stack.consume().await? > 0 {}
    }
    let mut crashed = false;
    if let Some(crash) = crash {
        client.app.faults.arm(crash);
        let stack = &client.app.stack;
        let handle = async |batch| lost(&batch, dispatcher::handle(&stack.dispatcher, batch.clone()).await);
        stack.deliveries.poll(0, handle).await?;
        crashed = client.app.faults.disarm();
        client.app.pass_visibility_timeout();
    }
    client.app.stack.settle().await?;
    let counts = client.drain(client.poll("limit=2").await?).await?;
    ensure!(counts.len() == 3 && counts.values().all(|times| *times == 1), "after {crash:?}: {counts:?}");
    let deliveries = client.app.get("/v1/deliveries").await?;
    for delivery in deliveries["data"].as_array().context("a list")? {
        let attempts = delivery["attempts"].as_array().map(Vec::len);
        ensure!(delivery["status"] == "succeeded", "after {crash:?}: {delivery}");
        ensure!(attempts == Some(if replayed { 2 } else { 1 }), "after {crash:?}: {delivery}");
    }
    ensure!(client.app.stack.dead_letter_counts()? == (0, 0), "a message was given up");
    Ok(crashed)
}

#[tokio::test]
async fn the_dispatcher_may_stop_at_any_call_of_placing() -> Result<()> {
    for replayed in [false, true] {
        placing_run(None, replayed).await?;
        let mut points = 0;
        for crash in crashes() {
            if !placing_run(Some(crash), replayed).await? {
                break;
            }
            points += 1;
        }
        // The endpoint and the write, of three deliveries, before and after; of a replay's the delivery as well.
        assert!(points >= if replayed { 16 } else { 12 }, "only {points} points were reached");
    }
    Ok(())
}

/// One run: a client acknowledges three of five; the function stops in the middle, and the client tries again.
async fn acknowledging_run(crash: Option<Crash>) -> Result<bool> {
    let client = Client::start().await?;
    client.events(0..5).await?;
    let polled = client.poll("limit=3").await?;
    let mut crashed = false;
    if let Some(crash) = crash {
        client.app.faults.arm(crash);
        let answer = client.answer(&format!("cursor={}", polled.cursor)).await?;
        crashed = client.app.faults.disarm();
        ensure!(answer.status.is_success() != crashed, "{crash:?}: {}", answer.text());
    }
    let done: BTreeSet<String> = polled.ids().into_iter().collect();
    let unsure = client.poll("").await?;
    // Nothing else was taken from the mailbox, however far it came.
    ensure!(unsure.ids().iter().filter(|id| !done.contains(*id)).count() == 2, "after {crash:?}: {unsure:?}");
    let next = client.poll_after(&polled, "").await?;
    ensure!(next.messages.len() == 2, "after {crash:?}: {next:?}");
    let deliveries = client.app.get("/v1/deliveries?status=succeeded").await?;
    let deliveries = deliveries["data"].as_array().context("a list")?;
    let is_recorded = |delivery: &Value| delivery["attempts"].as_array().map(Vec::len) == Some(1);
    ensure!(deliveries.len() == 3 && deliveries.iter().all(is_recorded), "after {crash:?}: {deliveries:?}");
    Ok(crashed)
}

#[tokio::test]
async fn an_acknowledgement_may_stop_at_any_call() -> Result<()> {
    acknowledging_run(None).await?;
    let mut points = 0;
    for crash in crashes() {
        if !acknowledging_run(Some(crash)).await? {
            break;
        }
        points += 1;
    }
    // The key needs no read. The endpoint, what is named, three writes; the mailbox, its deliveries and their events.
    assert_eq!(points, 16);
    Ok(())
}
