//! The dispatcher stops at any of its calls while an endpoint is found slow, or is held to its limits.

use crate::crashes::{crashes, lost};
use crate::lanes::{Client, SLOW};
use anyhow::{Result, ensure};
use jiff::SignedDuration;
use journeys::Crash;
use serde_json::json;
use std::collections::BTreeSet;
use store::Lease;

#[derive(Debug, Clone, Copy)]
enum Moment {
    /// The attempt during which the endpoint is found slow.
    FoundSlow,
    /// A delivery comes to the fast lane for a slow endpoint.
    SentOn,
    /// An attempt in the slow lane, with a lease.
    SlowAttempt,
    /// More deliveries than the rate allows.
    OverRate,
    /// More deliveries than there are leases.
    NoRoom,
}

/// How many deliveries the batch has in which it stops.
const BATCH: usize = 2;

async fn run(moment: Moment, crash: Option<Crash>) -> Result<bool> {
    let limits = match moment {
        Moment::OverRate => json!({ "limits": { "per_second": 1 } }),
        Moment::NoRoom => json!({ "limits": { "concurrent": 1 } }),
        _ => json!({}),
    };
    let client = Client::start(SLOW, limits).await?;
    let mut expected = BATCH;
    if matches!(moment, Moment::SentOn | Moment::SlowAttempt) {
        client.events(100..101).await?;
        client.app.stack.settle().await?;
        expected += 1;
    }
    client.events(0..BATCH).await?;
    let stack = &client.app.stack;
    let mapping = if matches!(moment, Moment::SlowAttempt) {
        stack.deliveries.poll(0, async |batch| dispatcher::handle(&stack.dispatcher, batch).await).await?;
        &stack.slow_deliveries
    } else {
        &stack.deliveries
    };
    let mut crashed = false;
    if let Some(crash) = crash {
        client.app.faults.arm(crash);
        let handle = async |batch| lost(&batch, dispatcher::handle(&stack.dispatcher, batch.clone()).await);
        mapping.poll(0, handle).await?;
        crashed = client.app.faults.disarm();
        client.app.pass_visibility_timeout();
    }
    for _ in 0..12 {
        stack.settle().await?;
        client.app.clock.advance(SignedDuration::from_secs(5));
    }
    ensure!(stack.dead_letter_counts()? == (0, 0), "a message was given up after {crash:?}");
    let deliveries = client.deliveries().await?;
    let is_done = |(status, attempts): &(String, usize)| status == "succeeded" && (1..=2).contains(attempts);
    ensure!(deliveries.len() == expected && deliveries.iter().all(is_done), "{crash:?}: {deliveries:?}");
    let arrived = client.receiver.arrived();
    let different = arrived.iter().collect::<BTreeSet<_>>().len();
    ensure!(different == expected && arrived.len() <= expected + BATCH, "{crash:?}: {arrived:?}");
    ensure!(client.slow_until().await?.is_some(), "{crash:?}: it has not been found slow");
    // A lease that was not given back keeps others out no longer than its attempt could have lasted.
    client.app.clock.advance(SignedDuration::from_secs(60));
    let (now, lease) = (client.app.clock.now(), Lease::new(client.app.clock.now(), [7; 4]));
    let is_free = stack.store.take_lease(&client.endpoint.parse()?, &lease, 1, now).await?;
    ensure!(is_free, "{crash:?}: a lease is left for ever");
    Ok(crashed)
}

async fn stop_at_every_call(moment: Moment, least_points: usize) -> Result<()> {
    run(moment, None).await?;
    let mut points = 0;
    for crash in crashes() {
        if !run(moment, Some(crash)).await? {
            break;
        }
        points += 1;
    }
    assert!(points >= least_points, "only {points} points were reached");
    Ok(())
}

#[tokio::test]
async fn the_dispatcher_may_stop_while_an_endpoint_is_found_slow() -> Result<()> {
    stop_at_every_call(Moment::FoundSlow, 10).await
}

#[tokio::test]
async fn the_dispatcher_may_stop_while_a_delivery_is_sent_on_to_the_slow_lane() -> Result<()> {
    stop_at_every_call(Moment::SentOn, 6).await
}

#[tokio::test]
async fn the_dispatcher_may_stop_while_it_holds_a_lease() -> Result<()> {
    stop_at_every_call(Moment::SlowAttempt, 14).await
}

#[tokio::test]
async fn the_dispatcher_may_stop_while_an_endpoint_is_held_to_its_rate() -> Result<()> {
    stop_at_every_call(Moment::OverRate, 10).await
}

#[tokio::test]
async fn the_dispatcher_may_stop_while_an_endpoint_has_no_room() -> Result<()> {
    stop_at_every_call(Moment::NoRoom, 10).await
}
