//! From a queue message to its events.

use aws_lambda_events::sqs::SqsMessage;
use domain::{Arrival, EventId, Notification, PaymentId, SourceId};
use providers::Verified;
use queue::EventMessage;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use store::RawEvent;

/// One event that came in: a message holds one, or several where the provider sends batches.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    /// Its message's place in the batch.
    pub(crate) message: usize,
    pub(crate) source: SourceId,
    pub(crate) provider: String,
    pub(crate) arrival: Arrival,
    /// Absent where the provider signs nothing.
    pub(crate) payment: Option<PaymentId>,
    /// Its id, unless an event with other content has it already.
    pub(crate) id: EventId,
    pub(crate) digest: String,
    pub(crate) notification: Notification,
    pub(crate) raw: Arc<RawEvent>,
}

impl Incoming {
    /// Events of one payment are recorded together; an event without a payment stands alone.
    pub(crate) fn group(&self) -> String {
        self.payment.as_ref().map_or_else(|| self.id.to_string(), ToString::to_string)
    }
}

/// The error is the reason for the dead letter. It names what is wrong and quotes nothing.
pub(crate) fn decode(index: usize, message: &SqsMessage) -> Result<Vec<Incoming>, String> {
    // A defect that one provider's odd payload brings out must not take the batch down with it.
    catch_unwind(AssertUnwindSafe(|| decode_or_panic(index, message)))
        .unwrap_or_else(|_| Err("decoding the message panicked".to_owned()))
}

fn decode_or_panic(index: usize, message: &SqsMessage) -> Result<Vec<Incoming>, String> {
    let body = message.body.as_deref().ok_or("the message has no body")?;
    let message = EventMessage::decode(body).map_err(|error| error.to_string())?;
    if !store::is_storable(&message.body) {
        return Err("the webhook is larger than an event can be".to_owned());
    }
    let verified = Verified::from_parts(message.meta, message.body);
    let notifications = verified.notifications(&message.settings).map_err(|error| error.to_string())?;
    let arrival = Arrival {
        received_at: message.received_at,
        verified_by: verified.verified_by(),
        secret: verified.secret().cloned(),
    };
    let (meta, body) = verified.into_parts();
    let raw = Arc::new(RawEvent { meta, body });
    let events = notifications.into_iter().map(|notification| {
        let payment =
            notification.provider_payment_id.as_deref().map(|id| PaymentId::derive(&message.source, id));
        Incoming {
            message: index,
            source: message.source.clone(),
            provider: message.provider.clone(),
            arrival: arrival.clone(),
            id: EventId::derive(&message.source, payment.as_ref(), &notification.dedupe_key),
            payment,
            digest: notification.digest(),
            notification,
            raw: Arc::clone(&raw),
        }
    });
    Ok(events.collect())
}
