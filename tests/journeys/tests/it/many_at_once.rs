//! Hundreds of events in one webhook, of one payment and of as many: all are recorded, and relayed once. And events that do
//! not fit beside each other, or not at all.

use crate::apis::{MOLLIE_PAYMENT, documented, form, mollie, start};
use crate::bad_input::noise;
use crate::crashes::lost;
use crate::stories::StripeStory;
use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use journeys::{App, Crash, Failure, Receiver, Side};
use queue::{Confirmation, EventMessage, FetchMessage, Reply};
use serde_json::{Value, json};
use simulators::{Adyen, AdyenItem, Stripe, Webhook};
use std::collections::BTreeSet;

const MANY: usize = 250;

struct Shop {
    app: App,
    adyen: Adyen,
    source: String,
    receiver: Receiver,
}

impl Shop {
    async fn open() -> Result<Self> {
        let app = App::start().await?;
        let adyen = Adyen::new([2; 32]);
        let source = app.source("adyen", &adyen.secret()).await?;
        let (_, receiver) = app.endpoint().await?;
        Ok(Self { app, adyen, source, receiver })
    }

    /// One webhook with an item for each name, about `payment` or about a payment of its own.
    fn webhook(&self, names: &[String], payment: Option<&str>) -> Webhook {
        let now = self.app.clock.now();
        let items: Vec<AdyenItem<'_>> = names.iter().map(|name| item(name, payment, now)).collect();
        self.adyen.notification(&items)
    }

    async fn takes(&self, webhook: &Webhook) -> Result<()> {
        let answer = self.app.webhook(&self.source, webhook).await?;
        ensure!(answer.status == 200, "{}", answer.text());
        Ok(())
    }

    async fn all(&self, path: &str) -> Result<Vec<Value>> {
        self.app.all(&format!("{path}?limit=100")).await
    }

    /// Every event is recorded and was relayed once, and nothing was given up.
    async fn holds_all(&self, events: usize) -> Result<()> {
        ensure!(self.app.stack.dead_letter_counts()? == (0, 0), "a dead letter");
        let recorded = self.all("/v1/events").await?.len();
        let receipts = self.receiver.receipts();
        let told: BTreeSet<&str> = receipts.iter().map(|receipt| receipt.webhook_id.as_str()).collect();
        ensure!(
            (recorded, receipts.len(), told.len()) == (events, events, events),
            "{recorded}, {}",
            receipts.len()
        );
        Ok(())
    }
}

fn item<'a>(name: &'a str, payment: Option<&'a str>, event_date: Timestamp) -> AdyenItem<'a> {
    AdyenItem {
        psp_reference: name,
        original_reference: payment,
        merchant_reference: "order",
        event_code: if payment.is_some() { "REFUND" } else { "AUTHORISATION" },
        value: 10,
        currency: "EUR",
        success: true,
        event_date,
    }
}

fn names(prefix: &str) -> Vec<String> {
    (0..MANY).map(|number| format!("{prefix}{number}")).collect()
}

#[tokio::test]
async fn hundreds_of_events_of_one_payment_in_one_webhook_are_recorded_and_relayed_once() -> Result<()> {
    let shop = Shop::open().await?;
    shop.takes(&shop.webhook(&names("RE"), Some("PSP"))).await?;
    shop.app.stack.settle().await?;
    shop.holds_all(MANY).await?;
    let payments = shop.all("/v1/payments").await?;
    let [payment] = &payments[..] else { anyhow::bail!("{} payments", payments.len()) };
    assert_eq!(payment["amount_refunded"], 10 * MANY);
    assert_eq!(payment["operations_count"], MANY);
    Ok(())
}

#[tokio::test]
async fn hundreds_of_payments_in_one_webhook_are_recorded_and_relayed_once() -> Result<()> {
    let shop = Shop::open().await?;
    shop.takes(&shop.webhook(&names("PSP"), None)).await?;
    shop.app.stack.settle().await?;
    shop.holds_all(MANY).await?;
    assert_eq!(shop.all("/v1/payments").await?.len(), MANY);
    Ok(())
}

