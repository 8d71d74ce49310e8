//! Dead letters: whatever way a message takes into a dead-letter queue it is recorded, can be seen and sent again, and what
//! failed because something was down mends itself.

use crate::crashes::{crashes, lost};
use crate::stories::StripeStory;
use anyhow::{Context, Result, ensure};
use axum::http::{Method, StatusCode};
use jiff::SignedDuration;
use journeys::{App, Receiver};
use serde_json::{Value, json};
use simulators::Stripe;

/// A source, an endpoint, and one event that was accepted.
struct Cast {
    app: App,
    receiver: Receiver,
    source: String,
    endpoint: String,
}

impl Cast {
    async fn new() -> Result<Self> {
        let app = App::start().await?;
        let stripe = Stripe::new([1; 16]);
        let source = app.source("stripe", stripe.secret()).await?;
        let (endpoint, receiver) = app.endpoint().await?;
        let cast = Self { app, receiver, source, endpoint };
        cast.event("pi_1").await?;
        Ok(cast)
    }

    async fn event(&self, payment: &str) -> Result<()> {
        let stripe = Stripe::new([1; 16]);
        let story = StripeStory { stripe: &stripe, payment, now: self.app.clock.now() };
        let answer = self.app.webhook(&self.source, &story.created()).await?;
        ensure!(answer.status == StatusCode::OK, "{}", answer.text());
        Ok(())
    }

    /// The consumer tries until SQS gives the messages up, while `service` is down.
    async fn give_events_up(&self, service: &'static str) -> Result<()> {
        self.app.faults.take_down(service);
        for _ in 0..6 {
            self.app.stack.consume().await?;
            self.app.pass_visibility_timeout();
        }
        self.app.faults.disarm();
        Ok(())
    }

    async fn give_deliveries_up(&self, service: &'static str) -> Result<()> {
        while self.app.stack.consume().await? > 0 {}
        self.app.faults.take_down(service);
        for _ in 0..6 {
            self.app.stack.dispatch().await?;
            self.app.pass_visibility_timeout();
        }
        self.app.faults.disarm();
        Ok(())
    }

    async fn letters(&self, query: &str) -> Result<Vec<Value>> {
        let listed = self.app.get(&format!("/v1/dead-letters{query}")).await?;
        Ok(listed["data"].as_array().context("a list")?.clone())
    }

    async fn only_letter(&self) -> Result<Value> {
        let letters = self.letters("").await?;
        ensure!(letters.len() == 1, "{letters:?}");
        Ok(letters[0].clone())
    }

