//! Dead letters: messages that a function could not process, kept until they are sent again.
//!
//! **Guarantee:** a dead letter keeps its id however often its message dies, and remembers the last death by the id that the
//! message had then. So a death that is reported twice counts once, and one that follows a redrive is told from it.

use crate::{DeadLetterId, DeliveryId, EndpointId, EventId, SourceId, serde_time, serde_time_option};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The queues that work is taken from. A dead letter goes back to the one that its message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkQueue {
    Events,
    Deliveries,
    SlowDeliveries,
    Fetches,
}

impl WorkQueue {
    pub const ALL: &'static [Self] = &[Self::Events, Self::Deliveries, Self::SlowDeliveries, Self::Fetches];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Deliveries => "deliveries",
            Self::SlowDeliveries => "slow_deliveries",
            Self::Fetches => "fetches",
        }
    }
}

/// Why a message became a dead letter: a closed list, part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterReason {
    /// The message, or the webhook in it, is not in a form that this release reads.
    Unreadable,
    /// What it says does not fit where it has to be stored.
    TooLarge,
    /// An item of the table or a secret that it needs can't be read.
    Corrupt,
    /// A provider's API refused the question, or there is no credential to ask it with.
    Refused,
    /// A provider's API gave no usable answer, as often as it was asked.
    Unanswered,
    /// Every try failed with something that may pass.
    TriesUsedUp,
    /// SQS handed it out five times and got no answer: the function died or ran out of time each time.
    ProcessDied,
    /// It carries a reason that this release does not know.
    Unknown,
}

impl DeadLetterReason {
    pub const ALL: &'static [Self] = &[
        Self::Unreadable,
        Self::TooLarge,
        Self::Corrupt,
        Self::Refused,
        Self::Unanswered,
        Self::TriesUsedUp,
        Self::ProcessDied,
        Self::Unknown,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::TooLarge => "too_large",
            Self::Corrupt => "corrupt",
            Self::Refused => "refused",
            Self::Unanswered => "unanswered",
            Self::TriesUsedUp => "tries_used_up",
            Self::ProcessDied => "process_died",
            Self::Unknown => "unknown",
        }
    }

    /// The reason with this code; [`Self::Unknown`] for a code of another release.
    pub fn from_code(code: &str) -> Self {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == code).unwrap_or(Self::Unknown)
    }

    /// Whether time or a deployment may mend it. The others wait for somebody to act.
    fn may_pass(self) -> bool {
        match self {
            Self::Corrupt | Self::Unanswered | Self::TriesUsedUp | Self::ProcessDied => true,
            Self::Unreadable | Self::TooLarge | Self::Refused | Self::Unknown => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterStatus {
    /// For somebody, or for its time.
    Waiting,
    /// Its message is in its queue again, or was processed.
    Redriven,
}

/// What a message is about, as far as it can be told without decoding its payload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageSubject {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryId>,
}

/// One time that a message was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// Where the message came from, and goes back to.
    pub queue: WorkQueue,
    pub reason: DeadLetterReason,
    /// What its last try failed with. SQS keeps no word of the tries before. It quotes nothing of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How often SQS had handed it out.
    pub received_count: u32,
    /// SQS's id of the message that died.
    pub message_id: String,
    /// Whose message it was, to SQS's fair queues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    pub body_bytes: usize,
    /// When the message was put into its queue.
    #[serde(with = "serde_time")]
    pub sent_at: Timestamp,
    #[serde(with = "serde_time")]
    pub died_at: Timestamp,
    #[serde(flatten)]
    pub subject: MessageSubject,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    pub id: DeadLetterId,
    pub status: DeadLetterStatus,
    #[serde(with = "serde_time")]
    pub created_at: Timestamp,
    /// How often it was sent again, whoever did it.
    pub redrives: u32,
    /// How often of that by the sweeper.
    pub automatic_redrives: u32,
    #[serde(with = "serde_time_option", default, skip_serializing_if = "Option::is_none")]
    pub redriven_at: Option<Timestamp>,
    /// When the sweeper will send it again. Absent: it waits for somebody.
    #[serde(with = "serde_time_option", default, skip_serializing_if = "Option::is_none")]
    pub next_redrive_at: Option<Timestamp>,
    /// The last time that its message died.
    pub death: Death,
}

/// Who sends a dead letter again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedrivenBy {
    Somebody,
    Sweeper,
}

/// How long after each death the sweeper sends a message again. After the last of them it rests until somebody acts.
pub const REDRIVE_PAUSES: [SignedDuration; 4] = [
    SignedDuration::from_mins(15),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(6),
    SignedDuration::from_hours(24),
];

/// How long a dead letter is kept after its last death.
pub const DEAD_LETTER_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

impl DeadLetter {
    pub fn new(id: DeadLetterId, death: Death) -> Self {
        let mut letter = Self {
            id,
            status: DeadLetterStatus::Waiting,
            created_at: death.died_at,
            redrives: 0,
            automatic_redrives: 0,
            redriven_at: None,
            next_redrive_at: None,
            death,
        };
        letter.next_redrive_at = letter.next_redrive();
        letter
    }

    pub fn is_waiting(&self) -> bool {
        self.status == DeadLetterStatus::Waiting
    }

    pub fn expires_at(&self) -> Timestamp {
        self.death.died_at + DEAD_LETTER_KEPT
    }

    /// The letter after this death of its message; `None` if this death is known.
    #[must_use]
    pub fn died_again(&self, death: Death) -> Option<Self> {
        if death.message_id == self.death.message_id {
            return None;
        }
        let mut letter = Self { status: DeadLetterStatus::Waiting, death, ..self.clone() };
        letter.next_redrive_at = letter.next_redrive();
        Some(letter)
    }

    /// The letter after the message of `sent`, an earlier reading of it, was put into its queue again. The message may have
    /// died once more since: then the letter goes on waiting.
    #[must_use]
    pub fn redriven(&self, sent: &Self, by: RedrivenBy, at: Timestamp) -> Self {
        let mut letter = self.clone();
        letter.redrives = letter.redrives.saturating_add(1);
        letter.redriven_at = Some(at);
        if by == RedrivenBy::Sweeper {
            letter.automatic_redrives = letter.automatic_redrives.saturating_add(1);
        }
        if letter.death.message_id == sent.death.message_id {
            letter.status = DeadLetterStatus::Redriven;
            letter.next_redrive_at = None;
        } else {
            letter.next_redrive_at = letter.next_redrive();
        }
        letter
    }

    /// The letter once it is known that its message can't be sent: it waits for somebody.
    #[must_use]
    pub fn resting(&self) -> Self {
        Self { next_redrive_at: None, ..self.clone() }
    }

    fn next_redrive(&self) -> Option<Timestamp> {
        let made = usize::try_from(self.automatic_redrives).unwrap_or(usize::MAX);
        let pause = REDRIVE_PAUSES.get(made).filter(|_| self.death.reason.may_pass())?;
        Some(self.death.died_at + *pause)
    }
}

#[cfg(test)]
mod tests;
