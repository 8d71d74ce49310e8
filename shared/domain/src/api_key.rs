//! API keys: who may call the REST API, and for what.

use crate::{ApiKeyId, serde_time, serde_time_option};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a key allows. `admin` allows everything, including the making of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    #[serde(rename = "payments:read")]
    PaymentsRead,
    #[serde(rename = "endpoints:read")]
    EndpointsRead,
    #[serde(rename = "endpoints:write")]
    EndpointsWrite,
    /// To fetch the deliveries of endpoints of type `poll`, and to acknowledge them. Nothing but `admin` implies it, and it
    /// implies nothing: a key made before there was a poll must not end deliveries.
    #[serde(rename = "deliveries:poll")]
    DeliveriesPoll,
    #[serde(rename = "sources:read")]
    SourcesRead,
    #[serde(rename = "sources:write")]
    SourcesWrite,
    #[serde(rename = "dead_letters:read")]
    DeadLettersRead,
    /// To send dead letters again, and to delete them. Implied by `admin` alone: what it sends again changes payments and is
    /// delivered.
    #[serde(rename = "dead_letters:write")]
    DeadLettersWrite,
    #[serde(rename = "admin")]
    Admin,
}

impl Scope {
    pub const ALL: &'static [Scope] = &[
        Self::PaymentsRead,
        Self::EndpointsRead,
        Self::EndpointsWrite,
        Self::DeliveriesPoll,
        Self::SourcesRead,
        Self::SourcesWrite,
        Self::DeadLettersRead,
        Self::DeadLettersWrite,
        Self::Admin,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::PaymentsRead => "payments:read",
            Self::EndpointsRead => "endpoints:read",
            Self::EndpointsWrite => "endpoints:write",
            Self::DeliveriesPoll => "deliveries:poll",
            Self::SourcesRead => "sources:read",
            Self::SourcesWrite => "sources:write",
            Self::DeadLettersRead => "dead_letters:read",
            Self::DeadLettersWrite => "dead_letters:write",
            Self::Admin => "admin",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub name: String,
    pub scopes: Vec<Scope>,
    /// SHA-256 of the whole key, lower-case hex. The key has 256 random bits, so a slow hash adds nothing.
    pub hash: String,
    #[serde(with = "serde_time")]
    pub created_at: Timestamp,
    #[serde(with = "serde_time_option", default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}