/// In the middle of the second fifty: the first are recorded by then, and not recorded again.
#[tokio::test]
async fn a_consumer_that_stops_among_many_events_goes_on_where_it_was() -> Result<()> {
    let shop = Shop::open().await?;
    let names: Vec<String> = names("RE").into_iter().take(120).collect();
    shop.takes(&shop.webhook(&names, Some("PSP"))).await?;
    shop.app.faults.arm(Crash { call: 95, side: Side::After });
    let stack = &shop.app.stack;
    stack
        .events
        .poll(0, async |batch| lost(&batch, consumer::handle(&stack.consumer, batch.clone()).await))
        .await?;
    assert!(shop.app.faults.disarm(), "it came to the crash");
    let committed = shop.all("/v1/events").await?.len();
    assert!((50..120).contains(&committed), "{committed}");
    shop.app.pass_visibility_timeout();
    stack.settle().await?;
    assert_eq!(stack.dead_letter_counts()?, (0, 0));
    assert_eq!(shop.all("/v1/events").await?.len(), 120);
    let told: BTreeSet<String> =
        shop.receiver.receipts().into_iter().map(|receipt| receipt.webhook_id).collect();
    assert_eq!(told.len(), 120);
    Ok(())
}

/// While no delivery can be queued a payment collects a hundred events; the others wait, and nothing is given up.
#[tokio::test]
async fn a_payment_whose_events_can_not_be_relayed_for_a_while_stays_small() -> Result<()> {
    let shop = Shop::open().await?;
    let names: Vec<String> = names("RE").into_iter().take(150).collect();
    for name in &names {
        shop.takes(&shop.webhook(std::slice::from_ref(name), Some("PSP"))).await?;
    }
    shop.app.faults.sabotage(|call| call.operation.starts_with("AmazonSQS").then_some(Failure::Io));
    let mut consumed = 0;
    while consumed < names.len() {
        consumed += shop.app.stack.consume().await?;
    }
    shop.app.faults.disarm();
    let payment = shop.all("/v1/payments").await?.remove(0);
    assert_eq!(payment["operations_count"], 100);
    let stored = shop.app.stack.store.payment(&payment["id"].as_str().context("an id")?.parse()?).await?;
    assert_eq!(stored.context("a payment")?.payment.outbox.len(), 100);
    shop.app.pass_visibility_timeout();
    shop.app.stack.settle().await?;
    shop.holds_all(names.len()).await?;
    Ok(())
}

/// A hundred refunds, whose ids are as long as ids are kept and tell nothing of each other.
fn refunds(stripe: &Stripe, number: usize, text: &str, now: Timestamp) -> Webhook {
    let size = domain::MAX_ID_BYTES;
    let ids = (number * 100..number * 100 + 100).map(|place| &text[place * size..(place + 1) * size]);
    let refunds: Vec<Value> =
        ids.map(|id| json!({ "id": id, "object": "refund", "amount": 1, "status": "succeeded" })).collect();
    let charge = json!({
        "id": "ch_1", "object": "charge", "payment_intent": "pi_1", "amount": 100_000, "currency": "eur",
        "status": "succeeded", "captured": true, "amount_refunded": 100 * (number + 1),
        "refunds": { "data": refunds },
    });
    let at =
        now - SignedDuration::from_secs(60) + SignedDuration::from_secs(i64::try_from(number).unwrap_or(0));
    stripe.event(&format!("evt_{number}"), "charge.refunded", at, &charge, now)
}

