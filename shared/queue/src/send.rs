//! Sending: one message, or many in batches.
//!
//! **Guarantee:** a message that SQS does not take fails alone. An entry of a batch has its own outcome, and a batch that is
//! refused as a whole for what one entry holds is sent again message by message.

use aws_lambda_events::sqs::SqsMessage;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::send_message_batch::{SendMessageBatchError, SendMessageBatchOutput};
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use domain::{DeadLetterId, DeadLetterReason};
use futures::future::join_all;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::{MAX_MESSAGE_BYTES, Text, dead};

/// SQS's own limits (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
const MAX_BATCH_ENTRIES: usize = 10;
const MAX_BYTES: usize = 1024 * 1024;
const MAX_DELAY: Duration = Duration::from_secs(900);

/// A queue. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    client: aws_sdk_sqs::Client,
    url: String,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum QueueError {
    /// The call failed or its answer was lost; whether the message is queued is unknown.
    #[error("SQS {operation} failed")]
    Unavailable {
        operation: &'static str,
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    #[error("SQS did not take a message: {code}")]
    NotTaken { code: String },
    #[error("a message has {bytes} bytes, and at most {MAX_MESSAGE_BYTES} can be queued")]
    TooLarge { bytes: usize },
}

impl QueueError {
    /// Whether no later try can end otherwise.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::TooLarge { .. })
    }
}

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub body: Text,
    /// At most 15 minutes; longer delays are cut to that.
    pub delay: Duration,
    /// Whose message it is: SQS's fair queues keep one group's backlog from delaying the others.
    pub group: String,
}

impl Outgoing {
    fn check(&self) -> Result<(), QueueError> {
        let bytes = self.body.len();
        if bytes <= MAX_MESSAGE_BYTES { Ok(()) } else { Err(QueueError::TooLarge { bytes }) }
    }

    fn entry(self, place: usize) -> SendMessageBatchRequestEntry {
        let entry = SendMessageBatchRequestEntry::builder()
            .id(place.to_string())
            .message_body(self.body.into_string())
            .message_group_id(self.group)
            .set_delay_seconds(delay_seconds(self.delay));
        entry.build().expect("id and body are set")
    }
}

/// What became of each message of a call, in their order.
type Outcomes = Vec<Result<(), QueueError>>;

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
        message.check()?;
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(message.body.into_string())
            .message_group_id(message.group)
            .set_delay_seconds(delay_seconds(message.delay))
            .send()
            .await
            .map_err(unavailable("SendMessage"))?;
        Ok(())
    }

    /// Returns, for each message in their order, whether SQS has confirmed it. One that was not may have been taken all
    /// the same: send it again, receivers drop repeats.
    pub async fn send_all(&self, messages: Vec<Outgoing>) -> Vec<Result<(), QueueError>> {
        let mut outcomes: Outcomes = messages.iter().map(Outgoing::check).collect();
        let fitting = messages.into_iter().enumerate().filter(|(index, _)| outcomes[*index].is_ok());
        let batches: Vec<Vec<(usize, Outgoing)>> = into_batches(fitting);
        let sent = join_all(batches.into_iter().map(async |batch| {
            let (indices, messages): (Vec<usize>, Vec<Outgoing>) = batch.into_iter().unzip();
            (indices, self.send_batch(messages).await)
        }));
        for (indices, results) in sent.await {
            for (index, result) in indices.into_iter().zip(results) {
                outcomes[index] = result;
            }
        }
        outcomes
    }

    async fn send_batch(&self, batch: Vec<Outgoing>) -> Outcomes {
        let count = batch.len();
        let entries = batch.iter().cloned().enumerate().map(|(place, message)| message.entry(place));
        let entries = Some(entries.collect());
        match self.client.send_message_batch().queue_url(&self.url).set_entries(entries).send().await {
            Ok(answer) => outcomes(&answer, count),
            Err(error) if count > 1 && may_be_one_entrys_fault(&error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a batch is refused: sent one by one"
                );
                join_all(batch.into_iter().map(|message| self.send(message))).await
            }
            Err(error) => vec![Err(unavailable("SendMessageBatch")(error)); count],
        }
    }

    /// Puts a message that can't be processed into this (dead-letter) queue, with what is known about its end beside it.
    pub async fn dead_letter(
        &self,
        message: &SqsMessage,
        reason: DeadLetterReason,
        error: &str,
    ) -> Result<(), QueueError> {
        let (body, attributes) = dead::letter(message, reason, error);
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body.into_string())
            .set_message_group_id(message.attributes.get("MessageGroupId").cloned())
            .set_message_attributes(Some(attributes))
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
        let refused = || QueueError::NotTaken { code: "InvalidMessageContents".to_owned() };
        let body = Text::verbatim(&body).ok_or_else(refused)?;
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body.into_string())
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

