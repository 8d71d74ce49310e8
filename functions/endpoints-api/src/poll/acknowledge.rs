//! What a cursor of a poll names, and taking a client's word for it.

use super::replay;
use crate::Deps;
use domain::{Attempt, AttemptOutcome, DeliveryId, DeliveryStatus};
use futures::future::try_join_all;
use http::Problem;
use jiff::Timestamp;
use store::{StoreError, StoredDelivery, Wait};

/// Writes that are made side by side.
const WRITE_AT_ONCE: usize = 10;

/// The deliveries of an answer, each with the revision at which it waited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Named(pub(super) Vec<(DeliveryId, u64)>);

impl Named {
    /// `{id}.{revision}` of each, without the ids' prefix, with commas between.
    pub(super) fn position(&self) -> String {
        let names = self.0.iter().map(|(id, revision)| {
            let own = &id.as_str()[DeliveryId::PREFIX.len()..];
            format!("{own}.{revision}")
        });
        names.collect::<Vec<_>>().join(",")
    }

    pub(super) fn parse(position: &str) -> Option<Self> {
        let parse = |name: &str| {
            let (own, revision) = name.split_once('.')?;
            Some((format!("{}{own}", DeliveryId::PREFIX).parse().ok()?, revision.parse().ok()?))
        };
        let names = position.split(',').filter(|name| !name.is_empty()).map(parse);
        names.collect::<Option<Vec<_>>>().map(Self)
    }
}

impl Deps {
    /// Records that the client has what was named. What is not there any more as it was named is left as it is:
    /// acknowledged before, or placed again since.
    pub(super) async fn acknowledge(&self, named: &Named) -> Result<(), Problem> {
        let stored = self.store.current_deliveries(named.0.iter().map(|(id, _)| id)).await?;
        let is_named = |stored: &StoredDelivery| {
            stored.placed.is_some()
                && named
                    .0
                    .iter()
                    .any(|(id, revision)| *id == stored.delivery.id && *revision == stored.revision)
        };
        let named: Vec<StoredDelivery> =
            stored.into_values().filter_map(Result::ok).filter(is_named).collect();
        let now = self.clock.now();
        for some in named.chunks(WRITE_AT_ONCE) {
            try_join_all(some.iter().map(|stored| self.record(stored, now))).await?;
        }
        Ok(())
    }

    async fn record(&self, stored: &StoredDelivery, now: Timestamp) -> Result<(), StoreError> {
        let mut delivery = stored.delivery.clone();
        delivery.attempts.push(attempt(stored, now));
        delivery.status = DeliveryStatus::Succeeded;
        match self.store.put_delivery(&delivery, stored.revision, Wait::Nothing).await {
            // The same cursor came twice at the same time, or a replay placed it again.
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The attempt that has succeeded once the client has the delivery.
pub(super) fn attempt(stored: &StoredDelivery, now: Timestamp) -> Attempt {
    let made = &stored.delivery.attempts;
    let is_asked_for = stored.placed.as_ref().is_some_and(|placed| placed.asked.is_some());
    Attempt {
        number: stored.delivery.next_number(),
        at: now,
        outcome: AttemptOutcome::Succeeded,
        status_code: None,
        latency_ms: 0,
        error: None,
        error_detail: None,
        // As with the attempts that are sent: the first is its event's, whoever asked for it.
        manual: is_asked_for && !made.is_empty(),
        repeat: false,
        replay: replay(stored).cloned(),
        response_excerpt: None,
    }
}

#[cfg(test)]
mod tests;
