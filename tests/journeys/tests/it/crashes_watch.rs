//! The sweeper stops at any of its calls while it looks after the sources, and the consumer while it notes that one is
//! alive.

use crate::crashes::{crashes, lost};
use crate::watch::Watched;
use anyhow::{Result, ensure};
use aws_lambda_events::sqs::SqsEvent;
use axum::http::StatusCode;
use jiff::SignedDuration;
use journeys::Crash;

/// One run: a source has been silent for long enough, and a day in quarantine has reached its first step. Gives whether it
/// came to the crash, and what was told in the end.
async fn look(crash: Option<Crash>) -> Result<(bool, Vec<String>)> {
    let watched = Watched::begin(Some(1)).await?;
    watched.app.clock.advance(SignedDuration::from_mins(80));
    for _ in 0..10 {
        ensure!(watched.webhook(9, "pi_9").await? == StatusCode::UNAUTHORIZED, "it is not genuine");
    }
    let mut crashed = false;
    if let Some(crash) = crash {
        watched.app.faults.arm(crash);
        let _ = sweeper::handle(&watched.app.stack.sweeper).await;
        crashed = watched.app.faults.disarm();
    }
    watched.looks(4).await?;
    ensure!(watched.app.stack.dead_letter_counts()? == (0, 0), "a message was given up");
    let told = watched.told()?;
    let mut types: Vec<String> = told.iter().map(|body| body["type"].to_string()).collect();
    types.sort();
    Ok((crashed, types))
}

#[tokio::test]
async fn the_sweeper_may_stop_while_it_tells_of_sources() -> Result<()> {
    let (_, told) = look(None).await?;
    assert_eq!(told, ["\"quarantine.growing\"", "\"source.silent\""]);
    let mut points = 0;
    for crash in crashes() {
        let (crashed, told_after) = look(Some(crash)).await?;
        if !crashed {
            break;
        }
        points += 1;
        assert_eq!(told_after, told, "{crash:?}");
    }
    // Four shards, the sources, their activity and their days; then for both endpoints, event, delivery and mark; the
    // replays. Each before and after.
    assert!(points >= 32, "only {points} points were reached");
    Ok(())
}

/// What becomes of the consumer.
#[derive(Debug, Clone, Copy)]
enum Ends {
    /// The process is gone, and what it would have answered with it.
    Stopped,
    /// Its calls fail, and it answers which messages are to come again.
    Cut,
}

/// One run: from one of its calls on the consumer gets nothing done.
async fn note(crash: Option<Crash>, ends: Ends) -> Result<bool> {
    let watched = Watched::begin(None).await?;
    ensure!(watched.webhook(1, "pi_1").await? == StatusCode::OK, "it is genuine");
    let mut crashed = false;
    if let Some(crash) = crash {
        watched.app.faults.arm(crash);
        let stack = &watched.app.stack;
        let handle = async |batch: SqsEvent| {
            let answer = consumer::handle(&stack.consumer, batch.clone()).await;
            match ends {
                Ends::Stopped => lost(&batch, answer),
                Ends::Cut => answer,
            }
        };
        stack.events.poll(0, handle).await?;
        crashed = watched.app.faults.disarm();
        watched.app.pass_visibility_timeout();
    }
    watched.app.stack.settle().await?;
    ensure!(watched.app.stack.dead_letter_counts()? == (0, 0), "a message was given up");
    let shown = watched.shown().await?;
    ensure!(shown["last_event_at"] == "2026-11-22T12:00:00.000Z", "after {crash:?}, {ends:?}: {shown}");
    Ok(crashed)
}

#[tokio::test]
async fn the_consumer_may_stop_while_it_notes_that_a_source_is_alive() -> Result<()> {
    for ends in [Ends::Stopped, Ends::Cut] {
        note(None, ends).await?;
        let mut points = 0;
        for crash in crashes() {
            if !note(Some(crash), ends).await? {
                break;
            }
            points += 1;
        }
        // The endpoints, two reads, the payment, the event, the note; each before and after.
        assert!(points >= 12, "only {points} points were reached");
    }
    Ok(())
}
