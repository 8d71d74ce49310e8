//! A client app's queue, with the engine's own SDK client on the other side.

use anyhow::{Context, Result, ensure};
use local::Stack;
use platform::Aws;
use standardwebhooks::Webhook;
use std::collections::BTreeMap;

/// A message as its receiver has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueMessage {
    pub body: String,
    /// Of the message, by name.
    pub attributes: BTreeMap<String, String>,
    /// SQS's own, by name.
    pub system: BTreeMap<String, String>,
}

impl QueueMessage {
    /// Fails unless the message is what a posted delivery would be to the stock Standard Webhooks library: body, and
    /// attributes for headers.
    pub fn verify(&self, secret: &str) -> Result<()> {
        let header = |name: &str| self.attributes.get(name).with_context(|| format!("no {name}"));
        let (id, timestamp) = (header("webhook-id")?, header("webhook-timestamp")?.parse()?);
        let expected = Webhook::new(secret)?.sign(id, timestamp, self.body.as_bytes())?;
        ensure!(
            header("webhook-signature")?.split(' ').any(|given| given == expected),
            "no signature matches"
        );
        Ok(())
    }
}

/// A queue of the stack's engine that is not the stack's.
#[derive(Debug, Clone)]
pub struct ClientQueue {
    pub name: String,
}

impl ClientQueue {
    /// Made; a name ending in `.fifo` is a FIFO queue's.
    pub fn create(stack: &Stack, name: &str) -> Result<Self> {
        let fifo = [("FifoQueue", "true")];
        stack.sqs.create_queue(name, if name.ends_with(".fifo") { &fifo } else { &[] })?;
        Ok(Self { name: name.to_owned() })
    }

    pub fn arn(&self) -> String {
        local::sqs::arn(&self.name)
    }

    /// All that is there, each deleted.
    pub async fn take(&self, stack: &Stack) -> Result<Vec<QueueMessage>> {
        let client = Aws::local(stack.engines().clone()).sqs();
        let url = format!("http://localhost/000000000000/{}", self.name);
        let mut taken = Vec::new();
        loop {
            let received = client
                .receive_message()
                .queue_url(&url)
                .max_number_of_messages(10)
                .message_attribute_names("All")
                .message_system_attribute_names("All".into())
                .send()
                .await?;
            if received.messages().is_empty() {
                return Ok(taken);
            }
            for message in received.messages() {
                let handle = message.receipt_handle().context("a handle")?;
                client.delete_message().queue_url(&url).receipt_handle(handle).send().await?;
                let attributes = message.message_attributes().into_iter().flatten();
                let system = message.attributes().into_iter().flatten();
                taken.push(QueueMessage {
                    body: message.body().unwrap_or_default().to_owned(),
                    attributes: attributes
                        .map(|(name, value)| {
                            (name.clone(), value.string_value().unwrap_or_default().to_owned())
                        })
                        .collect(),
                    system: system.map(|(name, value)| (name.as_str().to_owned(), value.clone())).collect(),
                });
            }
        }
    }
}

/// Makes an event bus of the stack's engine, and gives its ARN.
pub async fn create_bus(stack: &Stack, name: &str) -> Result<String> {
    let client = Aws::local(stack.engines().clone()).eventbridge();
    client.create_event_bus().name(name).send().await?;
    Ok(local::eventbridge::arn(name))
}
