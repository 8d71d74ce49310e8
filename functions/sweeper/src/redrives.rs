//! Sends dead letters again whose time has come: what failed because something was down mends itself.
//!
//! This finishes what is recorded and not relayed. An event that stands in a payment's outbox is relayed by its own message alone,
//! and that message is here.
//!
//! **Guarantee:** a letter leaves the index in the write that marks it as sent, after SQS has confirmed its message; what stops in
//! between is sent again by the next run. One that can't be sent keeps no other from its turn.

use crate::{Deps, PAGE};
use domain::{DeadLetterReason, RedrivenBy};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use redrive::RedriveError;
use std::error::Error;
use std::time::Duration;
use store::{DueRedrive, Read, StoreError, StoredDeadLetter};

/// No more of a run than this.
const MAX_REDRIVING: SignedDuration = SignedDuration::from_secs(10);

/// Letters that are sent side by side: each may have a mebibyte.
const AT_ONCE: usize = 10;

/// Over how much time the messages of a page are spread whose function died. One of them may be what killed it; the others died
/// beside it, and are not to meet it in a batch again.
const SPREAD: Duration = Duration::from_secs(900);

/// What a run did.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) sent: usize,
    pub(crate) failed: Vec<RedriveError>,
}

pub(crate) async fn send(deps: &Deps, started: Timestamp) -> Result<Sent, StoreError> {
    let mut run = Sent::default();
    let mut last: Option<DueRedrive> = None;
    while deps.clock.now().duration_since(started) < MAX_REDRIVING {
        let due = deps.store.due_redrives(started, last.as_ref(), PAGE).await?;
        last = due.last().filter(|_| due.len() == PAGE).cloned();
        send_page(deps, due, started, &mut run).await?;
        if last.is_none() {
            break;
        }
    }
    Ok(run)
}

async fn send_page(
    deps: &Deps,
    due: Vec<DueRedrive>,
    started: Timestamp,
    run: &mut Sent,
) -> Result<(), StoreError> {
    let page = u32::try_from(due.len()).unwrap_or(u32::MAX);
    for (chunk, of_chunk) in due.chunks(AT_ONCE).enumerate() {
        let mut found = deps.store.dead_letters_by_id(of_chunk.iter().map(|due| &due.id)).await?;
        let sent = join_all(of_chunk.iter().enumerate().filter_map(|(index, due)| {
            let letter = found.remove(&due.id)?;
            let number = u32::try_from(chunk * AT_ONCE + index).unwrap_or(0);
            Some(send_one(deps, letter, started, SPREAD * number / page))
        }));
        for outcome in sent.await {
            match outcome {
                Ok(sent) => run.sent += usize::from(sent),
                Err(error) => run.failed.push(error),
            }
        }
    }
    Ok(())
}

/// Tells whether the message was sent.
async fn send_one(
    deps: &Deps,
    read: Read<StoredDeadLetter>,
    started: Timestamp,
    spread: Duration,
) -> Result<bool, RedriveError> {
    let stored = read.map_err(StoreError::from)?;
    // The index may lag behind.
    if stored.letter.next_redrive_at.is_none_or(|due_at| due_at > started) {
        return Ok(false);
    }
    let id = stored.letter.id.clone();
    let died = stored.letter.death.reason == DeadLetterReason::ProcessDied;
    let delay = if died { spread } else { Duration::ZERO };
    match deps.redriver.send(stored.clone(), RedrivenBy::Sweeper, delay).await {
        Ok(letter) => {
            let queue = letter.death.queue.as_str();
            tracing::info!(dead_letter = %id, queue, number = letter.automatic_redrives, "a dead letter was sent again");
            Ok(true)
        }
        Err(error) if error.is_lasting() => {
            tracing::error!(dead_letter = %id, error = &error as &dyn Error, "a dead letter can't be sent again");
            deps.store.update_dead_letter(&stored.letter.resting(), stored.revision).await?;
            Ok(false)
        }
        Err(error) => {
            tracing::warn!(dead_letter = %id, error = &error as &dyn Error, "a dead letter was not sent: the next run does it");
            Err(error)
        }
    }
}
