//! Deliveries that are not attempted now: parked in the due-index, or queued again.
//!
//! **Guarantee:** a delivery that is put off is parked, or its next message is queued, before the message that it came with is
//! done; until then that message comes again. A message that is queued twice because of that is recognised by the number of
//! its attempt, unless both are tried at the same moment.

use crate::Deps;
use crate::attempt::Failure;
use crate::mailbox::asked;
use crate::pace::Lane;
use domain::{Delivery, DeliveryStatus};
use jiff::{SignedDuration, Timestamp};
use queue::DeliveryMessage;
use std::error::Error;
use std::time::Duration;
use store::{StoreError, StoredDelivery, Wait};

/// SQS delays no longer than this; what waits longer comes from the due-index alone.
const MAX_QUEUE_DELAY: Duration = Duration::from_secs(900);
/// How long after its time a queued attempt is looked after by the sweeper, in case its message was lost.
pub(crate) const LOST_MESSAGE_GRACE: SignedDuration = SignedDuration::from_secs(120);
/// Lambda stops a function whose messages, each sent because of the last, run to more than about 16 in a row
/// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>). After so many of them, whether they were
/// retries, went to the slow lane or were put off, the next comes from the due-index, with which a new row begins.
const MAX_HOPS: u8 = 7;
/// A retry that is put off for longer is parked: it stands in the due-index already, and would come from there as well.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(60);

/// Whether the next attempt comes through a message of ours, and not from the due-index alone.
pub(crate) fn waits_in_queue(message: &DeliveryMessage, next: Timestamp, now: Timestamp) -> bool {
    until(next, now) <= MAX_QUEUE_DELAY && message.hops < MAX_HOPS
}

fn until(next: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(next.duration_since(now)).unwrap_or(Duration::ZERO)
}

/// Puts the delivery off without an attempt. It waits in the due-index alone; one that has had no attempt yet stays
/// `pending`. What is asked for by hand changes nothing else of its delivery, which may be over, or wait for its schedule.
pub(crate) async fn park(
    deps: &Deps,
    message: &DeliveryMessage,
    stored: StoredDelivery,
    until: Timestamp,
) -> Result<(), Failure> {
    let StoredDelivery { mut delivery, revision, .. } = stored;
    let wait = match asked(message) {
        None => Wait::Due(until),
        Some(asked) => Wait::DueAsked(until, asked),
    };
    if !message.manual || delivery.status == DeliveryStatus::Pending {
        delivery.next_attempt_at = Some(until);
        // A copy of the message may have found the endpoint disabled, before it was enabled again.
        if delivery.status == DeliveryStatus::Canceled {
            let is_new = delivery.attempts.is_empty();
            delivery.status = if is_new { DeliveryStatus::Pending } else { DeliveryStatus::Retrying };
        }
    }
    match deps.store.put_delivery(&delivery, revision, wait).await {
        // Whoever wrote it in between has recorded an attempt, or parked it as well.
        Ok(_) | Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Sends the message again, to `lane`, or parks its delivery where that would be too long or once too often.
pub(crate) async fn come_again(
    deps: &Deps,
    message: &DeliveryMessage,
    stored: StoredDelivery,
    lane: Lane,
    delay: Duration,
) -> Result<(), Failure> {
    let is_in_the_index = stored.revision > 0 && !message.manual;
    let most = if is_in_the_index { MAX_RETRY_DELAY } else { MAX_QUEUE_DELAY };
    if message.hops >= MAX_HOPS || delay > most {
        let until = deps.clock.now() + SignedDuration::try_from(delay).unwrap_or_default();
        return park(deps, message, stored, until).await;
    }
    let again = message.clone().because_of(message);
    Ok(lane.queue(deps).send(again.after(delay)).await?)
}

/// Queues the next attempt where it is soon; a later one is found by the sweeper. If the send fails the sweeper finds this
/// one too, a little later.
///
/// It stays in the lane of the last one: where the endpoint is still slow, that saves a message.
pub(crate) async fn queue_next(deps: &Deps, delivery: &Delivery, cause: &DeliveryMessage, lane: Lane) {
    let next = delivery.next_attempt_at.filter(|_| delivery.status == DeliveryStatus::Retrying);
    let now = deps.clock.now();
    let Some(next) = next.filter(|next| waits_in_queue(cause, *next, now)) else { return };
    let message = DeliveryMessage::retry(delivery, delivery.attempts_made() + 1, cause.carried.clone())
        .because_of(cause);
    if let Err(error) = lane.queue(deps).send(message.after(until(next, now))).await {
        tracing::warn!(delivery = %delivery.id, error = &error as &dyn Error, "retry not queued: left to the sweeper");
    }
}
