//! A queue's attributes: which exist, their ranges and defaults.
//!
//! They are kept as the strings that were set, and read into [`Settings`] where they are used: an attribute
//! that only AWS acts on (encryption, policies) is answered back unchanged, so that the template's queues and
//! the local ones can be created from the same list.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::{Code, Error};
use super::message::MAX_BYTES;

pub(super) const ACCOUNT: &str = "000000000000";
const FIFO_SUFFIX: &str = ".fifo";
const REGION: &str = "us-east-1";

/// Attributes that are stored and answered, but change nothing here.
const INERT: [&str; 7] = [
    "DeduplicationScope",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "Policy",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
];

/// The ARN that a local queue answers to, for redrive policies.
#[must_use]
pub fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

/// What a queue's attributes mean.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) visibility_s: i64,
    pub(super) delay_s: i64,
    pub(super) wait_s: i64,
    pub(super) retention_s: i64,
    pub(super) max_bytes: i64,
    pub(super) is_fifo: bool,
    pub(super) is_deduplicated_by_content: bool,
    pub(super) redrive: Option<Redrive>,
}

/// Where messages go that were received too often.
#[derive(Debug)]
pub(super) struct Redrive {
    /// Name of the dead-letter queue.
    pub(super) target: String,
    /// How many receives a message gets. Another one moves it instead.
    pub(super) max_receives: i64,
}

impl Settings {
    /// Reads and checks all attributes.
    pub(super) fn parse(attributes: &BTreeMap<String, String>) -> Result<Self, Error> {
        let mut settings = Self {
            visibility_s: 30,
            delay_s: 0,
            wait_s: 0,
            retention_s: 345_600,
            max_bytes: MAX_BYTES,
            is_fifo: false,
            is_deduplicated_by_content: false,
            redrive: None,
        };
        for (name, value) in attributes {
            let number = |range| {
                let value = value.parse().map_err(|_| bad_value(name, value))?;
                Error::unless_in(name, value, range).map_err(|_| bad_value(name, &value.to_string()))
            };
            match name.as_str() {
                "VisibilityTimeout" => settings.visibility_s = number(0..=43_200)?,
                "DelaySeconds" => settings.delay_s = number(0..=900)?,
                "ReceiveMessageWaitTimeSeconds" => settings.wait_s = number(0..=20)?,
                "MessageRetentionPeriod" => settings.retention_s = number(60..=1_209_600)?,
                "MaximumMessageSize" => settings.max_bytes = number(1024..=MAX_BYTES)?,
                "FifoQueue" => settings.is_fifo = flag(name, value)?,
                "ContentBasedDeduplication" => settings.is_deduplicated_by_content = flag(name, value)?,
                "RedrivePolicy" => settings.redrive = Some(Redrive::parse(value)?),
                inert if INERT.contains(&inert) => {}
                unknown => {
                    let message = format!("Unknown Attribute {unknown}.");
                    return Err(Error::refused(Code::InvalidAttributeName, message));
                }
            }
        }
        Ok(settings)
    }

    /// The attributes that AWS answers even if nobody set them.
    pub(super) fn answer(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("VisibilityTimeout", self.visibility_s.to_string()),
            ("DelaySeconds", self.delay_s.to_string()),
            ("ReceiveMessageWaitTimeSeconds", self.wait_s.to_string()),
            ("MessageRetentionPeriod", self.retention_s.to_string()),
            ("MaximumMessageSize", self.max_bytes.to_string()),
        ])
    }
}

impl Redrive {
    fn parse(policy: &str) -> Result<Self, Error> {
        /// AWS accepts the count as a number and as a string; its own console and SAM write either.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Count {
            Number(i64),
            Text(String),
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Policy {
            dead_letter_target_arn: String,
            max_receive_count: Count,
        }
        let refuse = |reason: &str| Error::invalid("RedrivePolicy", policy, reason);
        let parsed: Policy =
            serde_json::from_str(policy).map_err(|_| refuse("Redrive policy is not a valid JSON map"))?;
        let target = match parsed.dead_letter_target_arn.split(':').collect::<Vec<_>>()[..] {
            ["arn", _, "sqs", _, _, name] => name.to_owned(),
            _ => return Err(refuse("Invalid value for deadLetterTargetArn")),
        };
        let max_receives = match parsed.max_receive_count {
            Count::Number(count) => Some(count),
            Count::Text(count) => count.parse().ok(),
        };
        match max_receives {
            Some(max_receives @ 1..=1000) => Ok(Self { target, max_receives }),
            _ => Err(refuse("Invalid value for maxReceiveCount: must be between 1 and 1000")),
        }
    }
}

/// Checks a new queue's name, which a FIFO queue's is by its end.
pub(super) fn check_name(name: &str, is_fifo: bool) -> Result<(), Error> {
    let plain = name.strip_suffix(FIFO_SUFFIX).filter(|_| is_fifo);
    if is_fifo && plain.is_none() {
        let reason = "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must \
                      end with .fifo suffix and be 1 to 80 in length";
        return Err(Error::invalid("QueueName", name, reason));
    }
    let plain = plain.unwrap_or(name);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !plain.is_empty() && name.len() <= 80 && plain.bytes().all(allowed) {
        return Ok(());
    }
    let reason = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
    Err(Error::invalid("QueueName", name, reason))
}

fn flag(name: &str, value: &str) -> Result<bool, Error> {
    value.parse().map_err(|_| bad_value(name, value))
}

fn bad_value(name: &str, value: &str) -> Error {
    Error::refused(Code::InvalidAttributeValue, format!("Invalid value {value} for the parameter {name}."))
}