/// By the entries' ids, which are their places. What the answer does not name was not confirmed.
fn outcomes(answer: &SendMessageBatchOutput, count: usize) -> Outcomes {
    let taken: HashSet<&str> = answer.successful().iter().map(|entry| entry.id()).collect();
    let codes: HashMap<&str, &str> = answer.failed().iter().map(|entry| (entry.id(), entry.code())).collect();
    let outcome = |place: usize| {
        let id = place.to_string();
        if taken.contains(id.as_str()) {
            return Ok(());
        }
        let code = codes.get(id.as_str()).copied().unwrap_or("the answer does not name it");
        Err(QueueError::NotTaken { code: code.to_owned() })
    };
    (0..count).map(outcome).collect()
}

/// Whether the batch was refused for what is in it. Throttling and a missing queue concern all entries alike.
fn may_be_one_entrys_fault(error: &SdkError<SendMessageBatchError>) -> bool {
    let SdkError::ServiceError(refusal) = error else { return false };
    let code = refusal.err().code().unwrap_or_default();
    let concerns_all = ["Throttl", "QueueDoesNotExist", "NonExistentQueue"];
    refusal.raw().status().as_u16() == 400 && !concerns_all.iter().any(|part| code.contains(part))
}

/// `None` for no delay: the queue's own applies, which is zero.
fn delay_seconds(delay: Duration) -> Option<i32> {
    let rounded_up = delay.min(MAX_DELAY).as_millis().div_ceil(1000);
    i32::try_from(rounded_up).ok().filter(|seconds| *seconds > 0)
}

fn into_batches(messages: impl IntoIterator<Item = (usize, Outgoing)>) -> Vec<Vec<(usize, Outgoing)>> {
    let mut batches: Vec<Vec<(usize, Outgoing)>> = Vec::new();
    let mut bytes = 0;
    for (index, message) in messages {
        // Our messages have no attributes, which would count as well; the group does not.
        let more = message.body.len();
        let fits = bytes + more <= MAX_BYTES;
        match batches.last_mut().filter(|batch| fits && batch.len() < MAX_BATCH_ENTRIES) {
            Some(batch) => {
                bytes += more;
                batch.push((index, message));
            }
            None => {
                bytes = more;
                batches.push(vec![(index, message)]);
            }
        }
    }
    batches
}

fn unavailable<E>(operation: &'static str) -> impl FnOnce(E) -> QueueError
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |source| QueueError::Unavailable { operation, source: Arc::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(bytes: usize) -> Outgoing {
        let body = Text::verbatim(&"x".repeat(bytes)).expect("letters");
        Outgoing { body, delay: Duration::ZERO, group: "g".to_owned() }
    }

    #[test]
    fn batches_hold_at_most_ten_messages_and_one_mebibyte() {
        let sizes = |messages: Vec<Outgoing>| {
            into_batches(messages.into_iter().enumerate()).iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(vec![]), Vec::<usize>::new());
        assert_eq!(sizes(vec![outgoing(1); 21]), [10, 10, 1]);
        assert_eq!(sizes(vec![outgoing(600_000); 3]), [1, 1, 1]);
        assert_eq!(sizes(vec![outgoing(500_000); 3]), [2, 1]);
    }

    #[test]
    fn a_message_is_as_large_as_its_dead_letter_may_be() {
        assert!(outgoing(MAX_MESSAGE_BYTES).check().is_ok());
        let error = outgoing(MAX_MESSAGE_BYTES + 1).check().expect_err("too large");
        assert!(error.is_lasting() && matches!(error, QueueError::TooLarge { .. }));
    }

    #[test]
    fn delays_are_whole_seconds_rounded_up_and_capped_at_fifteen_minutes() {
        assert_eq!(delay_seconds(Duration::ZERO), None);
        assert_eq!(delay_seconds(Duration::from_millis(5200)), Some(6));
        assert_eq!(delay_seconds(Duration::from_secs(3600)), Some(900));
    }
}
