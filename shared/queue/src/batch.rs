//! Answering a batch: partial batch responses, and dead letters with their reason.

use crate::Queue;
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsMessage};

/// What became of one message: a closed list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// All its effects are durable.
    Done,
    /// Nothing is lost by trying again later.
    Retry,
    /// Trying again is pointless; `reason` goes with it.
    DeadLetter { reason: String },
}

/// How often SQS has handed out this message, this time included.
pub fn receive_count(message: &SqsMessage) -> u32 {
    message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// Turns dispositions into Lambda's partial batch response. A message that could not be put into the dead-letter
/// queue is reported as failed: SQS hands it out again, and moves it there itself in the end.
pub async fn respond(
    dead_letters: &Queue,
    outcomes: impl IntoIterator<Item = (SqsMessage, Disposition)>,
) -> SqsBatchResponse {
    let mut failures = Vec::new();
    for (message, disposition) in outcomes {
        let id = message.message_id.clone().unwrap_or_default();
        let failed = match disposition {
            Disposition::Done => false,
            Disposition::Retry => true,
            Disposition::DeadLetter { reason } => {
                let body = message.body.as_deref().unwrap_or_default();
                tracing::error!(
                    message_id = id,
                    reason,
                    "message can't be processed: moved to the dead-letter queue"
                );
                match dead_letters.dead_letter(non_empty(body), &reason, &id).await {
                    Ok(()) => false,
                    Err(error) => {
                        tracing::error!(
                            message_id = id,
                            error = &error as &dyn std::error::Error,
                            "no dead letter"
                        );
                        true
                    }
                }
            }
        };
        if failed {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            failures.push(failure);
        }
    }
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures;
    response
}

/// SQS takes no empty body.
fn non_empty(body: &str) -> &str {
    if body.is_empty() { "(empty)" } else { body }
}
