//! Slow endpoints: their deliveries leave the fast lane and come back, and nobody else pays for it.

use crate::stories::StripeStory;
use anyhow::{Context, Result};
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use journeys::{App, BusyReceiver};
use local::Mapping;
use serde_json::{Value, json};
use simulators::Stripe;
use std::sync::Arc;
use std::time::Duration;

/// A second is long for a test: what takes longer than this is slow here.
const SLOW_AFTER: Duration = Duration::from_millis(60);
pub(crate) const SLOW: Duration = Duration::from_millis(200);
const QUICK: Duration = Duration::ZERO;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// A stack with one endpoint that takes its time.
pub(crate) struct Client {
    pub(crate) app: App,
    pub(crate) endpoint: String,
    pub(crate) receiver: BusyReceiver,
    stripe: Stripe,
    source: String,
}

impl Client {
    pub(crate) async fn start(answers_after: Duration, settings: Value) -> Result<Self> {
        let mut app = App::start().await?;
        Arc::get_mut(&mut app.stack).context("the stack is at rest")?.dispatcher.slow_after = SLOW_AFTER;
        let receiver = BusyReceiver::start(answers_after).await?;
        let mut endpoint = json!({ "url": receiver.url(), "event_types": ["payment.*"] });
        endpoint
            .as_object_mut()
            .context("an object")?
            .extend(settings.as_object().cloned().unwrap_or_default());
        let endpoint =
            app.create("/v1/endpoints", endpoint).await?["id"].as_str().context("an id")?.to_owned();
        let stripe = Stripe::new([1; 16]);
        let source = app.source("stripe", stripe.secret()).await?;
        Ok(Self { app, endpoint, receiver, stripe, source })
    }

    /// Accepts and records the events of these numbers; their deliveries are queued.
    pub(crate) async fn events(&self, numbers: std::ops::Range<usize>) -> Result<()> {
        for number in numbers {
            let payment = format!("pi_{number}");
            let story = StripeStory { stripe: &self.stripe, payment: &payment, now: self.app.clock.now() };
            assert_eq!(self.app.webhook(&self.source, &story.created()).await?.status, StatusCode::OK);
        }
        while self.app.stack.consume().await? > 0 {}
        Ok(())
    }

    /// Hands out what is in one lane's queue until there is nothing left.
    async fn drain(&self, lane: &Mapping) -> Result<usize> {
        let mut taken = 0;
        loop {
            let dispatcher = &self.app.stack.dispatcher;
            let batch = lane.poll(0, async |batch| dispatcher::handle(dispatcher, batch).await).await?;
            if batch == 0 {
                return Ok(taken);
            }
            taken += batch;
        }
    }

    async fn fast(&self) -> Result<usize> {
        self.drain(&self.app.stack.deliveries).await
    }

    async fn slow(&self) -> Result<usize> {
        self.drain(&self.app.stack.slow_deliveries).await
    }

    pub(crate) async fn slow_until(&self) -> Result<Option<Timestamp>> {
        let shown = self.app.get(&format!("/v1/endpoints/{}", self.endpoint)).await?;
        let until = shown["health"]["slow_until"].as_str();
        Ok(until.map(str::parse).transpose()?)
    }

    /// Every delivery with its status and the number of its attempts.
    pub(crate) async fn deliveries(&self) -> Result<Vec<(String, usize)>> {
        let page = self.app.get("/v1/deliveries?limit=100").await?;
        let shown = |delivery: &Value| {
            let attempts = delivery["attempts"].as_array().map_or(0, Vec::len);
            (delivery["status"].as_str().unwrap_or_default().to_owned(), attempts)
        };
        Ok(page["data"].as_array().context("a list")?.iter().map(shown).collect())
    }
}

