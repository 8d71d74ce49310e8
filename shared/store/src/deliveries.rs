//! Deliveries: first written with their first attempt, so that a delivery which succeeds at once costs one
//! write. Those that wait for a retry stand in the due-index, those that wait for their client in its mailbox
//! ([`crate::mailbox`]); no others stand in an index.

use crate::item::{Condition, DATA, Item, blob, decode_item, get_text, key, number, text};
use crate::keys::{self, Keyed, due_key_for, due_shard_key, mailbox_key, mailbox_sort_key, time_of_key};
use crate::mailbox::{self, Asked, Placed};
use crate::query::{Index, Range};
use crate::unreadable::{read_all, read_one};
use crate::{Read, Store, StoreError, codec};
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use domain::{Delivery, DeliveryId, EndpointId, Event};
use jiff::Timestamp;
use std::collections::HashMap;

const KIND: &str = "delivery";
/// Counts the writes of a delivery.
const WRITES: &str = "n";

/// A delivery and the revision at which it was read; 0 for one that was never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDelivery {
    pub delivery: Delivery,
    pub revision: u64,
    /// There as long as it waits in its endpoint's mailbox.
    pub placed: Option<Placed>,
    /// There as long as it waits in the due-index for an attempt that somebody asked for.
    pub asked: Option<Asked>,
}

/// What a delivery waits for. It says in which index the delivery stands: in one at most, and the sweeper never sees a
/// mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// For nothing, or for a message that is under way.
    Nothing,
    /// For its time, in the due-index.
    Due(Timestamp),
    /// The same, for an attempt that was asked for beside its schedule; it may be over otherwise.
    DueAsked(Timestamp, Asked),
    /// For its client to fetch it, in its endpoint's mailbox.
    Fetch(Placed),
}

/// An entry of the due-index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub delivery: DeliveryId,
    pub due_at: Timestamp,
}

/// Whether a due entry could be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueClaim {
    Moved,
    /// Somebody else moved it, or the delivery is no longer due.
    Gone,
}

impl Store {
    /// AP16: a delivery by its id.
    pub async fn delivery(&self, id: &DeliveryId) -> Result<Option<StoredDelivery>, StoreError> {
        self.get(id.pk(), id.sk(), true).await?.map(|item| read_one(id.sk(), read(&item))).transpose()
    }

    /// AP16 for many; those never attempted are left out.
    pub async fn deliveries_by_id(
        &self,
        ids: impl IntoIterator<Item = &DeliveryId>,
    ) -> Result<HashMap<DeliveryId, Read<StoredDelivery>>, StoreError> {
        read_all(&self.batch_get(ids, false).await?, read)
    }

    /// The event and the endpoint of a delivery, known by its id alone, of which the event's is a part (AP12). One that was
    /// never attempted has no item: its endpoint is among those that the event was matched to.
    pub async fn event_of_delivery(
        &self,
        delivery: &DeliveryId,
    ) -> Result<Option<(Event, EndpointId)>, StoreError> {
        let Some(record) = self.event(&delivery.event()).await? else { return Ok(None) };
        let event = record.event;
        let is_meant = |endpoint: &&EndpointId| DeliveryId::derive(&event.id, endpoint) == *delivery;
        let endpoint = event.endpoints.iter().find(is_meant).cloned();
        Ok(endpoint.map(|endpoint| (event, endpoint)))
    }

