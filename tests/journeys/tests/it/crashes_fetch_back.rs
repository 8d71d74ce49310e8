//! The consumer and the fetcher are stopped at every call to AWS while an event is recorded without proof, asked about
//! and confirmed: the ledger is the same, and the client is told once, in the same bytes.

use crate::apis::{
    MOLLIE_PAYMENT, documented, mollie, mollie_answers, mollie_calls, payments, source, start,
};
use crate::crashes::{Told, crashes, lost, told};
use crate::stories::essence;
use anyhow::{Result, ensure};
use axum::http::StatusCode;
use jiff::SignedDuration;
use journeys::{App, Crash};
use serde_json::{Value, json};
use simulators::Stripe;
use wiremock::matchers::{method, path};
use wiremock::{Mock, ResponseTemplate};

/// Who stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stops {
    /// The consumer, when the notifications come in.
    Recording,
    /// The fetcher, when it asks.
    Asking,
    /// The consumer, when the answers come in.
    Confirming,
}

/// Hands one batch to a function that ends in the middle. Tells whether it came to that.
async fn crash_in(app: &App, stops: Stops, crash: Crash) -> Result<bool> {
    app.faults.arm(crash);
    match stops {
        Stops::Asking => {
            let stack = &app.stack;
            let handle = async |batch: aws_lambda_events::sqs::SqsEvent| {
                lost(&batch, fetcher::handle(&stack.fetcher, batch.clone()).await)
            };
            stack.fetches.poll(0, handle).await?;
        }
        Stops::Recording | Stops::Confirming => {
            let stack = &app.stack;
            let handle = async |batch: aws_lambda_events::sqs::SqsEvent| {
                lost(&batch, consumer::handle(&stack.consumer, batch.clone()).await)
            };
            stack.events.poll(0, handle).await?;
        }
    }
    let crashed = app.faults.disarm();
    app.pass_visibility_timeout();
    Ok(crashed)
}

/// One run, over a new payment of Mollie's, and a refund of Stripe's whose payment only the API knows.
async fn run(stops: Stops, crash: Option<Crash>) -> Result<(Told, Vec<Value>, Vec<Value>, bool)> {
    let (app, apis) = start().await?;
    let (_, receiver) = app.endpoint().await?;
    let shop = mollie(&app).await?;
    let stripe = Stripe::new([1; 16]);
    let platform = source(&app, "stripe", &[stripe.secret()], "sk_test_of_the_journeys").await?;
    mollie_answers(&apis, "paid").await;
    let refund = "re_1Nispe2eZvKYlo2Cd31jOCgZ";
    Mock::given(method("GET"))
        .and(path(format!("/v1/refunds/{refund}")))
        .respond_with(ResponseTemplate::new(200).set_body_json(documented("stripe", "refund")))
        .mount(&apis)
        .await;
    mollie_calls(&app, &shop, MOLLIE_PAYMENT).await?;
    let thin = json!({
        "id": "evt_1", "object": "v2.core.event", "type": "v1.refund.updated", "created": "2026-11-22T11:59:00Z",
        "related_object": { "id": refund, "type": "refund" },
    });
    let answer = app.webhook(&platform, &stripe.sign(thin.to_string(), app.clock.now())).await?;
    ensure!(answer.status == StatusCode::OK, "{}", answer.text());

    let mut crashed = false;
    for step in [Stops::Recording, Stops::Asking, Stops::Confirming] {
        if step == Stops::Asking {
            // Until then Mollie might call again.
            app.clock.advance(SignedDuration::from_secs(2));
        }
        if let Some(crash) = crash.filter(|_| step == stops) {
            crashed = crash_in(&app, step, crash).await?;
        }
        match step {
            Stops::Recording | Stops::Confirming => while app.stack.consume().await? > 0 {},
            Stops::Asking => while app.stack.fetch().await? > 0 {},
        }
    }
    app.clock.advance(SignedDuration::from_secs(1000));
    app.stack.settle().await?;
    ensure!(app.stack.dead_letter_counts()? == (0, 0), "a message was given up");
    ensure!(app.stack.fetches_dead_letter_count()? == 0, "a question was given up");
    let mut ledger: Vec<Value> = payments(&app).await?.iter().map(essence).collect();
    ledger.sort_by_key(Value::to_string);
    let events = app.get("/v1/events").await?;
    let shown = |event: &Value| {
        json!([event["type"], event["verified_by"], event["effect"], event["reason"], event["amount"]])
    };
    let mut events: Vec<Value> = events["data"].as_array().into_iter().flatten().map(shown).collect();
    events.sort_by_key(Value::to_string);
    Ok((told(&receiver)?, ledger, events, crashed))
}

#[tokio::test]
async fn the_fetch_back_lane_may_stop_at_any_call() -> Result<()> {
    let (told, ledger, events, _) = run(Stops::Recording, None).await?;
    assert_eq!((told.len(), ledger.len(), events.len()), (2, 2, 3));
    // Recording: endpoints, two reads, the questions, two events. Asking: two sources, two answers. Confirming:
    // endpoints, two reads, two payments, the deliveries, three events. Each before and after.
    for (stops, least) in [(Stops::Recording, 10), (Stops::Asking, 8), (Stops::Confirming, 16)] {
        let mut points = 0;
        for crash in crashes() {
            let (told_after, ledger_after, events_after, crashed) = run(stops, Some(crash)).await?;
            if !crashed {
                break;
            }
            points += 1;
            assert_eq!(ledger_after, ledger, "{stops:?} {crash:?}");
            assert_eq!(told_after, told, "{stops:?} {crash:?}");
            assert_eq!(events_after, events, "{stops:?} {crash:?}");
        }
        assert!(points >= least, "{stops:?}: only {points} points were reached");
    }
    Ok(())
}
