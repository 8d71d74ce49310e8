//! The delivery whose next attempt has become a dead letter.
//!
//! **Guarantee:** as long as a letter stands for an attempt, nothing else does: the delivery says which letter it is, and is taken
//! out of the due-index, or the sweeper would queue the same attempt again and again, each time for another dead letter.
//! What was attempted since, is over or waits for something else is left alone.

use crate::Deps;
use domain::{DeadLetter, Delivery, DeliveryStatus};
use queue::DeliveryMessage;
use store::{StoreError, StoredDelivery, Wait};

pub(crate) async fn note(deps: &Deps, letter: &DeadLetter, body: &str) -> Result<(), StoreError> {
    if letter.death.subject.delivery.is_none() {
        return Ok(());
    }
    let Ok(message) = DeliveryMessage::decode(body) else { return Ok(()) };
    loop {
        let stored = deps.store.delivery(&message.delivery).await?;
        let (before, revision) = match stored {
            Some(stored) if stands_for_it(&stored, &message) => (stored.delivery, stored.revision),
            Some(_) => return Ok(()),
            None => (message.unattempted(), 0),
        };
        if before.dead_letter.as_ref() == Some(&letter.id) {
            return Ok(());
        }
        let dead_letter = Some(letter.id.clone());
        let delivery = Delivery { dead_letter, next_attempt_at: None, ..before };
        match deps.store.put_delivery(&delivery, revision, Wait::Nothing).await {
            // Written in between: what is there now decides.
            Err(StoreError::Conflict) => {}
            written => return written.map(drop),
        }
    }
}

/// Whether the message is what the delivery waits for.
fn stands_for_it(stored: &StoredDelivery, message: &DeliveryMessage) -> bool {
    let StoredDelivery { delivery, placed, asked, .. } = stored;
    let is_open = matches!(delivery.status, DeliveryStatus::Pending | DeliveryStatus::Retrying);
    let made = delivery.attempts_made();
    // One that was asked for is beside the schedule, which goes on.
    let is_beside = message.manual && made > 0;
    is_open && !is_beside && made < message.attempt && placed.is_none() && asked.is_none()
}
