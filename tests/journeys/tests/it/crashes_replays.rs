//! What advances a replay stops at any of its calls: the sweeper in the page that begins it, one in the middle and the one that
//! ends it; the REST function as it begins one, and as it cancels one.

use crate::crashes::{crashes, told};
use crate::replays::{events, replay, replayed};
use anyhow::{Context, Result, ensure};
use axum::http::{Method, StatusCode};
use domain::ReplayId;
use jiff::SignedDuration;
use journeys::{App, Crash, Receiver};
use serde_json::json;
use simulators::Stripe;

const EVENTS: usize = 3;

/// Which of a replay's pages the sweeper is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    /// All events are in it.
    Only,
    /// The first, of two events, after which there is more.
    First,
    /// The second, that ends it.
    Last,
}

/// A minute passes, as the sweeper's schedule and the queue's delays see it, in one go.
async fn pass_minute(app: &App) -> Result<()> {
    sweeper::handle(&app.stack.sweeper).await?;
    app.clock.advance(SignedDuration::from_mins(1));
    app.stack.settle().await
}

/// A replay under way: of an event that its endpoint never got, and of two whose deliveries have failed for good.
struct Replaying {
    app: App,
    receiver: Receiver,
    path: String,
}

impl Replaying {
    async fn begin(page: Page) -> Result<Self> {
        let app = App::start().await?;
        let stripe = Stripe::new([1; 16]);
        let source = app.source("stripe", stripe.secret()).await?;
        let since = app.clock.now();
        events(&app, &source, &stripe, 0..1).await?;
        let (endpoint, receiver) = app.endpoint().await?;
        for _ in 1..EVENTS {
            receiver.answer_next_with(500, "webhook-retry", "no")?;
        }
        events(&app, &source, &stripe, 1..EVENTS).await?;
        let path =
            replay(&app, json!({ "endpoint": endpoint, "since": since.to_string(), "rate_per_minute": 60 }))
                .await?;
        let replaying = Self { app, receiver, path };
        if page != Page::Only {
            replaying.slow_down().await?;
        }
        if page == Page::Last {
            pass_minute(&replaying.app).await?;
            ensure!(replaying.app.get(&replaying.path).await?["sent"] == 2, "the first page is sent");
        }
        Ok(replaying)
    }

    /// So that a page has two events: fewer than the API would have.
    async fn slow_down(&self) -> Result<()> {
        let id: ReplayId = self.path.rsplit('/').next().context("an id")?.parse()?;
        let store = &self.app.stack.store;
        let mut replay = store.replay(&id).await?.context("a replay")?;
        replay.value.rate_per_minute = 2;
        store.put_replay(&replay.value, replay.revision).await?;
        Ok(())
    }

    async fn pass_minutes(&self) -> Result<()> {
        for _ in 0..4 {
            pass_minute(&self.app).await?;
        }
        Ok(())
    }

    /// It goes on to its end, whatever has stopped in between.
    async fn ends(self, crash: Option<Crash>) -> Result<()> {
        self.pass_minutes().await?;
        let done = self.app.get(&self.path).await?;
        ensure!(done["status"] == "succeeded" && done["sent"] == EVENTS, "after {crash:?}: {done}");
        let counts = replayed(&self.receiver);
        // Twice where the queue took a message and the answer, or the write after it, was lost.
        let most = if crash.is_some() { 2 } else { 1 };
        let is_complete = counts.len() == EVENTS && counts.values().all(|times| *times <= most);
        ensure!(is_complete, "after {crash:?}: {counts:?}");
        let deliveries = self.app.get("/v1/deliveries?status=succeeded").await?;
        let succeeded = deliveries["data"].as_array().map(Vec::len);
        ensure!(succeeded == Some(EVENTS), "after {crash:?}: {deliveries}");
        self.leaves_nothing_behind()
    }

    /// It is canceled, unless it was over: then it does not go on.
    async fn ends_canceled(self) -> Result<()> {
        let canceled = self.app.api(Method::POST, &format!("{}/cancel", self.path), None).await?;
        let over = self.app.get(&self.path).await?;
        match canceled.status {
            StatusCode::OK => ensure!(over["status"] == "canceled", "{over}"),
            _ => ensure!(over["status"] == "succeeded" && over["sent"] == EVENTS, "{over}"),
        }
        self.app.stack.settle().await?;
        let queued = replayed(&self.receiver);
        self.pass_minutes().await?;
        ensure!(self.app.get(&self.path).await? == over, "it went on after its end");
        // What was queued, all of it or nothing, goes out; nothing comes twice.
        let counts = replayed(&self.receiver);
        let is_once = counts.values().all(|times| *times == 1);
        ensure!(counts.len() >= queued.len() && is_once, "{counts:?}");
        self.leaves_nothing_behind()
    }

    fn leaves_nothing_behind(&self) -> Result<()> {
        told(&self.receiver)?;
        ensure!(self.app.stack.dead_letter_counts()? == (0, 0), "a message was given up");
        Ok(())
    }
}

