//! From recorded events to the deliveries queue.

use crate::Deps;
use crate::record::Recorded;
use domain::{Event, StandardPayload};
use queue::{DeliveryMessage, Outgoing, QueueError};
use std::time::Duration;

/// The largest body that a message carries: ten of them fit into one batch of 1 MiB.
const MAX_CARRIED_BYTES: usize = 64 * 1024;

/// Returns once SQS has confirmed every delivery of every step.
pub(crate) async fn send(deps: &Deps, steps: &[&Recorded]) -> Result<(), QueueError> {
    let events = steps.iter().flat_map(|step| step.raised.iter().chain([&step.event]));
    let messages = events.flat_map(deliveries).collect();
    deps.deliveries.send_all(messages).await
}

fn deliveries(event: &Event) -> impl Iterator<Item = Outgoing> {
    // The body travels with the message, so that the first attempts need no read. A retry long after builds
    // the same bytes from the stored event; so does the first attempt of a body that would crowd a batch.
    let payload = (!event.endpoints.is_empty())
        .then(|| serde_json::to_string(&StandardPayload::from(event)).expect("plain data serialises"))
        .filter(|payload| payload.len() <= MAX_CARRIED_BYTES);
    event.endpoints.iter().zip(std::iter::repeat(payload)).map(|(endpoint, payload)| Outgoing {
        body: DeliveryMessage::first(
            event.id.clone(),
            endpoint.clone(),
            event.event_type,
            event.received_at,
            payload,
        )
        .encode(),
        delay: Duration::ZERO,
        group: endpoint.to_string(),
    })
}
