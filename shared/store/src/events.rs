//! Events: written once, with the provider's bytes. The item's existence is the mark that all which had to
//! happen because of the event has happened.

use crate::item::{
    Condition, DATA, Item, blob, get_blob, get_text, get_text_set, key, number, text, text_set,
};
use crate::keys::{self, Keyed, TimeIndex, time_sort_key, timeline_key, timeline_sort_key};
use crate::unreadable::{read_all, read_one};
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

/// DynamoDB's limit for an item is 400 KB; this leaves room for the event's record.
const MAX_STORED_BODY_BYTES: usize = 360 * 1024;

/// Whether an event with this body can be kept: asked before anything is accepted or recorded. JSON compresses to
/// a fraction; only noise does not.
pub fn is_storable(body: &[u8]) -> bool {
    body.len() <= MAX_STORED_BODY_BYTES || codec::encode_bytes(body).len() <= MAX_STORED_BODY_BYTES
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
        let item = self.event_item(event, raw, &event.notification.digest(), opens_payment)?;
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
        let mut item = self.event_item(event, Some(raw), digest, opens_payment)?;
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
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(id.pk(), id.sk())))
            .update_expression("ADD #m :endpoint")
            .condition_expression("attribute_exists(#d)")
            .expression_attribute_names("#m", MATCHED_LATER)
            .expression_attribute_names("#d", DATA)
            .expression_attribute_values(":endpoint", text_set([endpoint.as_str()]))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match answer {
            Ok(answer) => {
                self.meter.write(answer.consumed_capacity());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                Some(service) if service.is_conditional_check_failed_exception() => Ok(()),
                _ => Err(StoreError::unavailable("UpdateItem")(error)),
            },
        }
    }

    fn event_item(
        &self,
        event: &Event,
        raw: Option<&RawEvent>,
        digest: &str,
        opens_payment: bool,
    ) -> Result<Item, StoreError> {
        // The facts can be read from the body again; what became of them is in the transition.
        let mut event_head = event.clone();
        event_head.notification.facts.clear();
        let answer = raw.and_then(|raw| raw.answer.as_deref());
        let head =
            Head { event: event_head, meta: raw.map(|raw| &raw.meta), answer_bytes: answer.map(<[u8]>::len) };
        let head = serde_json::to_vec(&head).expect("plain data serialises");
        let mut plain = u32::try_from(head.len()).map_err(|_| StoreError::TooLarge)?.to_be_bytes().to_vec();
        plain.extend_from_slice(&head);
        plain.extend_from_slice(raw.map_or(&[], |raw| &raw.body));
        plain.extend_from_slice(answer.unwrap_or_default());
        let mut item = key(event.id.pk(), event.id.sk());
        item.insert(DATA.to_owned(), blob(codec::encode_bytes(&plain)));
        item.insert(DIGEST.to_owned(), text(digest));
        item.insert(keys::TTL.to_owned(), number(self.retention.expiry(event.received_at)));
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

    /// AP12: an event by its id.
    pub async fn event(&self, id: &EventId) -> Result<Option<EventRecord>, StoreError> {
        self.get(id.pk(), id.sk(), true).await?.map(|item| read_one(id.sk(), read(&item))).transpose()
    }

    /// AP12 for many; unknown ones are left out.
    pub async fn events_by_id(
        &self,
        ids: impl IntoIterator<Item = &EventId>,
    ) -> Result<HashMap<EventId, Read<EventRecord>>, StoreError> {
        read_all(&self.batch_get(ids, false).await?, read)
    }
}

/// A write whose condition failed had been done before.
fn done(written: Result<(), StoreError>) -> Result<bool, StoreError> {
    match written {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}

fn read(item: &Item) -> Result<EventRecord, StoreError> {
    let plain = codec::decode_bytes(KIND, get_blob(KIND, item)?)?;
    let truncated = || StoreError::corrupt(KIND, "truncated");
    let (length, rest) = plain.split_first_chunk::<4>().ok_or_else(truncated)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| truncated())?;
    let (head, body) = rest.split_at_checked(length).ok_or_else(truncated)?;
    let mut head: Head<Event, VerifiedMeta> =
        serde_json::from_slice(head).map_err(|error| StoreError::corrupt(KIND, error))?;
    for endpoint in get_text_set(item, MATCHED_LATER).iter().filter_map(|text| text.parse().ok()) {
        if !head.event.endpoints.contains(&endpoint) {
            head.event.endpoints.push(endpoint);
        }
    }
    let body_bytes = body.len().checked_sub(head.answer_bytes.unwrap_or(0)).ok_or_else(truncated)?;
    let (body, answer) = body.split_at(body_bytes);
    let answer = head.answer_bytes.map(|_| answer.to_vec());
    let raw = head.meta.map(|meta| RawEvent { meta, body: body.to_vec(), answer });
    Ok(EventRecord { event: head.event, raw })
}
