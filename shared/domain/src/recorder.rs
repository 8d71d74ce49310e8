//! Which message records an event: of several copies of a webhook at the same moment, one relays it, and the others wait.
//!
//! **Guarantee:** nothing hangs on it. A copy that waits goes on by itself once the recorder has had its time, so a recorder
//! that dies costs time and never an event.

use crate::serde_time;
use data_encoding::BASE32_DNSSEC as BASE32HEX_LOWER;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// 40 bits: enough to tell the few messages apart that are ever about one event.
const MARK_BYTES: usize = 5;

/// The message that records an event, or took it over since, and when it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorder {
    #[serde(with = "serde_time")]
    pub at: Timestamp,
    /// The message's id, hashed.
    #[serde(rename = "by")]
    pub message: String,
}

impl Recorder {
    pub fn new(message_id: &str, at: Timestamp) -> Self {
        let digest = Sha256::digest(message_id.as_bytes());
        Self { at, message: BASE32HEX_LOWER.encode(&digest[..MARK_BYTES]) }
    }

    /// Whether `other` waits for this one. A message never waits for its own earlier try: that one has ended.
    pub fn holds_back(&self, other: &Self, patience: SignedDuration) -> bool {
        self.message != other.message && other.at.duration_since(self.at) < patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_message_waits_for_a_young_recorder_and_its_own_redelivery_does_not() {
        let at = |second: i64| Timestamp::from_second(1_700_000_000 + second).expect("in range");
        let patience = SignedDuration::from_secs(185);
        let recorder = Recorder::new("a", at(0));
        assert!(recorder.holds_back(&Recorder::new("b", at(0)), patience));
        assert!(recorder.holds_back(&Recorder::new("b", at(184)), patience));
        assert!(!recorder.holds_back(&Recorder::new("b", at(185)), patience), "it has had its time");
        assert!(!recorder.holds_back(&Recorder::new("a", at(1)), patience), "it is the same message");
        assert!(recorder.holds_back(&Recorder::new("b", at(-1)), patience), "clocks differ a little");
    }
}
