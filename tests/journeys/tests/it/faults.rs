//! Endpoints that misbehave, each in its way: the record says how, nothing takes longer or more than it may, and the
//! other endpoint of the same event gets its delivery as if nothing were.

mod bombs;
mod tls;

use crate::failures::Servers;
use anyhow::{Context, Result};
use axum::http::StatusCode;
use bombs::gzip_bomb;
use journeys::{App, Receiver};
use serde_json::{Value, json};
use simulators::{StandardWebhooks, Stripe, Webhook};
use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;
use tls::{Certificates, Misbehaviour};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// What a faulty endpoint's delivery must have become, after its one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Succeeded(u16),
    /// An answer that is a failure, with its class.
    Answered(u16, &'static str),
    /// An answer that wants no more of the delivery.
    Ended(u16),
    /// No answer, for this reason.
    Unanswered(&'static str),
}
use Expected::{Answered, Ended, Succeeded, Unanswered};

fn coupon(stripe: &Stripe, app: &App) -> Webhook {
    let now = app.clock.now();
    stripe.event("evt_1", "coupon.created", now, &json!({ "id": "SUMMER" }), now)
}

/// The endpoints of one event: faulty ones by a name for the test's messages, and a sound one.
struct Cast {
    app: App,
    faulty: BTreeMap<String, String>,
    sound: Receiver,
}

impl Cast {
    async fn new(app: App) -> Result<Self> {
        let (_, sound) = app.endpoint_with(json!({ "timeout_seconds": 30 })).await?;
        Ok(Self { app, faulty: BTreeMap::new(), sound })
    }

    async fn add(&mut self, name: impl Into<String>, url: &str) -> Result<()> {
        let endpoint = self.app.create("/v1/endpoints", json!({ "url": url, "timeout_seconds": 1 })).await?;
        let id = endpoint["id"].as_str().context("an id")?;
        self.faulty.insert(name.into(), id.to_owned());
        Ok(())
    }

    /// One event for all; gives each faulty endpoint's delivery. What holds for all of them is looked at here.
    async fn play(&self) -> Result<BTreeMap<String, Value>> {
        let stripe = Stripe::new([1; 16]);
        let source = self.app.source("stripe", stripe.secret()).await?;
        let answer = self.app.webhook(&source, &coupon(&stripe, &self.app)).await?;
        assert_eq!(answer.status, StatusCode::OK);
        let started = Instant::now();
        self.app.stack.settle().await?;
        // Ten messages make a batch, and a batch takes as long as its slowest attempt.
        let batches = u32::try_from(self.faulty.len() / 10 + 2)?;
        assert!(started.elapsed() < batches * Duration::from_secs(5), "{:?}", started.elapsed());
        assert_eq!((self.sound.receipts().len(), self.sound.refused()), (1, 0), "the other one is told once");
        assert_eq!(self.app.stack.dead_letter_counts()?, (0, 0));
        let mut deliveries = BTreeMap::new();
        for (name, endpoint) in &self.faulty {
            let page = self.app.get(&format!("/v1/deliveries?endpoint={endpoint}")).await?;
            // Of what is given up the others are told, which is another matter.
            let all = page["data"].as_array().context("a list")?.iter();
            let of_the_event: Vec<&Value> = all.filter(|d| d["type"] != "delivery.exhausted").collect();
            let [delivery] = of_the_event[..] else { anyhow::bail!("{name}: one delivery") };
            let attempts = delivery["attempts"].as_array().context("a list")?;
            assert_eq!(attempts.len(), 1, "{name}: {delivery}");
            let latency_ms = attempts[0]["latency_ms"].as_u64().context("a number")?;
            assert!(latency_ms < 2500, "{name}: {latency_ms} ms");
            let excerpt = attempts[0]["response_excerpt"].as_str().unwrap_or_default();
            assert!(excerpt.len() <= 1024 && !excerpt.contains(char::is_control), "{name}: {excerpt}");
            deliveries.insert(name.clone(), delivery.clone());
        }
        Ok(deliveries)
    }

    async fn expect(&self, expected: &BTreeMap<String, Expected>) -> Result<BTreeMap<String, Value>> {
        let deliveries = self.play().await?;
        let told: BTreeMap<String, Option<Expected>> = deliveries
            .iter()
            .map(|(name, delivery)| (name.clone(), expected.get(name).copied().filter(|e| is(delivery, *e))))
            .collect();
        for (name, expected) in expected {
            assert_eq!(told[name], Some(*expected), "{name}: {}", deliveries[name]);
        }
        Ok(deliveries)
    }
}

/// Whether `delivery` is the documented record of this.
fn is(delivery: &Value, expected: Expected) -> bool {
    let attempt = &delivery["attempts"][0];
    let (status, outcome, code, error) = match expected {
        Succeeded(code) => ("succeeded", "succeeded", json!(code), Value::Null),
        Answered(code, error) => ("retrying", "failed", json!(code), json!(error)),
        Ended(code) => ("exhausted", "failed", json!(code), json!("rejected")),
        Unanswered(error) => ("retrying", "failed", Value::Null, json!(error)),
    };
    let is_told_in_words = attempt["error_detail"].is_string() == matches!(expected, Unanswered(_));
    delivery["status"] == status
        && attempt["outcome"] == outcome
        && attempt["status_code"] == code
        && attempt["error"] == error
        && is_told_in_words
}

/// The request, as far as one read gets it.
async fn take(stream: &mut TcpStream) -> io::Result<String> {
    let mut request = vec![0; 16 * 1024];
    let read = stream.read(&mut request).await?;
    Ok(String::from_utf8_lossy(&request[..read]).into_owned())
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/hook")
}

#[tokio::test]
async fn a_wish_for_time_is_heeded_where_it_is_one_and_within_a_day() -> Result<()> {
    let mut cast = Cast::new(App::start().await?).await?;
    let mut servers = Servers::default();
    // The clock of the test stands at 2026-11-22T12:00:00Z. The schedule's own first delay is 5 to 6 s.
    let own = 5..=6;
    let mut expected = BTreeMap::new();
    for (answer, code, delay_s) in [
        ("500 Oh", 500, own.clone()),
        ("404 No", 404, own.clone()),
        ("999 Odd", 999, own.clone()),
        ("429 Slow", 429, own.clone()),
        ("429 Slow\r\nretry-after: 120", 429, 120..=120),
        ("429 Slow\r\nretry-after: 0", 429, own.clone()),
        ("429 Slow\r\nretry-after: 2", 429, own.clone()),
        ("503 Busy\r\nretry-after: 60", 503, 60..=60),
        ("429 Slow\r\nretry-after: Sun, 22 Nov 2026 12:10:00 GMT", 429, 600..=600),
        ("429 Slow\r\nretry-after: Sunday, 22-Nov-26 12:10:00 GMT", 429, 600..=600),
        ("429 Slow\r\nretry-after: Sun Nov 22 12:10:00 2026", 429, 600..=600),
        ("429 Slow\r\nretry-after: Sun, 22 Nov 2020 12:10:00 GMT", 429, own.clone()),
        ("429 Slow\r\nretry-after: Fri, 31 Dec 9999 23:59:59 GMT", 429, 86_400..=86_400),
        ("429 Slow\r\nretry-after: 99999999999999999999999999", 429, 86_400..=86_400),
        ("429 Slow\r\nretry-after: -120", 429, own.clone()),
        ("429 Slow\r\nretry-after: 1e9", 429, own.clone()),
        ("429 Slow\r\nretry-after: soon", 429, own.clone()),
        ("429 Slow\r\nretry-after:", 429, own.clone()),
        ("500 Oh\r\nretry-after: 120", 500, own.clone()),
        ("301 Moved\r\nlocation: http://169.254.169.254/\r\nretry-after: 120", 301, own),
    ] {
        let text = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
        let port = servers
            .start(move |mut stream| {
                let text = text.clone();
                async move {
                    take(&mut stream).await?;
                    stream.write_all(text.as_bytes()).await
                }
            })
            .await?;
        cast.add(answer, &url(port)).await?;
        expected.insert(answer, (code, delay_s));
    }
    let deliveries = cast.play().await?;
    for (name, (code, delay_s)) in expected {
        let delivery = &deliveries[name];
        let error = if code == 301 { "redirect" } else { "status" };
        assert!(is(delivery, Answered(code, error)), "{name}: {delivery}");
        let next: jiff::Timestamp = delivery["next_attempt_at"].as_str().context("a time")?.parse()?;
        let waits = next.duration_since(cast.app.clock.now()).as_secs();
        assert!(delay_s.contains(&waits), "{name}: {waits} s");
    }
    Ok(())
}

#[tokio::test]
async fn answers_that_are_late_endless_or_no_http_are_told_apart_and_bounded() -> Result<()> {
    let mut cast = Cast::new(App::start().await?).await?;
    let mut servers = Servers::default();
    let mut expected = BTreeMap::new();
    for (name, outcome, pieces) in PIECES {
        let port = servers.start(move |stream| pieces.serve(stream)).await?;
        cast.add(*name, &url(port)).await?;
        expected.insert((*name).to_owned(), *outcome);
    }
    let deliveries = cast.expect(&expected).await?;
    let excerpt = |name: &str| deliveries[name]["attempts"][0]["response_excerpt"].clone();
    assert_eq!(excerpt("an endless body"), "x".repeat(1024));
    assert_eq!(excerpt("a body that breaks off"), "half of it");
    assert_eq!(excerpt("a body that steers a terminal"), "\u{FFFD}[2J  forged=line ");
    Ok(())
}

/// An answer, written piece by piece.
struct Pieces {
    first: &'static str,
    /// Again and again, with this pause.
    then: Option<(&'static str, Duration)>,
    /// Once nothing more is to be written: whether to stay, or hang up at once.
    stays: bool,
    /// Closed with the request unread, the kernel sends RST instead of FIN.
    reads: bool,
}

impl Pieces {
    async fn serve(&'static self, mut stream: TcpStream) -> io::Result<()> {
        if self.reads {
            take(&mut stream).await?;
        } else {
            stream.readable().await?;
        }
        stream.write_all(self.first.as_bytes()).await?;
        if let Some((piece, pause)) = self.then {
            loop {
                stream.write_all(piece.as_bytes()).await?;
                sleep(pause).await;
            }
        }
        if self.stays { pending().await } else { Ok(()) }
    }
}

const fn once(first: &'static str) -> Pieces {
    Pieces { first, then: None, stays: false, reads: true }
}

const fn forever(first: &'static str, piece: &'static str, pause_ms: u64) -> Pieces {
    Pieces { first, then: Some((piece, Duration::from_millis(pause_ms))), stays: true, reads: true }
}

const KIB_OF_X: &str = match str::from_utf8(&[b'x'; 1024]) {
    Ok(text) => text,
    Err(_) => "",
};

const PIECES: &[(&str, Expected, Pieces)] = &[
    // Late.
    ("nothing for 30 s", Unanswered("timeout"), Pieces { first: "", then: None, stays: true, reads: true }),
    (
        "a request that is not even read",
        Unanswered("timeout"),
        Pieces { first: "", then: None, stays: true, reads: false },
    ),
    ("a header byte by byte", Unanswered("timeout"), forever("HTTP/1.1 200 OK\r\nx-drip: ", "a", 50)),
    ("a status line byte by byte", Unanswered("timeout"), forever("HTTP/1.1 200 ", "O", 50)),
    ("interim answers without end", Unanswered("timeout"), forever("", "HTTP/1.1 100 Continue\r\n\r\n", 5)),
    (
        "a body byte by byte",
        Succeeded(200),
        forever("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", "x", 50),
    ),
    // Endless.
    ("a header without end", Unanswered("response_too_large"), forever("HTTP/1.1 200 OK\r\n", FLOOD, 0)),
    (
        "a header line without end",
        Unanswered("response_too_large"),
        forever("HTTP/1.1 200 OK\r\nx: ", KIB_OF_X, 0),
    ),
    ("an endless body", Succeeded(200), forever("HTTP/1.1 200 OK\r\n\r\n", KIB_OF_X, 0)),
    (
        "an endless row of chunks",
        Answered(500, "status"),
        forever("HTTP/1.1 500 Oh\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\nx\r\n", 0),
    ),
    (
        "an endless extension of a chunk",
        Succeeded(200),
        forever("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;x=", KIB_OF_X, 0),
    ),
    // Cut off.
    ("a connection that is closed at once", Unanswered("connection_reset"), once("")),
    (
        "a connection that is reset at once",
        Unanswered("connection_reset"),
        Pieces { first: "", then: None, stays: false, reads: false },
    ),
    ("a header that breaks off", Unanswered("connection_reset"), once("HTTP/1.1 200 OK\r\ncontent-le")),
    (
        "a header that ends in a reset",
        Unanswered("connection_reset"),
        Pieces { first: "HTTP/1.1 200 OK\r\nx: ", then: None, stays: false, reads: false },
    ),
    (
        "a body that breaks off",
        Succeeded(200),
        once("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of it"),
    ),
    // No HTTP.
    ("another protocol", Unanswered("protocol"), once("SSH-2.0-OpenSSH_9.2p1\r\n\r\n")),
    ("noise", Unanswered("protocol"), once("\u{1}\u{2}\u{3}\u{0}\u{7f}\r\n\r\n")),
    ("a status that is no number", Unanswered("protocol"), once("HTTP/1.1 2xx OK\r\n\r\n")),
    ("a status of two digits", Unanswered("protocol"), once("HTTP/1.1 20 OK\r\n\r\n")),
    ("a version to come", Unanswered("protocol"), once("HTTP/7.0 200 OK\r\n\r\n")),
    ("a header with a zero in it", Unanswered("protocol"), once("HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n")),
    (
        "two lengths",
        Unanswered("protocol"),
        once("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx"),
    ),
    ("a negative length", Unanswered("protocol"), once("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n")),
    // Odd, and an answer none the less.
    (
        "a chunk of no size",
        Succeeded(200),
        once("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\nxx\r\n"),
    ),
    (
        "an offer of another protocol",
        Answered(101, "status"),
        once("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"),
    ),
    ("HTTP/1.0", Succeeded(200), once("HTTP/1.0 200 OK\r\n\r\nok")),
    ("an answer and another one", Succeeded(204), once("HTTP/1.1 204 No\r\n\r\nHTTP/1.1 500 Oh\r\n\r\n")),
    (
        "a body that steers a terminal",
        Answered(500, "status"),
        once("HTTP/1.1 500 Oh\r\ncontent-length: 18\r\n\r\n\u{1b}[2J\r\nforged=line\n"),
    ),
];

const FLOOD: &str =
    "x-flood: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";

#[tokio::test]
async fn a_compressed_answer_is_not_asked_for_and_never_unpacked() -> Result<()> {
    let mut cast = Cast::new(App::start().await?).await?;
    let mut servers = Servers::default();
    let bomb = gzip_bomb(8 * 1024 * 1024);
    assert!(bomb.len() < 64 * 1024, "within what is read of a body");
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n",
        bomb.len()
    );
    let answer = [head.into_bytes(), bomb].concat();
    let port = servers
        .start(move |mut stream| {
            let answer = answer.clone();
            async move {
                let request = take(&mut stream).await?.to_lowercase();
                // A wrong answer here is seen in the record.
                let answer: &[u8] = if request.contains("accept-encoding") { b"?" } else { &answer };
                stream.write_all(answer).await
            }
        })
        .await?;
    cast.add("bomb", &url(port)).await?;
    let delivery = &cast.play().await?["bomb"];
    assert!(is(delivery, Succeeded(200)), "{delivery}");
    let excerpt = delivery["attempts"][0]["response_excerpt"].as_str().context("some of it")?;
    assert!(!excerpt.contains("aaaa"), "it is kept as it came: {excerpt}");
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told_and_http2_is_spoken() -> Result<()> {
    let certificates = Certificates::new()?;
    let mut app = App::start().await?;
    app.deliver_through(certificates.client()?)?;
    let mut cast = Cast::new(app).await?;
    let mut servers = JoinSet::new();
    let (good, hooks) = (&certificates.good, "hooks.test");
    let mut expected = BTreeMap::new();
    for (name, host, certificate, behaviour, outcome) in [
        ("HTTP/1.1", hooks, good, Misbehaviour::NoneOverHttp1, Succeeded(200)),
        ("HTTP/2", hooks, good, Misbehaviour::None, Succeeded(200)),
        ("HTTP/2 that never answers", hooks, good, Misbehaviour::Silence, Unanswered("timeout")),
        ("HTTP/2 that resets the stream", hooks, good, Misbehaviour::Reset, Unanswered("connection_reset")),
        ("HTTP/2 that goes away", hooks, good, Misbehaviour::GoAway, Unanswered("connection_reset")),
        (
            "HTTP/2 with a vast header",
            hooks,
            good,
            Misbehaviour::VastHeader,
            Unanswered("response_too_large"),
        ),
        ("HTTP/2 with a large header", hooks, good, Misbehaviour::LargeHeader, Unanswered("protocol")),
        ("HTTP/2 with an endless body", hooks, good, Misbehaviour::EndlessBody, Succeeded(200)),
        ("HTTP/2 in name only", hooks, good, Misbehaviour::Garbage, Unanswered("protocol")),
        ("self-signed", hooks, &certificates.self_signed, Misbehaviour::None, Unanswered("tls")),
        ("expired", hooks, &certificates.expired, Misbehaviour::None, Unanswered("tls")),
        ("not yet valid", hooks, &certificates.not_yet_valid, Misbehaviour::None, Unanswered("tls")),
        ("of another name", "other.test", good, Misbehaviour::None, Unanswered("tls")),
        ("of an address", "127.0.0.1", good, Misbehaviour::None, Unanswered("tls")),
    ] {
        let port = tls::serve(&mut servers, certificate, behaviour).await?;
        cast.add(name, &format!("https://{host}:{port}/hook")).await?;
        expected.insert(name.to_owned(), outcome);
    }
    let deliveries = cast.expect(&expected).await?;
    for (name, cause) in [
        ("self-signed", "UnknownIssuer"),
        ("expired", "certificate expired"),
        ("not yet valid", "certificate not valid yet"),
        ("of another name", "not valid for name"),
    ] {
        let detail = deliveries[name]["attempts"][0]["error_detail"].as_str().context("in words")?;
        assert!(detail.starts_with("TLS could not be set up: invalid peer certificate: "), "{detail}");
        assert!(detail.contains(cause), "{name}: {detail}");
    }
    let versions = ["HTTP/1.1", "HTTP/2"].map(|name| &deliveries[name]["attempts"][0]["response_excerpt"]);
    assert_eq!(versions, ["HTTP/1.1", "HTTP/2.0"]);
    Ok(())
}

#[tokio::test]
async fn a_delivery_to_our_own_webhook_ends_at_once_whatever_stands_behind_the_address() -> Result<()> {
    let mut cast = Cast::new(App::start().await?).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let own = format!("http://{}", listener.local_addr()?);
    let router = cast.app.stack.router();
    let mut servers = JoinSet::new();
    servers.spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    let stripe = Stripe::new([9; 16]);
    let standard = StandardWebhooks::new([9; 32]);
    for (provider, secret) in
        [("stripe", stripe.secret().to_owned()), ("standard_webhooks", standard.secret())]
    {
        let source = cast.app.source(provider, &secret).await?;
        cast.add(provider, &format!("{own}/webhooks/{source}")).await?;
    }
    cast.add("none", &format!("{own}/webhooks/src_00000000000000000000000000")).await?;
    cast.add("the API", &format!("{own}/v1/endpoints")).await?;
    let deliveries = cast.play().await?;
    for (name, expected, problem) in [
        ("stripe", Ended(508), "delivery_loop"),
        ("standard_webhooks", Ended(508), "delivery_loop"),
        ("none", Ended(508), "delivery_loop"),
        ("the API", Answered(401, "status"), "unauthorized"),
    ] {
        let delivery = &deliveries[name];
        assert!(is(delivery, expected), "{name}: {delivery}");
        let excerpt = delivery["attempts"][0]["response_excerpt"].as_str().context("a problem")?;
        assert!(excerpt.contains(problem), "{name}: {excerpt}");
    }
    let events = cast.app.get("/v1/events").await?;
    let types = events["data"].as_array().into_iter().flatten().map(|event| &event["type"]);
    let came_in = types.filter(|name| **name != json!("delivery.exhausted")).count();
    assert_eq!(came_in, 1, "{events}");
    Ok(())
}
