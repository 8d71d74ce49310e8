//! `/v1/events`.

use crate::Deps;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::{EventId, EventType, EventView, PaymentId, SourceId};
use http::{Paged, Params, Path, Problem, walk};
use providers::Verified;
use store::{Order, Page, PageRequest, Positioned, Read};

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
        // would write anew what is not valid in the charset. In base64 the largest body fits (`http::LARGEST_ANSWER`).
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

/// Newest first: by the time at which they were received, or, of one payment, by the time at which they happened.
pub(crate) async fn list(State(deps): State<Deps>, mut params: Params) -> Result<Paged, Problem> {
    let filter = Filter { event_type: params.parsed("type"), source: params.parsed("source") };
    let payment: Option<PaymentId> = params.parsed("payment");
    let paging = params.page(&deps.cursors);
    params.finish()?;
    Ok(paging.list(deps.events(payment.as_ref(), &paging.request, &filter).await?))
}

impl Deps {
    async fn events(
        &self,
        payment: Option<&PaymentId>,
        request: &PageRequest,
        filter: &Filter,
    ) -> Result<Page<Positioned<Read<EventView>>>, Problem> {
        let load = |request: PageRequest| async move {
            let page = match payment {
                None => Some(self.store.list_events(&request).await?),
                Some(payment) => self.store.payment_events(payment, &request, Order::Descending).await?,
            };
            let page = page.unwrap_or(Page { items: Vec::new(), next: None });
            let found = self.store.events_by_id(page.items.iter().map(|listed| &listed.id)).await?;
            Ok(page.with(found).map(|event| EventView::from(&event)))
        };
        let filtered = filter.event_type.is_some() || filter.source.is_some();
        walk(request, filtered, load, |event| filter.matches(event)).await
    }
}
