//! `/v1/payments/{id}/timeline`: a payment's events in the order in which they happened, what each changed or
//! why it changed nothing, and what became of its deliveries.

use crate::Deps;
use axum::extract::State;
use domain::{DeliveryId, DeliveryStatus, EndpointId, Event, EventView, PaymentId};
use http::{List, Order, Params, Path, Problem, page_of};
use serde::Serialize;
use std::collections::HashMap;
use store::{Page, StoredDelivery};

/// An event, with its deliveries in short.
#[derive(Debug, Serialize)]
pub(crate) struct TimelineEntry {
    #[serde(flatten)]
    event: EventView,
    deliveries: Vec<DeliverySummary>,
}

#[derive(Debug, Serialize)]
struct DeliverySummary {
    id: DeliveryId,
    endpoint: EndpointId,
    status: DeliveryStatus,
    /// How many were made.
    attempts: usize,
}

pub(crate) async fn list(
    State(deps): State<Deps>,
    Path(id): Path<PaymentId>,
    mut params: Params,
) -> Result<List<TimelineEntry>, Problem> {
    let paging = params.page(&deps.cursors);
    params.finish()?;
    deps.store.payment(&id).await?.ok_or_else(Problem::not_found)?;
    let events = deps.store.all_payment_events(&id).await?;
    let page = page_of(events, &paging.request, Order::Ascending, position);
    let items = deps.with_deliveries(&page.items).await?;
    Ok(paging.list(Page { items, next: page.next }))
}

/// By the provider's clock; by ours where the provider does not say. Times before 1970 all sort first.
fn position(event: &Event) -> String {
    let occurred = event.notification.occurred_at.unwrap_or(event.received_at);
    let (occurred, received) = (occurred.as_microsecond().max(0), event.received_at.as_microsecond().max(0));
    format!("{occurred:020}{received:020}{}", event.id)
}

impl Deps {
    async fn with_deliveries(&self, events: &[Event]) -> Result<Vec<TimelineEntry>, Problem> {
        let deliveries_of = |event: &Event| -> Vec<(DeliveryId, EndpointId)> {
            let endpoints = event.endpoints.iter();
            endpoints.map(|endpoint| (DeliveryId::derive(&event.id, endpoint), endpoint.clone())).collect()
        };
        let ids: Vec<DeliveryId> = events.iter().flat_map(deliveries_of).map(|(id, _)| id).collect();
        let stored = self.store.deliveries_by_id(&ids).await?;
        let stored: HashMap<&DeliveryId, &StoredDelivery> =
            stored.iter().map(|stored| (&stored.delivery.id, stored)).collect();
        let summary = |(id, endpoint): (DeliveryId, EndpointId)| match stored.get(&id) {
            Some(StoredDelivery { delivery, .. }) => {
                DeliverySummary { id, endpoint, status: delivery.status, attempts: delivery.attempts.len() }
            }
            None => DeliverySummary { id, endpoint, status: DeliveryStatus::Pending, attempts: 0 },
        };
        let entry = |event: &Event| TimelineEntry {
            event: EventView::from(event),
            deliveries: deliveries_of(event).into_iter().map(summary).collect(),
        };
        Ok(events.iter().map(entry).collect())
    }
}
