//! What is unproven contradicts nothing and leaves nothing behind, and one answer alone is what an event tells.

use crate::apis::{
    MOLLIE_PAYMENT, answer, documented, form, hmac_sha256, mollie, mollie_answers, only_event, payments,
    start,
};
use crate::crashes::{lost, told};
use anyhow::{Context, Result, ensure};
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use axum::http::{Method, StatusCode};
use data_encoding::BASE64;
use journeys::{App, Crash, Side};
use serde_json::json;
use sha2::{Digest, Sha256};
use wiremock::ResponseTemplate;

/// So many characters that compress to three quarters and no further.
fn noise(seed: u8, characters: usize) -> String {
    let blocks = (0..=characters / 32).flat_map(|block| Sha256::digest(format!("{seed} {block}")));
    let mut text = BASE64.encode(&blocks.collect::<Vec<u8>>()).replace(['+', '/'], "0");
    text.truncate(characters);
    text
}

const CHARGE: &str = "47bb5224-bf50-49d0-a317-4adfd345221a";

/// OpenNode's signature covers the charge's id alone: whoever has seen one may write the rest.
async fn opennode(app: &App, source: &str, order: &str) -> Result<()> {
    let signed = hmac_sha256("a key of the journeys", CHARGE);
    let body = format!("id={CHARGE}&status=processing&order_id={order}&price=1&hashed_order={signed}");
    let answer = form(app, source, body).await?;
    ensure!(answer.status == StatusCode::OK, "{}", answer.text());
    app.stack.settle().await
}

#[tokio::test]
async fn what_nothing_proves_contradicts_nothing() -> Result<()> {
    let (app, apis) = start().await?;
    let (_, receiver) = app.endpoint().await?;
    let source = app.source("opennode", "a key of the journeys").await?;
    for order in ["7", "8", "8"] {
        opennode(&app, &source, order).await?;
    }
    let payment = payments(&app).await?.remove(0);
    assert_eq!(payment["integrity"], "unverified");
    let types: Vec<_> = receiver.receipts().iter().map(|receipt| receipt.json()["type"].clone()).collect();
    assert_eq!(
        types,
        ["payment.unverified", "payment.unverified"],
        "each of both, and the repeat of neither"
    );

    // And the provider's word settles all of it.
    let body = json!({ "api_credential": "a-key-of-the-api" });
    let replaced = app.api(Method::PUT, &format!("/v1/sources/{source}"), Some(body)).await?;
    assert_eq!(replaced.status, StatusCode::OK, "{}", replaced.text());
    let paid = ResponseTemplate::new(200).set_body_json(documented("opennode", "paid"));
    answer(&apis, &format!("/v1/charge/{CHARGE}"), paid).await;
    opennode(&app, &source, "9").await?;
    let payment = payments(&app).await?.remove(0);
    assert_eq!((&payment["integrity"], &payment["status"]), (&json!("ok"), &json!("captured")));
    Ok(())
}

#[tokio::test]
async fn an_answer_that_does_not_fit_into_a_message_with_its_webhook_ends_visibly_and_changes_nothing()
-> Result<()> {
    let (app, apis) = start().await?;
    let (_, receiver) = app.endpoint().await?;
    let source = mollie(&app).await?;
    let mut paid = documented("mollie", "paid");
    paid["description"] = json!(noise(1, 200_000));
    answer(&apis, &format!("/v2/payments/{MOLLIE_PAYMENT}"), ResponseTemplate::new(200).set_body_json(paid))
        .await;
    let sent = form(&app, &source, format!("id={MOLLIE_PAYMENT}&more={}", noise(2, 900_000))).await?;
    assert_eq!(sent.status, StatusCode::OK, "{}", sent.text());
    app.stack.settle().await?;
    app.clock.advance(jiff::SignedDuration::from_secs(2));
    app.stack.settle().await?;
    assert_eq!(app.stack.dead_letter_counts()?, (0, 0));
    assert_eq!(app.stack.fetches_dead_letter_count()?, 1);
    assert!(payments(&app).await?.is_empty() && receiver.receipts().is_empty());
    assert_eq!(only_event(&app).await?["reason"], "confirmation_failed");
    Ok(())
}

