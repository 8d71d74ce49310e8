//! What an endpoint takes at most, held over dispatchers that know nothing of each other.

use crate::lanes::{Client, SLOW};
use anyhow::{Context, Result};
use axum::http::Method;
use futures::future::try_join_all;
use jiff::SignedDuration;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use store::Lease;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// The dispatchers that Lambda would start.
fn four(client: &Client) -> Vec<dispatcher::Deps> {
    (0..4).map(|_| client.app.stack.another_dispatcher()).collect()
}

/// Both lanes, side by side, until neither has anything to give at this moment.
async fn settle(client: &Client, dispatchers: &[dispatcher::Deps]) -> Result<()> {
    let stack = &client.app.stack;
    loop {
        let polls = dispatchers.iter().map(async |own| {
            let handle = async |batch| dispatcher::handle(own, batch).await;
            let fast = stack.deliveries.poll(0, handle);
            let slow = stack.slow_deliveries.poll(0, handle);
            let (fast, slow) = futures::join!(fast, slow);
            anyhow::Ok(fast? + slow?)
        });
        if try_join_all(polls).await?.iter().sum::<usize>() == 0 {
            return Ok(());
        }
    }
}

/// How many requests arrived in each second until `number` had, at most so many seconds.
async fn per_second(client: &Client, number: usize, seconds: usize) -> Result<Vec<usize>> {
    let dispatchers = four(client);
    let (mut counts, mut arrived) = (Vec::new(), 0);
    while arrived < number && counts.len() < seconds {
        settle(client, &dispatchers).await?;
        let now = client.receiver.arrived().len();
        counts.push(now - arrived);
        arrived = now;
        client.app.clock.advance(SECOND);
    }
    Ok(counts)
}

#[tokio::test]
async fn no_more_attempts_are_under_way_than_the_endpoint_allows_whoever_makes_them() -> Result<()> {
    let client = Client::start(SLOW / 4, json!({ "limits": { "concurrent": 3 } })).await?;
    client.events(0..40).await?;
    per_second(&client, 40, 300).await?;
    let arrived = client.receiver.arrived();
    assert_eq!((arrived.len(), arrived.iter().collect::<BTreeSet<_>>().len()), (40, 40));
    assert_eq!(client.receiver.most_in_hand(), 3);
    assert_eq!(client.deliveries().await?, vec![("succeeded".to_owned(), 1); 40]);
    assert_eq!(client.app.stack.dead_letter_counts()?, (0, 0));
    Ok(())
}

#[tokio::test]
async fn a_slow_endpoint_without_a_limit_has_one_in_the_slow_lane() -> Result<()> {
    let client = Client::start(SLOW, json!({})).await?;
    client.events(0..1).await?;
    client.app.stack.settle().await?;
    client.events(1..61).await?;
    per_second(&client, 61, 100).await?;
    let most = client.receiver.most_in_hand();
    assert_eq!(client.receiver.arrived().len(), 61);
    // The four ask for forty at once; the machine may be too slow for them to be there all at the same time.
    assert!((15..=25).contains(&most), "{most}");
    Ok(())
}

#[tokio::test]
async fn no_more_attempts_begin_in_a_second_than_the_endpoint_allows_whoever_makes_them() -> Result<()> {
    let client = Client::start(Duration::ZERO, json!({ "limits": { "per_second": 5 } })).await?;
    client.events(0..40).await?;
    let counts = per_second(&client, 40, 100).await?;
    assert_eq!(counts.iter().sum::<usize>(), 40, "{counts:?}");
    assert!(counts.iter().all(|count| *count <= 5), "{counts:?}");
    // Nor are they held back for longer than it takes: the first seconds are full.
    assert_eq!(counts[..4], [5; 4], "{counts:?}");
    assert!(counts.len() <= 16, "{counts:?}");
    assert_eq!(client.deliveries().await?, vec![("succeeded".to_owned(), 1); 40]);
    Ok(())
}

