//! Clients that nobody can call, and fetch their deliveries.

use crate::crashes::lost;
use crate::stories::StripeStory;
use anyhow::{Context, Result, ensure};
use axum::http::{Method, StatusCode};
use futures::future::try_join_all;
use jiff::SignedDuration;
use journeys::{App, Crash, Side};
use serde_json::{Value, json};
use simulators::Stripe;
use standardwebhooks::Webhook;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// A client with an endpoint of type `poll`, and a source whose events it wants.
pub(crate) struct Client {
    pub(crate) app: App,
    stripe: Stripe,
    source: String,
    pub(crate) endpoint: String,
    secret: String,
}

impl Client {
    pub(crate) async fn start() -> Result<Self> {
        Self::start_with(json!({ "type": "poll", "event_types": ["payment.*"] })).await
    }

    async fn start_with(settings: Value) -> Result<Self> {
        let app = App::start().await?;
        let stripe = Stripe::new([1; 16]);
        let source = app.source("stripe", stripe.secret()).await?;
        let endpoint = app.create("/v1/endpoints", settings).await?;
        let text = |name: &str| endpoint[name].as_str().map(str::to_owned).context("a text");
        Ok(Self { endpoint: text("id")?, secret: text("secret")?, app, stripe, source })
    }

    /// Payments are created, a second apart, and have been placed.
    pub(crate) async fn events(&self, numbers: std::ops::Range<usize>) -> Result<()> {
        for number in numbers {
            self.send(number).await?;
            self.app.stack.settle().await?;
            self.app.clock.advance(SignedDuration::from_secs(1));
        }
        Ok(())
    }

    pub(crate) async fn send(&self, number: usize) -> Result<()> {
        let payment = format!("pi_{number}");
        let story = StripeStory { stripe: &self.stripe, payment: &payment, now: self.app.clock.now() };
        let answer = self.app.webhook(&self.source, &story.created()).await?;
        ensure!(answer.status == StatusCode::OK, "{}", answer.text());
        Ok(())
    }

    pub(crate) async fn answer(&self, query: &str) -> Result<journeys::Answer> {
        let path = format!("/v1/endpoints/{}/poll?{query}", self.endpoint);
        self.app.api(Method::GET, &path, None).await
    }

    /// Every message is verified as the stock library would.
    pub(crate) async fn poll(&self, query: &str) -> Result<Polled> {
        let answer = self.answer(query).await?;
        ensure!(answer.status == StatusCode::OK, "{query}: {}", answer.text());
        ensure!(answer.headers["cache-control"] == "no-store", "an answer that may be kept");
        let answer = answer.json();
        let messages: Vec<Value> = answer["data"].as_array().context("a list")?.clone();
        for message in &messages {
            self.verify(message)?;
        }
        let cursor = answer["cursor"].as_str().context("a cursor")?.to_owned();
        Ok(Polled { messages, cursor, has_more: answer["has_more"] == true })
    }

    pub(crate) async fn poll_after(&self, polled: &Polled, query: &str) -> Result<Polled> {
        self.poll(&format!("cursor={}&{query}", polled.cursor)).await
    }

    /// The library's `verify` holds the timestamp against the system's clock, which is not the test's; what the library
    /// itself would sign is compared instead.
    fn verify(&self, message: &Value) -> Result<()> {
        let header = |name: &str| message["headers"][name].as_str().context("a header");
        let (id, at) = (header("webhook-id")?, header("webhook-timestamp")?.parse()?);
        let body = message["body"].as_str().context("a body")?.as_bytes();
        let expected = Webhook::new(&self.secret)?.sign(id, at, body)?;
        ensure!(header("webhook-signature")? == expected, "no signature matches");
        ensure!(message["id"] == id && at == self.app.clock.now().as_second(), "signed as something else");
        Ok(())
    }

    /// Its status and its attempts.
    async fn delivery(&self, id: &str) -> Result<Value> {
        let delivery = self.app.get(&format!("/v1/deliveries/{id}")).await?;
        Ok(json!([delivery["status"], delivery["attempts"], delivery["next_attempt_at"]]))
    }