    async fn count(&self, path: &str) -> Result<usize> {
        Ok(self.app.get(path).await?["data"].as_array().map_or(0, Vec::len))
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value> {
        let answer = self.app.api(Method::POST, path, Some(body)).await?;
        ensure!(answer.status == StatusCode::OK, "{path}: {} {}", answer.status, answer.text());
        Ok(answer.json())
    }

    async fn sweep(&self) -> Result<sweeper::Swept> {
        Ok(sweeper::handle(&self.app.stack.sweeper).await?)
    }

    /// Who asked for a redrive may have to wait for the message.
    async fn settle(&self) -> Result<()> {
        self.app.stack.settle().await
    }
}

#[tokio::test]
async fn an_event_that_is_recorded_and_not_relayed_is_relayed_by_itself_once_sqs_is_back() -> Result<()> {
    let cast = Cast::new().await?;
    // SQS takes nothing for longer than the five tries of a message: neither a delivery nor a dead letter of ours.
    cast.give_events_up("AmazonSQS").await?;
    assert_eq!(cast.app.stack.dead_letter_counts()?, (1, 0));
    assert_eq!(
        (cast.count("/v1/payments").await?, cast.count("/v1/events").await?),
        (1, 0),
        "in the outbox alone"
    );
    cast.settle().await?;
    assert_eq!(cast.count("/v1/events").await?, 0, "nothing else finishes it");

    assert_eq!(cast.app.stack.record_dead_letters().await?, 1);
    let letter = cast.only_letter().await?;
    assert_eq!((&letter["status"], &letter["queue"]), (&json!("waiting"), &json!("events")));
    assert_eq!(letter["reason"], "process_died", "SQS moved it");
    assert_eq!(letter["error"], "received 5 times without an answer");
    assert_eq!(letter["source"], cast.source.as_str());
    assert_eq!(cast.app.stack.dead_letter_counts()?, (1, 0), "it still counts as given up");

    assert_eq!(cast.sweep().await?.redriven, 0, "not before its time");
    cast.app.clock.advance(SignedDuration::from_mins(15));
    assert_eq!(cast.sweep().await?.redriven, 1);
    cast.settle().await?;
    assert_eq!((cast.count("/v1/events").await?, cast.receiver.receipts().len()), (1, 1));
    let letter = cast.only_letter().await?;
    assert_eq!((&letter["status"], &letter["redrives"]), (&json!("redriven"), &json!(1)));
    assert!(letter.get("next_redrive_at").is_none());
    assert!(cast.letters("?redriven=false").await?.is_empty());
    cast.app.clock.advance(SignedDuration::from_hours(48));
    assert_eq!(cast.sweep().await?.redriven, 0, "once is enough");
    Ok(())
}

#[tokio::test]
async fn what_fails_at_every_redrive_is_sent_again_after_growing_pauses_and_then_waits_for_somebody()
-> Result<()> {
    let cast = Cast::new().await?;
    cast.give_events_up("DynamoDB").await?;
    cast.app.stack.record_dead_letters().await?;
    let first = cast.only_letter().await?;
    assert_eq!(first["reason"], "tries_used_up");
    assert!(first["error"].as_str().is_some_and(|error| error.starts_with("DynamoDB")), "{first}");
    for (number, hours) in [1, 1, 6, 24].into_iter().enumerate() {
        let due: jiff::Timestamp =
            cast.only_letter().await?["next_redrive_at"].as_str().context("a time")?.parse()?;
        assert!(due.duration_since(cast.app.clock.now()) <= SignedDuration::from_hours(hours));
        cast.app.clock.advance_to(due);
        assert_eq!(cast.sweep().await?.redriven, 1);
        cast.give_events_up("DynamoDB").await?;
        cast.app.stack.record_dead_letters().await?;
        let letter = cast.only_letter().await?;
        assert_eq!((&letter["id"], &letter["status"]), (&first["id"], &json!("waiting")));
        assert_eq!((&letter["redrives"], &letter["created_at"]), (&json!(number + 1), &first["created_at"]));
    }
    assert!(cast.only_letter().await?.get("next_redrive_at").is_none());
    cast.app.clock.advance(SignedDuration::from_hours(1000));
    assert_eq!(cast.sweep().await?.redriven, 0);
    let path = format!("/v1/dead-letters/{}/redrive", first["id"].as_str().context("an id")?);
    assert_eq!(cast.post(&path, json!({})).await?["status"], "redriven");
    cast.settle().await?;
    assert_eq!((cast.count("/v1/events").await?, cast.receiver.receipts().len()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn a_delivery_whose_attempt_is_a_dead_letter_says_so_and_is_delivered_once_that_is_sent_again()
-> Result<()> {
    let cast = Cast::new().await?;
    cast.give_deliveries_up("DynamoDB").await?;
    assert_eq!(cast.app.stack.dead_letter_counts()?, (0, 1));
    cast.app.stack.record_dead_letters().await?;
    let letter = cast.only_letter().await?;
    assert_eq!((&letter["queue"], &letter["reason"]), (&json!("deliveries"), &json!("tries_used_up")));
    assert_eq!(letter["endpoint"], cast.endpoint.as_str());
    let id = letter["delivery"].as_str().context("a delivery")?.to_owned();
    let path = format!("/v1/deliveries/{id}");
    let delivery = cast.app.get(&path).await?;
    assert_eq!((&delivery["status"], &delivery["dead_letter"]), (&json!("pending"), &letter["id"]));
    assert_eq!(delivery["event"], letter["event"]);
    // The first of a failing one's attempts, parked or retried, brought no receipt.
    let before = cast.receiver.receipts().len();
    let answer = cast.post("/v1/dead-letters/redrive", json!({ "endpoint": cast.endpoint })).await?;
    assert_eq!(
        (&answer["sent"], &answer["left"], &answer["next_cursor"]),
        (&json!(1), &json!(0), &Value::Null)
    );
    cast.settle().await?;
    let delivery = cast.app.get(&path).await?;
    assert_eq!(delivery["status"], "succeeded");
    assert!(delivery.get("dead_letter").is_none(), "{delivery}");
    assert_eq!(cast.receiver.receipts().len(), before + 1);
    Ok(())
}

#[tokio::test]
async fn a_retry_that_is_a_dead_letter_is_not_queued_by_the_sweeper_beside_it() -> Result<()> {
    let cast = Cast::new().await?;
    cast.receiver.answer_next([500]);
    cast.settle().await?;
    // The second attempt waits five seconds, in the queue and in the due-index.
    cast.app.clock.advance(SignedDuration::from_secs(10));
    cast.give_deliveries_up("DynamoDB").await?;
    cast.app.stack.record_dead_letters().await?;
    let letter = cast.only_letter().await?;
    let path = format!("/v1/deliveries/{}", letter["delivery"].as_str().context("a delivery")?);
    let delivery = cast.app.get(&path).await?;
    assert_eq!((&delivery["status"], &delivery["dead_letter"]), (&json!("retrying"), &letter["id"]));
    assert_eq!(cast.sweep().await?.queued, 0, "it has left the due-index");
    cast.app.clock.advance(SignedDuration::from_mins(15));
    let swept = cast.sweep().await?;
    assert_eq!((swept.queued, swept.redriven), (0, 1));
    cast.settle().await?;
    assert_eq!(cast.app.get(&path).await?["status"], "succeeded");
    assert_eq!(cast.receiver.receipts().len(), 2, "the one that failed, and the one that is due");
    Ok(())
}

#[tokio::test]
async fn a_message_that_nobody_can_read_is_seen_without_its_contents_sent_again_in_vain_and_deleted()
-> Result<()> {
    let cast = Cast::new().await?;
    cast.app.stack.events.send("this is card 4242424242424242").await?;
    cast.settle().await?;
    cast.app.stack.record_dead_letters().await?;
    let letter = cast.only_letter().await?;
    assert_eq!((&letter["reason"], &letter["received_count"]), (&json!("unreadable"), &json!(1)));
    assert_eq!(letter["body_bytes"], 29);
    assert!(letter.get("next_redrive_at").is_none(), "no time mends it");
    let id = letter["id"].as_str().context("an id")?;
    let path = format!("/v1/dead-letters/{id}");
    assert_eq!(cast.app.get(&path).await?, letter);
    assert!(!letter.to_string().contains("4242"));

    let sent = cast.post(&format!("{path}/redrive"), json!({})).await?;
    assert_eq!((&sent["status"], &sent["id"]), (&json!("redriven"), &letter["id"]));
    cast.settle().await?;
    cast.app.stack.record_dead_letters().await?;
    let again = cast.only_letter().await?;
    assert_eq!(
        (&again["id"], &again["status"], &again["redrives"]),
        (&letter["id"], &json!("waiting"), &json!(1))
    );

    assert_eq!(cast.app.api(Method::DELETE, &path, None).await?.status, StatusCode::NO_CONTENT);
    assert_eq!(cast.app.api(Method::GET, &path, None).await?.status, StatusCode::NOT_FOUND);
    assert_eq!(cast.app.api(Method::DELETE, &path, None).await?.status, StatusCode::NOT_FOUND);
    let gone = cast.app.api(Method::POST, &format!("{path}/redrive"), Some(json!({}))).await?;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert!(cast.letters("").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn many_are_sent_again_by_a_filter_call_by_call_until_none_is_left() -> Result<()> {
    let cast = Cast::new().await?;
    for number in 2..=5 {
        cast.app.clock.advance(SignedDuration::from_millis(1));
        cast.event(&format!("pi_{number}")).await?;
    }
    cast.app.stack.events.send("not json").await?;
    cast.give_events_up("DynamoDB").await?;
    while cast.app.stack.record_dead_letters().await? > 0 {}
    assert_eq!(cast.letters("").await?.len(), 6);
    for (query, count) in [
        ("?reason=unreadable".to_owned(), 1),
        (format!("?source={}", cast.source), 5),
        ("?queue=deliveries".to_owned(), 0),
        ("?queue=events&reason=tries_used_up".to_owned(), 5),
        ("?redriven=true".to_owned(), 0),
    ] {
        assert_eq!(cast.letters(&query).await?.len(), count, "{query}");
    }
    let mut body = json!({ "source": cast.source, "reason": "tries_used_up", "limit": 2 });
    let mut told = Vec::new();
    loop {
        let answer = cast.post("/v1/dead-letters/redrive", body.clone()).await?;
        told.push((answer["sent"].as_u64(), answer["left"].as_u64(), answer["failed"].as_u64()));
        body["cursor"] = answer["next_cursor"].clone();
        if body["cursor"].is_null() {
            break;
        }
    }
    assert_eq!(told, [(Some(2), Some(3), Some(0)), (Some(2), Some(1), Some(0)), (Some(1), Some(0), Some(0))]);
    assert_eq!(cast.letters("?redriven=true").await?.len(), 5);
    assert_eq!(cast.letters("?redriven=false").await?.len(), 1);
    cast.settle().await?;
    assert_eq!((cast.count("/v1/events").await?, cast.receiver.receipts().len()), (5, 5));
    Ok(())
}

#[tokio::test]
async fn a_message_that_cannot_be_recorded_stays_in_its_dead_letter_queue() -> Result<()> {
    let cast = Cast::new().await?;
    cast.give_events_up("DynamoDB").await?;
    cast.app.faults.take_down("DynamoDB");
    for _ in 0..8 {
        assert_eq!(cast.app.stack.record_dead_letters().await?, 1);
        cast.app.pass_visibility_timeout();
    }
    cast.app.faults.disarm();
    assert!(cast.letters("").await?.is_empty());
    assert_eq!(cast.app.stack.dead_letter_counts()?, (1, 0));
    cast.app.stack.record_dead_letters().await?;
    assert_eq!(cast.letters("").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn the_keeper_of_dead_letters_may_stop_at_any_call() -> Result<()> {
    let mut points = 0;
    for crash in crashes() {
        let cast = Cast::new().await?;
        cast.give_deliveries_up("DynamoDB").await?;
        let stack = &cast.app.stack;
        cast.app.faults.arm(crash);
        let stop = async |batch: aws_lambda_events::sqs::SqsEvent| {
            lost(&batch, dead_letters::handle(&stack.dead_letters, batch.clone()).await)
        };
        stack.deliveries_dead_letters.poll(0, stop).await?;
        let crashed = cast.app.faults.disarm();
        cast.app.pass_visibility_timeout();
        stack.record_dead_letters().await?;
        let letter = cast.only_letter().await?;
        assert_eq!((&letter["status"], &letter["redrives"]), (&json!("waiting"), &json!(0)), "{crash:?}");
        let path = format!("/v1/deliveries/{}", letter["delivery"].as_str().context("a delivery")?);
        assert_eq!(cast.app.get(&path).await?["dead_letter"], letter["id"], "{crash:?}");
        assert!(stack.dead_letter_counts()?.1 >= 1, "it is counted, or nobody is told: {crash:?}");
        if !crashed {
            break;
        }
        points += 1;
    }
    // Two reads and two writes, each before and after.
    assert!(points >= 8, "only {points} points were reached");
    Ok(())
}

#[tokio::test]
async fn the_sweeper_may_stop_at_any_call_while_it_sends_dead_letters_again() -> Result<()> {
    let mut points = 0;
    for crash in crashes() {
        let cast = Cast::new().await?;
        cast.give_events_up("DynamoDB").await?;
        cast.app.stack.record_dead_letters().await?;
        cast.app.clock.advance(SignedDuration::from_mins(15));
        cast.app.faults.arm(crash);
        let _ = cast.sweep().await;
        let crashed = cast.app.faults.disarm();
        cast.sweep().await?;
        cast.settle().await?;
        assert_eq!(cast.only_letter().await?["status"], "redriven", "{crash:?}");
        assert_eq!(cast.count("/v1/events").await?, 1, "{crash:?}");
        assert_eq!(cast.receiver.receipts().len(), 1, "{crash:?}");
        if !crashed {
            break;
        }
        points += 1;
    }
    assert!(points >= 10, "only {points} points were reached");
    Ok(())
}

#[tokio::test]
async fn the_neighbours_of_a_message_that_kills_the_function_do_not_meet_it_again() -> Result<()> {
    let cast = Cast::new().await?;
    for number in 2..=5 {
        cast.app.clock.advance(SignedDuration::from_millis(1));
        cast.event(&format!("pi_{number}")).await?;
    }
    // Five times the process dies with all of them in its hands.
    for _ in 0..6 {
        let die = async |batch: aws_lambda_events::sqs::SqsEvent| lost(&batch, Default::default());
        cast.app.stack.events.poll(0, die).await?;
        cast.app.pass_visibility_timeout();
    }
    cast.app.stack.record_dead_letters().await?;
    assert_eq!(cast.letters("?reason=process_died").await?.len(), 5);
    cast.app.clock.advance(SignedDuration::from_mins(15));
    assert_eq!(cast.sweep().await?.redriven, 5);
    let mut batches = Vec::new();
    for _ in 0..15 {
        batches.push(cast.app.stack.consume().await?);
        cast.app.clock.advance(SignedDuration::from_mins(1));
    }
    batches.retain(|taken| *taken > 0);
    assert_eq!(batches, [1; 5]);
    cast.settle().await?;
    assert_eq!(cast.receiver.receipts().len(), 5);
    Ok(())
}
