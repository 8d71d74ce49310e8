//! A replay while live traffic flows, in real time: what it does to the live deliveries, that nothing is lost though
//! the sweeper is killed again and again, and that a cancellation holds.
//!
//! `cargo bench -p bench --bench replay` replays 10,000 events, 3,000 a minute; `-- 1000 600` fewer, and slower. The
//! ratio means little without optimisation, or where the machine has other things to do: provider, stack, engines and
//! receiver share one thread.

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
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
use tower::ServiceExt;

const ADMIN_KEY: &str = "prk_admin_for_the_bench_only";
const EVENTS: usize = 10_000;
/// Live events, of which the latencies are taken.
const LIVE_INTERVAL: Duration = Duration::from_millis(100);
const BASELINE: usize = 300;
const RATE_PER_MINUTE: usize = 3_000;
/// How long after its start a sweep is killed, one after the other.
const KILLED_AFTER_MS: [u64; 6] = [5, 20, 50, 100, 200, 400];

#[derive(Debug, Default)]
struct Arrivals {
    /// When the first of a provider's event arrived, beside replays.
    live: BTreeMap<String, Instant>,
    /// How often each delivery arrived for which replay.
    replayed: BTreeMap<(String, String), usize>,
}

type Shared = Arc<Mutex<Arrivals>>;

async fn receive(State(arrivals): State<Shared>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let at = Instant::now();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let payload: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut arrivals = arrivals.lock().expect("no holder of this lock panics");
    match (text("payrelay-replay"), text("webhook-id")) {
        (Some(replay), Some(delivery)) => *arrivals.replayed.entry((replay, delivery)).or_default() += 1,
        _ => {
            let id = payload["data"]["event"]["provider_event_id"].as_str().unwrap_or_default().to_owned();
            arrivals.live.entry(id).or_insert(at);
        }
    }
    StatusCode::OK
}

struct Bench {
    stack: Arc<Stack>,
    stripe: Stripe,
    source: String,
    endpoint: String,
    arrivals: Shared,
}

impl Bench {
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        call(&self.stack, method, path, body).await
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

    fn arrived(&self) -> usize {
        self.arrivals.lock().expect("no holder of this lock panics").live.len()
    }

    /// How many deliveries came for a replay, and how many of them more than once.
    fn replayed(&self, replay: &str) -> (usize, usize) {
        let arrivals = self.arrivals.lock().expect("no holder of this lock panics");
        let of_it: Vec<usize> =
            arrivals.replayed.iter().filter(|((id, _), _)| id == replay).map(|(_, times)| *times).collect();
        (of_it.len(), of_it.iter().filter(|times| **times > 1).count())
    }

    async fn wait_for(&self, what: &str, is_done: impl Fn() -> bool) -> Result<()> {
        for _ in 0..6000 {
            if is_done() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("{what} did not come within ten minutes")
    }

    /// Sends live events from `first` on, one each [`LIVE_INTERVAL`], as long as `goes_on`; gives their latencies in
    /// milliseconds, sorted.
    async fn live(&self, first: usize, goes_on: impl AsyncFn(usize) -> Result<bool>) -> Result<Vec<f64>> {
        let mut sent = Vec::new();
        while goes_on(sent.len()).await? {
            sent.push(self.webhook(first + sent.len()).await?);
            tokio::time::sleep(LIVE_INTERVAL).await;
        }
        let has_all = || {
            let arrivals = self.arrivals.lock().expect("no holder of this lock panics");
            sent.iter().all(|(id, _)| arrivals.live.contains_key(id))
        };
        self.wait_for("a live event", has_all).await?;
        let arrivals = self.arrivals.lock().expect("no holder of this lock panics");
        let latency = |(id, at): &(String, Instant)| {
            arrivals.live.get(id).map_or(0.0, |then| then.saturating_duration_since(*at).as_secs_f64() * 1e3)
        };
        let mut latencies: Vec<f64> = sent.iter().map(latency).collect();
        latencies.sort_unstable_by(f64::total_cmp);
        Ok(latencies)
    }
}

async fn call(stack: &Stack, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {ADMIN_KEY}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))?;
    let answer = stack.router().oneshot(request).await?;
    let status = answer.status();
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await?;
    ensure!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&body));
    Ok(serde_json::from_slice(&body)?)
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut given = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let (events, rate) = (given.next().unwrap_or(EVENTS), given.next().unwrap_or(RATE_PER_MINUTE));
    let arrivals = Shared::default();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}/hook", listener.local_addr()?);
    let router = Router::new().route("/hook", post(receive)).with_state(Arc::clone(&arrivals));
    let mut server = JoinSet::new();
    server.spawn(async move {
        let _ = axum::serve(listener, router).await;
    });

    let options = Options::for_tests(SecretText::new(ADMIN_KEY), Clock::system());
    let stack = Arc::new(Stack::open(options).await?);
    let stripe = Stripe::new([1; 16]);
    let source = json!({ "provider": "stripe", "name": "shop", "secrets": [stripe.secret()] });
    let source = call(&stack, Method::POST, "/v1/sources", Some(source)).await?;
    let endpoint = call(&stack, Method::POST, "/v1/endpoints", Some(json!({ "url": url }))).await?;
    let text = |value: &Value| value.as_str().map(str::to_owned).context("an id");
    let (source, endpoint) = (text(&source["id"])?, text(&endpoint["id"])?);
    let running = stack.start(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?);
    let bench = Bench { stack, stripe, source, endpoint, arrivals };
    let outcome = run(&bench, events, rate).await;
    running.stop().await;
    outcome
}

