//! Going on with a replay.

use crate::look::{Chosen, LookError, Slice, look};
use domain::{Replay, ReplayFailure, ReplayFilter, ReplayStatus};
use futures::future::try_join_all;
use jiff::Timestamp;
use queue::{DeliveryMessage, Outgoing, Queue, QueueError};
use std::time::Duration;
use store::{Store, StoreError, Versioned};

/// Events that are passed in one step: as many as one BatchGetItem reads.
const MAX_EVENTS: usize = 100;

/// What became of a replay in a step.
#[derive(Debug)]
pub enum Step {
    /// There is more to do, now.
    Moved(Versioned<Replay>),
    /// Its minute is full.
    Resting,
    Over(Versioned<Replay>),
    /// Somebody else has moved or stopped it since it was read.
    Lost,
}

/// Nothing is lost: the next step begins where this one did.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    #[error("a replay could not be read or written")]
    Store(#[from] StoreError),
    #[error("deliveries of a replay could not be queued")]
    Queue(#[from] QueueError),
}

/// Takes the next step of a replay as it was read.
pub async fn step(
    store: &Store,
    deliveries: &Queue,
    read: Versioned<Replay>,
    now: Timestamp,
) -> Result<Step, StepError> {
    let Versioned { value: mut replay, revision } = read;
    if !replay.is_running() {
        return Ok(Step::Over(Versioned { value: replay, revision }));
    }
    // One delivery of an event that is passed, at most: so what there is room for is enough to look at.
    let limit = match replay.filter {
        ReplayFilter::Range(_) => replay.pace(now).room().min(MAX_EVENTS),
        ReplayFilter::Event { .. } | ReplayFilter::Delivery { .. } => 1,
    };
    if limit == 0 {
        return Ok(Step::Resting);
    }
    match look(store, &replay.filter, replay.position.as_deref(), limit, now).await {
        Ok(slice) => {
            note_matches(store, &slice).await?;
            advance(&mut replay, deliveries, slice, now).await?;
        }
        Err(LookError::Obstacle(reason)) => replay.finish(ReplayStatus::Failed, Some(reason), now),
        // Would stand in the way for ever.
        Err(LookError::Store(StoreError::Corrupt { .. })) => {
            replay.finish(ReplayStatus::Failed, Some(ReplayFailure::Unreadable), now);
        }
        Err(LookError::Store(error)) => return Err(error.into()),
    }
    match store.put_replay(&replay, revision).await {
        Ok(revision) if replay.is_running() => Ok(Step::Moved(Versioned { value: replay, revision })),
        Ok(revision) => Ok(Step::Over(Versioned { value: replay, revision })),
        Err(StoreError::Conflict) => Ok(Step::Lost),
        Err(error) => Err(error.into()),
    }
}

/// A delivery that a replay brings into being is one of its event from then on: it is found with the event's others.
/// Before it is queued, so that there is none that was sent and can't be found.
async fn note_matches(store: &Store, slice: &Slice) -> Result<(), StoreError> {
    let new = slice.chosen.iter().filter(|chosen| !chosen.event.endpoints.contains(&chosen.endpoint));
    let notes = new.map(|chosen| store.match_event(&chosen.event.id, &chosen.endpoint));
    try_join_all(notes).await?;
    Ok(())
}

/// Queues what was found and notes it in `replay`.
async fn advance(
    replay: &mut Replay,
    deliveries: &Queue,
    slice: Slice,
    now: Timestamp,
) -> Result<(), QueueError> {
    let Slice { chosen, looked_at, next, reached } = slice;
    let pace = replay.pace(now);
    let messages =
        chosen.iter().enumerate().map(|(index, chosen)| message(replay, chosen, pace.delay(index)));
    let messages: Vec<Outgoing> = messages.collect();
    let sent = messages.len();
    deliveries.send_all(messages).await?;
    replay.note_sent(sent, now);
    replay.looked_at += u64::try_from(looked_at).unwrap_or(u64::MAX);
    replay.reached = reached.or(replay.reached);
    match next {
        Some(position) => replay.position = Some(position),
        None => replay.finish(ReplayStatus::Succeeded, None, now),
    }
    Ok(())
}

/// Without the body: the dispatcher builds it from the event, in the format that the endpoint has by then.
fn message(replay: &Replay, chosen: &Chosen, delay: Duration) -> Outgoing {
    let Chosen { event, endpoint, delivery } = chosen;
    let message = match delivery {
        Some(delivery) => DeliveryMessage::retry(delivery, delivery.attempts_made() + 1, None),
        None => DeliveryMessage::first(
            event.id.clone(),
            endpoint.clone(),
            event.event_type,
            event.received_at,
            None,
        ),
    };
    message.for_replay(replay.id.clone()).after(delay)
}
