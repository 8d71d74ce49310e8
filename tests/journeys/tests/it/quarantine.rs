//! Quarantine from the provider's side: it never changes an answer, it is sealed, and it is bounded.

use anyhow::{Context, Result};
use axum::http::{Method, StatusCode};
use intake::Counting;
use jiff::SignedDuration;
use journeys::{App, Crash, Refusal, Sent, Side};
use serde_json::json;
use simulators::Stripe;
use store::{PageRequest, QUARANTINE_MAX_BYTES_PER_DAY};

const MISMATCH: &str = "signature_mismatch";

/// A genuine event of an account whose secret the source does not have.
fn forged(app: &App, body: &str) -> Sent {
    let webhook = Stripe::new([9; 16]).sign(body.to_owned(), app.clock.now());
    let headers: Vec<(&'static str, &str)> =
        webhook.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Sent::post(&headers, body)
}

async fn stripe_source(app: &App) -> Result<String> {
    app.source("stripe", Stripe::new([1; 16]).secret()).await
}

fn outcome(app: &App, outcome: &str) -> u64 {
    app.stack.counters.counted(Counting::Quarantined { provider: "stripe", outcome })
}

#[tokio::test]
async fn what_is_kept_can_not_be_read_in_the_table() -> Result<()> {
    let app = App::start().await?;
    let source = stripe_source(&app).await?;
    let mut sent = forged(&app, r#"{"card":"4111-kept-secret"}"#);
    sent.headers.push(("authorization", b"Basic a2VwdC1zZWNyZXQ=".to_vec()));
    app.refuses("forged", (&source, "stripe"), &sent, Refusal::rejected(MISMATCH)).await?;
    assert_eq!(outcome(&app, "kept"), 1);
    let page = PageRequest { after: None, limit: 10 };
    let kept = app.stack.store.quarantine_of(&source.parse()?, &page).await?;
    let [entry] = &kept.readable().collect::<Vec<_>>()[..] else { anyhow::bail!("one request was kept") };
    let Some(request) = app.stack.store.quarantined(&entry.id).await? else { anyhow::bail!("it is there") };
    let plain = app.stack.vault.open_bytes(request.entry.id.as_str(), &request.sealed).await?;
    assert_ne!(plain, request.sealed);
    assert!(app.stack.vault.open_bytes(source.as_str(), &request.sealed).await.is_err(), "for its id alone");
    for hidden in [&b"4111"[..], b"kept-secret", b"a2VwdC1zZWNyZXQ"] {
        assert!(!request.sealed.windows(hidden.len()).any(|window| window == hidden));
    }
    assert!(!format!("{:?}", request.entry).contains("kept-secret"));
    Ok(())
}

#[tokio::test]
async fn a_full_day_costs_a_write_a_minute_and_the_next_day_has_room_again() -> Result<()> {
    let app = App::start().await?;
    let source = stripe_source(&app).await?;
    let id = source.parse()?;
    app.stack.store.reserve_quarantine(&id, app.clock.now(), QUARANTINE_MAX_BYTES_PER_DAY).await?;
    let not_kept = Refusal { kept: false, ..Refusal::rejected(MISMATCH) };
    let calls = |app: &App| app.faults.calls().iter().filter(|call| call.contains("UpdateItem")).count();
    app.faults.arm(Crash { call: usize::MAX, side: Side::Before }); // counts, and never comes to it
    for _ in 0..3 {
        app.refuses("full", (&source, "stripe"), &forged(&app, "{}"), not_kept).await?;
    }
    assert_eq!((outcome(&app, "full"), calls(&app)), (3, 1));
    app.clock.advance(SignedDuration::from_mins(1));
    app.refuses("asked again", (&source, "stripe"), &forged(&app, "{}"), not_kept).await?;
    assert_eq!((outcome(&app, "full"), calls(&app)), (4, 2));
    app.clock.advance(SignedDuration::from_hours(24));
    let kept = Refusal::rejected(MISMATCH);
    app.refuses("tomorrow", (&source, "stripe"), &forged(&app, "{}"), kept).await?;
    Ok(())
}

#[tokio::test]
async fn that_it_can_not_be_kept_does_not_change_the_answer() -> Result<()> {
    let app = App::start_as_deployed().await?;
    let source = stripe_source(&app).await?;
    let kept = Refusal::rejected(MISMATCH);
    // So that the source is known and was looked at again: what follows only wants to keep.
    for _ in 0..2 {
        app.refuses("warm", (&source, "stripe"), &forged(&app, "{}"), kept).await?;
    }
    app.faults.take_down("DynamoDB");
    let answer = app.send(&source, &forged(&app, "{}")).await?;
    app.faults.disarm();
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(outcome(&app, "failed"), 1);
    assert_eq!(app.quarantined(&source).await?, 2);
    Ok(())
}

#[tokio::test]
async fn what_does_not_fit_into_an_item_and_its_parts_is_counted_and_not_kept() -> Result<()> {
    let app = App::start().await?;
    let source = stripe_source(&app).await?;
    let code = "payload_too_large";
    let not_kept = Refusal { status: 413, code, reason: "too_large", by_provider: true, kept: false };
    // As much as is read, in bytes that do not compress.
    let mut state = 1u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    let noise: Vec<u8> = std::iter::repeat_with(next).take(6 * 1024 * 1024).collect();
    app.refuses("noise", (&source, "stripe"), &Sent::post(&[], noise), not_kept).await?;
    assert_eq!(outcome(&app, "too_large"), 1);
    let large = crate::bad_input::noise(522_000);
    app.refuses("large", (&source, "stripe"), &forged(&app, &large), Refusal::rejected(MISMATCH)).await?;
    Ok(())
}

#[tokio::test]
async fn verifying_again_may_stop_at_any_call_and_ends_with_one_event() -> Result<()> {
    let mut points = 0;
    for crash in crate::crashes::crashes() {
        let app = App::start().await?;
        let source = stripe_source(&app).await?;
        let other = Stripe::new([9; 16]);
        let now = app.clock.now();
        let intent = json!({ "id": "pi_1", "object": "payment_intent", "amount": 1, "currency": "eur", "status": "processing" });
        let webhook = other.event("evt_1", "payment_intent.processing", now, &intent, now);
        assert_eq!(app.webhook(&source, &webhook).await?.status, StatusCode::UNAUTHORIZED);
        let secrets = format!("/v1/sources/{source}/secrets");
        app.create(&secrets, json!({ "secret": other.secret() })).await?;
        let listed = app.get("/v1/quarantine").await?;
        let id = listed["data"][0]["id"].as_str().context("it was kept")?.to_owned();
        let verify = format!("/v1/quarantine/{id}/verify");
        app.faults.arm(crash);
        let answer = app.api(Method::POST, &verify, None).await?;
        if !app.faults.disarm() {
            assert_eq!(answer.json()["outcome"], "accepted");
            break;
        }
        points += 1;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{crash:?}");
        // Whoever asked tries again; it may have left the quarantine already.
        let again = app.api(Method::POST, &verify, None).await?;
        assert!(again.status == StatusCode::OK || again.status == StatusCode::NOT_FOUND, "{crash:?}");
        assert_eq!(app.quarantined(&source).await?, 0, "{crash:?}");
        app.stack.settle().await?;
        let events = app.get("/v1/events").await?;
        assert_eq!(events["data"].as_array().map(Vec::len), Some(1), "{crash:?}");
    }
    // The request, the source, the queue, the deletion, each before and after.
    assert!(points >= 8, "only {points} points were reached");
    Ok(())
}
