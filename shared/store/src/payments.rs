//! Payments: one item each, optimistically locked.

use crate::item::{
    Condition, DATA, Item, REVISION, blob, decode_item, get_number, get_text, key, number, text,
};
use crate::keys::{self, Keyed, TimeIndex, merchant_reference_key, time_sort_key};
use crate::listing::{Listed, Page, PageRequest};
use crate::query::{Index, Range};
use crate::unreadable::{read_all, read_one};
use crate::{Read, Store, StoreError, codec};
use domain::{Payment, PaymentId};
use std::collections::HashMap;

const KIND: &str = "payment";

/// A payment and the revision at which it was read; 0 for one that was never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPayment {
    pub payment: Payment,
    pub revision: u64,
}

impl Store {
    /// AP6: a payment by its id.
    pub async fn payment(&self, id: &PaymentId) -> Result<Option<StoredPayment>, StoreError> {
        self.get(id.pk(), id.sk(), true).await?.map(|item| read_one(id.sk(), read(&item))).transpose()
    }

    /// AP7: many payments by their ids; unknown ones are left out.
    ///
    /// An eventually consistent read costs half. It may miss a write of the last moments; the condition of the
    /// write that follows catches that, and the caller reads again, consistently.
    pub async fn payments(
        &self,
        ids: impl IntoIterator<Item = &PaymentId>,
        consistent: bool,
    ) -> Result<HashMap<PaymentId, Read<StoredPayment>>, StoreError> {
        read_all(&self.batch_get(ids, consistent).await?, read)
    }

    /// AP8: writes a payment that was read at `revision`.
    ///
    /// The index entries are set at creation and repeated unchanged, which costs nothing: an index is billed
    /// when what it projects changes.
    pub async fn put_payment(&self, payment: &Payment, revision: u64) -> Result<(), StoreError> {
        let mut item = key(payment.id.pk(), payment.id.sk());
        item.insert(DATA.to_owned(), blob(codec::encode(payment)));
        item.insert(REVISION.to_owned(), number(revision + 1));
        item.insert(keys::GSI1PK.to_owned(), text(TimeIndex::Payments.key_for(&payment.first_event)));
        item.insert(keys::GSI1SK.to_owned(), text(time_sort_key(payment.created_at, &payment.first_event)));
        if let Some(reference) = &payment.ledger.merchant_reference {
            item.insert(keys::GSI2PK.to_owned(), text(merchant_reference_key(&reference.value)));
            // The id keeps payments of one millisecond apart at the edge of a page.
            let created = format!("{:011x}{}", payment.created_at.as_millisecond().max(0), payment.id);
            item.insert(keys::GSI2SK.to_owned(), text(created));
        }
        self.put(item, Condition::revision(revision)).await
    }

    /// AP9: payments by the merchant's own reference, newest first. A reference longer than its key may share the entry with
    /// another, so the caller looks at the reference of what it reads (AP7).
    pub async fn payments_by_merchant_reference(
        &self,
        reference: &str,
        page: &PageRequest,
    ) -> Result<Page<Listed<PaymentId>>, StoreError> {
        let before = page.after.as_deref();
        let partition = merchant_reference_key(reference);
        let found = self.query(Index::Gsi2, &partition, Range::Descending { before }, page.limit).await?;
        let items = found.items.iter().filter_map(|entry| {
            let id = get_text(entry, keys::SK)?.parse().ok()?;
            Some(Listed { id, position: get_text(entry, keys::GSI2SK)?.to_owned() })
        });
        Ok(Page { items: items.collect(), next: found.next })
    }
}

fn read(item: &Item) -> Result<StoredPayment, StoreError> {
    Ok(StoredPayment { payment: decode_item(KIND, item)?, revision: get_number(KIND, item, REVISION)? })
}
