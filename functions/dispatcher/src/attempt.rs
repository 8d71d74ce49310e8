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
    Attempt, BodyFormat, Delivery, DeliveryStatus, DisabledReason, EVENT_COMMIT_PATIENCE, Notice, ReplayId,
    RetrySchedule,
};
use jiff::Timestamp;
use platform::VaultError;
use queue::{Carried, DeliveryMessage, Disposition};
use relay::{Answer, Body, OpenError, Place, REPLAY, Verdict};
use std::error::Error;
use std::time::Duration;
use store::{StoreError, StoredDelivery, Wait};

pub(crate) async fn handle(deps: &Deps, message: &SqsMessage) -> Disposition {
    let decoded = DeliveryMessage::decode(message.body.as_deref().unwrap_or_default());
    let delivery = match decoded {
        Ok(delivery) => delivery,
        Err(error) => return Disposition::DeadLetter { reason: error.to_string() },
    };
    let lane = if deps.slow_deliveries.is_source_of(message) { Lane::Slow } else { Lane::Fast };
    match make(deps, &delivery, lane, queue::receive_count(message) > 1).await {
        Ok(()) => Disposition::Done,
        Err(error) => {
            tracing::warn!(delivery = %delivery.delivery, error = &*error, "the attempt could not be made or recorded");
            let reason = error.to_string();
            if is_hopeless(&*error) {
                leave_due_index(deps, &delivery).await;
                Disposition::DeadLetter { reason }
            } else {
                Disposition::Retry { reason }
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

/// Whether no later try can end otherwise.
fn is_hopeless(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    match (error.downcast_ref::<StoreError>(), error.downcast_ref::<TargetError>()) {
        (Some(error), _) => matches!(error, StoreError::Corrupt { .. } | StoreError::TooLarge),
        (_, Some(TargetError::Store(error))) => matches!(error, StoreError::Corrupt { .. }),
        (_, Some(TargetError::Open(OpenError::Sealed(_, error)))) => matches!(error, VaultError::Unopenable),
        (_, Some(TargetError::Open(OpenError::Invalid(_)))) => true,
        (None, None) => false,
    }
}

async fn make(deps: &Deps, message: &DeliveryMessage, lane: Lane, is_repeat: bool) -> Result<(), Failure> {
    // A first attempt that comes from the consumer (they carry the payload), and was not handed out before, can't
    // be recorded yet: that read is saved. One that we have sent on ourselves may have been sent on twice.
    let is_first = message.attempt == 1 && message.carried.is_some() && message.hops == 0 && !is_repeat;
    let stored = if is_first { None } else { deps.store.delivery(&message.delivery).await? };
    if let Some(stored) = stored.as_ref().filter(|stored| attempts(&stored.delivery) >= message.attempt) {
        // Made and recorded; what may be missing is what the breaker makes of it, and the message for the next one.
        breaker::catch_up(deps, &stored.delivery).await;
        return follow_up(deps, &stored.delivery, message, lane).await;
    }
    let stored = stored.unwrap_or_else(|| not_attempted(message));
    let target = match target::load(deps, &message.endpoint).await? {
        Target::Reachable(target) if target.destination == Place::Poll => {
            return Ok(mailbox::place(deps, message, stored).await?);
        }
        Target::Reachable(target) => target,
        Target::Closed => return cancel(deps, stored.delivery, stored.revision).await,
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
    let StoredDelivery { delivery, revision, .. } = stored;
    let Some(body) = body(deps, message, &delivery, target.format).await? else {
        return cancel(deps, delivery, revision).await;
    };
    let at = deps.clock.now();
    let mut signed = target.sign(message.delivery.as_str(), at, body)?;
    let replay = replay(message, &delivery);
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
    let Some(answer) = sent else { return cancel(deps, delivery, revision).await };
    let verdict = relay::classify(&answer, deps.clock.now());
    if verdict == Verdict::Disable {
        target::disable(deps, &message.endpoint, DisabledReason::Gone).await?;
    }
    // One that was never attempted begins its schedule, whoever asked for it.
    let manual = message.manual && !delivery.attempts.is_empty();
    let made = Made { at, manual, replay, answer, verdict, schedule: target.schedule.clone() };
    let delivery = record(deps, message, delivery, revision, &made).await?;
    breaker::note(deps, &message.endpoint, &made.verdict).await;
    // The retry that was waiting is still waiting.
    if manual && !matches!(made.verdict, Verdict::Stop { .. }) {
        return Ok(());
    }
    follow_up(deps, &delivery, message, lane).await
}

/// The replay that an attempt is made for: the one that asked for it, or the one that brought the delivery into being,
/// whose retries are its doing as well.
fn replay(message: &DeliveryMessage, delivery: &Delivery) -> Option<ReplayId> {
    let first = delivery.attempts.first();
    message.replay.clone().or_else(|| first.and_then(|attempt| attempt.replay.clone()))
}

pub(crate) fn not_attempted(message: &DeliveryMessage) -> StoredDelivery {
    let delivery = Delivery {
        id: message.delivery.clone(),
        event: message.event.clone(),
        endpoint: message.endpoint.clone(),
        event_type: message.event_type,
        status: DeliveryStatus::Pending,
        created_at: message.created_at,
        next_attempt_at: None,
        attempts: Vec::new(),
    };
    StoredDelivery { delivery, revision: 0, placed: None, asked: None }
}

pub(crate) fn attempts(delivery: &Delivery) -> u32 {
    u32::try_from(delivery.attempts.len()).unwrap_or(u32::MAX)
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

/// Adds the attempt to the delivery, with what follows from it. If somebody else wrote the delivery in between
/// (a repeat of the same message, at the same time), it is added to what they wrote, unless that is settled, or this is the
/// failure of an attempt that they recorded already.
async fn record(
    deps: &Deps,
    message: &DeliveryMessage,
    before: Delivery,
    mut revision: u64,
    made: &Made,
) -> Result<Delivery, Failure> {
    let mut delivery = before.clone();
    loop {
        settle(deps, &mut delivery, made);
        let wait = delivery.next_attempt_at.map_or(Wait::Nothing, |next| {
            let is_queued = later::waits_in_queue(message, next, deps.clock.now());
            Wait::Due(if is_queued { next + LOST_MESSAGE_GRACE } else { next })
        });
        match deps.store.put_delivery(&delivery, revision, wait).await {
            Ok(_) => return Ok(delivery),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
        let Some(written) = deps.store.delivery(&before.id).await? else {
            // It has expired meanwhile.
            (delivery, revision) = (before.clone(), 0);
            continue;
        };
        // It may only have been parked.
        let is_recorded = attempts(&written.delivery) >= message.attempt;
        let is_over = match written.delivery.status {
            DeliveryStatus::Succeeded => true,
            DeliveryStatus::Canceled => made.verdict != Verdict::Succeeded,
            _ => is_recorded && made.verdict != Verdict::Succeeded,
        };
        if is_over {
            return Ok(written.delivery);
        }
        (delivery, revision) = (written.delivery, written.revision);
    }
}

/// Writes the attempt into `delivery`, and what follows from it. A manual one only ever improves matters: the
/// schedule goes on as if it had not been made, and what was delivered stays delivered.
fn settle(deps: &Deps, delivery: &mut Delivery, made: &Made) {
    let number = attempts(delivery) + 1;
    let attempt = made.answer.attempt(number, made.at, made.verdict, made.manual);
    delivery.attempts.push(Attempt { replay: made.replay.clone(), ..attempt });
    let (status, next_attempt_at) = match made.verdict {
        Verdict::Succeeded => (DeliveryStatus::Succeeded, None),
        _ if delivery.status == DeliveryStatus::Succeeded => (DeliveryStatus::Succeeded, None),
        Verdict::Disable => (DeliveryStatus::Canceled, None),
        // Also when it was asked for by hand: nothing that comes later can end otherwise.
        Verdict::Stop { .. } => (DeliveryStatus::Exhausted, None),
        Verdict::Retry { .. } if made.manual => (delivery.status, delivery.next_attempt_at),
        Verdict::Retry { retry_after_seconds, .. } => {
            let scheduled = delivery.attempts.iter().filter(|attempt| !attempt.manual).count();
            let asked = retry_after_seconds.map(|seconds| Duration::from_secs(seconds.into()));
            let number = u32::try_from(scheduled).unwrap_or(u32::MAX);
            match made.schedule.delay_after(number, deps.entropy.unit(), asked) {
                Some(delay) => (DeliveryStatus::Retrying, Some(deps.clock.now() + delay)),
                None => (DeliveryStatus::Exhausted, None),
            }
        }
    };
    delivery.status = status;
    delivery.next_attempt_at = next_attempt_at;
}

/// There is nothing to send, or nowhere to send it. What was delivered, or given up, stays that: it came up because somebody
/// asked for it again.
async fn cancel(deps: &Deps, mut delivery: Delivery, revision: u64) -> Result<(), Failure> {
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