#[tokio::test]
async fn what_has_to_wait_longer_than_a_queue_can_delay_it_waits_in_the_due_index() -> Result<()> {
    let client = Client::start(Duration::ZERO, json!({ "limits": { "per_second": 1 } })).await?;
    let (store, endpoint) = (&client.app.stack.store, client.endpoint.parse()?);
    for _ in 0..950 {
        store.count_in_second(&endpoint, client.app.clock.now()).await?;
    }
    client.events(0..1).await?;
    client.app.stack.settle().await?;
    let parked = client.app.get("/v1/deliveries").await?["data"][0].clone();
    assert_eq!(parked["status"], "pending");
    let next = parked["next_attempt_at"].as_str().context("a time")?.parse()?;
    assert_eq!(client.app.clock.now() + SECOND * 950, next);
    client.app.clock.advance_to(next);
    sweeper::handle(&client.app.stack.sweeper).await?;
    client.app.stack.settle().await?;
    assert_eq!(client.deliveries().await?, [("succeeded".to_owned(), 1)]);
    Ok(())
}

/// Somebody has the endpoint's only lease for an hour.
async fn take_all_room(client: &Client) -> Result<Lease> {
    let now = client.app.clock.now();
    let lease = Lease::new(now + SignedDuration::from_hours(1), [7; 4]);
    let taken = client.app.stack.store.take_lease(&client.endpoint.parse()?, &lease, 1, now).await?;
    anyhow::ensure!(taken, "there was no room to take");
    Ok(lease)
}

#[tokio::test]
async fn what_finds_no_room_eight_times_in_a_row_goes_on_from_the_due_index() -> Result<()> {
    let client = Client::start(Duration::ZERO, json!({ "limits": { "concurrent": 1 } })).await?;
    let lease = take_all_room(&client).await?;
    client.events(0..1).await?;
    let mut queued_for = 0;
    while client.app.get("/v1/deliveries").await?["data"][0]["next_attempt_at"].is_null() {
        client.app.stack.settle().await?;
        client.app.clock.advance(SECOND * 10);
        queued_for += 10;
        assert!(queued_for < 1800, "Lambda would have taken it for a loop");
    }
    assert_eq!(client.deliveries().await?, [("pending".to_owned(), 0)]);
    client.app.stack.store.release_lease(&client.endpoint.parse()?, &lease).await?;
    client.app.clock.advance(SECOND * 600);
    sweeper::handle(&client.app.stack.sweeper).await?;
    client.app.stack.settle().await?;
    assert_eq!(client.deliveries().await?, [("succeeded".to_owned(), 1)]);
    assert_eq!(client.receiver.arrived().len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_is_asked_for_by_hand_keeps_to_the_limits_however_long_there_is_no_room() -> Result<()> {
    let client = Client::start(Duration::ZERO, json!({ "limits": { "concurrent": 1 } })).await?;
    client.events(0..1).await?;
    client.app.stack.settle().await?;
    let lease = take_all_room(&client).await?;
    let delivery = client.app.get("/v1/deliveries").await?["data"][0]["id"].clone();
    let path = format!("/v1/deliveries/{}/retry", delivery.as_str().context("an id")?);
    client.app.api(Method::POST, &path, None).await?;
    let pass = async |minutes: usize| {
        for _ in 0..minutes {
            sweeper::handle(&client.app.stack.sweeper).await?;
            client.app.stack.settle().await?;
            client.app.clock.advance(SECOND * 60);
        }
        anyhow::Ok(client.receiver.arrived().len())
    };
    // Longer than a row of messages goes on, and shorter than the lease.
    assert_eq!(pass(50).await?, 1);
    assert_eq!(client.deliveries().await?, [("succeeded".to_owned(), 1)], "it is no less delivered");
    client.app.stack.store.release_lease(&client.endpoint.parse()?, &lease).await?;
    assert_eq!(pass(30).await?, 2);
    assert_eq!(pass(30).await?, 2, "once");
    assert_eq!(client.deliveries().await?, [("succeeded".to_owned(), 2)]);
    assert_eq!(client.app.stack.dead_letter_counts()?, (0, 0));
    Ok(())
}
