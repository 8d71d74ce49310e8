//! Records verified webhooks: folds them into the ledger, sends their deliveries, commits the events.
//!
//! For a batch of messages:
//! 1. **decode** each into its events ([`incoming`]); what can't be read becomes a dead letter with its reason;
//! 2. **read** the payments and which events are committed, in one call each, eventually consistent;
//! 3. **fold** in memory, payment by payment, and write each payment on condition of the revision that was
//!    read; on conflict read again, consistently ([`record`]);
//! 4. **send** the deliveries of all payments together, and the questions to the providers' APIs; an event whose message the
//!    queue did not take goes no further;
//! 5. **commit** the events: an event's item is the mark that all of the above has happened; what another message was
//!    recording at the same time waits for that one's commit ([`wait`]);
//! 6. now and then, **note** when a source last sent something ([`activity`]).
//!
//! Steps 2 to 5 are taken for [`EVENTS_AT_ONCE`] events at a time: a provider's batch may hold hundreds, all about one payment,
//! whose outbox holds each until it is committed.
//!
//! **Guarantee:** a crash between any two steps repeats the message, and every step repeats harmlessly. The
//! payment carries, in the same write as its new state, an outbox entry with the arrival and the transition of
//! each event that is not committed yet, also of one that changed nothing: the repeat relays exactly that,
//! although folding the event again changes nothing. (An event without a payment has no such place: a repeat of
//! it tells its own time of arrival.) Deliveries have derived ids. No step holds a lock.
//!
//! What nothing proves, and can be asked of the provider's API ([`providers::Verified::fetch`]), is committed without
//! touching its payment and without being relayed; the question goes to the function `fetcher`. Its answer comes back
//! as a message of its own, is folded like any event, and the event is written over with what came of it: it is then
//! committed for the second and last time. A confirmation that comes twice changes nothing, as an event does; another
//! answer about the same event waits while the first is being recorded, and is dropped after that.

mod activity;
mod incoming;
mod record;
mod relay;
mod wait;

use activity::Latest;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::{DeadLetterReason, Endpoint, LAST_EVENT_ACCURACY, SourceId};
use futures::future::join_all;
use incoming::{Course, Incoming};
use jiff::{SignedDuration, Timestamp};
use platform::{Aws, Cache, Clock, Settings};
use queue::{Disposition, Queue};
use record::{Known, Recorded};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use store::{Store, StoreError};
use wait::Waiting;

/// How long the list of endpoints may be kept: a new endpoint gets its first event within this time. Without a
/// cache every event would read one and the same key.
pub const ENDPOINTS_MAX_AGE: SignedDuration = SignedDuration::from_secs(5);

/// How many events are recorded before the next are looked at. So much stands in outboxes, in messages to be sent and in memory.
const EVENTS_AT_ONCE: usize = 50;
/// How many events are committed side by side: each is held compressed, and a body has up to 4.4 MiB.
const COMMITS_AT_ONCE: usize = 10;

#[derive(Debug)]
pub struct Deps {
    pub store: Store,
    pub deliveries: Queue,
    pub fetches: Queue,
    pub dead_letters: Queue,
    pub endpoints: Cache<(), Arc<Vec<Endpoint>>>,
    /// The last event of each source, as this process has noted it.
    pub noted: Cache<SourceId, Timestamp>,
    pub clock: Clock,
}

impl Deps {
    pub fn from_settings(settings: &mut Settings) -> Self {
        let aws = Aws::from_settings(settings);
        Self {
            store: Store::new(aws.dynamodb(), settings.required("PAYRELAY_TABLE")),
            deliveries: Queue::new(aws.sqs(), settings.required("PAYRELAY_DELIVERIES_QUEUE_URL")),
            fetches: Queue::new(aws.sqs(), settings.required("PAYRELAY_FETCHES_QUEUE_URL")),
            dead_letters: Queue::new(aws.sqs(), settings.required("PAYRELAY_EVENTS_DLQ_URL")),
            endpoints: Cache::new(Clock::system(), ENDPOINTS_MAX_AGE),
            noted: Cache::new(Clock::system(), LAST_EVENT_ACCURACY),
            clock: Clock::system(),
        }
    }
}

