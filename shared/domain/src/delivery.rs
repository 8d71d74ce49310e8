//! Deliveries and their attempts.

use crate::{
    DeadLetterId, DeliveryId, EndpointId, Event, EventId, EventType, ReplayId, serde_time, serde_time_option,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Queued, and no attempt has been recorded yet; or waiting for its client to fetch it.
    Pending,
    Succeeded,
    Retrying,
    /// Every attempt of the schedule failed; or the endpoint asked for no more of them, or its destination can't take
    /// the delivery.
    Exhausted,
    /// Its endpoint was disabled or deleted.
    Canceled,
}

impl DeliveryStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Retrying => "retrying",
            Self::Exhausted => "exhausted",
            Self::Canceled => "canceled",
        }
    }
}

/// An event is committed moments after its deliveries are queued. A delivery that can't find its event after this time
/// has outlived it.
pub const EVENT_COMMIT_PATIENCE: SignedDuration = SignedDuration::from_hours(24);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub id: DeliveryId,
    pub event: EventId,
    pub endpoint: EndpointId,
    #[serde(rename = "type")]
    pub event_type: EventType,
    pub status: DeliveryStatus,
    #[serde(with = "serde_time")]
    pub created_at: Timestamp,
    #[serde(with = "serde_time_option", default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    /// There while its next attempt's message is a dead letter: nothing is tried until that is sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<DeadLetterId>,
    pub attempts: Vec<Attempt>,
}

impl Delivery {
    /// One that was not attempted yet.
    pub fn pending(event: &Event, endpoint: &EndpointId) -> Self {
        Self {
            id: DeliveryId::derive(&event.id, endpoint),
            event: event.id.clone(),
            endpoint: endpoint.clone(),
            event_type: event.event_type,
            status: DeliveryStatus::Pending,
            created_at: event.received_at,
            next_attempt_at: None,
            dead_letter: None,
            attempts: Vec::new(),
        }
    }

    /// How many attempts were made, without those that only repeat one of them. A message names the attempt that follows
    /// these, and is known by that for a message whose attempt was made.
    pub fn attempts_made(&self) -> u32 {
        let made = self.attempts.iter().filter(|attempt| !attempt.repeat).count();
        u32::try_from(made).unwrap_or(u32::MAX - 1)
    }

    /// The number of the next attempt in the log, in which repeats stand as well.
    pub fn next_number(&self) -> u32 {
        u32::try_from(self.attempts.len()).unwrap_or(u32::MAX - 1) + 1
    }

    /// How many attempts of the schedule were made: neither those that were asked for nor repeats count.
    pub fn scheduled_attempts(&self) -> u32 {
        let scheduled = self.attempts.iter().filter(|attempt| !attempt.manual && !attempt.repeat).count();
        u32::try_from(scheduled).unwrap_or(u32::MAX)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    #[serde(with = "serde_time")]
    pub at: Timestamp,
    pub outcome: AttemptOutcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    pub latency_ms: u64,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<FailureKind>,
    /// The same in words, where there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_detail: Option<String>,
    /// Asked for through the API, beside the schedule.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub manual: bool,
    /// The same attempt was made twice at the same moment, by two copies of its message, and the other was recorded first.
    /// It does not count in the schedule, and makes nothing of its delivery worse.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeat: bool,
    /// The replay that it was made for. A delivery that a replay brought into being names it at every attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<ReplayId>,
    /// The first 1 KiB of the answer's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_excerpt: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    Succeeded,
    Failed,
}

/// Why an attempt failed: a closed list, part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// No answer within the endpoint's timeout.
    Timeout,
    ConnectTimeout,
    /// The name did not resolve.
    Dns,
    ConnectionRefused,
    ConnectionReset,
    Tls,
    /// 3xx; redirects are not followed.
    Redirect,
    /// Any other status than 2xx.
    Status,
    /// A status other than 2xx with `webhook-retry: no`: the endpoint does not want this delivery again.
    Rejected,
    /// The name resolved to an address that deliveries must not reach.
    BlockedAddress,
    InvalidUrl,
    /// The answer's header, that is: of a body only the beginning is read.
    ResponseTooLarge,
    /// The answer broke the rules of HTTP; over HTTP/2 perhaps by a header a little too large.
    Protocol,
    /// The delivery does not fit the kind of destination: nothing was sent.
    NotSendable,
    /// The delivery has more bytes than the destination takes: nothing was sent.
    TooLarge,
    /// EventBridge answered 200, and that it did not take the event.
    NotTaken,
}
