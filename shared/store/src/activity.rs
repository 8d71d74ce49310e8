//! When a source last sent something, and what clients were told of its silence: one small item a source.
//!
//! Not part of the source's own item: that one is written on condition of its revision by people, who must not lose
//! against a webhook that comes in, and read by its ETag.

use crate::item::{Item, get_number, key, number};
use crate::keys::{self, ACTIVITY, Keyed};
use crate::unreadable::{read_by_partition, read_one};
use crate::{Store, StoreError};
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use domain::SourceId;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;

const KIND: &str = "source's activity";
const LAST_EVENT: &str = "a";
const TOLD: &str = "t";

/// Longer than any silence of interest, and than events are kept: while it is there, nobody is told twice of a silence. A
/// silence of more than a year is told of once more.
const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);

/// What is known of a source besides its configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Activity {
    /// When its last event was received, or up to [`domain::LAST_EVENT_ACCURACY`] earlier.
    pub last_event_at: Option<Timestamp>,
    /// The beginning of the last silence of which clients were told.
    pub told_silent_since: Option<Timestamp>,
}

/// The key of a source's item.
struct Of<'a>(&'a SourceId);

impl Keyed for Of<'_> {
    fn pk(&self) -> &str {
        self.0.as_str()
    }

    fn sk(&self) -> &str {
        ACTIVITY
    }
}

impl Store {
    /// AP47: a source's activity. Consistent: what an ETag is made of must not go back and forth.
    pub async fn activity(&self, source: &SourceId) -> Result<Activity, StoreError> {
        let found = self.get(source.as_str(), ACTIVITY, true).await?;
        found.map_or(Ok(Activity::default()), |item| read_one(source.as_str(), read(&item)))
    }

    /// AP47 for many; those of which nothing is known, or nothing can be read, are left out.
    pub async fn activity_of(
        &self,
        sources: impl IntoIterator<Item = &SourceId>,
    ) -> Result<HashMap<SourceId, Activity>, StoreError> {
        let wanted: Vec<Of<'_>> = sources.into_iter().map(Of).collect();
        read_by_partition(&self.batch_get(&wanted, false).await?, read)
    }

    /// AP48: notes that an event of the source was received at `at`; nothing, if a later one is noted already.
    pub async fn note_event(&self, source: &SourceId, at: Timestamp) -> Result<(), StoreError> {
        let update = self
            .update_activity(source, at)
            .update_expression("SET #a = :at, #t = :ttl")
            .condition_expression("attribute_not_exists(#a) OR #a < :at")
            .expression_attribute_names("#a", LAST_EVENT)
            .expression_attribute_values(":at", number(at.as_millisecond()));
        self.try_update(update).await.map(drop)
    }

    /// AP50: notes at `now` that clients were told of the source's silence since `since`.
    pub async fn note_told_silent(
        &self,
        source: &SourceId,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let update = self
            .update_activity(source, now)
            .update_expression("SET #told = :since, #t = :ttl")
            .expression_attribute_names("#told", TOLD)
            .expression_attribute_values(":since", number(since.as_millisecond()));
        self.try_update(update).await.map(drop)
    }

    fn update_activity(&self, source: &SourceId, at: Timestamp) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(source.as_str(), ACTIVITY)))
            .expression_attribute_names("#t", keys::TTL)
            .expression_attribute_values(":ttl", number((at + KEPT).as_second()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }
}

fn read(item: &Item) -> Result<Activity, StoreError> {
    let time = |name| {
        let milliseconds = item.contains_key(name).then(|| get_number(KIND, item, name)).transpose()?;
        let at = milliseconds.map(Timestamp::from_millisecond).transpose();
        at.map_err(|error| StoreError::corrupt(KIND, error))
    };
    Ok(Activity { last_event_at: time(LAST_EVENT)?, told_silent_since: time(TOLD)? })
}
