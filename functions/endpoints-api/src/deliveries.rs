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
use http::{Code, List, Paged, Params, Path, Problem, walk};
use queue::DeliveryMessage;
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;
use store::{Listed, Order, Page, PageRequest, Positioned, Read, StoreError};

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

/// Whose deliveries are listed.
#[derive(Debug)]
enum Of {
    Everything,
    Payment(PaymentId),
    Event(EventId),
}

type Deliveries = Page<Positioned<Read<Delivery>>>;

/// Newest first, by the time at which their events were received; of one payment, at which they happened.
pub(crate) async fn list(State(deps): State<Deps>, mut params: Params) -> Result<Paged, Problem> {
    let filter = Filter { endpoint: params.parsed("endpoint"), status: params.parsed("status") };
    let event: Option<EventId> = params.parsed("event");
    let payment: Option<PaymentId> = params.parsed("payment");
    if event.is_some() && payment.is_some() {
        params.refuse("payment", "can't be given together with `event`");
    }
    let paging = params.page(&deps.cursors);
    params.finish()?;
    let of = match (event, payment) {
        (Some(event), _) => Of::Event(event),
        (None, Some(payment)) => Of::Payment(payment),
        (None, None) => Of::Everything,
    };
    let page = deps.deliveries(&of, &paging.request, &filter).await?;
    Ok(paging.list(page.map(|delivery| DeliveryView::from(&delivery))))
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

    /// Goes through a listing of events, newest first, because deliveries stand in no listing of their own: that would cost
    /// every delivery a write.
    async fn deliveries(
        &self,
        of: &Of,
        request: &PageRequest,
        filter: &Filter,
    ) -> Result<Deliveries, Problem> {
        let load = |request: PageRequest| async move {
            let from = request.after.as_deref().map(Position::parse);
            let request =
                PageRequest { after: from.as_ref().map(Position::events_after), limit: request.limit };
            let page = self.events(of, &request).await?;
            let events = self.store.events_by_id(page.items.iter().map(|listed| &listed.id)).await?;
            let mut items = self.deliveries_of(&page.items, events).await?;
            items.retain(|entry| {
                from.as_ref().is_none_or(|from| Position::parse(&entry.position).is_after(from))
            });
            Ok(Page { items, next: page.next })
        };
        walk(request, true, load, |delivery| filter.matches(delivery)).await
    }

    async fn events(&self, of: &Of, request: &PageRequest) -> Result<Page<Listed<EventId>>, StoreError> {
        let only = |items| Page { items, next: None };
        match of {
            Of::Everything => self.store.list_events(request).await,
            Of::Payment(payment) => {
                let page = self.store.payment_events(payment, request, Order::Descending).await?;
                Ok(page.unwrap_or_else(|| only(Vec::new())))
            }
            Of::Event(event) => {
                Ok(only(vec![Listed { id: event.clone(), position: event.as_str().to_owned() }]))
            }
        }
    }

    /// The deliveries of some events, event by event in the given order, each event's by id. An event that can't be read
    /// stands in their place: its deliveries are not known.
    async fn deliveries_of(
        &self,
        listed: &[Listed<EventId>],
        mut events: HashMap<EventId, Read<Event>>,
    ) -> Result<Vec<Positioned<Read<Delivery>>>, Problem> {
        let mut entries = Vec::new();
        for Listed { id, position: event } in listed {
            let position = |delivery: &str| Position { event, delivery: Some(delivery) }.to_string();
            match events.remove(id) {
                None => {}
                Some(Err(unreadable)) => {
                    entries.push(Positioned { item: Err(unreadable), position: position("") });
                }
                Some(Ok(event)) => {
                    let endpoints = event.endpoints.iter();
                    let mut own: Vec<Delivery> =
                        endpoints.map(|endpoint| Delivery::pending(&event, endpoint)).collect();
                    own.sort_unstable_by(|a, b| a.id.cmp(&b.id));
                    entries.extend(own.into_iter().map(|delivery| {
                        let position = position(delivery.id.as_str());
                        Positioned { item: Ok(delivery), position }
                    }));
                }
            }
        }
        let ids = entries.iter().filter_map(|entry| Some(&entry.item.as_ref().ok()?.id));
        let mut stored = self.store.deliveries_by_id(ids).await?;
        for entry in &mut entries {
            let attempted = entry.item.as_ref().ok().and_then(|delivery| stored.remove(&delivery.id));
            if let Some(attempted) = attempted {
                entry.item = attempted.map(|stored| stored.delivery);
            }
        }
        Ok(entries)
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
