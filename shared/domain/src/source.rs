//! Sources: configured accounts at providers.

use crate::{SecretId, SourceId, serde_time, serde_time_option};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceStatus {
    Active,
    /// Its webhooks are refused with 404.
    Disabled,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub id: SourceId,
    pub provider: String,
    pub name: String,
    pub status: SourceStatus,
    pub secrets: Vec<SealedSecret>,
    /// Per provider, documented there; validated when the source is written.
    pub settings: BTreeMap<String, String>,
    /// The key for the provider's API, where the source has been given one: what a signature does not prove is
    /// asked there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_credential: Option<SealedSecret>,
    #[serde(with = "serde_time")]
    pub created_at: Timestamp,
    #[serde(with = "serde_time")]
    pub updated_at: Timestamp,
}

/// A secret as it is stored: encrypted, with enough beside it to recognise it in a list.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret {
    pub id: SecretId,
    /// The last four characters.
    pub hint: String,
    /// Opened by `platform` alone.
    pub sealed: String,
    #[serde(with = "serde_time")]
    pub created_at: Timestamp,
    #[serde(with = "serde_time_option", default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl SealedSecret {
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

impl std::fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedSecret")
            .field("id", &self.id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