    /// AP45: takes a delivery out of the due-index, without reading it.
    pub async fn leave_due_index(&self, id: &DeliveryId) -> Result<(), StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(id.pk(), id.sk())))
            .update_expression("REMOVE #p, #s")
            .condition_expression("#p = :due")
            .expression_attribute_names("#p", keys::GSI2PK)
            .expression_attribute_names("#s", keys::GSI2SK)
            .expression_attribute_values(":due", text(due_key_for(id)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        self.try_update(update).await.map(drop)
    }

    /// AP17: writes a delivery that was read at `revision`. `wait` puts it into an index, or takes it out.
    pub async fn put_delivery(
        &self,
        delivery: &Delivery,
        revision: u64,
        wait: Wait,
    ) -> Result<u64, StoreError> {
        let next = revision + 1;
        let mut item = key(delivery.id.pk(), delivery.id.sk());
        item.insert(DATA.to_owned(), blob(codec::encode(delivery)?));
        item.insert(WRITES.to_owned(), number(next));
        item.insert(keys::TTL.to_owned(), number(self.retention.expiry(delivery.created_at)));
        let (place, asked) = match wait {
            Wait::Nothing => (None, None),
            Wait::Due(at) => (Some((due_key_for(&delivery.id), due_sort_key(at))), None),
            Wait::DueAsked(at, asked) => (Some((due_key_for(&delivery.id), due_sort_key(at))), Some(asked)),
            Wait::Fetch(Placed { at, asked }) => {
                (Some((mailbox_key(&delivery.endpoint), mailbox_sort_key(at, &delivery.id))), asked)
            }
        };
        if let Some((partition, sort_key)) = place {
            item.insert(keys::GSI2PK.to_owned(), text(partition));
            item.insert(keys::GSI2SK.to_owned(), text(sort_key));
        }
        item.extend(asked.map(|asked| (mailbox::ASKED.to_owned(), text(asked.to_text()))));
        let condition = match revision {
            0 => Condition::Absent,
            revision => Condition::Equals(WRITES, revision),
        };
        self.put(item, condition).await?;
        Ok(next)
    }

    /// AP81: writes an attempt into the log of a delivery that was read at `revision`, and nothing else: what the delivery
    /// waits for stays as it is.
    pub async fn log_attempt(&self, delivery: &Delivery, revision: u64) -> Result<(), StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(delivery.id.pk(), delivery.id.sk())))
            .update_expression("SET #d = :d, #n = :next")
            .condition_expression("#n = :read")
            .expression_attribute_names("#d", DATA)
            .expression_attribute_names("#n", WRITES)
            .expression_attribute_values(":d", blob(codec::encode(delivery)?))
            .expression_attribute_values(":read", number(revision))
            .expression_attribute_values(":next", number(revision + 1))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if self.try_update(update).await? { Ok(()) } else { Err(StoreError::Conflict) }
    }

    /// AP18: what is due in a shard of the due-index, oldest first, behind `after`. Going on behind the last one keeps
    /// what has just been moved from being given again: the index may not have heard of it.
    pub async fn due_deliveries(
        &self,
        shard: u8,
        now: Timestamp,
        after: Option<&Due>,
        limit: usize,
    ) -> Result<Vec<Due>, StoreError> {
        let until = due_sort_key(now);
        let partition = due_shard_key(shard);
        let after = after.map(|due| {
            let mut entry = key(due.delivery.pk(), due.delivery.sk());
            entry.insert(keys::GSI2PK.to_owned(), text(partition.clone()));
            entry.insert(keys::GSI2SK.to_owned(), text(due_sort_key(due.due_at)));
            entry
        });
        let range = Range::UpTo { last: &until, after: after.as_ref() };
        let found = self.query(Index::Gsi2, &partition, range, limit).await?;
        let due = found.items.iter().filter_map(|item| {
            let delivery = get_text(item, keys::SK)?.parse().ok()?;
            Some(Due { delivery, due_at: time_of_key(get_text(item, keys::GSI2SK)?)? })
        });
        Ok(due.collect())
    }

    /// AP19: moves a due entry to a later time, so that it comes up again if what is started now comes to
    /// nothing. Not a lock: it only spaces the tries.
    pub async fn move_due(&self, due: &Due, to: Timestamp) -> Result<DueClaim, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(due.delivery.pk(), due.delivery.sk())))
            .update_expression("SET #s = :to")
            .condition_expression("#s = :from")
            .expression_attribute_names("#s", keys::GSI2SK)
            .expression_attribute_values(":from", text(due_sort_key(due.due_at)))
            .expression_attribute_values(":to", text(due_sort_key(to)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        Ok(if self.try_update(update).await? { DueClaim::Moved } else { DueClaim::Gone })
    }
}

fn due_sort_key(at: Timestamp) -> String {
    format!("{:011x}", at.as_millisecond().max(0))
}

pub(crate) fn read(item: &Item) -> Result<StoredDelivery, StoreError> {
    Ok(StoredDelivery {
        delivery: decode_item(KIND, item)?,
        revision: crate::item::get_number(KIND, item, WRITES)?,
        placed: mailbox::placed(item),
        asked: mailbox::asked(item).filter(|_| mailbox::placed(item).is_none()),
    })
}
