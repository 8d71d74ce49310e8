//! `/v1/payments`.

use crate::Deps;
use axum::extract::State;
use axum::response::Response;
use domain::{
    DisputeStatus, Payment, PaymentId, PaymentStatus, PaymentView, RefundStatus, Source, SourceId,
    bounded_reference,
};
use http::{IfNoneMatch, List, Params, Path, Positioned, Problem, walk};
use store::{Page, PageRequest};

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
pub(crate) async fn list(State(deps): State<Deps>, mut params: Params) -> Result<List<PaymentView>, Problem> {
    let provider_payment_id = params.text("provider_payment_id");
    let merchant_reference = params.text("merchant_reference").map(bounded_reference);
    let filter = Filter::take(&mut params, merchant_reference.clone());
    let paging = params.page(&deps.cursors);
    params.finish()?;
    let page = match (provider_payment_id, merchant_reference) {
        (Some(id), _) => deps.by_provider_id(&id, &filter).await?,
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
    async fn by_provider_id(&self, id: &str, filter: &Filter) -> Result<Page<PaymentView>, Problem> {
        let sources = match &filter.source {
            Some(source) => vec![source.clone()],
            None => self.store.all_configs::<Source>().await?.into_iter().map(|source| source.id).collect(),
        };
        let ids: Vec<PaymentId> = sources.iter().map(|source| PaymentId::derive(source, id)).collect();
        let found = self.store.payments(&ids, true).await?;
        let mut items: Vec<PaymentView> =
            found.values().map(|stored| PaymentView::from(&stored.payment)).collect();
        items.retain(|payment| filter.matches(payment));
        items.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        Ok(Page { items, next: None })
    }

    /// A page may be short: the index knows only where a page of its own ends, and filters are applied after.
    async fn by_merchant_reference(
        &self,
        reference: &str,
        request: &PageRequest,
        filter: &Filter,
    ) -> Result<Page<PaymentView>, Problem> {
        let page = self.store.payments_by_merchant_reference(reference, request).await?;
        let mut items: Vec<PaymentView> = page.items.iter().map(PaymentView::from).collect();
        items.retain(|payment| filter.matches(payment));
        Ok(Page { items, next: page.next })
    }

    async fn by_time(&self, request: &PageRequest, filter: &Filter) -> Result<Page<PaymentView>, Problem> {
        let load = |request: PageRequest| async move {
            let page = self.store.list_payments(&request).await?;
            let found = self.store.payments(page.items.iter().map(|listed| &listed.id), false).await?;
            let view = |payment: &Payment| PaymentView::from(payment);
            let items = page.items.into_iter().filter_map(|listed| {
                let item = view(&found.get(&listed.id)?.payment);
                Some(Positioned { item, position: listed.position })
            });
            Ok(Page { items: items.collect(), next: page.next })
        };
        walk(request, !filter.is_empty(), load, |payment| filter.matches(payment)).await
    }
}
