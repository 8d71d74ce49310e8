//! Keys, index entries and expiry: the only place that knows how ids become keys.

use domain::{DeadLetterId, DeliveryId, EndpointId, Event, EventId, PaymentId, QuarantineId, SourceId};
use jiff::Timestamp;
use jiff::civil::Date;

pub(crate) const PK: &str = "PK";
pub(crate) const SK: &str = "SK";
/// Listings by time.
pub(crate) const GSI1: &str = "GSI1";
pub(crate) const GSI1PK: &str = "GSI1PK";
pub(crate) const GSI1SK: &str = "GSI1SK";
/// Look-ups: payments by merchant reference, events by payment, deliveries by due time or by the mailbox that they wait in.
/// Sparse.
pub(crate) const GSI2: &str = "GSI2";
pub(crate) const GSI2PK: &str = "GSI2PK";
pub(crate) const GSI2SK: &str = "GSI2SK";
pub(crate) const TTL: &str = "ttl";

/// A listing by time is spread over this many keys: each takes 1,000 writes per second.
pub(crate) const TIME_SHARDS: u8 = 4;
/// The due-index likewise; the sweeper drains the shards one after the other.
pub const DUE_SHARDS: u8 = 4;

/// How long items are kept.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Events, their raw bodies and deliveries. Not under 35 days: an event is the record that makes its
    /// repeats harmless.
    pub events_days: i64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { events_days: 90 }
    }
}

impl Retention {
    /// The TTL attribute: seconds since the epoch.
    pub(crate) fn expiry(self, from: Timestamp) -> i64 {
        from.as_second() + self.events_days * 24 * 3600
    }
}

/// What is listed by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeIndex {
    /// Payments, and with each its first event.
    Payments,
    /// All other events.
    Events,
    /// Requests in quarantine.
    Quarantine,
    /// Dead letters that wait.
    DeadLetters,
    /// Dead letters that were sent again.
    Redriven,
}

impl TimeIndex {
    pub(crate) fn shard_key(self, shard: u8) -> String {
        match self {
            Self::Payments => format!("P#{shard}"),
            Self::Events => format!("E#{shard}"),
            Self::Quarantine => format!("Q#{shard}"),
            Self::DeadLetters => format!("L#{shard}"),
            Self::Redriven => format!("R#{shard}"),
        }
    }

    /// The shard that an event, a request in quarantine or a dead letter belongs to, from the last character of its id.
    pub(crate) fn key_for(self, id: &impl Keyed) -> String {
        let last = id.sk().bytes().last().unwrap_or_default();
        self.shard_key(last % TIME_SHARDS)
    }
}

/// How a time is written in a key: in milliseconds as hex digits, enough until the year 2527.
pub(crate) const TIME_CHARS: usize = 11;
const LAST_TIME_MS: i64 = 0xfff_ffff_ffff;

/// Text order is time order. A provider may name any time: one beyond the range counts as its end.
fn time_key(at: Timestamp) -> String {
    format!("{:011x}", at.as_millisecond().clamp(0, LAST_TIME_MS))
}

/// Sorts by time, then by event: the part of the event's id that its partition does not give.
pub(crate) fn time_sort_key(at: Timestamp, event: &EventId) -> String {
    format!("{}{}", time_key(at), event_suffix(event))
}

/// The events of a payment, in the sparse index.
pub(crate) fn timeline_key(payment: &PaymentId) -> String {
    format!("T#{payment}")
}

/// By the provider's clock; by ours where the provider does not say, and where two happened at the same time.
pub(crate) fn timeline_sort_key(event: &Event) -> String {
    let received = time_key(event.received_at);
    let happened = event.notification.occurred_at.map(time_key);
    timeline_position(happened.as_deref().unwrap_or(&received), &received, &event.id)
}

pub(crate) fn timeline_position(happened: &str, received: &str, event: &EventId) -> String {
    format!("{happened}{received}{}", event_suffix(event))
}

fn event_suffix(event: &EventId) -> &str {
    &event.as_str()[EventId::PREFIX.len() + event.partition().len()..]
}

/// The event of an entry of a listing by time: its partition is the table's PK, the rest ends the sort key.
pub(crate) fn event_of_entry(pk: &str, time_sort_key: &str) -> Option<EventId> {
    format!("{}{pk}{}", EventId::PREFIX, time_sort_key.get(TIME_CHARS..)?).parse().ok()
}

/// An id that names its own item collection.
pub(crate) trait Keyed {
    fn pk(&self) -> &str;
    fn sk(&self) -> &str;
}

macro_rules! keyed {
    ($($id:ty)*) => {$(
        impl Keyed for $id {
            fn pk(&self) -> &str {
                self.partition()
            }

            fn sk(&self) -> &str {
                self.as_str()
            }
        }
    )*};
}

keyed!(PaymentId EventId DeliveryId);

