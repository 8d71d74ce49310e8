//! Mailboxes: the deliveries of an endpoint of type `poll` that wait for its client.
//!
//! A mailbox is no item of its own: it is the deliveries that are written with [`Wait::Fetch`](crate::Wait), found by the
//! endpoint through the sparse index. One enters and leaves it with a write of its own item, on condition of its revision.
//!
//! **Guarantee:** whether a delivery waits is read from its item. The index only tells where to look: it is eventually
//! consistent, so it may still name what has been fetched, and not yet name what has come in.
//!
//! The key of an index takes 1,000 writes per second, and a delivery takes two: one endpoint's mailbox passes 500 deliveries
//! per second. Not spread over shards, as the due-index is: each shard would be a Query more, at every look.

use crate::deliveries::read;
use crate::item::{Item, get_text};
use crate::keys::{self, mailbox_key, time_of_key};
use crate::listing::Page;
use crate::query::{Index, Range};
use crate::unreadable::read_all;
use crate::{Read, Store, StoreError, StoredDelivery};
use domain::{DeliveryId, EndpointId, ReplayId};
use jiff::Timestamp;
use std::collections::HashMap;

/// Who asked for the delivery to be placed, where somebody did.
pub(crate) const ASKED: &str = "a";
const BY_HAND: &str = "hand";

/// Below and above every sort key of a mailbox: they begin with a hex digit.
const BELOW_ALL: &str = "0";
const ABOVE_ALL: &str = "~";

/// How a delivery came to wait for its client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub at: Timestamp,
    /// Absent: its event brought it, or its schedule did.
    pub asked: Option<Asked>,
}

/// Who asked for a delivery through the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    ByHand,
    For(ReplayId),
}

impl Asked {
    pub(crate) fn to_text(&self) -> &str {
        match self {
            Self::ByHand => BY_HAND,
            Self::For(replay) => replay.as_str(),
        }
    }
}

impl Store {
    /// AP43: the first `limit` deliveries in a mailbox behind a position, in the order in which they were placed. Which of
    /// them still wait, only their items tell (AP44). A page's `next` is the position after it.
    pub async fn mailbox(
        &self,
        endpoint: &EndpointId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<DeliveryId>, StoreError> {
        // Positions have one length: nothing lies between one and itself with a `!` behind it.
        let from = after.map_or_else(|| BELOW_ALL.to_owned(), |position| format!("{position}!"));
        let range = Range::Between(&from, ABOVE_ALL);
        let found = self.query(Index::Gsi2, &mailbox_key(endpoint), range, limit).await?;
        let ids = found.items.iter().filter_map(|item| get_text(item, keys::SK)?.parse().ok());
        Ok(Page { items: ids.collect(), next: found.next })
    }

    /// AP44: deliveries as they are at this moment; those without an item are left out.
    pub async fn current_deliveries(
        &self,
        ids: impl IntoIterator<Item = &DeliveryId>,
    ) -> Result<HashMap<DeliveryId, Read<StoredDelivery>>, StoreError> {
        read_all(&self.batch_get(ids, true).await?, read)
    }
}

/// How the delivery of this item came to wait in its mailbox, if it does.
pub(crate) fn placed(item: &Item) -> Option<Placed> {
    let is_mailed = keys::is_mailbox(get_text(item, keys::GSI2PK)?);
    let at = time_of_key(get_text(item, keys::GSI2SK)?).filter(|_| is_mailed)?;
    Some(Placed { at, asked: asked(item) })
}

/// Who asked for what the delivery of this item waits for.
pub(crate) fn asked(item: &Item) -> Option<Asked> {
    match get_text(item, ASKED)? {
        BY_HAND => Some(Asked::ByHand),
        replay => replay.parse().ok().map(Asked::For),
    }
}
