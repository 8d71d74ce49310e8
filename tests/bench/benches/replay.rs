//! Replays while live traffic flows, in real time: what they do to the live deliveries of the same endpoint, that nothing is
//! lost though the sweeper is killed again and again, and that a cancellation holds.
//!
//! `cargo bench -p bench --bench replay` replays 10,000 events: the first 2,000 at the product's own pace, the rest at
//! 3,000 a minute. `-- 3000 6000` are fewer (1,200 at least), and the rest of them faster. Each replay has live traffic
//! alone before and after it. What falls into a time in which other processes are busy is left out of the latencies; on a machine that is
//! always busy run it as `chrt --fifo 1 … all`, before everything else, and with nothing left out.
//!
//! Provider, stack, engines and receiver share the machine's cores. What that makes of the figures shows in the echo: a
//! request over loopback, one beside each live event, that passes no queue and no table. As far as the echo is slower
//! beside a replay, the processor is at fault; the rest is what live deliveries wait behind a replay.

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::{get, post};
use bench::{Machine, Shop, options, percentile};
use local::{Options, Stack};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;
use tokio::time::interval;

const EVENTS: usize = 10_000;
/// How many of them are replayed as fast as a replay goes that is told nothing: for these it takes 200 s.
const AT_DEFAULT_PACE: usize = 2_000;
const RATE_PER_MINUTE: usize = 3_000;
/// Live events, of which the latencies are taken.
const LIVE_INTERVAL: Duration = Duration::from_millis(50);
/// Live events in a stretch without a replay: a minute's.
const ALONE: usize = 1_200;
/// Undisturbed live events that a p99 is taken of, at least.
const ENOUGH: usize = 300;
/// A replay that takes longer than so many live events has got stuck.
const PATIENCE: usize = 40_000;
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

/// Latencies in milliseconds, sorted; without those that other processes disturbed.
#[derive(Debug, Default)]
struct Stretch {
    /// Of the live events, from the webhook's acceptance to the arrival of its delivery.
    live: Vec<f64>,
    echo: Vec<f64>,
    disturbed: usize,
}

impl Stretch {
    fn of(machine: Option<&Machine>, live: &[(Instant, Instant)], echo: &[(Instant, Instant)]) -> Self {
        let quiet = |all: &[(Instant, Instant)]| {
            let quiet =
                all.iter().filter(|(from, to)| machine.is_none_or(|machine| machine.was_quiet(*from, *to)));
            quiet
                .map(|(from, to)| to.saturating_duration_since(*from).as_secs_f64() * 1e3)
                .collect::<Vec<_>>()
        };
        let (quiet_live, quiet_echo) = (quiet(live), quiet(echo));
        let disturbed = live.len() - quiet_live.len();
        Self::default().join(Self { live: quiet_live, echo: quiet_echo, disturbed })
    }

    fn join(mut self, other: Self) -> Self {
        self.live.extend(other.live);
        self.echo.extend(other.echo);
        self.live.sort_unstable_by(f64::total_cmp);
        self.echo.sort_unstable_by(f64::total_cmp);
        Self { disturbed: self.disturbed + other.disturbed, ..self }
    }

    fn p99(&self) -> (f64, f64) {
        (percentile(&self.live, 99), percentile(&self.echo, 99))
    }

    fn print(&self, name: &str) {
        let (p50, (live, echo)) = (percentile(&self.live, 50), self.p99());
        let (count, disturbed) = (self.live.len(), self.disturbed);
        println!(
            "{name:<20} {count:>6} events ({disturbed} disturbed)   p50 {p50:>6.1} ms   p99 {live:>6.1} ms   echo p99 {echo:>6.2} ms"
        );
    }
}

