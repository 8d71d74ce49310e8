//! Payments: one item each, optimistically locked. What a long history has grown to stands beside it ([`segments`]).
//!
//! [`segments`]: crate::segments

use crate::item::{
    Condition, DATA, Item, REVISION, blob, decode_item, get_number, get_text, key, number, text,
};
use crate::keys::{self, Keyed, TimeIndex, merchant_reference_key, time_sort_key};
use crate::listing::{Listed, Page, PageRequest};
use crate::query::{Index, Range};
use crate::segments::{Base, Layout, SEGMENT};
use crate::unreadable::{read_all_parts, read_one};
use crate::{Read, Store, StoreError, codec};
use domain::{Payment, PaymentId};
use std::collections::HashMap;

const KIND: &str = "payment";

/// The most bytes of a payment's item beside its keys.
const MAX_HEAD_BYTES: usize = 380 * 1024;

/// A payment and the revision at which it was read; 0 for one that was never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPayment {
    pub payment: Payment,
    pub revision: u64,
    /// The part of its ledger that is not written again.
    base: Base,
}

impl StoredPayment {
    /// One that was never stored.
    pub fn new(payment: Payment) -> Self {
        Self { payment, revision: 0, base: Base::default() }
    }
}

impl Store {
    /// AP6: a payment by its id.
    pub async fn payment(&self, id: &PaymentId) -> Result<Option<StoredPayment>, StoreError> {
        match self.get(id.pk(), id.sk(), true).await? {
            Some(item) => read_one(id.sk(), self.read_payment(&item, true).await).map(Some),
            None => Ok(None),
        }
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
        let items = self.batch_get(ids, consistent).await?;
        read_all_parts(items, |item| async move { self.read_payment(&item, consistent).await }).await
    }

    pub(crate) async fn read_payment(
        &self,
        item: &Item,
        consistent: bool,
    ) -> Result<StoredPayment, StoreError> {
        let mut base = None;
        if let Some(last) = get_text(item, SEGMENT) {
            let id = get_text(item, keys::SK).and_then(|id| id.parse().ok());
            let id = id.ok_or_else(|| StoreError::corrupt(KIND, "no id"))?;
            base = Some(self.base(&id, last, consistent).await?);
        }
        StoredPayment::from_head(item, base)
    }

    /// AP8: writes a payment as it has become since it was read. AP52: the segments that it needs before that.
    ///
    /// The index entries are set at creation and repeated unchanged, which costs nothing: an index is billed
    /// when what it projects changes.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] before anything is written.
    pub async fn put_payment(&self, stored: StoredPayment) -> Result<(), StoreError> {
        let revision = stored.revision;
        let (segments, head) = stored.items()?;
        for segment in segments {
            self.put_part(segment).await?;
        }
        self.put(head, Condition::revision(revision)).await
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

impl StoredPayment {
    pub(crate) fn from_head(item: &Item, base: Option<Base>) -> Result<Self, StoreError> {
        let mut payment: Payment = decode_item(KIND, item)?;
        let revision = get_number(KIND, item, REVISION)?;
        let base = base.unwrap_or_default();
        if !base.ledger.is_empty() {
            let news = std::mem::replace(&mut payment.ledger, base.ledger.as_ref().clone());
            payment.ledger.join(news);
        }
        Ok(Self { payment, revision, base })
    }

    /// The segments, in the order in which they are to be written, and the payment's item.
    pub(crate) fn items(self) -> Result<(Vec<Item>, Item), StoreError> {
        let Self { mut payment, revision, base } = self;
        let mut item = key(payment.id.pk(), payment.id.sk());
        item.insert(REVISION.to_owned(), number(revision + 1));
        item.insert(keys::GSI1PK.to_owned(), text(TimeIndex::Payments.key_for(&payment.first_event)));
        item.insert(keys::GSI1SK.to_owned(), text(time_sort_key(payment.created_at, &payment.first_event)));
        if let Some(reference) = &payment.ledger.merchant_reference {
            item.insert(keys::GSI2PK.to_owned(), text(merchant_reference_key(&reference.value)));
            // The id keeps payments of one millisecond apart at the edge of a page.
            let created = format!("{:011x}{}", payment.created_at.as_millisecond().max(0), payment.id);
            item.insert(keys::GSI2SK.to_owned(), text(created));
        }
        let Layout { segments, ledger, last } =
            base.lay_out(&payment.id, revision + 1, std::mem::take(&mut payment.ledger))?;
        payment.ledger = ledger;
        item.extend(last.map(|last| (SEGMENT.to_owned(), text(last))));
        let data = codec::encode(&payment)?;
        if data.len() > MAX_HEAD_BYTES {
            return Err(StoreError::TooLarge);
        }
        item.insert(DATA.to_owned(), blob(data));
        Ok((segments, item))
    }
}