    /// Everything that is there, acknowledged bit by bit; how often each came.
    pub(crate) async fn drain(&self, mut polled: Polled) -> Result<BTreeMap<String, usize>> {
        let mut counts = BTreeMap::new();
        while !polled.messages.is_empty() {
            for id in polled.ids() {
                *counts.entry(id).or_default() += 1;
            }
            polled = self.poll_after(&polled, "limit=2").await?;
        }
        Ok(counts)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Polled {
    pub(crate) messages: Vec<Value>,
    pub(crate) cursor: String,
    has_more: bool,
}

impl Polled {
    pub(crate) fn ids(&self) -> Vec<String> {
        self.messages.iter().filter_map(|message| message["id"].as_str().map(str::to_owned)).collect()
    }

    fn replays(&self) -> Vec<Option<&str>> {
        self.messages.iter().map(|message| message["headers"]["payrelay-replay"].as_str()).collect()
    }
}

#[tokio::test]
async fn what_is_recorded_is_fetched_verified_and_acknowledged() -> Result<()> {
    let client = Client::start().await?;
    assert_eq!(client.poll("").await?.messages, Vec::<Value>::new());
    client.events(0..1).await?;
    let polled = client.poll("").await?;
    let [message] = polled.messages.as_slice() else { anyhow::bail!("one: {polled:?}") };
    let payload: Value = serde_json::from_str(message["body"].as_str().context("a body")?)?;
    assert_eq!(payload["type"], message["type"]);
    assert_eq!(
        (&payload["data"]["event"]["id"], &message["object"]),
        (&message["event"], &json!("polled_delivery"))
    );
    assert_eq!(
        (&message["headers"]["content-type"], &message["body_encoding"]),
        (&json!("application/json"), &json!("utf-8"))
    );
    assert!(!polled.has_more);
    let id = polled.ids().remove(0);
    assert_eq!(client.delivery(&id).await?, json!(["pending", [], null]));

    client.app.clock.advance(SignedDuration::from_secs(5));
    assert!(client.poll_after(&polled, "").await?.messages.is_empty());
    let attempt = json!({
        "number": 1, "at": "2026-11-22T12:00:06.000Z", "outcome": "succeeded", "latency_ms": 0,
    });
    assert_eq!(client.delivery(&id).await?, json!(["succeeded", [attempt], null]));
    assert!(client.poll("").await?.messages.is_empty());
    Ok(())
}

#[tokio::test]
async fn what_is_not_acknowledged_comes_again_whoever_asks_and_however_often() -> Result<()> {
    let client = Client::start().await?;
    client.events(0..5).await?;
    let first = client.poll("limit=3").await?;
    assert_eq!((first.messages.len(), first.has_more), (3, true));
    // It crashes before it has done anything with them, and knows no cursor any more.
    client.app.clock.advance(SignedDuration::from_hours(30));
    let again = client.poll("limit=3").await?;
    assert_eq!(again.ids(), first.ids());
    let same =
        |polled: &Polled| -> Vec<Value> { polled.messages.iter().map(|one| one["body"].clone()).collect() };
    assert_eq!(same(&again), same(&first), "the same bytes");

    let rest = client.poll_after(&first, "limit=3").await?;
    assert_eq!((rest.messages.len(), rest.has_more), (2, false));
    // An older cursor acknowledges what it named, which is done, and nothing besides.
    for cursor in [&first, &again, &first] {
        assert_eq!(client.poll_after(cursor, "limit=3").await?.ids(), rest.ids());
    }
    let statuses = client.app.get("/v1/deliveries?status=succeeded").await?;
    assert_eq!(statuses["data"].as_array().map(Vec::len), Some(3));
    for delivery in statuses["data"].as_array().context("a list")? {
        assert_eq!(delivery["attempts"].as_array().map(Vec::len), Some(1), "once, however often it was said");
    }
    assert!(client.poll_after(&rest, "").await?.messages.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_cursor_never_acknowledges_what_it_did_not_name_however_old_that_is() -> Result<()> {
    let client = Client::start().await?;
    let now = client.app.clock.now();
    client.send(0).await?;
    // The first is recorded, and its message is under way while the second and third are placed and fetched.
    while client.app.stack.consume().await? > 0 {}
    let late = client.app.get("/v1/deliveries").await?["data"][0]["id"].clone();
    let stack = &client.app.stack;
    stack
        .deliveries
        .poll(0, async |batch| lost(&batch, aws_lambda_events::sqs::SqsBatchResponse::default()))
        .await?;
    client.events(1..3).await?;
    let polled = client.poll("").await?;
    assert_eq!(polled.messages.len(), 2);
    client.app.pass_visibility_timeout();
    client.app.stack.settle().await?;
    let next = client.poll_after(&polled, "").await?;
    assert_eq!(json!(next.ids()), json!([late]), "received at {now}, before the two");
    Ok(())
}

#[tokio::test]
async fn many_clients_at_once_lose_nothing_and_record_each_delivery_once() -> Result<()> {
    let client = Client::start().await?;
    client.events(0..12).await?;
    let start = client.poll("limit=2").await?;
    let drained = try_join_all((0..4).map(|_| client.drain(start.clone()))).await?;
    let seen: BTreeSet<&String> = drained.iter().flat_map(BTreeMap::keys).collect();
    assert_eq!(seen.len(), 12);
    let deliveries = client.app.get("/v1/deliveries?status=succeeded").await?;
    let deliveries = deliveries["data"].as_array().context("a list")?;
    assert_eq!(deliveries.len(), 12);
    assert!(deliveries.iter().all(|delivery| delivery["attempts"].as_array().map(Vec::len) == Some(1)));
    Ok(())
}

#[tokio::test]
async fn a_replay_puts_a_delivery_back_marked_also_while_its_client_has_it() -> Result<()> {
    let client = Client::start().await?;
    let since = client.app.clock.now();
    client.events(0..2).await?;
    let held = client.poll("limit=1").await?;
    let rest = client.poll("").await?;
    assert_eq!(rest.messages.len(), 2);
    // One is acknowledged, the other is in its client's hands.
    client.poll_after(&held, "").await?;
    let replay = json!({ "endpoint": client.endpoint, "since": since.to_string() });
    let replay = client.app.create("/v1/replays", replay).await?["id"].as_str().context("an id")?.to_owned();
    sweeper::handle(&client.app.stack.sweeper).await?;
    for _ in 0..4 {
        client.app.clock.advance(SignedDuration::from_secs(15));
        client.app.stack.settle().await?;
    }
    let done = held.ids().remove(0);
    assert_eq!(client.delivery(&done).await?[0], "succeeded", "what was delivered stays delivered");
    // The cursor of before the replay names neither as it waits now.
    let again = client.poll_after(&rest, "").await?;
    assert_eq!(again.ids().into_iter().collect::<BTreeSet<_>>(), rest.ids().into_iter().collect());
    assert_eq!(again.replays(), [Some(replay.as_str()); 2]);
    assert!(client.poll_after(&again, "").await?.messages.is_empty());

    let attempts = client.delivery(&done).await?[1].clone();
    assert_eq!((&attempts[0]["replay"], &attempts[0]["manual"]), (&Value::Null, &Value::Null));
    assert_eq!((&attempts[1]["replay"], &attempts[1]["manual"]), (&json!(replay), &json!(true)));
    let other = rest.ids().remove(1);
    let attempts = client.delivery(&other).await?[1].clone();
    assert_eq!((attempts.as_array().map(Vec::len), &attempts[0]["replay"]), (Some(1), &json!(replay)));
    Ok(())
}

#[tokio::test]
async fn a_retry_by_hand_puts_a_delivery_back_once() -> Result<()> {
    let client = Client::start().await?;
    client.events(0..1).await?;
    let polled = client.poll("").await?;
    client.poll_after(&polled, "").await?;
    let id = polled.ids().remove(0);
    let retry = format!("/v1/deliveries/{id}/retry");
    for _ in 0..2 {
        assert_eq!(client.app.api(Method::POST, &retry, None).await?.status, StatusCode::ACCEPTED);
    }
    client.app.stack.settle().await?;
    let again = client.poll("").await?;
    assert_eq!((again.ids(), again.replays()), (polled.ids(), vec![None]));
    assert!(client.poll_after(&again, "").await?.messages.is_empty());
    assert_eq!(client.delivery(&id).await?[1][1]["manual"], true);
    Ok(())
}

#[tokio::test]
async fn a_long_poll_ends_when_something_arrives_or_its_time_is_over() -> Result<()> {
    let client = Client::start().await?;
    let begun = Instant::now();
    assert!(client.poll("wait=1").await?.messages.is_empty());
    assert!(begun.elapsed() >= Duration::from_secs(1));

    let begun = Instant::now();
    let arrives = async {
        tokio::time::sleep(Duration::from_millis(1300)).await;
        client.send(0).await?;
        client.app.stack.settle().await
    };
    let (polled, arrived) = tokio::join!(client.poll("wait=20"), arrives);
    arrived?;
    assert_eq!(polled?.messages.len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let begun = Instant::now();
    assert_eq!(client.poll("wait=20").await?.messages.len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(5), "at once, where something is there");
    Ok(())
}

#[tokio::test]
async fn a_mailbox_keeps_what_it_has_while_its_endpoint_is_disabled() -> Result<()> {
    let client = Client::start().await?;
    client.events(0..1).await?;
    let polled = client.poll("").await?;
    let path = format!("/v1/endpoints/{}", client.endpoint);
    let set = async |status: &str| {
        client.app.api(Method::PUT, &path, Some(json!({ "type": "poll", "status": status }))).await
    };
    assert_eq!(set("disabled").await?.status, StatusCode::OK);
    for query in [String::new(), format!("cursor={}", polled.cursor)] {
        let refused = client.answer(&query).await?;
        assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::CONFLICT, &json!("conflict")));
    }
    client.events(1..2).await?;
    assert_eq!(set("active").await?.status, StatusCode::OK);
    assert_eq!(client.poll("").await?.ids(), polled.ids(), "what came in between is canceled");

    let other = json!({ "type": "http", "url": "http://127.0.0.1:2/" });
    let refused = client.app.api(Method::PUT, &path, Some(other)).await?;
    assert_eq!(refused.status, StatusCode::CONFLICT, "what waits could not be fetched any more");
    assert_eq!(client.app.api(Method::DELETE, &path, None).await?.status, StatusCode::NO_CONTENT);
    assert_eq!(client.answer("").await?.status, StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_was_called_can_be_polled_for_what_failed() -> Result<()> {
    let app = App::start().await?;
    let (endpoint, receiver) = app.endpoint().await?;
    receiver.answer_next([500]);
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let client = Client { secret: receiver.secret(), app, stripe, source, endpoint };
    client.events(0..1).await?;
    let path = format!("/v1/endpoints/{}", client.endpoint);
    let refused = client.answer("").await?;
    assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::CONFLICT, &json!("conflict")));
    let replaced = client.app.api(Method::PUT, &path, Some(json!({ "type": "poll" }))).await?;
    assert_eq!(replaced.status, StatusCode::OK, "{}", replaced.text());
    client.app.clock.advance(SignedDuration::from_secs(7));
    client.app.stack.settle().await?;
    // Neither the sweeper nor time does anything to it.
    for _ in 0..3 {
        client.app.clock.advance(SignedDuration::from_hours(24));
        sweeper::handle(&client.app.stack.sweeper).await?;
        client.app.stack.settle().await?;
    }
    let polled = client.poll("").await?;
    assert_eq!(polled.messages.len(), 1);
    assert_eq!(client.delivery(&polled.ids()[0]).await?[0], "pending");
    client.poll_after(&polled, "").await?;
    let delivery = client.delivery(&polled.ids()[0]).await?;
    assert_eq!((&delivery[0], delivery[1].as_array().map(Vec::len)), (&json!("succeeded"), Some(2)));
    assert_eq!(receiver.receipts().len(), 1);
    Ok(())
}

#[tokio::test]
async fn raw_messages_have_the_providers_bytes_and_signature() -> Result<()> {
    let client = Client::start_with(json!({ "type": "poll", "format": "raw" })).await?;
    let story = StripeStory { stripe: &client.stripe, payment: "pi_1", now: client.app.clock.now() };
    let webhook = story.created();
    client.app.webhook(&client.source, &webhook).await?;
    client.app.stack.settle().await?;
    let polled = client.poll("").await?;
    let [message] = polled.messages.as_slice() else { anyhow::bail!("one: {polled:?}") };
    assert_eq!(message["body"].as_str().map(str::as_bytes), Some(webhook.body.as_bytes()));
    let (name, value) = webhook.headers.first().context("a signature")?;
    assert_eq!(message["headers"][*name], json!(value));
    Ok(())
}

#[tokio::test]
async fn operational_events_are_fetched_like_any_other() -> Result<()> {
    let client = Client::start_with(json!({ "type": "poll", "event_types": ["endpoint.*"] })).await?;
    let (_, receiver) = client.app.endpoint_with(json!({ "event_types": ["payment.*"] })).await?;
    receiver.answer_next([410]);
    client.events(0..1).await?;
    sweeper::handle(&client.app.stack.sweeper).await?;
    client.app.stack.settle().await?;
    let polled = client.poll("").await?;
    assert_eq!(polled.messages.len(), 1);
    assert_eq!(polled.messages[0]["type"], "endpoint.disabled");
    assert!(client.poll_after(&polled, "").await?.messages.is_empty());
    Ok(())
}

#[tokio::test]
async fn what_is_placed_before_its_event_is_committed_is_fetched_once_that_is_done() -> Result<()> {
    for call in 0..20 {
        let client = Client::start().await?;
        client.send(0).await?;
        // However late it is recorded: the age of an event says nothing of when it is committed.
        client.app.clock.advance(SignedDuration::from_hours(48));
        let stack = &client.app.stack;
        client.app.faults.arm(Crash { call, side: Side::Before });
        let handle = async |batch| lost(&batch, consumer::handle(&stack.consumer, batch.clone()).await);
        stack.events.poll(0, handle).await?;
        let calls = client.app.faults.calls();
        ensure!(
            client.app.faults.disarm(),
            "the consumer has queued nothing before its last call: {calls:?}"
        );
        if !calls[..call].iter().any(|name| name.contains("SendMessage")) {
            continue;
        }
        ensure!(stack.dispatch().await? > 0, "the delivery is queued");
        let early = client.poll("").await?;
        assert_eq!((early.messages.len(), early.has_more), (0, false), "there is nothing to sign yet");
        client.app.pass_visibility_timeout();
        stack.settle().await?;
        assert_eq!(client.poll_after(&early, "").await?.messages.len(), 1);
        return Ok(());
    }
    anyhow::bail!("the consumer commits the event after it has queued the delivery")
}

#[tokio::test]
async fn what_is_no_poll_is_refused_by_name() -> Result<()> {
    let client = Client::start().await?;
    client.events(0..2).await?;
    let polled = client.poll("limit=1").await?;
    let forged = format!("{}A", polled.cursor);
    for (query, parameters) in [
        ("limit=0".to_owned(), vec!["limit"]),
        ("limit=51&wait=21&colour=red".to_owned(), vec!["limit", "wait", "colour"]),
        ("wait=-1".to_owned(), vec!["wait"]),
        ("wait=1.5".to_owned(), vec!["wait"]),
        (format!("cursor={forged}"), vec!["cursor"]),
        ("cursor=".to_owned(), vec!["cursor"]),
        (format!("cursor={0}&cursor={0}", polled.cursor), vec!["cursor"]),
    ] {
        let refused = client.answer(&query).await?;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
        let problem = refused.json();
        let errors = problem["errors"].as_array().context("a list")?;
        let named: Vec<&str> = errors.iter().filter_map(|error| error["parameter"].as_str()).collect();
        assert_eq!((&problem["code"], named), (&json!("invalid_parameter"), parameters), "{query}");
    }
    let other = client.app.create("/v1/endpoints", json!({ "type": "poll" })).await?;
    let path =
        format!("/v1/endpoints/{}/poll?cursor={}", other["id"].as_str().context("an id")?, polled.cursor);
    assert_eq!(client.app.api(Method::GET, &path, None).await?.status, StatusCode::BAD_REQUEST);
    assert_eq!(client.poll("").await?.messages.len(), 2, "nothing of it was an acknowledgement");
    Ok(())
}
