//! The dispatcher is stopped at every call on its way to a queue and to an event bus, before and after its effect.

use crate::crashes::crashes;
use crate::stories::StripeStory;
use anyhow::{Result, ensure};
use jiff::SignedDuration;
use journeys::{App, ClientQueue, Crash, create_bus};
use serde_json::json;
use simulators::Stripe;
use std::collections::BTreeSet;

/// Which kind of place, and by what its receiver drops repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Queue,
    Fifo,
    Bus,
}

/// Gives the ids of what arrived, and whether it came to the crash.
async fn run(kind: Kind, crash: Option<Crash>) -> Result<(Vec<String>, bool)> {
    let app = App::start().await?;
    let queue = ClientQueue::create(&app.stack, if kind == Kind::Fifo { "orders.fifo" } else { "orders" })?;
    let settings = match kind {
        Kind::Queue | Kind::Fifo => json!({ "type": "sqs", "arn": queue.arn() }),
        Kind::Bus => json!({ "type": "eventbridge", "arn": create_bus(&app.stack, "payments").await? }),
    };
    app.create("/v1/endpoints", settings).await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let story = StripeStory { stripe: &stripe, payment: "pi_1", now: app.clock.now() };
    app.webhook(&source, &story.created()).await?;
    while app.stack.consume().await? > 0 {}
    let (stack, mut crashed) = (&app.stack, false);
    if let Some(crash) = crash {
        app.faults.arm(crash);
        // The process dies over it: the batch is never finished.
        let handled = tokio::sync::Notify::new();
        let dies = async |batch: aws_lambda_events::sqs::SqsEvent| {
            dispatcher::handle(&stack.dispatcher, batch).await;
            handled.notify_one();
            std::future::pending().await
        };
        tokio::select! {
            taken = stack.deliveries.poll(0, dies) => drop(taken?),
            () = handled.notified() => {}
        }
        crashed = app.faults.disarm();
        // Within the five minutes in which a FIFO queue knows a repeat, as the function's own timeout is.
        app.clock.advance(SignedDuration::from_secs(100));
        app.stack.sqs.recover()?;
    }
    for _ in 0..3 {
        app.stack.settle().await?;
        app.clock.advance(SignedDuration::from_mins(16));
        sweeper::handle(&app.stack.sweeper).await?;
    }
    app.stack.settle().await?;
    ensure!(app.stack.dead_letter_counts()? == (0, 0), "a message was given up");
    let delivery = app.get("/v1/deliveries").await?["data"][0].clone();
    ensure!(delivery["status"] == "succeeded", "{delivery}");
    let arrived: Vec<String> = match kind {
        Kind::Queue | Kind::Fifo => {
            queue.take(stack).await?.into_iter().map(|m| m.attributes["webhook-id"].clone()).collect()
        }
        Kind::Bus => {
            stack.buses.events("payments").into_iter().map(|event| event.resources[1].clone()).collect()
        }
    };
    ensure!(arrived.iter().all(|id| delivery["id"] == id.as_str()), "{arrived:?}");
    Ok((arrived, crashed))
}

async fn may_stop_anywhere(kind: Kind, fewest_points: usize) -> Result<()> {
    let (arrived, _) = run(kind, None).await?;
    ensure!(arrived.len() == 1, "{arrived:?}");
    let (mut points, mut counts) = (0, BTreeSet::new());
    for crash in crashes() {
        let (arrived, crashed) = run(kind, Some(crash)).await?;
        if !crashed {
            break;
        }
        points += 1;
        ensure!(!arrived.is_empty(), "{crash:?}: lost");
        counts.insert(arrived.len());
    }
    ensure!(points >= fewest_points, "only {points} points were reached");
    // After the send and before the record: at least once, which a FIFO queue makes once.
    let expected = if kind == Kind::Fifo { BTreeSet::from([1]) } else { BTreeSet::from([1, 2]) };
    ensure!(counts == expected, "arrived so many times: {counts:?}");
    Ok(())
}

// The endpoint, its health, the send and the record, each before and after; of a bus the look-up too.

#[tokio::test]
async fn the_dispatcher_may_stop_at_any_call_on_the_way_to_a_queue() -> Result<()> {
    may_stop_anywhere(Kind::Queue, 8).await
}

#[tokio::test]
async fn the_dispatcher_may_stop_at_any_call_on_the_way_to_a_fifo_queue() -> Result<()> {
    may_stop_anywhere(Kind::Fifo, 8).await
}

#[tokio::test]
async fn the_dispatcher_may_stop_at_any_call_on_the_way_to_an_event_bus() -> Result<()> {
    may_stop_anywhere(Kind::Bus, 10).await
}
