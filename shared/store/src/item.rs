//! The few `AttributeValue`s that this crate handles.

use crate::keys::{self, Keyed};
use crate::{Store, StoreError, codec};
use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder,
    primitives::Blob,
    types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity, ReturnValue},
};
use serde::de::DeserializeOwned;
use std::collections::{BTreeSet, HashMap};

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The attribute that holds the compressed value.
pub(crate) const DATA: &str = "d";
/// Counts the writes of an item; the expectation of the next one.
pub(crate) const REVISION: &str = "rev";

/// DynamoDB's own limit for one BatchGetItem.
const BATCH_GET_KEYS: usize = 100;
/// After so many answers in a row that give nothing and leave all, the rest is taken for unreadable at this moment.
const MAX_FRUITLESS_ANSWERS: u32 = 3;

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn blob(bytes: Vec<u8>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

pub(crate) fn key(pk: &str, sk: &str) -> Item {
    HashMap::from([(keys::PK.to_owned(), text(pk)), (keys::SK.to_owned(), text(sk))])
}

pub(crate) fn get_text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

pub(crate) fn text_set<'a>(values: impl IntoIterator<Item = &'a str>) -> AttributeValue {
    AttributeValue::Ss(values.into_iter().map(str::to_owned).collect())
}

/// Empty where there is none.
pub(crate) fn get_text_set<'a>(item: &'a Item, name: &str) -> &'a [String] {
    item.get(name).and_then(|value| value.as_ss().ok()).map_or(&[], Vec::as_slice)
}

pub(crate) fn get_number<T: std::str::FromStr>(
    kind: &'static str,
    item: &Item,
    name: &str,
) -> Result<T, StoreError> {
    item.get(name)
        .and_then(|value| value.as_n().ok())
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| StoreError::corrupt(kind, format!("no number in `{name}`")))
}

pub(crate) fn get_blob<'a>(kind: &'static str, item: &'a Item) -> Result<&'a [u8], StoreError> {
    get_blob_named(kind, item, DATA)
}

pub(crate) fn get_blob_named<'a>(
    kind: &'static str,
    item: &'a Item,
    name: &str,
) -> Result<&'a [u8], StoreError> {
    item.get(name)
        .and_then(|value| value.as_b().ok())
        .map(Blob::as_ref)
        .ok_or_else(|| StoreError::corrupt(kind, format!("no bytes in `{name}`")))
}

pub(crate) fn decode_item<T: DeserializeOwned>(kind: &'static str, item: &Item) -> Result<T, StoreError> {
    codec::decode(kind, get_blob(kind, item)?)
}

impl Store {
    pub(crate) async fn get(&self, pk: &str, sk: &str, consistent: bool) -> Result<Option<Item>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(pk, sk)))
            .consistent_read(consistent)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(StoreError::unavailable("GetItem"))?;
        self.meter.read(answer.consumed_capacity());
        Ok(answer.item)
    }

    /// Reads many items; absent ones are left out. Unprocessed keys are asked for again. A key that is wanted
    /// twice is read once: DynamoDB refuses repeats.
    pub(crate) async fn batch_get<'a, K: Keyed + 'a>(
        &self,
        wanted: impl IntoIterator<Item = &'a K>,
        consistent: bool,
    ) -> Result<Vec<Item>, StoreError> {
        let wanted: BTreeSet<(&str, &str)> = wanted.into_iter().map(|id| (id.pk(), id.sk())).collect();
        let mut found = Vec::with_capacity(wanted.len());
        let mut pending: Vec<Item> = wanted.into_iter().map(|(pk, sk)| key(pk, sk)).collect();
        let mut fruitless = 0;
        while !pending.is_empty() {
            let rest = pending.split_off(pending.len().min(BATCH_GET_KEYS));
            let asked = pending.len();
            let request = KeysAndAttributes::builder()
                .set_keys(Some(pending))
                .consistent_read(consistent)
                .build()
                .expect("keys are set");
            let mut answer = self
                .client
                .batch_get_item()
                .request_items(&self.table, request)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(StoreError::unavailable("BatchGetItem"))?;
            self.meter.read(answer.consumed_capacity());
            found.extend(answer.responses.take().unwrap_or_default().into_values().flatten());
            let unprocessed = answer.unprocessed_keys.take().unwrap_or_default();
            let left: Vec<Item> = unprocessed.into_values().flat_map(|left| left.keys).collect();
            fruitless = if left.len() < asked { 0 } else { fruitless + 1 };
            if fruitless == MAX_FRUITLESS_ANSWERS {
                let source = "DynamoDB leaves the same keys unprocessed again and again".into();
                return Err(StoreError::Unavailable { operation: "BatchGetItem", source });
            }
            pending = rest;
            pending.extend(left);
        }
        Ok(found)
    }

    /// Deletes an item. Gives what was there, if `old` asks for it.
    pub(crate) async fn delete(
        &self,
        pk: &str,
        sk: &str,
        old: ReturnValue,
    ) -> Result<Option<Item>, StoreError> {
        let answer = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(pk, sk)))
            .return_values(old)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(StoreError::unavailable("DeleteItem"))?;
        self.meter.write(answer.consumed_capacity());
        Ok(answer.attributes.filter(|old| !old.is_empty()))
    }

    /// Changes an item if the update's own condition holds; tells whether it did.
    pub(crate) async fn try_update(&self, update: UpdateItemFluentBuilder) -> Result<bool, StoreError> {
        match update.send().await {
            Ok(answer) => {
                self.meter.write(answer.consumed_capacity());
                Ok(true)
            }
            Err(error) => match error.as_service_error() {
                Some(service) if service.is_conditional_check_failed_exception() => Ok(false),
                _ => Err(StoreError::unavailable("UpdateItem")(error)),
            },
        }
    }

    /// Writes an item if `condition` holds; [`StoreError::Conflict`] if it does not.
    pub(crate) async fn put(&self, item: Item, condition: Condition<'_>) -> Result<(), StoreError> {
        let mut request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .expression_attribute_names("#k", condition.attribute());
        request = match condition {
            Condition::Absent | Condition::AbsentAttribute(_) => {
                request.condition_expression("attribute_not_exists(#k)")
            }
            Condition::Equals(_, value) => {
                request.condition_expression("#k = :v").expression_attribute_values(":v", number(value))
            }
        };
        let answer = request.send().await.map_err(|error| match error.as_service_error() {
            Some(service) if service.is_conditional_check_failed_exception() => StoreError::Conflict,
            Some(service) if is_item_too_large(service.meta().message()) => StoreError::TooLarge,
            _ => StoreError::unavailable("PutItem")(error),
        })?;
        self.meter.write(answer.consumed_capacity());
        Ok(())
    }
}

/// What a write expects to find.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Condition<'a> {
    Absent,
    /// Holds for an item that is not there as well.
    AbsentAttribute(&'a str),
    Equals(&'a str, u64),
}

impl<'a> Condition<'a> {
    /// Revision 0 stands for an item that was never stored.
    pub(crate) fn revision(revision: u64) -> Condition<'static> {
        match revision {
            0 => Condition::Absent,
            revision => Condition::Equals(REVISION, revision),
        }
    }

    fn attribute(self) -> &'a str {
        match self {
            Self::Absent => keys::PK,
            Self::AbsentAttribute(name) | Self::Equals(name, _) => name,
        }
    }
}

/// DynamoDB has no error code of its own for this: a ValidationException says so in words
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-items>).
fn is_item_too_large(message: Option<&str>) -> bool {
    message.is_some_and(|message| message.contains("Item size") && message.contains("exceeded"))
}
