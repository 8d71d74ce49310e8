//! What two bad endpoints do to eighteen good ones, in real time: one that never answers (its connections are taken by
//! nobody) and one that always answers 500, against the same twenty all well. Prints the ratio of the good ones' p99, from
//! the webhook's acceptance to the arrival of the delivery; the design wants at most 1.5.
//!
//! `cargo bench -p bench --bench neighbours` sends 5 events a second for a minute, each to all twenty, twice;
//! `-- 10 120` other numbers. As many batches are dispatched side by side as the template allows Lambda. Printed, not
//! judged: provider, stack, engines and receivers share one thread of a machine that may have other things to do.

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{Method, Request, StatusCode, header};
use axum::routing::post;
use bench::{stripe_charge, token};
use local::{Options, Stack};
use platform::{Clock, SecretText};
use serde_json::{Value, json};
use simulators::Stripe;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};
use tower::ServiceExt;

const ADMIN_KEY: &str = "prk_admin_for_the_bench_only";
const GOOD: usize = 18;
/// `MaximumConcurrency` of the deliveries' mapping in `template.yaml`.
const BATCHES_AT_ONCE: usize = 50;
const DEFAULT_EVENTS_PER_SECOND: usize = 5;
const DEFAULT_SECONDS: usize = 60;
/// A minute for what was on its way, and as long as the slowest attempt.
const PATIENCE: Duration = Duration::from_secs(90);

/// When a provider's event first arrived at an endpoint.
type Arrivals = Arc<Mutex<BTreeMap<(usize, String), Instant>>>;

async fn receive(State(arrivals): State<Arrivals>, Path(endpoint): Path<usize>, body: Bytes) -> StatusCode {
    let at = Instant::now();
    let payload: Value = serde_json::from_slice(&body).unwrap_or_default();
    let event = payload["data"]["event"]["provider_event_id"].as_str().unwrap_or_default().to_owned();
    arrivals.lock().expect("no holder of this lock panics").entry((endpoint, event)).or_insert(at);
    StatusCode::OK
}

struct Bench {
    stack: Arc<Stack>,
    stripe: Stripe,
    source: String,
    arrivals: Arrivals,
    /// Receivers, and the loops that Lambda's event source mappings would be.
    _tasks: JoinSet<()>,
    /// Bound, and never accepted from: the kernel takes the connections, and then nothing comes.
    _black_hole: TcpListener,
}

impl Bench {
    async fn start(with_bad_ones: bool) -> Result<Self> {
        let mut options = Options::for_tests(SecretText::new(ADMIN_KEY), Clock::system());
        options.config_max_age = Options::DEPLOYED_MAX_AGE;
        let stack = Arc::new(Stack::open(options).await?);
        let mut tasks = JoinSet::new();
        let arrivals = Arrivals::default();
        let router = Router::new()
            .route("/good/{endpoint}", post(receive))
            .route("/broken", post(async || StatusCode::INTERNAL_SERVER_ERROR))
            .with_state(Arc::clone(&arrivals));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let receiver = format!("http://{}", listener.local_addr()?);
        tasks.spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        let black_hole = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let bad = match with_bad_ones {
            true => [format!("http://{}/", black_hole.local_addr()?), format!("{receiver}/broken")],
            false => [GOOD, GOOD + 1].map(|endpoint| format!("{receiver}/good/{endpoint}")),
        };
        let good = (0..GOOD).map(|endpoint| format!("{receiver}/good/{endpoint}"));
        for url in good.chain(bad) {
            call(&stack, "/v1/endpoints", json!({ "url": url })).await?;
        }
        let stripe = Stripe::new([1; 16]);
        let source = json!({ "provider": "stripe", "name": "shop", "secrets": [stripe.secret()] });
        let source = call(&stack, "/v1/sources", source).await?["id"].as_str().context("an id")?.to_owned();
        // A new endpoint is seen by events that are recorded when the lists of endpoints have aged.
        sleep(Duration::try_from(Options::DEPLOYED_MAX_AGE)?).await;
        for _ in 0..BATCHES_AT_ONCE {
            tasks.spawn(dispatch(Arc::clone(&stack)));
        }
        tasks.spawn(consume(Arc::clone(&stack)));
        tasks.spawn(sweep(Arc::clone(&stack)));
        Ok(Self { stack, stripe, source, arrivals, _tasks: tasks, _black_hole: black_hole })
    }

