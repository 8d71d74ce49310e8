//! What two bad endpoints do to eighteen good ones, in real time: one that always answers 500, beside one that never
//! answers (its connections are taken by nobody) or one that answers 200 after ten seconds, against the same twenty all
//! well. Prints the ratios of the good ones' p99, from the webhook's acceptance to the arrival of the delivery; the design
//! wants at most 1.5.
//!
//! `cargo bench -p bench --bench neighbours` sends 5 events a second for a minute, each to all twenty, three times;
//! `-- 10 120` other numbers. As many batches of each lane are dispatched side by side as the template allows Lambda, each by
//! a dispatcher with caches of its own. Printed, not judged: provider, stack, engines and receivers share one thread. What was
//! on its way while other processes took the processor is left out, unless that leaves too little.

use anyhow::{Result, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use axum::routing::post;
use bench::{Machine, Shop, options, percentile};
use local::{Mapping, Options, Stack};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};

const GOOD: usize = 18;
/// `MaximumConcurrency` of the two mappings of deliveries in `template.yaml`.
const BATCHES_AT_ONCE: usize = 50;
const SLOW_BATCHES_AT_ONCE: usize = 50;
const DEFAULT_EVENTS_PER_SECOND: usize = 5;
const DEFAULT_SECONDS: usize = 60;
/// A minute for what was on its way, and as long as the slowest attempt.
const PATIENCE: Duration = Duration::from_secs(90);
/// Below the time that an endpoint has, so that it never fails.
const SLOW_ANSWER: Duration = Duration::from_secs(10);

/// Fewer latencies than this have no p99.
const ENOUGH: usize = 500;

/// When a provider's event first arrived at an endpoint.
type Arrivals = Arc<Mutex<BTreeMap<(usize, String), Instant>>>;

/// What the last two of the twenty are.
#[derive(Debug, Clone, Copy)]
enum Neighbours {
    Well,
    BlackHole,
    Slow,
}

async fn receive(State(arrivals): State<Arrivals>, Path(endpoint): Path<usize>, body: Bytes) -> StatusCode {
    let at = Instant::now();
    let payload: Value = serde_json::from_slice(&body).unwrap_or_default();
    let event = payload["data"]["event"]["provider_event_id"].as_str().unwrap_or_default().to_owned();
    arrivals.lock().expect("no holder of this lock panics").entry((endpoint, event)).or_insert(at);
    StatusCode::OK
}

async fn answer_late() -> StatusCode {
    sleep(SLOW_ANSWER).await;
    StatusCode::OK
}

struct Bench {
    shop: Shop,
    arrivals: Arrivals,
    machine: Machine,
    /// Receivers, and the loops that Lambda's event source mappings would be.
    _tasks: JoinSet<()>,
    /// Bound, and never accepted from: the kernel takes the connections, and then nothing comes.
    _black_hole: TcpListener,
}

impl Bench {
    async fn start(neighbours: Neighbours) -> Result<Self> {
        let stack_options = Options { config_max_age: Options::DEPLOYED_MAX_AGE, ..options() };
        let stack = Arc::new(Stack::open(stack_options).await?);
        let mut tasks = JoinSet::new();
        let arrivals = Arrivals::default();
        let router = Router::new()
            .route("/good/{endpoint}", post(receive))
            .route("/broken", post(async || StatusCode::INTERNAL_SERVER_ERROR))
            .route("/slow", post(answer_late))
            .with_state(Arc::clone(&arrivals));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let receiver = format!("http://{}", listener.local_addr()?);
        tasks.spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        let black_hole = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let last = match neighbours {
            Neighbours::Well => [GOOD, GOOD + 1].map(|endpoint| format!("{receiver}/good/{endpoint}")),
            Neighbours::BlackHole => {
                [format!("http://{}/", black_hole.local_addr()?), format!("{receiver}/broken")]
            }
            Neighbours::Slow => ["slow", "broken"].map(|path| format!("{receiver}/{path}")),
        };
        let shop = Shop::open(Arc::clone(&stack)).await?;
        for url in (0..GOOD).map(|endpoint| format!("{receiver}/good/{endpoint}")).chain(last) {
            shop.call(Method::POST, "/v1/endpoints", Some(json!({ "url": url }))).await?;
        }
        // A new endpoint is seen by events that are recorded when the lists of endpoints have aged.
        sleep(Duration::try_from(Options::DEPLOYED_MAX_AGE)?).await;
        for _ in 0..BATCHES_AT_ONCE {
            tasks.spawn(dispatch(Arc::clone(&stack), |stack| &stack.deliveries));
        }
        for _ in 0..SLOW_BATCHES_AT_ONCE {
            tasks.spawn(dispatch(Arc::clone(&stack), |stack| &stack.slow_deliveries));
        }
        tasks.spawn(consume(Arc::clone(&stack)));
        tasks.spawn(sweep(stack));
        Ok(Self { shop, arrivals, machine: Machine::watch(), _tasks: tasks, _black_hole: black_hole })
    }

