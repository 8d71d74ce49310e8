//! Keeps what the dead-letter queues hold: each message becomes a record in the table, from which it can be seen and sent again.
//!
//! For each message: read what is known of its end ([`queue::DeadMessage`]) → **record** it, sealed → if it is the next attempt of
//! a delivery, say so in the delivery's item ([`delivery`]) → count it.
//!
//! **Guarantee:** a message leaves its dead-letter queue only once it is recorded. A dead-letter queue has no other to move to, so
//! what can't be recorded stays and is tried again until it expires, and an alarm tells of it. The record's id is derived from the
//! message's: a repeat finds the record and changes nothing.
//!
//! The payload is never decoded here: it may be what killed the function that should have processed it.

mod delivery;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use domain::{DeadLetter, DeadLetterId, DeadLetterReason, Death, WorkQueue};
use futures::future::join_all;
use platform::{Aws, Clock, Entropy, Metrics, Settings, Vault, VaultError};
use queue::{DeadMessage, Queue};
use std::error::Error;
use store::{Store, StoreError};

const COUNTER: &str = "DeadLetters";

#[derive(Debug)]
pub struct Deps {
    pub store: Store,
    pub vault: Vault,
    pub metrics: Metrics,
    pub clock: Clock,
    /// The queues that messages come from, and the dead-letter queues with the queue that a message goes back to of which only the
    /// dead-letter queue is known.
    pub origins: Vec<(WorkQueue, Queue)>,
}

#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error("the table did not do its part")]
    Store(#[from] StoreError),
    #[error("the message could not be sealed")]
    Vault(#[from] VaultError),
}

impl Deps {
    pub fn from_settings(settings: &mut Settings) -> Self {
        let aws = Aws::from_settings(settings);
        let queues = [
            (WorkQueue::Events, "PAYRELAY_EVENTS_QUEUE_URL"),
            (WorkQueue::Events, "PAYRELAY_EVENTS_DLQ_URL"),
            (WorkQueue::Deliveries, "PAYRELAY_DELIVERIES_QUEUE_URL"),
            (WorkQueue::Deliveries, "PAYRELAY_DELIVERIES_DLQ_URL"),
            (WorkQueue::SlowDeliveries, "PAYRELAY_SLOW_DELIVERIES_QUEUE_URL"),
            (WorkQueue::Fetches, "PAYRELAY_FETCHES_QUEUE_URL"),
            (WorkQueue::Fetches, "PAYRELAY_FETCHES_DLQ_URL"),
        ];
        Self {
            store: Store::new(aws.dynamodb(), settings.required("PAYRELAY_TABLE")),
            vault: Vault::kms(aws.kms(), settings.required("PAYRELAY_KMS_KEY_ID"), Entropy::system()),
            metrics: Metrics::stdout(settings.required("PAYRELAY_SERVICE"), Clock::system()),
            clock: Clock::system(),
            origins: queues
                .map(|(queue, name)| (queue, Queue::new(aws.sqs(), settings.required(name))))
                .into(),
        }
    }

    /// How many dead letters of a queue were counted, where the metrics are in memory; zero elsewhere.
    pub fn counted(&self, queue: WorkQueue) -> u64 {
        let counted = |reason: &DeadLetterReason| self.metrics.counted(COUNTER, &dimensions(queue, *reason));
        DeadLetterReason::ALL.iter().map(counted).sum()
    }

    fn work_queue(&self, dead: &DeadMessage, message: &SqsMessage) -> WorkQueue {
        let by_arn = |arn: Option<&str>| {
            let arn = arn?;
            self.origins.iter().find(|(_, queue)| queue.is_at(arn)).map(|(work_queue, _)| *work_queue)
        };
        by_arn(dead.origin.as_deref())
            .or_else(|| by_arn(message.event_source_arn.as_deref()))
            .unwrap_or(WorkQueue::Events)
    }
}

/// Handles one batch; one message that can't be recorded keeps no other from it.
pub async fn handle(deps: &Deps, batch: SqsEvent) -> SqsBatchResponse {
    let kept = join_all(batch.records.iter().map(|message| keep(deps, message))).await;
    let mut response = SqsBatchResponse::default();
    for (message, kept) in batch.records.iter().zip(kept) {
        if let Err(error) = kept {
            let message_id = message.message_id.clone().unwrap_or_default();
            tracing::error!(message_id, error = &error as &dyn Error, "a dead letter can't be recorded");
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message_id;
            response.batch_item_failures.push(failure);
        }
    }
    response
}

async fn keep(deps: &Deps, message: &SqsMessage) -> Result<(), KeepError> {
    let dead = DeadMessage::read(message);
    let queue = deps.work_queue(&dead, message);
    let id = dead.dead_letter.clone().unwrap_or_else(|| DeadLetterId::derive(queue, &dead.message_id));
    let death = death(deps, queue, &dead);
    let letter = record(deps, &id, death, &dead.body).await?;
    // A repeat, and somebody has sent the letter again since.
    if !letter.is_waiting() {
        return Ok(());
    }
    delivery::note(deps, &letter, &dead.body).await?;
    let Death { queue, reason, error, received_count, .. } = &letter.death;
    // Also at a repeat: what stopped in between has not counted it. An alarm that comes twice is better than none.
    deps.metrics.count(COUNTER, &dimensions(*queue, *reason));
    let (queue, reason) = (queue.as_str(), reason.as_str());
    tracing::error!(dead_letter = %id, queue, reason, error, received_count, "a message became a dead letter");
    Ok(())
}

fn death(deps: &Deps, queue: WorkQueue, dead: &DeadMessage) -> Death {
    let died_at = deps.clock.now();
    let unanswered = || format!("received {} times without an answer", dead.received_count);
    let is_unanswered = dead.reason == DeadLetterReason::ProcessDied;
    Death {
        queue,
        reason: dead.reason,
        error: dead.error.clone().or_else(|| is_unanswered.then(unanswered)),
        received_count: dead.received_count,
        message_id: dead.message_id.clone(),
        group: dead.group.clone(),
        body_bytes: dead.body.len(),
        sent_at: dead.sent_at.unwrap_or(died_at),
        died_at,
        subject: dead.subject(),
    }
}

/// Writes the letter, unless it knows of this death.
async fn record(deps: &Deps, id: &DeadLetterId, death: Death, body: &str) -> Result<DeadLetter, KeepError> {
    loop {
        let known = deps.store.dead_letter(id).await?;
        let (letter, revision) = match known {
            None => (DeadLetter::new(id.clone(), death.clone()), 0),
            Some(known) => match known.letter.died_again(death.clone()) {
                Some(letter) => (letter, known.revision),
                None => return Ok(known.letter),
            },
        };
        // Sealed for this very id, so that no message can be put in the place of another.
        let sealed = deps.vault.seal_bytes(id.as_str(), body.as_bytes()).await?;
        match deps.store.put_dead_letter(&letter, sealed, revision).await {
            Ok(()) => return Ok(letter),
            // A copy of the message was faster, or somebody has just sent it again.
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn dimensions(queue: WorkQueue, reason: DeadLetterReason) -> [(&'static str, &'static str); 2] {
    [("queue", queue.as_str()), ("reason", reason.as_str())]
}