#[tokio::test]
async fn events_that_do_not_fit_into_their_payment_beside_each_other_are_recorded_one_after_the_other()
-> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (_, receiver) = app.endpoint().await?;
    let text = noise(1000 * domain::MAX_ID_BYTES);
    for number in 0..10 {
        let answer = app.webhook(&source, &refunds(&stripe, number, &text, app.clock.now())).await?;
        ensure!(answer.status == 200, "{}", answer.text());
    }
    app.stack.settle().await?;
    // A body that does not travel with its message is sent once its event is committed.
    app.clock.advance(SignedDuration::from_secs(2));
    app.stack.settle().await?;
    assert_eq!(app.stack.dead_letter_counts()?, (0, 0));
    let payment = app.get("/v1/payments").await?["data"][0].clone();
    assert_eq!(payment["amount_refunded"], 1000);
    let told: BTreeSet<String> = receiver.receipts().into_iter().map(|receipt| receipt.webhook_id).collect();
    assert_eq!(told.len(), 10);
    Ok(())
}

/// The question that waits for the fetcher, as if the provider had answered it with more than an event can hold.
async fn answered_at_length(app: &App) -> Result<()> {
    let mut question = None;
    app.stack
        .fetches
        .poll(0, async |batch| {
            question =
                batch.records.first().and_then(|record| FetchMessage::decode(record.body.as_deref()?).ok());
            Default::default()
        })
        .await?;
    let FetchMessage { event, webhook, .. } = question.context("a question")?;
    let mut answer = documented("mollie", "paid");
    answer["description"] = json!("x".repeat(1_400_000));
    let reply = Reply::Answer(answer.to_string().into_bytes());
    let confirmation = Some(Confirmation { event, at: app.clock.now(), reply });
    let message = EventMessage { confirmation, ..webhook };
    app.stack.events.send(message.encode().as_str()).await
}

#[tokio::test]
async fn an_event_that_can_not_be_stored_is_found_out_before_its_payment_is_written() -> Result<()> {
    let (app, apis) = start().await?;
    let (_, receiver) = app.endpoint().await?;
    let (at_mollie, stripe) = (mollie(&app).await?, Stripe::new([1; 16]));
    let at_stripe = app.source("stripe", stripe.secret()).await?;
    crate::apis::mollie_answers(&apis, "open").await;
    crate::apis::mollie_calls(&app, &at_mollie, MOLLIE_PAYMENT).await?;
    app.stack.settle().await?;
    app.clock.advance(SignedDuration::from_secs(60));
    app.stack.settle().await?;
    let open = app.get("/v1/payments").await?["data"][0].clone();
    assert_eq!(open["status"], "created", "{open}");

    // With its answer it exceeds what is kept of an event.
    let padding = "x".repeat(4_500_000);
    let answer = form(&app, &at_mollie, format!("id={MOLLIE_PAYMENT}&padding={padding}")).await?;
    ensure!(answer.status == 200, "{}", answer.text());
    app.stack.consume().await?;
    app.clock.advance(SignedDuration::from_secs(2));
    answered_at_length(&app).await?;
    for number in 0..9 {
        let payment = format!("pi_{number}");
        let story = StripeStory { stripe: &stripe, payment: &payment, now: app.clock.now() };
        app.webhook(&at_stripe, &story.succeeded()).await?;
    }
    app.stack.settle().await?;

    let payments = app.get("/v1/payments").await?;
    let payments = payments["data"].as_array().context("a list")?;
    assert_eq!(payments.len(), 10, "the neighbours are recorded");
    assert!(payments.contains(&open), "not changed in any field");
    let told: Vec<Value> = receiver.receipts().iter().map(|receipt| receipt.json()["type"].clone()).collect();
    assert_eq!(told.iter().filter(|told| **told == "payment.captured").count(), 9, "{told:?}");
    assert_eq!(app.stack.dead_letter_counts()?, (1, 0));
    app.stack.record_dead_letters().await?;
    let letters = app.get("/v1/dead-letters").await?;
    let letter = &letters["data"][0];
    assert_eq!((&letter["queue"], &letter["reason"]), (&json!("events"), &json!("too_large")), "{letters}");
    assert_eq!(letter["source"], at_mollie);
    Ok(())
}
