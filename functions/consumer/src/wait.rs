//! Several copies of one webhook at the same moment: one is relayed, the others wait for it.
//!
//! **Guarantee:** a copy is acknowledged when its event is committed, as ever. While another message is recording the event
//! it waits: first in place, after everything else in its batch is done, then in the queue. It goes on by itself once the
//! recorder has had its time ([`PATIENCE`]), and at its last try at once: it never becomes a dead letter by waiting.
//!
//! The recorder's name stands in the payment's outbox ([`domain::Recorder`]), in the write that is made anyway. An event
//! without a payment has no outbox: if it is relayed at all, its name is written apart, which costs one write unit. No step is
//! guarded by either: whoever finds a name too old writes its own over it, on condition, and does all steps again.

use crate::incoming::{Incoming, Taken};
use crate::record::{Outcome, Recorded};
use domain::{EventId, Recorder};
use futures::future::join_all;
use jiff::SignedDuration;
use queue::{Disposition, EVENTS_VISIBILITY_SECONDS};
use std::error::Error;
use std::time::Duration;
use store::{EventClaim, Store};
use tokio::time::sleep;

/// How long a recorder may be at work. By then its message has come back, if it is not done.
const PATIENCE: SignedDuration = SignedDuration::from_secs(EVENTS_VISIBILITY_SECONDS as i64);
/// Between the looks whether an event is committed. From a payment's write to the commits takes some 50 ms on Lambda; the
/// function has 30 s.
const PAUSES_MS: [u64; 6] = [0, 50, 100, 200, 400, 800];

/// A message whose event another one is recording.
#[derive(Debug)]
pub(crate) struct Waiting {
    message: usize,
    event: EventId,
    /// It waits until the provider's answer about the event is recorded, not only the event.
    for_answer: bool,
}

impl Waiting {
    pub(crate) fn of(incoming: &Incoming, event: EventId) -> Self {
        Self { message: incoming.message, event, for_answer: incoming.names_its_event() }
    }
}

/// Whether what was `taken` waits for `recorder`.
pub(crate) fn holds_back(recorder: &Recorder, taken: &Taken) -> bool {
    !taken.is_last && recorder.holds_back(&taken.by, PATIENCE)
}

/// Lets those events wait that have no outbox and are being relayed by another message.
pub(crate) async fn claim_apart(store: &Store, group: &[Incoming], outcome: Outcome) -> Outcome {
    let Outcome { steps, mut waiting, .. } = outcome;
    let claims = join_all(steps.iter().map(|step| claim(store, group, step))).await;
    let mut kept = Vec::with_capacity(steps.len());
    for (mut step, claim) in steps.into_iter().zip(claims) {
        match claim {
            None | Some((_, EventClaim::New)) => kept.push(step),
            Some((_, EventClaim::Again)) => {
                step.again = true;
                kept.push(step);
            }
            Some((incoming, EventClaim::Held)) => waiting.push(Waiting::of(incoming, step.event.id)),
        }
    }
    Outcome { steps: kept, waiting, ..outcome }
}

/// `None` for what needs none: it has an outbox entry, or is not relayed.
async fn claim<'a>(
    store: &Store,
    group: &'a [Incoming],
    step: &Recorded,
) -> Option<(&'a Incoming, EventClaim)> {
    if step.event.transition.is_some() || step.event.endpoints.is_empty() {
        return None;
    }
    let incoming = group.iter().find(|incoming| incoming.message == step.message)?;
    let Taken { by, is_last } = &incoming.taken;
    let patience = if *is_last { SignedDuration::ZERO } else { PATIENCE };
    let claimed = store.claim_event(&step.event.id, incoming.names_its_event(), by, patience).await;
    let claim = claimed.unwrap_or_else(|error| {
        // It saves a client from a repeat, and is not worth an event's delay. What is really down fails the commit.
        tracing::warn!(error = &error as &dyn Error, "an event is relayed without being claimed");
        EventClaim::Again
    });
    Some((incoming, claim))
}

/// Waits a moment for those who are recording the events. Gives the messages that have to come again.
pub(crate) async fn in_place(store: &Store, mut waiting: Vec<Waiting>) -> Vec<(usize, Disposition)> {
    for pause_ms in PAUSES_MS {
        if waiting.is_empty() {
            break;
        }
        sleep(Duration::from_millis(pause_ms)).await;
        match store.committed_events(waiting.iter().map(|waiting| &waiting.event), true).await {
            Ok(committed) => waiting.retain(|waiting| {
                let found = committed.get(&waiting.event);
                found.is_none_or(|found| waiting.for_answer && !found.confirmed)
            }),
            Err(error) => tracing::warn!(error = &error as &dyn Error, "it is not known what is committed"),
        }
    }
    let again = |waiting: Waiting| {
        let reason = "another message that tells the same is being recorded";
        tracing::info!(event = %waiting.event, reason, "an event waits in the queue");
        (waiting.message, Disposition::Retry { reason: reason.to_owned() })
    };
    waiting.into_iter().map(again).collect()
}
