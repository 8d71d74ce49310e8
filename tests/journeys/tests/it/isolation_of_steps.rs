//! Ten payments, ten messages, one batch, and one call that fails: it fails the message that it is about, and no other.
//!
//! Each step of the pipeline is run once to count its calls to AWS. Then each of them is made to fail, in every way that a
//! call can. A call that is about one payment fails as often as it is made, while the step runs; the other nine must come
//! through in that same batch, and the tenth at its next try. A call that is about several fails once, whole or in the one
//! entry; whatever that takes, nobody may be lost or become a dead letter.

use crate::apis::{self, MOLLIE_KEY, mollie_calls};
use crate::crashes::told;
use crate::stories::StripeStory;
use anyhow::{Context, Result, ensure};
use domain::{PaymentId, SourceId};
use jiff::SignedDuration;
use journeys::{App, Call, Failure, Receipt, Receiver};
use serde_json::{Value, json};
use simulators::Stripe;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const BATCH: usize = 10;
/// The payment whose calls fail.
const ONE: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Consumer,
    Dispatcher,
    Fetcher,
    Sweeper,
    Replay,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Io,
    Timeout,
    Internal,
    Throttled,
    Panic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    Nothing,
    /// The call of this number among those that are about the one payment alone.
    Own(usize, How),
    /// The call of this number among those that are about several payments, or about none.
    Shared(usize, How),
    /// The entry of the one payment in every batched send.
    Entry,
    /// Every send that holds the message of the one payment, for what is in it.
    Contents,
    /// The key of the one payment in every batched read.
    Key,
}

/// What the calls of a stage were, and what became of them.
#[derive(Debug, Default)]
struct Seen {
    own: Vec<String>,
    shared: Vec<String>,
    /// How many calls failed.
    hits: usize,
}

impl How {
    fn failure(self) -> Failure {
        match self {
            Self::Io => Failure::Io,
            Self::Timeout => Failure::Timeout,
            Self::Internal => Failure::Refused(500, "InternalServerError"),
            Self::Throttled => Failure::Refused(400, "ThrottlingException"),
            Self::Panic => Failure::Panic,
        }
    }
}

/// The place of `name` in `known`, where it is put if it is new.
fn number(known: &mut Vec<String>, name: String) -> usize {
    known.iter().position(|one| *one == name).unwrap_or_else(|| {
        known.push(name);
        known.len() - 1
    })
}

/// Of all tries of one call the same.
fn name(call: Call<'_>, is_shared: bool) -> String {
    let body: Value = serde_json::from_str(call.body).unwrap_or_default();
    let key = ["Item", "Key"].into_iter().map(|part| &body[part]).find(|key| key.is_object());
    let key = key.map(|key| format!("{} {}", key["PK"], key["SK"]));
    let rest = if is_shared { call.body.to_owned() } else { String::new() };
    format!("{} {}", call.operation, key.unwrap_or(rest))
}

fn sabotage(app: &App, plan: Plan, markers: Vec<String>) -> Arc<Mutex<Seen>> {
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let shared = Arc::clone(&seen);
    app.faults.sabotage(move |call| {
        let mut seen = shared.lock().expect("no holder of this lock panics");
        let about: Vec<usize> = (0..markers.len()).filter(|one| call.body.contains(&markers[*one])).collect();
        let failure = decide(&mut seen, plan, call, &about, &markers[ONE]);
        seen.hits += usize::from(failure.is_some());
        failure
    });
    seen
}

fn decide(seen: &mut Seen, plan: Plan, call: Call<'_>, about: &[usize], marker: &str) -> Option<Failure> {
    if let [one] = about
        && *one != ONE
    {
        return None;
    }
    let is_shared = about != [ONE];
    let calls = if is_shared { &mut seen.shared } else { &mut seen.own };
    let this = number(calls, name(call, is_shared));
    match plan {
        Plan::Own(number, how) if !is_shared && this == number => Some(how.failure()),
        Plan::Shared(number, how) if is_shared && this == number => Some(how.failure()),
        Plan::Entry if about.contains(&ONE) && call.operation.ends_with("SendMessageBatch") => {
            let mut body: Value = serde_json::from_str(call.body).ok()?;
            for entry in body["Entries"].as_array_mut()? {
                if entry["MessageBody"].as_str()?.contains(marker) {
                    // SQS takes no such group.
                    entry["MessageGroupId"] = json!("no group");
                }
            }
            Some(Failure::Altered(body.to_string()))
        }
        Plan::Contents if about.contains(&ONE) && call.operation.contains(".SendMessage") => {
            Some(Failure::Refused(400, "InvalidMessageContents"))
        }
        Plan::Key if about.contains(&ONE) && call.operation.ends_with("BatchGetItem") => {
            let body: Value = serde_json::from_str(call.body).ok()?;
            let answer = json!({ "Responses": {}, "UnprocessedKeys": body["RequestItems"] });
            Some(Failure::Answered(answer.to_string()))
        }
        _ => None,
    }
}

