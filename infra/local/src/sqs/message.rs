//! One message: what may be sent, how large it counts, and the digests that SDKs check.

use std::collections::BTreeMap;

use data_encoding::{BASE64, HEXLOWER};
use md5::{Digest, Md5};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::{Code, Error};

/// Largest message with its attributes, and largest batch: 1 MiB.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub(super) const MAX_BYTES: i64 = 1_048_576;

/// The one system attribute that a sender can set.
pub(super) const TRACE_HEADER: &str = "AWSTraceHeader";

/// Message attributes by name. Sorted, because the digest is computed over the sorted names.
pub(super) type Attributes = BTreeMap<String, Attribute>;

/// A typed value beside the body.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Attribute {
    pub(super) data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) string_value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) binary_value: Option<Blob>,
}

/// Bytes that are base64 in JSON.
#[derive(Clone)]
pub(super) struct Blob(Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text.as_bytes()).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A message as a sender gives it, alone or as an entry of a batch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Draft {
    #[serde(default)]
    pub(super) message_body: String,
    pub(super) delay_seconds: Option<i64>,
    #[serde(default)]
    pub(super) message_attributes: Attributes,
    #[serde(default)]
    pub(super) message_system_attributes: Attributes,
    pub(super) message_group_id: Option<String>,
    pub(super) message_deduplication_id: Option<String>,
}

impl Draft {
    /// The bytes that count towards the limits: body, and name, type and value of each attribute.
    pub(super) fn size(&self) -> i64 {
        let attributes = self.message_attributes.iter().map(|(name, attribute)| {
            name.len() + attribute.data_type.len() + attribute.value().map_or(0, <[u8]>::len)
        });
        i64::try_from(self.message_body.len() + attributes.sum::<usize>()).unwrap_or(i64::MAX)
    }

    /// Refuses what AWS refuses for this one message.
    pub(super) fn check(&self, max_bytes: i64) -> Result<(), Error> {
        if self.message_body.is_empty() {
            return Err(Error::missing("MessageBody"));
        }
        if !self.message_body.chars().all(is_allowed) {
            let message = "Invalid characters in the message body.";
            return Err(Error::refused(Code::InvalidMessageContents, message));
        }
        if self.size() > max_bytes {
            let message = format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {max_bytes} bytes."
            );
            return Err(Error::refused(Code::InvalidParameterValue, message));
        }
        if let Some(delay_s) = self.delay_seconds {
            Error::unless_in("DelaySeconds", delay_s, 0..=900)?;
        }
        if let Some(group) = &self.message_group_id {
            check_id("MessageGroupId", group)?;
        }
        if let Some(id) = &self.message_deduplication_id {
            check_id("MessageDeduplicationId", id)?;
        }
        if self.message_attributes.len() > 10 {
            let count = self.message_attributes.len().to_string();
            return Err(Error::invalid("MessageAttributes", &count, "At most 10 attributes are allowed"));
        }
        self.message_attributes.iter().try_for_each(|(name, attribute)| attribute.check(name))?;
        for (name, attribute) in &self.message_system_attributes {
            if name != TRACE_HEADER || attribute.data_type != "String" {
                return Err(Error::invalid("MessageSystemAttributes", name, "Only AWSTraceHeader is valid"));
            }
            attribute.check_value(name)?;
        }
        Ok(())
    }
}

impl Attribute {
    fn value(&self) -> Option<&[u8]> {
        match (&self.string_value, &self.binary_value) {
            (Some(text), None) => Some(text.as_bytes()),
            (None, Some(Blob(bytes))) => Some(bytes),
            _ => None,
        }
    }

    /// `String`, `Number` or `Binary`; a label of the sender's may follow after a dot.
    fn base_type(&self) -> &str {
        self.data_type.split('.').next().unwrap_or_default()
    }

    fn check(&self, name: &str) -> Result<(), Error> {
        let refuse = |reason: &str| Error::invalid("MessageAttributeName", name, reason);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        let lower = name.to_ascii_lowercase();
        if !(1..=256).contains(&name.len()) || !name.bytes().all(allowed) {
            return Err(refuse("Can only include alphanumeric characters, hyphens, underscores and periods"));
        }
        if name.starts_with('.') || name.ends_with('.') || name.contains("..") {
            return Err(refuse("Periods must separate non-empty parts"));
        }
        if lower.starts_with("aws.") || lower.starts_with("amazon.") {
            return Err(refuse("The prefixes AWS. and Amazon. are reserved"));
        }
        self.check_value(name)
    }

    fn check_value(&self, name: &str) -> Result<(), Error> {
        let refuse = |reason: &str| Error::invalid("MessageAttributeValue", name, reason);
        if self.data_type.len() > 256 {
            return Err(refuse("The type can be at most 256 characters long"));
        }
        match (self.base_type(), &self.string_value, &self.binary_value) {
            ("String", Some(text), None) if !text.is_empty() => {
                if text.chars().all(is_allowed) {
                    Ok(())
                } else {
                    Err(refuse("Invalid characters"))
                }
            }
            ("Number", Some(text), None) => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(()),
                _ => Err(refuse("Can't cast the value to a number")),
            },
            ("Binary", None, Some(Blob(bytes))) if !bytes.is_empty() => Ok(()),
            ("String" | "Number" | "Binary", _, _) => {
                Err(refuse("Must contain a non-empty value of its type"))
            }
            _ => Err(refuse("The type must start with String, Number or Binary")),
        }
    }
}

fn check_id(parameter: &str, id: &str) -> Result<(), Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte.is_ascii_punctuation();
    if (1..=128).contains(&id.len()) && id.bytes().all(allowed) {
        return Ok(());
    }
    let reason =
        format!("{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length");
    Err(Error::invalid(parameter, id, &reason))
}

/// The characters of XML 1.0, which SQS accepts: <https://www.w3.org/TR/REC-xml/#charsets>.
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

pub(super) fn body_digest(body: &str) -> String {
    HEXLOWER.encode(&Md5::digest(body.as_bytes()))
}

/// The digest over attributes, `None` if there are none. Each part is preceded by its length in four bytes,
/// the value also by one byte for how it travels.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation>
pub(super) fn attributes_digest(attributes: &Attributes) -> Option<String> {
    const TEXT: [u8; 1] = [1];
    const BINARY: [u8; 1] = [2];
    if attributes.is_empty() {
        return None;
    }
    let mut digest = Md5::new();
    for (name, attribute) in attributes {
        let value = attribute.value().unwrap_or_default();
        let transport = if attribute.binary_value.is_some() { BINARY } else { TEXT };
        for (prefix, part) in
            [(&[][..], name.as_bytes()), (&[][..], attribute.data_type.as_bytes()), (&transport[..], value)]
        {
            digest.update(prefix);
            digest.update(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            digest.update(part);
        }
    }
    Some(HEXLOWER.encode(&digest.finalize()))
}

/// The attributes that a receiver asked for: by name, by `prefix.*`, or all with `All` or `.*`.
pub(super) fn selected(attributes: Attributes, wanted: &[String]) -> Attributes {
    let matches = |name: &str| {
        wanted.iter().any(|want| {
            want == "All"
                || want == name
                || want.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix))
        })
    };
    attributes.into_iter().filter(|(name, _)| matches(name)).collect()
}
