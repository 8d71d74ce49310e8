//! The dispatcher stops at any of its calls while an endpoint's fate is decided.

use crate::crashes::{crashes, lost};
use crate::isolation::{Outage, THRESHOLD, told};
use anyhow::{Context, Result, ensure};
use axum::http::Method;
use jiff::SignedDuration;
use journeys::{Crash, Receiver};
use serde_json::json;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy)]
enum Moment {
    /// The failure that opens the breaker.
    Opening,
    /// The attempt that succeeds while the breaker is open.
    Recovery,
    /// The last failure of a delivery.
    Exhaustion,
    /// 410.
    Gone,
}

/// Leads up to the moment: what comes next from the queue of deliveries is it.
async fn lead_up(moment: Moment, outage: &Outage) -> Result<()> {
    match moment {
        Moment::Opening => {
            outage.events(THRESHOLD - 1).await?;
            outage.app.stack.settle().await?;
            outage.events(1).await?;
        }
        Moment::Recovery => {
            outage.events(THRESHOLD).await?;
            outage.app.stack.settle().await?;
            outage.sweep().await?;
            outage.receiver.recover();
            let failed = outage.app.get("/v1/deliveries").await?["data"][0]["id"].clone();
            let path = format!("/v1/deliveries/{}/retry", failed.as_str().context("an id")?);
            outage.app.api(Method::POST, &path, None).await?;
        }
        Moment::Exhaustion => {
            outage.events(1).await?;
            outage.app.stack.settle().await?;
            outage.app.clock.advance(SignedDuration::from_secs(3));
        }
        Moment::Gone => {
            outage.receiver.recover();
            outage.receiver.answer_next(vec![410; 10]);
            outage.events(1).await?;
        }
    }
    while outage.app.stack.consume().await? > 0 {}
    Ok(())
}

/// What a watcher was told in the end, each once, and how the endpoint stands.
async fn run(moment: Moment, crash: Option<Crash>) -> Result<(bool, Vec<String>, String)> {
    let mut settings = json!({ "event_types": ["payment.*"] });
    if matches!(moment, Moment::Exhaustion) {
        settings["retry_schedule"] = json!([1]);
    }
    let outage = Outage::begin_with(settings, 0).await?;
    let types = json!({ "event_types": ["endpoint.*", "delivery.*"] });
    let (_, watcher) = outage.app.endpoint_with(types).await?;
    lead_up(moment, &outage).await?;
    let mut crashed = false;
    if let Some(crash) = crash {
        outage.app.faults.arm(crash);
        let stack = &outage.app.stack;
        let handle = async |batch| lost(&batch, dispatcher::handle(&stack.dispatcher, batch.clone()).await);
        stack.deliveries.poll(0, handle).await?;
        crashed = outage.app.faults.disarm();
        outage.app.pass_visibility_timeout();
    }
    outage.app.stack.settle().await?;
    for _ in 0..3 {
        outage.pass(16).await?;
    }
    outage.receiver.recover();
    for _ in 0..10 {
        outage.pass(16).await?;
    }
    ensure!(outage.app.stack.dead_letter_counts()? == (0, 0), "a message was given up after {crash:?}");
    let shown = outage.shown().await?;
    Ok((crashed, once(&watcher)?, format!("{} {}", shown["status"], shown["health"]["state"])))
}

/// Told twice under one id is told once, if it is the same.
fn once(watcher: &Receiver) -> Result<Vec<String>> {
    let mut bodies = BTreeMap::new();
    for receipt in watcher.receipts() {
        let first = bodies.entry(receipt.webhook_id).or_insert_with(|| receipt.body.clone());
        ensure!(*first == receipt.body, "a notice was changed");
    }
    let mut all = told(watcher);
    all.dedup();
    ensure!(all.len() == bodies.len(), "told: {all:?} under {} ids", bodies.len());
    Ok(all)
}

async fn stop_at_every_call(moment: Moment, expected: &[&str], least_points: usize) -> Result<()> {
    let (_, told, stands) = run(moment, None).await?;
    assert_eq!(told, expected);
    let mut points = 0;
    for crash in crashes() {
        let (crashed, told_after, stands_after) = run(moment, Some(crash)).await?;
        if !crashed {
            break;
        }
        points += 1;
        assert_eq!((&told_after, &stands_after), (&told, &stands), "{moment:?}, {crash:?}");
    }
    assert!(points >= least_points, "only {points} points were reached");
    Ok(())
}

#[tokio::test]
async fn the_dispatcher_may_stop_while_the_breaker_opens() -> Result<()> {
    stop_at_every_call(Moment::Opening, &["endpoint.failing", "endpoint.recovered"], 12).await
}

#[tokio::test]
async fn the_dispatcher_may_stop_while_an_endpoint_recovers() -> Result<()> {
    stop_at_every_call(Moment::Recovery, &["endpoint.failing", "endpoint.recovered"], 12).await
}

#[tokio::test]
async fn the_dispatcher_may_stop_while_a_delivery_is_given_up() -> Result<()> {
    stop_at_every_call(Moment::Exhaustion, &["delivery.exhausted"], 12).await
}

#[tokio::test]
async fn the_dispatcher_may_stop_while_an_endpoint_that_is_gone_is_disabled() -> Result<()> {
    stop_at_every_call(Moment::Gone, &["endpoint.disabled \"gone\""], 12).await
}
