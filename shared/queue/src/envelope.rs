//! The messages: versioned JSON. A new field is optional; a changed meaning gets the next version.

use data_encoding::BASE64;
use domain::{DeliveryId, EndpointId, EventId, EventType, SourceId, serde_time};
use jiff::Timestamp;
use providers::VerifiedMeta;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const VERSION: u8 = 1;
/// A webhook's body is at most 512 KiB.
const MAX_BODY_BYTES: usize = 1024 * 1024;
const COMPRESSION_LEVEL: i32 = 3;

/// EventsQueue: one verified webhook, as it came.
#[derive(Debug, Clone)]
pub struct EventMessage {
    pub source: SourceId,
    pub provider: String,
    pub received_at: Timestamp,
    /// The source's settings at that moment: what the bytes mean depends on them.
    pub settings: BTreeMap<String, String>,
    /// What verification found.
    pub meta: VerifiedMeta,
    /// Byte-exact.
    pub body: Vec<u8>,
}

/// DeliveriesQueue: one attempt to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryMessage {
    v: u8,
    pub delivery: DeliveryId,
    pub event: EventId,
    pub endpoint: EndpointId,
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// When the delivery came into being.
    #[serde(with = "serde_time")]
    pub created_at: Timestamp,
    /// The number of the attempt, 1 for the first.
    pub attempt: u32,
    /// Asked for through the API: beside the schedule.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub manual: bool,
    /// The body to send, so that the first attempts need no read. Without it the event is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
}

/// A message that no repeat will make readable. The reason never quotes the message.
#[derive(Debug, thiserror::Error)]
pub enum Undecodable {
    #[error("the message is not the JSON that is expected")]
    Json(#[source] serde_json::Error),
    #[error("the message has version {0}, which this release does not read")]
    Version(u8),
    #[error("the message's body is not base64 of zstd")]
    Body,
}

#[derive(Serialize, Deserialize)]
struct EventEnvelope<M> {
    v: u8,
    source: SourceId,
    provider: String,
    #[serde(with = "serde_time")]
    received_at: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    settings: BTreeMap<String, String>,
    meta: M,
    body: String,
}

#[derive(Deserialize)]
struct Versioned {
    v: u8,
}

impl EventMessage {
    pub fn encode(&self) -> String {
        let compressed =
            zstd::bulk::compress(&self.body, COMPRESSION_LEVEL).expect("compressing to memory does not fail");
        let envelope = EventEnvelope {
            v: VERSION,
            source: self.source.clone(),
            provider: self.provider.clone(),
            received_at: self.received_at,
            settings: self.settings.clone(),
            meta: &self.meta,
            body: BASE64.encode(&compressed),
        };
        serde_json::to_string(&envelope).expect("plain data serialises")
    }

    pub fn decode(text: &str) -> Result<Self, Undecodable> {
        check_version(text)?;
        let envelope: EventEnvelope<VerifiedMeta> = serde_json::from_str(text).map_err(Undecodable::Json)?;
        let compressed = BASE64.decode(envelope.body.as_bytes()).map_err(|_| Undecodable::Body)?;
        let body = zstd::bulk::decompress(&compressed, MAX_BODY_BYTES).map_err(|_| Undecodable::Body)?;
        Ok(Self {
            source: envelope.source,
            provider: envelope.provider,
            received_at: envelope.received_at,
            settings: envelope.settings,
            meta: envelope.meta,
            body,
        })
    }
}

impl DeliveryMessage {
    pub fn first(
        event: EventId,
        endpoint: EndpointId,
        event_type: EventType,
        created_at: Timestamp,
        payload: Option<String>,
    ) -> Self {
        let delivery = DeliveryId::derive(&event, &endpoint);
        Self {
            v: VERSION,
            delivery,
            event,
            endpoint,
            event_type,
            created_at,
            attempt: 1,
            manual: false,
            payload,
        }
    }

    /// Attempt `number` of a delivery that is stored already.
    pub fn retry(delivery: &domain::Delivery, number: u32, payload: Option<String>) -> Self {
        Self {
            v: VERSION,
            delivery: delivery.id.clone(),
            event: delivery.event.clone(),
            endpoint: delivery.endpoint.clone(),
            event_type: delivery.event_type,
            created_at: delivery.created_at,
            attempt: number,
            manual: false,
            payload,
        }
    }

    /// An attempt that somebody asked for.
    #[must_use]
    pub fn by_hand(mut self) -> Self {
        self.manual = true;
        self
    }

    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("plain data serialises")
    }

    pub fn decode(text: &str) -> Result<Self, Undecodable> {
        check_version(text)?;
        serde_json::from_str(text).map_err(Undecodable::Json)
    }
}

fn check_version(text: &str) -> Result<(), Undecodable> {
    let Versioned { v } = serde_json::from_str(text).map_err(Undecodable::Json)?;
    if v == VERSION { Ok(()) } else { Err(Undecodable::Version(v)) }
}
