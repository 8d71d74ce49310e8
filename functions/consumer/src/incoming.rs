//! From a queue message to its events.

use aws_lambda_events::sqs::SqsMessage;
use domain::{
    Arrival, EventId, EventType, IgnoredReason, Notification, PaymentId, Recorder, SourceId, VerifiedBy,
};
use jiff::Timestamp;
use providers::{FetchError, Fetched, Settings, Verified};
use queue::{Confirmation, EventMessage, MAX_RECEIVE_COUNT, Reply, receive_count};
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use store::RawEvent;

/// One event that came in: a message holds one, or several where the provider sends batches.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    /// Its message's place in the batch.
    pub(crate) message: usize,
    pub(crate) taken: Taken,
    pub(crate) source: SourceId,
    pub(crate) provider: String,
    pub(crate) arrival: Arrival,
    /// Absent where the provider signs nothing.
    pub(crate) payment: Option<PaymentId>,
    /// Its id, unless an event with other content has it already.
    pub(crate) id: EventId,
    /// Of the notification as it came, also where the provider's API has told something else since.
    pub(crate) digest: String,
    pub(crate) notification: Notification,
    pub(crate) raw: Arc<RawEvent>,
    pub(crate) course: Course,
}

/// This handing out of its message.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) by: Recorder,
    /// What is not done now becomes a dead letter, so that waiting for others is no choice any more.
    pub(crate) is_last: bool,
}

/// What is to become of it.
#[derive(Debug, Clone)]
pub(crate) enum Course {
    /// Its facts are folded in as far as they are proven.
    Fold,
    /// Nothing proves it: the provider's API is asked first. The settings go with the question.
    Ask(Arc<Settings>),
    /// Nothing proves it, and the source has no credential to ask with.
    Unasked,
    /// The API has told what it is about.
    Confirm {
        /// The event that stood for it, where that could not know its payment.
        stand_in: Option<Box<StandIn>>,
    },
    /// The API does not know what it names.
    Refute,
    /// The API gave no answer that could be used.
    Fail,
}

/// An event that was recorded without its payment.
#[derive(Debug, Clone)]
pub(crate) struct StandIn {
    pub(crate) id: EventId,
    pub(crate) verified_by: VerifiedBy,
    pub(crate) notification: Notification,
}

