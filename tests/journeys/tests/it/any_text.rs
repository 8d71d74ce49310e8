//! Whatever text a payer, a shop or a provider puts into a webhook, in whatever field: it goes through everything, from the
//! webhook function to every kind of destination, and is byte-exact in `raw` and equal in `standard`; or it is refused at the
//! door, where the provider sees it. It is never accepted and then lost.
//!
//! One text for each provider, drawn anew in each run; `PROPTEST_CASES` draws as many as it says.

use crate::providers::{ASKED, apis, source};
use anyhow::{Context, Result, ensure};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use data_encoding::BASE64;
use journeys::{App, ClientQueue, HOST, QueueMessage, Receiver, create_bus};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde::Deserialize;
use serde_json::{Value, json};
use simulators::{Simulator, Stripe};
use std::ops::Range;
use std::path::Path;

/// Outside of what SQS takes, at its borders, or trouble elsewhere: direction, combination, a byte order mark, markup.
const ODD: [char; 22] = [
    '\u{fffe}',
    '\u{ffff}',
    '\u{1fffe}',
    '\u{10ffff}',
    '\u{fffd}',
    '\u{e000}',
    '\u{feff}',
    '\u{7f}',
    '\u{80}',
    '\u{85}',
    '\u{9f}',
    '\u{202e}',
    '\u{2028}',
    '\u{5d0}',
    '\u{301}',
    '\u{1f6d2}',
    '<',
    '&',
    '%',
    '"',
    '\\',
    ' ',
];
/// As `\uXXXX`: control characters, what SQS refuses, and halves of surrogate pairs.
const ESCAPED: [u16; 9] = [0x0000, 0x0001, 0x0008, 0x001b, 0x007f, 0xfffe, 0xffff, 0xd800, 0xdc00];

#[derive(Debug, Clone)]
enum Piece {
    Plain(char),
    Escaped(u16),
}

/// What becomes of one text of a payload.
#[derive(Debug, Clone)]
struct Change {
    sample: Index,
    leaf: Index,
    /// Behind the text that is there, or in its place.
    keeps: bool,
    pieces: Vec<Piece>,
}

fn change() -> impl Strategy<Value = Change> {
    let piece = prop_oneof![
        3 => select(ODD.to_vec()).prop_map(Piece::Plain),
        1 => any::<char>().prop_map(Piece::Plain),
        1 => select(ESCAPED.to_vec()).prop_map(Piece::Escaped),
    ];
    let pieces = proptest::collection::vec(piece, 1..8);
    (any::<Index>(), any::<Index>(), any::<bool>(), pieces).prop_map(|(sample, leaf, keeps, pieces)| Change {
        sample,
        leaf,
        keeps,
        pieces,
    })
}

impl Change {
    /// The payload with one of its texts changed, and no other byte; `None` where it has no text.
    fn of(&self, payload: &str) -> Option<String> {
        let is_json = payload.trim_start().starts_with(['{', '[']);
        let leaves = if is_json { json_texts(payload) } else { form_values(payload) };
        if leaves.is_empty() {
            return None;
        }
        let place = leaves[self.leaf.index(leaves.len())].clone();
        let kept = if self.keeps { &payload[place.clone()] } else { "" };
        let text: String = self.pieces.iter().map(|piece| piece.written(is_json)).collect();
        Some(format!("{}{kept}{text}{}", &payload[..place.start], &payload[place.end..]))
    }
}

impl Piece {
    fn written(&self, is_json: bool) -> String {
        match self {
            Self::Plain(c) if is_json => {
                let quoted = Value::from(c.to_string()).to_string();
                quoted[1..quoted.len() - 1].to_owned()
            }
            Self::Escaped(unit) if is_json => format!("\\u{unit:04x}"),
            Self::Plain(c) => c.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect(),
            Self::Escaped(unit) => format!("%{:02X}", unit & 0x7f),
        }
    }
}

/// Where the texts that are values stand in a JSON document, without their quotes.
fn json_texts(json: &str) -> Vec<Range<usize>> {
    let bytes = json.as_bytes();
    let (mut texts, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if bytes[at] != b'"' {
            at += 1;
            continue;
        }
        let start = at + 1;
        let mut end = start;
        while bytes[end] != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        at = end + 1;
        if !json[at..].trim_start().starts_with(':') {
            texts.push(start..end);
        }
    }
    texts
}

