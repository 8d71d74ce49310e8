//! Sources that have fallen silent, or of which much is refused, and who is told of it.

use crate::stories::StripeStory;
use anyhow::{Context, Result, ensure};
use axum::http::{Method, StatusCode};
use jiff::SignedDuration;
use journeys::{App, Crash, Receiver, Side};
use serde_json::{Value, json};
use simulators::Stripe;
use std::collections::BTreeMap;
use store::QUARANTINE_MAX_BYTES_PER_DAY;

/// A source at noon, and an endpoint that is told of its troubles.
pub(crate) struct Watched {
    pub(crate) app: App,
    pub(crate) source: String,
    pub(crate) watcher: Receiver,
}

impl Watched {
    pub(crate) async fn begin(silent_after_hours: Option<u16>) -> Result<Self> {
        let app = App::start().await?;
        let stripe = Stripe::new([1; 16]);
        let mut body = json!({ "provider": "stripe", "name": "shop", "secrets": [stripe.secret()] });
        if let Some(hours) = silent_after_hours {
            body["silent_after_hours"] = json!(hours);
        }
        let source = app.create("/v1/sources", body).await?;
        let source = source["id"].as_str().context("an id")?.to_owned();
        let (_, watcher) =
            app.endpoint_with(json!({ "event_types": ["source.silent", "quarantine.*"] })).await?;
        Ok(Self { app, source, watcher })
    }

    /// A webhook of this payment's; `secret` 1 is the source's.
    pub(crate) async fn webhook(&self, secret: u8, payment: &str) -> Result<StatusCode> {
        let stripe = Stripe::new([secret; 16]);
        let story = StripeStory { stripe: &stripe, payment, now: self.app.clock.now() };
        Ok(self.app.webhook(&self.source, &story.created()).await?.status)
    }

    async fn event(&self, payment: &str) -> Result<()> {
        ensure!(self.webhook(1, payment).await? == StatusCode::OK, "it is genuine");
        self.app.stack.settle().await
    }

    async fn forged(&self, number: usize) -> Result<()> {
        for _ in 0..number {
            ensure!(self.webhook(9, "pi_9").await? == StatusCode::UNAUTHORIZED, "it is not genuine");
        }
        Ok(())
    }

    /// As the schedule does it: a sweep each minute.
    pub(crate) async fn pass(&self, minutes: usize) -> Result<()> {
        for _ in 0..minutes {
            self.app.clock.advance(SignedDuration::from_mins(1));
            sweeper::handle(&self.app.stack.sweeper).await?;
            self.app.stack.settle().await?;
        }
        Ok(())
    }

    /// From one look to the next, so many times, with a sweep after each that sends what the look has raised.
    pub(crate) async fn looks(&self, number: usize) -> Result<()> {
        for _ in 0..number {
            self.app.clock.advance(SignedDuration::from_mins(10));
            for _ in 0..2 {
                sweeper::handle(&self.app.stack.sweeper).await?;
                self.app.stack.settle().await?;
            }
        }
        Ok(())
    }

    /// Each notice once; fails if one came in two versions.
    pub(crate) fn told(&self) -> Result<Vec<Value>> {
        let mut bodies = BTreeMap::new();
        let mut told = Vec::new();
        for receipt in self.watcher.receipts() {
            let known = bodies.insert(receipt.webhook_id.clone(), receipt.body.clone());
            ensure!(known.as_ref().is_none_or(|known| *known == receipt.body), "a notice was changed");
            if known.is_none() {
                told.push(receipt.json());
            }
        }
        ensure!(self.watcher.refused() == 0, "an unsigned request was sent");
        Ok(told)
    }

    fn told_types(&self) -> Result<Vec<String>> {
        let told = self.told()?;
        Ok(told.iter().map(|body| body["type"].as_str().unwrap_or_default().to_owned()).collect())
    }

    pub(crate) async fn shown(&self) -> Result<Value> {
        self.app.get(&format!("/v1/sources/{}", self.source)).await
    }
}

