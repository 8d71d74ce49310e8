//! Answering a batch: partial batch responses, and dead letters with their reason.

use crate::Queue;
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsMessage};
use domain::DeadLetterReason;

/// What became of one message: a closed list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// All its effects are durable.
    Done,
    /// Nothing is lost by trying again later. At the last try the message becomes a dead letter, with `reason` as its error.
    Retry { reason: String },
    /// Trying again is pointless. `error` says more than `reason`, and quotes nothing of the message.
    DeadLetter { reason: DeadLetterReason, error: String },
}

/// How often SQS has handed out this message, this time included.
pub fn receive_count(message: &SqsMessage) -> u32 {
    message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// As the queues' redrive policy says. What has been handed out this often is not handed out again: SQS would move
/// it to the dead-letter queue without a reason.
pub const MAX_RECEIVE_COUNT: u32 = 5;

/// How long EventsQueue hides a message that was handed out, as in `infra/data.yaml`: six times the consumer's timeout, and
/// the longest that a batch may wait. After it whoever took the message has ended.
pub const EVENTS_VISIBILITY_SECONDS: u16 = 185;

/// Turns dispositions into Lambda's partial batch response. A message that could not be put into the dead-letter
/// queue is reported as failed: SQS hands it out again, and moves it there itself in the end.
pub async fn respond(
    dead_letters: &Queue,
    outcomes: impl IntoIterator<Item = (SqsMessage, Disposition)>,
) -> SqsBatchResponse {
    let mut failures = Vec::new();
    for (message, disposition) in outcomes {
        let id = message.message_id.clone().unwrap_or_default();
        let (reason, error) = match disposition {
            Disposition::Done => continue,
            Disposition::Retry { .. } if receive_count(&message) < MAX_RECEIVE_COUNT => {
                failures.push(failure(id));
                continue;
            }
            Disposition::Retry { reason } => (DeadLetterReason::TriesUsedUp, reason),
            Disposition::DeadLetter { reason, error } => (reason, error),
        };
        tracing::error!(
            message_id = id,
            reason = reason.as_str(),
            error,
            "message can't be processed: moved to the dead-letter queue"
        );
        if let Err(error) = dead_letters.dead_letter(&message, reason, &error).await {
            tracing::error!(message_id = id, error = &error as &dyn std::error::Error, "no dead letter");
            failures.push(failure(id));
        }
    }
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures;
    response
}

fn failure(id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = id;
    failure
}
