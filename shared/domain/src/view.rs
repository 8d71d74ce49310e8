//! The wire shapes of payments, events and deliveries, as the REST API answers them and notifications carry them.
//! Unknown values are absent. Times are RFC 3339 in UTC with milliseconds, amounts integers in minor units.

use crate::{
    Attempt, DeadLetterId, Delivery, DeliveryId, DeliveryStatus, Derived, Effect, EndpointId, Event, EventId,
    EventType, FormerFields, IgnoredReason, Notice, OperationView, Payment, PaymentId, SecretId, Snapshot,
    SourceId, VerifiedBy, serde_time, serde_time_option,
};
use jiff::Timestamp;
use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub struct PaymentView {
    pub id: PaymentId,
    pub object: &'static str,
    pub source: SourceId,
    pub provider: String,
    pub provider_payment_id: String,
    #[serde(flatten)]
    pub derived: Derived,
    pub state_version: u64,
    #[serde(with = "serde_time")]
    pub created_at: Timestamp,
    #[serde(with = "serde_time")]
    pub updated_at: Timestamp,
    /// How many there are: `operations` are the newest of them.
    pub operations_count: u64,
    pub operations: Vec<OperationView>,
}

#[derive(Debug, Clone, Serialize)]
pub struct EventView {
    pub id: EventId,
    pub object: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceId>,
    pub provider: String,
    #[serde(rename = "type")]
    pub event_type: EventType,
    pub provider_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_event_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentId>,
    /// The provider's id of the payment, as the notification names it: there also where no payment is recorded, so
    /// that it can be looked up at the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_payment_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    #[serde(with = "serde_time_option", skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    #[serde(with = "serde_time")]
    pub received_at: Timestamp,
    #[serde(with = "serde_time")]
    pub created_at: Timestamp,
    /// Absent for what no provider has sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_by: Option<VerifiedBy>,
    #[serde(with = "serde_time_option", skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretId>,
    pub effect: Effect,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<IgnoredReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_version: Option<u64>,
    /// What an operational event is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<Notice>,
}

#[derive(Debug, Clone, Serialize)]
pub struct DeliveryView {
    pub id: DeliveryId,
    pub object: &'static str,
    pub event: EventId,
    pub endpoint: EndpointId,
    #[serde(rename = "type")]
    pub event_type: EventType,
    pub status: DeliveryStatus,
    #[serde(with = "serde_time")]
    pub created_at: Timestamp,
    #[serde(with = "serde_time_option", skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<DeadLetterId>,
    pub attempts: Vec<Attempt>,
}

/// The body of a delivery in `standard` format: a Standard Webhooks payload.
#[derive(Debug, Clone, Serialize)]
pub struct StandardPayload {
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// When the event occurred; when it was received, where the provider does not say.
    #[serde(with = "serde_time")]
    pub timestamp: Timestamp,
    pub data: StandardData,
}

#[derive(Debug, Clone, Serialize)]
pub struct StandardData {
    pub event: EventView,
    /// The payment as this event left it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentView>,
    /// The fields that this event changed, with their former values; `null` where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<FormerFields>,
}

impl From<&Payment> for PaymentView {
    fn from(payment: &Payment) -> Self {
        let Snapshot { derived, operations, operations_count } = payment.ledger.snapshot();
        Self {
            id: payment.id.clone(),
            object: "payment",
            source: payment.source.clone(),
            provider: payment.provider.clone(),
            provider_payment_id: payment.provider_payment_id.clone(),
            derived,
            state_version: payment.state_version,
            created_at: payment.created_at,
            updated_at: payment.updated_at,
            operations_count,
            operations,
        }
    }
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        let notification = &event.notification;
        let (effect, reason) = match (&event.transition, event.unconfirmed) {
            (Some(transition), unconfirmed) => (transition.effect, transition.reason.or(unconfirmed)),
            (None, Some(reason)) => (Effect::Unverified, Some(reason)),
            // A claim about a payment that it does not name.
            (None, None) if event.event_type == EventType::PaymentUnverified => (Effect::Unverified, None),
            (None, None) => (Effect::Ignored, Some(IgnoredReason::NotAPayment)),
        };
        Self {
            id: event.id.clone(),
            object: "event",
            source: event.source.clone(),
            provider: event.provider.clone(),
            event_type: event.event_type,
            provider_type: notification.provider_type.clone(),
            provider_event_id: notification.provider_event_id.clone(),
            payment: event.payment.clone(),
            provider_payment_id: notification.provider_payment_id.clone(),
            amount: notification.amount,
            currency: notification.currency.as_ref().map(ToString::to_string),
            occurred_at: notification.occurred_at,
            received_at: event.received_at,
            created_at: event.received_at,
            verified_by: event.notice.is_none().then_some(event.verified_by),
            confirmed_at: event.confirmed_at,
            secret: event.secret.clone(),
            effect,
            reason,
            state_version: event.transition.as_ref().map(|transition| transition.state_version),
            notice: event.notice.clone(),
        }
    }
}

impl From<&Delivery> for DeliveryView {
    fn from(delivery: &Delivery) -> Self {
        Self {
            id: delivery.id.clone(),
            object: "delivery",
            event: delivery.event.clone(),
            endpoint: delivery.endpoint.clone(),
            event_type: delivery.event_type,
            status: delivery.status,
            created_at: delivery.created_at,
            next_attempt_at: delivery.next_attempt_at,
            dead_letter: delivery.dead_letter.clone(),
            attempts: delivery.attempts.clone(),
        }
    }
}

impl From<&Event> for StandardPayload {
    /// A pure function of the stored event: the same bytes at the first attempt and at the last.
    fn from(event: &Event) -> Self {
        let payment = event.transition.as_ref().zip(event.payment.as_ref()).zip(event.source.as_ref()).map(
            |((transition, id), source)| PaymentView {
                id: id.clone(),
                object: "payment",
                source: source.clone(),
                provider: event.provider.clone(),
                provider_payment_id: event.notification.provider_payment_id.clone().unwrap_or_default(),
                derived: transition.after.derived.clone(),
                state_version: transition.state_version,
                created_at: transition.created_at,
                updated_at: transition.updated_at,
                operations_count: transition.after.operations_count,
                operations: transition.after.operations.clone(),
            },
        );
        let previous = event.transition.as_ref().map(|transition| transition.previous.clone());
        Self {
            event_type: event.event_type,
            timestamp: event.notification.occurred_at.unwrap_or(event.received_at),
            data: StandardData { event: EventView::from(event), payment, previous },
        }
    }
}
