//! Configuration: sources, endpoints, API keys. Few items, read often and cached by their readers, so each kind
//! lives under one key and is listed by one Query.

use crate::item::{Condition, DATA, Item, REVISION, blob, decode_item, get_number, key, number};
use crate::listing::{Page, PageRequest, Positioned};
use crate::query::{Index, Range};
use crate::unreadable::{read_one, read_page};
use crate::{Read, Store, StoreError, codec};
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use domain::{ApiKey, Endpoint, Source};
use serde::{Serialize, de::DeserializeOwned};

/// A kind of configuration item.
pub trait Config: Serialize + DeserializeOwned + Send + Sync {
    const KIND: &'static str;
    fn key(&self) -> &str;
}

impl Config for Source {
    const KIND: &'static str = "source";
    fn key(&self) -> &str {
        self.id.as_str()
    }
}

impl Config for Endpoint {
    const KIND: &'static str = "endpoint";
    fn key(&self) -> &str {
        self.id.as_str()
    }
}

impl Config for ApiKey {
    const KIND: &'static str = "api_key";
    fn key(&self) -> &str {
        self.id.as_str()
    }
}

/// An item and the revision at which it was read: the expectation of the write that follows, and its ETag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    pub value: T,
    pub revision: u64,
}

impl Store {
    /// AP1: a configuration item by its id. Consistent: a change is seen by the next request.
    pub async fn config<C: Config>(&self, id: &str) -> Result<Option<Versioned<C>>, StoreError> {
        self.get(C::KIND, id, true).await?.map(|item| read_one(id, read::<C>(&item))).transpose()
    }

    /// AP2: writes a new item; [`StoreError::Conflict`] if the id is taken.
    pub async fn create_config<C: Config>(&self, value: &C) -> Result<u64, StoreError> {
        self.replace_config(value, 0).await
    }

    /// AP3: replaces the item that was read at `revision`; gives the new revision.
    pub async fn replace_config<C: Config>(&self, value: &C, revision: u64) -> Result<u64, StoreError> {
        let next = revision + 1;
        let mut item = key(C::KIND, value.key());
        item.insert(DATA.to_owned(), blob(codec::encode(value)?));
        item.insert(REVISION.to_owned(), number(next));
        self.put(item, Condition::revision(revision)).await?;
        Ok(next)
    }

    /// AP4: deletes an item, if it still has `revision` where one is given. Tells whether it was there.
    pub async fn delete_config<C: Config>(
        &self,
        id: &str,
        revision: Option<u64>,
    ) -> Result<bool, StoreError> {
        let mut request = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(C::KIND, id)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .return_values(aws_sdk_dynamodb::types::ReturnValue::AllOld);
        if let Some(revision) = revision {
            request = request
                .condition_expression("#r = :r")
                .expression_attribute_names("#r", REVISION)
                .expression_attribute_values(":r", number(revision));
        }
        let answer = request.send().await.map_err(|error| match error.as_service_error() {
            Some(service) if service.is_conditional_check_failed_exception() => StoreError::Conflict,
            _ => StoreError::unavailable("DeleteItem")(error),
        })?;
        self.meter.write(answer.consumed_capacity());
        Ok(answer.attributes.is_some_and(|old| !old.is_empty()))
    }

    /// AP5: the items of a kind, newest first (ids sort by time).
    pub async fn configs<C: Config>(
        &self,
        page: &PageRequest,
    ) -> Result<Page<Positioned<Read<Versioned<C>>>>, StoreError> {
        let before = page.after.as_deref();
        let found = self.query(Index::Table, C::KIND, Range::Descending { before }, page.limit).await?;
        read_page(found, read::<C>)
    }

    /// AP5, all pages: for readers that need every item, such as the matching of events to endpoints. One that can't be read
    /// is left out: what it asks for can't be done, and all the others are not to wait for its repair.
    pub async fn all_configs<C: Config>(&self) -> Result<Vec<C>, StoreError> {
        let all = self.each_config::<C>().await?;
        Ok(all.into_iter().filter_map(|config| Some(config.item.ok()?.value)).collect())
    }

    /// AP5: the ids of all items, those that can't be read included.
    pub async fn config_ids<C: Config>(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.each_config::<C>().await?.into_iter().map(|config| config.position).collect())
    }

    async fn each_config<C: Config>(&self) -> Result<Vec<Positioned<Read<Versioned<C>>>>, StoreError> {
        let mut all = Vec::new();
        let mut request = PageRequest { after: None, limit: 1000 };
        loop {
            let page = self.configs::<C>(&request).await?;
            all.extend(page.items);
            match page.next {
                Some(next) => request.after = Some(next),
                None => return Ok(all),
            }
        }
    }
}

fn read<C: Config>(item: &Item) -> Result<Versioned<C>, StoreError> {
    Ok(Versioned { value: decode_item(C::KIND, item)?, revision: get_number(C::KIND, item, REVISION)? })
}
