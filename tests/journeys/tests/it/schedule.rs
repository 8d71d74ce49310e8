//! The schedule of retries, to the second, under the test's clock and across restarts.

use crate::stories::StripeStory;
use anyhow::{Context, Result};
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use journeys::App;
use serde_json::{Value, json};
use simulators::Stripe;

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const MILLISECOND: SignedDuration = SignedDuration::from_millis(1);

async fn one_event(app: &App) -> Result<()> {
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let story = StripeStory { stripe: &stripe, payment: "pi_1", now: app.clock.now() };
    assert_eq!(app.webhook(&source, &story.created()).await?.status, StatusCode::OK);
    app.stack.settle().await
}

async fn delivery(app: &App) -> Result<Value> {
    Ok(app.get("/v1/deliveries").await?["data"][0].clone())
}

async fn sweep_and_settle(app: &App) -> Result<()> {
    sweeper::handle(&app.stack.sweeper).await?;
    app.stack.settle().await
}

fn time(value: &Value) -> Result<Timestamp> {
    Ok(value.as_str().context("a time")?.parse()?)
}

/// Walks every attempt of `delays_s`, with a restart before each. A delay of `queued_s` seconds at most is a delayed
/// message, which comes within a second of its time (SQS knows whole seconds); a longer one stands in the due-index
/// and comes with the sweep at its time.
async fn walk(settings: Value, delays_s: &[i64], queued_s: i64) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut app = App::start_in(directory.path()).await?;
    let (_, receiver) = app.endpoint_with(settings).await?;
    receiver.answer_next(vec![500; delays_s.len() + 1]);
    one_event(&app).await?;
    for (made, delay_s) in (1..).zip(delays_s) {
        app = app.restart_in(directory.path()).await?;
        let waiting = delivery(&app).await?;
        assert_eq!(waiting["status"], "retrying");
        let next = time(&waiting["next_attempt_at"])?;
        let failed = time(&waiting["attempts"][made - 1]["at"])?;
        let (least, base) =
            (failed + SignedDuration::from_secs(*delay_s), SignedDuration::from_secs(*delay_s));
        assert!(least <= next && next <= least + base / 5, "attempt {}: {failed} then {next}", made + 1);

        app.clock.advance_to(next - MILLISECOND);
        sweep_and_settle(&app).await?;
        assert_eq!(receiver.receipts().len(), made, "attempt {} came early", made + 1);
        app = app.restart_in(directory.path()).await?;
        let tolerance = if *delay_s <= queued_s { SECOND } else { SignedDuration::ZERO };
        app.clock.advance_to(next + tolerance);
        sweep_and_settle(&app).await?;
        assert_eq!(receiver.receipts().len(), made + 1, "attempt {} did not come", made + 1);
        let attempts = delivery(&app).await?["attempts"].clone();
        assert_eq!(attempts[made]["number"], made + 1);
        assert!(time(&attempts[made]["at"])? <= next + tolerance);
    }
    let exhausted = delivery(&app).await?;
    assert_eq!((&exhausted["status"], &exhausted["next_attempt_at"]), (&json!("exhausted"), &Value::Null));
    // Nothing more comes, however long one waits.
    for _ in 0..3 {
        app.clock.advance(SignedDuration::from_hours(24 * 3));
        sweep_and_settle(&app).await?;
    }
    assert_eq!((receiver.receipts().len(), receiver.refused()), (delays_s.len() + 1, 0));
    Ok(())
}

#[tokio::test]
async fn ten_attempts_come_to_the_second_and_in_their_jitter_across_restarts() -> Result<()> {
    walk(json!({}), &[5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400], 750).await
}

#[tokio::test]
async fn an_endpoint_can_have_a_schedule_of_its_own() -> Result<()> {
    // The least and the most, and both sides of what waits in the queue.
    let delays_s = [1, 60, 750, 901, 86_400, 172_800];
    walk(json!({ "retry_schedule": delays_s }), &delays_s, 750).await
}

#[tokio::test]
async fn after_eight_short_delays_in_a_row_the_next_attempt_comes_from_the_due_index() -> Result<()> {
    let app = App::start().await?;
    let (_, receiver) = app.endpoint_with(json!({ "retry_schedule": vec![10; 20] })).await?;
    receiver.answer_next([500; 30]);
    one_event(&app).await?;
    // Without a sweep, Lambda's recursion detection would see one message after another for ever.
    for _ in 0..20 {
        app.clock.advance(SignedDuration::from_secs(13));
        app.stack.settle().await?;
    }
    assert_eq!(receiver.receipts().len(), 8);
    let swept = async || {
        for _ in 0..8 {
            sweep_and_settle(&app).await?;
            app.clock.advance(SignedDuration::from_secs(13));
        }
        anyhow::Ok(receiver.receipts().len())
    };
    assert_eq!((swept().await?, swept().await?), (16, 21));
    assert_eq!(delivery(&app).await?["status"], "exhausted");
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_wants_a_delivery_no_more_is_not_asked_again() -> Result<()> {
    let app = App::start().await?;
    let (endpoint, receiver) = app.endpoint().await?;
    receiver.answer_next_with(422, "webhook-retry", "no")?;
    one_event(&app).await?;
    let rejected = delivery(&app).await?;
    assert_eq!((&rejected["status"], &rejected["next_attempt_at"]), (&json!("exhausted"), &Value::Null));
    assert_eq!(rejected["attempts"][0]["error"], "rejected");
    assert_eq!(rejected["attempts"][0]["status_code"], 422);
    app.clock.advance(SignedDuration::from_hours(1));
    sweep_and_settle(&app).await?;
    assert_eq!(receiver.receipts().len(), 1);
    assert_eq!(app.get(&format!("/v1/endpoints/{endpoint}")).await?["status"], "active");
    Ok(())
}