/// Handles one batch. One bad message never fails its neighbours: whatever fails, or panics, for one event fails its message
/// alone.
pub async fn handle(deps: &Deps, batch: SqsEvent) -> SqsBatchResponse {
    let mut dispositions = vec![Disposition::Done; batch.records.len()];
    let (mut incoming, now) = (Vec::new(), deps.clock.now());
    for (index, message) in batch.records.iter().enumerate() {
        match incoming::decode(index, message, now) {
            Ok(events) => incoming.extend(events),
            Err(error) => {
                dispositions[index] = Disposition::DeadLetter { reason: DeadLetterReason::Unreadable, error };
            }
        }
    }
    for (index, disposition) in process(deps, incoming).await {
        worsen(&mut dispositions[index], disposition);
    }
    queue::respond(&deps.dead_letters, batch.records.into_iter().zip(dispositions)).await
}

/// Steps 2 to 6. Gives the messages that are not done.
async fn process(deps: &Deps, incoming: Vec<Incoming>) -> Vec<(usize, Disposition)> {
    if incoming.is_empty() {
        return Vec::new();
    }
    let latest = Latest::of(&incoming);
    // Boxed, as below.
    let mut unfinished = Box::pin(record_all(deps, incoming)).await;
    // Last, so that nothing waits for it, and also if something has failed: repeats are acknowledged then.
    let failed = latest.note(deps).await;
    unfinished.extend(failed.into_iter().map(|(message, error)| (message, disposition(&error))));
    unfinished
}

/// Steps 2 to 5.
async fn record_all(deps: &Deps, mut incoming: Vec<Incoming>) -> Vec<(usize, Disposition)> {
    let endpoints = endpoints(deps).await.inspect_err(|error| {
        tracing::warn!(
            error = error as &dyn Error,
            "the endpoints can't be read: what is to be relayed waits"
        );
    });
    let endpoints = endpoints.ok();
    let endpoints = endpoints.as_ref().map(|endpoints| endpoints.as_slice());
    let (mut waiting, mut unfinished) = (Vec::new(), Vec::new());
    while !incoming.is_empty() {
        let later = incoming.split_off(incoming.len().min(EVENTS_AT_ONCE));
        let round = Box::pin(record_some(deps, std::mem::replace(&mut incoming, later), endpoints)).await;
        waiting.extend(round.waiting);
        unfinished.extend(round.unfinished);
        incoming.extend(round.later);
    }
    // After that, so that nothing in this batch waits for another, and no two batches wait for each other.
    unfinished.extend(wait::in_place(&deps.store, waiting).await);
    unfinished
}

/// What one round leaves to do.
#[derive(Default)]
struct Round {
    waiting: Vec<Waiting>,
    unfinished: Vec<(usize, Disposition)>,
    /// Those for which a payment has room once what was recorded with it is committed.
    later: Vec<Incoming>,
}

async fn record_some(deps: &Deps, incoming: Vec<Incoming>, endpoints: Option<&[Endpoint]>) -> Round {
    let mut groups: BTreeMap<String, Vec<Incoming>> = BTreeMap::new();
    for event in incoming {
        groups.entry(event.group()).or_default().push(event);
    }
    // What can't be read for all at once is read for each, so that one unreadable item stops its own payment alone.
    let known = Known::read(&deps.store, groups.values().flatten(), false).await.ok();
    let recorded = join_all(groups.values().map(async |group| {
        let recorded = queue::isolated(record::record(&deps.store, group, known.as_ref(), endpoints)).await?;
        recorded.map_err(|error| disposition(&error))
    }));
    let recorded = recorded.await;

    let (mut steps, mut round) = (Vec::new(), Round::default());
    let Round { waiting, unfinished, later } = &mut round;
    for (group, outcome) in groups.values().zip(recorded) {
        match outcome {
            Ok(outcome) => {
                steps.extend(outcome.steps);
                waiting.extend(outcome.waiting);
                later.extend(outcome.later);
                let crowded = outcome.crowded.into_iter();
                unfinished.extend(crowded.map(|message| (message, crowded_outbox())));
                let too_large = outcome.too_large.into_iter();
                unfinished.extend(too_large.map(|message| (message, disposition(&StoreError::TooLarge))));
                let unmatched = outcome.unmatched.into_iter();
                unfinished.extend(unmatched.map(|step| (step.message, no_endpoints())));
            }
            Err(error) => unfinished.extend(group.iter().map(|event| (event.message, error.clone()))),
        }
    }
    unfinished.extend(relay_and_commit(deps, &steps, endpoints.unwrap_or_default()).await);
    round
}

