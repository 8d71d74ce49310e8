//! `/v1/payments`.

use crate::Deps;
use axum::extract::State;
use axum::response::Response;
use domain::{
    DisputeStatus, PaymentId, PaymentStatus, PaymentView, RefundStatus, Source, SourceId, bounded_reference,
};
use http::{IfNoneMatch, Paged, Params, Path, Problem, page_of, walk};
use store::{Listed, Order, Page, PageRequest, Positioned, Read, StoredPayment};

/// A payment with a long history takes megabytes while it is read, and kilobytes as it is shown.
const READ_AT_ONCE: usize = 10;

type PaymentPage = Page<Positioned<Read<PaymentView>>>;

pub(crate) async fn get(
    State(deps): State<Deps>,
    Path(id): Path<PaymentId>,
    known: IfNoneMatch,
    params: Params,
) -> Result<Response, Problem> {
    params.finish()?;
    let stored = deps.store.payment(&id).await?.ok_or_else(Problem::not_found)?;
    Ok(http::ok(&PaymentView::from(&stored.payment), stored.revision, Some(&known)))
}

/// Newest first. The two look-ups by a payment's names read what they name; every other filter is applied to the
/// listing by time.
pub(crate) async fn list(State(deps): State<Deps>, mut params: Params) -> Result<Paged, Problem> {
    let provider_payment_id = params.text("provider_payment_id");
    let merchant_reference = params.text("merchant_reference").map(bounded_reference);
    let filter = Filter::take(&mut params, merchant_reference.clone());
    let paging = params.page(&deps.cursors);
    params.finish()?;
    let page = match (provider_payment_id, merchant_reference) {
        (Some(id), _) => deps.by_provider_id(&id, &paging.request, &filter).await?,
        (None, Some(reference)) => deps.by_merchant_reference(&reference, &paging.request, &filter).await?,
        (None, None) => deps.by_time(&paging.request, &filter).await?,
    };
    Ok(paging.list(page))
}

#[derive(Debug)]
struct Filter {
    source: Option<SourceId>,
    provider: Option<String>,
    merchant_reference: Option<String>,
    status: Option<PaymentStatus>,
    refund_status: Option<RefundStatus>,
    dispute_status: Option<DisputeStatus>,
}

impl Filter {
    fn take(params: &mut Params, merchant_reference: Option<String>) -> Self {
        Self {
            source: params.parsed("source"),
            provider: params.text("provider"),
            merchant_reference,
            status: params.parsed("status"),
            refund_status: params.parsed("refund_status"),
            dispute_status: params.parsed("dispute_status"),
        }
    }

    fn is_empty(&self) -> bool {
        let Self { source, provider, merchant_reference, status, refund_status, dispute_status } = self;
        source.is_none()
            && provider.is_none()
            && merchant_reference.is_none()
            && status.is_none()
            && refund_status.is_none()
            && dispute_status.is_none()
    }

    fn matches(&self, payment: &PaymentView) -> bool {
        let derived = &payment.derived;
        wants(&self.source, &payment.source)
            && wants(&self.provider, &payment.provider)
            && wants(&self.status, &derived.status)
            && wants(&self.refund_status, &derived.refund_status)
            && wants(&self.dispute_status, &derived.dispute_status)
            && (self.merchant_reference.is_none() || self.merchant_reference == derived.merchant_reference)
    }
}

fn wants<T: PartialEq>(wanted: &Option<T>, value: &T) -> bool {
    wanted.as_ref().is_none_or(|wanted| wanted == value)
}

impl Deps {
    /// A payment's id is derived from its source and the provider's id, so without a source there is one
    /// candidate per source: a handful of keys, read at once, instead of an index that every payment would pay
    /// for. Payments of a deleted source are found by naming it.
    async fn by_provider_id(
        &self,
        id: &str,
        request: &PageRequest,
        filter: &Filter,
    ) -> Result<PaymentPage, Problem> {
        let sources = match &filter.source {
            Some(source) => vec![source.clone()],
            None => {
                let ids = self.store.config_ids::<Source>().await?;
                ids.iter().filter_map(|id| id.parse().ok()).collect()
            }
        };
        let ids: Vec<PaymentId> = sources.iter().map(|source| PaymentId::derive(source, id)).collect();
        let found = self.store.payments(&ids, true).await?;
        let entry = |(id, read): (PaymentId, Read<StoredPayment>)| {
            let item = read.map(|stored| PaymentView::from(&stored.payment));
            let created_us = item.as_ref().map_or(0, |payment| payment.created_at.as_microsecond());
            Positioned { item, position: format!("{:020}{id}", created_us.max(0)) }
        };
        let mut entries: Vec<_> = found.into_iter().map(entry).collect();
        entries.retain(|entry| entry.item.as_ref().map_or(true, |payment| filter.matches(payment)));
        Ok(page_of(entries, request, Order::Descending))
    }

    async fn by_merchant_reference(
        &self,
        reference: &str,
        request: &PageRequest,
        filter: &Filter,
    ) -> Result<PaymentPage, Problem> {
        let load = |request: PageRequest| async move {
            self.views(self.store.payments_by_merchant_reference(reference, &request).await?).await
        };
        walk(request, false, load, |payment| filter.matches(payment)).await
    }

    async fn by_time(&self, request: &PageRequest, filter: &Filter) -> Result<PaymentPage, Problem> {
        let load =
            |request: PageRequest| async move { self.views(self.store.list_payments(&request).await?).await };
        walk(request, !filter.is_empty(), load, |payment| filter.matches(payment)).await
    }

    async fn views(&self, page: Page<Listed<PaymentId>>) -> Result<PaymentPage, Problem> {
        let mut items = Vec::with_capacity(page.items.len());
        for some in page.items.chunks(READ_AT_ONCE) {
            let mut found = self.store.payments(some.iter().map(|listed| &listed.id), false).await?;
            items.extend(some.iter().filter_map(|Listed { id, position }| {
                let item = found.remove(id)?.map(|stored| PaymentView::from(&stored.payment));
                Some(Positioned { item, position: position.clone() })
            }));
        }
        Ok(Page { items, next: page.next })
    }
}
