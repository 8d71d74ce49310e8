//! Once a minute: queues the deliveries whose time has come, sends dead letters again ([`redrives`]), looks after the sources,
//! then goes on with the replays.
//!
//! **Guarantee:** an entry leaves the due-index only when its delivery is written again, with the outcome of the
//! attempt. What is queued here is moved to a later time first of all *after* the queue has confirmed it: a
//! crash in between queues it twice, and the dispatcher recognises the second by its number. If the queued
//! message is lost, the entry comes up again.
//!
//! An entry that can't be read, queued or moved keeps no other from its turn, and a shard that can't be drained neither the
//! other shards nor what comes after. The run goes on, and fails at its end.
//!
//! Replays come after what is due, and take their steps in turn ([`replay`]): none waits for another to end. The sources
//! ([`watch`]) are looked after in every tenth minute, and neither waits for the other's failing.

mod redrives;
mod watch;

use domain::DeliveryStatus;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use platform::{Aws, Clock, Entropy, Settings, Vault};
use queue::{DeliveryMessage, Outgoing, Queue, QueueError};
use redrive::{Queues, RedriveError, Redriver};
use replay::{Step, StepError};
use serde::Serialize;
use std::collections::VecDeque;
use std::time::Duration;
use store::{Asked, DUE_SHARDS, Due, Store, StoreError, StoredDelivery};

/// How many entries are read at a time.
const PAGE: usize = 100;
/// One run ends after this time, well before the next; what is left is due then as well.
const MAX_RUN: SignedDuration = SignedDuration::from_secs(45);
/// When an entry comes up again if nothing becomes of its message: longer than the message can wait behind a
/// slow endpoint's others in the ordinary case.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(15);
/// Replays get no more of a run than this, and nothing where what is due has used it up.
const MAX_REPLAYING: SignedDuration = SignedDuration::from_secs(20);
/// Replays that are gone on with in one run; the REST API takes fewer at a time.
const MAX_REPLAYS: usize = 100;

#[derive(Debug)]
pub struct Deps {
    pub store: Store,
    pub deliveries: Queue,
    pub redriver: Redriver,
    pub clock: Clock,
}

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    pub queued: usize,
    /// Dead letters that were sent again.
    pub redriven: usize,
    /// Operational events about sources that were raised.
    pub notices: usize,
    /// Steps of replays that were taken.
    pub replay_steps: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    #[error("the due-index could not be read or written")]
    Store(#[from] StoreError),
    #[error("due deliveries could not be read, queued or moved: {failed} of them")]
    Due {
        failed: usize,
        #[source]
        first: DueError,
    },
    #[error("dead letters could not be sent again: {failed} of them")]
    Redrive {
        failed: usize,
        #[source]
        first: RedriveError,
    },
    #[error("the sources could not be looked after: {failed} of them")]
    Watch {
        failed: usize,
        #[source]
        first: StoreError,
    },
    #[error("replays could not go on: {failed} of them")]
    Replay {
        failed: usize,
        #[source]
        first: StepError,
    },
}

/// Why an entry of the due-index is where it was.
#[derive(Debug, thiserror::Error)]
pub enum DueError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl Deps {
    pub fn from_settings(settings: &mut Settings) -> Self {
        let aws = Aws::from_settings(settings);
        let clock = Clock::system();
        let store = Store::new(aws.dynamodb(), settings.required("PAYRELAY_TABLE"));
        let vault = Vault::kms(aws.kms(), settings.required("PAYRELAY_KMS_KEY_ID"), Entropy::system());
        let queues = Queues {
            events: Queue::new(aws.sqs(), settings.required("PAYRELAY_EVENTS_QUEUE_URL")),
            deliveries: Queue::new(aws.sqs(), settings.required("PAYRELAY_DELIVERIES_QUEUE_URL")),
            slow_deliveries: Queue::new(aws.sqs(), settings.required("PAYRELAY_SLOW_DELIVERIES_QUEUE_URL")),
            fetches: Queue::new(aws.sqs(), settings.required("PAYRELAY_FETCHES_QUEUE_URL")),
        };
        let deliveries = queues.deliveries.clone();
        let redriver = Redriver::new(store.clone(), vault, queues, clock.clone());
        Self { store, deliveries, redriver, clock }
    }
}

/// Drains all shards, sends dead letters again, looks after the sources if it is time, then goes on with the replays.
pub async fn handle(deps: &Deps) -> Result<Swept, SweepError> {
    let started = deps.clock.now();
    let (mut queued, mut failed) = (0, Vec::new());
    let mut unread = Ok(());
    for shard in shards(started) {
        unread = unread.and(drain(deps, shard, started, &mut queued, &mut failed).await);
    }
    let redriven = redrive(deps, started).await;
    let watched = watch(deps, started).await;
    let replayed = replay(deps, started + MAX_RUN).await;
    unread?;
    none_failed(failed, |failed, first| SweepError::Due { failed, first })?;
    Ok(Swept { queued, redriven: redriven?, replay_steps: replayed?, notices: watched? })
}

/// Tells how many failed, with the first of them.
fn none_failed<E>(failed: Vec<E>, error: impl FnOnce(usize, E) -> SweepError) -> Result<(), SweepError> {
    let count = failed.len();
    failed.into_iter().next().map_or(Ok(()), |first| Err(error(count, first)))
}

/// Another one comes first each minute: where there is more than a run can queue, none is left behind for good.
fn shards(started: Timestamp) -> impl Iterator<Item = u8> {
    let minute = started.as_second().max(0) / 60;
    let first = u8::try_from(minute % i64::from(DUE_SHARDS)).unwrap_or(0);
    (0..DUE_SHARDS).map(move |shard| (first + shard) % DUE_SHARDS)
}