#[tokio::test]
async fn a_silence_is_told_of_once_and_the_next_silence_is_another() -> Result<()> {
    let watched = Watched::begin(Some(2)).await?;
    watched.pass(30).await?;
    watched.event("pi_1").await?; // 12:30
    watched.pass(129).await?;
    assert!(
        watched.told()?.is_empty(),
        "not before the two hours, and what may be missing of them, are over"
    );
    watched.pass(2).await?; // 14:41: the look of 14:40, and the sweep after it
    let [first] = watched.told()?.try_into().map_err(|told| anyhow::anyhow!("{told:?}"))?;
    let event = &first["data"]["event"];
    assert_eq!((&first["type"], &event["provider"]), (&json!("source.silent"), &json!("payrelay")));
    assert_eq!(
        (&event["source"], &event["notice"]["source"]),
        (&json!(watched.source), &json!(watched.source))
    );
    assert_eq!(event["notice"]["silent_since"], "2026-11-22T12:30:00.000Z");
    assert_eq!(event["notice"]["silent_after_hours"], 2);
    let id = event["id"].as_str().context("an id")?;
    assert_eq!(watched.app.get(&format!("/v1/events/{id}")).await?["notice"], event["notice"]);
    watched.pass(9).await?; // 14:50
    watched.looks(30).await?;
    assert_eq!(watched.told()?.len(), 1, "the same silence");

    watched.event("pi_2").await?;
    watched.looks(6).await?;
    watched.event("pi_3").await?;
    watched.looks(12).await?;
    assert_eq!(watched.told()?.len(), 1);
    watched.looks(1).await?;
    assert_eq!(watched.told_types()?, ["source.silent", "source.silent"]);
    Ok(())
}

#[tokio::test]
async fn a_source_from_which_nothing_has_ever_come_is_silent_since_it_was_made() -> Result<()> {
    let watched = Watched::begin(Some(1)).await?;
    watched.app.source("stripe", "whsec_of_a_source_without_the_setting").await?;
    watched.looks(8).await?;
    let told = watched.told()?;
    assert_eq!(told.len(), 1, "the other one has no such setting: {told:?}");
    assert_eq!(told[0]["data"]["event"]["notice"]["silent_since"], "2026-11-22T12:00:00.000Z");
    let change = json!({ "name": "renamed", "silent_after_hours": 1 });
    let path = format!("/v1/sources/{}", watched.source);
    assert_eq!(watched.app.api(Method::PUT, &path, Some(change)).await?.status, StatusCode::OK);
    watched.looks(6).await?;
    assert_eq!(watched.told()?.len(), 1);
    watched.looks(1).await?;
    assert_eq!(watched.told()?.len(), 2, "a change begins it anew");
    Ok(())
}

#[tokio::test]
async fn what_is_refused_is_no_sign_of_life_and_a_repeat_is_one() -> Result<()> {
    let watched = Watched::begin(Some(1)).await?;
    watched.event("pi_1").await?;
    watched.pass(30).await?;
    watched.forged(1).await?;
    watched.app.stack.settle().await?;
    assert_eq!(watched.shown().await?["last_event_at"], "2026-11-22T12:00:00.000Z");
    watched.event("pi_1").await?;
    assert_eq!(watched.shown().await?["last_event_at"], "2026-11-22T12:30:00.000Z");
    Ok(())
}

#[tokio::test]
async fn a_source_that_sends_much_costs_a_write_every_ten_minutes() -> Result<()> {
    let watched = Watched::begin(None).await?;
    watched.app.faults.arm(Crash { call: usize::MAX, side: Side::Before }); // counts, and never comes to it
    let noted = || watched.app.faults.calls().iter().filter(|call| call.contains("UpdateItem")).count();
    for (minute, writes, shown) in
        [(0, 1, "12:00"), (4, 1, "12:00"), (5, 1, "12:00"), (1, 2, "12:10"), (9, 2, "12:10")]
    {
        watched.app.clock.advance(SignedDuration::from_mins(minute));
        watched.event(&format!("pi_{}", watched.app.clock.now())).await?;
        assert_eq!(noted(), writes, "{shown}");
        assert_eq!(watched.shown().await?["last_event_at"], format!("2026-11-22T{shown}:00.000Z"));
    }
    Ok(())
}

