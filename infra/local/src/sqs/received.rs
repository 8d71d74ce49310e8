//! A message as handed to a receiver.

use std::collections::{BTreeMap, HashMap};

use aws_lambda_events::sqs::SqsMessageAttribute;

use super::message::{Attributes, TRACE_HEADER};
use super::queue::ACCOUNT;

pub(crate) struct Received {
    pub(crate) id: String,
    /// Deletes the message, while this is its latest receive.
    pub(crate) handle: String,
    pub(crate) body: String,
    pub(super) attributes: Attributes,
    pub(super) trace: Option<String>,
    pub(super) group: Option<String>,
    /// Of a FIFO queue alone.
    pub(super) deduplication: Option<String>,
    pub(super) source_arn: Option<String>,
    pub(super) sent_ms: i64,
    pub(super) first_received_ms: i64,
    pub(super) receives: i64,
}

impl Received {
    /// What SQS says of it, by SQS's names.
    pub(crate) fn system_attributes(&self) -> BTreeMap<&'static str, String> {
        let mut attributes = BTreeMap::from([
            ("SenderId", ACCOUNT.to_owned()),
            ("SentTimestamp", self.sent_ms.to_string()),
            ("ApproximateReceiveCount", self.receives.to_string()),
            ("ApproximateFirstReceiveTimestamp", self.first_received_ms.to_string()),
        ]);
        for (name, value) in [
            ("MessageGroupId", &self.group),
            ("MessageDeduplicationId", &self.deduplication),
            (TRACE_HEADER, &self.trace),
            ("DeadLetterQueueSourceArn", &self.source_arn),
        ] {
            attributes.extend(value.clone().map(|value| (name, value)));
        }
        attributes
    }

    /// The text that the sender put beside the body under this name.
    pub(crate) fn text_attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.string_value.as_deref()
    }

    /// What the sender put beside the body, as Lambda hands it to a function.
    pub(crate) fn lambda_attributes(&self) -> HashMap<String, SqsMessageAttribute> {
        let attributes = self.attributes.iter().map(|(name, attribute)| {
            let mut given = SqsMessageAttribute::default();
            given.data_type = Some(attribute.data_type.clone());
            given.string_value.clone_from(&attribute.string_value);
            // Both are base64 in JSON; theirs can't be made otherwise.
            let blob = attribute.binary_value.as_ref().and_then(|blob| serde_json::to_value(blob).ok());
            given.binary_value = blob.and_then(|blob| serde_json::from_value(blob).ok());
            (name.clone(), given)
        });
        attributes.collect()
    }
}