fn batch(record: &SqsMessage) -> SqsEvent {
    let mut batch = SqsEvent::default();
    batch.records = vec![record.clone()];
    batch
}

#[tokio::test]
async fn two_answers_about_one_event_are_never_mixed() -> Result<()> {
    let (app, apis) = start().await?;
    let (_, receiver) = app.endpoint().await?;
    let source = mollie(&app).await?;
    crate::apis::mollie_calls(&app, &source, MOLLIE_PAYMENT).await?;
    app.stack.consume().await?;
    // Until then Mollie might call again.
    app.clock.advance(jiff::SignedDuration::from_secs(2));
    // The fetcher stops after it has sent the first answer, and asks again, when the payment has gone on.
    mollie_answers(&apis, "paid").await;
    let fetcher = &app.stack.fetcher;
    let stops = async |batch: SqsEvent| lost(&batch, fetcher::handle(fetcher, batch.clone()).await);
    app.stack.fetches.poll(0, stops).await?;
    app.pass_visibility_timeout();
    mollie_answers(&apis, "refunded").await;
    app.stack.fetch().await?;
    // One consumer stops when the payment is written; meanwhile another has the second answer.
    let (consumer, faults) = (&app.stack.consumer, &app.faults);
    let both = async |answers: SqsEvent| {
        assert_eq!(answers.records.len(), 2);
        // The endpoints, three reads, the payment.
        faults.arm(Crash { call: 4, side: Side::After });
        consumer::handle(consumer, batch(&answers.records[0])).await;
        assert!(faults.calls()[4].ends_with("PutItem") && faults.disarm());
        let second = consumer::handle(consumer, batch(&answers.records[1])).await;
        assert_eq!(second.batch_item_failures.len(), 1, "it waits for the first to be recorded");
        lost(&answers, second)
    };
    app.stack.events.poll(0, both).await?;
    assert!(receiver.receipts().is_empty());
    app.pass_visibility_timeout();
    app.stack.settle().await?;
    let event = only_event(&app).await?;
    assert_eq!((&event["type"], &event["amount"]), (&json!("payment.captured"), &json!(7500)));
    let id = event["id"].as_str().context("an event has an id")?;
    let raw = app.get(&format!("/v1/events/{id}")).await?;
    assert_eq!(raw["effect"], "applied");
    assert_eq!(told(&receiver)?.len(), 1);
    assert_eq!(app.stack.dead_letter_counts()?, (0, 0));
    Ok(())
}

#[tokio::test]
async fn a_no_and_a_yes_in_one_batch_are_a_yes() -> Result<()> {
    let (app, apis) = start().await?;
    let source = mollie(&app).await?;
    crate::apis::mollie_calls(&app, &source, MOLLIE_PAYMENT).await?;
    app.stack.consume().await?;
    // Until then Mollie might call again.
    app.clock.advance(jiff::SignedDuration::from_secs(2));
    // The fetcher stops after it has sent the first answer, and asks again.
    answer(&apis, &format!("/v2/payments/{MOLLIE_PAYMENT}"), ResponseTemplate::new(410)).await;
    let fetcher = &app.stack.fetcher;
    let stops = async |batch: SqsEvent| lost(&batch, fetcher::handle(fetcher, batch.clone()).await);
    app.stack.fetches.poll(0, stops).await?;
    app.pass_visibility_timeout();
    mollie_answers(&apis, "paid").await;
    app.stack.fetch().await?;
    app.stack.settle().await?;
    assert_eq!(only_event(&app).await?["verified_by"], "api");
    assert_eq!(payments(&app).await?.remove(0)["status"], "captured");
    Ok(())
}
