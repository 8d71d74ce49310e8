//! The dispatcher, and the sweeper before it, stop at any of their calls while an endpoint's fate is decided.

use crate::crashes::{crashes, lost};
use crate::isolation::{Outage, THRESHOLD, told};
use anyhow::{Context, Result, ensure};
use axum::http::Method;
use domain::EndpointId;
use jiff::SignedDuration;
use journeys::{Crash, Receiver};
use serde_json::json;
use std::collections::BTreeMap;

/// Longer than what waits in the queue, so that every attempt but the first is the sweeper's doing.
const SCHEDULE_S: [u32; 20] = [1200; 20];
/// Between two sweeps: longer than a delivery waits, for its schedule or parked.
const STEP_MINUTES: i64 = 150;
/// How often it comes up to a failure after the crash, so that what was not noted is noted at another one. Too short for the
/// next warning.
const FAILING_STEPS: usize = 2;
/// How often it then comes up to an answer; the last are for what others are told of that.
const HEALTHY_STEPS: usize = 3;

#[derive(Debug, Clone, Copy)]
enum Moment {
    /// The failure that opens the breaker.
    Opening,
    /// A delivery that has had no attempt yet comes up while it is open.
    Parking,
    /// A failure after so many hours of failures, of which nobody was warned yet: 60, 84 and 108 are the times of the warnings.
    Warning { hours: i64 },
    /// The failure after five days, with which the endpoint is disabled.
    GivingUp,
    /// The attempt that succeeds while the breaker is open, asked for by hand.
    Recovery,
    /// The same, as the probe that the sweeper brings up: it stands in the queue.
    Probe,
    /// Before the sweeper has brought it up.
    ProbeIsDue,
    /// The last failure of a delivery.
    Exhaustion,
    /// 410.
    Gone,
}

impl Moment {
    /// Whether it is the sweeper that stops.
    fn is_the_sweepers(self) -> bool {
        matches!(self, Self::ProbeIsDue)
    }
}

/// Failures of before, as the dispatcher counts them: all but the last of those that open the breaker.
async fn fail_before(outage: &Outage) -> Result<()> {
    let endpoint: EndpointId = outage.endpoint.parse()?;
    for _ in 1..THRESHOLD {
        outage.app.stack.store.note_failure(&endpoint, outage.app.clock.now()).await?;
    }
    Ok(())
}

/// One delivery, with whose failure the breaker has opened, which others were told of.
async fn open(outage: &Outage) -> Result<()> {
    fail_before(outage).await?;
    outage.events(1).await?;
    outage.app.stack.settle().await?;
    outage.sweep().await
}

/// The delivery comes up after so many hours without one, and fails, or is about to.
async fn come_up(outage: &Outage, after_hours: i64) -> Result<()> {
    outage.app.clock.advance(SignedDuration::from_hours(after_hours));
    sweeper::handle(&outage.app.stack.sweeper).await?;
    Ok(())
}

/// Lets the warnings of before be given: one a day, from two and a half days on.
async fn warn_until(outage: &Outage, hours: i64) -> Result<()> {
    open(outage).await?;
    let mut passed = 0;
    for next in [60, 84, 108, 120].into_iter().take_while(|next| *next <= hours) {
        if passed > 0 {
            outage.app.stack.settle().await?;
            outage.sweep().await?;
        }
        come_up(outage, next - passed).await?;
        passed = next;
    }
    Ok(())
}

