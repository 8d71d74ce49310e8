//! `/v1/payments/{id}/operations`: all of a payment's operations, of which the payment itself shows the newest.

use crate::Deps;
use axum::extract::State;
use domain::{OperationView, PaymentId, bounded};
use http::{Paged, Params, Path, Problem, page_of};
use store::{Order, Positioned};

/// Newest first, by the time at which each reached its state. The ledger is read whole, as it is for every event.
pub(crate) async fn list(
    State(deps): State<Deps>,
    Path(id): Path<PaymentId>,
    mut params: Params,
) -> Result<Paged, Problem> {
    let paging = params.page(&deps.cursors);
    params.finish()?;
    let stored = deps.store.payment(&id).await?.ok_or_else(Problem::not_found)?;
    let entry = |operation: OperationView| Positioned { position: position(&operation), item: Ok(operation) };
    let entries = domain::operations(&stored.payment.ledger).into_iter().map(entry).collect();
    Ok(paging.list(page_of(entries, &paging.request, Order::Descending)))
}

/// Positions become part of a URL.
const MAX_ID_BYTES: usize = 200;

/// Sorts by time, then by kind and id. Where the provider numbers its versions instead there is no time: those come last.
fn position(operation: &OperationView) -> String {
    let at = operation.occurred_at.map_or(0, |at| at.as_microsecond().max(0));
    let id = bounded(operation.provider_operation_id.clone(), MAX_ID_BYTES);
    format!("{at:020}/{}/{id}", operation.kind)
}

#[cfg(test)]
mod tests;
