//! One attempt.

use crate::Deps;
use crate::breaker::{self, Admission};
use crate::raise::raise;
use crate::target::{self, Target, TargetError};
use aws_lambda_events::sqs::SqsMessage;
use domain::{
    Attempt, BodyFormat, Delivery, DeliveryStatus, DisabledReason, Notice, ReplayId, RetrySchedule,
};
use jiff::{SignedDuration, Timestamp};
use platform::VaultError;
use queue::{Carried, DeliveryMessage, Disposition, Outgoing};
use relay::{Answer, Body, HeaderName, OpenError, Place, Verdict};
use std::error::Error;
use std::time::Duration;
use store::{StoreError, StoredDelivery};

/// SQS delays no longer than this; what waits longer comes from the due-index alone.
const MAX_QUEUE_DELAY: Duration = Duration::from_secs(900);
/// How long after its time a queued attempt is looked after by the sweeper, in case its message was lost.
const LOST_MESSAGE_GRACE: SignedDuration = SignedDuration::from_secs(120);
/// Tells a receiver that the attempt is made for a replay, and for which. Not among what is signed: Standard Webhooks
/// signs id, time and body, and the body of a replay is what it always was.
const REPLAY: HeaderName = HeaderName::from_static("payrelay-replay");
/// Lambda stops a function whose messages, each sent because of the last, run to more than about 16 in a row
/// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>). A schedule may have 20 short delays,
/// so after every so many attempts the next comes from the due-index, with which a new chain begins.
const MAX_CHAIN: u32 = 8;

pub(crate) async fn handle(deps: &Deps, message: &SqsMessage) -> Disposition {
    let decoded = DeliveryMessage::decode(message.body.as_deref().unwrap_or_default());
    let delivery = match decoded {
        Ok(delivery) => delivery,
        Err(error) => return Disposition::DeadLetter { reason: error.to_string() },
    };
    match make(deps, &delivery, queue::receive_count(message) > 1).await {
        Ok(()) => Disposition::Done,
        Err(error) => {
            tracing::warn!(delivery = %delivery.delivery, error = &*error, "the attempt could not be made or recorded");
            let reason = error.to_string();
            if is_hopeless(&*error) {
                Disposition::DeadLetter { reason }
            } else {
                Disposition::Retry { reason }
            }
        }
    }
}

type Failure = Box<dyn Error + Send + Sync>;

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

async fn make(deps: &Deps, message: &DeliveryMessage, is_repeat: bool) -> Result<(), Failure> {
    // A first attempt that comes from the consumer (they carry the payload), and was not handed out before, can't
    // be recorded yet: that read is saved.
    let is_first = message.attempt == 1 && message.carried.is_some() && !is_repeat;
    let stored = if is_first { None } else { deps.store.delivery(&message.delivery).await? };
    if let Some(stored) = stored.as_ref().filter(|stored| attempts(&stored.delivery) >= message.attempt) {
        // Made and recorded; what may be missing is the message for the next one.
        return follow_up(deps, &stored.delivery, message).await;
    }
    let StoredDelivery { delivery, revision } = stored.unwrap_or_else(|| not_attempted(message));
    let target = match target::load(deps, &message.endpoint).await? {
        Target::Reachable(target) => target,
        Target::Closed => return cancel(deps, delivery, revision).await,
    };
    // Who asks for an attempt by hand wants to know whether the endpoint answers again.
    if !message.manual
        && let Admission::Parked(until) = breaker::admit(deps, &message.endpoint).await?
    {
        return park(deps, delivery, revision, until).await;
    }
    let Some(body) = body(deps, message, target.format).await? else {
        return cancel(deps, delivery, revision).await;
    };
    let at = deps.clock.now();
    let mut signed = target.sign(message.delivery.as_str(), at, body)?;
    let replay = replay(message, &delivery);
    if let Some(value) = replay.as_ref().and_then(|replay| replay.as_str().try_into().ok()) {
        signed.headers.push((REPLAY, value));
    }
    let Place::Http(url) = &target.destination else { return cancel(deps, delivery, revision).await };
    let answer = deps.client.post_within(signed.to(url.clone()), target.timeout).await;
    let verdict = relay::classify(&answer, deps.clock.now());
    if verdict == Verdict::Disable {
        target::disable(deps, &message.endpoint, DisabledReason::Gone).await?;
    }
    // One that was never attempted begins its schedule, whoever asked for it.
    let manual = message.manual && !delivery.attempts.is_empty();
    let made = Made { at, manual, replay, answer, verdict, schedule: target.schedule.clone() };
    let delivery = record(deps, delivery, revision, &made).await?;
    breaker::note(deps, &message.endpoint, &made.verdict).await;
    // The retry that was waiting is still waiting.
    if manual && made.verdict != Verdict::Stop { Ok(()) } else { follow_up(deps, &delivery, message).await }
}

/// The replay that an attempt is made for: the one that asked for it, or the one that brought the delivery into being,
/// whose retries are its doing as well.
fn replay(message: &DeliveryMessage, delivery: &Delivery) -> Option<ReplayId> {
    let first = delivery.attempts.first();
    message.replay.clone().or_else(|| first.and_then(|attempt| attempt.replay.clone()))
}

fn not_attempted(message: &DeliveryMessage) -> StoredDelivery {
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
    StoredDelivery { delivery, revision: 0 }
}