/// Why a message can't be decoded. Names what is wrong and quotes nothing.
#[derive(Debug, thiserror::Error)]
enum Undecodable {
    #[error("the message has no body")]
    Empty,
    #[error("the answer of the provider's API does not belong to the webhook that it came with")]
    Mismatched,
    #[error(transparent)]
    Message(#[from] queue::Undecodable),
    #[error(transparent)]
    Payload(#[from] providers::Malformed),
    #[error(transparent)]
    Answer(#[from] FetchError),
}

impl Incoming {
    /// Events of one payment are recorded together; an event without a payment stands alone.
    pub(crate) fn group(&self) -> String {
        self.payment.as_ref().map_or_else(|| self.id.to_string(), ToString::to_string)
    }

    /// Whether the provider's API has told what it is about.
    pub(crate) fn is_confirmed(&self) -> bool {
        matches!(self.course, Course::Confirm { .. })
    }

    /// Whether its event has an id that is known already, whatever else came under its dedupe key.
    pub(crate) fn names_its_event(&self) -> bool {
        matches!(self.course, Course::Confirm { .. } | Course::Refute | Course::Fail)
    }

    /// Whether it touches its payment. What nobody proves does not, where its truth can be asked for; nor does what
    /// would be nothing but a claim about the payment without saying what.
    pub(crate) fn is_folded(&self) -> bool {
        match self.course {
            Course::Fold | Course::Confirm { .. } => true,
            Course::Unasked => !self.notification.facts.is_empty(),
            Course::Ask(_) | Course::Refute | Course::Fail => false,
        }
    }

    /// The type of its event, but for what only the ledger can tell.
    pub(crate) fn event_type(&self) -> EventType {
        let claimed = self.notification.event_type;
        if self.unconfirmed().is_some() && claimed != EventType::SourceTest {
            // The notification itself may not say more than which payment it is about.
            EventType::PaymentUnverified
        } else if self.arrival.verified_by == VerifiedBy::None {
            claimed.unproven()
        } else {
            claimed
        }
    }

    /// Why the provider's API has not confirmed what could be asked of it.
    pub(crate) fn unconfirmed(&self) -> Option<IgnoredReason> {
        match self.course {
            Course::Ask(_) => Some(IgnoredReason::AwaitingConfirmation),
            Course::Unasked => Some(IgnoredReason::NoCredential),
            Course::Refute => Some(IgnoredReason::UnknownToProvider),
            Course::Fail => Some(IgnoredReason::ConfirmationFailed),
            Course::Fold | Course::Confirm { .. } => None,
        }
    }
}

/// The error is the reason for the dead letter. It names what is wrong and quotes nothing.
pub(crate) fn decode(index: usize, message: &SqsMessage, now: Timestamp) -> Result<Vec<Incoming>, String> {
    // A defect that one provider's odd payload brings out must not take the batch down with it.
    catch_unwind(AssertUnwindSafe(|| decode_or_panic(index, message, now)))
        .unwrap_or_else(|_| Err("decoding the message panicked".to_owned()))
}

fn decode_or_panic(index: usize, message: &SqsMessage, now: Timestamp) -> Result<Vec<Incoming>, String> {
    decode_message(index, message, now).map_err(|error| {
        let cause = error.source().map(|cause| format!(": {cause}"));
        format!("{error}{}", cause.unwrap_or_default())
    })
}

fn decode_message(index: usize, message: &SqsMessage, now: Timestamp) -> Result<Vec<Incoming>, Undecodable> {
    let taken = Taken {
        by: Recorder::new(message.message_id.as_deref().unwrap_or_default(), now),
        is_last: receive_count(message) >= MAX_RECEIVE_COUNT,
    };
    let message = EventMessage::decode(message.body.as_deref().ok_or(Undecodable::Empty)?)?;
    let EventMessage { source, provider, received_at, settings, meta, body, fetch, confirmation } = message;
    let verified = Verified::from_parts(meta, body);
    let notifications = verified.notifications(&settings)?;
    let arrival = Arrival {
        received_at,
        verified_by: verified.verified_by(),
        confirmed_at: None,
        secret: verified.secret().cloned(),
    };
    let webhook = Webhook { message: index, taken, source, provider, settings: Arc::new(settings), arrival };
    if let Some(confirmation) = confirmation {
        return Ok(vec![webhook.confirmed(verified, notifications, confirmation)?]);
    }
    let course = |notification: &Notification| match (verified.fetch(notification), fetch) {
        (None, _) => Course::Fold,
        (Some(_), true) => Course::Ask(Arc::clone(&webhook.settings)),
        (Some(_), false) => Course::Unasked,
    };
    let courses: Vec<Course> = notifications.iter().map(course).collect();
    let raw = raw(verified, None);
    let events = notifications.into_iter().zip(courses);
    Ok(events
        .map(|(notification, course)| webhook.received(notification, course, Arc::clone(&raw)))
        .collect())
}

fn raw(verified: Verified, answer: Option<Vec<u8>>) -> Arc<RawEvent> {
    let (meta, body) = verified.into_parts();
    Arc::new(RawEvent { meta, body, answer })
}

/// What all events of a message have in common.
struct Webhook {
    message: usize,
    taken: Taken,
    source: SourceId,
    provider: String,
    settings: Arc<Settings>,
    arrival: Arrival,
}

impl Webhook {
    fn payment(&self, notification: &Notification) -> Option<PaymentId> {
        notification.provider_payment_id.as_deref().map(|id| PaymentId::derive(&self.source, id))
    }

    fn received(&self, notification: Notification, course: Course, raw: Arc<RawEvent>) -> Incoming {
        let payment = self.payment(&notification);
        let arrival = self.arrival.clone();
        let (digest, mut id) = (
            notification.digest(),
            EventId::derive(&self.source, payment.as_ref(), &notification.dedupe_key),
        );
        // Whoever sends it chooses the dedupe key as well.
        if arrival.verified_by == VerifiedBy::None {
            id = id.derive_unproven(&digest);
        }
        Incoming {
            message: self.message,
            taken: self.taken.clone(),
            source: self.source.clone(),
            provider: self.provider.clone(),
            arrival,
            id,
            payment,
            digest,
            notification,
            raw,
            course,
        }
    }

    /// What the provider's API told of one of the webhook's events.
    fn confirmed(
        &self,
        verified: Verified,
        notifications: Vec<Notification>,
        confirmation: Confirmation,
    ) -> Result<Incoming, Undecodable> {
        let Confirmation { event, at, reply } = confirmation;
        let is_meant = |notification: &Notification| event.is_of(&self.source, notification);
        let said = notifications.into_iter().find(is_meant).ok_or(Undecodable::Mismatched)?;
        let fetch = verified.fetch(&said).ok_or(Undecodable::Mismatched)?;
        let answer = match reply {
            Reply::Answer(answer) => answer,
            Reply::Unknown | Reply::Unusable => {
                let course = if reply == Reply::Unknown { Course::Refute } else { Course::Fail };
                return Ok(Incoming { id: event, ..self.received(said, course, raw(verified, None)) });
            }
        };
        let fetched = verified.fetched(&fetch, &said, &answer, &self.settings)?;
        let raw = raw(verified, Some(answer));
        let mut incoming = Incoming { id: event, ..self.received(said, Course::Refute, raw) };
        match fetched {
            Fetched::Unknown => {}
            Fetched::Told(told) => {
                let payment = self.payment(&told);
                let mut stand_in = None;
                if payment.is_some() && payment != incoming.payment {
                    let id = EventId::derive(&self.source, payment.as_ref(), &told.dedupe_key);
                    stand_in = Some(Box::new(StandIn {
                        id: std::mem::replace(&mut incoming.id, id),
                        verified_by: incoming.arrival.verified_by,
                        notification: incoming.notification,
                    }));
                }
                incoming.arrival.verified_by = VerifiedBy::Api;
                incoming.arrival.confirmed_at = Some(at);
                incoming.payment = payment;
                incoming.notification = told;
                incoming.course = Course::Confirm { stand_in };
            }
        }
        Ok(incoming)
    }
}
