//! Sends one attempt to wherever its endpoint is: a URL, an SQS queue or an EventBridge event bus.
//!
//! **Guarantee:** whatever the place, an attempt is one try that ends within its timeout and never fails otherwise than
//! in its [`Answer`], so that schedule, breaker and attempt log do not know what they are about. An AWS service's answer
//! is recorded as an endpoint's is, by its HTTP status and what it says. The SDKs' own retries are off: the endpoint's
//! schedule retries.
//!
//! What a role may send to is decided by IAM alone, with one exception: Payrelay's own queues, to which its functions
//! have to be allowed to send, are no destination for anybody. A `raw` body is a stranger's bytes, and whoever could put
//! them into those queues could write what only a signature may say (ADR 0023).

mod arn;
mod bus;
mod message;
mod outcome;
#[cfg(test)]
mod tests;

pub use arn::{ArnError, BusArn, QueueArn};

use bus::Buses;
use domain::{Destination, EventId, EventType, ReplayId};
use jiff::Timestamp;
use platform::{Aws, Clock};
use relay::{AllowListError, Answer, Client, Place, SendError, Signed, Url, UrlError};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Why the environment is not one to send from.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSettings {
    #[error("PAYRELAY_EGRESS_ALLOW is not a list of address ranges")]
    Egress(#[from] AllowListError),
    #[error("PAYRELAY_OWN_QUEUES is not a list of queues of this region")]
    OwnQueues(#[from] ArnError),
}

/// What a place that is no URL is told about an attempt beside its body.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// What is sent as `webhook-id`: the same at every attempt of a delivery.
    pub id: &'a str,
    /// Absent in a test call.
    pub event: Option<&'a EventId>,
    pub event_type: EventType,
    /// When the event was recorded: the same at every attempt.
    pub time: Timestamp,
    pub replay: Option<&'a ReplayId>,
    /// The number of an attempt that somebody asked for. To a FIFO queue it must not look like a repeat of one that
    /// succeeded.
    pub asked_for: Option<u32>,
}

/// Sends attempts. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Sender {
    http: Client,
    sqs: aws_sdk_sqs::Client,
    buses: Arc<Buses>,
    region: String,
    own_queues: Arc<[QueueArn]>,
}

impl Sender {
    /// `own_queues` are the ARNs of all queues of this stack, with commas between.
    ///
    /// # Errors
    /// If one of `own_queues` is not the ARN of a queue: then it would not be guarded.
    pub fn new(http: Client, aws: &Aws, own_queues: &str, clock: Clock) -> Result<Self, ArnError> {
        let region = aws.region().to_owned();
        let own_queues = own_queues.split(',').map(str::trim).filter(|text| !text.is_empty());
        let own_queues: Vec<QueueArn> =
            own_queues.map(|arn| QueueArn::parse(arn, &region)).collect::<Result<_, _>>()?;
        let own_account = own_queues.first().map(|queue| queue.account().to_owned());
        let aws = aws.clone().untimed();
        let buses = Arc::new(Buses::new(aws.eventbridge(), own_account, clock));
        Ok(Self { http, sqs: aws.sqs(), buses, region, own_queues: own_queues.into() })
    }

    /// The same, with another client for URLs.
    #[must_use]
    pub fn with_client(self, http: Client) -> Self {
        Self { http, ..self }
    }

    /// Checks a URL as every attempt's is checked.
    ///
    /// # Errors
    /// If nothing would be sent to it.
    pub fn parse_url(&self, text: &str) -> Result<Url, UrlError> {
        self.http.parse_url(text)
    }

    /// Checks the ARN of a destination that has one. Whether it exists, and whether we may send to it, the first
    /// attempt tells.
    ///
    /// # Errors
    /// If nothing would be sent to it.
    pub fn check(&self, destination: &Destination) -> Result<(), ArnError> {
        match destination {
            Destination::Sqs { arn } => self.queue(arn).map(drop),
            Destination::Eventbridge { arn } => BusArn::parse(arn, &self.region).map(drop),
            Destination::Http { .. } | Destination::Poll => Ok(()),
        }
    }

    fn queue(&self, arn: &str) -> Result<QueueArn, ArnError> {
        let queue = QueueArn::parse(arn, &self.region)?;
        if self.own_queues.contains(&queue) { Err(ArnError::Own) } else { Ok(queue) }
    }

    /// Makes one attempt, which ends within `time`. `None` for [`Place::Poll`], to which nothing is sent.
    pub async fn send(
        &self,
        place: &Place,
        signed: Signed,
        about: &About<'_>,
        time: Duration,
    ) -> Option<Answer> {
        let started = Instant::now();
        let outcome = match place {
            Place::Http(url) => return Some(self.http.post_within(signed.to(url.clone()), time).await),
            Place::Poll => return None,
            Place::Sqs { arn } => {
                timeout(time, async { message::send(&self.sqs, &self.queue(arn)?, signed, about).await })
                    .await
            }
            Place::Eventbridge { arn } => {
                timeout(time, async {
                    self.buses.put(&BusArn::parse(arn, &self.region)?, &signed.body, about).await
                })
                .await
            }
        };
        let outcome = outcome.unwrap_or(Err(SendError::Timeout));
        Some(Answer { outcome, latency: started.elapsed() })
    }
}
