//! One attempt.

use crate::Deps;
use crate::target::{self, Target, TargetError};
use aws_lambda_events::sqs::SqsMessage;
use domain::{Attempt, AttemptOutcome, Delivery, DeliveryStatus, FailureKind, StandardPayload};
use jiff::{SignedDuration, Timestamp};
use platform::VaultError;
use queue::{DeliveryMessage, Disposition, Outgoing};
use relay::{Answer, HeaderName, HeaderValue, Outbound, SigningSecret, Url, Verdict};
use std::error::Error;
use std::time::Duration;
use store::{StoreError, StoredDelivery};

/// SQS delays no longer than this; what waits longer comes from the due-index alone.
const MAX_QUEUE_DELAY: Duration = Duration::from_secs(900);
/// How long after its time a queued attempt is looked after by the sweeper, in case its message was lost.
const LOST_MESSAGE_GRACE: SignedDuration = SignedDuration::from_secs(120);

const CONTENT_TYPE: HeaderName = HeaderName::from_static("content-type");
const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");

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
        (_, Some(TargetError::Vault(error))) => matches!(error, VaultError::Unopenable),
        (_, Some(TargetError::Invalid(_))) => true,
        (None, None) => false,
    }
}

async fn make(deps: &Deps, message: &DeliveryMessage, is_repeat: bool) -> Result<(), Failure> {
    // A first attempt that comes from the consumer (they carry the payload), and was not handed out before, can't
    // be recorded yet: that read is saved.
    let is_first = message.attempt == 1 && message.payload.is_some() && !is_repeat;
    let stored = if is_first { None } else { deps.store.delivery(&message.delivery).await? };
    if let Some(stored) = stored.as_ref().filter(|stored| attempts(&stored.delivery) >= message.attempt) {
        // Made and recorded; what may be missing is the message for the next one.
        return follow_up(deps, &stored.delivery, message).await;
    }
    let StoredDelivery { delivery, revision } = stored.unwrap_or_else(|| not_attempted(message));
    let (url, secrets) = match target::load(deps, &message.endpoint).await? {
        Target::Reachable { url, secrets } => (url, secrets),
        Target::Closed => return cancel(deps, delivery, revision).await,
    };
    let Some(payload) = payload(deps, message).await? else {
        return cancel(deps, delivery, revision).await;
    };
    let at = deps.clock.now();
    let answer = send(deps, message, url, &secrets, payload, at).await?;
    let verdict = relay::classify(&answer, deps.clock.now());
    if verdict == Verdict::Disable {
        target::disable(deps, &message.endpoint).await?;
    }
    // One that was never attempted begins its schedule, whoever asked for it.
    let manual = message.manual && !delivery.attempts.is_empty();
    let made = Made { at, manual, answer, verdict };
    let delivery = record(deps, delivery, revision, &made).await?;
    // The retry that was waiting is still waiting.
    if manual { Ok(()) } else { follow_up(deps, &delivery, message).await }
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

/// The bytes to send; `None` when the event has expired.
async fn payload(deps: &Deps, message: &DeliveryMessage) -> Result<Option<String>, Failure> {
    if let Some(payload) = &message.payload {
        return Ok(Some(payload.clone()));
    }
    let Some(record) = deps.store.event(&message.event).await? else {
        let is_young = deps.clock.now().duration_since(message.created_at) < EVENT_COMMIT_PATIENCE;
        return if is_young { Err(EventNotYetCommitted.into()) } else { Ok(None) };
    };
    Ok(Some(serde_json::to_string(&StandardPayload::from(&record.event))?))
}

async fn send(
    deps: &Deps,
    message: &DeliveryMessage,
    url: Url,
    secrets: &[SigningSecret],
    payload: String,
    at: Timestamp,
) -> Result<Answer, Failure> {
    let signed =
        relay::signing::headers(message.delivery.as_str(), at.as_second(), payload.as_bytes(), secrets, &[])?;
    let headers = [(CONTENT_TYPE, APPLICATION_JSON)].into_iter().chain(signed).collect();
    Ok(deps.client.post(Outbound { url, headers, body: payload.into() }).await)
}

/// An attempt that was made, to be recorded.
struct Made {
    at: Timestamp,
    manual: bool,
    answer: Answer,
    verdict: Verdict,
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
            let waits_in_queue = next.duration_since(deps.clock.now()).unsigned_abs() <= MAX_QUEUE_DELAY;
            if waits_in_queue { next + LOST_MESSAGE_GRACE } else { next }
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

/// Writes the attempt into `delivery`, and what follows from it. A manual one only ever improves matters: the
/// schedule goes on as if it had not been made, and what was delivered stays delivered.
fn settle(deps: &Deps, delivery: &mut Delivery, made: &Made) {
    let (status_code, response_excerpt, error_detail) = match &made.answer.outcome {
        Ok(response) => (Some(response.status), Some(response.excerpt.clone()), None),
        Err(error) => (None, None, Some(error.public_text())),
    };
    let (outcome, error) = match made.verdict {
        Verdict::Succeeded => (AttemptOutcome::Succeeded, None),
        Verdict::Retry { kind, .. } => (AttemptOutcome::Failed, Some(kind)),
        Verdict::Disable => (AttemptOutcome::Failed, Some(FailureKind::Status)),
    };
    delivery.attempts.push(Attempt {
        number: attempts(delivery) + 1,
        at: made.at,
        outcome,
        status_code,
        latency_ms: u64::try_from(made.answer.latency.as_millis()).unwrap_or(u64::MAX),
        error,
        error_detail,
        manual: made.manual,
        response_excerpt: response_excerpt.filter(|text| !text.is_empty()),
    });
    let (status, next_attempt_at) = match made.verdict {
        Verdict::Succeeded => (DeliveryStatus::Succeeded, None),
        _ if delivery.status == DeliveryStatus::Succeeded => (DeliveryStatus::Succeeded, None),
        Verdict::Disable => (DeliveryStatus::Canceled, None),
        Verdict::Retry { .. } if made.manual => (delivery.status, delivery.next_attempt_at),
        Verdict::Retry { retry_after_seconds, .. } => {
            let scheduled = delivery.attempts.iter().filter(|attempt| !attempt.manual).count();
            let asked = retry_after_seconds.map(|seconds| Duration::from_secs(seconds.into()));
            let number = u32::try_from(scheduled).unwrap_or(u32::MAX);
            match deps.schedule.delay_after(number, deps.entropy.unit(), asked) {
                Some(delay) => (DeliveryStatus::Retrying, Some(deps.clock.now() + delay)),
                None => (DeliveryStatus::Exhausted, None),
            }
        }
    };
    delivery.status = status;
    delivery.next_attempt_at = next_attempt_at;
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

/// Queues the next attempt where it is soon; a later one is found by the sweeper. If the send fails the sweeper
/// finds this one too, a little later.
async fn follow_up(deps: &Deps, delivery: &Delivery, message: &DeliveryMessage) -> Result<(), Failure> {
    let Some(next_attempt_at) =
        delivery.next_attempt_at.filter(|_| delivery.status == DeliveryStatus::Retrying)
    else {
        return Ok(());
    };
    let delay =
        Duration::try_from(next_attempt_at.duration_since(deps.clock.now())).unwrap_or(Duration::ZERO);
    if delay > MAX_QUEUE_DELAY {
        return Ok(());
    }
    let next = DeliveryMessage::retry(delivery, attempts(delivery) + 1, message.payload.clone());
    let outgoing = Outgoing { body: next.encode(), delay, group: delivery.endpoint.to_string() };
    if let Err(error) = deps.deliveries.send(outgoing).await {
        tracing::warn!(delivery = %delivery.id, error = &error as &dyn Error, "retry not queued: left to the sweeper");
    }
    Ok(())
}
