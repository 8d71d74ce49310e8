//! One attempt.

use crate::Deps;
use crate::breaker;
use crate::gate::{self, Verdict as Gate};
use crate::later::{self, LOST_MESSAGE_GRACE};
use crate::mailbox;
use crate::pace::{self, Lane};
use crate::target::{self, Target, TargetError};
use aws_lambda_events::sqs::SqsMessage;
use destinations::About;
use domain::{
    Attempt, BodyFormat, DeadLetterReason, Delivery, DeliveryStatus, DisabledReason, EVENT_COMMIT_PATIENCE,
    Notice, ReplayId, RetrySchedule,
};
use jiff::Timestamp;
use platform::VaultError;
use queue::{Carried, DeliveryMessage, Disposition, QueueError};
use relay::{Answer, Body, OpenError, Place, REPLAY, Verdict};
use std::error::Error;
use std::time::Duration;
use store::{StoreError, StoredDelivery, Wait};

pub(crate) async fn handle(deps: &Deps, message: &SqsMessage) -> Disposition {
    let decoded = DeliveryMessage::decode(message.body.as_deref().unwrap_or_default());
    let delivery = match decoded {
        Ok(delivery) => delivery,
        Err(error) => {
            return Disposition::DeadLetter {
                reason: DeadLetterReason::Unreadable,
                error: error.to_string(),
            };
        }
    };
    let lane = if deps.slow_deliveries.is_source_of(message) { Lane::Slow } else { Lane::Fast };
    let is_repeat = queue::receive_count(message) > 1 || queue::dead_letter_of(message).is_some();
    match make(deps, &delivery, lane, is_repeat).await {
        Ok(()) => Disposition::Done,
        Err(error) => {
            tracing::warn!(delivery = %delivery.delivery, error = &*error, "the attempt could not be made or recorded");
            match hopeless(&*error) {
                Some(reason) => {
                    leave_due_index(deps, &delivery).await;
                    Disposition::DeadLetter { reason, error: error.to_string() }
                }
                None => Disposition::Retry { reason: error.to_string() },
            }
        }
    }
}

