//! Finding what a replay is about, without doing anything.

use domain::{
    Candidate, DeliveryId, Endpoint, EndpointId, EndpointStatus, Event, EventId, ReplayFailure, ReplayFilter,
    ReplayRange, is_replayable,
};
use jiff::Timestamp;
use std::collections::HashMap;
use store::{Listed, Read, Store, StoreError, StoredDelivery, Walk};

/// What a look found.
#[derive(Debug)]
pub struct Slice {
    /// Oldest first.
    pub chosen: Vec<Chosen>,
    /// How many events were passed.
    pub looked_at: usize,
    /// Where to go on; `None` at the end.
    pub next: Option<String>,
    /// When the last event that was passed was received.
    pub reached: Option<Timestamp>,
}

/// One delivery that is meant.
#[derive(Debug)]
pub struct Chosen {
    pub event: Event,
    pub endpoint: EndpointId,
    /// Absent as long as no attempt was made.
    pub delivery: Option<StoredDelivery>,
}

#[derive(Debug, thiserror::Error)]
pub enum LookError {
    #[error("what a replay is about could not be read")]
    Store(#[from] StoreError),
    /// Another look would find the same.
    #[error("the replay can't go on: {0:?}")]
    Obstacle(ReplayFailure),
}

/// The first `limit` events behind `after`, and which deliveries of them are meant. What is named by its id is found
/// in one look. An event or a delivery that can't be read is passed by, unless there is no other.
pub async fn look(
    store: &Store,
    filter: &ReplayFilter,
    after: Option<&str>,
    limit: usize,
    now: Timestamp,
) -> Result<Slice, LookError> {
    match filter {
        ReplayFilter::Range(range) => look_at_range(store, range, after, limit, now).await,
        ReplayFilter::Event { event, endpoint } => {
            let endpoints = match endpoint {
                Some(endpoint) => vec![open_endpoint(store, endpoint).await?],
                None => store.all_configs::<Endpoint>().await?,
            };
            let event = find_event(store, event).await?;
            let wanting = endpoints.into_iter().filter(|endpoint| endpoint.wants(&Candidate::event(&event)));
            let wanting = wanting.filter(|_| is_replayable(&event)).map(|endpoint| endpoint.id).collect();
            one_event(store, event, wanting).await
        }
        ReplayFilter::Delivery { event, endpoint, .. } => {
            let endpoint = open_endpoint(store, endpoint).await?.id;
            let event = find_event(store, event).await?;
            one_event(store, event, vec![endpoint]).await
        }
    }
}

async fn look_at_range(
    store: &Store,
    range: &ReplayRange,
    after: Option<&str>,
    limit: usize,
    now: Timestamp,
) -> Result<Slice, LookError> {
    let endpoint = open_endpoint(store, &range.endpoint).await?;
    let walk = Walk { since: range.since, until: range.until, after };
    let page = store.walk_events(&walk, limit).await?;
    let mut events = store.events_by_id(page.items.iter().map(|Listed { id, .. }| id)).await?;
    let looked_at = page.items.len();
    let passed: Vec<Event> = page.items.iter().filter_map(|listed| events.remove(&listed.id)?.ok()).collect();
    let reached = passed.last().map(|event| event.received_at);
    let wanted: Vec<Event> = passed.into_iter().filter(|event| range.wants(&endpoint, event)).collect();
    let mut deliveries = stored(store, wanted.iter().map(|event| (&event.id, &endpoint.id))).await?;
    let chosen = wanted.into_iter().filter_map(|event| {
        let delivery = deliveries.remove(&DeliveryId::derive(&event.id, &endpoint.id)).transpose().ok()?;
        let is_meant = range.takes(&event, delivery.as_ref().map(|stored| &stored.delivery), now);
        is_meant.then(|| Chosen { event, endpoint: endpoint.id.clone(), delivery })
    });
    Ok(Slice { chosen: chosen.collect(), looked_at, next: page.next, reached })
}

async fn one_event(store: &Store, event: Event, endpoints: Vec<EndpointId>) -> Result<Slice, LookError> {
    let mut deliveries = stored(store, endpoints.iter().map(|endpoint| (&event.id, endpoint))).await?;
    let (mut chosen, mut unreadable) = (Vec::new(), None);
    for endpoint in endpoints {
        match deliveries.remove(&DeliveryId::derive(&event.id, &endpoint)).transpose() {
            Ok(delivery) => chosen.push(Chosen { event: event.clone(), endpoint, delivery }),
            Err(error) => unreadable = Some(error),
        }
    }
    match unreadable {
        Some(error) if chosen.is_empty() => Err(StoreError::Corrupt(error).into()),
        _ => Ok(Slice { chosen, looked_at: 1, next: None, reached: Some(event.received_at) }),
    }
}

async fn stored(
    store: &Store,
    of: impl Iterator<Item = (&EventId, &EndpointId)>,
) -> Result<HashMap<DeliveryId, Read<StoredDelivery>>, StoreError> {
    let ids: Vec<DeliveryId> = of.map(|(event, endpoint)| DeliveryId::derive(event, endpoint)).collect();
    store.deliveries_by_id(&ids).await
}

async fn open_endpoint(store: &Store, id: &EndpointId) -> Result<Endpoint, LookError> {
    let endpoint = store.config::<Endpoint>(id.as_str()).await?.map(|stored| stored.value);
    match endpoint {
        None => Err(LookError::Obstacle(ReplayFailure::EndpointDeleted)),
        Some(endpoint) if endpoint.status == EndpointStatus::Disabled => {
            Err(LookError::Obstacle(ReplayFailure::EndpointDisabled))
        }
        Some(endpoint) => Ok(endpoint),
    }
}

async fn find_event(store: &Store, id: &EventId) -> Result<Event, LookError> {
    let record = store.event(id).await?;
    record.map(|record| record.event).ok_or(LookError::Obstacle(ReplayFailure::EventGone))
}
