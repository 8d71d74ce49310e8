//! Who knows the address of a provider that signs nothing can post to it as much as he likes.

use crate::apis::{MOLLIE_PAYMENT, mollie, mollie_answers, mollie_calls, only_event, payments, start};
use anyhow::{Context, Result};
use jiff::SignedDuration;
use journeys::App;
use serde_json::json;
use wiremock::MockServer;

async fn record(app: &App) -> Result<()> {
    while app.stack.consume().await? + app.stack.dispatch().await? > 0 {}
    Ok(())
}

/// The paths that were asked for, in their order.
async fn asked(apis: &MockServer) -> Vec<String> {
    let requests = apis.received_requests().await.unwrap_or_default();
    requests.iter().map(|request| request.url.path().to_owned()).collect()
}

#[tokio::test]
async fn the_same_post_ninety_six_times_is_one_event_and_one_question() -> Result<()> {
    let (app, apis) = start().await?;
    let source = mollie(&app).await?;
    mollie_answers(&apis, "paid").await;
    for _ in 0..96 {
        mollie_calls(&app, &source, MOLLIE_PAYMENT).await?;
    }
    record(&app).await?;
    app.stack.fetch().await?;
    assert!(
        asked(&apis).await.is_empty(),
        "not while others may come, which the answer has to be newer than"
    );
    app.clock.advance(SignedDuration::from_secs(2));
    app.stack.settle().await?;
    assert_eq!(asked(&apis).await.len(), 1);
    assert_eq!(only_event(&app).await?["verified_by"], "api");
    // What comes later may be about something new.
    mollie_calls(&app, &source, MOLLIE_PAYMENT).await?;
    record(&app).await?;
    app.clock.advance(SignedDuration::from_secs(2));
    app.stack.settle().await?;
    assert_eq!(asked(&apis).await.len(), 2);
    Ok(())
}

#[tokio::test]
async fn one_answer_serves_all_who_asked_before_it() -> Result<()> {
    let (app, apis) = start().await?;
    let source = mollie(&app).await?;
    mollie_answers(&apis, "paid").await;
    for _ in 0..5 {
        mollie_calls(&app, &source, MOLLIE_PAYMENT).await?;
        app.clock.advance(SignedDuration::from_secs(3));
    }
    record(&app).await?;
    app.clock.advance(SignedDuration::from_secs(2));
    app.stack.settle().await?;
    assert_eq!(asked(&apis).await.len(), 1);
    let events = app.get("/v1/events").await?;
    let events = events["data"].as_array().context("a list")?;
    assert_eq!(events.len(), 5);
    assert!(events.iter().all(|event| event["verified_by"] == "api"), "{events:?}");
    assert_eq!(payments(&app).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_flood_is_put_off_and_what_is_about_a_known_payment_is_not() -> Result<()> {
    let (app, apis) = start().await?;
    let source = mollie(&app).await?;
    mollie_answers(&apis, "open").await;
    mollie_calls(&app, &source, MOLLIE_PAYMENT).await?;
    record(&app).await?;
    app.clock.advance(SignedDuration::from_secs(2));
    app.stack.settle().await?;
    let known = &app.stack.fetcher;
    let capped = fetcher::Deps {
        store: known.store.clone(),
        vault: known.vault.clone(),
        client: known.client.clone(),
        events: known.events.clone(),
        fetches: known.fetches.clone(),
        dead_letters: known.dead_letters.clone(),
        metrics: platform::Metrics::in_memory(known.clock.clone()),
        clock: known.clock.clone(),
        accounts: platform::Cache::new(known.clock.clone(), SignedDuration::ZERO),
        pace: fetcher::Pace::new(std::time::Duration::ZERO, 3),
        answers: fetcher::answers(&known.clock),
    };
    let fetch = async || -> Result<()> {
        while app.stack.fetches.poll(0, async |batch| fetcher::handle(&capped, batch).await).await? > 0 {}
        Ok(())
    };
    for number in 0..20 {
        // Of which the API says 404.
        mollie_calls(&app, &source, &format!("tr_forged{number}")).await?;
    }
    mollie_answers(&apis, "paid").await;
    mollie_calls(&app, &source, MOLLIE_PAYMENT).await?;
    record(&app).await?;
    app.clock.advance(SignedDuration::from_secs(2));
    fetch().await?;
    app.stack.consume().await?;
    let calls = asked(&apis).await;
    assert!(calls.iter().any(|path| path.ends_with(MOLLIE_PAYMENT)), "{calls:?}");
    assert!(calls.len() <= 4, "three a minute, and the known one: {calls:?}");
    let put_off = capped.metrics.counted(fetcher::CAPPED, &[("provider", "mollie")]);
    assert_eq!(put_off, 17, "of twenty made-up ones");
    assert_eq!(payments(&app).await?.remove(0)["status"], "captured");
    // Nothing is dropped: in the end all were asked about.
    for _ in 0..8 {
        app.clock.advance(SignedDuration::from_secs(901));
        fetch().await?;
    }
    app.stack.settle().await?;
    let events = app.get("/v1/events?limit=100").await?;
    let events = events["data"].as_array().context("a list")?;
    let refuted = events.iter().filter(|event| event["reason"] == json!("unknown_to_provider")).count();
    assert_eq!((events.len(), refuted), (22, 20));
    assert_eq!(app.stack.fetches_dead_letter_count()?, 0);
    Ok(())
}
