//! DynamoDB: one table, typed. `README.md` beside this crate lists every access pattern with its key and cost.
//!
//! **Guarantee:** nobody else sees an `AttributeValue` or a key. Every write says what it expects to find
//! (absence, a revision, a number of attempts), so that each may run twice and two at once cannot both win.

mod activity;
mod claims;
mod codec;
mod config;
mod dead_letters;
mod deliveries;
mod error;
mod events;
mod fingerprint;
mod health;
mod item;
mod keys;
mod limits;
mod listing;
mod mailbox;
mod meter;
mod parts;
mod payments;
mod quarantine;
mod query;
mod replays;
mod segments;
mod table;
mod timeline;
mod unreadable;

pub use activity::Activity;
pub use claims::EventClaim;
pub use config::{Config, Versioned};
pub use dead_letters::{DueRedrive, StoredDeadLetter};
pub use deliveries::{Due, DueClaim, StoredDelivery, Wait};
pub use error::StoreError;
pub use events::{Committed, EventRecord, RawEvent, event_fits};
pub use keys::{DUE_SHARDS, Retention};
pub use limits::Lease;
pub use listing::{Listed, Order, Page, PageRequest, Positioned};
pub use mailbox::{Asked, Placed};
pub use meter::Meter;
pub use payments::StoredPayment;
pub use quarantine::{
    QUARANTINE_FULL_BELOW_BYTES, QUARANTINE_MAX_BYTES_PER_DAY, QUARANTINE_MAX_REQUEST_BYTES,
    QUARANTINE_MAX_REQUESTS_PER_DAY, QuarantineDay, Quarantined, SealedRequest,
};
pub use replays::Walk;
pub use unreadable::{Read, Unreadable};

use std::sync::Arc;

/// The table. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    client: aws_sdk_dynamodb::Client,
    table: String,
    retention: Retention,
    meter: Arc<Meter>,
}

impl Store {
    pub fn new(client: aws_sdk_dynamodb::Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into(), retention: Retention::default(), meter: Arc::default() }
    }

    /// What this store has consumed so far, in DynamoDB's billing units.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("table", &self.table).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
