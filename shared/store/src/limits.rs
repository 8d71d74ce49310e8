//! What an endpoint takes at most, held over all dispatchers: how many attempts are under way, and how many began in a
//! second.
//!
//! **Guarantee:** there are never more leases of an endpoint than its limit that have not expired. Whoever holds one and stops
//! has it until it expires; nobody has to notice. The count of a second never gives one number twice.
//!
//! Both are items of their own, and only for endpoints that need them. A lease is a member of a set, not a count: a count that
//! is lowered by somebody who stopped would have to be guessed, whereas a member says when it is void.

use crate::item::{get_number, get_text_set, key, number, text_set};
use crate::{Store, StoreError, keys};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder};
use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::EndpointId;
use jiff::{SignedDuration, Timestamp};

const KIND: &str = "endpoint's count of a second";
const LEASES: &str = "l";
const COUNT: &str = "n";
/// How long the counts are left for DynamoDB to delete; they mean something for a second.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// The right to one attempt among those that are under way at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease(String);

impl Lease {
    /// `random` tells it from others that expire in the same second.
    pub fn new(expires_at: Timestamp, random: [u8; 4]) -> Self {
        // Rounded up: it is not to be void before its time.
        let second = expires_at.as_second() + i64::from(expires_at.subsec_nanosecond() > 0);
        Self(format!("{:010x}{:08x}", second.max(0), u32::from_be_bytes(random)))
    }
}

/// Text that is no lease is void: nobody can hold it.
fn is_void(text: &str, now: Timestamp) -> bool {
    let second = text.get(..10).and_then(|digits| i64::from_str_radix(digits, 16).ok());
    second.is_none_or(|second| second < now.as_second())
}

impl Store {
    /// AP39: takes `lease`, if there are fewer than `limit` of the endpoint; tells whether it did. Leases that have expired
    /// are removed when they are in the way (AP40).
    pub async fn take_lease(
        &self,
        endpoint: &EndpointId,
        lease: &Lease,
        limit: u16,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(held) = self.try_lease(endpoint, lease, limit, now).await? else { return Ok(true) };
        let void: Vec<&str> = held.iter().map(String::as_str).filter(|text| is_void(text, now)).collect();
        if void.is_empty() {
            return Ok(false);
        }
        self.remove_leases(endpoint, void).await?;
        Ok(self.try_lease(endpoint, lease, limit, now).await?.is_none())
    }

    /// AP41: gives a lease back.
    pub async fn release_lease(&self, endpoint: &EndpointId, lease: &Lease) -> Result<(), StoreError> {
        self.remove_leases(endpoint, [lease.0.as_str()]).await
    }

    /// AP42: counts one more attempt in the second of `at`; gives how many these are now.
    pub async fn count_in_second(&self, endpoint: &EndpointId, at: Timestamp) -> Result<u32, StoreError> {
        let answer = self
            .update_limit(&keys::rate_key(endpoint), &at.as_second().to_string())
            .update_expression("ADD #n :one SET #t = :ttl")
            .expression_attribute_names("#n", COUNT)
            .expression_attribute_names("#t", keys::TTL)
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":ttl", number((at + KEPT).as_second()))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(StoreError::unavailable("UpdateItem"))?;
        self.meter.write(answer.consumed_capacity());
        get_number(KIND, &answer.attributes.unwrap_or_default(), COUNT)
    }

    /// `None` if it is taken, or else what is held.
    async fn try_lease(
        &self,
        endpoint: &EndpointId,
        lease: &Lease,
        limit: u16,
        now: Timestamp,
    ) -> Result<Option<Vec<String>>, StoreError> {
        let answer = self
            .update_limit(&keys::lease_key(endpoint), keys::LEASES)
            .update_expression("ADD #l :lease SET #t = :ttl")
            .condition_expression("attribute_not_exists(#l) OR size(#l) < :limit")
            .expression_attribute_names("#l", LEASES)
            .expression_attribute_names("#t", keys::TTL)
            .expression_attribute_values(":lease", text_set([lease.0.as_str()]))
            .expression_attribute_values(":limit", number(limit))
            .expression_attribute_values(":ttl", number((now + KEPT).as_second()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match answer {
            Ok(answer) => {
                self.meter.write(answer.consumed_capacity());
                return Ok(None);
            }
            Err(error) => error,
        };
        let Some(UpdateItemError::ConditionalCheckFailedException(full)) = error.as_service_error() else {
            return Err(StoreError::unavailable("UpdateItem")(error));
        };
        let held = full.item().map(|item| get_text_set(item, LEASES).to_vec()).unwrap_or_default();
        // Taken by a call whose answer was lost, and which the SDK has repeated.
        Ok((!held.contains(&lease.0)).then_some(held))
    }

    async fn remove_leases<'a>(
        &self,
        endpoint: &EndpointId,
        leases: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), StoreError> {
        let update = self
            .update_limit(&keys::lease_key(endpoint), keys::LEASES)
            .update_expression("DELETE #l :leases")
            // Else the release of a lease whose item has expired would make an item that does not.
            .condition_expression("attribute_exists(#l)")
            .expression_attribute_names("#l", LEASES)
            .expression_attribute_values(":leases", text_set(leases));
        self.try_update(update).await.map(drop)
    }

    fn update_limit(&self, pk: &str, sk: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(pk, sk)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }
}
