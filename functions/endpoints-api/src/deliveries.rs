//! `/v1/deliveries`.
//!
//! A delivery has no item until its first attempt was made. Until then it is made up from its event, which names
//! the endpoints that it was matched to: the same id, `pending`, no attempts.

use crate::Deps;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::{
    Attempt, Delivery, DeliveryId, DeliveryStatus, DeliveryView, Endpoint, EndpointId, EndpointStatus, Event,
    EventId, PaymentId,
};
use http::{Code, List, Order, Params, Path, Positioned, Problem, page_of, walk};
use queue::DeliveryMessage;
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;
use store::{Page, PageRequest};

#[derive(Debug)]
struct Filter {
    endpoint: Option<EndpointId>,
    status: Option<DeliveryStatus>,
}

impl Filter {
    fn matches(&self, delivery: &Delivery) -> bool {
        self.endpoint.as_ref().is_none_or(|wanted| *wanted == delivery.endpoint)
            && self.status.is_none_or(|wanted| wanted == delivery.status)
    }
}

/// Newest first, by the time at which their events were received.
pub(crate) async fn list(
    State(deps): State<Deps>,
    mut params: Params,
) -> Result<List<DeliveryView>, Problem> {
    let filter = Filter { endpoint: params.parsed("endpoint"), status: params.parsed("status") };
    let event: Option<EventId> = params.parsed("event");
    let payment: Option<PaymentId> = params.parsed("payment");
    if event.is_some() && payment.is_some() {
        params.refuse("payment", "can't be given together with `event`");
    }
    let paging = params.page(&deps.cursors);
    params.finish()?;
    let page = match (event, payment) {
        (Some(event), _) => {
            let events = deps.store.event(&event).await?.into_iter().map(|record| record.event).collect();
            deps.of_events(events, &paging.request, &filter).await?
        }
        (None, Some(payment)) => {
            let events = deps.store.all_payment_events(&payment).await?;
            deps.of_events(events, &paging.request, &filter).await?
        }
        (None, None) => deps.by_time(&paging.request, &filter).await?,
    };
    let items = page.items.iter().map(DeliveryView::from).collect();
    Ok(paging.list(Page { items, next: page.next }))
}

pub(crate) async fn get(
    State(deps): State<Deps>,
    Path(id): Path<DeliveryId>,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    let delivery = deps.find_delivery(&id).await?;
    Ok(http::json(StatusCode::OK, &DeliveryView::from(&delivery)))
}

/// All of them: there are ten at most, and one more for each retry by hand.
pub(crate) async fn attempts(
    State(deps): State<Deps>,
    Path(id): Path<DeliveryId>,
    params: Params,
) -> Result<List<Attempt>, Problem> {
    params.finish()?;
    let delivery = deps.find_delivery(&id).await?;
    Ok(List { data: delivery.attempts, next_cursor: None })
}

/// Makes one more attempt, beside the schedule and whatever became of the ones before. If it fails, the delivery
/// stays what it was. Nothing is written here: the dispatcher takes the
/// attempt that follows the recorded ones and drops it as a repeat once it was made.
pub(crate) async fn retry(
    State(deps): State<Deps>,
    Path(id): Path<DeliveryId>,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    let delivery = deps.find_delivery(&id).await?;
    let endpoint = deps.store.config::<Endpoint>(delivery.endpoint.as_str()).await?;
    match endpoint.map(|stored| stored.value.status) {
        None => return Err(Problem::new(Code::Conflict, "The delivery's endpoint was deleted.")),
        Some(EndpointStatus::Disabled) => {
            return Err(Problem::new(
                Code::Conflict,
                "The delivery's endpoint is disabled: enable it first.",
            ));
        }
        Some(EndpointStatus::Active | EndpointStatus::Failing) => {}
    }
    let message = DeliveryMessage::retry(&delivery, delivery.attempts_made() + 1, None).by_hand();
    deps.deliveries.send(message.after(Duration::ZERO)).await.map_err(Problem::unavailable)?;
    Ok(http::json(StatusCode::ACCEPTED, &DeliveryView::from(&delivery)))
}

impl Deps {
    async fn find_delivery(&self, id: &DeliveryId) -> Result<Delivery, Problem> {
        if let Some(stored) = self.store.delivery(id).await? {
            return Ok(stored.delivery);
        }
        let (event, endpoint) = self.store.event_of_delivery(id).await?.ok_or_else(Problem::not_found)?;
        Ok(Delivery::pending(&event, &endpoint))
    }

