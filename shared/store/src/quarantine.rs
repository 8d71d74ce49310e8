//! Quarantine: requests that were refused, sealed, until somebody has corrected what made us refuse them.
//!
//! **Guarantee:** a source keeps at most [`QUARANTINE_MAX_REQUESTS_PER_DAY`] requests and
//! [`QUARANTINE_MAX_BYTES_PER_DAY`] bytes of a day (UTC), by a counter that is raised on condition before a request
//! is written, and each of them for seven days. So whoever learns a webhook's address can make us store 112 MiB at
//! most, and no more than a thousand writes a day.

use crate::item::{Condition, DATA, Item, blob, decode_item, get_number, get_text, key, number, text};
use crate::keys::{self, Keyed, Place, TimeIndex, quarantine_key, quarantine_quota, quarantine_sort_key};
use crate::listing::{Listed, Page, PageRequest, Positioned};
use crate::parts::{MAX_PART_BYTES, MAX_PARTS};
use crate::query::{Index, Range};
use crate::unreadable::{read_all, read_each, read_one, read_page};
use crate::{Read, Store, StoreError, codec};
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use domain::{Filling, FillingStep, QuarantineId, SourceId, serde_time};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};

/// Of one source and day.
pub const QUARANTINE_MAX_REQUESTS_PER_DAY: u64 = 1_000;
/// Of one source and day; counted as sealed.
pub const QUARANTINE_MAX_BYTES_PER_DAY: usize = 16 * 1024 * 1024;
/// A longer sealed request is not kept. What exceeds one item is in parts beside it.
pub const QUARANTINE_MAX_REQUEST_BYTES: usize = MAX_PARTS * MAX_PART_BYTES;
/// A day counts as full once a request of this size has no room: most webhooks are far smaller.
pub const QUARANTINE_FULL_BELOW_BYTES: usize = 256 * 1024;

/// How long a request is kept. DynamoDB deletes up to a few days later; until then its readers look at
/// [`Quarantined::expires_at`].
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The counter of a day outlives it, whatever the time zone of whoever looks.
const QUOTA_KEPT: SignedDuration = SignedDuration::from_hours(2 * 24);

const KIND: &str = "quarantined_request";
/// The sealed request.
const SEALED: &str = "s";
/// The counter's requests and bytes.
const REQUESTS: &str = "n";
const BYTES: &str = "b";
/// The number of the last step that clients were told of.
const TOLD: &str = "w";

/// What may be shown of a request in quarantine: neither its address nor the value of a header nor its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    pub id: QuarantineId,
    pub source: SourceId,
    pub provider: String,
    /// The stable code of why it was refused.
    pub reason: String,
    pub method: String,
    /// In the order in which they came, repeated ones as often as they came.
    pub header_names: Vec<String>,
    /// The length of the request's body.
    pub body_bytes: usize,
    #[serde(with = "serde_time")]
    pub received_at: Timestamp,
}

impl Quarantined {
    pub fn expires_at(&self) -> Timestamp {
        self.received_at + KEPT
    }
}

/// A request in quarantine, whole. What is sealed is its keeper's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRequest {
    pub entry: Quarantined,
    pub sealed: Vec<u8>,
}

/// What was kept of a source on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineDay {
    pub source: SourceId,
    pub day: Date,
    pub filling: Filling,
    /// The number of the last step that clients were told of ([`FillingStep::number`]); 0 for none.
    pub told: u8,
}

