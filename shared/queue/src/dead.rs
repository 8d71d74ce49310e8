//! What stands beside a message in a dead-letter queue, and how it is read there.
//!
//! Two ways lead into a dead-letter queue: [`crate::respond`] sends a message there with what it knows about its end; SQS
//! moves one there, as it is, that was handed out too often without an answer. [`DeadMessage::read`] makes the same of both.

use aws_lambda_events::sqs::SqsMessage;
use aws_sdk_sqs::types::MessageAttributeValue;
use domain::{DeadLetterId, DeadLetterReason, MessageSubject};
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::HashMap;

use crate::{MAX_RECEIVE_COUNT, receive_count};

/// The code of a [`DeadLetterReason`].
const REASON: &str = "reason";
const ERROR: &str = "error";
/// The ARN of the queue that the message came from.
const ORIGIN: &str = "origin";
const ORIGINAL_MESSAGE_ID: &str = "original_message_id";
const RECEIVED_COUNT: &str = "received_count";
/// In milliseconds, as SQS's own attribute.
const SENT_AT: &str = "sent_at";
/// On a message that was sent again: which dead letter it is. It stays there if the message dies once more.
const DEAD_LETTER: &str = "dead_letter";

/// An attribute counts towards SQS's limit for its message. Errors of ours are one line.
const MAX_ERROR_BYTES: usize = 500;

/// A message that a dead-letter queue handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadMessage {
    pub reason: DeadLetterReason,
    /// What its last try failed with.
    pub error: Option<String>,
    pub received_count: u32,
    /// The id that it had where it died.
    pub message_id: String,
    pub group: Option<String>,
    pub sent_at: Option<Timestamp>,
    /// The ARN of the queue where it died; absent if somebody put it here.
    pub origin: Option<String>,
    /// There if it was sent again before.
    pub dead_letter: Option<DeadLetterId>,
    pub body: String,
}

impl DeadMessage {
    pub fn read(message: &SqsMessage) -> Self {
        let own = |name| attribute(message, name).map(str::to_owned);
        let system = |name: &str| message.attributes.get(name).cloned();
        // Without a reason of ours it was SQS that moved it, unanswered.
        let reason =
            attribute(message, REASON).map_or(DeadLetterReason::ProcessDied, DeadLetterReason::from_code);
        let sent_at = own(SENT_AT).or_else(|| system("SentTimestamp"));
        Self {
            reason,
            error: own(ERROR),
            received_count: own(RECEIVED_COUNT)
                .and_then(|count| count.parse().ok())
                .unwrap_or(MAX_RECEIVE_COUNT),
            message_id: own(ORIGINAL_MESSAGE_ID).or_else(|| message.message_id.clone()).unwrap_or_default(),
            group: system("MessageGroupId"),
            sent_at: sent_at.and_then(|at| Timestamp::from_millisecond(at.parse().ok()?).ok()),
            origin: own(ORIGIN).or_else(|| system("DeadLetterQueueSourceArn")),
            dead_letter: dead_letter_of(message),
            body: message.body.clone().unwrap_or_default(),
        }
    }

    /// What the message is about, as far as its envelope says. The payload is not looked at: what is in it may be what killed
    /// the function.
    pub fn subject(&self) -> MessageSubject {
        let Envelope { source, event, endpoint, delivery, confirmation, webhook } =
            serde_json::from_str(&self.body).unwrap_or_default();
        fn id<T: std::str::FromStr>(text: Option<String>) -> Option<T> {
            text.and_then(|text| text.parse().ok())
        }
        MessageSubject {
            source: id(source).or_else(|| id(webhook.and_then(|webhook| webhook.source))),
            endpoint: id(endpoint),
            event: id(event).or_else(|| id(confirmation.and_then(|confirmation| confirmation.event))),
            delivery: id(delivery),
        }
    }
}

/// The fields by which the messages of all queues say what they are about.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope {
    source: Option<String>,
    event: Option<String>,
    endpoint: Option<String>,
    delivery: Option<String>,
    confirmation: Option<Confirmation>,
    webhook: Option<Webhook>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Confirmation {
    event: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Webhook {
    source: Option<String>,
}

/// Which dead letter the message is, if it was one and was sent again.
pub fn dead_letter_of(message: &SqsMessage) -> Option<DeadLetterId> {
    attribute(message, DEAD_LETTER)?.parse().ok()
}

/// What goes with a message that is given up.
pub(crate) fn of_death(
    message: &SqsMessage,
    reason: DeadLetterReason,
    error: &str,
) -> HashMap<String, MessageAttributeValue> {
    let known = [
        (REASON, Some(reason.as_str().to_owned())),
        (ERROR, Some(cut(error).to_owned())),
        (ORIGIN, message.event_source_arn.clone()),
        (ORIGINAL_MESSAGE_ID, message.message_id.clone()),
        (RECEIVED_COUNT, Some(receive_count(message).to_string())),
        (SENT_AT, message.attributes.get("SentTimestamp").cloned()),
        (DEAD_LETTER, attribute(message, DEAD_LETTER).map(str::to_owned)),
    ];
    // SQS takes no empty value.
    let known = known.into_iter().filter_map(|(name, value)| Some((name, value.filter(|v| !v.is_empty())?)));
    known.map(|(name, value)| (name.to_owned(), text(value))).collect()
}

/// What goes with a message that is sent again.
pub(crate) fn of_redrive(dead_letter: &DeadLetterId) -> HashMap<String, MessageAttributeValue> {
    HashMap::from([(DEAD_LETTER.to_owned(), text(dead_letter.to_string()))])
}

fn attribute<'a>(message: &'a SqsMessage, name: &str) -> Option<&'a str> {
    message.message_attributes.get(name)?.string_value.as_deref()
}

fn text(value: String) -> MessageAttributeValue {
    let built = MessageAttributeValue::builder().data_type("String").string_value(value).build();
    built.expect("the type is set")
}

fn cut(error: &str) -> &str {
    let mut end = error.len().min(MAX_ERROR_BYTES);
    while !error.is_char_boundary(end) {
        end -= 1;
    }
    &error[..end]
}
