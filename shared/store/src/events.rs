//! Events: written once, with the provider's bytes. The item's existence is the mark that all which had to
//! happen because of the event has happened.
//!
//! An event that exceeds one item has its bytes in parts beside it (`parts.rs`) and its record in the item once more, so
//! that a list of events reads no part.

use crate::item::{
    Condition, DATA, Item, blob, get_blob_named, get_text, get_text_set, key, number, text, text_set,
};
use crate::keys::{self, Keyed, TimeIndex, time_sort_key, timeline_key, timeline_sort_key};
use crate::parts::{MAX_PART_BYTES, MAX_PARTS};
use crate::unreadable::{read_all_parts, read_one};
use crate::{Read, Store, StoreError, codec};
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use domain::{EndpointId, Event, EventId};
use providers::VerifiedMeta;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

const KIND: &str = "event";
/// What the notification said, hashed: tells a repeat from a contradiction.
const DIGEST: &str = "h";
/// There once the provider's API has confirmed the event.
const CONFIRMED: &str = "c";
/// A set: the endpoints that replays have sent it to beside those that it was matched to as it came.
const MATCHED_LATER: &str = "m";
/// The record, where the whole is in parts.
const HEAD: &str = "e";

/// The provider's request as it was verified.
#[derive(Debug, Clone)]
pub struct RawEvent {
    pub meta: VerifiedMeta,
    /// Byte-exact.
    pub body: Vec<u8>,
    /// What the provider's API answered when it was asked about the event, byte for byte: the facts are there.
    pub answer: Option<Vec<u8>>,
}

/// What a committed event says of itself without being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// See [`domain::Notification::digest`]: of the notification as it came.
    pub digest: String,
    /// Whether the provider's API has confirmed it.
    pub confirmed: bool,
}

/// What an event may amount to, its record, body and answer together: so much is stored however badly it compresses.
/// A request of Lambda, and so a body, is at most 6 MB.
const MAX_EVENT_BYTES: usize = MAX_PARTS * MAX_PART_BYTES - 64 * 1024;

/// A larger record is not repeated beside its parts; those who want it alone read the parts then.
const MAX_HEAD_COPY_BYTES: usize = 32 * 1024;

/// Whether an event can be stored: asked before anything is changed because of it. Adds up lengths; nothing is compressed.
pub fn event_fits(event: &Event, raw: Option<&RawEvent>) -> bool {
    plain_bytes(&head_of(event, raw), raw) <= MAX_EVENT_BYTES
}

/// An event and, unless we raised it ourselves, the request that it came in.
#[derive(Debug, Clone)]
pub struct EventRecord {
    pub event: Event,
    pub raw: Option<RawEvent>,
}

#[derive(Serialize, Deserialize)]
struct Head<E, M> {
    event: E,
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    meta: Option<M>,
    /// How many bytes at the end are the API's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer_bytes: Option<usize>,
}

impl Store {
    /// AP10: which of these events are committed, and how.
    pub async fn committed_events(
        &self,
        ids: impl IntoIterator<Item = &EventId>,
        consistent: bool,
    ) -> Result<HashMap<EventId, Committed>, StoreError> {
        let items = self.batch_get(ids, consistent).await?;
        let committed = items.iter().filter_map(|item| {
            let id = get_text(item, keys::SK)?.parse().ok()?;
            let digest = get_text(item, DIGEST)?.to_owned();
            Some((id, Committed { digest, confirmed: item.contains_key(CONFIRMED) }))
        });
        Ok(committed.collect())
    }

    /// AP11: commits an event. Tells whether it is this call that did; a repeat changes nothing. The
    /// notification's facts are not kept.
    ///
    /// `opens_payment`: the event is the first of its payment, whose own entry in the listing by time stands
    /// for both, and whose item names it for the payment's timeline. That saves two writes.
    pub async fn commit_event(
        &self,
        event: &Event,
        raw: Option<&RawEvent>,
        opens_payment: bool,
    ) -> Result<bool, StoreError> {
        let item = self.event_item(event, raw, &event.notification.digest(), opens_payment).await?;
        done(self.put(item, Condition::Absent).await)
    }