/// Steps 4 and 5. Gives the messages of those that did not come to the end.
async fn relay_and_commit(
    deps: &Deps,
    steps: &[Recorded],
    endpoints: &[Endpoint],
) -> Vec<(usize, Disposition)> {
    let sent = relay::send(deps, steps, endpoints).await;
    let sent: Vec<_> = steps.iter().zip(sent).collect();
    let mut unfinished = Vec::new();
    for some in sent.chunks(COMMITS_AT_ONCE) {
        let finished = join_all(some.iter().map(async |(step, sent)| {
            sent.clone()?;
            queue::isolated(commit(&deps.store, step)).await?.map_err(|error| disposition(&error))
        }));
        for ((step, _), outcome) in some.iter().zip(finished.await) {
            unfinished.extend(outcome.err().map(|disposition| (step.message, disposition)));
        }
    }
    unfinished
}

async fn endpoints(deps: &Deps) -> Result<Arc<Vec<Endpoint>>, StoreError> {
    // Boxed: the futures of the AWS SDK are deep, and a compiler has its limits.
    let load = async || Box::pin(deps.store.all_configs()).await.map(Arc::new);
    deps.endpoints.get_or_load(&(), load).await
}

/// The raised events first: the causing event is the commit mark for them too.
async fn commit(store: &Store, step: &Recorded) -> Result<(), StoreError> {
    for raised in &step.raised {
        store.commit_event(raised, None, false).await?;
    }
    match step.course {
        Course::Fold | Course::Ask(_) | Course::Unasked => {
            store.commit_event(&step.event, Some(&step.raw), step.opens_payment).await?;
        }
        Course::Confirm { .. } | Course::Refute | Course::Fail => {
            // Before it, for the same reason.
            if let Some(stand_in) = &step.stand_in {
                store.conclude_event(stand_in, &step.raw, &step.digest, false).await?;
            }
            store.conclude_event(&step.event, &step.raw, &step.digest, step.opens_payment).await?;
        }
    }
    Ok(())
}

fn no_endpoints() -> Disposition {
    Disposition::Retry { reason: "the endpoints can't be read".to_owned() }
}

fn crowded_outbox() -> Disposition {
    Disposition::Retry { reason: "too many events of the payment are not relayed yet".to_owned() }
}

fn disposition(error: &StoreError) -> Disposition {
    tracing::warn!(error = error as &dyn Error, "an event was not recorded");
    match error {
        StoreError::Unavailable { .. } | StoreError::Conflict => {
            Disposition::Retry { reason: error.to_string() }
        }
        StoreError::TooLarge => {
            Disposition::DeadLetter { reason: DeadLetterReason::TooLarge, error: error.to_string() }
        }
        StoreError::Corrupt { .. } => {
            Disposition::DeadLetter { reason: DeadLetterReason::Corrupt, error: error.to_string() }
        }
    }
}

/// A message with several events is as far as the least of them; what can be tried again is tried again first.
fn worsen(known: &mut Disposition, also: Disposition) {
    let replace = match (&*known, &also) {
        (_, Disposition::Retry { .. }) => true,
        (Disposition::Done, _) => true,
        (Disposition::Retry { .. } | Disposition::DeadLetter { .. }, _) => false,
    };
    if replace {
        *known = also;
    }
}
