//! One payment as it is stored: its ledger, and the record of what arrived when.

use crate::{
    Effect, EventId, EventType, FormerFields, IgnoredReason, Integrity, Ledger, Notification, PaymentId,
    PaymentStatus, Recorder, SecretId, Snapshot, SourceId, VerifiedBy, serde_time, serde_time_option,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    pub id: PaymentId,
    pub source: SourceId,
    pub provider: String,
    pub provider_payment_id: String,
    pub ledger: Ledger,
    /// Counts the changes of the derived fields as they were seen here. With the three fields below it is the
    /// record of arrivals: all else is the same in whatever order events arrive.
    pub state_version: u64,
    #[serde(with = "serde_time")]
    pub created_at: Timestamp,
    #[serde(with = "serde_time")]
    pub updated_at: Timestamp,
    /// The event that was recorded first.
    pub first_event: EventId,
    /// Transitions whose event is not known to be committed yet; see the module docs of `consumer`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outbox: Vec<OutboxEntry>,
}

/// How an event came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    #[serde(with = "serde_time")]
    pub received_at: Timestamp,
    pub verified_by: VerifiedBy,
    /// When the provider's API confirmed it ([`VerifiedBy::Api`]).
    #[serde(with = "serde_time_option", default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Timestamp>,
    /// The secret that verified it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretId>,
}

/// The transition that an event made (or did not make), kept with the payment until the event itself is stored, so that a repeat
/// after a crash relays exactly what was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxEntry {
    pub event: EventId,
    /// What the event said; see [`Notification::digest`].
    pub digest: String,
    /// What the provider's API told about it, likewise; absent where nobody was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
    pub arrival: Arrival,
    pub transition: Transition,
    /// The message that relays and commits the event, as long as it is at work. Absent in entries of earlier releases,
    /// for which nobody waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorder: Option<Recorder>,
}

/// See [`Payment::confirm`]. It passes once the first answer's event is committed: this one is then late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("another answer of the provider's API about the event is being recorded")]
pub struct ToldOtherwise;

/// What one event did to its payment. The causing event and this are all that a notification is built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    pub effect: Effect,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<IgnoredReason>,
    /// The payment's version after the event.
    pub state_version: u64,
    #[serde(with = "serde_time")]
    pub created_at: Timestamp,
    #[serde(with = "serde_time")]
    pub updated_at: Timestamp,
    /// The event created the payment.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub opens: bool,
    /// The derived fields that the event changed, with their former values; empty where it created the payment.
    #[serde(default, skip_serializing_if = "FormerFields::is_empty")]
    pub previous: FormerFields,
    /// The payment after the event.
    pub after: Snapshot,
}

impl Arrival {
    /// When it could be acted on: what was received without proof is known once it is confirmed.
    pub fn known_at(&self) -> Timestamp {
        self.confirmed_at.unwrap_or(self.received_at)
    }
}

impl Payment {
    /// A payment that nothing is known of yet but its first event.
    pub fn new(
        source: SourceId,
        provider: String,
        provider_payment_id: String,
        first_event: EventId,
        now: Timestamp,
    ) -> Self {
        Self {
            id: PaymentId::derive(&source, &provider_payment_id),
            source,
            provider,
            provider_payment_id,
            ledger: Ledger::default(),
            state_version: 0,
            created_at: now,
            updated_at: now,
            first_event,
            outbox: Vec::new(),
        }
    }

    /// Folds an event in. A repeat of an event that waits in the outbox gives what was recorded again, its arrival
    /// included.
    ///
    /// `said_by` is the event that the facts are ascribed to: `event` itself, or, where `event` repeats the
    /// dedupe key of an earlier one with other content, that earlier one.
    pub fn record(
        &mut self,
        event: &EventId,
        said_by: &EventId,
        notification: &Notification,
        arrival: &Arrival,
    ) -> OutboxEntry {
        if let Some(entry) = self.outbox.iter().find(|entry| &entry.event == event) {
            return entry.clone();
        }
        let known = self.ledger.clone();
        match arrival.verified_by {
            VerifiedBy::None => self.ledger.mark_unverified(said_by, false),
            VerifiedBy::Signature | VerifiedBy::Api => self.ledger.apply(said_by, notification),
        }
        if event != said_by {
            self.ledger.mark_conflict(said_by);
        }
        let entry = OutboxEntry {
            event: event.clone(),
            digest: notification.digest(),
            told: None,
            arrival: arrival.clone(),
            transition: self.settle(&known, arrival),
            recorder: None,
        };
        self.outbox.push(entry.clone());
        entry
    }