impl Store {
    /// AP20: counts a request of so many sealed bytes towards what `source` may have kept of the day of `at`. Tells
    /// whether there is room; if not, nothing is counted.
    pub async fn reserve_quarantine(
        &self,
        source: &SourceId,
        at: Timestamp,
        bytes: usize,
    ) -> Result<bool, StoreError> {
        let Some(room) = QUARANTINE_MAX_BYTES_PER_DAY.checked_sub(bytes) else { return Ok(false) };
        let Place { pk, sk } = quarantine_quota(source, day_of(at));
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(&pk, &sk)))
            .update_expression("ADD #n :one, #b :bytes SET #t = :ttl")
            .condition_expression("attribute_not_exists(#n) OR (#n < :requests AND #b <= :room)")
            .expression_attribute_names("#n", REQUESTS)
            .expression_attribute_names("#b", BYTES)
            .expression_attribute_names("#t", keys::TTL)
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":bytes", number(bytes))
            .expression_attribute_values(":ttl", number((at + QUOTA_KEPT).as_second()))
            .expression_attribute_values(":requests", number(QUARANTINE_MAX_REQUESTS_PER_DAY))
            .expression_attribute_values(":room", number(room))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        self.try_update(update).await
    }

    /// AP49: what was kept of these sources on the days (UTC) of these times; days on which nothing was, and those whose count
    /// can't be read, are left out.
    pub async fn quarantine_days(
        &self,
        sources: impl IntoIterator<Item = &SourceId> + Clone,
        times: &[Timestamp],
    ) -> Result<Vec<QuarantineDay>, StoreError> {
        let days: BTreeSet<Date> = times.iter().copied().map(day_of).collect();
        let wanted = |source| days.iter().map(move |day| (source, *day, quarantine_quota(source, *day)));
        let wanted: Vec<(&SourceId, Date, Place)> = sources.into_iter().flat_map(wanted).collect();
        let items = self.batch_get(wanted.iter().map(|(_, _, quota)| quota), false).await?;
        let by_key: HashMap<(&str, &str), &Item> = items
            .iter()
            .filter_map(|item| Some(((get_text(item, keys::PK)?, get_text(item, keys::SK)?), item)))
            .collect();
        let mut found = Vec::with_capacity(by_key.len());
        for (source, day, quota) in &wanted {
            let Some(item) = by_key.get(&(quota.pk(), quota.sk())) else { continue };
            found.extend(read_each(source.as_str(), read_day((*source).clone(), *day, item))?);
        }
        Ok(found)
    }

    /// AP50: notes that clients were told of a step that a source's day has reached.
    pub async fn note_told_filling(
        &self,
        source: &SourceId,
        day: Date,
        step: FillingStep,
    ) -> Result<(), StoreError> {
        let Place { pk, sk } = quarantine_quota(source, day);
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(&pk, &sk)))
            .update_expression("SET #w = :step")
            // It may have expired; nothing is to be left behind.
            .condition_expression("attribute_exists(#n) AND (attribute_not_exists(#w) OR #w < :step)")
            .expression_attribute_names("#n", REQUESTS)
            .expression_attribute_names("#w", TOLD)
            .expression_attribute_values(":step", number(step.number()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        self.try_update(update).await.map(drop)
    }

    /// AP21: keeps a request, for which there is room.
    pub async fn put_quarantined(&self, request: &SealedRequest) -> Result<(), StoreError> {
        let SealedRequest { entry, sealed } = request;
        let place = Place::of_quarantined(&entry.id);
        let mut item = key(&place.pk, &place.sk);
        item.insert(DATA.to_owned(), blob(codec::encode(entry)?));
        let expires_at = entry.expires_at().as_second();
        self.place(&mut item, SEALED, sealed.clone(), Some(expires_at)).await?;
        item.insert(keys::TTL.to_owned(), number(expires_at));
        item.insert(keys::GSI1PK.to_owned(), text(TimeIndex::Quarantine.key_for(&place)));
        item.insert(keys::GSI1SK.to_owned(), text(quarantine_sort_key(entry.received_at, &entry.id)));
        self.put(item, Condition::Absent).await
    }

    /// AP22: a request in quarantine by its id.
    pub async fn quarantined(&self, id: &QuarantineId) -> Result<Option<SealedRequest>, StoreError> {
        let Place { pk, sk } = Place::of_quarantined(id);
        let Some(item) = self.get(&pk, &sk, true).await? else { return Ok(None) };
        let entry = read_one(&sk, read(&item))?;
        let sealed = read_one(&sk, self.placed(KIND, &item, SEALED).await)?.into_owned();
        Ok(Some(SealedRequest { entry, sealed }))
    }

    /// AP22 for many, without what is sealed; unknown ones are left out.
    pub async fn quarantined_by_id(
        &self,
        ids: impl IntoIterator<Item = &QuarantineId>,
    ) -> Result<HashMap<QuarantineId, Read<Quarantined>>, StoreError> {
        let places: Vec<Place> = ids.into_iter().map(Place::of_quarantined).collect();
        read_all(&self.batch_get(&places, false).await?, read)
    }

    /// AP23: what a source has in quarantine, newest first, without what is sealed.
    pub async fn quarantine_of(
        &self,
        source: &SourceId,
        page: &PageRequest,
    ) -> Result<Page<Positioned<Read<Quarantined>>>, StoreError> {
        // Parts stand in the same collection.
        let range = Range::PrefixDescending { prefix: QuarantineId::PREFIX, before: page.after.as_deref() };
        let partition = quarantine_key(&QuarantineId::partition_of(source));
        read_page(self.query(Index::Table, &partition, range, page.limit).await?, read)
    }

    /// AP24: what is in quarantine, newest first.
    pub async fn list_quarantine(
        &self,
        page: &PageRequest,
    ) -> Result<Page<Listed<QuarantineId>>, StoreError> {
        self.list(&[TimeIndex::Quarantine], page, |entry| entry.sk.parse().ok()).await
    }

    /// AP25: deletes a request from quarantine. Tells whether it was there.
    pub async fn delete_quarantined(&self, id: &QuarantineId) -> Result<bool, StoreError> {
        self.delete_with_parts(KIND, &Place::of_quarantined(id)).await
    }
}

fn day_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

fn read_day(source: SourceId, day: Date, item: &Item) -> Result<QuarantineDay, StoreError> {
    const KIND: &str = "count of a day in quarantine";
    let (requests, bytes) = (get_number(KIND, item, REQUESTS)?, get_number(KIND, item, BYTES)?);
    let told = if item.contains_key(TOLD) { get_number(KIND, item, TOLD)? } else { 0 };
    let room = u64::try_from(QUARANTINE_MAX_BYTES_PER_DAY - QUARANTINE_FULL_BELOW_BYTES).unwrap_or(u64::MAX);
    let full = requests >= QUARANTINE_MAX_REQUESTS_PER_DAY || bytes > room;
    Ok(QuarantineDay { source, day, filling: Filling { requests, bytes, full }, told })
}

fn read(item: &Item) -> Result<Quarantined, StoreError> {
    decode_item(KIND, item)
}