/// Queues what is due in a shard. Adds to `queued` how much that was, and to `failed` why others are still due.
async fn drain(
    deps: &Deps,
    shard: u8,
    started: Timestamp,
    queued: &mut usize,
    failed: &mut Vec<DueError>,
) -> Result<(), StoreError> {
    let mut last: Option<Due> = None;
    while deps.clock.now().duration_since(started) < MAX_RUN {
        let due = deps.store.due_deliveries(shard, started, last.as_ref(), PAGE).await?;
        last = due.last().filter(|_| due.len() == PAGE).cloned();
        *queued += queue_due(deps, due, failed).await;
        if last.is_none() {
            break;
        }
    }
    Ok(())
}

async fn redrive(deps: &Deps, started: Timestamp) -> Result<usize, SweepError> {
    let redrives::Sent { sent, failed } = redrives::send(deps, started).await?;
    none_failed(failed, |failed, first| SweepError::Redrive { failed, first })?;
    Ok(sent)
}

async fn watch(deps: &Deps, started: Timestamp) -> Result<usize, SweepError> {
    if !watch::is_time(started) {
        return Ok(0);
    }
    let watch::Looked { raised, failed } = watch::look(deps, started + MAX_RUN).await?;
    none_failed(failed, |failed, first| SweepError::Watch { failed, first })?;
    Ok(raised)
}

/// Takes steps of all running replays in turn, until each is over or has filled its minute. One that fails is left to
/// the next run and keeps no other from going on.
async fn replay(deps: &Deps, run_ends_at: Timestamp) -> Result<usize, SweepError> {
    let ends_at = run_ends_at.min(deps.clock.now() + MAX_REPLAYING);
    let (mut running, mut taken, mut errors) = (VecDeque::new(), 0, Vec::new());
    for id in deps.store.running_replays(MAX_REPLAYS).await? {
        match deps.store.replay(&id).await {
            Ok(found) => running.extend(found),
            Err(error) => errors.push(StepError::from(error)),
        }
    }
    while let Some(next) = running.pop_front().filter(|_| deps.clock.now() < ends_at) {
        let id = next.value.id.clone();
        match replay::step(&deps.store, &deps.deliveries, next, deps.clock.now()).await {
            Ok(Step::Moved(moved)) => {
                taken += 1;
                running.push_back(moved);
            }
            Ok(Step::Over(over)) => {
                taken += 1;
                tracing::info!(replay = %id, status = ?over.value.status, sent = over.value.sent, "a replay is over");
            }
            Ok(Step::Resting | Step::Lost) => {}
            Err(error) => errors.push(error),
        }
    }
    none_failed(errors, |failed, first| SweepError::Replay { failed, first })?;
    Ok(taken)
}

/// Queues those of `due` that still wait, and moves the entries on. One that fails stays where it is.
async fn queue_due(deps: &Deps, due: Vec<Due>, failed: &mut Vec<DueError>) -> usize {
    let found = read_due(deps, due).await;
    let (mut messages, mut queued, mut settled) = (Vec::new(), Vec::new(), Vec::new());
    for (due, found) in found {
        match found {
            Ok(Some(stored)) if is_waiting(&stored) => {
                messages.push(next(&stored));
                queued.push(due);
            }
            Ok(_) => settled.push(due),
            // The store has told it in the log. It comes up again.
            Err(StoreError::Corrupt(_)) => settled.push(due),
            Err(error) => failed.push(error.into()),
        }
    }
    let mut count = 0;
    for (due, sent) in queued.into_iter().zip(deps.deliveries.send_all(messages).await) {
        match sent {
            Ok(()) => {
                count += 1;
                settled.push(due);
            }
            Err(error) => failed.push(error.into()),
        }
    }
    let again_at = deps.clock.now() + AGAIN_AFTER;
    let moved = join_all(settled.iter().map(|due| deps.store.move_due(due, again_at))).await;
    failed.extend(moved.into_iter().filter_map(|moved| moved.err().map(DueError::from)));
    count
}

type Found = Result<Option<StoredDelivery>, StoreError>;

/// Where they can't be read together, each is read by itself.
async fn read_due(deps: &Deps, due: Vec<Due>) -> Vec<(Due, Found)> {
    if due.is_empty() {
        return Vec::new();
    }
    match deps.store.current_deliveries(due.iter().map(|due| &due.delivery)).await {
        Ok(mut by_id) => {
            let found = due.into_iter().map(|due| {
                let found = by_id.remove(&due.delivery).transpose().map_err(StoreError::Corrupt);
                (due, found)
            });
            found.collect()
        }
        Err(_) => {
            join_all(due.into_iter().map(async |due| {
                let found = deps.store.delivery(&due.delivery).await;
                (due, found)
            }))
            .await
        }
    }
}

/// Pending ones were parked before their first attempt. What was asked for by hand may be over otherwise.
fn is_waiting(stored: &StoredDelivery) -> bool {
    let is_open = matches!(stored.delivery.status, DeliveryStatus::Retrying | DeliveryStatus::Pending);
    is_open || stored.asked.is_some()
}

/// Without the payload: the dispatcher reads it from the event.
fn next(stored: &StoredDelivery) -> Outgoing {
    let StoredDelivery { delivery, asked, .. } = stored;
    let message = DeliveryMessage::retry(delivery, delivery.attempts_made() + 1, None);
    let message = match asked {
        None => message,
        Some(Asked::ByHand) => message.by_hand(),
        Some(Asked::For(replay)) => message.for_replay(replay.clone()),
    };
    message.after(Duration::ZERO)
}
