//! Replays: orders to send events again.
//!
//! **Guarantee:** a replay says all that is needed to go on with it: what is wanted, how far it has come, and until
//! when what it sent is spread. Whoever reads it can take the next step; nothing else is remembered anywhere.
//!
//! What is sent again is what its endpoint wants **today**: its filter, its format, its secrets. An operator who
//! corrects a filter and replays wants the correction to hold; who wants the old one back can set it for as long as
//! the replay takes. Only a delivery that is named by its id is sent whatever the filter says, as a retry by hand is.

#[cfg(test)]
mod tests;

use crate::{
    Candidate, Delivery, DeliveryId, DeliveryStatus, Endpoint, EndpointId, Event, EventId, EventTypePattern,
    ReplayId, SourceId, serde_time, serde_time_option,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A delivery without an attempt has failed after this time: its message has become a dead letter, or is about to.
/// Before, it is simply on its way.
const FIRST_ATTEMPT_TAKES: SignedDuration = SignedDuration::from_hours(1);

/// What is to be sent again. Read back by the fields that each kind alone has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ReplayFilter {
    /// What was received in a span of time, to one endpoint.
    Range(ReplayRange),
    /// One delivery.
    Delivery { delivery: DeliveryId, event: EventId, endpoint: EndpointId },
    /// One event, to one endpoint or to all that want it.
    Event {
        event: EventId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endpoint: Option<EndpointId>,
    },
}

