//! Listings by time: newest first, merged from the shards of an index.

use crate::item::get_text;
use crate::keys::{self, TIME_SHARDS, TimeIndex, event_of_entry};
use crate::query::{Index, Range};
use crate::{Read, Store, StoreError};
use domain::{EventId, PaymentId};
use futures::future::try_join_all;
use std::collections::HashMap;
use std::hash::Hash;

/// Which page: `after` is the `next` of the page before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    pub after: Option<String>,
    pub limit: usize,
}

/// Which way a listing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Least position first.
    Ascending,
    /// Greatest position first.
    Descending,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

/// An item and its position: the listing goes on after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Positioned<T> {
    pub item: T,
    pub position: String,
}

impl<T> Page<Positioned<Read<T>>> {
    /// The same page of something else. What can't be read stays what it is.
    pub fn map<U>(self, mut of: impl FnMut(T) -> U) -> Page<Positioned<Read<U>>> {
        let entry = |Positioned { item, position }: Positioned<Read<T>>| Positioned {
            item: item.map(&mut of),
            position,
        };
        Page { items: self.items.into_iter().map(entry).collect(), next: self.next }
    }

    /// What can be read of it.
    pub fn readable(&self) -> impl Iterator<Item = &T> {
        self.items.iter().filter_map(|entry| entry.item.as_ref().ok())
    }
}

impl<K: Eq + Hash> Page<Listed<K>> {
    /// The same page of what was found by its ids. What was not found is left out: it may have expired since.
    pub fn with<T>(self, mut found: HashMap<K, T>) -> Page<Positioned<T>> {
        let items = self.items.into_iter().filter_map(|Listed { id, position }| {
            let item = found.remove(&id)?;
            Some(Positioned { item, position })
        });
        Page { items: items.collect(), next: self.next }
    }
}

/// An entry of a listing, and the position after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    pub id: T,
    pub position: String,
}

impl Store {
    /// AP14: payments by the time at which they were first seen, newest first.
    pub async fn list_payments(&self, page: &PageRequest) -> Result<Page<Listed<PaymentId>>, StoreError> {
        self.list(&[TimeIndex::Payments], page, |entry| entry.sk.parse().ok()).await
    }

    /// AP15: events by the time at which they were received, newest first. A payment's entry stands for the
    /// event that opened it. An event may have expired since: the caller leaves out what it can't read.
    pub async fn list_events(&self, page: &PageRequest) -> Result<Page<Listed<EventId>>, StoreError> {
        self.list(&[TimeIndex::Payments, TimeIndex::Events], page, |entry| {
            event_of_entry(&entry.pk, &entry.position)
        })
        .await
    }

    pub(crate) async fn list<T>(
        &self,
        indexes: &[TimeIndex],
        page: &PageRequest,
        id: impl Fn(&Entry) -> Option<T>,
    ) -> Result<Page<Listed<T>>, StoreError> {
        let shards = indexes.iter().flat_map(|index| (0..TIME_SHARDS).map(|shard| index.shard_key(shard)));
        let shards = try_join_all(shards.map(|shard| self.list_shard(shard, page))).await?;
        let mut entries: Vec<Entry> = shards.into_iter().flatten().collect();
        entries.sort_unstable_by(|a, b| b.position.cmp(&a.position));
        let more = entries.len() >= page.limit;
        entries.truncate(page.limit);
        let next = entries.last().filter(|_| more).map(|last| last.position.clone());
        let items = entries
            .into_iter()
            .filter_map(|entry| Some(Listed { id: id(&entry)?, position: entry.position }))
            .collect();
        Ok(Page { items, next })
    }

    async fn list_shard(&self, shard: String, page: &PageRequest) -> Result<Vec<Entry>, StoreError> {
        let before = page.after.as_deref();
        let found = self.query(Index::Gsi1, &shard, Range::Descending { before }, page.limit).await?;
        let entries = found.items.iter().filter_map(|item| {
            Some(Entry {
                pk: get_text(item, keys::PK)?.to_owned(),
                sk: get_text(item, keys::SK)?.to_owned(),
                position: get_text(item, keys::GSI1SK)?.to_owned(),
            })
        });
        Ok(entries.collect())
    }
}

/// A key of the index.
pub(crate) struct Entry {
    pub(crate) pk: String,
    pub(crate) sk: String,
    pub(crate) position: String,
}
