//! Replays: one small item each, and a walk through the events in the order in which they came.
//!
//! **Guarantee:** a replay that is running is found by [`Store::running_replays`] from the write that makes it to the
//! write that ends it: its entry in the index is part of these writes. Progress is written on condition of the
//! revision that was read, so of two that go on with a replay one wins, and a cancellation is never written over.

use crate::item::{
    Condition, DATA, Item, REVISION, blob, decode_item, get_number, get_text, key, number, text,
};
use crate::keys::{self, RUNNING_REPLAYS, TIME_SHARDS, TimeIndex, event_of_entry, time_bound};
use crate::listing::{Listed, Page, PageRequest, Positioned};
use crate::query::{Index, Range};
use crate::unreadable::{read_one, read_page};
use crate::{Read, Store, StoreError, Versioned, codec};
use domain::{EventId, Replay, ReplayId};
use futures::future::try_join_all;
use jiff::Timestamp;

pub(crate) const KIND: &str = "replay";
/// Above every sort key.
const ABOVE_ALL: &str = "~";

/// A span of the listing of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walk<'a> {
    /// Received from this moment on ...
    pub since: Timestamp,
    /// ... and before this one.
    pub until: Timestamp,
    /// Behind this position of the same walk.
    pub after: Option<&'a str>,
}

impl Store {
    /// AP27: a replay by its id.
    pub async fn replay(&self, id: &ReplayId) -> Result<Option<Versioned<Replay>>, StoreError> {
        self.get(KIND, id.as_str(), true).await?.map(|item| read_one(id.as_str(), read(&item))).transpose()
    }

    /// AP28: replays, newest first.
    pub async fn replays(
        &self,
        page: &PageRequest,
    ) -> Result<Page<Positioned<Read<Versioned<Replay>>>>, StoreError> {
        let before = page.after.as_deref();
        let found = self.query(Index::Table, KIND, Range::Descending { before }, page.limit).await?;
        read_page(found, read)
    }

    /// AP29: writes a replay that was read at `revision`, 0 for a new one; gives the new revision.
    pub async fn put_replay(&self, replay: &Replay, revision: u64) -> Result<u64, StoreError> {
        let next = revision + 1;
        let mut item = key(KIND, replay.id.as_str());
        item.insert(DATA.to_owned(), blob(codec::encode(replay)?));
        item.insert(REVISION.to_owned(), number(next));
        item.insert(keys::TTL.to_owned(), number(self.retention.expiry(replay.created_at)));
        if replay.is_running() {
            item.insert(keys::GSI2PK.to_owned(), text(RUNNING_REPLAYS));
            item.insert(keys::GSI2SK.to_owned(), text(replay.id.as_str()));
        }
        self.put(item, Condition::revision(revision)).await?;
        Ok(next)
    }

    /// AP30: the replays that are running, oldest first. One that has ended a moment ago may be among them: read it
    /// (AP27) before going on with it.
    pub async fn running_replays(&self, limit: usize) -> Result<Vec<ReplayId>, StoreError> {
        let found = self
            .query(Index::Gsi2, RUNNING_REPLAYS, Range::UpTo { last: ABOVE_ALL, after: None }, limit)
            .await?;
        Ok(found.items.iter().filter_map(|item| get_text(item, keys::SK)?.parse().ok()).collect())
    }

    /// AP31: the first `limit` events of a walk, oldest first. `next` is absent at its end.
    ///
    /// As in [`Store::list_events`] a payment's entry stands for the event that opened it, and an event may have expired
    /// since. What was received shortly before the end of the span, but is not committed yet, is not seen.
    pub async fn walk_events(
        &self,
        walk: &Walk<'_>,
        limit: usize,
    ) -> Result<Page<Listed<EventId>>, StoreError> {
        let since = time_bound(walk.since);
        // Positions have one length: nothing lies between one and itself with a `!` behind it.
        let from = walk.after.map_or(since, |position| format!("{position}!"));
        let to = time_bound(walk.until);
        if from > to {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let shards = [TimeIndex::Payments, TimeIndex::Events]
            .into_iter()
            .flat_map(|index| (0..TIME_SHARDS).map(move |shard| index.shard_key(shard)));
        let (from, to) = (from.as_str(), to.as_str());
        let pages = try_join_all(shards.map(|shard| async move {
            self.query(Index::Gsi1, &shard, Range::Between(from, to), limit).await
        }))
        .await?;
        let more = pages.iter().any(|page| page.next.is_some());
        let mut entries: Vec<(&str, &str)> = pages
            .iter()
            .flat_map(|page| &page.items)
            .filter_map(|item| Some((get_text(item, keys::GSI1SK)?, get_text(item, keys::PK)?)))
            .collect();
        entries.sort_unstable();
        let more = more || entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| more).map(|(position, _)| (*position).to_owned());
        let listed = |(position, pk): (&str, &str)| {
            Some(Listed { id: event_of_entry(pk, position)?, position: position.to_owned() })
        };
        Ok(Page { items: entries.into_iter().filter_map(listed).collect(), next })
    }
}

fn read(item: &Item) -> Result<Versioned<Replay>, StoreError> {
    Ok(Versioned { value: decode_item(KIND, item)?, revision: get_number(KIND, item, REVISION)? })
}