/// One run: the sweeper stops in the middle of a page, and the replay goes on or is canceled. Gives whether it came to that.
async fn sweeper_run(page: Page, crash: Option<Crash>, cancel: bool) -> Result<bool> {
    let replaying = Replaying::begin(page).await?;
    let mut crashed = None;
    if let Some(crash) = crash {
        replaying.app.faults.arm(crash);
        let _ = sweeper::handle(&replaying.app.stack.sweeper).await;
        crashed = replaying.app.faults.disarm().then_some(crash);
    }
    if cancel {
        replaying.ends_canceled().await?
    } else {
        replaying.ends(crashed).await?
    }
    Ok(crashed.is_some())
}

async fn stop_the_sweeper_at_every_call(page: Page, least_points: usize) -> Result<()> {
    sweeper_run(page, None, false).await?;
    let mut points = 0;
    for crash in crashes() {
        if !sweeper_run(page, Some(crash), false).await? {
            break;
        }
        points += 1;
    }
    assert!(points >= least_points, "only {points} points were reached");
    Ok(())
}

// Four shards of what is due, the replays, the replay, its endpoint, eight shards of events, the events, the
// deliveries, the match, the queue, the replay: each before and after. Only the first page has a new match, and each
// that is not the last is followed by a look whether the minute is full, which is no call.
#[tokio::test]
async fn the_sweeper_may_stop_at_any_call_of_a_replay_of_one_page() -> Result<()> {
    stop_the_sweeper_at_every_call(Page::Only, 40).await
}

#[tokio::test]
async fn the_sweeper_may_stop_at_any_call_of_a_replays_first_page() -> Result<()> {
    stop_the_sweeper_at_every_call(Page::First, 40).await
}

#[tokio::test]
async fn the_sweeper_may_stop_at_any_call_of_a_replays_last_page() -> Result<()> {
    stop_the_sweeper_at_every_call(Page::Last, 26).await
}

#[tokio::test]
async fn a_replay_can_be_canceled_wherever_the_sweeper_has_stopped() -> Result<()> {
    sweeper_run(Page::Only, None, true).await?;
    let mut points = 0;
    // Before this call nothing is done that a cancellation would come too late for.
    for crash in crashes().skip_while(|crash| crash.call < 17) {
        if !sweeper_run(Page::Only, Some(crash), true).await? {
            break;
        }
        points += 1;
    }
    assert!(points >= 6, "only {points} points were reached");
    Ok(())
}

/// One run: the REST function stops in the middle of a request to cancel, which its client repeats.
async fn cancel_run(page: Page, crash: Crash) -> Result<bool> {
    let replaying = Replaying::begin(page).await?;
    let path = format!("{}/cancel", replaying.path);
    replaying.app.faults.arm(crash);
    let answer = replaying.app.api(Method::POST, &path, None).await?;
    let crashed = replaying.app.faults.disarm();
    ensure!(
        answer.status == if crashed { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK },
        "{answer:?}"
    );
    replaying.ends_canceled().await?;
    Ok(crashed)
}

#[tokio::test]
async fn a_replay_is_canceled_though_the_request_for_it_stopped_at_any_call() -> Result<()> {
    for page in [Page::First, Page::Last] {
        let mut points = 0;
        for crash in crashes() {
            if !cancel_run(page, crash).await? {
                break;
            }
            points += 1;
        }
        assert!(points >= 4, "only {points} points were reached");
    }
    Ok(())
}

/// One run: the REST function stops in the middle of a request for a replay of one event.
async fn request_run(crash: Option<Crash>) -> Result<bool> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (_, receiver) = app.endpoint().await?;
    events(&app, &source, &stripe, 0..1).await?;
    let event = app.get("/v1/events").await?["data"][0]["id"].clone();
    let mut crashed = false;
    if let Some(crash) = crash {
        app.faults.arm(crash);
        app.api(Method::POST, "/v1/replays", Some(json!({ "event": event }))).await?;
        crashed = app.faults.disarm();
    } else {
        replay(&app, json!({ "event": event })).await?;
    }
    for _ in 0..2 {
        pass_minute(&app).await?;
    }
    let replays = app.get("/v1/replays").await?;
    let replays = replays["data"].as_array().context("a list")?;
    ensure!(replays.iter().all(|replay| replay["status"] == "succeeded"), "after {crash:?}: {replays:?}");
    let times: usize = replayed(&receiver).values().sum();
    ensure!(times >= replays.len() && times <= 2 * replays.len(), "after {crash:?}: {times} times");
    Ok(crashed)
}

#[tokio::test]
async fn a_replay_that_was_made_goes_on_though_the_request_for_it_stopped_at_any_call() -> Result<()> {
    request_run(None).await?;
    let mut points = 0;
    for crash in crashes() {
        if !request_run(Some(crash)).await? {
            break;
        }
        points += 1;
    }
    assert!(points >= 14, "only {points} points were reached");
    Ok(())
}