fn form_values(form: &str) -> Vec<Range<usize>> {
    let mut at = 0;
    let mut values = Vec::new();
    for field in form.split('&') {
        if let Some(equals) = field.find('=') {
            values.push(at + equals + 1..at + field.len());
        }
        at += field.len() + 1;
    }
    values
}

#[derive(Debug, Deserialize)]
struct Sample {
    name: String,
    content_type: String,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    body: String,
}

fn samples(provider: &str) -> Vec<Sample> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../vectors/samples/{provider}.json"));
    std::fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// A webhook with a changed text, as genuine as it can be made.
#[derive(Debug)]
struct Altered {
    of: String,
    query: String,
    content_type: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// Signed over a sample with a changed text, or, where the signature stands in the body, with a changed text of the
/// simulator's own: that may break it.
fn altered(simulator: &Simulator, app: &App, source: &str, change: &Change) -> Result<Option<Altered>> {
    let now = app.clock.now();
    let url = format!("https://{HOST}/webhooks/{source}");
    let traffic = simulator.traffic(0, now - simulator.longest(), 1);
    let message = traffic.first().context("a message")?;
    let own = simulator.sign(message, &url, now)?;
    let text = |(name, value): (&'static str, String)| (name.to_owned(), value);
    let samples = samples(simulator.provider().id());
    if !samples.is_empty() {
        let sample = &samples[change.sample.index(samples.len())];
        let Some(body) = change.of(&sample.body) else { return Ok(None) };
        if let Ok(headers) = simulator.headers_for(message, &url, now, body.as_bytes()) {
            let mut headers: Vec<_> = headers.into_iter().map(text).collect();
            for (name, value) in &sample.headers {
                let name = name.to_ascii_lowercase();
                if !headers.iter().any(|(known, _)| *known == name) {
                    headers.push((name, value.clone()));
                }
            }
            let content_type = sample.content_type.split(' ').next().unwrap_or_default().to_owned();
            return Ok(Some(Altered {
                of: sample.name.clone(),
                query: own.query,
                content_type,
                headers,
                body,
            }));
        }
    }
    let Some(body) = change.of(&own.body) else { return Ok(None) };
    let headers = own.headers.into_iter().map(text).collect();
    let content_type = own.content_type.to_owned();
    Ok(Some(Altered { of: "the simulator's".to_owned(), query: own.query, content_type, headers, body }))
}

/// One endpoint of each kind.
struct Everywhere {
    app: App,
    raw: Receiver,
    standard: Receiver,
    xml: Receiver,
    raw_queue: ClientQueue,
    queue: ClientQueue,
    mailbox: String,
    cursor: Option<String>,
}

/// What came to each of them since the last look.
#[derive(Debug)]
struct Arrived {
    raw: Vec<Vec<u8>>,
    standard: Vec<String>,
    xml: usize,
    raw_queue: Vec<Vec<u8>>,
    queue: Vec<String>,
    bus: Vec<Value>,
    mailbox: Vec<String>,
}

impl Everywhere {
    async fn over(app: App) -> Result<Self> {
        let (_, raw) = app.endpoint_with(json!({ "format": "raw" })).await?;
        let (_, standard) = app.endpoint_with(json!({})).await?;
        let (_, xml) = app.endpoint_with(json!({ "encoding": "xml" })).await?;
        let (raw_queue, queue) =
            (ClientQueue::create(&app.stack, "raw")?, ClientQueue::create(&app.stack, "standard")?);
        app.create("/v1/endpoints", json!({ "type": "sqs", "arn": raw_queue.arn(), "format": "raw" }))
            .await?;
        app.create("/v1/endpoints", json!({ "type": "sqs", "arn": queue.arn() })).await?;
        let bus = create_bus(&app.stack, "all").await?;
        app.create("/v1/endpoints", json!({ "type": "eventbridge", "arn": bus })).await?;
        let mailbox = app.create("/v1/endpoints", json!({ "type": "poll" })).await?;
        let mailbox = mailbox["id"].as_str().context("an id")?.to_owned();
        Ok(Self { app, raw, standard, xml, raw_queue, queue, mailbox, cursor: None })
    }

    async fn arrived(&mut self) -> Result<Arrived> {
        let text = |body: String| body.into_bytes();
        let decoded = |message: QueueMessage| match message.attributes.get("payrelay-body-encoding") {
            Some(_) => Ok(BASE64.decode(message.body.as_bytes())?),
            None => anyhow::Ok(message.body.into_bytes()),
        };
        let cursor = self.cursor.as_ref().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let polled = self.app.get(&format!("/v1/endpoints/{}/poll?limit=50{cursor}", self.mailbox)).await?;
        self.cursor = polled["cursor"].as_str().map(str::to_owned);
        let body = |message: &Value| message["body"].as_str().map(str::to_owned);
        let mut arrived = Arrived {
            raw: self.raw.take().into_iter().map(|receipt| text(receipt.body)).collect(),
            standard: self.standard.take().into_iter().map(|receipt| receipt.body).collect(),
            xml: self.xml.take().len(),
            raw_queue: self
                .raw_queue
                .take(&self.app.stack)
                .await?
                .into_iter()
                .map(decoded)
                .collect::<Result<_>>()?,
            queue: self.queue.take(&self.app.stack).await?.into_iter().map(|message| message.body).collect(),
            bus: self.app.stack.buses.events("all").into_iter().map(|event| event.detail).collect(),
            mailbox: polled["data"].as_array().context("a list")?.iter().filter_map(body).collect(),
        };
        for bodies in [&mut arrived.standard, &mut arrived.queue, &mut arrived.mailbox] {
            bodies.sort_unstable();
        }
        Ok(arrived)
    }

    /// Gives whether the webhook was taken.
    async fn holds_for(&mut self, source: &str, sent: &Altered) -> Result<bool> {
        let query = if sent.query.is_empty() { String::new() } else { format!("?{}", sent.query) };
        let mut request = Request::post(format!("/webhooks/{source}{query}"))
            .header(header::HOST, HOST)
            .header(header::CONTENT_TYPE, &sent.content_type);
        for (name, value) in &sent.headers {
            request = request.header(name, value);
        }
        let before = self.app.stack.buses.events("all").len();
        let answer = self.app.call(request.body(Body::from(sent.body.clone()))?).await?;
        self.app.stack.settle().await?;
        ensure!(self.app.stack.dead_letter_counts()? == (0, 0), "a dead letter");
        let events = self.app.get(&format!("/v1/events?source={source}&limit=100")).await?;
        let events = events["data"].as_array().context("a list")?.clone();
        if answer.status.is_client_error() {
            ensure!(events.is_empty(), "refused, and recorded");
            return Ok(false);
        }
        ensure!(answer.status == StatusCode::OK || answer.status.is_success(), "{}", answer.text());
        ensure!(!events.is_empty(), "accepted, and not recorded");
        for event in &events {
            let id = event["id"].as_str().context("an id")?;
            let raw = self.app.api(axum::http::Method::GET, &format!("/v1/events/{id}/raw"), None).await?;
            ensure!(raw.body == sent.body.as_bytes(), "kept otherwise than it came");
        }
        let arrived = self.arrived().await?;
        let mut told: Vec<Value> =
            arrived.standard.iter().map(|body| Ok(serde_json::from_str(body)?)).collect::<Result<_>>()?;
        told.sort_by_key(Value::to_string);
        let mut put = arrived.bus[before..].to_vec();
        put.sort_by_key(Value::to_string);
        ensure!(arrived.queue == arrived.standard && arrived.mailbox == arrived.standard, "{arrived:?}");
        ensure!(put == told && arrived.xml == told.len(), "{arrived:?}");
        for raw in arrived.raw.iter().chain(&arrived.raw_queue) {
            ensure!(raw == sent.body.as_bytes(), "passed on otherwise than it came");
        }
        ensure!(arrived.raw.len() == arrived.raw_queue.len(), "{arrived:?}");
        ensure!(arrived.raw.is_empty() == told.is_empty(), "{arrived:?}");
        for payload in &told {
            let event = &payload["data"]["event"];
            let id = event["id"].as_str().context("an id")?;
            let kept = self.app.get(&format!("/v1/events/{id}")).await?;
            for name in ["provider_event_id", "provider_type", "provider_payment_id", "occurred_at", "type"] {
                ensure!(event[name].is_null() || event[name] == kept[name], "{name}: {event} {kept}");
            }
        }
        Ok(true)
    }
}

#[tokio::test]
async fn any_text_in_any_field_of_any_provider_arrives_everywhere_as_it_was_sent() -> Result<()> {
    let server = apis().await;
    let mut runner = TestRunner::new(Config::default());
    // Not set, it is proptest's own 256: too many for every change of the code.
    let cases = if runner.config().cases == 256 { 1 } else { runner.config().cases };
    let (mut taken, mut refused) = (0, 0);
    for provider in Simulator::providers() {
        let authority = vec![Simulator::authority().to_vec()];
        let app = App::start_with_authority(&server.uri(), ASKED, Some(authority)).await?;
        let mut everywhere = Everywhere::over(app).await?;
        let simulator = Simulator::new(provider, [3; 32]).context(provider)?;
        for _ in 0..cases {
            let change =
                change().new_tree(&mut runner).map_err(|reason| anyhow::anyhow!("{reason}"))?.current();
            let source = source(&everywhere.app, &simulator).await.context(provider)?;
            let Some(sent) = altered(&simulator, &everywhere.app, &source, &change)? else { continue };
            let what = || format!("{provider}, {}: {}", sent.of, sent.body.escape_debug());
            if everywhere.holds_for(&source, &sent).await.with_context(what)? {
                taken += 1
            } else {
                refused += 1
            }
        }
    }
    println!("{taken} taken, {refused} refused");
    assert!(taken > refused, "{taken} were taken and {refused} refused: most texts mean nothing to anybody");
    Ok(())
}

#[tokio::test]
async fn what_a_payer_types_is_equal_in_every_payload_and_costs_the_neighbours_nothing() -> Result<()> {
    let mut everywhere = Everywhere::over(App::start().await?).await?;
    let stripe = Stripe::new([1; 16]);
    let (poisoned, innocent) = (
        everywhere.app.source("stripe", stripe.secret()).await?,
        everywhere.app.source("stripe", stripe.secret()).await?,
    );
    let now = everywhere.app.clock.now();
    let webhook = |id: &str, typed: &str| {
        let object = json!({
            "id": format!("pi_{id}"), "object": "payment_intent", "amount": 100, "amount_received": 100,
            "currency": "eur", "status": "succeeded", "metadata": { "order_id": typed }, "description": typed,
        });
        stripe.event(&format!("evt_{id}"), "payment_intent.succeeded", now, &object, now)
    };
    let typed: String = ODD.into_iter().chain(['\0', '\u{1}', '\u{1b}', '\t', '\n', '\r']).collect();
    let sent = webhook("odd", &typed);
    everywhere.app.webhook(&poisoned, &sent).await?;
    for number in 0..9 {
        everywhere.app.webhook(&innocent, &webhook(&number.to_string(), "fine")).await?;
    }
    assert_eq!(everywhere.app.stack.consume().await?, 10, "all in one batch");
    everywhere.app.stack.settle().await?;
    assert_eq!(everywhere.app.stack.dead_letter_counts()?, (0, 0));
    let arrived = everywhere.arrived().await?;
    assert_eq!((arrived.raw.len(), arrived.raw_queue.len(), arrived.xml), (10, 10, 10));
    for raw in [&arrived.raw, &arrived.raw_queue] {
        assert_eq!(raw.iter().filter(|body| **body == sent.body.as_bytes()).count(), 1, "byte for byte");
    }
    assert_eq!((&arrived.queue, &arrived.mailbox), (&arrived.standard, &arrived.standard));
    let told = arrived
        .standard
        .iter()
        .map(|body| serde_json::from_str::<Value>(body))
        .collect::<Result<Vec<_>, _>>()?;
    for payloads in [&told, &arrived.bus] {
        let reference = |payload: &&Value| payload["data"]["payment"]["merchant_reference"] == typed.as_str();
        assert_eq!(payloads.iter().filter(reference).count(), 1, "{payloads:?}");
    }
    Ok(())
}
