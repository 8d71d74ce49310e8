//! Sending: one message, or many in batches.

use aws_lambda_events::sqs::SqsMessage;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use domain::{DeadLetterId, DeadLetterReason};
use std::time::Duration;

use crate::dead;

/// SQS's own limits (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
const MAX_BATCH_ENTRIES: usize = 10;
const MAX_BATCH_BYTES: usize = 1024 * 1024;
const MAX_DELAY: Duration = Duration::from_secs(900);

/// SQS takes no empty body.
const NO_BODY: &str = "(empty)";

/// A queue. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    client: aws_sdk_sqs::Client,
    url: String,
}

#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The call failed or its answer was lost; whether the message is queued is unknown.
    #[error("SQS {operation} failed")]
    Unavailable {
        operation: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("SQS did not take {failed} of {sent} messages: {code}")]
    NotTaken { failed: usize, sent: usize, code: String },
}

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub body: String,
    /// At most 15 minutes; longer delays are cut to that.
    pub delay: Duration,
    /// Whose message it is: SQS's fair queues keep one group's backlog from delaying the others.
    pub group: String,
}

impl Queue {
    pub fn new(client: aws_sdk_sqs::Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// Whether a mapping took the message from this queue. Names are compared: where a message came from is an ARN, where
    /// one is sent to is a URL, and both end with the queue's name.
    pub fn is_source_of(&self, message: &SqsMessage) -> bool {
        message.event_source_arn.as_deref().is_some_and(|arn| self.is_at(arn))
    }

    /// Whether this is the queue of this ARN.
    pub fn is_at(&self, arn: &str) -> bool {
        arn.rsplit(':').next() == self.url.rsplit('/').next()
    }

    /// Returns once SQS has confirmed the message.
    pub async fn send(&self, message: Outgoing) -> Result<(), QueueError> {
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(message.body)
            .message_group_id(message.group)
            .set_delay_seconds(delay_seconds(message.delay))
            .send()
            .await
            .map_err(unavailable("SendMessage"))?;
        Ok(())
    }

    /// Returns once SQS has confirmed all messages. After an error some may have been taken: send them all
    /// again, receivers drop repeats.
    pub async fn send_all(&self, messages: Vec<Outgoing>) -> Result<(), QueueError> {
        let batches = into_batches(messages);
        futures::future::try_join_all(batches.into_iter().map(|batch| self.send_batch(batch))).await?;
        Ok(())
    }

    async fn send_batch(&self, batch: Vec<Outgoing>) -> Result<(), QueueError> {
        let sent = batch.len();
        let entries = batch.into_iter().enumerate().map(|(index, message)| {
            SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_body(message.body)
                .message_group_id(message.group)
                .set_delay_seconds(delay_seconds(message.delay))
                .build()
                .expect("id and body are set")
        });
        let answer = self
            .client
            .send_message_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .map_err(unavailable("SendMessageBatch"))?;
        match answer.failed() {
            [] => Ok(()),
            [first, ..] => Err(QueueError::NotTaken {
                failed: answer.failed().len(),
                sent,
                code: first.code().to_owned(),
            }),
        }
    }

    /// Puts a message that can't be processed into this (dead-letter) queue, with what is known about its end beside it.
    pub async fn dead_letter(
        &self,
        message: &SqsMessage,
        reason: DeadLetterReason,
        error: &str,
    ) -> Result<(), QueueError> {
        let body = message.body.clone().filter(|body| !body.is_empty());
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body.unwrap_or_else(|| NO_BODY.to_owned()))
            .set_message_group_id(message.attributes.get("MessageGroupId").cloned())
            .set_message_attributes(Some(dead::of_death(message, reason, error)))
            .send()
            .await
            .map_err(unavailable("SendMessage"))?;
        Ok(())
    }

    /// Sends the message of a dead letter again, as it was. Returns once SQS has confirmed it.
    pub async fn redrive(
        &self,
        id: &DeadLetterId,
        body: String,
        group: Option<String>,
        delay: Duration,
    ) -> Result<(), QueueError> {
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .set_message_group_id(group)
            .set_delay_seconds(delay_seconds(delay))
            .set_message_attributes(Some(dead::of_redrive(id)))
            .send()
            .await
            .map_err(unavailable("SendMessage"))?;
        Ok(())
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("url", &self.url).finish_non_exhaustive()
    }
}

/// `None` for no delay: the queue's own applies, which is zero.
fn delay_seconds(delay: Duration) -> Option<i32> {
    let rounded_up = delay.min(MAX_DELAY).as_millis().div_ceil(1000);
    i32::try_from(rounded_up).ok().filter(|seconds| *seconds > 0)
}

fn into_batches(messages: Vec<Outgoing>) -> Vec<Vec<Outgoing>> {
    let mut batches: Vec<Vec<Outgoing>> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        let fits = bytes + message.body.len() <= MAX_BATCH_BYTES;
        match batches.last_mut().filter(|batch| fits && batch.len() < MAX_BATCH_ENTRIES) {
            Some(batch) => {
                bytes += message.body.len();
                batch.push(message);
            }
            None => {
                bytes = message.body.len();
                batches.push(vec![message]);
            }
        }
    }
    batches
}

fn unavailable<E>(operation: &'static str) -> impl FnOnce(E) -> QueueError
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |source| QueueError::Unavailable { operation, source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(bytes: usize) -> Outgoing {
        Outgoing { body: "x".repeat(bytes), delay: Duration::ZERO, group: "g".to_owned() }
    }

    #[test]
    fn batches_hold_at_most_ten_messages_and_one_mebibyte() {
        let sizes = |messages: Vec<Outgoing>| into_batches(messages).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(vec![]), Vec::<usize>::new());
        assert_eq!(sizes(vec![outgoing(1); 21]), [10, 10, 1]);
        assert_eq!(sizes(vec![outgoing(600_000); 3]), [1, 1, 1]);
        assert_eq!(sizes(vec![outgoing(500_000); 3]), [2, 1]);
    }

    #[test]
    fn delays_are_whole_seconds_rounded_up_and_capped_at_fifteen_minutes() {
        assert_eq!(delay_seconds(Duration::ZERO), None);
        assert_eq!(delay_seconds(Duration::from_millis(5200)), Some(6));
        assert_eq!(delay_seconds(Duration::from_secs(3600)), Some(900));
    }
}