    /// Sends the event of this number; gives its id and when it was accepted.
    async fn webhook(&self, number: usize) -> Result<(String, Instant)> {
        let payment = format!("pi_{}", token(&number.to_string()));
        let id = format!("evt_{}", token(&payment));
        let now = self.stack.clock.now();
        let webhook =
            self.stripe.event(&id, "charge.succeeded", now, &stripe_charge(&payment, 0, false), now);
        let mut request = Request::post(format!("/webhooks/{}", self.source))
            .header(header::CONTENT_TYPE, "application/json");
        for (name, value) in &webhook.headers {
            request = request.header(*name, value);
        }
        let answer = self.stack.router().oneshot(request.body(Body::from(webhook.body.clone()))?).await?;
        ensure!(answer.status() == StatusCode::OK, "{}", answer.status());
        Ok((id, Instant::now()))
    }

    /// The latencies of all deliveries to the good endpoints, in milliseconds, sorted.
    async fn run(&self, events: usize, per_second: usize) -> Result<Vec<f64>> {
        let mut sent = Vec::new();
        let mut ticks = interval(Duration::from_secs(1) / u32::try_from(per_second)?);
        for number in 0..events {
            ticks.tick().await;
            sent.push(self.webhook(number).await?);
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let arrivals = self.arrivals.lock().expect("no holder of this lock panics").clone();
            let latency = |endpoint: usize, (event, accepted_at): &(String, Instant)| {
                let arrived_at = arrivals.get(&(endpoint, event.clone()))?;
                Some(arrived_at.saturating_duration_since(*accepted_at).as_secs_f64() * 1e3)
            };
            let mut latencies: Vec<f64> = (0..GOOD)
                .flat_map(|endpoint| sent.iter().filter_map(move |one| latency(endpoint, one)))
                .collect();
            if latencies.len() == GOOD * events {
                latencies.sort_unstable_by(f64::total_cmp);
                return Ok(latencies);
            }
            let missing = GOOD * events - latencies.len();
            ensure!(Instant::now() < deadline, "{missing} deliveries did not come within {PATIENCE:?}");
            sleep(Duration::from_millis(200)).await;
        }
    }
}

async fn dispatch(stack: Arc<Stack>) {
    loop {
        let handled =
            stack.deliveries.poll(1, async |batch| dispatcher::handle(&stack.dispatcher, batch).await);
        handled.await.expect("the local queue answers");
    }
}

async fn consume(stack: Arc<Stack>) {
    loop {
        let handled = stack.events.poll(1, async |batch| consumer::handle(&stack.consumer, batch).await);
        handled.await.expect("the local queue answers");
    }
}

async fn sweep(stack: Arc<Stack>) {
    let mut minutes = interval(Duration::from_secs(60));
    loop {
        minutes.tick().await;
        sweeper::handle(&stack.sweeper).await.expect("the local table answers");
    }
}

async fn call(stack: &Stack, path: &str, body: Value) -> Result<Value> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {ADMIN_KEY}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))?;
    let answer = stack.router().oneshot(request).await?;
    let status = answer.status();
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await?;
    ensure!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&body));
    Ok(serde_json::from_slice(&body)?)
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted
        .get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let per_second = numbers.first().copied().unwrap_or(DEFAULT_EVENTS_PER_SECOND).max(1);
    let events = per_second * numbers.get(1).copied().unwrap_or(DEFAULT_SECONDS);
    println!("{events} events, {per_second} a second, each to {} endpoints", GOOD + 2);
    println!("{:<44} {:>9} {:>9} {:>9}", "latency at the 18 good ones, ms", "p50", "p99", "most");
    let mut p99s = Vec::new();
    for (name, with_bad_ones) in
        [("all twenty well", false), ("one black hole, one that always answers 500", true)]
    {
        let latencies = Bench::start(with_bad_ones).await?.run(events, per_second).await?;
        let [p50, p99, most] = [50, 99, 100].map(|percent| percentile(&latencies, percent));
        println!("{name:<44} {p50:>9.1} {p99:>9.1} {most:>9.1}");
        p99s.push(p99);
    }
    println!("ratio of the p99: {:.2}", p99s[1] / p99s[0]);
    Ok(())
}