/// Asks the receiver for nothing, again and again.
async fn echo(receiver: SocketAddr, is_over: Arc<AtomicBool>) -> Result<Vec<(Instant, Instant)>> {
    let mut stream = TcpSocket::new_v4()?.connect(receiver).await?;
    stream.set_nodelay(true)?;
    let (mut ticks, mut answer, mut latencies) = (interval(LIVE_INTERVAL), [0; 1024], Vec::new());
    while !is_over.load(Ordering::Relaxed) {
        ticks.tick().await;
        let begun = Instant::now();
        stream.write_all(b"GET /echo HTTP/1.1\r\nhost: receiver\r\n\r\n").await?;
        let length = stream.read(&mut answer).await?;
        ensure!(answer[..length].starts_with(b"HTTP/1.1 200"), "the receiver has gone");
        latencies.push((begun, Instant::now()));
    }
    Ok(latencies)
}

struct Bench {
    shop: Shop,
    receiver: SocketAddr,
    endpoint: String,
    arrivals: Shared,
    /// Absent if nothing is to be left out.
    machine: Option<Machine>,
}

impl Bench {
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

    /// Sends live events from `first` on, one each [`LIVE_INTERVAL`], as long as `goes_on`.
    async fn live(&self, first: usize, goes_on: impl AsyncFn(usize) -> Result<bool>) -> Result<Stretch> {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut echoes = JoinSet::new();
        echoes.spawn(echo(self.receiver, Arc::clone(&is_over)));
        let (mut sent, mut ticks) = (Vec::new(), interval(LIVE_INTERVAL));
        while goes_on(sent.len()).await? {
            ticks.tick().await;
            sent.push(self.shop.webhook(first + sent.len()).await?);
        }
        is_over.store(true, Ordering::Relaxed);
        let has_all = || {
            let arrivals = self.arrivals.lock().expect("no holder of this lock panics");
            sent.iter().all(|(id, _)| arrivals.live.contains_key(id))
        };
        self.wait_for("a live event", has_all).await?;
        let echo = echoes.join_next().await.context("an echo")???;
        let arrivals = self.arrivals.lock().expect("no holder of this lock panics");
        let live = sent.iter().filter_map(|(id, at)| Some((*at, *arrivals.live.get(id)?)));
        Ok(Stretch::of(self.machine.as_ref(), &live.collect::<Vec<_>>(), &echo))
    }

    async fn alone(&self, first: usize) -> Result<Stretch> {
        self.live(first, async |sent| Ok(sent < ALONE)).await
    }

