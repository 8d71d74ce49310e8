//! `/v1/payments/{id}/timeline`: a payment's events in the order in which they happened, what each changed or
//! why it changed nothing, and what became of its deliveries.

use crate::Deps;
use axum::extract::State;
use domain::{DeliveryId, DeliveryStatus, EndpointId, Event, EventView, PaymentId};
use http::{ItemProblem, Paged, Params, Path, Problem};
use serde::Serialize;
use store::{Order, Page, Positioned, Read, StoredDelivery};

/// An event, with its deliveries in short.
#[derive(Debug, Serialize)]
pub(crate) struct TimelineEntry {
    #[serde(flatten)]
    event: EventView,
    deliveries: Vec<DeliverySummary>,
}

/// One that can't be read has a `problem` in place of what it came to.
#[derive(Debug, Serialize)]
struct DeliverySummary {
    id: DeliveryId,
    endpoint: EndpointId,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<DeliveryStatus>,
    /// How many were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ItemProblem>,
}

pub(crate) async fn list(
    State(deps): State<Deps>,
    Path(id): Path<PaymentId>,
    mut params: Params,
) -> Result<Paged, Problem> {
    let paging = params.page(&deps.cursors);
    params.finish()?;
    let page = deps.store.payment_events(&id, &paging.request, Order::Ascending).await?;
    let page = page.ok_or_else(Problem::not_found)?;
    let found = deps.store.events_by_id(page.items.iter().map(|listed| &listed.id)).await?;
    Ok(paging.list(deps.with_deliveries(page.with(found)).await?))
}

impl Deps {
    async fn with_deliveries(
        &self,
        page: Page<Positioned<Read<Event>>>,
    ) -> Result<Page<Positioned<Read<TimelineEntry>>>, Problem> {
        let deliveries_of = |event: &Event| -> Vec<(DeliveryId, EndpointId)> {
            let endpoints = event.endpoints.iter();
            endpoints.map(|endpoint| (DeliveryId::derive(&event.id, endpoint), endpoint.clone())).collect()
        };
        let ids: Vec<DeliveryId> = page.readable().flat_map(deliveries_of).map(|(id, _)| id).collect();
        let stored = self.store.deliveries_by_id(&ids).await?;
        let summary = |(id, endpoint): (DeliveryId, EndpointId)| {
            let (status, attempts, problem) = match stored.get(&id) {
                Some(Ok(StoredDelivery { delivery, .. })) => {
                    (Some(delivery.status), Some(delivery.attempts.len()), None)
                }
                Some(Err(unreadable)) => (None, None, Some(unreadable.into())),
                None => (Some(DeliveryStatus::Pending), Some(0), None),
            };
            DeliverySummary { id, endpoint, status, attempts, problem }
        };
        Ok(page.map(|event| TimelineEntry {
            event: EventView::from(&event),
            deliveries: deliveries_of(&event).into_iter().map(summary).collect(),
        }))
    }
}
