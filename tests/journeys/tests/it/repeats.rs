//! Copies of one webhook while another is being recorded, step by step; and attempts that are made twice at the same moment.

use anyhow::{Context, Result, ensure};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use futures::future::join;
use jiff::{SignedDuration, Timestamp};
use journeys::{App, Crash, Receiver, Side};
use serde_json::{Value, json};
use simulators::Stripe;
use std::collections::BTreeSet;

/// A stack with one source and one endpoint, and one event, which is about a payment or about none.
struct Cast {
    app: App,
    stripe: Stripe,
    source: String,
    receiver: Receiver,
    with_payment: bool,
    happened_at: Timestamp,
}

impl Cast {
    async fn new(with_payment: bool) -> Result<Self> {
        let app = App::start().await?;
        let stripe = Stripe::new([1; 16]);
        let source = app.source("stripe", stripe.secret()).await?;
        let (_, receiver) = app.endpoint().await?;
        let happened_at = app.clock.now();
        Ok(Self { app, stripe, source, receiver, with_payment, happened_at })
    }

    /// The same event each time, signed anew.
    async fn post(&self) -> Result<()> {
        let (event_type, object) = if self.with_payment {
            let intent = json!({
                "id": "pi_1", "object": "payment_intent", "status": "succeeded",
                "amount": 4620, "amount_received": 4620, "currency": "eur",
            });
            ("payment_intent.succeeded", intent)
        } else {
            ("coupon.created", json!({ "id": "SUMMER" }))
        };
        let now = self.app.clock.now();
        let webhook = self.stripe.event("evt_1", event_type, self.happened_at, &object, now);
        let answer = self.app.webhook(&self.source, &webhook).await?;
        ensure!(answer.status.is_success(), "{}", answer.text());
        Ok(())
    }

    /// The consumer takes what is there, records it, and does not come to send anything.
    async fn record_without_relaying(&self) -> Result<()> {
        self.app.faults.take_down("AmazonSQS");
        let taken = self.app.stack.consume().await?;
        self.app.faults.disarm();
        ensure!(taken == 1, "{taken} messages were taken");
        Ok(())
    }

    /// A message is handed out, and whoever took it is gone.
    async fn take_and_die(&self) -> Result<()> {
        let taken = self
            .app
            .stack
            .events
            .poll(0, async |batch| crate::crashes::lost(&batch, SqsBatchResponse::default()));
        ensure!(taken.await? == 1);
        Ok(())
    }

    /// Somebody takes a message away for good.
    async fn lose(&self) -> Result<()> {
        ensure!(self.app.stack.events.poll(0, async |_| SqsBatchResponse::default()).await? == 1);
        Ok(())
    }

    fn pass(&self, seconds: i64) {
        self.app.clock.advance(SignedDuration::from_secs(seconds));
    }

    fn requests(&self) -> usize {
        self.receiver.receipts().len()
    }

    fn in_flight(&self) -> Result<u64> {
        Ok(self.app.stack.sqs.depth("events")?.in_flight)
    }

    async fn delivery(&self) -> Result<Value> {
        let deliveries = self.app.get("/v1/deliveries").await?;
        let [delivery] = &deliveries["data"].as_array().context("a list")?[..] else {
            anyhow::bail!("one delivery: {deliveries}")
        };
        Ok(delivery.clone())
    }
}

#[tokio::test]
async fn a_repeat_waits_for_the_message_that_records_its_event_and_goes_on_when_that_is_old() -> Result<()> {
    for with_payment in [true, false] {
        let cast = Cast::new(with_payment).await?;
        cast.post().await?;
        cast.record_without_relaying().await?;
        cast.pass(100);
        cast.post().await?;
        cast.app.stack.settle().await?;
        assert_eq!((cast.requests(), cast.in_flight()?), (0, 2), "the repeat went back to the queue");
        cast.pass(86);
        cast.lose().await?; // the first message, which nobody handles any more
        cast.pass(100);
        cast.app.stack.settle().await?;
        assert_eq!((cast.requests(), cast.in_flight()?), (1, 0), "with a payment: {with_payment}");
        assert_eq!(cast.app.stack.dead_letter_counts()?, (0, 0));
    }
    Ok(())
}

#[tokio::test]
async fn the_message_that_recorded_an_event_goes_on_at_once_when_it_comes_again() -> Result<()> {
    for with_payment in [true, false] {
        let cast = Cast::new(with_payment).await?;
        cast.post().await?;
        cast.record_without_relaying().await?;
        // As at the start of a local stack: no time has passed.
        cast.app.stack.sqs.release_in_flight()?;
        cast.app.stack.settle().await?;
        assert_eq!((cast.requests(), cast.in_flight()?), (1, 0), "with a payment: {with_payment}");
    }
    Ok(())
}

#[tokio::test]
async fn a_repeat_does_not_become_a_dead_letter_by_waiting() -> Result<()> {
    for with_payment in [true, false] {
        let cast = Cast::new(with_payment).await?;
        cast.post().await?;
        for _ in 0..3 {
            cast.take_and_die().await?;
            cast.pass(186);
        }
        cast.take_and_die().await?;
        cast.pass(100);
        cast.post().await?;
        cast.record_without_relaying().await?;
        cast.pass(86); // The fifth and last try of the first message, while the second is young.
        cast.app.stack.settle().await?;
        assert_eq!((cast.requests(), cast.in_flight()?), (1, 1), "with a payment: {with_payment}");
        cast.pass(186);
        cast.app.stack.settle().await?;
        assert_eq!((cast.requests(), cast.in_flight()?), (1, 0), "with a payment: {with_payment}");
        assert_eq!(cast.app.stack.dead_letter_counts()?, (0, 0));
    }
    Ok(())
}