impl ReplayFilter {
    /// `None`: every endpoint that wants the event.
    pub fn endpoint(&self) -> Option<&EndpointId> {
        match self {
            Self::Range(ReplayRange { endpoint, .. }) | Self::Delivery { endpoint, .. } => Some(endpoint),
            Self::Event { endpoint, .. } => endpoint.as_ref(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayRange {
    pub endpoint: EndpointId,
    /// When the events were received: from this moment on ...
    #[serde(with = "serde_time")]
    pub since: Timestamp,
    /// ... and before this one.
    #[serde(with = "serde_time")]
    pub until: Timestamp,
    /// Absent: whatever became of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ReplayedStatus>,
    /// Empty: all that the endpoint wants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_types: Vec<EventTypePattern>,
    /// Empty: all that the endpoint wants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceId>,
}

/// Which deliveries a replay is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayedStatus {
    /// Those that there are and that have not succeeded: exhausted, canceled, retrying, parked while their endpoint failed, or
    /// without an attempt an hour after their event came in. Not those that wait for their client to fetch them.
    Failed,
}

impl ReplayRange {
    /// Whether the event is meant, as far as it shows by itself.
    pub fn wants(&self, endpoint: &Endpoint, event: &Event) -> bool {
        (self.event_types.is_empty()
            || self.event_types.iter().any(|wanted| wanted.matches(event.event_type)))
            && (self.sources.is_empty()
                || event.source.as_ref().is_some_and(|source| self.sources.contains(source)))
            && is_replayable(event)
            && endpoint.wants(&Candidate::event(event))
    }

    /// Whether what became of the event is meant. `delivery` is absent as long as no attempt was made.
    pub fn takes(&self, event: &Event, delivery: Option<&Delivery>, now: Timestamp) -> bool {
        match (self.status, delivery) {
            (None, _) => true,
            (Some(ReplayedStatus::Failed), Some(delivery)) => match delivery.status {
                DeliveryStatus::Succeeded => false,
                // Parked, it has a time. Without one it waits for its client, and another would wait beside it.
                DeliveryStatus::Pending => delivery.next_attempt_at.is_some(),
                DeliveryStatus::Retrying | DeliveryStatus::Exhausted | DeliveryStatus::Canceled => true,
            },
            (Some(ReplayedStatus::Failed), None) => {
                event.endpoints.contains(&self.endpoint)
                    && now.duration_since(event.received_at) >= FIRST_ATTEMPT_TAKES
            }
        }
    }
}

/// What was withheld from receivers was never relayed, and no replay is a way around that.
pub fn is_replayable(event: &Event) -> bool {
    !event.is_withheld()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayStatus {
    Running,
    /// All that was meant is queued.
    Succeeded,
    /// Somebody stopped it.
    Canceled,
    /// It could not go on.
    Failed,
}

/// Why a replay could not go on: a closed list, part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayFailure {
    EndpointDeleted,
    EndpointDisabled,
    /// It has expired.
    EventGone,
    /// What is stored can't be read by this release.
    Unreadable,
}

/// An order to send events again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    pub id: ReplayId,
    pub filter: ReplayFilter,
    pub status: ReplayStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReplayFailure>,
    /// Deliveries, at most.
    pub rate_per_minute: u32,
    /// Events that the walk has passed.
    pub looked_at: u64,
    /// Deliveries that were queued.
    pub sent: u64,
    /// Where the walk through the events goes on: behind this one. The store's own text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// When the event at the position was received.
    #[serde(with = "serde_time_option", default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Timestamp>,
    /// Until when the deliveries that were queued are spread.
    #[serde(with = "serde_time_option", default, skip_serializing_if = "Option::is_none")]
    pub paced_until: Option<Timestamp>,
    #[serde(with = "serde_time")]
    pub created_at: Timestamp,
    #[serde(with = "serde_time")]
    pub updated_at: Timestamp,
    #[serde(with = "serde_time_option", default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
}

impl Replay {
    pub fn new(id: ReplayId, filter: ReplayFilter, rate_per_minute: u32, now: Timestamp) -> Self {
        Self {
            id,
            filter,
            status: ReplayStatus::Running,
            reason: None,
            rate_per_minute,
            looked_at: 0,
            sent: 0,
            position: None,
            reached: None,
            paced_until: None,
            created_at: now,
            updated_at: now,
            finished_at: None,
        }
    }

    pub fn is_running(&self) -> bool {
        self.status == ReplayStatus::Running
    }

    pub fn finish(&mut self, status: ReplayStatus, reason: Option<ReplayFailure>, now: Timestamp) {
        self.status = status;
        self.reason = reason;
        self.updated_at = now;
        self.finished_at = Some(now);
    }

    /// When the next deliveries may go out.
    pub fn pace(&self, now: Timestamp) -> Pace {
        let queued = self.paced_until.map_or(SignedDuration::ZERO, |until| until.duration_since(now));
        let queued = Duration::try_from(queued).unwrap_or(Duration::ZERO);
        Pace { queued, interval: Duration::from_secs(60) / self.rate_per_minute.max(1) }
    }

    /// Notes that `count` deliveries were queued as [`Replay::pace`] said at `now`.
    pub fn note_sent(&mut self, count: usize, now: Timestamp) {
        let pace = self.pace(now);
        self.paced_until = Some(now + pace.delay(count));
        self.sent += u64::try_from(count).unwrap_or(u64::MAX);
        self.updated_at = now;
    }
}

/// How a replay's deliveries are spread: not all at the beginning of a minute, but evenly over it, because a burst
/// would stand before the live deliveries that come right after.
///
/// A step fills the minute ahead and no more. So the rate holds however often steps are taken, and a sweep that comes
/// a little early or late neither skips a minute nor doubles one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How much of the time ahead is filled.
    queued: Duration,
    interval: Duration,
}

impl Pace {
    const AHEAD: Duration = Duration::from_secs(60);

    /// How many deliveries have room.
    pub fn room(self) -> usize {
        let free = Self::AHEAD.saturating_sub(self.queued).as_nanos();
        usize::try_from(free / self.interval.as_nanos().max(1)).unwrap_or(usize::MAX)
    }

    /// How long the delivery with this index waits.
    pub fn delay(self, index: usize) -> Duration {
        self.queued + self.interval.saturating_mul(u32::try_from(index).unwrap_or(u32::MAX))
    }
}