async fn run(bench: &Bench, events: usize, rate: usize) -> Result<()> {
    let since = bench.stack.clock.now();
    let started = Instant::now();
    for number in 0..events {
        bench.webhook(number).await?;
    }
    bench.wait_for("an event", || bench.arrived() == events).await?;
    println!("{events} events recorded and delivered in {:.0} s", started.elapsed().as_secs_f64());
    let until = bench.stack.clock.now();

    let alone = bench.live(events, async |sent| Ok(sent < BASELINE)).await?;
    let range = json!({
        "endpoint": bench.endpoint, "since": since.to_string(), "until": until.to_string(),
        "rate_per_minute": rate,
    });
    let replay = bench.call(Method::POST, "/v1/replays", Some(range.clone())).await?;
    let id = replay["id"].as_str().context("an id")?.to_owned();
    let path = format!("/v1/replays/{id}");
    for milliseconds in KILLED_AFTER_MS {
        // To drop a sweep between two of its steps is what a kill does.
        let sweep = sweeper::handle(&bench.stack.sweeper);
        let _ = tokio::time::timeout(Duration::from_millis(milliseconds), sweep).await;
    }
    let beside = bench
        .live(events + BASELINE, async |sent| {
            // The stack's own sweeps come once a minute; this one stands for those that were killed.
            if sent == 1 {
                sweeper::handle(&bench.stack.sweeper).await?;
            }
            let status = bench.call(Method::GET, &path, None).await?["status"].clone();
            Ok(status == "running" || bench.replayed(&id).0 < events && sent < 20_000)
        })
        .await?;
    let done = bench.call(Method::GET, &path, None).await?;
    let (arrived, twice) = bench.replayed(&id);
    ensure!(done["status"] == "succeeded" && arrived == events, "{arrived} of {events} arrived: {done}");
    println!(
        "replay: {arrived} of {events} arrived, {twice} more than once after {} kills",
        KILLED_AFTER_MS.len()
    );
    for (name, latencies) in [("live alone", &alone), ("live beside the replay", &beside)] {
        let (p50, p99) = (percentile(latencies, 50), percentile(latencies, 99));
        println!("{name:<24} {:>6} events   p50 {p50:>8.1} ms   p99 {p99:>8.1} ms", latencies.len());
    }
    println!("ratio of p99: {:.2}", percentile(&beside, 99) / percentile(&alone, 99));

    cancel(bench, range).await
}

/// In its first minute.
async fn cancel(bench: &Bench, range: Value) -> Result<()> {
    let mut range = range;
    range["rate_per_minute"] = json!(600);
    let replay = bench.call(Method::POST, "/v1/replays", Some(range)).await?;
    let id = replay["id"].as_str().context("an id")?.to_owned();
    sweeper::handle(&bench.stack.sweeper).await?;
    let canceled = bench.call(Method::POST, &format!("/v1/replays/{id}/cancel"), None).await?;
    let sent = canceled["sent"].as_u64().and_then(|sent| usize::try_from(sent).ok()).context("a number")?;
    bench.wait_for("what was queued", || bench.replayed(&id).0 >= sent).await?;
    tokio::time::sleep(Duration::from_secs(65)).await;
    let (arrived, _) = bench.replayed(&id);
    ensure!(arrived == sent, "{arrived} arrived of {sent} that were queued when it was canceled");
    println!("canceled: the {sent} that were queued arrived, and no more in the next minute");
    Ok(())
}
