//! What goes in wrong, and what comes of it.

use crate::stories::StripeStory;
use anyhow::Result;
use axum::http::{Method, StatusCode};
use jiff::SignedDuration;
use journeys::{App, Crash, Side};
use serde_json::{Value, json};
use simulators::{Stripe, Webhook};

fn event(stripe: &Stripe, app: &App) -> Webhook {
    StripeStory { stripe, payment: "pi_1", now: app.clock.now() }.created()
}

/// Base64 of noise, the least compressible text that there is.
pub(crate) fn noise(bytes: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = 1u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(ALPHABET[usize::try_from(state >> 58).expect("six bits")])
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

fn problem(answer: &journeys::Answer) -> (StatusCode, Value) {
    (answer.status, answer.json()["code"].clone())
}

#[tokio::test]
async fn webhooks_that_are_not_genuine_are_refused_and_leave_no_trace() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let good = event(&stripe, &app);
    let rejected = (StatusCode::UNAUTHORIZED, json!("signature_rejected"));

    let missing = Webhook { headers: Vec::new(), ..good.clone() };
    assert_eq!(problem(&app.webhook(&source, &missing).await?), rejected);
    let malformed = Webhook { headers: vec![("stripe-signature", "nonsense".to_owned())], ..good.clone() };
    assert_eq!(problem(&app.webhook(&source, &malformed).await?), rejected);
    let other = event(&Stripe::new([9; 16]), &app);
    assert_eq!(problem(&app.webhook(&source, &other).await?), rejected);
    let tampered = Webhook { body: good.body.replace("4620", "4621"), ..good.clone() };
    assert_eq!(problem(&app.webhook(&source, &tampered).await?), rejected);
    app.clock.advance(SignedDuration::from_secs(301));
    assert_eq!(problem(&app.webhook(&source, &good).await?), rejected);

    app.stack.settle().await?;
    assert!(app.get("/v1/events").await?["data"].as_array().is_some_and(Vec::is_empty));
    Ok(())
}

#[tokio::test]
async fn unknown_sources_and_large_bodies_are_refused() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let good = event(&stripe, &app);
    for unknown in ["src_00000000000000000000000000", "nonsense"] {
        let answer = app.webhook(unknown, &good).await?;
        assert_eq!(problem(&answer), (StatusCode::NOT_FOUND, json!("not_found")));
    }
    let largest = stripe.sign(format!("\"{}\"", "x".repeat(queue::MAX_BODY_BYTES - 2)), app.clock.now());
    assert_eq!(
        app.webhook(&source, &largest).await?.status,
        StatusCode::BAD_REQUEST,
        "genuine, but no event"
    );
    let noise = noise(1_050_000);
    let noise = format!(r#"{{"id":"evt_1","type":"a.b","data":{{"object":{{"n":"{noise}"}}}}}}"#);
    let answer = app.webhook(&source, &stripe.sign(noise, app.clock.now())).await?;
    assert_eq!(
        problem(&answer),
        (StatusCode::PAYLOAD_TOO_LARGE, json!("payload_too_large")),
        "it could not be kept"
    );
    let larger = stripe.sign("x".repeat(queue::MAX_BODY_BYTES + 1), app.clock.now());
    let answer = app.webhook(&source, &larger).await?;
    assert_eq!(problem(&answer), (StatusCode::PAYLOAD_TOO_LARGE, json!("payload_too_large")));
    Ok(())
}

#[tokio::test]
async fn nothing_is_acknowledged_while_the_queue_is_down() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    app.webhook(&source, &event(&stripe, &app)).await?; // so that the source is known
    app.faults.arm(Crash { call: 0, side: Side::Before });
    let answer = app.webhook(&source, &event(&stripe, &app)).await?;
    app.faults.disarm();
    assert_eq!(problem(&answer), (StatusCode::SERVICE_UNAVAILABLE, json!("unavailable")));
    assert!(answer.headers.contains_key("retry-after"));
    Ok(())
}

#[tokio::test]
async fn a_message_that_cannot_be_read_becomes_a_dead_letter_and_harms_no_neighbour() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (_, receiver) = app.endpoint().await?;
    for body in ["not json", "{}", r#"{"v":99}"#] {
        app.stack.events.send(body).await?;
        app.stack.deliveries.send(body).await?;
    }
    app.webhook(&source, &event(&stripe, &app)).await?;
    app.stack.settle().await?;
    assert_eq!(app.stack.dead_letter_counts()?, (3, 3));
    assert_eq!(receiver.receipts().len(), 1);
    let letters = app.stack.events_dead_letters.receive_letters().await?;
    assert_eq!(letters.len(), 3);
    for letter in letters {
        assert_eq!(letter.reason.as_deref(), Some("unreadable"));
        assert!(letter.error.as_ref().is_some_and(|error| error.starts_with("the message")), "{letter:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_message_that_fails_at_every_try_becomes_a_dead_letter_that_says_why() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    app.webhook(&source, &event(&stripe, &app)).await?;
    app.faults.take_down("DynamoDB");
    for _ in 0..5 {
        assert_eq!(app.stack.dead_letter_counts()?, (0, 0));
        assert_eq!(app.stack.consume().await?, 1);
        app.pass_visibility_timeout();
    }
    app.faults.disarm();
    assert_eq!(app.stack.dead_letter_counts()?, (1, 0));
    let letters = app.stack.events_dead_letters.receive_letters().await?;
    assert_eq!(letters[0].reason.as_deref(), Some("tries_used_up"));
    assert!(letters[0].error.as_ref().is_some_and(|error| error.starts_with("DynamoDB")), "{letters:?}");
    Ok(())
}

#[tokio::test]
async fn a_rotated_secret_works_on_the_next_request_and_the_old_one_until_it_expires() -> Result<()> {
    let app = App::start().await?;
    let (old, new) = (Stripe::new([1; 16]), Stripe::new([2; 16]));
    let source = app.source("stripe", old.secret()).await?;
    assert_eq!(app.webhook(&source, &event(&old, &app)).await?.status, StatusCode::OK);
    let secrets = format!("/v1/sources/{source}/secrets");
    app.create(&secrets, json!({ "secret": new.secret() })).await?;
    assert_eq!(app.webhook(&source, &event(&new, &app)).await?.status, StatusCode::OK);
    assert_eq!(app.webhook(&source, &event(&old, &app)).await?.status, StatusCode::OK);
    app.clock.advance(SignedDuration::from_hours(25));
    assert_eq!(app.webhook(&source, &event(&new, &app)).await?.status, StatusCode::OK);
    assert_eq!(app.webhook(&source, &event(&old, &app)).await?.status, StatusCode::UNAUTHORIZED);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_points_inward_is_refused_when_it_is_made() -> Result<()> {
    let app = App::start().await?;
    for url in [
        "http://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::ffff:10.0.0.1]/",
        "https://0x0a000001/",
        "https://[fe80::1]/",
        "https://user@example.com/",
    ] {
        let answer = app.api(Method::POST, "/v1/endpoints", Some(json!({ "url": url, "name": "x" }))).await?;
        assert_eq!(
            problem(&answer),
            (StatusCode::UNPROCESSABLE_ENTITY, json!("endpoint_url_refused")),
            "{url}"
        );
    }
    Ok(())
}
