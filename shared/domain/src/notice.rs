//! Operational events: what Payrelay tells about its own deliveries, and about sources that are not as they should be.
//!
//! **Guarantee:** the id of a notice's event is a function of what it is about, not of when or how often somebody came to
//! tell it; whoever comes first has said what it says. A notice is never for the endpoint that it is about, and none is
//! raised about the delivery of another: two endpoints that are both down would else tell each other so for ever.

#[cfg(test)]
mod tests;

use crate::{
    Delivery, DeliveryId, EndpointId, Event, EventId, EventType, Filling, FillingStep, Health, Notification,
    Silence, SourceId, VerifiedBy, serde_time_option,
};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Stands where other events name the provider.
const PROVIDER: &str = "payrelay";

/// What an operational event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    #[serde(flatten)]
    pub subject: Subject,
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
    /// Of `source.silent`.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub silence: Option<Silence>,
    /// Of `quarantine.growing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<Quarantine>,
}

/// Whom a notice is about: one member of it, by the kind's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Endpoint(EndpointId),
    Source(SourceId),
}

impl Subject {
    fn as_str(&self) -> &str {
        match self {
            Self::Endpoint(id) => id.as_str(),
            Self::Source(id) => id.as_str(),
        }
    }
}

/// What had been refused of a source on a day when somebody looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// In UTC.
    pub day: Date,
    #[serde(flatten)]
    pub filling: Filling,
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
    fn about(subject: Subject) -> Self {
        Self {
            subject,
            delivery: None,
            event: None,
            failing_since: None,
            percent: None,
            reason: None,
            silence: None,
            quarantine: None,
        }
    }

    fn of_endpoint(id: &EndpointId) -> Self {
        Self::about(Subject::Endpoint(id.clone()))
    }

    fn of_source(id: &SourceId) -> Self {
        Self::about(Subject::Source(id.clone()))
    }

    pub fn endpoint(&self) -> Option<&EndpointId> {
        match &self.subject {
            Subject::Endpoint(id) => Some(id),
            Subject::Source(_) => None,
        }
    }

    /// `endpoint.failing`: the breaker has opened, or `percent` of the time is over.
    pub fn failing(endpoint: &EndpointId, health: &Health, percent: Option<u8>, at: Timestamp) -> Event {
        let since = Some(health.failing_since);
        let notice = Self { failing_since: since, percent, ..Self::of_endpoint(endpoint) };
        let key = format!("{} {}", health.failing_since.as_millisecond(), percent.unwrap_or(0));
        notice.event(EventType::EndpointFailing, &key, at)
    }

    /// `endpoint.recovered`.
    pub fn recovered(endpoint: &EndpointId, health: &Health, at: Timestamp) -> Event {
        let notice = Self { failing_since: Some(health.failing_since), ..Self::of_endpoint(endpoint) };
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
        let notice = Self { reason: Some(reason), ..Self::of_endpoint(endpoint) };
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
            ..Self::of_endpoint(&delivery.endpoint)
        };
        Some(notice.event(EventType::DeliveryExhausted, delivery.id.as_str(), at))
    }

    /// `source.silent`: one for each silence, which is known by its beginning.
    pub fn silent(source: &SourceId, silence: Silence, at: Timestamp) -> Event {
        let key = silence.silent_since.as_millisecond().to_string();
        let notice = Self { silence: Some(silence), ..Self::of_source(source) };
        notice.event(EventType::SourceSilent, &key, at)
    }

    /// `quarantine.growing`: one for each step that a source's day reaches.
    pub fn growing(
        source: &SourceId,
        day: Date,
        filling: Filling,
        step: FillingStep,
        at: Timestamp,
    ) -> Event {
        let notice = Self { quarantine: Some(Quarantine { day, filling }), ..Self::of_source(source) };
        notice.event(EventType::QuarantineGrowing, &format!("{day} {}", step.as_str()), at)
    }

    /// `key` tells this notice from others of its type about the same endpoint or source.
    fn event(self, event_type: EventType, key: &str, at: Timestamp) -> Event {
        let source = match &self.subject {
            Subject::Endpoint(_) => None,
            Subject::Source(id) => Some(id.clone()),
        };
        Event {
            id: EventId::derive_notice(self.subject.as_str(), event_type, key),
            source,
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