/// The key of an item whose kind has a prefix of its own in `PK`, so that a role can let a function write here and nowhere
/// where payments are (ADR 0040).
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Place {
    pub(crate) fn of_quarantined(id: &QuarantineId) -> Self {
        Self { pk: quarantine_key(id.partition()), sk: id.to_string() }
    }

    pub(crate) fn of_dead_letter(id: &DeadLetterId) -> Self {
        Self { pk: format!("DEAD#{}", id.partition()), sk: id.to_string() }
    }
}

impl Keyed for Place {
    fn pk(&self) -> &str {
        &self.pk
    }

    fn sk(&self) -> &str {
        &self.sk
    }
}

/// All that a source has in quarantine.
pub(crate) fn quarantine_key(partition: &str) -> String {
    format!("Q#{partition}")
}

/// Before all that was received at `at` or later, and after all before it.
pub(crate) fn time_bound(at: Timestamp) -> String {
    time_key(at)
}

/// Who relays an event: beside it, where nobody looks for events.
pub(crate) fn claim_sort_key(event: &EventId, is_confirmation: bool) -> String {
    let stage = if is_confirmation { "confirm" } else { "record" };
    format!("{stage}#{event}")
}

/// As [`time_sort_key`], for a request in quarantine.
pub(crate) fn quarantine_sort_key(at: Timestamp, id: &QuarantineId) -> String {
    let minted = &id.as_str()[QuarantineId::PREFIX.len() + id.partition().len()..];
    format!("{}{minted}", time_key(at))
}

/// As [`time_sort_key`], for a dead letter.
pub(crate) fn dead_letter_sort_key(at: Timestamp, id: &DeadLetterId) -> String {
    let own = &id.as_str()[DeadLetterId::PREFIX.len() + id.partition().len()..];
    format!("{}{own}", time_bound(at))
}

/// The dead letters that the sweeper is to send again, in the other sparse index. One key is enough: a letter enters it at each
/// death of its message, which takes five tries.
pub(crate) const DUE_REDRIVES: &str = "REDRIVE";

/// Sorts by the time of the redrive; two that are due at the same moment stand side by side.
pub(crate) fn due_redrive_sort_key(at: Timestamp, id: &DeadLetterId) -> String {
    dead_letter_sort_key(at, id)
}

/// Above all keys of [`time_sort_key`] and its kin of that millisecond.
pub(crate) fn after_all_of(at: Timestamp) -> String {
    format!("{}~", time_bound(at))
}

/// Counts what a source had put into quarantine on a day (UTC): one small item for each of both.
pub(crate) fn quarantine_quota(source: &SourceId, day: Date) -> Place {
    Place { pk: format!("QUOTA#{}", QuarantineId::partition_of(source)), sk: day.to_string() }
}

/// The replays that are running, in the same sparse index. One key is enough: a replay enters it once and leaves it
/// once.
pub(crate) const RUNNING_REPLAYS: &str = "REPLAY";

/// Beside an endpoint's id as `PK`, so that those which fail at the same time do not share a key.
pub(crate) const HEALTH: &str = "health";

/// Beside a source's id as `PK`, likewise.
pub(crate) const ACTIVITY: &str = "activity";

/// The attempts at an endpoint that are under way. Not beside its health: that is read at every attempt, and these are
/// written at every one of an endpoint with a limit.
pub(crate) fn lease_key(endpoint: &EndpointId) -> String {
    format!("LEASE#{endpoint}")
}

/// The only item below it.
pub(crate) const LEASES: &str = "leases";

/// How many attempts at an endpoint began in which second.
pub(crate) fn rate_key(endpoint: &EndpointId) -> String {
    format!("RATE#{endpoint}")
}

pub(crate) fn due_shard_key(shard: u8) -> String {
    format!("DUE#{shard}")
}

pub(crate) fn due_key_for(delivery: &DeliveryId) -> String {
    let last = delivery.as_str().bytes().last().unwrap_or_default();
    due_shard_key(last % DUE_SHARDS)
}

const MAILBOX: &str = "POLL#";

/// What waits for an endpoint's client to fetch it, in the same sparse index.
pub(crate) fn mailbox_key(endpoint: &EndpointId) -> String {
    format!("{MAILBOX}{endpoint}")
}

pub(crate) fn is_mailbox(key: &str) -> bool {
    key.starts_with(MAILBOX)
}

/// As [`time_sort_key`], for a delivery that waits in a mailbox.
pub(crate) fn mailbox_sort_key(at: Timestamp, delivery: &DeliveryId) -> String {
    let own = &delivery.as_str()[DeliveryId::PREFIX.len() + delivery.partition().len()..];
    format!("{}{own}", time_key(at))
}

/// The time that a sort key begins with.
pub(crate) fn time_of_key(sort_key: &str) -> Option<Timestamp> {
    let milliseconds = i64::from_str_radix(sort_key.get(..TIME_CHARS)?, 16).ok()?;
    Timestamp::from_millisecond(milliseconds).ok()
}

/// A reference has at most [`domain::MAX_REFERENCE_BYTES`], so it fits into a key.
pub(crate) fn merchant_reference_key(reference: &str) -> String {
    format!("M#{reference}")
}

#[cfg(test)]
mod tests;
