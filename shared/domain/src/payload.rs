//! The bodies of deliveries.
//!
//! **Guarantee:** a body is a pure function of the stored event and the format: the same bytes at the first
//! attempt and at the last, whoever builds them. Every kind of destination takes every character of them: what SQS would
//! refuse is escaped here, before anything is signed, so that all destinations get the same bytes ([`escape_json`]).

use crate::{
    DeliveryId, EndpointId, Event, EventId, EventType, Notice, PaymentId, SourceId, StandardPayload, TestId,
    escape_json, serde_time, view::StandardData, xml,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a body is, in all: an endpoint's format with its encoding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyFormat {
    #[default]
    Standard,
    StandardXml,
    Cloudevents,
    Thin,
    /// The provider's own request, which is kept beside the event.
    Raw,
}

impl BodyFormat {
    pub fn is_standard(&self) -> bool {
        *self == Self::Standard
    }

    /// `None` for [`BodyFormat::Raw`], whose content type is the provider's.
    pub fn content_type(self) -> Option<&'static str> {
        match self {
            Self::Standard | Self::Thin => Some("application/json"),
            Self::StandardXml => Some("application/xml"),
            Self::Cloudevents => Some("application/cloudevents+json"),
            Self::Raw => None,
        }
    }

    /// The body for an event; `None` for [`BodyFormat::Raw`], which is not built.
    pub fn body(self, event: &Event) -> Option<String> {
        match self {
            Self::Standard => Some(json(&StandardPayload::from(event))),
            Self::StandardXml => Some(xml(&StandardPayload::from(event))),
            Self::Cloudevents => Some(json(&CloudEvent::from(event))),
            Self::Thin => Some(json(&Payload::<ThinData>::from(event))),
            Self::Raw => None,
        }
    }

    /// The content type and the body of a test call ([`EventType::EndpointTest`]). No request of a provider's stands
    /// behind a test, so [`BodyFormat::Raw`] gets the `standard` one.
    pub fn test_body(self, endpoint: &EndpointId, test: &TestId, at: Timestamp) -> (&'static str, String) {
        let event_type = EventType::EndpointTest;
        let data = TestData { endpoint: endpoint.clone(), test: test.clone() };
        let format = if self == Self::Raw { Self::Standard } else { self };
        let body = match format {
            Self::Cloudevents => json(&CloudEvent {
                specversion: "1.0",
                id: test.as_str(),
                source: format!("/v1/endpoints/{endpoint}"),
                event_type: format!("{CLOUDEVENTS_TYPE_PREFIX}{event_type}"),
                subject: None,
                time: at,
                datacontenttype: "application/json",
                data,
            }),
            Self::StandardXml => xml(&Payload { event_type, timestamp: at, data }),
            Self::Standard | Self::Thin | Self::Raw => json(&Payload { event_type, timestamp: at, data }),
        };
        (format.content_type().unwrap_or("application/json"), body)
    }
}

fn json(body: &impl Serialize) -> String {
    escape_json(serde_json::to_string(body).expect("plain data serialises"))
}

fn xml(body: &impl Serialize) -> String {
    xml::document("webhook", &serde_json::to_value(body).expect("plain data serialises"))
}

/// What every Standard Webhooks payload has.
#[derive(Debug, Clone, Serialize)]
struct Payload<D> {
    #[serde(rename = "type")]
    event_type: EventType,
    #[serde(with = "serde_time")]
    timestamp: Timestamp,
    data: D,
}

#[derive(Debug, Clone, Serialize)]
struct TestData {
    endpoint: EndpointId,
    test: TestId,
}

/// A CloudEvent in structured JSON
/// (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>).
///
/// `id` is the event's and not the delivery's: the specification has `source` and `id` together name the event,
/// so that a consumer which gets it through two endpoints sees one.
#[derive(Debug, Clone, Serialize)]
struct CloudEvent<'a, D> {
    specversion: &'static str,
    id: &'a str,
    /// A relative URI reference, as in the REST API.
    source: String,
    #[serde(rename = "type")]
    event_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a PaymentId>,
    #[serde(with = "serde_time")]
    time: Timestamp,
    datacontenttype: &'static str,
    data: D,
}

/// The types of CloudEvents share one space of names.
const CLOUDEVENTS_TYPE_PREFIX: &str = "payrelay.";

impl<'a> From<&'a Event> for CloudEvent<'a, StandardData> {
    fn from(event: &'a Event) -> Self {
        let StandardPayload { event_type, timestamp, data } = StandardPayload::from(event);
        Self {
            specversion: "1.0",
            id: event.id.as_str(),
            source: match (&event.source, event.notice.as_ref().and_then(Notice::endpoint)) {
                (Some(source), _) => format!("/v1/sources/{source}"),
                (None, Some(endpoint)) => format!("/v1/endpoints/{endpoint}"),
                (None, None) => "/v1".to_owned(),
            },
            event_type: format!("{CLOUDEVENTS_TYPE_PREFIX}{event_type}"),
            subject: event.payment.as_ref(),
            time: timestamp,
            datacontenttype: "application/json",
            data,
        }
    }
}

/// What happened to what, and nothing about money or people. The version tells a stale notification from a new one
/// without asking.
#[derive(Debug, Clone, Serialize)]
struct ThinData {
    event: EventId,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<SourceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<PaymentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_version: Option<u64>,
    /// Of an operational event.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<EndpointId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<DeliveryId>,
}

impl From<&Event> for Payload<ThinData> {
    fn from(event: &Event) -> Self {
        Self {
            event_type: event.event_type,
            timestamp: event.notification.occurred_at.unwrap_or(event.received_at),
            data: ThinData {
                event: event.id.clone(),
                source: event.source.clone(),
                payment: event.payment.clone(),
                state_version: event.transition.as_ref().map(|transition| transition.state_version),
                endpoint: event.notice.as_ref().and_then(Notice::endpoint).cloned(),
                delivery: event.notice.as_ref().and_then(|notice| notice.delivery.clone()),
            },
        }
    }
}
