//! Event source mappings: what Lambda does between a queue and a function.

use anyhow::Result;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage, SqsMessageAttribute};
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use std::collections::HashSet;

/// Lambda's default for standard queues.
const BATCH_SIZE: i32 = 10;

/// A message in a dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// A code.
    pub reason: Option<String>,
    pub error: Option<String>,
    pub body: String,
}

/// Takes batches from one queue.
#[derive(Debug, Clone)]
pub struct Mapping {
    client: aws_sdk_sqs::Client,
    queue_url: String,
    queue_arn: String,
}

impl Mapping {
    pub(crate) fn new(client: aws_sdk_sqs::Client, queue_url: String, queue_arn: String) -> Self {
        Self { client, queue_url, queue_arn }
    }

    /// Takes up to ten messages, waiting at most `wait_seconds` for the first, hands them to `function` and
    /// deletes those that it does not report as failed; these become visible again after the queue's visibility
    /// timeout. Gives the number of messages taken.
    pub async fn poll(
        &self,
        wait_seconds: i32,
        function: impl AsyncFnOnce(SqsEvent) -> SqsBatchResponse,
    ) -> Result<usize> {
        let batch = self.receive(wait_seconds).await?;
        if batch.is_empty() {
            return Ok(0);
        }
        let taken = batch.len();
        let mut event = SqsEvent::default();
        event.records = batch.iter().map(|message| self.to_record(message)).collect();
        let response = function(event).await;
        let failed: HashSet<String> =
            response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
        self.delete(
            batch.into_iter().filter(|message| !failed.contains(message.message_id().unwrap_or_default())),
        )
        .await?;
        Ok(taken)
    }

    /// Puts a message into the queue, as anybody with access to it could.
    pub async fn send(&self, body: &str) -> Result<()> {
        self.client.send_message().queue_url(&self.queue_url).message_body(body).send().await?;
        Ok(())
    }

    /// Takes up to ten dead letters.
    pub async fn receive_letters(&self) -> Result<Vec<Letter>> {
        let text = |message: &Message, name: &str| {
            message.message_attributes().and_then(|all| all.get(name)?.string_value().map(str::to_owned))
        };
        let letter = |message: &Message| Letter {
            reason: text(message, "reason"),
            error: text(message, "error"),
            body: message.body().unwrap_or_default().to_owned(),
        };
        Ok(self.receive(0).await?.iter().map(letter).collect())
    }

    async fn receive(&self, wait_seconds: i32) -> Result<Vec<Message>> {
        let answer = self
            .client
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(BATCH_SIZE)
            .wait_time_seconds(wait_seconds)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await?;
        Ok(answer.messages.unwrap_or_default())
    }

    async fn delete(&self, messages: impl Iterator<Item = Message>) -> Result<()> {
        let entries: Vec<_> = messages
            .enumerate()
            .filter_map(|(index, message)| {
                let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
                entry.receipt_handle(message.receipt_handle?).build().ok()
            })
            .collect();
        if !entries.is_empty() {
            self.client
                .delete_message_batch()
                .queue_url(&self.queue_url)
                .set_entries(Some(entries))
                .send()
                .await?;
        }
        Ok(())
    }

    fn to_record(&self, message: &Message) -> SqsMessage {
        let mut record = SqsMessage::default();
        record.message_id = message.message_id().map(str::to_owned);
        record.receipt_handle = message.receipt_handle().map(str::to_owned);
        record.event_source_arn = Some(self.queue_arn.clone());
        record.body = message.body().map(str::to_owned);
        record.attributes = message
            .attributes()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.as_str().to_owned(), value.clone()))
            .collect();
        record.message_attributes = message
            .message_attributes()
            .into_iter()
            .flatten()
            .map(|(name, value)| {
                let mut attribute = SqsMessageAttribute::default();
                attribute.data_type = Some(value.data_type().to_owned());
                attribute.string_value = value.string_value().map(str::to_owned);
                (name.clone(), attribute)
            })
            .collect();
        record
    }
}