/// Ten payments on their way, up to the stage.
struct Ten {
    app: App,
    receiver: Receiver,
    stage: Stage,
    /// What every call about a payment has in it, and no other.
    markers: Vec<String>,
    _apis: Option<MockServer>,
}

fn is_delivered(receipt: &Receipt, stage: Stage) -> bool {
    let is_replayed = receipt.headers.contains_key("payrelay-replay");
    receipt.status == 200 && is_replayed == (stage == Stage::Replay)
}

impl Ten {
    async fn before(stage: Stage) -> Result<Self> {
        let mut apis = None;
        let app = if stage == Stage::Fetcher {
            let (app, server) = apis::start().await?;
            let paid = |request: &Request| {
                let id = request.url.path().rsplit('/').next().unwrap_or_default().to_owned();
                let mut answer = apis::documented("mollie", "paid");
                answer["id"] = json!(id);
                ResponseTemplate::new(200).set_body_json(answer)
            };
            Mock::given(wiremock::matchers::any()).respond_with(paid).mount(&server).await;
            apis = Some(server);
            app
        } else {
            App::start().await?
        };
        let settings = if stage == Stage::Sweeper { json!({ "retry_schedule": [3600] }) } else { json!({}) };
        let (endpoint, receiver) = app.endpoint_with(settings).await?;
        let source = if stage == Stage::Fetcher {
            apis::source(&app, "mollie", &[], MOLLIE_KEY).await?
        } else {
            app.source("stripe", Stripe::new([1; 16]).secret()).await?
        };
        let id: SourceId = source.parse()?;
        let marker = |number| PaymentId::derive(&id, &payment(number)).partition().to_owned();
        let markers = (0..BATCH).map(marker).collect();
        let ten = Self { app, receiver, stage, markers, _apis: apis };
        ten.send(&source).await?;
        ten.approach(&endpoint).await?;
        Ok(ten)
    }

    async fn send(&self, source: &str) -> Result<()> {
        let stripe = Stripe::new([1; 16]);
        for number in 0..BATCH {
            if self.stage == Stage::Fetcher {
                mollie_calls(&self.app, source, &payment(number)).await?;
                continue;
            }
            let story = StripeStory { stripe: &stripe, payment: &payment(number), now: self.app.clock.now() };
            let answer = self.app.webhook(source, &story.succeeded()).await?;
            ensure!(answer.status == 200, "{}", answer.text());
        }
        Ok(())
    }

    async fn approach(&self, endpoint: &str) -> Result<()> {
        let app = &self.app;
        match self.stage {
            Stage::Consumer => {}
            Stage::Dispatcher => while app.stack.consume().await? > 0 {},
            // A question waits until equal notifications have come in.
            Stage::Fetcher => {
                while app.stack.consume().await? > 0 {}
                app.clock.advance(SignedDuration::from_secs(5));
            }
            Stage::Sweeper => {
                self.receiver.answer_next([500; BATCH]);
                app.stack.settle().await?;
                app.clock.advance(SignedDuration::from_mins(75));
            }
            Stage::Replay => {
                let since = app.clock.now();
                app.stack.settle().await?;
                app.clock.advance(SignedDuration::from_mins(2));
                let body = json!({
                    "endpoint": endpoint, "since": since.to_string(), "until": app.clock.now().to_string(),
                });
                app.create("/v1/replays", body).await?;
            }
        }
        Ok(())
    }

    /// Gives how many messages of the batch were not acknowledged.
    async fn act(&self) -> Result<usize> {
        let stack = &self.app.stack;
        let mut failed = 0;
        match self.stage {
            Stage::Consumer => {
                let handle = async |batch| consumer::handle(&stack.consumer, batch).await;
                stack.events.poll(0, async |batch| noted(handle(batch).await, &mut failed)).await?;
            }
            Stage::Dispatcher => {
                let handle = async |batch| dispatcher::handle(&stack.dispatcher, batch).await;
                stack.deliveries.poll(0, async |batch| noted(handle(batch).await, &mut failed)).await?;
            }
            Stage::Fetcher => {
                let handle = async |batch| fetcher::handle(&stack.fetcher, batch).await;
                stack.fetches.poll(0, async |batch| noted(handle(batch).await, &mut failed)).await?;
            }
            // It tells of what failed.
            Stage::Sweeper | Stage::Replay => {
                failed = usize::from(sweeper::handle(&stack.sweeper).await.is_err())
            }
        }
        Ok(failed)
    }

    fn delivered(&self) -> BTreeSet<String> {
        let receipts = self.receiver.receipts();
        let delivered = receipts.iter().filter(|receipt| is_delivered(receipt, self.stage));
        let payment = |receipt: &Receipt| receipt.json()["data"]["payment"]["provider_payment_id"].clone();
        delivered.filter_map(|receipt| payment(receipt).as_str().map(str::to_owned)).collect()
    }

