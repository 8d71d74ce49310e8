//! Deliveries that do not succeed at once.

use crate::stories::StripeStory;
use anyhow::Result;
use axum::http::{Method, StatusCode};
use jiff::SignedDuration;
use journeys::{App, Receiver};
use serde_json::{Value, json};
use simulators::Stripe;

async fn one_event(app: &App) -> Result<()> {
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let story = StripeStory { stripe: &stripe, payment: "pi_1", now: app.clock.now() };
    app.webhook(&source, &story.created()).await?;
    app.stack.settle().await
}

async fn delivery(app: &App) -> Result<Value> {
    Ok(app.get("/v1/deliveries").await?["data"][0].clone())
}

/// A minute passes, as the schedule of the sweeper sees it.
async fn pass_minute(app: &App) -> Result<()> {
    app.clock.advance(SignedDuration::from_secs(60));
    sweeper::handle(&app.stack.sweeper).await?;
    app.stack.settle().await
}

#[tokio::test]
async fn ten_attempts_are_made_at_the_scheduled_times_and_then_the_delivery_is_exhausted() -> Result<()> {
    let app = App::start().await?;
    let (_, receiver) = app.endpoint().await?;
    receiver.answer_next([500; 20]);
    one_event(&app).await?;
    let delays_s: [i64; 9] = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];
    for (made, delay_s) in (1..).zip(delays_s) {
        let waiting = delivery(&app).await?;
        assert_eq!(waiting["status"], "retrying");
        assert_eq!(waiting["attempts"].as_array().map(Vec::len), Some(made));
        // Not a second early ...
        app.clock.advance(SignedDuration::from_secs(delay_s - 1));
        sweeper::handle(&app.stack.sweeper).await?;
        app.stack.settle().await?;
        assert_eq!(receiver.receipts().len(), made, "attempt {} came early", made + 1);
        // ... and within the jitter, a second of the queue's rounding and a minute of the sweeper's.
        app.clock.advance(SignedDuration::from_secs(1 + delay_s / 5 + 1));
        sweeper::handle(&app.stack.sweeper).await?;
        app.stack.settle().await?;
        assert_eq!(receiver.receipts().len(), made + 1, "attempt {} did not come", made + 1);
    }
    let exhausted = delivery(&app).await?;
    assert_eq!(exhausted["status"], "exhausted");
    assert_eq!(exhausted["next_attempt_at"], Value::Null);
    assert_eq!(exhausted["attempts"][9]["error"], "status");
    assert_eq!(exhausted["attempts"][9]["status_code"], 500);
    let found = app.get("/v1/deliveries?status=exhausted").await?;
    assert_eq!(found["data"].as_array().map(Vec::len), Some(1));
    let bodies: std::collections::BTreeSet<String> =
        receiver.receipts().into_iter().map(|r| r.webhook_id + &r.body).collect();
    assert_eq!(bodies.len(), 1, "the same id and the same bytes each time");
    Ok(())
}