    /// Folds in what the provider's API told about an event that had been recorded without proof. `digest` is that of
    /// the notification as it came, by which a repeat of it is known. A repeat gives what was recorded, as above.
    ///
    /// The API tells the payment's state as it is: with it, all that was said without proof before is settled.
    ///
    /// # Errors
    /// [`ToldOtherwise`] as long as an answer that said something else waits in the outbox: an event tells one of them,
    /// and that has to be the one whose transition is recorded.
    pub fn confirm(
        &mut self,
        event: &EventId,
        digest: &str,
        told: &Notification,
        arrival: &Arrival,
    ) -> Result<OutboxEntry, ToldOtherwise> {
        let told_digest = Some(told.digest());
        if let Some(place) = self.outbox.iter().position(|entry| &entry.event == event) {
            let entry = &self.outbox[place];
            if entry.told == told_digest {
                return Ok(entry.clone());
            }
            if entry.told.is_some() {
                return Err(ToldOtherwise);
            }
            // It was recorded without proof, before there was a credential.
            self.outbox.remove(place);
        }
        let known = self.ledger.clone();
        self.ledger.apply(event, told);
        self.ledger.confirm_unverified();
        let entry = OutboxEntry {
            event: event.clone(),
            digest: digest.to_owned(),
            told: told_digest,
            arrival: arrival.clone(),
            transition: self.settle(&known, arrival),
            recorder: None,
        };
        self.outbox.push(entry.clone());
        Ok(entry)
    }

    /// Notes who relays an event that waits in the outbox.
    pub fn set_recorder(&mut self, event: &EventId, recorder: &Recorder) {
        for entry in self.outbox.iter_mut().filter(|entry| entry.event == *event) {
            entry.recorder = Some(recorder.clone());
        }
    }

    /// What the ledger has become since it was `known`.
    fn settle(&mut self, known: &Ledger, arrival: &Arrival) -> Transition {
        let opens = self.state_version == 0;
        if !opens && self.ledger.says_the_same_as(known) {
            let reason = Some(IgnoredReason::NothingNew);
            return self.transition(Effect::Ignored, reason, Some(FormerFields::new()));
        }
        self.updated_at = self.updated_at.max(arrival.known_at());
        let before = (!opens).then(|| known.derive());
        let after = self.ledger.derive();
        if before.as_ref() != Some(&after) {
            self.state_version += 1;
        }
        let effect = match arrival.verified_by {
            VerifiedBy::None => Effect::Unverified,
            VerifiedBy::Signature | VerifiedBy::Api => Effect::Applied,
        };
        self.transition(effect, None, before.map(|before| before.changes_to(&after)))
    }

    fn transition(
        &self,
        effect: Effect,
        reason: Option<IgnoredReason>,
        previous: Option<FormerFields>,
    ) -> Transition {
        Transition {
            effect,
            reason,
            state_version: self.state_version,
            created_at: self.created_at,
            updated_at: self.updated_at,
            opens: previous.is_none(),
            previous: previous.unwrap_or_default(),
            after: self.ledger.snapshot(),
        }
    }
}

impl Transition {
    /// The type under which the event is relayed: a capture that leaves part of the authorisation open is a
    /// partial one, which only the ledger can tell.
    pub fn event_type(&self, notified: EventType) -> EventType {
        let partial = self.after.derived.status == PaymentStatus::PartiallyCaptured;
        if notified == EventType::PaymentCaptured && partial {
            EventType::PaymentPartiallyCaptured
        } else {
            notified
        }
    }

    /// The events that we raise ourselves because of this transition.
    pub fn raised(&self) -> Vec<EventType> {
        let after = &self.after.derived;
        // What is so now, and was not before: because it changed, or because there was nothing before.
        let is_new =
            |field: &str| self.effect != Effect::Ignored && (self.opens || self.previous.contains_key(field));
        let conflicted = after.integrity == Integrity::Conflicted && is_new("integrity");
        let at_risk = after.double_loss_risk && is_new("double_loss_risk");
        [(conflicted, EventType::PaymentConflicted), (at_risk, EventType::PaymentDoubleLossRisk)]
            .into_iter()
            .filter_map(|(raised, event_type)| raised.then_some(event_type))
            .collect()
    }
}

#[cfg(test)]
mod tests;
