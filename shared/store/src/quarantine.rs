//! Quarantine: requests that were refused, sealed, until somebody has corrected what made us refuse them.
//!
//! **Guarantee:** a source keeps at most [`QUARANTINE_MAX_REQUESTS_PER_DAY`] requests and
//! [`QUARANTINE_MAX_BYTES_PER_DAY`] bytes of a day (UTC), by a counter that is raised on condition before a request
//! is written, and each of them for seven days. So whoever learns a webhook's address can make us store 112 MiB at
//! most, and no more than a thousand writes a day.

use crate::item::{Condition, DATA, Item, blob, decode_item, get_blob_named, key, number, text};
use crate::keys::{self, Keyed, TimeIndex, quarantine_quota_keys, quarantine_sort_key};
use crate::listing::{Listed, Page, PageRequest};
use crate::query::{Index, Range};
use crate::{Store, StoreError, codec};
use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, ReturnValue};
use domain::{QuarantineId, SourceId, serde_time};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Of one source and day.
pub const QUARANTINE_MAX_REQUESTS_PER_DAY: u64 = 1_000;
/// Of one source and day; counted as sealed.
pub const QUARANTINE_MAX_BYTES_PER_DAY: usize = 16 * 1024 * 1024;
/// A longer sealed request is not kept: DynamoDB takes 400 KB an item, of which the entry needs its part.
pub const QUARANTINE_MAX_ITEM_BYTES: usize = 380 * 1024;

/// How long a request is kept. DynamoDB deletes up to a few days later; until then its readers look at
/// [`Quarantined::expires_at`].
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The counter of a day outlives it, whatever the time zone of whoever looks.
const QUOTA_KEPT: SignedDuration = SignedDuration::from_hours(2 * 24);

const KIND: &str = "request in quarantine";
/// The sealed request.
const SEALED: &str = "s";
/// The counter's requests and bytes.
const REQUESTS: &str = "n";
const BYTES: &str = "b";

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
        let (pk, sk) = quarantine_quota_keys(source, at);
        let answer = self
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
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match answer {
            Ok(answer) => {
                self.meter.write(answer.consumed_capacity());
                Ok(true)
            }
            Err(error) => match error.as_service_error() {
                Some(service) if service.is_conditional_check_failed_exception() => Ok(false),
                _ => Err(StoreError::unavailable("UpdateItem")(error)),
            },
        }
    }

    /// AP21: keeps a request, for which there is room.
    pub async fn put_quarantined(&self, request: &SealedRequest) -> Result<(), StoreError> {
        let SealedRequest { entry, sealed } = request;
        let mut item = key(entry.id.pk(), entry.id.sk());
        item.insert(DATA.to_owned(), blob(codec::encode(entry)));
        item.insert(SEALED.to_owned(), blob(sealed.clone()));
        item.insert(keys::TTL.to_owned(), number(entry.expires_at().as_second()));
        item.insert(keys::GSI1PK.to_owned(), text(TimeIndex::Quarantine.key_for(&entry.id)));
        item.insert(keys::GSI1SK.to_owned(), text(quarantine_sort_key(entry.received_at, &entry.id)));
        self.put(item, Condition::Absent).await
    }

    /// AP22: a request in quarantine by its id.
    pub async fn quarantined(&self, id: &QuarantineId) -> Result<Option<SealedRequest>, StoreError> {
        self.get(id.pk(), id.sk(), true).await?.as_ref().map(read).transpose()
    }

    /// AP22 for many; unknown ones are left out.
    pub async fn quarantined_by_id(
        &self,
        ids: impl IntoIterator<Item = &QuarantineId>,
    ) -> Result<HashMap<QuarantineId, SealedRequest>, StoreError> {
        let items = self.batch_get(ids, false).await?;
        items.iter().map(read).map(|read| read.map(|request| (request.entry.id.clone(), request))).collect()
    }

    /// AP23: what a source has in quarantine, newest first.
    pub async fn quarantine_of(
        &self,
        source: &SourceId,
        page: &PageRequest,
    ) -> Result<Page<SealedRequest>, StoreError> {
        let before = page.after.as_deref();
        let partition = QuarantineId::partition_of(source);
        let found = self.query(Index::Table, &partition, Range::Descending { before }, page.limit).await?;
        let items = found.items.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page { items, next: found.next })
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
        let answer = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(id.pk(), id.sk())))
            .return_values(ReturnValue::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(StoreError::unavailable("DeleteItem"))?;
        self.meter.write(answer.consumed_capacity());
        Ok(answer.attributes.is_some_and(|old| !old.is_empty()))
    }
}

fn read(item: &Item) -> Result<SealedRequest, StoreError> {
    let sealed = get_blob_named(KIND, item, SEALED)?.to_vec();
    Ok(SealedRequest { entry: decode_item(KIND, item)?, sealed })
}
