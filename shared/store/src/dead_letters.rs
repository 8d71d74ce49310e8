//! Dead letters: messages that could not be processed, each sealed in an item of its own.
//!
//! **Guarantee:** a letter stands in one of two listings by time: of those that wait, and of those that were sent again. As long
//! as the sweeper is to send it again, it stands in the sparse index by the time of that as well. All of it changes in the one
//! write that changes the letter, on condition of its revision.

use crate::item::{
    Condition, DATA, Item, REVISION, blob, decode_item, get_number, get_text, key, number, text,
};
use crate::keys::{
    self, DUE_REDRIVES, Place, TimeIndex, dead_letter_sort_key, due_redrive_sort_key, time_of_key,
};
use crate::listing::{Listed, Page, PageRequest};
use crate::query::{Index, Range};
use crate::unreadable::{read_all, read_one};
use crate::{Read, Store, StoreError, codec};
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use domain::{DeadLetter, DeadLetterId};
use futures::future::try_join_all;
use jiff::Timestamp;
use std::borrow::Cow;
use std::collections::HashMap;

const KIND: &str = "dead_letter";
/// The sealed message, or its parts.
const SEALED: &str = "s";

/// [`Store::waiting_dead_letters`] counts no further in each of the four parts of the list.
const MAX_COUNTED: usize = 1000;

/// A dead letter as it was read. Its message, which is sealed and may stand in items of its own, is read by
/// [`Store::dead_letter_message`].
#[derive(Debug, Clone, PartialEq)]
pub struct StoredDeadLetter {
    pub letter: DeadLetter,
    pub revision: u64,
    item: Item,
}

impl StoredDeadLetter {
    /// Its place in the listing by time.
    pub fn position(&self) -> String {
        dead_letter_sort_key(self.letter.created_at, &self.letter.id)
    }
}

/// An entry of the index of what the sweeper is to send again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRedrive {
    pub id: DeadLetterId,
    pub due_at: Timestamp,
}

impl Store {
    /// AP70: writes a dead letter with its sealed message over the one that was read at `revision`; 0 for a new one.
    pub async fn put_dead_letter(
        &self,
        letter: &DeadLetter,
        sealed: Vec<u8>,
        revision: u64,
    ) -> Result<(), StoreError> {
        let expires_at = letter.expires_at().as_second();
        let place = Place::of_dead_letter(&letter.id);
        let mut item = key(&place.pk, &place.sk);
        self.place(&mut item, SEALED, sealed, Some(expires_at)).await?;
        item.insert(DATA.to_owned(), blob(codec::encode(letter)?));
        item.insert(REVISION.to_owned(), number(revision + 1));
        item.insert(keys::TTL.to_owned(), number(expires_at));
        item.insert(keys::GSI1PK.to_owned(), text(listing(letter).key_for(&place)));
        let position = dead_letter_sort_key(letter.created_at, &letter.id);
        item.insert(keys::GSI1SK.to_owned(), text(position));
        if let Some(due_at) = letter.next_redrive_at {
            item.insert(keys::GSI2PK.to_owned(), text(DUE_REDRIVES));
            item.insert(keys::GSI2SK.to_owned(), text(due_redrive_sort_key(due_at, &letter.id)));
        }
        self.put(item, Condition::revision(revision)).await
    }

    /// AP71: a dead letter by its id.
    pub async fn dead_letter(&self, id: &DeadLetterId) -> Result<Option<StoredDeadLetter>, StoreError> {
        let Place { pk, sk } = Place::of_dead_letter(id);
        self.get(&pk, &sk, true).await?.map(|item| read_one(&sk, read(item))).transpose()
    }

    /// AP71 for many; unknown ones are left out.
    pub async fn dead_letters_by_id(
        &self,
        ids: impl IntoIterator<Item = &DeadLetterId>,
    ) -> Result<HashMap<DeadLetterId, Read<StoredDeadLetter>>, StoreError> {
        let places: Vec<Place> = ids.into_iter().map(Place::of_dead_letter).collect();
        read_all(&self.batch_get(&places, false).await?, |item| read(item.clone()))
    }

