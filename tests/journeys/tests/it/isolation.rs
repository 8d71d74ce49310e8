//! One endpoint's trouble: the circuit breaker, what becomes of its deliveries, and who is told.

use crate::stories::StripeStory;
use anyhow::{Context, Result};
use axum::http::{Method, StatusCode};
use jiff::SignedDuration;
use journeys::{App, Receiver};
use serde_json::{Value, json};
use simulators::Stripe;

/// As many as open the breaker.
pub(crate) const THRESHOLD: usize = 25;

/// An endpoint that fails from now on, and so many events for it.
pub(crate) struct Outage {
    pub(crate) app: App,
    pub(crate) endpoint: String,
    pub(crate) receiver: Receiver,
}

impl Outage {
    async fn begin(events: usize) -> Result<Self> {
        Self::begin_with(json!({ "event_types": ["payment.*"] }), events).await
    }

    pub(crate) async fn begin_with(settings: Value, events: usize) -> Result<Self> {
        let app = App::start().await?;
        let (endpoint, receiver) = app.endpoint_with(settings).await?;
        receiver.answer_next(vec![500; 10_000]);
        let outage = Self { app, endpoint, receiver };
        outage.events(events).await?;
        outage.app.stack.settle().await?;
        Ok(outage)
    }

    pub(crate) async fn events(&self, number: usize) -> Result<()> {
        let stripe = Stripe::new([1; 16]);
        let source = self.app.source("stripe", stripe.secret()).await?;
        for number in 0..number {
            let payment = format!("pi_{number}");
            let story = StripeStory { stripe: &stripe, payment: &payment, now: self.app.clock.now() };
            assert_eq!(self.app.webhook(&source, &story.created()).await?.status, StatusCode::OK);
        }
        Ok(())
    }

    pub(crate) async fn pass(&self, minutes: i64) -> Result<()> {
        self.app.clock.advance(SignedDuration::from_mins(minutes));
        self.sweep().await
    }

    pub(crate) async fn sweep(&self) -> Result<()> {
        sweeper::handle(&self.app.stack.sweeper).await?;
        self.app.stack.settle().await
    }

    pub(crate) async fn shown(&self) -> Result<Value> {
        self.app.get(&format!("/v1/endpoints/{}", self.endpoint)).await
    }

    async fn state(&self) -> Result<String> {
        Ok(self.shown().await?["health"]["state"].as_str().context("a state")?.to_owned())
    }

    fn calls(&self) -> usize {
        self.receiver.receipts().len()
    }

    /// How many deliveries are of this status.
    async fn count(&self, status: &str) -> Result<usize> {
        let page = self.app.get(&format!("/v1/deliveries?limit=100&status={status}")).await?;
        Ok(page["data"].as_array().map_or(0, Vec::len))
    }
}