#[tokio::test]
async fn a_slow_endpoint_leaves_the_fast_lane_and_comes_back_when_it_was_quick_for_ten_minutes() -> Result<()>
{
    let client = Client::start(SLOW, json!({})).await?;
    client.events(0..1).await?;
    assert_eq!((client.fast().await?, client.receiver.arrived().len()), (1, 1));
    let until = client.slow_until().await?.context("it is slow")?;
    assert_eq!(until, client.app.clock.now() + MINUTE * 10);

    client.events(1..4).await?;
    assert_eq!(
        (client.fast().await?, client.receiver.arrived().len()),
        (3, 1),
        "sent on, without an attempt"
    );
    assert_eq!((client.slow().await?, client.receiver.arrived().len()), (3, 4));
    assert_eq!(client.deliveries().await?, vec![("succeeded".to_owned(), 1); 4]);

    client.receiver.answer(200, QUICK);
    client.app.clock.advance(MINUTE * 6);
    client.events(4..5).await?;
    client.app.stack.settle().await?;
    assert_eq!(client.slow_until().await?, Some(until), "a quick attempt changes nothing");
    client.app.clock.advance(MINUTE * 4);
    assert_eq!(client.slow_until().await?, None);
    client.events(5..6).await?;
    assert_eq!((client.fast().await?, client.receiver.arrived().len()), (1, 6));
    assert_eq!((client.slow().await?, client.slow_until().await?), (0, None));
    Ok(())
}

#[tokio::test]
async fn who_is_slow_all_the_time_is_written_down_every_five_minutes_and_not_at_every_attempt() -> Result<()>
{
    let client = Client::start(SLOW, json!({})).await?;
    client.events(0..1).await?;
    client.app.stack.settle().await?;
    let first = client.slow_until().await?.context("it is slow")?;
    client.app.clock.advance(MINUTE * 4);
    client.events(1..2).await?;
    client.app.stack.settle().await?;
    assert_eq!(client.slow_until().await?, Some(first));
    client.app.clock.advance(MINUTE * 2);
    client.events(2..3).await?;
    client.app.stack.settle().await?;
    assert_eq!(client.slow_until().await?, Some(client.app.clock.now() + MINUTE * 10));
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_is_quick_pays_no_write_for_it() -> Result<()> {
    let mut client = Client::start(QUICK, json!({})).await?;
    Arc::get_mut(&mut client.app.stack).context("at rest")?.dispatcher.slow_after = dispatcher::SLOW_AFTER;
    client.events(0..1).await?;
    client.app.faults.disarm();
    client.fast().await?;
    let calls = client.app.faults.calls();
    let writes: Vec<_> =
        calls.iter().filter(|call| call.contains("PutItem") || call.contains("Update")).collect();
    assert_eq!(writes, ["DynamoDB_20120810.PutItem"], "of {calls:?}");
    assert_eq!(calls.iter().filter(|call| call.contains("SendMessage")).count(), 0);
    Ok(())
}

#[tokio::test]
async fn a_slow_lane_attempt_that_fails_is_tried_again_in_the_slow_lane() -> Result<()> {
    let client = Client::start(SLOW, json!({})).await?;
    client.receiver.answer(500, SLOW);
    client.events(0..1).await?;
    client.fast().await?;
    client.events(1..2).await?;
    client.fast().await?;
    client.slow().await?;
    assert_eq!(client.deliveries().await?, vec![("retrying".to_owned(), 1); 2]);
    client.receiver.answer(200, SLOW);
    client.app.clock.advance(SignedDuration::from_secs(7));
    // The first was made in the fast lane: its retry comes there, and is sent on.
    assert_eq!((client.slow().await?, client.receiver.arrived().len()), (1, 3));
    assert_eq!((client.fast().await?, client.slow().await?), (1, 1));
    assert_eq!(client.deliveries().await?, vec![("succeeded".to_owned(), 2); 2]);
    Ok(())
}

#[tokio::test]
async fn a_slow_endpoint_whose_breaker_is_open_gets_its_probe_in_the_slow_lane() -> Result<()> {
    let client = Client::start(SLOW, json!({ "limits": { "concurrent": 100 } })).await?;
    client.receiver.answer(500, SLOW);
    client.events(0..30).await?;
    client.app.stack.settle().await?;
    let called = client.receiver.arrived().len();
    assert!((25..=30).contains(&called), "{called}");
    client.receiver.answer(200, SLOW);
    for _ in 0..20 {
        client.app.clock.advance(MINUTE * 5);
        sweeper::handle(&client.app.stack.sweeper).await?;
        client.app.stack.settle().await?;
    }
    let deliveries = client.deliveries().await?;
    assert!(deliveries.iter().all(|(status, _)| status == "succeeded"), "{deliveries:?}");
    assert_eq!(client.app.stack.dead_letter_counts()?, (0, 0));
    Ok(())
}
