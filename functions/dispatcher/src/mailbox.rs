//! Deliveries that are not sent: they are placed in their endpoint's mailbox, for its client to fetch.
//!
//! **Guarantee:** a delivery is in the mailbox from the write that gives it its item to the write that records that its
//! client has it, which only the client's own word brings about. No attempt of the schedule is used up by waiting, no time
//! ends it but that of the event itself, and no limit or breaker of the endpoint applies: nothing is called.
//!
//! A message that comes again finds the delivery waiting, or fetched since: neither is placed once more. One that is asked
//! for by hand or by a replay is, also where it waits already: what a client has fetched, but not acknowledged, of
//! the earlier placing does not end the later one.

use crate::Deps;
use crate::attempt::{is_made, not_attempted};
use domain::DeliveryStatus;
use queue::DeliveryMessage;
use store::{Asked, Placed, StoreError, StoredDelivery, Wait};

pub(crate) async fn place(
    deps: &Deps,
    message: &DeliveryMessage,
    mut stored: StoredDelivery,
) -> Result<(), StoreError> {
    let asked = asked(message);
    while !is_made(&stored.delivery, message) && !waits_for_it(&stored, asked.as_ref()) {
        let StoredDelivery { mut delivery, revision, .. } = stored;
        // What was delivered stays delivered.
        if delivery.status != DeliveryStatus::Succeeded {
            delivery.status = DeliveryStatus::Pending;
        }
        delivery.next_attempt_at = None;
        let placed = Placed { at: deps.clock.now(), asked: asked.clone() };
        match deps.store.put_delivery(&delivery, revision, Wait::Fetch(placed)).await {
            // Placed by a copy of the message, or fetched: what is there now decides.
            Err(StoreError::Conflict) => {}
            written => return written.map(|_| ()),
        }
        stored = deps.store.delivery(&delivery.id).await?.unwrap_or_else(|| not_attempted(message));
    }
    Ok(())
}

/// Who asked for the attempt, where somebody did.
pub(crate) fn asked(message: &DeliveryMessage) -> Option<Asked> {
    match &message.replay {
        Some(replay) => Some(Asked::For(replay.clone())),
        None => message.manual.then_some(Asked::ByHand),
    }
}

/// Whether it waits as this message wants it to.
fn waits_for_it(stored: &StoredDelivery, asked: Option<&Asked>) -> bool {
    stored.placed.as_ref().is_some_and(|placed| asked.is_none() || placed.asked.as_ref() == asked)
}
