//! Once a minute: queues the deliveries whose time has come, sends dead letters again ([`redrives`]), looks after the sources,
//! then goes on with the replays.
//!
//! **Guarantee:** an entry leaves the due-index only when its delivery is written again, with the outcome of the
//! attempt. What is queued here is moved to a later time first of all *after* the queue has confirmed it: a
//! crash in between queues it twice, and the dispatcher recognises the second by its number. If the queued
//! message is lost, the entry comes up again.
//!
//! A shard that can't be drained keeps neither the others nor what comes after from their turn.
//!
//! Replays come after what is due, and take their steps in turn ([`replay`]): none waits for another to end. The sources
//! ([`watch`]) are looked after in every tenth minute, and neither waits for the other's failing.

mod redrives;
mod watch;

use domain::{DeliveryId, DeliveryStatus};
use futures::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use platform::{Aws, Clock, Entropy, Settings, Vault};
use queue::{DeliveryMessage, Outgoing, Queue, QueueError};
use redrive::{Queues, RedriveError, Redriver};
use replay::{Step, StepError};
use serde::Serialize;
use std::collections::{HashMap, VecDeque};
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
    #[error("due deliveries could not be queued")]
    Queue(#[from] QueueError),
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
    let mut swept = Swept::default();
    let mut failed = None;
    for shard in shards(started) {
        let drained = drain(deps, shard, started, &mut swept.queued).await;
        failed = failed.or(drained.err());
    }
    let redriven = redrive(deps, started).await;
    let watched = watch(deps, started).await;
    let replayed = replay(deps, started + MAX_RUN).await;
    if let Some(error) = failed {
        return Err(error);
    }
    swept.redriven = redriven?;
    swept.replay_steps = replayed?;
    swept.notices = watched?;
    Ok(swept)
}

/// Another one comes first each minute: where there is more than a run can queue, none is left behind for good.
fn shards(started: Timestamp) -> impl Iterator<Item = u8> {
    let minute = started.as_second().max(0) / 60;
    let first = u8::try_from(minute % i64::from(DUE_SHARDS)).unwrap_or(0);
    (0..DUE_SHARDS).map(move |shard| (first + shard) % DUE_SHARDS)
}

/// Queues what is due in a shard, and adds to `queued` how much that was.
async fn drain(deps: &Deps, shard: u8, started: Timestamp, queued: &mut usize) -> Result<(), SweepError> {
    let mut last: Option<Due> = None;
    while deps.clock.now().duration_since(started) < MAX_RUN {
        let due = deps.store.due_deliveries(shard, started, last.as_ref(), PAGE).await?;
        last = due.last().filter(|_| due.len() == PAGE).cloned();
        *queued += queue_due(deps, due).await?;
        if last.is_none() {
            break;
        }
    }
    Ok(())
}

async fn redrive(deps: &Deps, started: Timestamp) -> Result<usize, SweepError> {
    let redrives::Sent { sent, failed } = redrives::send(deps, started).await?;
    match (failed.len(), failed.into_iter().next()) {
        (failed, Some(first)) => Err(SweepError::Redrive { failed, first }),
        (_, None) => Ok(sent),
    }
}

async fn watch(deps: &Deps, started: Timestamp) -> Result<usize, SweepError> {
    if !watch::is_time(started) {
        return Ok(0);
    }
    let watch::Looked { raised, failed } = watch::look(deps, started + MAX_RUN).await?;
    match (failed.len(), failed.into_iter().next()) {
        (failed, Some(first)) => Err(SweepError::Watch { failed, first }),
        (_, None) => Ok(raised),
    }
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
    let failed = errors.len();
    match errors.into_iter().next() {
        Some(first) => Err(SweepError::Replay { failed, first }),
        None => Ok(taken),
    }
}

async fn queue_due(deps: &Deps, due: Vec<Due>) -> Result<usize, SweepError> {
    if due.is_empty() {
        return Ok(0);
    }
    let stored = deps.store.current_deliveries(due.iter().map(|due| &due.delivery)).await?;
    // One that can't be read comes up again.
    let waiting: HashMap<&DeliveryId, &StoredDelivery> = stored
        .iter()
        .filter_map(|(id, stored)| Some((id, stored.as_ref().ok()?)))
        .filter(|(_, stored)| is_waiting(stored))
        .collect();
    let messages: Vec<Outgoing> =
        due.iter().filter_map(|due| waiting.get(&due.delivery)).map(|d| next(d)).collect();
    let queued = messages.len();
    deps.deliveries.send_all(messages).await?;
    let again_at = deps.clock.now() + AGAIN_AFTER;
    try_join_all(due.iter().map(|due| deps.store.move_due(due, again_at))).await?;
    Ok(queued)
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
