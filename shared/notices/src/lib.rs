//! Raises operational events ([`domain::Notice`]): what the dispatcher finds out about endpoints, and the sweeper about
//! sources.
//!
//! **Guarantee:** an event that is raised is written down before anything rests on its having been raised, and so are its
//! deliveries: they begin in the due-index, where putting one that is there already changes nothing. So a repeat, after a
//! crash at any point, raises what was missing, and nobody is told twice.
//!
//! The queue is left out on purpose. What is raised because of a message, and sent by another, would go on the chain that
//! Lambda's recursion detection counts; and a notice may wait for the next sweep, a minute at most.

use domain::{Candidate, Delivery, Endpoint, EndpointId, Event};
use futures::future::join_all;
use jiff::Timestamp;
use store::{Store, StoreError, Wait};

/// Writes down a notice's event at `now`, and a delivery of it for every endpoint that wants it.
///
/// # Errors
/// If the table does not do its part. Some of it may be written then: raise it again.
pub async fn raise(store: &Store, now: Timestamp, event: Event) -> Result<(), StoreError> {
    let endpoints = store.all_configs::<Endpoint>().await?;
    let candidate = Candidate::event(&event);
    let wanting = endpoints.iter().filter(|endpoint| endpoint.wants(&candidate));
    let wanting = wanting.map(|endpoint| endpoint.id.clone()).collect();
    let event = Event { endpoints: wanting, ..event };
    let event = if store.commit_event(&event, None, false).await? {
        event
    } else {
        // Somebody has begun before us: what they wrote holds, also for whom it is.
        let Some(record) = store.event(&event.id).await? else { return Ok(()) };
        record.event
    };
    // All of them, whatever becomes of one.
    let begun = join_all(event.endpoints.iter().map(|endpoint| begin(store, now, &event, endpoint))).await;
    begun.into_iter().collect()
}

async fn begin(
    store: &Store,
    now: Timestamp,
    event: &Event,
    endpoint: &EndpointId,
) -> Result<(), StoreError> {
    let delivery = Delivery { next_attempt_at: Some(now), ..Delivery::pending(event, endpoint) };
    match store.put_delivery(&delivery, 0, Wait::Due(now)).await {
        Ok(_) | Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error),
    }
}