#[tokio::test]
async fn an_endpoint_that_keeps_failing_is_left_in_peace_but_for_one_probe_at_a_time() -> Result<()> {
    let outage = Outage::begin(60).await?;
    // The last batch was under way when the breaker opened.
    let called = outage.calls();
    assert!((THRESHOLD..THRESHOLD + 10).contains(&called), "{called}");
    let shown = outage.shown().await?;
    assert_eq!((&shown["status"], &shown["health"]["state"]), (&json!("failing"), &json!("open")));
    assert_eq!(shown["health"]["consecutive_failures"], called);
    assert_eq!(outage.app.get("/v1/endpoints").await?["data"][0]["health"], shown["health"]);
    let parked = outage.app.get("/v1/deliveries?limit=100&status=pending").await?;
    let parked = parked["data"].as_array().context("a list")?;
    assert_eq!(parked.len(), 60 - called);
    assert!(parked.iter().all(|delivery| delivery["next_attempt_at"].is_string()), "{parked:?}");

    // Not even the retries that are due go out while it is open.
    outage.app.clock.advance(SignedDuration::from_secs(10));
    outage.sweep().await?;
    assert_eq!(outage.calls(), called);
    for probes in 1..4 {
        outage.pass(15).await?;
        assert_eq!(outage.calls(), called + probes, "one probe, however many deliveries are due");
        assert_eq!(outage.state().await?, "open");
    }
    assert_eq!(outage.app.stack.dead_letter_counts()?, (0, 0));
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_has_recovered_gets_everything_with_no_attempt_lost_to_the_breaker() -> Result<()> {
    let outage = Outage::begin(60).await?;
    let called = outage.calls();
    for _ in 0..6 {
        outage.pass(20).await?;
    }
    outage.receiver.recover();
    for _ in 0..40 {
        outage.pass(5).await?;
    }
    assert_eq!(outage.count("succeeded").await?, 60);
    let shown = outage.shown().await?;
    assert_eq!(
        (&shown["status"], &shown["health"]),
        (&json!("active"), &json!({ "state": "closed", "consecutive_failures": 0 }),)
    );
    let deliveries = outage.app.get("/v1/deliveries?limit=100").await?;
    let attempts: usize = deliveries["data"]
        .as_array()
        .context("a list")?
        .iter()
        .map(|delivery| delivery["attempts"].as_array().map_or(0, Vec::len))
        .sum();
    // Sixty succeeded; before, those that opened the breaker failed, and six probes at most.
    assert!(attempts <= outage.calls() && attempts <= 60 + called + 6, "{attempts} of {}", outage.calls());
    Ok(())
}

#[tokio::test]
async fn what_is_asked_for_by_hand_is_sent_though_the_breaker_is_open_and_may_close_it() -> Result<()> {
    let outage = Outage::begin(THRESHOLD).await?;
    assert_eq!(outage.state().await?, "open");
    outage.receiver.recover();
    let delivery = outage.app.get("/v1/deliveries").await?["data"][0]["id"].clone();
    let path = format!("/v1/deliveries/{}/retry", delivery.as_str().context("an id")?);
    assert_eq!(outage.app.api(Method::POST, &path, None).await?.status, StatusCode::ACCEPTED);
    outage.app.stack.settle().await?;
    assert_eq!((outage.calls(), outage.state().await?.as_str()), (THRESHOLD + 1, "closed"));
    Ok(())
}

#[tokio::test]
async fn replacing_an_endpoint_starts_it_afresh_and_its_tag_follows_its_health() -> Result<()> {
    let outage = Outage::begin(THRESHOLD).await?;
    let path = format!("/v1/endpoints/{}", outage.endpoint);
    let failing = outage.app.api(Method::GET, &path, None).await?;
    let tag = |answer: &journeys::Answer| answer.headers.get("etag").cloned().context("a tag");
    let replacement = json!({ "url": outage.receiver.url() });
    let replaced = outage.app.api(Method::PUT, &path, Some(replacement)).await?;
    assert_eq!((replaced.status, &replaced.json()["status"]), (StatusCode::OK, &json!("active")));
    assert_eq!(outage.state().await?, "closed");
    let afresh = outage.app.api(Method::GET, &path, None).await?;
    assert_ne!(tag(&failing)?, tag(&afresh)?);
    assert_eq!(tag(&replaced)?, tag(&afresh)?);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_fails_now_and_then_is_called_all_the_same() -> Result<()> {
    let outage = Outage::begin(0).await?;
    outage.receiver.recover();
    outage.receiver.answer_next((0..120).map(|number| if number % 12 == 11 { 200 } else { 500 }));
    outage.events(60).await?;
    outage.app.stack.settle().await?;
    assert_eq!((outage.calls(), outage.state().await?.as_str()), (60, "closed"));
    Ok(())
}

/// The operational events that another endpoint was told of, in words.
pub(crate) fn told(watcher: &Receiver) -> Vec<String> {
    let words = |receipt: &journeys::Receipt| {
        let body = receipt.json();
        let notice = &body["data"]["event"]["notice"];
        let detail = [&notice["percent"], &notice["reason"]].into_iter().find(|value| !value.is_null());
        let name = body["type"].as_str().unwrap_or_default().to_owned();
        detail.map_or(name.clone(), |detail| format!("{name} {detail}"))
    };
    watcher.receipts().iter().map(words).collect()
}

#[tokio::test]
async fn five_days_of_nothing_but_failures_disable_an_endpoint_after_three_warnings() -> Result<()> {
    let outage = Outage::begin(THRESHOLD).await?;
    let operational = json!({ "event_types": ["endpoint.*"] });
    let (_, watcher) = outage.app.endpoint_with(operational).await?;
    let mut disabled_after = None;
    for hours in (4..=132).step_by(4) {
        outage.pass(240).await?;
        let is_disabled = outage.shown().await?["status"] == "disabled";
        if is_disabled && disabled_after.is_none() {
            disabled_after = Some(hours);
        }
    }
    outage.pass(2).await?;
    assert!(disabled_after.is_some_and(|hours| (120..=128).contains(&hours)), "{disabled_after:?}");
    assert_eq!(
        told(&watcher),
        [
            "endpoint.failing 50",
            "endpoint.failing 70",
            "endpoint.failing 90",
            "endpoint.disabled \"failing\"",
        ]
    );
    let shown = outage.shown().await?;
    assert_eq!(shown["status"], "disabled");
    let called = outage.calls();
    // The last pause of the schedule is a day, and up to a fifth longer.
    for _ in 0..6 {
        outage.pass(300).await?;
    }
    assert_eq!(outage.calls(), called);
    assert_eq!(
        outage.count("pending").await? + outage.count("retrying").await?,
        0,
        "canceled as they come up"
    );
    assert_eq!((watcher.refused(), outage.app.stack.dead_letter_counts()?), (0, (0, 0)));
    Ok(())
}

#[tokio::test]
async fn others_are_told_that_an_endpoint_fails_and_recovers_and_it_is_not() -> Result<()> {
    let outage = Outage::begin(0).await?;
    let (_, watcher) =
        outage.app.endpoint_with(json!({ "event_types": ["endpoint.*", "delivery.*"] })).await?;
    outage.events(THRESHOLD).await?;
    outage.app.stack.settle().await?;
    outage.sweep().await?;
    assert_eq!(told(&watcher), ["endpoint.failing"]);
    outage.receiver.recover();
    for _ in 0..10 {
        outage.pass(5).await?;
    }
    assert_eq!(told(&watcher), ["endpoint.failing", "endpoint.recovered"]);
    let body = watcher.receipts()[0].json();
    let event = &body["data"]["event"];
    assert_eq!((&event["provider"], &event["source"]), (&json!("payrelay"), &Value::Null));
    assert_eq!((&event["notice"]["endpoint"], &event["payment"]), (&json!(outage.endpoint), &Value::Null));
    assert!(event["notice"]["failing_since"].is_string(), "{body}");
    // It is recorded and shown like any other.
    let id = event["id"].as_str().context("an id")?;
    assert_eq!(outage.app.get(&format!("/v1/events/{id}")).await?["notice"], event["notice"]);
    assert!(outage.receiver.receipts().iter().all(|receipt| !receipt.body.contains("endpoint.")));
    Ok(())
}

#[tokio::test]
async fn others_are_told_of_a_delivery_that_is_given_up_but_not_if_it_was_itself_a_notice() -> Result<()> {
    let app = App::start().await?;
    let settings = |types: &[&str]| json!({ "event_types": types, "retry_schedule": [1] });
    let (failing, receiver) = app.endpoint_with(settings(&["payment.*"])).await?;
    let (_, watcher) = app.endpoint_with(settings(&["delivery.exhausted"])).await?;
    let (_, second_watcher) = app.endpoint_with(settings(&["delivery.exhausted"])).await?;
    receiver.answer_next([500, 500]);
    watcher.answer_next([500, 500]);
    let outage = Outage { app, endpoint: failing, receiver };
    outage.events(1).await?;
    for _ in 0..5 {
        outage.pass(1).await?;
    }
    assert_eq!(outage.calls(), 2);
    assert_eq!(told(&watcher), ["delivery.exhausted", "delivery.exhausted"], "both of its attempts");
    assert_eq!(
        told(&second_watcher),
        ["delivery.exhausted"],
        "of the payment's delivery, not of the watcher's"
    );
    let notice = second_watcher.receipts()[0].json()["data"]["event"]["notice"].clone();
    let exhausted = outage.app.get("/v1/deliveries?status=exhausted&limit=10").await?;
    let exhausted = exhausted["data"].as_array().context("a list")?;
    let payments = exhausted.iter().find(|delivery| delivery["endpoint"] == json!(outage.endpoint));
    let payments = payments.context("the payment's delivery")?;
    assert_eq!((&notice["delivery"], &notice["event"]), (&payments["id"], &payments["event"]));
    Ok(())
}