fn attempts(delivery: &Delivery) -> u32 {
    u32::try_from(delivery.attempts.len()).unwrap_or(u32::MAX)
}

/// An event is committed moments after its deliveries are queued. A delivery that can't find its event after this
/// time has outlived it.
const EVENT_COMMIT_PATIENCE: SignedDuration = SignedDuration::from_hours(24);

#[derive(Debug, thiserror::Error)]
#[error("the event is not there yet")]
struct EventNotYetCommitted;

/// What to send; `None` when the event has expired, or came in no request and the endpoint wants the request.
async fn body(deps: &Deps, message: &DeliveryMessage, format: BodyFormat) -> Result<Option<Body>, Failure> {
    if let Some(carried) = message.carried.as_ref().filter(|carried| carried.format == format) {
        let Carried { payload, headers, .. } = carried.clone();
        return Ok(Some(match format.content_type() {
            Some(content_type) => Body::new(content_type, payload),
            None => Body::original(&headers, payload),
        }));
    }
    let Some(record) = deps.store.event(&message.event).await? else {
        let is_young = deps.clock.now().duration_since(message.created_at) < EVENT_COMMIT_PATIENCE;
        return if is_young { Err(EventNotYetCommitted.into()) } else { Ok(None) };
    };
    // It waited for the provider's API, and the answer, which this delivery tells, is about to be written over it.
    if record.event.is_withheld() {
        return Err(EventNotYetCommitted.into());
    }
    let ours = format.content_type().zip(format.body(&record.event));
    Ok(match ours {
        Some((content_type, text)) => Some(Body::new(content_type, text)),
        None => record.raw.map(|raw| Body::original(raw.meta.headers(), raw.body)),
    })
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
/// (a repeat of the same message, at the same time), a success is added to what they wrote, and a failure of
/// an attempt that they recorded already is dropped.
async fn record(
    deps: &Deps,
    mut delivery: Delivery,
    mut revision: u64,
    made: &Made,
) -> Result<Delivery, Failure> {
    loop {
        settle(deps, &mut delivery, made);
        let due_at = delivery.next_attempt_at.map(|next| {
            if waits_in_queue(&delivery, next, deps.clock.now()) { next + LOST_MESSAGE_GRACE } else { next }
        });
        match deps.store.put_delivery(&delivery, revision, due_at).await {
            Ok(_) => return Ok(delivery),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
        let Some(written) = deps.store.delivery(&delivery.id).await? else { continue };
        let settled = matches!(written.delivery.status, DeliveryStatus::Succeeded | DeliveryStatus::Canceled);
        if settled || made.verdict != Verdict::Succeeded {
            return Ok(written.delivery);
        }
        (delivery, revision) = (written.delivery, written.revision);
    }
}

/// Whether the next attempt comes through a message of ours, and not from the due-index alone.
fn waits_in_queue(delivery: &Delivery, next: Timestamp, now: Timestamp) -> bool {
    let is_soon = Duration::try_from(next.duration_since(now)).unwrap_or(Duration::ZERO) <= MAX_QUEUE_DELAY;
    is_soon && !attempts(delivery).is_multiple_of(MAX_CHAIN)
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
        // Also when it was asked for by hand: it is the endpoint that says so.
        Verdict::Stop => (DeliveryStatus::Exhausted, None),
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

/// Puts the delivery off without an attempt. It waits in the due-index alone; one that has had no attempt yet stays
/// `pending`.
async fn park(deps: &Deps, mut delivery: Delivery, revision: u64, until: Timestamp) -> Result<(), Failure> {
    delivery.next_attempt_at = Some(until);
    match deps.store.put_delivery(&delivery, revision, Some(until)).await {
        // Whoever wrote it in between has recorded an attempt, or parked it as well.
        Ok(_) | Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// There is nothing to send, or nowhere to send it.
async fn cancel(deps: &Deps, mut delivery: Delivery, revision: u64) -> Result<(), Failure> {
    delivery.status = DeliveryStatus::Canceled;
    delivery.next_attempt_at = None;
    match deps.store.put_delivery(&delivery, revision, None).await {
        // Whoever wrote it in between has recorded what became of it.
        Ok(_) | Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Tells of a delivery that is given up. Queues the next attempt where it is soon; a later one is found by the sweeper. If the send fails the sweeper
/// finds this one too, a little later.
async fn follow_up(deps: &Deps, delivery: &Delivery, message: &DeliveryMessage) -> Result<(), Failure> {
    if delivery.status == DeliveryStatus::Exhausted
        && let Some(notice) = Notice::exhausted(delivery)
    {
        raise(deps, notice).await?;
    }
    let Some(next_attempt_at) =
        delivery.next_attempt_at.filter(|_| delivery.status == DeliveryStatus::Retrying)
    else {
        return Ok(());
    };
    let now = deps.clock.now();
    if !waits_in_queue(delivery, next_attempt_at, now) {
        return Ok(());
    }
    let delay = Duration::try_from(next_attempt_at.duration_since(now)).unwrap_or(Duration::ZERO);
    let next = DeliveryMessage::retry(delivery, attempts(delivery) + 1, message.carried.clone());
    let outgoing = Outgoing { body: next.encode(), delay, group: delivery.endpoint.to_string() };
    if let Err(error) = deps.deliveries.send(outgoing).await {
        tracing::warn!(delivery = %delivery.id, error = &error as &dyn Error, "retry not queued: left to the sweeper");
    }
    Ok(())
}
