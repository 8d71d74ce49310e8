//! How endpoints fare: one small item for each that fails or is slow, none for those that answer in good time.
//!
//! Failing and slow stand in one item, so that one read of half a unit gives both. They are written and forgotten each by
//! itself: an attempt that was slow may well succeed.
//!
//! Failures are counted in place: many dispatchers at once meet the same endpoint, and a count on condition of the one that
//! was read would cost each of them a read and several tries at the very moment when there is trouble enough.

use crate::item::{Item, get_number, key, number};
use crate::keys::{self, HEALTH, Keyed};
use crate::unreadable::{read_by_partition, read_one};
use crate::{Store, StoreError};
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, ReturnValue};
use domain::{EndpointId, Health, Standing};
use jiff::Timestamp;
use std::collections::HashMap;

const KIND: &str = "endpoint's health";
const FAILURES: &str = "f";
const SINCE: &str = "s";
const PROBE: &str = "p";
const WARNED: &str = "w";
const SLOW_UNTIL: &str = "u";

/// The key of an endpoint's item.
struct Of<'a>(&'a EndpointId);

impl Keyed for Of<'_> {
    fn pk(&self) -> &str {
        self.0.as_str()
    }

    fn sk(&self) -> &str {
        HEALTH
    }
}

impl Store {
    /// AP33: how an endpoint fares.
    pub async fn standing(&self, endpoint: &EndpointId, consistent: bool) -> Result<Standing, StoreError> {
        let item = self.get(endpoint.as_str(), HEALTH, consistent).await?;
        item.map_or(Ok(Standing::default()), |item| read_one(endpoint.as_str(), read(&item)))
    }

    /// AP33 for many; those of which nothing is known, or nothing can be read, are left out.
    pub async fn standings(
        &self,
        endpoints: impl IntoIterator<Item = &EndpointId>,
    ) -> Result<HashMap<EndpointId, Standing>, StoreError> {
        let wanted: Vec<Of<'_>> = endpoints.into_iter().map(Of).collect();
        read_by_partition(&self.batch_get(&wanted, false).await?, read)
    }

    /// AP34: counts a failure; gives what it makes.
    pub async fn note_failure(&self, endpoint: &EndpointId, at: Timestamp) -> Result<Standing, StoreError> {
        let answer = self
            .update_health(endpoint)
            .update_expression("ADD #f :one SET #s = if_not_exists(#s, :at), #t = :ttl")
            .expression_attribute_names("#f", FAILURES)
            .expression_attribute_names("#s", SINCE)
            .expression_attribute_names("#t", keys::TTL)
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":at", number(at.as_millisecond()))
            .expression_attribute_values(":ttl", number(self.retention.expiry(at)))
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .map_err(StoreError::unavailable("UpdateItem"))?;
        self.meter.write(answer.consumed_capacity());
        read(&answer.attributes.unwrap_or_default())
    }

    /// AP38: notes that the endpoint is slow. Of several at once any may win: they differ by moments.
    pub async fn note_slow(&self, endpoint: &EndpointId, until: Timestamp) -> Result<(), StoreError> {
        let update = self
            .update_health(endpoint)
            .update_expression("SET #u = :until, #t = :ttl")
            .expression_attribute_names("#u", SLOW_UNTIL)
            .expression_attribute_names("#t", keys::TTL)
            .expression_attribute_values(":until", number(until.as_millisecond()))
            .expression_attribute_values(":ttl", number(self.retention.expiry(until)));
        self.try_update(update).await.map(drop)
    }

    /// AP35: sets the time of the next probe, if it is as it was read; tells whether it was. From `None` this opens
    /// the breaker; from a time that has come it takes the right to the probe, for one of all that want it.
    pub async fn set_probe(
        &self,
        endpoint: &EndpointId,
        from: Option<Timestamp>,
        to: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut update = self
            .update_health(endpoint)
            .update_expression("SET #p = :to")
            .expression_attribute_names("#p", PROBE)
            .expression_attribute_values(":to", number(to.as_millisecond()));
        update = match from {
            Some(from) => update
                .condition_expression("#p = :from")
                .expression_attribute_values(":from", number(from.as_millisecond())),
            None => update
                .condition_expression("attribute_exists(#s) AND attribute_not_exists(#p)")
                .expression_attribute_names("#s", SINCE),
        };
        self.try_update(update).await
    }

    /// AP36: notes that a warning was given, if the endpoint has been failing since `since`.
    pub async fn note_warning(
        &self,
        endpoint: &EndpointId,
        since: Timestamp,
        percent: u8,
    ) -> Result<bool, StoreError> {
        let update = self
            .update_health(endpoint)
            .update_expression("SET #w = :percent")
            .condition_expression("#s = :since")
            .expression_attribute_names("#w", WARNED)
            .expression_attribute_names("#s", SINCE)
            .expression_attribute_values(":percent", number(percent))
            .expression_attribute_values(":since", number(since.as_millisecond()));
        self.try_update(update).await
    }

    /// AP37: forgets the failures since `since`, if these are the ones that are counted.
    pub async fn clear_health(&self, endpoint: &EndpointId, since: Timestamp) -> Result<(), StoreError> {
        let update = self
            .update_health(endpoint)
            .update_expression("REMOVE #f, #s, #p, #w")
            .condition_expression("#s = :since")
            .expression_attribute_names("#f", FAILURES)
            .expression_attribute_names("#s", SINCE)
            .expression_attribute_names("#p", PROBE)
            .expression_attribute_names("#w", WARNED)
            .expression_attribute_values(":since", number(since.as_millisecond()));
        self.try_update(update).await.map(drop)
    }

    /// AP37: forgets all that is known of how an endpoint fares.
    pub async fn forget_standing(&self, endpoint: &EndpointId) -> Result<(), StoreError> {
        self.delete(endpoint.as_str(), HEALTH, ReturnValue::None).await.map(drop)
    }

    fn update_health(&self, endpoint: &EndpointId) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(endpoint.as_str(), HEALTH)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }
}

fn read(item: &Item) -> Result<Standing, StoreError> {
    let time = |name| {
        let milliseconds = get_number(KIND, item, name)?;
        Timestamp::from_millisecond(milliseconds).map_err(|error| StoreError::corrupt(KIND, error))
    };
    let is_there = |name: &&str| item.contains_key(*name);
    let slow_until = Some(SLOW_UNTIL).filter(is_there).map(time).transpose()?;
    if !is_there(&SINCE) {
        return Ok(Standing { health: None, slow_until });
    }
    let health = Health {
        consecutive_failures: get_number(KIND, item, FAILURES)?,
        failing_since: time(SINCE)?,
        next_probe_at: Some(PROBE).filter(is_there).map(time).transpose()?,
        warned_percent: Some(WARNED).filter(is_there).map(|name| get_number(KIND, item, name)).transpose()?,
    };
    Ok(Standing { health: Some(health), slow_until })
}