    /// AP26: writes what became of an event that had been committed without proof, over it, unless it is confirmed
    /// already; a repeat changes nothing. Tells whether it is this call that did. An event that is not there yet is
    /// written all the same: its own commit then comes too late and changes nothing.
    ///
    /// `digest` is that of the notification as it came, by which its repeats are known.
    pub async fn conclude_event(
        &self,
        event: &Event,
        raw: &RawEvent,
        digest: &str,
        opens_payment: bool,
    ) -> Result<bool, StoreError> {
        let mut item = self.event_item(event, Some(raw), digest, opens_payment).await?;
        if let Some(at) = event.confirmed_at {
            item.insert(CONFIRMED.to_owned(), number(at.as_millisecond()));
        }
        done(self.put(item, Condition::AbsentAttribute(CONFIRMED)).await)
    }

    /// AP32: notes that an event is for a further endpoint; a repeat changes nothing. Its deliveries are found by this.
    ///
    /// Beside the compressed record, so that nobody has to read and write it on condition; of an event that has expired
    /// nothing is left behind.
    pub async fn match_event(&self, id: &EventId, endpoint: &EndpointId) -> Result<(), StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(id.pk(), id.sk())))
            .update_expression("ADD #m :endpoint")
            .condition_expression("attribute_exists(#d)")
            .expression_attribute_names("#m", MATCHED_LATER)
            .expression_attribute_names("#d", DIGEST)
            .expression_attribute_values(":endpoint", text_set([endpoint.as_str()]))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        self.try_update(update).await.map(drop)
    }

    /// The item of an event. What exceeds it has been written when this returns.
    async fn event_item(
        &self,
        event: &Event,
        raw: Option<&RawEvent>,
        digest: &str,
        opens_payment: bool,
    ) -> Result<Item, StoreError> {
        let head = head_of(event, raw);
        if plain_bytes(&head, raw) > MAX_EVENT_BYTES {
            return Err(StoreError::TooLarge);
        }
        let expires_at = self.retention.expiry(event.received_at);
        let mut item = key(event.id.pk(), event.id.sk());
        let whole = codec::encode_bytes(&plain(&head, raw))?;
        if whole.len() > MAX_PART_BYTES {
            let copy = codec::encode_bytes(&plain(&head, None))?;
            if copy.len() <= MAX_HEAD_COPY_BYTES {
                item.insert(HEAD.to_owned(), blob(copy));
            }
        }
        self.place(&mut item, DATA, whole, Some(expires_at)).await?;
        item.insert(DIGEST.to_owned(), text(digest));
        item.insert(keys::TTL.to_owned(), number(expires_at));
        if !opens_payment {
            item.insert(keys::GSI1PK.to_owned(), text(TimeIndex::Events.key_for(&event.id)));
            item.insert(keys::GSI1SK.to_owned(), text(time_sort_key(event.received_at, &event.id)));
            if let Some(payment) = &event.payment {
                item.insert(keys::GSI2PK.to_owned(), text(timeline_key(payment)));
                item.insert(keys::GSI2SK.to_owned(), text(timeline_sort_key(event)));
            }
        }
        Ok(item)
    }

    /// AP12: an event by its id, with its request.
    pub async fn event(&self, id: &EventId) -> Result<Option<EventRecord>, StoreError> {
        match self.get(id.pk(), id.sk(), true).await? {
            Some(item) => read_one(id.sk(), self.read(&item).await).map(Some),
            None => Ok(None),
        }
    }

    /// AP12 for many, without their requests; unknown ones are left out.
    pub async fn events_by_id(
        &self,
        ids: impl IntoIterator<Item = &EventId>,
    ) -> Result<HashMap<EventId, Read<Event>>, StoreError> {
        let items = self.batch_get(ids, false).await?;
        read_all_parts(items, |item| async move { self.read_event(&item).await }).await
    }

    /// AP12 for many, with their requests: as many as may be held in memory.
    pub async fn event_records(
        &self,
        ids: impl IntoIterator<Item = &EventId>,
    ) -> Result<HashMap<EventId, Read<EventRecord>>, StoreError> {
        let items = self.batch_get(ids, false).await?;
        read_all_parts(items, |item| async move { self.read(&item).await }).await
    }

    /// An event without its request. Of what is not in parts only the beginning is decompressed.
    async fn read_event(&self, item: &Item) -> Result<Event, StoreError> {
        let head = if item.contains_key(HEAD) {
            head_bytes(get_blob_named(KIND, item, HEAD)?)?
        } else {
            head_bytes(&self.placed(KIND, item, DATA).await?)?
        };
        Ok(read_head(item, &head)?.event)
    }

    async fn read(&self, item: &Item) -> Result<EventRecord, StoreError> {
        let plain = codec::decode_bytes(KIND, &self.placed(KIND, item, DATA).await?)?;
        let (length, rest) = plain.split_first_chunk().ok_or_else(truncated)?;
        let (head, body) = rest.split_at_checked(head_length(*length)?).ok_or_else(truncated)?;
        let Head { event, meta, answer_bytes } = read_head(item, head)?;
        let body_bytes = body.len().checked_sub(answer_bytes.unwrap_or(0)).ok_or_else(truncated)?;
        let (body, answer) = body.split_at(body_bytes);
        let answer = answer_bytes.map(|_| answer.to_vec());
        let raw = meta.map(|meta| RawEvent { meta, body: body.to_vec(), answer });
        Ok(EventRecord { event, raw })
    }
}