/// What has become a dead letter is not to come up, and become one, again and again. If that comes to nothing, the next time
/// it does.
async fn leave_due_index(deps: &Deps, message: &DeliveryMessage) {
    if let Err(error) = deps.store.leave_due_index(&message.delivery).await {
        tracing::warn!(delivery = %message.delivery, error = &error as &dyn Error, "still in the due-index");
    }
}

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Why no later try can end otherwise; `None` if one can.
fn hopeless(error: &(dyn Error + Send + Sync + 'static)) -> Option<DeadLetterReason> {
    if error.downcast_ref::<QueueError>().is_some_and(QueueError::is_lasting) {
        return Some(DeadLetterReason::TooLarge);
    }
    let is_corrupt = match (error.downcast_ref::<StoreError>(), error.downcast_ref::<TargetError>()) {
        (Some(StoreError::TooLarge), _) => return Some(DeadLetterReason::TooLarge),
        (Some(error), _) | (_, Some(TargetError::Store(error))) => {
            matches!(error, StoreError::Corrupt { .. })
        }
        (_, Some(TargetError::Open(OpenError::Sealed(_, error)))) => matches!(error, VaultError::Unopenable),
        (_, Some(TargetError::Open(OpenError::Invalid(_)))) => true,
        (None, None) => false,
    };
    is_corrupt.then_some(DeadLetterReason::Corrupt)
}

async fn make(deps: &Deps, message: &DeliveryMessage, lane: Lane, is_repeat: bool) -> Result<(), Failure> {
    // A first attempt that comes from the consumer (they carry the payload), and was not queued or handed out before, can't
    // be recorded yet: that read is saved. One that we have sent on ourselves may have been sent on twice.
    let is_repeat = is_repeat || message.again;
    let is_first = message.attempt == 1 && message.carried.is_some() && message.hops == 0 && !is_repeat;
    let stored = if is_first { None } else { deps.store.delivery(&message.delivery).await? };
    if let Some(stored) = stored.as_ref().filter(|stored| is_made(&stored.delivery, message)) {
        // Made and recorded; what may be missing is what the breaker makes of it, and the message for the next one.
        breaker::catch_up(deps, &stored.delivery).await;
        return follow_up(deps, &stored.delivery, message, lane).await;
    }
    let mut stored = stored.unwrap_or_else(|| not_attempted(message));
    // If this message is the dead letter that it waited for: it came back.
    stored.delivery.dead_letter = None;
    let target = match target::load(deps, &message.endpoint).await? {
        Target::Reachable(target) if target.destination == Place::Poll => {
            return Ok(mailbox::place(deps, message, stored).await?);
        }
        Target::Reachable(target) => target,
        Target::Closed => return cancel(deps, stored).await,
    };
    let lease = match gate::ask(deps, message, &target, lane).await? {
        Gate::Enter(lease) => lease,
        Gate::Park(until) => return later::park(deps, message, stored, until).await,
        Gate::Forward => return later::come_again(deps, message, stored, Lane::Slow, Duration::ZERO).await,
        Gate::Postpone(delay) => return later::come_again(deps, message, stored, lane, delay).await,
    };
    // Boxed: the futures of the HTTP client are deep, and a compiler has its limits.
    let made = Box::pin(attempt(deps, message, lane, &target, stored)).await;
    gate::leave(deps, &message.endpoint, lease).await;
    made
}

/// Sends the delivery, records what came of it, and sees to what follows.
async fn attempt(
    deps: &Deps,
    message: &DeliveryMessage,
    lane: Lane,
    target: &relay::Target,
    stored: StoredDelivery,
) -> Result<(), Failure> {
    let delivery = &stored.delivery;
    let Some(body) = body(deps, message, delivery, target.format).await? else {
        return cancel(deps, stored).await;
    };
    let at = deps.clock.now();
    let mut signed = target.sign(message.delivery.as_str(), at, body)?;
    let replay = replay(message, delivery);
    if let Some(value) = replay.as_ref().and_then(|replay| replay.as_str().try_into().ok()) {
        signed.headers.push((REPLAY, value));
    }
    let about = About {
        id: message.delivery.as_str(),
        event: Some(&message.event),
        event_type: message.event_type,
        time: message.created_at,
        replay: replay.as_ref(),
        asked_for: message.manual.then_some(message.attempt),
    };
    let sending = deps.sender.send(&target.destination, signed, &about, target.timeout);
    let sent = pace::watch(deps, &message.endpoint, sending).await;
    // Nothing is sent to who polls: they had their turn above.
    let Some(answer) = sent else { return cancel(deps, stored).await };
    let verdict = relay::classify(&answer, deps.clock.now());
    if verdict == Verdict::Disable {
        target::disable(deps, &message.endpoint, DisabledReason::Gone).await?;
    }
    // One that was never attempted begins its schedule, whoever asked for it.
    let manual = message.manual && !delivery.attempts.is_empty();
    let made = Made { at, manual, replay, answer, verdict, schedule: target.schedule.clone() };
    let recorded = record(deps, message, stored, &made).await?;
    breaker::note(deps, &message.endpoint, &made.verdict).await;
    match recorded {
        // The retry that was waiting is still waiting.
        Recorded::Settled(_) if manual && !matches!(made.verdict, Verdict::Stop { .. }) => Ok(()),
        Recorded::Settled(delivery) => follow_up(deps, &delivery, message, lane).await,
        // The attempt that settled the delivery queues the next one.
        Recorded::Beside => Ok(()),
    }
}

/// The replay that an attempt is made for: the one that asked for it, or the one that brought the delivery into being,
/// whose retries are its doing as well.
fn replay(message: &DeliveryMessage, delivery: &Delivery) -> Option<ReplayId> {
    let first = delivery.attempts.first();
    message.replay.clone().or_else(|| first.and_then(|attempt| attempt.replay.clone()))
}

pub(crate) fn not_attempted(message: &DeliveryMessage) -> StoredDelivery {
    StoredDelivery { delivery: message.unattempted(), revision: 0, placed: None, asked: None }
}

/// Whether the attempt that the message asks for was made.
pub(crate) fn is_made(delivery: &Delivery, message: &DeliveryMessage) -> bool {
    delivery.attempts_made() >= message.attempt
}

#[derive(Debug, thiserror::Error)]
#[error("the event is not there yet")]
struct EventNotYetCommitted;

/// What to send; `None` when the event has expired, or came in no request and the endpoint wants the request.
async fn body(
    deps: &Deps,
    message: &DeliveryMessage,
    delivery: &Delivery,
    format: BodyFormat,
) -> Result<Option<Body>, Failure> {
    if let Some(carried) = message.carried.as_ref().filter(|carried| carried.format == format) {
        let Carried { payload, headers, .. } = carried.clone();
        return Ok(Some(match format.content_type() {
            Some(content_type) => Body::new(content_type, payload),
            None => Body::original(&headers, payload),
        }));
    }
    let Some(record) = deps.store.event(&message.event).await? else {
        // Not by the event's age: one that comes out of quarantine is days old when it is recorded. A delivery that never
        // finds its event becomes a dead letter.
        let first = delivery.attempts.first();
        let is_over =
            first.is_some_and(|first| deps.clock.now().duration_since(first.at) >= EVENT_COMMIT_PATIENCE);
        return if is_over { Ok(None) } else { Err(EventNotYetCommitted.into()) };
    };
    // It waited for the provider's API, and the answer, which this delivery tells, is about to be written over it.
    if record.event.is_withheld() {
        return Err(EventNotYetCommitted.into());
    }
    let original = || record.raw.map(|raw| Body::original(raw.meta.headers(), raw.body));
    Ok(Body::of_event(format, &record.event, original))
}

/// An attempt that was made, to be recorded.
struct Made {
    at: Timestamp,
    manual: bool,
    replay: Option<ReplayId>,
    answer: Answer,
    verdict: Verdict,
    /// The endpoint's, as it was at the attempt.
    schedule: RetrySchedule,
}

/// How an attempt was recorded.
enum Recorded {
    /// With what follows from it.
    Settled(Delivery),
    /// In the log alone, or at best as the success that somebody else's attempt was not.
    Beside,
}

/// Adds the attempt to the delivery, with what follows from it. If somebody else wrote the delivery in between it is
/// added to what they wrote: every request that reached the endpoint is in the log.
async fn record(
    deps: &Deps,
    message: &DeliveryMessage,
    before: StoredDelivery,
    made: &Made,
) -> Result<Recorded, Failure> {
    let (mut stored, mut is_beside) = (before.clone(), false);
    loop {
        let recorded = if is_beside {
            record_beside(deps, message, stored, made).await.map(|()| Recorded::Beside)
        } else {
            let settled = settle(deps, stored.delivery, made);
            put(deps, message, &settled, stored.revision).await.map(|()| Recorded::Settled(settled))
        };
        match recorded {
            Err(StoreError::Conflict) => {}
            recorded => return Ok(recorded?),
        }
        // Gone, if it has expired meanwhile.
        let found = deps.store.delivery(&message.delivery).await?;
        stored = found.unwrap_or_else(|| StoredDelivery { revision: 0, ..before.clone() });
        // Or else it was only parked.
        is_beside = is_made(&stored.delivery, message)
            || matches!(stored.delivery.status, DeliveryStatus::Succeeded | DeliveryStatus::Canceled);
    }
}

/// Adds an attempt to the log of a delivery that was settled while it was under way, by a copy of the same message or for
/// another reason. It only ever improves matters: a success counts, and a failure changes nothing, not even what the
/// delivery waits for.
async fn record_beside(
    deps: &Deps,
    message: &DeliveryMessage,
    stored: StoredDelivery,
    made: &Made,
) -> Result<(), StoreError> {
    let StoredDelivery { mut delivery, revision, .. } = stored;
    let is_repeat = is_made(&delivery, message);
    log(&mut delivery, made, is_repeat);
    if made.verdict == Verdict::Succeeded && delivery.status != DeliveryStatus::Succeeded {
        let (status, next_attempt_at) = (DeliveryStatus::Succeeded, None);
        let delivery = Delivery { status, next_attempt_at, dead_letter: None, ..delivery };
        return put(deps, message, &delivery, revision).await;
    }
    deps.store.log_attempt(&delivery, revision).await
}

async fn put(
    deps: &Deps,
    message: &DeliveryMessage,
    delivery: &Delivery,
    revision: u64,
) -> Result<(), StoreError> {
    let wait = delivery.next_attempt_at.map_or(Wait::Nothing, |next| {
        let is_queued = later::waits_in_queue(message, next, deps.clock.now());
        Wait::Due(if is_queued { next + LOST_MESSAGE_GRACE } else { next })
    });
    deps.store.put_delivery(delivery, revision, wait).await.map(|_| ())
}

fn log(delivery: &mut Delivery, made: &Made, repeat: bool) {
    let attempt = made.answer.attempt(delivery.next_number(), made.at, made.verdict, made.manual);
    delivery.attempts.push(Attempt { repeat, replay: made.replay.clone(), ..attempt });
}

/// The delivery with the attempt, and with what follows from it. A manual one only ever improves matters: the
/// schedule goes on as if it had not been made, and what was delivered stays delivered.
fn settle(deps: &Deps, mut delivery: Delivery, made: &Made) -> Delivery {
    log(&mut delivery, made, false);
    let (status, next_attempt_at) = match made.verdict {
        Verdict::Succeeded => (DeliveryStatus::Succeeded, None),
        _ if delivery.status == DeliveryStatus::Succeeded => (DeliveryStatus::Succeeded, None),
        Verdict::Disable => (DeliveryStatus::Canceled, None),
        // Also when it was asked for by hand: nothing that comes later can end otherwise.
        Verdict::Stop { .. } => (DeliveryStatus::Exhausted, None),
        Verdict::Retry { .. } if made.manual => (delivery.status, delivery.next_attempt_at),
        Verdict::Retry { retry_after_seconds, .. } => {
            let asked = retry_after_seconds.map(|seconds| Duration::from_secs(seconds.into()));
            match made.schedule.delay_after(delivery.scheduled_attempts(), deps.entropy.unit(), asked) {
                Some(delay) => (DeliveryStatus::Retrying, Some(deps.clock.now() + delay)),
                None => (DeliveryStatus::Exhausted, None),
            }
        }
    };
    Delivery { status, next_attempt_at, dead_letter: None, ..delivery }
}

/// There is nothing to send, or nowhere to send it. What was delivered, or given up, stays that: it came up because somebody
/// asked for it again.
async fn cancel(deps: &Deps, stored: StoredDelivery) -> Result<(), Failure> {
    let StoredDelivery { mut delivery, revision, .. } = stored;
    if !matches!(delivery.status, DeliveryStatus::Succeeded | DeliveryStatus::Exhausted) {
        delivery.status = DeliveryStatus::Canceled;
    }
    delivery.next_attempt_at = None;
    match deps.store.put_delivery(&delivery, revision, Wait::Nothing).await {
        // Whoever wrote it in between has recorded what became of it.
        Ok(_) | Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Tells of a delivery that is given up, or queues the next attempt.
async fn follow_up(
    deps: &Deps,
    delivery: &Delivery,
    message: &DeliveryMessage,
    lane: Lane,
) -> Result<(), Failure> {
    if delivery.status == DeliveryStatus::Exhausted
        && let Some(notice) = Notice::exhausted(delivery)
    {
        notices::raise(&deps.store, deps.clock.now(), notice).await?;
    }
    later::queue_next(deps, delivery, message, lane).await;
    Ok(())
}