    /// Replays `events` that are in this span, with live traffic beside; fails if one of them is missing.
    async fn beside(&self, span: &Value, events: usize, kills: &[u64], first: usize) -> Result<Stretch> {
        let replay = self.shop.call(Method::POST, "/v1/replays", Some(span.clone())).await?;
        let id = replay["id"].as_str().context("an id")?.to_owned();
        let path = format!("/v1/replays/{id}");
        for milliseconds in kills {
            // To drop a sweep between two of its steps is what a kill does.
            let sweep = sweeper::handle(&self.shop.stack.sweeper);
            let _ = tokio::time::timeout(Duration::from_millis(*milliseconds), sweep).await;
        }
        // The stack's own sweeps come once a minute; this one stands for those that were killed.
        sweeper::handle(&self.shop.stack.sweeper).await?;
        let goes_on = async |sent| {
            // Looked at now and then: each look is a request.
            if sent % 20 != 0 {
                return Ok(true);
            }
            let is_running = self.shop.call(Method::GET, &path, None).await?["status"] == "running";
            Ok(sent < PATIENCE && (is_running || self.replayed(&id).0 < events))
        };
        let beside = self.live(first, goes_on).await?;
        let done = self.shop.call(Method::GET, &path, None).await?;
        let (arrived, twice) = self.replayed(&id);
        ensure!(done["status"] == "succeeded" && arrived == events, "{arrived} of {events} arrived: {done}");
        let (rate, kills) = (&done["rate_per_minute"], kills.len());
        println!(
            "{arrived} of {events} replayed, {rate} a minute; {twice} came more than once after {kills} kills"
        );
        Ok(beside)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut given = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let (events, rate) = (given.next().unwrap_or(EVENTS), given.next().unwrap_or(RATE_PER_MINUTE));
    let machine = std::env::args().all(|argument| argument != "all").then(Machine::watch);
    let arrivals = Shared::default();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let receiver = listener.local_addr()?;
    let url = format!("http://{receiver}/hook");
    let router = Router::new().route("/hook", post(receive)).route("/echo", get(async || ()));
    let router = router.with_state(Arc::clone(&arrivals));
    let mut server = JoinSet::new();
    server.spawn(async move {
        let _ = axum::serve(listener, router).await;
    });

    let mut options = options();
    options.config_max_age = Options::DEPLOYED_MAX_AGE;
    let shop = Shop::open(Arc::new(Stack::open(options).await?)).await?;
    let endpoint = shop.call(Method::POST, "/v1/endpoints", Some(json!({ "url": url }))).await?;
    let endpoint = endpoint["id"].as_str().context("an id")?.to_owned();
    let running = shop.stack.start(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?);
    let bench = Bench { shop, receiver, endpoint, arrivals, machine };
    let outcome = run(&bench, events, rate).await;
    running.stop().await;
    outcome
}

async fn run(bench: &Bench, events: usize, rate: usize) -> Result<()> {
    let at_default_pace = AT_DEFAULT_PACE.min(events / 2);
    let started = Instant::now();
    let since = bench.shop.stack.clock.now();
    for number in 0..at_default_pace {
        bench.shop.webhook(number).await?;
    }
    // Times are kept to the millisecond.
    tokio::time::sleep(Duration::from_millis(5)).await;
    let middle = bench.shop.stack.clock.now();
    for number in at_default_pace..events {
        bench.shop.webhook(number).await?;
    }
    bench.wait_for("an event", || bench.arrived() == events).await?;
    println!("{events} events recorded and delivered in {:.0} s", started.elapsed().as_secs_f64());
    let until = bench.shop.stack.clock.now();

    let span = |since, until| json!({ "endpoint": bench.endpoint, "since": since, "until": until });
    let (slow, mut fast) = (span(since, middle), span(middle, until));
    fast["rate_per_minute"] = json!(rate);
    let number = |part: usize| events + part * PATIENCE;
    let before = bench.alone(number(0)).await?;
    let at_pace = bench.beside(&slow, at_default_pace, &[], number(1)).await?;
    let between = bench.alone(number(2)).await?;
    let faster = bench.beside(&fast, events - at_default_pace, &KILLED_AFTER_MS, number(3)).await?;
    let after = bench.alone(number(4)).await?;

    for (name, stretch) in
        [("live alone", &before), ("alone, in between", &between), ("alone, after", &after)]
    {
        stretch.print(name);
    }
    let alone = before.join(between).join(after);
    for (name, beside) in [("at the default pace", &at_pace), (&*format!("at {rate} a minute"), &faster)] {
        beside.print(name);
        if beside.live.len().min(alone.live.len()) < ENOUGH {
            println!("no ratio {name}: other processes left too little time undisturbed");
            continue;
        }
        let ((live, echo), (live_alone, echo_alone)) = (beside.p99(), alone.p99());
        println!("ratio of p99 {name}: live {:.2}, echo {:.2}", live / live_alone, echo / echo_alone);
    }
    // All of it, so that a minute is not enough.
    cancel(bench, span(since, until)).await
}

/// In its first minute.
async fn cancel(bench: &Bench, span: Value) -> Result<()> {
    let replay = bench.shop.call(Method::POST, "/v1/replays", Some(span)).await?;
    let id = replay["id"].as_str().context("an id")?.to_owned();
    sweeper::handle(&bench.shop.stack.sweeper).await?;
    let canceled = bench.shop.call(Method::POST, &format!("/v1/replays/{id}/cancel"), None).await?;
    let sent = canceled["sent"].as_u64().and_then(|sent| usize::try_from(sent).ok()).context("a number")?;
    bench.wait_for("what was queued", || bench.replayed(&id).0 >= sent).await?;
    tokio::time::sleep(Duration::from_secs(65)).await;
    let (arrived, _) = bench.replayed(&id);
    ensure!(arrived == sent, "{arrived} arrived of {sent} that were queued when it was canceled");
    println!("canceled: the {sent} that were queued arrived, and no more in the next minute");
    Ok(())
}
