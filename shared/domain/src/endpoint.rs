//! Endpoints: client apps' URLs, with what they want and how it is signed.

use crate::{EndpointId, EventType, EventTypePattern, SealedSecret, SourceId, serde_time};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointStatus {
    Active,
    /// Deliveries keep failing; they are still tried.
    Failing,
    /// Nothing is delivered.
    Disabled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointFormat {
    /// The Standard Webhooks payload.
    Standard,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    pub id: EndpointId,
    pub url: String,
    pub name: String,
    pub event_types: Vec<EventTypePattern>,
    /// Empty: all sources.
    pub sources: Vec<SourceId>,
    pub format: EndpointFormat,
    pub status: EndpointStatus,
    pub secrets: Vec<SealedSecret>,
    #[serde(with = "serde_time")]
    pub created_at: Timestamp,
    #[serde(with = "serde_time")]
    pub updated_at: Timestamp,
}

impl Endpoint {
    pub fn wants(&self, event_type: EventType, source: &SourceId) -> bool {
        self.status != EndpointStatus::Disabled
            && self.event_types.iter().any(|pattern| pattern.matches(event_type))
            && (self.sources.is_empty() || self.sources.contains(source))
    }
}