/// Leads up to the moment: what comes next from the queue of deliveries, or with the sweep, is it.
async fn lead_up(moment: Moment, outage: &Outage) -> Result<()> {
    match moment {
        Moment::Opening => {
            fail_before(outage).await?;
            outage.events(1).await?;
        }
        Moment::Parking => {
            open(outage).await?;
            outage.events(1).await?;
        }
        Moment::Warning { hours } => warn_until(outage, hours).await?,
        Moment::GivingUp => warn_until(outage, 120).await?,
        Moment::Recovery => {
            open(outage).await?;
            outage.receiver.recover();
            let failed = format!("/v1/deliveries?endpoint={}", outage.endpoint);
            let failed = outage.app.get(&failed).await?["data"][0]["id"].clone();
            let path = format!("/v1/deliveries/{}/retry", failed.as_str().context("an id")?);
            outage.app.api(Method::POST, &path, None).await?;
        }
        Moment::Probe => {
            open(outage).await?;
            outage.receiver.recover();
            come_up(outage, 1).await?;
        }
        Moment::ProbeIsDue => {
            open(outage).await?;
            outage.receiver.recover();
            outage.app.clock.advance(SignedDuration::from_hours(1));
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

/// Tells whether it came to that.
async fn stop(moment: Moment, outage: &Outage, crash: Crash) -> Result<bool> {
    let stack = &outage.app.stack;
    outage.app.faults.arm(crash);
    if moment.is_the_sweepers() {
        let _ = sweeper::handle(&stack.sweeper).await;
    } else {
        let handle = async |batch| lost(&batch, dispatcher::handle(&stack.dispatcher, batch.clone()).await);
        stack.deliveries.poll(0, handle).await?;
    }
    let crashed = outage.app.faults.disarm();
    outage.app.pass_visibility_timeout();
    Ok(crashed)
}

/// What is the same however it went.
#[derive(Debug, PartialEq, Eq)]
struct End {
    /// What a watcher was told, each once.
    told: Vec<String>,
    /// How the endpoint and its deliveries stand.
    stands: String,
}

async fn run(moment: Moment, crash: Option<Crash>) -> Result<(bool, End)> {
    let schedule = if matches!(moment, Moment::Exhaustion) { &[1][..] } else { &SCHEDULE_S };
    let settings = json!({ "event_types": ["payment.*"], "retry_schedule": schedule });
    let outage = Outage::begin_with(settings, 0).await?;
    let types = json!({ "event_types": ["endpoint.*", "delivery.*"] });
    let (_, watcher) = outage.app.endpoint_with(types).await?;
    lead_up(moment, &outage).await?;
    let crashed = match crash {
        Some(crash) => stop(moment, &outage, crash).await?,
        None => false,
    };
    outage.app.stack.settle().await?;
    for _ in 0..FAILING_STEPS {
        outage.pass(STEP_MINUTES).await?;
    }
    outage.receiver.recover();
    for _ in 0..HEALTHY_STEPS {
        outage.pass(STEP_MINUTES).await?;
    }
    ensure!(outage.app.stack.dead_letter_counts()? == (0, 0), "a message was given up after {crash:?}");
    ensure!((outage.receiver.refused(), watcher.refused()) == (0, 0), "an unsigned request was sent");
    Ok((crashed, End { told: once(&watcher)?, stands: stands(&outage).await? }))
}

async fn stands(outage: &Outage) -> Result<String> {
    let shown = outage.shown().await?;
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned).context("a word");
    let mut words = vec![text(&shown["status"])?, text(&shown["health"]["state"])?];
    let deliveries = outage.app.get(&format!("/v1/deliveries?endpoint={}", outage.endpoint)).await?;
    for delivery in deliveries["data"].as_array().context("a list")? {
        words.push(text(&delivery["status"])?);
    }
    Ok(words.join(" "))
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

/// `expected` stand in the order in which they are told.
async fn stop_at_every_call(
    moment: Moment,
    expected: &[&str],
    stands: &str,
    least_points: usize,
) -> Result<()> {
    let (_, undisturbed) = run(moment, None).await?;
    assert_eq!(
        (undisturbed.told.iter().map(String::as_str).collect::<Vec<_>>(), &*undisturbed.stands),
        (expected.to_vec(), stands)
    );
    let mut points = 0;
    for crash in crashes() {
        let (crashed, end) = run(moment, Some(crash)).await?;
        if !crashed {
            break;
        }
        points += 1;
        assert_eq!(end, undisturbed, "{moment:?}, {crash:?}");
    }
    assert!(points >= least_points, "only {points} points were reached");
    Ok(())
}

#[tokio::test]
async fn the_dispatcher_may_stop_while_the_breaker_opens() -> Result<()> {
    let told = ["endpoint.failing", "endpoint.recovered"];
    stop_at_every_call(Moment::Opening, &told, "active closed succeeded", 16).await
}

#[tokio::test]
async fn the_dispatcher_may_stop_while_it_parks_a_delivery() -> Result<()> {
    let told = ["endpoint.failing", "endpoint.recovered"];
    stop_at_every_call(Moment::Parking, &told, "active closed succeeded succeeded", 6).await
}

#[tokio::test]
async fn the_dispatcher_may_stop_while_it_gives_the_first_warning() -> Result<()> {
    let told = ["endpoint.failing", "endpoint.failing 50", "endpoint.recovered"];
    let moment = Moment::Warning { hours: 60 };
    stop_at_every_call(moment, &told, "active closed succeeded", 20).await
}

#[tokio::test]
async fn the_dispatcher_may_stop_while_it_gives_the_second_warning() -> Result<()> {
    let told = ["endpoint.failing", "endpoint.failing 50", "endpoint.failing 70", "endpoint.recovered"];
    let moment = Moment::Warning { hours: 84 };
    stop_at_every_call(moment, &told, "active closed succeeded", 20).await
}

#[tokio::test]
async fn the_dispatcher_may_stop_while_it_gives_the_last_warning() -> Result<()> {
    let told = [
        "endpoint.failing",
        "endpoint.failing 50",
        "endpoint.failing 70",
        "endpoint.failing 90",
        "endpoint.recovered",
    ];
    let moment = Moment::Warning { hours: 108 };
    stop_at_every_call(moment, &told, "active closed succeeded", 20).await
}

#[tokio::test]
async fn the_dispatcher_may_stop_while_it_gives_an_endpoint_up() -> Result<()> {
    let told = [
        "endpoint.failing",
        "endpoint.failing 50",
        "endpoint.failing 70",
        "endpoint.failing 90",
        "endpoint.disabled \"failing\"",
    ];
    stop_at_every_call(Moment::GivingUp, &told, "disabled half_open canceled", 20).await
}

#[tokio::test]
async fn the_dispatcher_may_stop_while_an_endpoint_recovers() -> Result<()> {
    let told = ["endpoint.failing", "endpoint.recovered"];
    stop_at_every_call(Moment::Recovery, &told, "active closed succeeded", 16).await
}

#[tokio::test]
async fn the_dispatcher_may_stop_in_the_middle_of_a_probe() -> Result<()> {
    let told = ["endpoint.failing", "endpoint.recovered"];
    stop_at_every_call(Moment::Probe, &told, "active closed succeeded", 20).await
}

#[tokio::test]
async fn the_sweeper_may_stop_while_it_brings_a_probe_up() -> Result<()> {
    let told = ["endpoint.failing", "endpoint.recovered"];
    stop_at_every_call(Moment::ProbeIsDue, &told, "active closed succeeded", 14).await
}

#[tokio::test]
async fn the_dispatcher_may_stop_while_a_delivery_is_given_up() -> Result<()> {
    stop_at_every_call(Moment::Exhaustion, &["delivery.exhausted"], "active closed exhausted", 12).await
}

#[tokio::test]
async fn the_dispatcher_may_stop_while_an_endpoint_that_is_gone_is_disabled() -> Result<()> {
    let told = ["endpoint.disabled \"gone\""];
    stop_at_every_call(Moment::Gone, &told, "disabled closed canceled", 12).await
}