    /// AP72: the sealed message of a letter that was read. Costs nothing where it stood in the item.
    pub async fn dead_letter_message<'a>(
        &self,
        stored: &'a StoredDeadLetter,
    ) -> Result<Cow<'a, [u8]>, StoreError> {
        self.placed(KIND, &stored.item, SEALED).await
    }

    /// AP73: the dead letters that wait, or those that were sent again, or both, by the time at which they came into being,
    /// newest first.
    pub async fn list_dead_letters(
        &self,
        redriven: Option<bool>,
        page: &PageRequest,
    ) -> Result<Page<Listed<DeadLetterId>>, StoreError> {
        const BOTH: &[TimeIndex] = &[TimeIndex::DeadLetters, TimeIndex::Redriven];
        let indexes = match redriven {
            Some(false) => &BOTH[..1],
            Some(true) => &BOTH[1..],
            None => BOTH,
        };
        self.list(indexes, page, |entry| entry.sk.parse().ok()).await
    }

    /// AP73: how many dead letters wait. Counts up to 4,000 of them.
    pub async fn waiting_dead_letters(&self) -> Result<usize, StoreError> {
        let shards = (0..keys::TIME_SHARDS).map(|shard| TimeIndex::DeadLetters.shard_key(shard));
        let counted = try_join_all(shards.map(async |shard| {
            let range = Range::Descending { before: None };
            Ok::<_, StoreError>(self.query(Index::Gsi1, &shard, range, MAX_COUNTED).await?.items.len())
        }));
        Ok(counted.await?.into_iter().sum())
    }

    /// AP74: writes what has changed about a dead letter that was read at `revision`, but for its message.
    pub async fn update_dead_letter(&self, letter: &DeadLetter, revision: u64) -> Result<(), StoreError> {
        let place = Place::of_dead_letter(&letter.id);
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(&place.pk, &place.sk)))
            .condition_expression("#r = :read")
            .expression_attribute_names("#r", REVISION)
            .expression_attribute_names("#d", DATA)
            .expression_attribute_names("#list", keys::GSI1PK)
            .expression_attribute_names("#p", keys::GSI2PK)
            .expression_attribute_names("#s", keys::GSI2SK)
            .expression_attribute_values(":read", number(revision))
            .expression_attribute_values(":next", number(revision + 1))
            .expression_attribute_values(":d", blob(codec::encode(letter)?))
            .expression_attribute_values(":list", text(listing(letter).key_for(&place)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        update = match letter.next_redrive_at {
            Some(due_at) => update
                .update_expression("SET #r = :next, #d = :d, #list = :list, #p = :p, #s = :s")
                .expression_attribute_values(":p", text(DUE_REDRIVES))
                .expression_attribute_values(":s", text(due_redrive_sort_key(due_at, &letter.id))),
            None => update.update_expression("SET #r = :next, #d = :d, #list = :list REMOVE #p, #s"),
        };
        if self.try_update(update).await? { Ok(()) } else { Err(StoreError::Conflict) }
    }

    /// AP75: deletes a dead letter with its message. Tells whether it was there.
    pub async fn delete_dead_letter(&self, id: &DeadLetterId) -> Result<bool, StoreError> {
        self.delete_with_parts(KIND, &Place::of_dead_letter(id)).await
    }

    /// AP76: the dead letters that the sweeper is to send again by now, first due first, behind `after`.
    pub async fn due_redrives(
        &self,
        now: Timestamp,
        after: Option<&DueRedrive>,
        limit: usize,
    ) -> Result<Vec<DueRedrive>, StoreError> {
        let until = keys::after_all_of(now);
        let after = after.map(|due| {
            let Place { pk, sk } = Place::of_dead_letter(&due.id);
            let mut entry = key(&pk, &sk);
            entry.insert(keys::GSI2PK.to_owned(), text(DUE_REDRIVES));
            entry.insert(keys::GSI2SK.to_owned(), text(due_redrive_sort_key(due.due_at, &due.id)));
            entry
        });
        let range = Range::UpTo { last: &until, after: after.as_ref() };
        let found = self.query(Index::Gsi2, DUE_REDRIVES, range, limit).await?;
        let due = found.items.iter().filter_map(|item| {
            let id = get_text(item, keys::SK)?.parse().ok()?;
            Some(DueRedrive { id, due_at: time_of_key(get_text(item, keys::GSI2SK)?)? })
        });
        Ok(due.collect())
    }
}

fn listing(letter: &DeadLetter) -> TimeIndex {
    if letter.is_waiting() { TimeIndex::DeadLetters } else { TimeIndex::Redriven }
}

fn read(item: Item) -> Result<StoredDeadLetter, StoreError> {
    let letter = decode_item(KIND, &item)?;
    let revision = get_number(KIND, &item, REVISION)?;
    Ok(StoredDeadLetter { letter, revision, item })
}
