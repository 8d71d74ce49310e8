//! The events of a payment in the order in which they happened: a page of them costs a page, however many there are.
//!
//! All of a payment's events but the first have an entry in the sparse index, under the payment's id. The first needs none:
//! the payment's own item names it. So a payment with one event costs no more, and each further event one write unit.

use crate::item::{get_text, key};
use crate::keys::{self, Keyed, event_of_entry, timeline_key, timeline_sort_key};
use crate::listing::{Listed, Order, Page, PageRequest};
use crate::query::{Index, Range};
use crate::{Store, StoreError};
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use domain::{EventId, PaymentId};

/// Above every sort key.
const ABOVE_ALL: &str = "~";

impl Store {
    /// AP13: the events of a payment by the time at which they happened (at which they were received, where the provider
    /// does not say), then by the time at which they were received. `None` if there is no such payment.
    ///
    /// The index is eventually consistent: an event of the last moments may be missing.
    pub async fn payment_events(
        &self,
        payment: &PaymentId,
        page: &PageRequest,
        order: Order,
    ) -> Result<Option<Page<Listed<EventId>>>, StoreError> {
        let Some(first) = self.first_event(payment).await? else { return Ok(None) };
        let partition = timeline_key(payment);
        let after = page.after.as_deref();
        // Positions have one length: nothing lies between one and itself with a `!` behind it.
        let from = after.map_or_else(String::new, |position| format!("{position}!"));
        let range = match order {
            Order::Ascending if after.is_some() => Range::Between(&from, ABOVE_ALL),
            Order::Ascending => Range::UpTo { last: ABOVE_ALL, after: None },
            Order::Descending => Range::Descending { before: after },
        };
        let (found, first) = futures::try_join!(
            self.query(Index::Gsi2, &partition, range, page.limit),
            self.first_of_timeline(first)
        )?;
        let mut events: Vec<Listed<EventId>> = found
            .items
            .iter()
            .filter_map(|item| {
                let position = get_text(item, keys::GSI2SK)?.to_owned();
                Some(Listed { id: get_text(item, keys::SK)?.parse().ok()?, position })
            })
            .filter(|event| first.as_ref().is_none_or(|first| first.id != event.id))
            .collect();
        let is_behind = |first: &Listed<EventId>, position: &str| match order {
            Order::Ascending => first.position.as_str() > position,
            Order::Descending => first.position.as_str() < position,
        };
        // What lies behind the last entry of this page is for a later one.
        let last = found.next.as_ref().and_then(|_| events.last()).map(|event| event.position.clone());
        events.extend(first.filter(|first| {
            after.is_none_or(|after| is_behind(first, after))
                && last.is_none_or(|last| !is_behind(first, &last))
        }));
        events.sort_unstable_by(|a, b| match order {
            Order::Ascending => a.position.cmp(&b.position),
            Order::Descending => b.position.cmp(&a.position),
        });
        let more = found.next.is_some() || events.len() > page.limit;
        events.truncate(page.limit);
        let next = events.last().filter(|_| more).map(|event| event.position.clone());
        Ok(Some(Page { items: events, next }))
    }

    /// AP55: whether anything is known of a payment. Its ledger is not read.
    pub async fn is_known(&self, payment: &PaymentId) -> Result<bool, StoreError> {
        Ok(self.first_event(payment).await?.is_some())
    }

    /// AP55: the event that was recorded first, as the payment's item names it for the listing by time, and since when it is
    /// known. The payment itself is not read.
    async fn first_event(&self, payment: &PaymentId) -> Result<Option<First>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(payment.pk(), payment.sk())))
            .projection_expression("#s")
            .expression_attribute_names("#s", keys::GSI1SK)
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(StoreError::unavailable("GetItem"))?;
        self.meter.read(answer.consumed_capacity());
        let first = |entry: &str| {
            let id = event_of_entry(payment.pk(), entry)?;
            Some(First { id, known_since: entry.get(..keys::TIME_CHARS)?.to_owned() })
        };
        Ok(answer.item.as_ref().and_then(|item| first(get_text(item, keys::GSI1SK)?)))
    }

    /// Where the first event stands among the others; `None` once it has expired. One that can't be read stands where the
    /// payment came into being.
    async fn first_of_timeline(&self, first: First) -> Result<Option<Listed<EventId>>, StoreError> {
        let First { id, known_since } = first;
        let mut found = self.events_by_id([&id]).await?;
        let position = match found.remove(&id) {
            None => return Ok(None),
            Some(Ok(event)) => timeline_sort_key(&event),
            Some(Err(_)) => keys::timeline_position(&known_since, &known_since, &id),
        };
        Ok(Some(Listed { id, position }))
    }
}

struct First {
    id: EventId,
    /// As keys have it.
    known_since: String,
}
