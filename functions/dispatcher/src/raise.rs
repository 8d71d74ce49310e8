//! Operational events.
//!
//! **Guarantee:** an event that is raised is written down before anything rests on its having been raised, and so are its
//! deliveries: they begin in the due-index, where putting one that is there already changes nothing. So a repeat, after a
//! crash at any point, raises what was missing, and nobody is told twice.
//!
//! The queue is left out on purpose. What is raised because of a message, and sent by another, would go on the chain that
//! Lambda's recursion detection counts; and a notice may wait for the next sweep, a minute at most.

use crate::Deps;
use domain::{Candidate, Delivery, DeliveryId, DeliveryStatus, Endpoint, EndpointId, Event};
use futures::future::try_join_all;
use store::StoreError;

pub(crate) async fn raise(deps: &Deps, event: Event) -> Result<(), StoreError> {
    let endpoints = deps.store.all_configs::<Endpoint>().await?;
    let candidate = Candidate::event(&event);
    let wanting = endpoints.iter().filter(|endpoint| endpoint.wants(&candidate));
    let wanting = wanting.map(|endpoint| endpoint.id.clone()).collect();
    let event = Event { endpoints: wanting, ..event };
    let event = if deps.store.commit_event(&event, None, false).await? {
        event
    } else {
        // Somebody has begun before us: what they wrote holds, also for whom it is.
        let Some(record) = deps.store.event(&event.id).await? else { return Ok(()) };
        record.event
    };
    try_join_all(event.endpoints.iter().map(|endpoint| begin(deps, &event, endpoint))).await?;
    Ok(())
}

async fn begin(deps: &Deps, event: &Event, endpoint: &EndpointId) -> Result<(), StoreError> {
    let due_at = deps.clock.now();
    let delivery = Delivery {
        id: DeliveryId::derive(&event.id, endpoint),
        event: event.id.clone(),
        endpoint: endpoint.clone(),
        event_type: event.event_type,
        status: DeliveryStatus::Pending,
        created_at: event.received_at,
        next_attempt_at: Some(due_at),
        attempts: Vec::new(),
    };
    match deps.store.put_delivery(&delivery, 0, Some(due_at)).await {
        Ok(_) | Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error),
    }
}
