//! `/v1/payments/{id}/operations`: all of a payment's operations, of which the payment itself shows the newest.

use crate::Deps;
use axum::extract::State;
use domain::{OperationView, PaymentId};
use http::{Paged, Params, Path, Problem, page_of};
use sha2::{Digest, Sha256};
use std::fmt::Write;
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

/// Sorts by time, then by kind and id. Where the provider numbers its versions instead there is no time: those come last.
fn position(operation: &OperationView) -> String {
    let at = operation.occurred_at.map_or(0, |at| at.as_microsecond().max(0));
    format!("{at:020}/{}/{}", operation.kind, short(&operation.provider_operation_id))
}

/// Positions become part of a URL, and ids are the providers' own text of any length.
fn short(id: &str) -> String {
    const LONGEST: usize = 200;
    if id.len() <= LONGEST {
        return id.to_owned();
    }
    let mut text: String = id.chars().take(LONGEST / 4).collect();
    for byte in Sha256::digest(id.as_bytes()) {
        let _ = write!(text, "{byte:02x}"); // writing to a String does not fail
    }
    text
}

#[cfg(test)]
mod tests;
