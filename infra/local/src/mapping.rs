//! Event source mappings: what Lambda does between a queue and a function.

use crate::sqs::{self, Received, Sqs};
use anyhow::Result;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures::FutureExt;
use std::collections::HashSet;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

/// Lambda's default for standard queues.
const BATCH_SIZE: usize = 10;
/// After the engine refused a call, so that a loop does not spin.
pub(crate) const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(1);

/// A message in a dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// A code.
    pub reason: Option<String>,
    pub error: Option<String>,
    pub body: String,
}

/// Takes batches from one queue. It does so without the HTTP that a client of the queue needs: an idle poller then costs
/// nothing at all.
#[derive(Debug, Clone)]
pub struct Mapping {
    sqs: Sqs,
    queue: &'static str,
}

impl Mapping {
    pub(crate) fn new(sqs: Sqs, queue: &'static str) -> Self {
        Self { sqs, queue }
    }

    /// Takes up to ten messages, waiting at most `wait_seconds` for the first, hands them to `function` and
    /// deletes those that it does not report as failed; these become visible again after the queue's visibility
    /// timeout. Gives the number of messages taken.
    pub async fn poll(
        &self,
        wait_seconds: u64,
        function: impl AsyncFnOnce(SqsEvent) -> SqsBatchResponse,
    ) -> Result<usize> {
        let taken = self.sqs.take(self.queue, BATCH_SIZE, Some(Duration::from_secs(wait_seconds))).await?;
        if !taken.is_empty() {
            let response = function(self.to_event(&taken)).await;
            self.finish(&taken, response)?;
        }
        Ok(taken.len())
    }

    /// Hands all messages to `function`, batch after batch, until `stopped`; the batch that it has then is finished.
    pub(crate) async fn run<F: Future<Output = SqsBatchResponse>>(
        &self,
        stopped: impl Future<Output = ()>,
        function: impl Fn(SqsEvent) -> F,
    ) {
        let mut stopped = std::pin::pin!(stopped);
        loop {
            let taken = tokio::select! {
                biased;
                () = &mut stopped => return,
                taken = self.sqs.take(self.queue, BATCH_SIZE, None) => taken,
            };
            let outcome = match taken {
                Ok(taken) => self.hand_over(&taken, &function).await,
                Err(error) => Err(error.into()),
            };
            if let Err(error) = outcome {
                tracing::error!(
                    queue = self.queue,
                    error = &*error as &dyn std::error::Error,
                    "the local stack stumbled"
                );
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }

    /// A panic is for a function what SIGKILL is for the process, and its messages are treated alike.
    async fn hand_over<F: Future<Output = SqsBatchResponse>>(
        &self,
        taken: &[Received],
        function: impl Fn(SqsEvent) -> F,
    ) -> Result<()> {
        match AssertUnwindSafe(function(self.to_event(taken))).catch_unwind().await {
            Ok(response) => self.finish(taken, response),
            Err(_) => {
                tracing::error!(queue = self.queue, messages = taken.len(), "a function panicked");
                Ok(self.sqs.died(self.queue, taken)?)
            }
        }
    }

    /// Puts a message into the queue, as anybody with access to it could.
    pub async fn send(&self, body: &str) -> Result<()> {
        Ok(self.sqs.put(self.queue, body)?)
    }

    /// Takes up to ten dead letters.
    pub async fn receive_letters(&self) -> Result<Vec<Letter>> {
        let taken = self.sqs.receive_now(self.queue, BATCH_SIZE).await?;
        let letter = |message: Received| Letter {
            reason: message.text_attribute("reason").map(str::to_owned),
            error: message.text_attribute("error").map(str::to_owned),
            body: message.body,
        };
        Ok(taken.into_iter().map(letter).collect())
    }

    fn finish(&self, taken: &[Received], response: SqsBatchResponse) -> Result<()> {
        let failed: HashSet<String> =
            response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
        Ok(self.sqs.finish(self.queue, taken, &failed)?)
    }

    fn to_event(&self, taken: &[Received]) -> SqsEvent {
        let mut event = SqsEvent::default();
        event.records = taken.iter().map(|message| self.to_record(message)).collect();
        event
    }

    fn to_record(&self, message: &Received) -> SqsMessage {
        let mut record = SqsMessage::default();
        record.message_id = Some(message.id.clone());
        record.receipt_handle = Some(message.handle.clone());
        record.event_source_arn = Some(sqs::arn(self.queue));
        record.body = Some(message.body.clone());
        record.attributes =
            message.system_attributes().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        record.message_attributes = message.lambda_attributes();
        record
    }
}
