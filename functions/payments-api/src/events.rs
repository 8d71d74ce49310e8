//! `/v1/events`.

use crate::Deps;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::{EventId, EventType, EventView, PaymentId, SourceId};
use http::{List, Order, Params, Path, Positioned, Problem, page_of, walk};
use providers::Verified;
use store::{Page, PageRequest};

const EVENT: HeaderName = HeaderName::from_static("payrelay-event");

pub(crate) async fn get(
    State(deps): State<Deps>,
    Path(id): Path<EventId>,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    let record = deps.store.event(&id).await?.ok_or_else(Problem::not_found)?;
    Ok(http::json(StatusCode::OK, &EventView::from(&record.event)))
}

/// The provider's request body, byte for byte.
pub(crate) async fn raw(
    State(deps): State<Deps>,
    Path(id): Path<EventId>,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    let record = deps.store.event(&id).await?.ok_or_else(Problem::not_found)?;
    // An event that we raised ourselves came in no request.
    let raw = record.raw.ok_or_else(Problem::not_found)?;
    let verified = Verified::from_parts(raw.meta, raw.body);
    let content_type = verified
        .headers()
        .iter()
        .find(|(name, _)| name == "content-type")
        .and_then(|(_, value)| HeaderValue::from_str(value).ok())
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let event = HeaderValue::from_str(id.as_str()).expect("ids are plain ASCII");
    let headers = [
        (header::CONTENT_TYPE, content_type),
        // Makes lambda_http hand the bytes to API Gateway as they are. It takes a text by its content type, and
        // would write anew what is not valid in the charset.
        (header::CONTENT_ENCODING, HeaderValue::from_static("identity")),
        (EVENT, event),
    ];
    let (_, body) = verified.into_parts();
    Ok((headers, Body::from(body)).into_response())
}

#[derive(Debug)]
struct Filter {
    event_type: Option<EventType>,
    source: Option<SourceId>,
}

impl Filter {
    fn matches(&self, event: &EventView) -> bool {
        self.event_type.is_none_or(|wanted| wanted == event.event_type)
            && (self.source.is_none() || self.source == event.source)
    }
}

/// Newest first, by the time at which they were received.
pub(crate) async fn list(State(deps): State<Deps>, mut params: Params) -> Result<List<EventView>, Problem> {
    let filter = Filter { event_type: params.parsed("type"), source: params.parsed("source") };
    let payment: Option<PaymentId> = params.parsed("payment");
    let paging = params.page(&deps.cursors);
    params.finish()?;
    let page = match payment {
        Some(payment) => deps.events_of(&payment, &paging.request, &filter).await?,
        None => deps.events_by_time(&paging.request, &filter).await?,
    };
    Ok(paging.list(page))
}

impl Deps {
    async fn events_by_time(
        &self,
        request: &PageRequest,
        filter: &Filter,
    ) -> Result<Page<EventView>, Problem> {
        let load = |request: PageRequest| async move {
            let page = self.store.list_events(&request).await?;
            let found = self.store.events_by_id(page.items.iter().map(|listed| &listed.id)).await?;
            let items = page.items.into_iter().filter_map(|listed| {
                let item = EventView::from(found.get(&listed.id)?);
                Some(Positioned { item, position: listed.position })
            });
            Ok(Page { items: items.collect(), next: page.next })
        };
        let filtered = filter.event_type.is_some() || filter.source.is_some();
        walk(request, filtered, load, |event| filter.matches(event)).await
    }

    /// A payment has tens of events, all under one key, in no order of time: they are read together and sorted.
    async fn events_of(
        &self,
        payment: &PaymentId,
        request: &PageRequest,
        filter: &Filter,
    ) -> Result<Page<EventView>, Problem> {
        let events = self.store.all_payment_events(payment).await?;
        let mut events: Vec<EventView> = events.iter().map(EventView::from).collect();
        events.retain(|event| filter.matches(event));
        Ok(page_of(events, request, Order::Descending, |event| {
            format!("{:020}{}", event.received_at.as_microsecond().max(0), event.id)
        }))
    }
}
