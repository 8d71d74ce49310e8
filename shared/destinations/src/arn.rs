//! The ARNs of queues and event buses
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>).
//!
//! They are in the stack's own region: SQS has no way to another, and PutEvents none but by a rule of the receiver's.

#[cfg(test)]
mod tests;

use relay::SendError;

/// Of a queue's name, with `.fifo` (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>).
const MAX_QUEUE_NAME_CHARS: usize = 80;
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateEventBus.html>
const MAX_BUS_NAME_CHARS: usize = 256;
const ACCOUNT_DIGITS: usize = 12;

/// Which regions belong to which partition, by the beginning of their names, and where its services are. All others
/// are in the first.
const PARTITIONS: [(&str, &str, &str); 8] = [
    ("", "aws", "amazonaws.com"),
    ("cn-", "aws-cn", "amazonaws.com.cn"),
    ("us-gov-", "aws-us-gov", "amazonaws.com"),
    ("eusc-", "aws-eusc", "amazonaws.eu"),
    ("us-iso-", "aws-iso", "c2s.ic.gov"),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov"),
    ("eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"),
    ("us-isof-", "aws-iso-f", "csp.hci.ic.gov"),
];

/// Why nothing is sent to an ARN. What was given is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArnError {
    #[error("is not the ARN of an SQS queue: expected `arn:aws:sqs:{{region}}:{{account}}:{{name}}`")]
    NotAQueue,
    #[error(
        "is not the ARN of an event bus: expected `arn:aws:events:{{region}}:{{account}}:event-bus/{{name}}`"
    )]
    NotABus,
    #[error("must be in the region of this Payrelay, `{0}`")]
    Region(String),
    #[error("is a queue of Payrelay's own")]
    Own,
}

/// What was checked when it was stored may be refused later: the stack may have got another queue.
impl From<ArnError> for SendError {
    fn from(error: ArnError) -> Self {
        match error {
            ArnError::Own => Self::OwnQueue,
            other => Self::NoPlace(format!("the ARN {other}")),
        }
    }
}

/// A queue in this region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueArn {
    region: String,
    suffix: &'static str,
    account: String,
    name: String,
}

impl QueueArn {
    /// # Errors
    /// If `arn` is not a queue's, or of another region.
    pub fn parse(arn: &str, region: &str) -> Result<Self, ArnError> {
        let Parts { suffix, account, resource } =
            Parts::read(arn, "sqs", region)?.ok_or(ArnError::NotAQueue)?;
        let plain = resource.strip_suffix(".fifo").unwrap_or(resource);
        let is_name = !plain.is_empty()
            && resource.len() <= MAX_QUEUE_NAME_CHARS
            && plain.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !is_name {
            return Err(ArnError::NotAQueue);
        }
        let (region, account) = (region.to_owned(), account.to_owned());
        Ok(Self { region, suffix, account, name: resource.to_owned() })
    }

    pub fn account(&self) -> &str {
        &self.account
    }

    pub fn is_fifo(&self) -> bool {
        self.name.ends_with(".fifo")
    }

    /// What SQS knows it by. Its host is not called: the client calls the endpoint of the region.
    pub fn url(&self) -> String {
        let Self { region, suffix, account, name } = self;
        format!("https://sqs.{region}.{suffix}/{account}/{name}")
    }
}

/// An event bus in this region.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BusArn {
    arn: String,
    account: String,
    name: String,
}

impl BusArn {
    /// # Errors
    /// If `arn` is not an event bus's, or of another region.
    pub fn parse(arn: &str, region: &str) -> Result<Self, ArnError> {
        let Parts { account, resource, .. } = Parts::read(arn, "events", region)?.ok_or(ArnError::NotABus)?;
        let name = resource.strip_prefix("event-bus/").ok_or(ArnError::NotABus)?;
        let is_name = (1..=MAX_BUS_NAME_CHARS).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_'));
        if !is_name {
            return Err(ArnError::NotABus);
        }
        Ok(Self { arn: arn.to_owned(), account: account.to_owned(), name: name.to_owned() })
    }

    pub fn as_str(&self) -> &str {
        &self.arn
    }

    pub fn account(&self) -> &str {
        &self.account
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

struct Parts<'a> {
    suffix: &'static str,
    account: &'a str,
    resource: &'a str,
}

impl<'a> Parts<'a> {
    /// `None` if it is not an ARN of this service; another region is told apart, for it is the likely mistake.
    fn read(arn: &'a str, service: &str, region: &str) -> Result<Option<Self>, ArnError> {
        let mut parts = arn.splitn(6, ':');
        let mut next = || parts.next().unwrap_or_default();
        let (scheme, partition, of_service, of_region, account, resource) =
            (next(), next(), next(), next(), next(), next());
        let is_account = account.len() == ACCOUNT_DIGITS && account.bytes().all(|byte| byte.is_ascii_digit());
        let known = PARTITIONS.iter().any(|(_, name, _)| *name == partition);
        if scheme != "arn" || !known || of_service != service || !is_account {
            return Ok(None);
        }
        let (_, home, suffix) = PARTITIONS
            .into_iter()
            .rfind(|(beginning, ..)| region.starts_with(beginning))
            .expect("every text begins with the first one's");
        if of_region != region || partition != home {
            return Err(ArnError::Region(region.to_owned()));
        }
        Ok(Some(Self { suffix, account, resource }))
    }
}