    /// The stage is left behind as it is; what it has let through goes on.
    async fn follow(&self) -> Result<()> {
        let stack = &self.app.stack;
        match self.stage {
            Stage::Fetcher => while stack.consume().await? + stack.dispatch().await? > 0 {},
            Stage::Replay => {
                for _ in 0..5 {
                    while stack.dispatch().await? > 0 {}
                    self.app.clock.advance(SignedDuration::from_secs(12));
                }
            }
            _ => while stack.dispatch().await? > 0 {},
        }
        Ok(())
    }
}

fn payment(number: usize) -> String {
    format!("tr_number{number}")
}

fn noted(
    response: aws_lambda_events::sqs::SqsBatchResponse,
    failed: &mut usize,
) -> aws_lambda_events::sqs::SqsBatchResponse {
    *failed = response.batch_item_failures.len();
    response
}

async fn run(stage: Stage, plan: Plan) -> Result<Seen> {
    let ten = Ten::before(stage).await?;
    let seen = sabotage(&ten.app, plan, ten.markers.clone());
    let failed = ten.act().await?;
    ten.app.faults.disarm();
    let all: BTreeSet<String> = (0..BATCH).map(payment).collect();
    ten.follow().await?;
    let delivered = ten.delivered();
    let missing: Vec<&String> = all.difference(&delivered).collect();
    // A replay that can't read takes its step again as a whole: nothing was sent yet.
    let is_shared = matches!(plan, Plan::Shared(..)) || (stage, plan) == (Stage::Replay, Plan::Key);
    if !is_shared {
        ensure!(failed <= 1, "{failed} messages of the batch failed");
        let one = payment(ONE);
        ensure!(missing.iter().all(|payment| **payment == one), "with the one failed {missing:?}");
    }
    for _ in 0..3 {
        ten.app.clock.advance(SignedDuration::from_mins(16));
        sweeper::handle(&ten.app.stack.sweeper).await?;
        ten.app.stack.settle().await?;
    }
    let delivered = ten.delivered();
    ensure!(delivered == all, "at the next try only {delivered:?}");
    let events = ten.app.get("/v1/events?limit=100").await?;
    ensure!(events["data"].as_array().context("a list")?.len() == BATCH, "{events}");
    ensure!(ten.app.stack.dead_letter_counts()? == (0, 0), "a message was given up");
    ensure!(ten.app.stack.fetches_dead_letter_count()? == 0, "a question was given up");
    told(&ten.receiver)?;
    Ok(std::mem::take(&mut *seen.lock().expect("no holder of this lock panics")))
}

/// Makes each call of the stage fail. At least `own` of them are about one payment alone.
async fn each_call_fails(stage: Stage, own: usize) -> Result<()> {
    let calls = run(stage, Plan::Nothing).await.context("nothing fails")?;
    assert!(calls.own.len() >= own, "{stage:?}: {:?}", calls.own);
    let hows = [How::Io, How::Timeout, How::Internal, How::Throttled];
    let mut plans = vec![Plan::Entry, Plan::Contents, Plan::Key];
    for number in 0..calls.own.len() {
        plans.extend([hows[number % 4], hows[(number + 2) % 4]].map(|how| Plan::Own(number, how)));
        if !matches!(stage, Stage::Sweeper | Stage::Replay) {
            plans.push(Plan::Own(number, How::Panic));
        }
    }
    plans.extend((0..calls.shared.len()).map(|number| Plan::Shared(number, hows[number % 4])));
    let mut hits = 0;
    for plan in plans {
        let seen = run(stage, plan).await.with_context(|| format!("{stage:?}, {plan:?}: {:?}", calls.own))?;
        // In which shard of the due-index a delivery stands is chance, and with it which calls of the sweeper it shares.
        let must_hit = matches!(plan, Plan::Own(..) | Plan::Shared(..)) && stage != Stage::Sweeper;
        assert!(seen.hits > 0 || !must_hit, "{stage:?}, {plan:?} did not fail");
        hits += seen.hits;
    }
    assert!(hits > 0, "{stage:?}: no call failed");
    Ok(())
}

#[tokio::test]
async fn whatever_call_of_the_consumer_fails_for_one_event_the_others_of_its_batch_are_told() -> Result<()> {
    // The payment and the event.
    each_call_fails(Stage::Consumer, 2).await
}

#[tokio::test]
async fn whatever_call_of_the_dispatcher_fails_for_one_delivery_the_others_of_its_batch_are_made()
-> Result<()> {
    // The attempt.
    each_call_fails(Stage::Dispatcher, 1).await
}

#[tokio::test]
async fn whatever_call_of_the_fetcher_fails_for_one_question_the_others_of_its_batch_are_answered()
-> Result<()> {
    // The answer.
    each_call_fails(Stage::Fetcher, 1).await
}

#[tokio::test]
async fn whatever_call_of_the_sweeper_fails_for_one_delivery_the_others_that_are_due_are_made() -> Result<()>
{
    // The entry that is moved.
    each_call_fails(Stage::Sweeper, 1).await
}

#[tokio::test]
async fn whatever_call_of_a_replay_fails_for_one_delivery_the_others_are_sent_again() -> Result<()> {
    each_call_fails(Stage::Replay, 0).await
}
