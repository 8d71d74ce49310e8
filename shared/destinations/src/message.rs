//! To an SQS queue: the body is the message, the headers are its attributes.
//!
//! **Guarantee:** body and attributes verify as a posted delivery does: a Standard Webhooks library takes the attributes
//! for headers, and so does the provider's SDK where the format is `raw`. No header is left out: those that SQS does not take
//! as attributes, and the last of a provider that has more than there is room for, are in [`HEADERS`]; ours never are. A body
//! that SQS can't carry as text travels as base64 and says so in [`BODY_ENCODING`]; then the signature is over what it
//! decodes to. Only a `raw` body can be one: all others are made of what SQS takes ([`domain::escape_json`]).

#[cfg(test)]
mod tests;

use crate::About;
use crate::arn::QueueArn;
use crate::outcome;
use aws_sdk_sqs::types::MessageAttributeValue;
use data_encoding::BASE64;
use domain::{EventId, escape_json, is_xml_char};
use relay::{HeaderName, HeaderValue, Response, SendError, Signed};
use std::collections::BTreeMap;

/// SQS's own limits, with the attributes
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
const MAX_BYTES: usize = 1024 * 1024;
const MAX_ATTRIBUTES: usize = 10;
const MAX_ATTRIBUTE_NAME_BYTES: usize = 256;
const STRING: &str = "String";

/// `base64`; absent where the message is the body itself.
const BODY_ENCODING: &str = "payrelay-body-encoding";
/// A JSON object from name to value.
const HEADERS: &str = "payrelay-headers";
/// For subscribers' filters and for people. Left out where the headers need all the room.
const EVENT_TYPE: &str = "payrelay-event-type";

/// A message as SQS takes it.
#[derive(Debug, PartialEq, Eq)]
struct Message {
    body: String,
    /// Names and values, at most ten.
    attributes: Vec<(String, String)>,
    group: String,
    deduplication: Option<String>,
}

pub(crate) async fn send(
    client: &aws_sdk_sqs::Client,
    queue: &QueueArn,
    signed: Signed,
    about: &About<'_>,
) -> Result<Response, SendError> {
    let message = Message::new(signed, about, queue.is_fifo())?;
    let attributes = message.attributes.into_iter().map(|(name, value)| {
        let value = MessageAttributeValue::builder().data_type(STRING).string_value(value).build();
        (name, value.expect("the type is set"))
    });
    let sent = client
        .send_message()
        .queue_url(queue.url())
        .message_body(message.body)
        .set_message_attributes(Some(attributes.collect()))
        .message_group_id(message.group)
        .set_message_deduplication_id(message.deduplication)
        .send()
        .await;
    match sent {
        Ok(sent) => {
            let id = sent.message_id().unwrap_or_default();
            Ok(Response::of_service(200, &format!("MessageId: {id}")))
        }
        Err(error) => outcome::of_error(error),
    }
}

impl Message {
    fn new(signed: Signed, about: &About<'_>, is_fifo: bool) -> Result<Self, SendError> {
        let mut headers = joined(&signed.headers);
        let body = match std::str::from_utf8(&signed.body) {
            Ok("") => return Err(SendError::NotSendable("SQS takes no empty message".to_owned())),
            Ok(text) if text.chars().all(is_xml_char) => text.to_owned(),
            _ => {
                headers.push((BODY_ENCODING.to_owned(), "base64".to_owned()));
                BASE64.encode(&signed.body)
            }
        };
        let mut attributes = as_attributes(headers);
        if attributes.len() < MAX_ATTRIBUTES {
            attributes.push((EVENT_TYPE.to_owned(), about.event_type.as_str().to_owned()));
        }
        let described = attributes.iter().map(|(name, value)| name.len() + STRING.len() + value.len());
        let bytes = body.len() + described.sum::<usize>();
        if bytes > MAX_BYTES {
            return Err(SendError::TooLarge(format!(
                "SQS takes messages of {MAX_BYTES} bytes, this one has {bytes}"
            )));
        }
        Ok(Self {
            body,
            attributes,
            group: group(about),
            deduplication: is_fifo.then(|| deduplication(about)),
        })
    }
}

/// What the events of one payment share. In a standard queue it is what fair queues go by; in a FIFO queue it keeps a
/// payment's messages in the order in which they were sent, which is the order in which attempts succeeded.
fn group(about: &About<'_>) -> String {
    about.event.map_or(about.id, EventId::partition).to_owned()
}

/// Repeats of an attempt, and retries of one whose answer was lost, are one message to a FIFO queue (for five minutes).
/// An attempt that somebody asked for is a message of its own.
fn deduplication(about: &About<'_>) -> String {
    match about.asked_for {
        Some(number) => format!("{}-{number}", about.id),
        None => about.id.to_owned(),
    }
}

/// A repeated header becomes one, as RFC 9110 §5.3 joins them.
fn joined(headers: &[(HeaderName, HeaderValue)]) -> Vec<(String, String)> {
    let mut joined: Vec<(String, String)> = Vec::new();
    for (name, value) in headers {
        // As the webhook function reads them: what it has kept is text.
        let value = String::from_utf8_lossy(value.as_bytes());
        match joined.iter_mut().find(|(known, _)| known == name.as_str()) {
            Some((_, known)) => *known = format!("{known}, {value}"),
            None => joined.push((name.as_str().to_owned(), value.into_owned())),
        }
    }
    joined
}

/// Shopify signs with seven headers. Ours come first, whatever becomes of the others.
fn as_attributes(headers: Vec<(String, String)>) -> Vec<(String, String)> {
    let (mut attributes, mut rest): (Vec<_>, Vec<_>) =
        headers.into_iter().partition(|(name, value)| is_attribute(name, value));
    if attributes.len() + usize::from(!rest.is_empty()) > MAX_ATTRIBUTES {
        let is_ours = |name: &str| {
            name == "content-type" || ["webhook-", "payrelay-"].iter().any(|prefix| name.starts_with(prefix))
        };
        attributes.sort_by_key(|(name, _)| !is_ours(name));
        rest.extend(attributes.drain(MAX_ATTRIBUTES - 1..));
    }
    if !rest.is_empty() {
        let rest: BTreeMap<String, String> = rest.into_iter().collect();
        let rest = serde_json::to_string(&rest).expect("a map of texts serialises");
        attributes.push((HEADERS.to_owned(), escape_json(rest)));
    }
    attributes
}

/// Whether SQS takes it
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-message-attributes>).
fn is_attribute(name: &str, value: &str) -> bool {
    let is_named = name.len() <= MAX_ATTRIBUTE_NAME_BYTES
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && name.split('.').all(|part| !part.is_empty())
        && !["aws.", "amazon."].iter().any(|reserved| name.to_ascii_lowercase().starts_with(reserved));
    is_named && !value.is_empty() && value.chars().all(is_xml_char)
}
