//! From recorded events to the queues of deliveries and of questions to the providers' APIs.

use crate::Deps;
use crate::incoming::Course;
use crate::record::Recorded;
use domain::{BodyFormat, Endpoint, Event};
use queue::{Carried, DeliveryMessage, EventMessage, FetchMessage, Outgoing, QueueError};
use std::collections::HashMap;
use std::time::Duration;
use store::RawEvent;

/// The largest body that a message carries: ten of them fit into one batch of 1 MiB.
const MAX_CARRIED_BYTES: usize = 64 * 1024;
/// Before the first attempt of a body that is not carried: it is built from the event, which is committed moments
/// after its deliveries are sent. An attempt that comes too early waits for the visibility timeout.
const COMMIT_TAKES: Duration = Duration::from_secs(1);

/// Returns once SQS has confirmed every delivery and every question of every step.
pub(crate) async fn send(deps: &Deps, steps: &[Recorded], endpoints: &[Endpoint]) -> Result<(), QueueError> {
    let mut messages = Vec::new();
    for step in steps {
        for raised in &step.raised {
            messages.extend(deliveries(raised, None, endpoints, step.again));
        }
        messages.extend(deliveries(&step.event, Some(&step.raw), endpoints, step.again));
    }
    deps.deliveries.send_all(messages).await?;
    deps.fetches.send_all(steps.iter().filter_map(|step| question(step)).collect()).await
}

/// The whole webhook goes with the question and comes back with the answer.
fn question(step: &Recorded) -> Option<Outgoing> {
    let Course::Ask(settings) = &step.course else { return None };
    let source = step.event.source.clone()?;
    let group = source.to_string();
    let webhook = EventMessage {
        source,
        provider: step.event.provider.clone(),
        received_at: step.event.received_at,
        settings: settings.as_ref().clone(),
        meta: step.raw.meta.clone(),
        body: step.raw.body.clone(),
        fetch: true,
        confirmation: None,
    };
    let message = FetchMessage { event: step.event.id.clone(), attempt: 1, deferred: 0, webhook };
    // Whatever else arrives until then is the same event, and what its answer tells has to be newer.
    Some(Outgoing { body: message.encode(), delay: step.raw.meta.repeats_for(), group })
}

/// `raw` is the request that the event came in, if it came in one.
fn deliveries(event: &Event, raw: Option<&RawEvent>, endpoints: &[Endpoint], again: bool) -> Vec<Outgoing> {
    // The body travels with the message, so that the first attempts need no read. A retry long after builds
    // the same bytes from the stored event; so does the first attempt of a body that would crowd a batch.
    let mut bodies: HashMap<BodyFormat, Option<Carried>> = HashMap::new();
    let mut messages = Vec::new();
    for id in &event.endpoints {
        // It is among them: it was matched from the same list.
        let format =
            endpoints.iter().find(|known| known.id == *id).map(Endpoint::body_format).unwrap_or_default();
        let carried = bodies.entry(format).or_insert_with(|| carried(format, event, raw)).clone();
        let delay = if carried.is_some() { Duration::ZERO } else { COMMIT_TAKES };
        let message = DeliveryMessage::first(
            event.id.clone(),
            id.clone(),
            event.event_type,
            event.received_at,
            carried,
        )
        .sent_again(again);
        messages.push(message.after(delay));
    }
    messages
}

/// `None` for a body that would crowd a batch, and for bytes that JSON can't carry as they are.
fn carried(format: BodyFormat, event: &Event, raw: Option<&RawEvent>) -> Option<Carried> {
    let carried = match format.body(event) {
        Some(payload) => Carried::new(format, payload),
        None => {
            let raw = raw?;
            let payload = str::from_utf8(&raw.body).ok()?.to_owned();
            Carried { payload, format, headers: raw.meta.headers().to_vec() }
        }
    };
    (carried.payload.len() <= MAX_CARRIED_BYTES).then_some(carried)
}
