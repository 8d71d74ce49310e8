//! Every webhook is posted three times at once to a stack at work, with all its pollers: each event is delivered once, and
//! what is sent a second time all the same is in the attempt log.

use crate::stories::StripeStory;
use anyhow::{Result, ensure};
use axum::http::StatusCode;
use futures::{StreamExt, future::try_join_all, stream};
use jiff::SignedDuration;
use journeys::{App, Receiver};
use serde_json::json;
use simulators::{Stripe, Webhook};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

const QUEUES: [&str; 4] = ["events", "deliveries", "slow-deliveries", "fetches"];
const DEAD_LETTER_QUEUES: [&str; 3] = ["events-dlq", "deliveries-dlq", "fetches-dlq"];
/// Events whose three copies are under way side by side.
const SIDE_BY_SIDE: usize = 8;
/// After this long without a change of any queue, what is left in flight waits for its visibility timeout.
const STANDSTILL: Duration = Duration::from_secs(3);

/// Five events each: two payments with two events, and one that is not about a payment.
fn webhooks(stripe: &Stripe, app: &App, events: usize) -> Vec<Webhook> {
    let now = app.clock.now();
    let groups = (0..events.div_ceil(5)).flat_map(|group| {
        let (one, other) = (format!("pi_{group}a"), format!("pi_{group}b"));
        let one = StripeStory { stripe, payment: &one, now };
        let other = StripeStory { stripe, payment: &other, now };
        let coupon = json!({ "id": format!("SUMMER_{group}") });
        let apart = stripe.event(&format!("evt_coupon_{group}"), "coupon.created", now, &coupon, now);
        [one.created(), one.succeeded(), other.succeeded(), other.refunded(), apart]
    });
    groups.take(events).collect()
}

/// What came of a run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Figures {
    events: usize,
    /// Deliveries that reached the endpoint.
    delivered: usize,
    /// Of these, how many reached it more than once.
    repeated: usize,
    /// Requests that the attempt log does not know.
    unlogged: usize,
    dead_letters: u64,
    /// How often the queues stood still until a visibility timeout passed.
    timeouts: usize,
}

async fn run(events: usize) -> Result<Figures> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (_, receiver) = app.endpoint().await?;
    let running = app.stack.start(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?);
    let webhooks = webhooks(&stripe, &app, events);
    let post_thrice = async |webhook: &Webhook| {
        let answers = try_join_all((0..3).map(|_| app.webhook(&source, webhook))).await?;
        ensure!(answers.iter().all(|answer| answer.status == StatusCode::OK), "a webhook was refused");
        Ok(())
    };
    let posted: Vec<Result<()>> =
        stream::iter(&webhooks).map(post_thrice).buffer_unordered(SIDE_BY_SIDE).collect().await;
    posted.into_iter().collect::<Result<()>>()?;
    let timeouts = drain(&app).await?;
    running.stop().await;
    figures(&app, &receiver, timeouts).await
}

/// Waits until no queue holds a message. Gives how many visibility timeouts had to pass for it.
async fn drain(app: &App) -> Result<usize> {
    let (mut timeouts, mut last, mut since) = (0, Vec::new(), Instant::now());
    loop {
        let depths = QUEUES
            .iter()
            .map(|queue| Ok(app.stack.sqs.depth(queue)?))
            .map(|depth| depth.map(|depth| (depth.visible, depth.in_flight, depth.delayed)))
            .collect::<Result<Vec<_>>>()?;
        if depths.iter().all(|depth| *depth == (0, 0, 0)) {
            return Ok(timeouts);
        }
        if depths != last {
            (last, since) = (depths, Instant::now());
        } else if since.elapsed() > STANDSTILL {
            ensure!(timeouts < 10, "the queues do not get empty: {depths:?}");
            app.clock.advance(SignedDuration::from_secs(400));
            (timeouts, since) = (timeouts + 1, Instant::now());
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn figures(app: &App, receiver: &Receiver, timeouts: usize) -> Result<Figures> {
    ensure!(receiver.refused() == 0, "an unsigned request was sent");
    let mut figures = Figures { timeouts, ..Figures::default() };
    let mut requests: BTreeMap<String, usize> = BTreeMap::new();
    for receipt in receiver.receipts() {
        *requests.entry(receipt.webhook_id).or_default() += 1;
    }
    figures.delivered = requests.len();
    for (delivery, requests) in requests {
        let log = app.get(&format!("/v1/deliveries/{delivery}/attempts")).await?;
        let attempts = log["data"].as_array().map_or(&[][..], Vec::as_slice);
        let mut numbers: Vec<u64> =
            attempts.iter().filter_map(|attempt| attempt["number"].as_u64()).collect();
        numbers.sort_unstable();
        ensure!(numbers == (1..=numbers.len() as u64).collect::<Vec<_>>(), "numbers are unique: {log}");
        let marked = attempts.iter().filter(|attempt| attempt["repeat"] == true).count();
        ensure!(marked == attempts.len() - 1, "all but one are repeats: {log}");
        let delivery = app.get(&format!("/v1/deliveries/{delivery}")).await?;
        ensure!(delivery["status"] == "succeeded", "{delivery}");
        figures.repeated += usize::from(requests > 1);
        figures.unlogged += requests.saturating_sub(attempts.len());
    }
    for queue in DEAD_LETTER_QUEUES {
        figures.dead_letters += app.stack.sqs.depth(queue)?.visible;
    }
    figures.events = app.all("/v1/events?limit=100").await?.len();
    Ok(figures)
}

fn check(events: usize, figures: &Figures) {
    assert_eq!((figures.events, figures.delivered), (events, events), "{figures:?}");
    assert_eq!((figures.unlogged, figures.dead_letters), (0, 0), "{figures:?}");
    assert!(figures.repeated <= 2, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_posted_three_times_at_once_is_delivered_once() -> Result<()> {
    let figures = run(120).await?;
    check(120, &figures);
    Ok(())
}

/// The same with 1,000 events, ten times: `cargo test -p journeys --test it three_thousand -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn three_thousand_posts_of_a_thousand_events_are_a_thousand_deliveries() -> Result<()> {
    for run_number in 1..=10 {
        let started = Instant::now();
        let figures = run(1000).await?;
        println!("run {run_number}, {:?}: {figures:?}", started.elapsed());
        check(1000, &figures);
    }
    Ok(())
}
