//! Values that exceed one item: cut into parts, each an item of its own beside the one that they belong to.
//!
//! **Guarantee:** parts are written before the item that names them, and are never changed: a part's key contains the hash
//! of the whole value. So a crash in between leaves parts that nothing names, a repeat writes the same parts again, and two
//! writers with different values do not disturb each other. Who reads an item finds all its parts or an error.

use crate::item::{Item, blob, get_blob_named, get_text, key, number, text};
use crate::keys::{self, Keyed};
use crate::{Store, StoreError};
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use futures::future::try_join_all;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write;

/// The most bytes of a value that stand in one item. DynamoDB takes 400 KB an item, of which the key and the other
/// attributes need their part
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-items>).
pub(crate) const MAX_PART_BYTES: usize = 360 * 1024;

/// What an item can hold with its parts. No reader has to load more for one item.
pub(crate) const MAX_PARTS: usize = 16;

/// In place of the value: how many parts there are, and the hash of the whole.
const PARTS: &str = "p";

/// Keeps parts out of the ranges in which their items are looked for.
const PREFIX: &str = "part#";

/// The key of one part.
struct Part {
    pk: String,
    sk: String,
}

impl Keyed for Part {
    fn pk(&self) -> &str {
        &self.pk
    }

    fn sk(&self) -> &str {
        &self.sk
    }
}

fn part(pk: &str, sk: &str, hash: &str, number: usize) -> Part {
    Part { pk: pk.to_owned(), sk: format!("{PREFIX}{sk}#{hash}#{number:02}") }
}

impl Store {
    /// Puts `value` under `name` into `item`, which has its key already; what is too large for it is written as parts first.
    /// Costs one write unit for each KB of the parts.
    ///
    /// `expires_at`: the TTL of the parts, in seconds since the epoch; none for items that stay.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] above [`MAX_PARTS`] parts; nothing is written then.
    pub(crate) async fn place(
        &self,
        item: &mut Item,
        name: &str,
        value: Vec<u8>,
        expires_at: Option<i64>,
    ) -> Result<(), StoreError> {
        if value.len() <= MAX_PART_BYTES {
            item.insert(name.to_owned(), blob(value));
            return Ok(());
        }
        let chunks: Vec<&[u8]> = value.chunks(MAX_PART_BYTES).collect();
        if chunks.len() > MAX_PARTS {
            return Err(StoreError::TooLarge);
        }
        let hash = short_hash(&value);
        let (pk, sk) = key_of(item);
        try_join_all(chunks.iter().enumerate().map(async |(index, chunk)| {
            let Part { pk, sk } = part(pk, sk, &hash, index);
            let mut part = key(&pk, &sk);
            part.insert(name.to_owned(), blob(chunk.to_vec()));
            part.extend(expires_at.map(|at| (keys::TTL.to_owned(), number(at))));
            self.put_part(part).await
        }))
        .await?;
        item.insert(PARTS.to_owned(), text(format!("{}:{hash}", chunks.len())));
        Ok(())
    }

    /// The value that [`Store::place`] put under `name`. Costs as many reads as there are parts, and none where there are
    /// none.
    pub(crate) async fn placed<'a>(
        &self,
        kind: &'static str,
        item: &'a Item,
        name: &str,
    ) -> Result<Cow<'a, [u8]>, StoreError> {
        let Some(parts) = parts_of(kind, item)? else {
            return get_blob_named(kind, item, name).map(Cow::Borrowed);
        };
        // Consistent: they were written before the item, so whoever sees the item has to see them.
        let found = self.batch_get(&parts, true).await?;
        let found: HashMap<&str, &Item> =
            found.iter().filter_map(|item| Some((get_text(item, keys::SK)?, item))).collect();
        let mut value = Vec::with_capacity(parts.len() * MAX_PART_BYTES);
        for part in &parts {
            let item = found.get(part.sk()).ok_or_else(|| StoreError::corrupt(kind, "a part is missing"))?;
            value.extend_from_slice(get_blob_named(kind, item, name)?);
        }
        Ok(Cow::Owned(value))
    }

    /// Deletes the parts of an item that has been deleted.
    pub(crate) async fn delete_parts(&self, kind: &'static str, item: &Item) -> Result<(), StoreError> {
        let parts = parts_of(kind, item)?.unwrap_or_default();
        try_join_all(parts.iter().map(async |part| {
            let answer = self
                .client
                .delete_item()
                .table_name(&self.table)
                .set_key(Some(key(&part.pk, &part.sk)))
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(StoreError::unavailable("DeleteItem"))?;
            self.meter.write(answer.consumed_capacity());
            Ok(())
        }))
        .await
        .map(drop)
    }

    /// Without a condition: whoever writes this key writes these bytes.
    pub(crate) async fn put_part(&self, part: Item) -> Result<(), StoreError> {
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(part))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(StoreError::unavailable("PutItem"))?;
        self.meter.write(answer.consumed_capacity());
        Ok(())
    }
}

fn key_of(item: &Item) -> (&str, &str) {
    let name = |name| get_text(item, name).unwrap_or_default();
    (name(keys::PK), name(keys::SK))
}

fn parts_of(kind: &'static str, item: &Item) -> Result<Option<Vec<Part>>, StoreError> {
    let Some(named) = get_text(item, PARTS) else { return Ok(None) };
    let (pk, sk) = key_of(item);
    let read = || {
        let (count, hash) = named.split_once(':')?;
        let count: usize = count.parse().ok().filter(|count| *count <= MAX_PARTS)?;
        Some((0..count).map(|number| part(pk, sk, hash, number)).collect())
    };
    read().map(Some).ok_or_else(|| StoreError::corrupt(kind, format!("`{PARTS}` names no parts")))
}

/// 80 bits: enough to tell the few values apart that one item ever has.
pub(crate) fn short_hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..10].iter().fold(String::with_capacity(20), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