#[tokio::test]
async fn two_consumers_that_take_copies_of_one_webhook_relay_it_once() -> Result<()> {
    for with_payment in [true, false] {
        let cast = Cast::new(with_payment).await?;
        let stack = &cast.app.stack;
        let mut batches: Vec<SqsEvent> = Vec::new();
        for _ in 0..2 {
            cast.post().await?;
            let keep = async |batch: SqsEvent| {
                batches.push(batch.clone());
                crate::crashes::lost(&batch, SqsBatchResponse::default())
            };
            ensure!(stack.events.poll(0, keep).await? == 1);
        }
        let [one, other] = &batches[..] else { anyhow::bail!("two batches") };
        let (one, other) = join(
            consumer::handle(&stack.consumer, one.clone()),
            consumer::handle(&stack.consumer, other.clone()),
        )
        .await;
        let failed = one.batch_item_failures.len() + other.batch_item_failures.len();
        assert_eq!(failed, 0, "who waits a moment finds the event committed");
        while stack.dispatch().await? > 0 {}
        assert_eq!(cast.requests(), 1, "with a payment: {with_payment}");
    }
    Ok(())
}

#[tokio::test]
async fn what_was_queued_before_a_crash_is_not_sent_a_second_time_after_it() -> Result<()> {
    let cast = Cast::new(true).await?;
    cast.post().await?;
    // Endpoints, payments, commits, the payment, the deliveries; then the event is not committed.
    cast.app.faults.arm(Crash { call: 5, side: Side::Before });
    cast.app.stack.consume().await?;
    let calls = cast.app.faults.calls();
    ensure!(cast.app.faults.disarm() && calls[4].ends_with("SendMessageBatch"), "{calls:?}");
    while cast.app.stack.dispatch().await? > 0 {}
    cast.app.stack.sqs.release_in_flight()?;
    cast.app.stack.settle().await?;
    assert_eq!((cast.requests(), cast.in_flight()?), (1, 0));
    assert_eq!(cast.delivery().await?["status"], "succeeded");
    Ok(())
}

/// Two copies of one delivery's first message are handled side by side, and get these answers.
async fn attempt_twice(answers: [u16; 2]) -> Result<Cast> {
    let cast = Cast::new(true).await?;
    cast.receiver.answer_next(answers);
    cast.post().await?;
    cast.app.stack.consume().await?;
    let stack = &cast.app.stack;
    let twice = async |batch: SqsEvent| {
        let handle = || dispatcher::handle(&stack.dispatcher, batch.clone());
        join(handle(), handle()).await.0
    };
    ensure!(stack.deliveries.poll(0, twice).await? == 1);
    Ok(cast)
}

#[tokio::test]
async fn an_attempt_that_is_made_twice_at_once_is_in_the_log_twice_and_counts_once() -> Result<()> {
    for answers in [[200, 200], [500, 200], [200, 500], [500, 500]] {
        let cast = attempt_twice(answers).await?;
        let delivery = cast.delivery().await?;
        let attempts = delivery["attempts"].as_array().context("a list")?;
        let numbers: Vec<_> = attempts.iter().map(|attempt| attempt["number"].as_u64()).collect();
        assert_eq!(numbers, [Some(1), Some(2)], "{answers:?}: {delivery}");
        let marks: Vec<bool> = attempts.iter().map(|attempt| attempt["repeat"] == true).collect();
        assert_eq!(marks, [false, true], "{answers:?}: {delivery}");
        let logged: BTreeSet<_> = attempts.iter().map(|attempt| attempt["status_code"].as_u64()).collect();
        assert_eq!(logged, answers.map(|status| Some(status.into())).into(), "{delivery}");
        let expected = if answers.contains(&200) { "succeeded" } else { "retrying" };
        assert_eq!(delivery["status"], expected, "{answers:?}: {delivery}");
    }
    Ok(())
}

#[tokio::test]
async fn a_failure_that_is_repeated_at_once_is_followed_by_one_retry_of_the_schedule() -> Result<()> {
    let cast = attempt_twice([500, 500]).await?;
    cast.receiver.answer_next([500]);
    cast.pass(7);
    cast.app.stack.settle().await?;
    assert_eq!(cast.requests(), 3, "one retry");
    let delivery = cast.delivery().await?;
    let third = &delivery["attempts"][2];
    assert_eq!((&third["number"], &third["repeat"]), (&json!(3), &Value::Null));
    // The second delay of the schedule is five minutes: the repeat has not used up a step.
    let next: Timestamp = delivery["next_attempt_at"].as_str().context("a time")?.parse()?;
    let wait = next.duration_since(cast.app.clock.now()).as_secs();
    assert!((300..=360).contains(&wait), "{wait} s: {delivery}");
    cast.pass(361);
    cast.app.stack.settle().await?;
    assert_eq!((cast.requests(), &cast.delivery().await?["status"]), (4, &json!("succeeded")));
    Ok(())
}
