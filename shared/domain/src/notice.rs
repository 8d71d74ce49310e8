//! Operational events: what Payrelay tells about its own deliveries.
//!
//! **Guarantee:** what a notice says and the id of its event are functions of what it is about, not of when or how often
//! somebody came to tell it. A notice is never for the endpoint that it is about, and none is raised about the delivery of
//! another: two endpoints that are both down would else tell each other so for ever.

#[cfg(test)]
mod tests;

use crate::{
    Delivery, DeliveryId, EndpointId, Event, EventId, EventType, Health, Notification, VerifiedBy,
    serde_time_option,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Stands where other events name the provider.
const PROVIDER: &str = "payrelay";

/// What an operational event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub endpoint: EndpointId,
    /// Of `delivery.exhausted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryId>,
    /// The delivery's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventId>,
    #[serde(with = "serde_time_option", default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// Of a warning: how much of the time is over after which the endpoint is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Of `endpoint.disabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<DisabledReason>,
}

/// Why an endpoint was disabled: a closed list, part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisabledReason {
    /// It answered 410.
    Gone,
    /// It did nothing but fail for five days.
    Failing,
}

impl Notice {
    fn about(endpoint: EndpointId) -> Self {
        Self { endpoint, delivery: None, event: None, failing_since: None, percent: None, reason: None }
    }

    /// `endpoint.failing`: the breaker has opened, or `percent` of the time is over.
    pub fn failing(endpoint: &EndpointId, health: &Health, percent: Option<u8>, at: Timestamp) -> Event {
        let since = Some(health.failing_since);
        let notice = Self { failing_since: since, percent, ..Self::about(endpoint.clone()) };
        let key = format!("{} {}", health.failing_since.as_millisecond(), percent.unwrap_or(0));
        notice.event(EventType::EndpointFailing, &key, at)
    }

    /// `endpoint.recovered`.
    pub fn recovered(endpoint: &EndpointId, health: &Health, at: Timestamp) -> Event {
        let notice = Self { failing_since: Some(health.failing_since), ..Self::about(endpoint.clone()) };
        let key = health.failing_since.as_millisecond().to_string();
        notice.event(EventType::EndpointRecovered, &key, at)
    }

    /// `endpoint.disabled`. `enabled_at` is when the endpoint was changed last before: once it is enabled again, it can be
    /// disabled again, and that is another event.
    pub fn disabled(
        endpoint: &EndpointId,
        enabled_at: Timestamp,
        reason: DisabledReason,
        at: Timestamp,
    ) -> Event {
        let notice = Self { reason: Some(reason), ..Self::about(endpoint.clone()) };
        notice.event(EventType::EndpointDisabled, &enabled_at.as_millisecond().to_string(), at)
    }

    /// `delivery.exhausted`; `None` for the delivery of a notice.
    pub fn exhausted(delivery: &Delivery) -> Option<Event> {
        if delivery.event_type.is_notice() {
            return None;
        }
        let at = delivery.attempts.last().map_or(delivery.created_at, |attempt| attempt.at);
        let notice = Self {
            delivery: Some(delivery.id.clone()),
            event: Some(delivery.event.clone()),
            ..Self::about(delivery.endpoint.clone())
        };
        Some(notice.event(EventType::DeliveryExhausted, delivery.id.as_str(), at))
    }

    /// `key` tells this notice from others of its type about the same endpoint.
    fn event(self, event_type: EventType, key: &str, at: Timestamp) -> Event {
        Event {
            id: EventId::derive_notice(&self.endpoint, event_type, key),
            source: None,
            provider: PROVIDER.to_owned(),
            event_type,
            payment: None,
            received_at: at,
            verified_by: VerifiedBy::None,
            confirmed_at: None,
            secret: None,
            notification: Notification {
                event_type,
                provider_type: event_type.as_str().to_owned(),
                dedupe_key: key.to_owned(),
                provider_event_id: None,
                version: None,
                provider_payment_id: None,
                object_id: None,
                occurred_at: Some(at),
                amount: None,
                currency: None,
                exponent: None,
                facts: Vec::new(),
            },
            transition: None,
            unconfirmed: None,
            notice: Some(self),
            endpoints: Vec::new(),
        }
    }
}