#[tokio::test]
async fn an_exhausted_delivery_can_be_retried_by_hand() -> Result<()> {
    let app = App::start().await?;
    let (_, receiver) = app.endpoint().await?;
    receiver.answer_next([500; 100]);
    one_event(&app).await?;
    for _ in 0..9 {
        app.clock.advance(SignedDuration::from_hours(29));
        sweeper::handle(&app.stack.sweeper).await?;
        app.stack.settle().await?;
    }
    let exhausted = delivery(&app).await?;
    assert_eq!(exhausted["status"], "exhausted");
    receiver.recover();
    let path = format!("/v1/deliveries/{}/retry", exhausted["id"].as_str().unwrap_or_default());
    assert_eq!(app.api(Method::POST, &path, None).await?.status, StatusCode::ACCEPTED);
    app.stack.settle().await?;
    let retried = delivery(&app).await?;
    assert_eq!(retried["status"], "succeeded");
    // So long a pause brings some retries twice at once, from their queue and from the due-index: these are repeats.
    let attempts = retried["attempts"].as_array().into_iter().flatten();
    assert_eq!(attempts.filter(|attempt| attempt["repeat"] != true).count(), 11);
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_gets_it() -> Result<()> {
    let app = App::start().await?;
    let (_, receiver) = app.endpoint().await?;
    receiver.answer_next_with(429, "retry-after", "120")?;
    one_event(&app).await?;
    pass_minute(&app).await?;
    assert_eq!(receiver.receipts().len(), 1);
    pass_minute(&app).await?;
    pass_minute(&app).await?;
    assert_eq!(receiver.receipts().len(), 2);
    assert_eq!(delivery(&app).await?["status"], "succeeded");
    Ok(())
}

#[tokio::test]
async fn gone_disables_the_endpoint_and_cancels_its_deliveries() -> Result<()> {
    let app = App::start().await?;
    let (endpoint, receiver) = app.endpoint().await?;
    receiver.answer_next([410]);
    one_event(&app).await?;
    assert_eq!(app.get(&format!("/v1/endpoints/{endpoint}")).await?["status"], "disabled");
    assert_eq!(delivery(&app).await?["status"], "canceled");
    Ok(())
}

#[tokio::test]
async fn one_endpoint_that_fails_does_not_keep_another_from_its_deliveries() -> Result<()> {
    let app = App::start().await?;
    let (_, failing) = app.endpoint().await?;
    failing.answer_next([500; 5]);
    let (_, healthy) = app.endpoint().await?;
    one_event(&app).await?;
    assert_eq!(healthy.receipts().len(), 1);
    assert_eq!(failing.receipts().len(), 1);
    app.clock.advance(SignedDuration::from_secs(7));
    app.stack.settle().await?;
    assert_eq!((healthy.receipts().len(), failing.receipts().len()), (1, 2));
    Ok(())
}

#[tokio::test]
async fn an_endpoint_gets_only_the_types_and_sources_that_it_wants() -> Result<()> {
    let app = App::start().await?;
    let receiver = Receiver::start().await?;
    let endpoint = app
        .create(
            "/v1/endpoints",
            json!({ "url": receiver.url(), "name": "refunds", "event_types": ["refund.*"] }),
        )
        .await?;
    receiver.verify_with(endpoint["secret"].as_str().unwrap_or_default());
    one_event(&app).await?;
    assert!(receiver.receipts().is_empty());
    assert!(app.get("/v1/deliveries").await?["data"].as_array().is_some_and(Vec::is_empty));
    Ok(())
}

#[tokio::test]
async fn retries_by_hand_neither_use_up_the_schedule_nor_undo_a_delivery() -> Result<()> {
    let app = App::start().await?;
    let (_, receiver) = app.endpoint().await?;
    receiver.answer_next([500; 6]);
    one_event(&app).await?;
    let path = format!("/v1/deliveries/{}/retry", delivery(&app).await?["id"].as_str().unwrap_or_default());
    let scheduled = delivery(&app).await?["next_attempt_at"].clone();
    for _ in 0..4 {
        app.api(Method::POST, &path, None).await?;
        app.stack.settle().await?;
    }
    assert_eq!(delivery(&app).await?["next_attempt_at"], scheduled);
    app.clock.advance(SignedDuration::from_secs(7));
    app.stack.settle().await?;
    let waiting = delivery(&app).await?;
    assert_eq!(
        (&waiting["status"], waiting["attempts"].as_array().map(Vec::len)),
        (&json!("retrying"), Some(6))
    );
    let next: jiff::Timestamp = waiting["next_attempt_at"].as_str().unwrap_or_default().parse()?;
    assert!(
        next.duration_since(app.clock.now()) <= SignedDuration::from_secs(360),
        "the second delay, not the sixth"
    );

    app.api(Method::POST, &path, None).await?;
    app.stack.settle().await?;
    assert_eq!(delivery(&app).await?["status"], "succeeded");
    receiver.answer_next([500]);
    app.api(Method::POST, &path, None).await?;
    app.stack.settle().await?;
    assert_eq!(delivery(&app).await?["status"], "succeeded");
    Ok(())
}

#[tokio::test]
async fn what_was_delivered_stays_delivered_if_its_endpoint_is_gone_when_it_is_asked_for_again() -> Result<()>
{
    let app = App::start().await?;
    let (endpoint, receiver) = app.endpoint().await?;
    one_event(&app).await?;
    let delivered = delivery(&app).await?;
    assert_eq!(delivered["status"], "succeeded");
    let path = format!("/v1/deliveries/{}/retry", delivered["id"].as_str().unwrap_or_default());
    assert_eq!(app.api(Method::POST, &path, None).await?.status, StatusCode::ACCEPTED);
    let gone = app.api(Method::DELETE, &format!("/v1/endpoints/{endpoint}"), None).await?;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    app.stack.settle().await?;
    assert_eq!(delivery(&app).await?["status"], "succeeded");
    assert_eq!(receiver.receipts().len(), 1);
    Ok(())
}