/// The record as it is stored, in JSON.
fn head_of(event: &Event, raw: Option<&RawEvent>) -> Vec<u8> {
    let mut event = event.clone();
    // The facts can be read from the body again; what became of them is in the transition.
    event.notification.facts.clear();
    let answer = raw.and_then(|raw| raw.answer.as_ref());
    let head = Head { event, meta: raw.map(|raw| &raw.meta), answer_bytes: answer.map(Vec::len) };
    serde_json::to_vec(&head).expect("plain data serialises")
}

fn plain_bytes(head: &[u8], raw: Option<&RawEvent>) -> usize {
    let answer = |raw: &RawEvent| raw.answer.as_ref().map_or(0, Vec::len);
    size_of::<u32>() + head.len() + raw.map_or(0, |raw| raw.body.len() + answer(raw))
}

/// The length of the head (4 bytes, big-endian), the head, the body and the answer byte for byte.
fn plain(head: &[u8], raw: Option<&RawEvent>) -> Vec<u8> {
    let length = u32::try_from(head.len()).expect("it was compared with the largest event");
    let body = raw.map_or(&[][..], |raw| &raw.body);
    let answer = raw.and_then(|raw| raw.answer.as_deref()).unwrap_or_default();
    [&length.to_be_bytes()[..], head, body, answer].concat()
}

/// A write whose condition failed had been done before.
fn done(written: Result<(), StoreError>) -> Result<bool, StoreError> {
    match written {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}

fn truncated() -> StoreError {
    StoreError::corrupt(KIND, "truncated")
}

fn head_length(bytes: [u8; 4]) -> Result<usize, StoreError> {
    usize::try_from(u32::from_be_bytes(bytes)).map_err(|_| truncated())
}

fn head_bytes(blob: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut plain = codec::Reader::new(KIND, blob)?;
    let length = plain.take(size_of::<u32>())?;
    let length = head_length(length.try_into().map_err(|_| truncated())?)?;
    plain.take(length)
}

fn read_head(item: &Item, head: &[u8]) -> Result<Head<Event, VerifiedMeta>, StoreError> {
    let mut head: Head<Event, VerifiedMeta> =
        serde_json::from_slice(head).map_err(|error| StoreError::corrupt(KIND, error))?;
    for endpoint in get_text_set(item, MATCHED_LATER).iter().filter_map(|text| text.parse().ok()) {
        if !head.event.endpoints.contains(&endpoint) {
            head.event.endpoints.push(endpoint);
        }
    }
    Ok(head)
}
