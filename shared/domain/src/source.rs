//! Sources: configured accounts at providers.

#[cfg(test)]
mod tests;

use crate::{SecretId, SourceId, serde_time, serde_time_option};
use jiff::{SignedDuration, Timestamp};
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
    /// Clients are told if nothing genuine has come for so long; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_after_hours: Option<u16>,
    #[serde(with = "serde_time")]
    pub created_at: Timestamp,
    #[serde(with = "serde_time")]
    pub updated_at: Timestamp,
}

/// The time of a source's last event is written down at most this often by each process, so it may be too early by as
/// much: a write for each event would cost a fifth more.
pub const LAST_EVENT_ACCURACY: SignedDuration = SignedDuration::from_mins(10);

/// A time without anything genuine from a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// When the last event came, as far as that is known ([`LAST_EVENT_ACCURACY`]); when the source was made or last changed, if
    /// that is later.
    #[serde(with = "serde_time")]
    pub silent_since: Timestamp,
    /// What the source says of it.
    pub silent_after_hours: u16,
}

impl Source {
    /// The silence that clients are to be told of. Never before its hours are over: what is not known of the last event
    /// counts for the source.
    pub fn silence(&self, last_event_at: Option<Timestamp>, now: Timestamp) -> Option<Silence> {
        let silent_after_hours = self.silent_after_hours.filter(|_| self.status == SourceStatus::Active)?;
        let silent_since = last_event_at.unwrap_or(self.updated_at).max(self.updated_at);
        let patience = SignedDuration::from_hours(silent_after_hours.into()) + LAST_EVENT_ACCURACY;
        (now.duration_since(silent_since) >= patience).then_some(Silence { silent_since, silent_after_hours })
    }
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
