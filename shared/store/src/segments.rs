//! The ledger of a payment with a long history: all but its newest part stands in segments, items beside the payment's.
//!
//! A ledger is a join of registers, so it is the join of its segments and of what the payment's own item holds
//! ([`domain::Ledger::join`]). The write of an event then costs the same at the 10,000th operation as at the 100th.
//!
//! **Guarantee:** a segment is written before the item that names it and is never changed: its key contains a hash of what
//! it holds and of the segment before it, which it names. So a crash in between, or a race that was lost, leaves a segment
//! that nothing names, and a repeat writes the same bytes. Who reads a payment finds its whole ledger or an error.

use crate::item::{DATA, Item, blob, decode_item, get_text, key, text};
use crate::keys::{self, Keyed};
use crate::listing::PageRequest;
use crate::parts::short_hash;
use crate::query::{Index, Range};
use crate::{Store, StoreError, codec};
use domain::{Ledger, PaymentId};
use std::collections::HashMap;
use std::sync::Arc;

const KIND: &str = "segment of a payment";

/// In a payment's item the last segment's sort key, in a segment that of the one before.
pub(crate) const SEGMENT: &str = "seg";

/// How much of its ledger, compressed, stands in a payment's item. Every event writes that again, and every 3 KB are
/// written once more as a segment: a smaller part would make more segments of it, a larger one dearer events.
const MAX_IN_HEAD_BYTES: usize = 3 * 1024;

/// DynamoDB takes 400 KB an item. A segment is this large only where one event tells of thousands of operations.
const MAX_SEGMENT_BYTES: usize = 300 * 1024;

/// As many as one answer of Query holds, which ends at 1 MB.
const PAGE: usize = 1000;

/// What the segments of a payment hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) ledger: Arc<Ledger>,
    /// The sort key of the last segment.
    last: Option<String>,
}

/// What is to be written of a ledger.
pub(crate) struct Layout {
    /// In this order, before the payment's item.
    pub(crate) segments: Vec<Item>,
    /// What stays in that.
    pub(crate) ledger: Ledger,
    /// The last segment, which it names.
    pub(crate) last: Option<String>,
}

impl Base {
    /// Lays out a ledger that has grown from this one.
    pub(crate) fn lay_out(
        self,
        payment: &PaymentId,
        revision: u64,
        ledger: Ledger,
    ) -> Result<Layout, StoreError> {
        let news = ledger.beyond(&self.ledger);
        let mut layout = Layout { segments: Vec::new(), ledger: news, last: self.last };
        let plain = serde_json::to_vec(&layout.ledger).expect("plain data serialises");
        if plain.len() <= MAX_IN_HEAD_BYTES || codec::encode_bytes(&plain)?.len() <= MAX_IN_HEAD_BYTES {
            return Ok(layout);
        }
        let mut pieces = Vec::new();
        cut(std::mem::take(&mut layout.ledger), &mut pieces)?;
        for data in pieces {
            let sk = segment_key(payment, revision, layout.last.as_deref(), &data);
            let mut item = key(payment.pk(), &sk);
            item.insert(DATA.to_owned(), blob(data));
            item.extend(layout.last.take().map(|before| (SEGMENT.to_owned(), text(before))));
            layout.segments.push(item);
            layout.last = Some(sk);
        }
        Ok(layout)
    }
}

/// Into pieces that fit into an item each.
fn cut(ledger: Ledger, pieces: &mut Vec<Vec<u8>>) -> Result<(), StoreError> {
    let data = codec::encode(&ledger)?;
    if data.len() <= MAX_SEGMENT_BYTES {
        pieces.push(data);
        return Ok(());
    }
    let (one, other) = ledger.halve();
    if one.is_empty() || other.is_empty() {
        return Err(StoreError::TooLarge);
    }
    cut(one, pieces)?;
    cut(other, pieces)
}

fn prefix(payment: &PaymentId) -> String {
    format!("seg#{payment}#")
}

/// Sorts by age. The hash keeps what two writers make of the same revision apart.
fn segment_key(payment: &PaymentId, revision: u64, before: Option<&str>, data: &[u8]) -> String {
    let hash = short_hash(&[before.unwrap_or_default().as_bytes(), data].concat());
    format!("{}{revision:08x}#{hash}", prefix(payment))
}

impl Store {
    /// AP51: what the segments of a payment hold, up to the one that its item names.
    pub(crate) async fn base(
        &self,
        payment: &PaymentId,
        last: &str,
        consistent: bool,
    ) -> Result<Base, StoreError> {
        // Segments are written before they are named, but a read that is not consistent may see that order reversed.
        let reads = if consistent { [Some(true), None] } else { [Some(false), Some(true)] };
        for consistent in reads.into_iter().flatten() {
            let segments = self.segments(payment, consistent).await?;
            if let Some(ledger) = joined(&segments, last)? {
                return Ok(Base { ledger: Arc::new(ledger), last: Some(last.to_owned()) });
            }
        }
        Err(StoreError::corrupt(KIND, "a segment is missing"))
    }

    async fn segments(
        &self,
        payment: &PaymentId,
        consistent: bool,
    ) -> Result<HashMap<String, Item>, StoreError> {
        let index = if consistent { Index::Table } else { Index::TableEventually };
        let prefix = prefix(payment);
        let mut found = HashMap::new();
        let mut request = PageRequest { after: None, limit: PAGE };
        loop {
            let range = Range::Prefix { prefix: &prefix, after: request.after.as_deref() };
            let page = self.query(index, payment.pk(), range, request.limit).await?;
            found.extend(page.items.into_iter().filter_map(|item| {
                let sk = get_text(&item, keys::SK)?.to_owned();
                Some((sk, item))
            }));
            match page.next {
                Some(next) => request.after = Some(next),
                None => return Ok(found),
            }
        }
    }
}

/// `None` if one of them is missing.
fn joined(segments: &HashMap<String, Item>, last: &str) -> Result<Option<Ledger>, StoreError> {
    let mut ledger = Ledger::default();
    let mut next = Some(last);
    // A chain does not come back to where it was: each hash covers the one before.
    while let Some(sk) = next {
        let Some(item) = segments.get(sk) else { return Ok(None) };
        ledger.join(decode_item(KIND, item)?);
        next = get_text(item, SEGMENT);
    }
    Ok(Some(ledger))
}

#[cfg(test)]
mod tests;