    async fn of_events(
        &self,
        events: Vec<Event>,
        request: &PageRequest,
        filter: &Filter,
    ) -> Result<Page<Delivery>, Problem> {
        let received: HashMap<EventId, i64> = events
            .iter()
            .map(|event| (event.id.clone(), event.received_at.as_microsecond().max(0)))
            .collect();
        let mut deliveries = self.deliveries_of(&events).await?;
        deliveries.retain(|delivery| filter.matches(delivery));
        let received = |delivery: &Delivery| received.get(&delivery.event).copied().unwrap_or_default();
        Ok(page_of(deliveries, request, Order::Descending, |delivery| {
            format!("{:020}{}", received(delivery), delivery.id)
        }))
    }

    /// Goes through the listing of events, because deliveries stand in no listing of their own: that would cost
    /// every delivery a write.
    async fn by_time(&self, request: &PageRequest, filter: &Filter) -> Result<Page<Delivery>, Problem> {
        let load = |request: PageRequest| async move {
            let from = request.after.as_deref().map(Position::parse);
            let request =
                PageRequest { after: from.as_ref().map(Position::events_after), limit: request.limit };
            let page = self.store.list_events(&request).await?;
            let found = self.store.events_by_id(page.items.iter().map(|listed| &listed.id)).await?;
            let positions: HashMap<&EventId, &str> =
                page.items.iter().map(|listed| (&listed.id, listed.position.as_str())).collect();
            let events: Vec<Event> =
                page.items.iter().filter_map(|listed| found.get(&listed.id).cloned()).collect();
            let deliveries = self.deliveries_of(&events).await?;
            let items = deliveries.into_iter().filter_map(|delivery| {
                let position =
                    Position { event: positions.get(&delivery.event)?, delivery: Some(delivery.id.as_str()) };
                let is_next = from.as_ref().is_none_or(|from| position.is_after(from));
                let position = position.to_string();
                is_next.then_some(Positioned { item: delivery, position })
            });
            Ok(Page { items: items.collect(), next: page.next })
        };
        walk(request, true, load, |delivery| filter.matches(delivery)).await
    }

    /// The deliveries of some events, event by event in the given order, each event's by id.
    async fn deliveries_of(&self, events: &[Event]) -> Result<Vec<Delivery>, Problem> {
        let mut deliveries: Vec<Delivery> = Vec::new();
        for event in events {
            let mut own: Vec<Delivery> =
                event.endpoints.iter().map(|endpoint| Delivery::pending(event, endpoint)).collect();
            own.sort_unstable_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
            deliveries.append(&mut own);
        }
        let stored = self.store.deliveries_by_id(deliveries.iter().map(|delivery| &delivery.id)).await?;
        let mut stored: HashMap<DeliveryId, Delivery> =
            stored.into_iter().map(|stored| (stored.delivery.id.clone(), stored.delivery)).collect();
        for delivery in &mut deliveries {
            if let Some(attempted) = stored.remove(&delivery.id) {
                *delivery = attempted;
            }
        }
        Ok(deliveries)
    }
}

/// A position in the listing of deliveries: that of an event in the listing of events, and how far among its
/// deliveries, where a page ended between them.
#[derive(Debug, Clone, Copy)]
struct Position<'a> {
    event: &'a str,
    delivery: Option<&'a str>,
}

impl<'a> Position<'a> {
    fn parse(text: &'a str) -> Self {
        match text.split_once('/') {
            Some((event, delivery)) => Self { event, delivery: Some(delivery) },
            None => Self { event: text, delivery: None },
        }
    }

    /// The position in the listing of events from which to go on: just above the event, to read it once more,
    /// if there are deliveries of it left.
    fn events_after(&self) -> String {
        match self.delivery {
            Some(_) => format!("{}~", self.event), // `~` sorts after every character of a position
            None => self.event.to_owned(),
        }
    }

    fn is_after(&self, from: &Position<'_>) -> bool {
        self.event != from.event || self.delivery > from.delivery
    }
}

impl fmt::Display for Position<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.delivery {
            Some(delivery) => write!(f, "{}/{delivery}", self.event),
            None => f.write_str(self.event),
        }
    }
}