    /// The latencies of the deliveries to the good endpoints, in milliseconds, sorted, and whether other processes left them
    /// alone.
    async fn run(&self, events: usize, per_second: usize) -> Result<(Vec<f64>, bool)> {
        let mut sent = Vec::new();
        let mut ticks = interval(Duration::from_secs(1) / u32::try_from(per_second)?);
        for number in 0..events {
            ticks.tick().await;
            sent.push(self.shop.webhook(number).await?);
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let arrivals = self.arrivals.lock().expect("no holder of this lock panics").clone();
            let span = |endpoint: usize, (event, accepted_at): &(String, Instant)| {
                Some((*accepted_at, *arrivals.get(&(endpoint, event.clone()))?))
            };
            let spans: Vec<_> = (0..GOOD)
                .flat_map(|endpoint| sent.iter().filter_map(move |one| span(endpoint, one)))
                .collect();
            if spans.len() == GOOD * events {
                return Ok(self.latencies(&spans));
            }
            let missing = GOOD * events - spans.len();
            ensure!(Instant::now() < deadline, "{missing} deliveries did not come within {PATIENCE:?}");
            sleep(Duration::from_millis(200)).await;
        }
    }

    fn latencies(&self, spans: &[(Instant, Instant)]) -> (Vec<f64>, bool) {
        let is_quiet = |(from, to): &&(Instant, Instant)| self.machine.was_quiet(*from, *to);
        let quiet: Vec<_> = spans.iter().filter(is_quiet).copied().collect();
        let are_quiet = quiet.len() >= ENOUGH;
        let taken = if are_quiet { &quiet } else { spans };
        let milliseconds =
            |(from, to): &(Instant, Instant)| to.saturating_duration_since(*from).as_secs_f64() * 1e3;
        let mut latencies: Vec<f64> = taken.iter().map(milliseconds).collect();
        latencies.sort_unstable_by(f64::total_cmp);
        (latencies, are_quiet)
    }
}

/// One of the functions that Lambda would keep for a lane.
async fn dispatch(stack: Arc<Stack>, lane: fn(&Stack) -> &Mapping) {
    let own = stack.another_dispatcher();
    loop {
        let handled = lane(&stack).poll(1, async |batch| dispatcher::handle(&own, batch).await);
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

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let per_second = numbers.first().copied().unwrap_or(DEFAULT_EVENTS_PER_SECOND).max(1);
    let events = per_second * numbers.get(1).copied().unwrap_or(DEFAULT_SECONDS);
    println!("{events} events, {per_second} a second, each to {} endpoints", GOOD + 2);
    println!(
        "{:<50} {:>6} {:>9} {:>9} {:>9} {:>14}",
        "latency at the 18 good ones, ms", "number", "p50", "p99", "most", "ratio of p99"
    );
    let mut undisturbed = None;
    for (name, neighbours) in [
        ("all twenty well", Neighbours::Well),
        ("one black hole, one that always answers 500", Neighbours::BlackHole),
        ("one that takes 10 s, one that always answers 500", Neighbours::Slow),
    ] {
        let (latencies, are_quiet) = Bench::start(neighbours).await?.run(events, per_second).await?;
        let [p50, p99, most] = [50, 99, 100].map(|percent| percentile(&latencies, percent));
        let ratio = p99 / *undisturbed.get_or_insert(p99);
        let (count, note) = (latencies.len(), if are_quiet { "" } else { "  (the machine was busy)" });
        println!("{name:<50} {count:>6} {p50:>9.1} {p99:>9.1} {most:>9.1} {ratio:>14.2}{note}");
    }
    Ok(())
}
