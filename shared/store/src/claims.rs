//! Who relays an event that has no payment, and with it no outbox that could say so.
//!
//! **Guarantee:** of several messages that claim an event one gets it, until its claim is as old as the others' patience. A claim
//! guards no step, and nothing reads it but the next claim.

use crate::item::{key, number, text};
use crate::keys::{self, Keyed, claim_sort_key};
use crate::{Store, StoreError};
use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, ReturnValue};
use domain::{EventId, Recorder};
use jiff::SignedDuration;

const MESSAGE: &str = "m";
const AT: &str = "t";
/// How long claims are left for DynamoDB to delete; they mean something for minutes.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// What came of claiming an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventClaim {
    New,
    /// It was claimed before: by an earlier try of the same message, or by one that did not come to the end.
    Again,
    /// By another message, which may be at work.
    Held,
}

impl Store {
    /// AP80: claims an event, or its confirmation by the provider's API, for the message that `recorder` names. Another's
    /// claim that is as old as `patience` is taken over.
    pub async fn claim_event(
        &self,
        event: &EventId,
        is_confirmation: bool,
        recorder: &Recorder,
        patience: SignedDuration,
    ) -> Result<EventClaim, StoreError> {
        let mut item = key(event.pk(), &claim_sort_key(event, is_confirmation));
        item.insert(MESSAGE.to_owned(), text(&recorder.message));
        item.insert(AT.to_owned(), number(recorder.at.as_millisecond()));
        item.insert(keys::TTL.to_owned(), number((recorder.at + KEPT).as_second()));
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#m) OR #m = :m OR #t <= :old")
            .expression_attribute_names("#m", MESSAGE)
            .expression_attribute_names("#t", AT)
            .expression_attribute_values(":m", text(&recorder.message))
            .expression_attribute_values(":old", number((recorder.at - patience).as_millisecond()))
            .return_values(ReturnValue::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match answer {
            Ok(answer) => {
                self.meter.write(answer.consumed_capacity());
                let is_new = answer.attributes.is_none_or(|old| old.is_empty());
                Ok(if is_new { EventClaim::New } else { EventClaim::Again })
            }
            Err(error) => match error.as_service_error() {
                Some(service) if service.is_conditional_check_failed_exception() => Ok(EventClaim::Held),
                _ => Err(StoreError::unavailable("PutItem")(error)),
            },
        }
    }
}