#[tokio::test]
async fn each_step_of_a_day_in_quarantine_is_told_of_once_with_its_counts() -> Result<()> {
    let watched = Watched::begin(None).await?;
    watched.forged(9).await?;
    watched.pass(11).await?;
    assert!(watched.told()?.is_empty());
    watched.forged(3).await?;
    watched.pass(30).await?;
    let told = watched.told()?;
    assert_eq!(told.len(), 1, "{told:?}");
    let event = &told[0]["data"]["event"];
    assert_eq!((&told[0]["type"], &event["source"]), (&json!("quarantine.growing"), &json!(watched.source)));
    let quarantine = &event["notice"]["quarantine"];
    assert_eq!((&quarantine["day"], &quarantine["requests"]), (&json!("2026-11-22"), &json!(12)));
    assert_eq!(quarantine["full"], false);
    assert!(quarantine["bytes"].as_u64().is_some_and(|bytes| bytes > 1_000), "{quarantine}");

    // Large ones fill the day before it has had a hundred.
    let store = &watched.app.stack.store;
    let room = QUARANTINE_MAX_BYTES_PER_DAY - 100_000;
    assert!(store.reserve_quarantine(&watched.source.parse()?, watched.app.clock.now(), room).await?);
    watched.pass(30).await?;
    let told = watched.told()?;
    assert_eq!(told.len(), 2, "{told:?}");
    let quarantine = &told[1]["data"]["event"]["notice"]["quarantine"];
    assert_eq!((&quarantine["requests"], &quarantine["full"]), (&json!(13), &json!(true)));
    Ok(())
}

#[tokio::test]
async fn what_comes_right_before_midnight_is_told_of_after_it_and_each_day_by_itself() -> Result<()> {
    let watched = Watched::begin(None).await?;
    watched.pass(1).await?;
    watched.app.clock.advance(SignedDuration::from_mins(12 * 60 - 3)); // 23:58
    watched.forged(10).await?;
    watched.app.clock.advance(SignedDuration::from_mins(2));
    watched.forged(10).await?;
    watched.pass(31).await?;
    let told = watched.told()?;
    let mut days: Vec<&Value> =
        told.iter().map(|body| &body["data"]["event"]["notice"]["quarantine"]["day"]).collect();
    // Both are told by one look, side by side.
    days.sort_by_key(|day| day.to_string());
    assert_eq!(days, [&json!("2026-11-22"), &json!("2026-11-23")]);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_of_another_source_or_in_raw_format_is_not_told() -> Result<()> {
    let watched = Watched::begin(Some(1)).await?;
    let other = watched.app.source("stripe", "whsec_of_another_source").await?;
    let of_other = json!({ "event_types": ["source.*"], "sources": [other] });
    let (_, of_other) = watched.app.endpoint_with(of_other).await?;
    let of_this = json!({ "event_types": ["source.*"], "sources": [watched.source] });
    let (_, of_this) = watched.app.endpoint_with(of_this).await?;
    let (_, raw) = watched.app.endpoint_with(json!({ "event_types": ["*"], "format": "raw" })).await?;
    watched.looks(8).await?;
    assert_eq!(watched.told_types()?, ["source.silent"]);
    assert_eq!((of_this.receipts().len(), of_other.receipts().len(), raw.receipts().len()), (1, 0, 0));
    let listed = watched.app.get(&format!("/v1/events?source={}", watched.source)).await?;
    assert_eq!(listed["data"][0]["type"], "source.silent");
    Ok(())
}
