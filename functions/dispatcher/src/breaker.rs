//! The circuit breaker: whether an endpoint is called, and what its answers make of it.
//!
//! Its state is one item of the table ([`Health`]), read with the endpoint and kept for a second. An endpoint that answers has
//! none, so that it costs no write; each failure counts one. A process that has counted a failure takes the count
//! back at its next success, whatever the others have in their caches: so an endpoint that fails now and then does not
//! reach the number that opens the breaker.
//!
//! **Guarantee:** what is held back is parked in the due-index, and no attempt of its schedule is used up by that. Whoever is
//! let through as the probe has moved the time of the next one on in the table: there is one at a time, over all
//! processes, and none if the one that got it stops.
//!
//! Every step follows from the item as it is. One that comes to nothing is taken at the next failure or success, so
//! that none of them keeps a message from being done.

use crate::pace;
use crate::{Deps, target};
use domain::{
    Attempt, AttemptOutcome, BreakerState, Consequence, Delivery, DisabledReason, EndpointId, Health, Notice,
    Standing,
};
use jiff::Timestamp;
use relay::Verdict;
use std::error::Error;
use store::StoreError;

/// Whether an attempt may be made now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admission {
    Admitted,
    /// If it is the one that gets the probe: [`take_probe`].
    Probe(Health),
    /// Not before this time.
    Parked(Timestamp),
}

pub(crate) async fn admit(
    deps: &Deps,
    id: &EndpointId,
    standing: &Standing,
) -> Result<Admission, StoreError> {
    if standing.health.as_ref().is_none_or(|health| health.next_probe_at.is_none()) {
        return Ok(Admission::Admitted);
    }
    // Parking costs more than to look whether it is still so.
    let standing = deps.store.standing(id, true).await?;
    deps.standings.insert(id.clone(), standing.clone());
    let Some(health) = standing.health else { return Ok(Admission::Admitted) };
    let now = deps.clock.now();
    Ok(match health.state(now) {
        BreakerState::Closed => Admission::Admitted,
        BreakerState::HalfOpen => Admission::Probe(health),
        BreakerState::Open => Admission::Parked(health.parked_until(now, deps.entropy.unit())),
    })
}

/// Whether this attempt is the probe.
pub(crate) async fn take_probe(
    deps: &Deps,
    id: &EndpointId,
    health: &Health,
) -> Result<Admission, StoreError> {
    let now = deps.clock.now();
    if deps.store.set_probe(id, health.next_probe_at, health.probe_after(now)).await? {
        deps.standings.remove(id);
        return Ok(Admission::Admitted);
    }
    Ok(Admission::Parked(health.parked_until(now, deps.entropy.unit())))
}

/// Notes how an attempt ended that is recorded already.
pub(crate) async fn note(deps: &Deps, id: &EndpointId, verdict: &Verdict) {
    let noted = match verdict {
        Verdict::Succeeded => note_success(deps, id).await,
        Verdict::Retry { .. } => note_failure(deps, id).await,
        // `Stop` tells of the delivery, not of the endpoint. `Disable` is handled elsewhere. Neither changes the breaker.
        Verdict::Stop { .. } | Verdict::Disable => Ok(()),
    };
    if let Err(error) = noted {
        tracing::warn!(endpoint = %id, error = &error as &dyn Error, "how the endpoint fares could not be noted");
    }
}

/// Notes a success that is recorded already, when its message comes again: whoever recorded it may have stopped before it was
/// noted, and the endpoint's next delivery, which would make up for that, may be days off. Failures that began since then count;
/// those that began before and went on are forgotten, and counted afresh if they still go on.
pub(crate) async fn catch_up(deps: &Deps, delivery: &Delivery) {
    let succeeded = |attempt: &&Attempt| attempt.outcome == AttemptOutcome::Succeeded;
    let Some(attempt) = delivery.attempts.iter().rfind(succeeded) else { return };
    if let Err(error) = note_success_at(deps, &delivery.endpoint, attempt.at).await {
        tracing::warn!(endpoint = %delivery.endpoint, error = &error as &dyn Error, "a success could not be noted");
    }
}

async fn note_success(deps: &Deps, id: &EndpointId) -> Result<(), StoreError> {
    note_success_at(deps, id, deps.clock.now()).await
}

async fn note_success_at(deps: &Deps, id: &EndpointId, at: Timestamp) -> Result<(), StoreError> {
    let Standing { health, slow_until } = pace::standing(deps, id).await?;
    let Some(health) = health.filter(|health| health.failing_since <= at) else { return Ok(()) };
    // Told before it is forgotten: what stops in between is told by the next success.
    if health.is_failing() {
        let now = deps.clock.now();
        notices::raise(&deps.store, now, Notice::recovered(id, &health, now)).await?;
        tracing::info!(endpoint = %id, failing_since = %health.failing_since, "the endpoint has recovered");
    }
    deps.store.clear_health(id, health.failing_since).await?;
    deps.standings.insert(id.clone(), Standing { health: None, slow_until });
    Ok(())
}

async fn note_failure(deps: &Deps, id: &EndpointId) -> Result<(), StoreError> {
    let now = deps.clock.now();
    let Standing { health, slow_until } = deps.store.note_failure(id, now).await?;
    let Some(mut health) = health else { return Ok(()) };
    // One step a failure: between the last warning and the end there is another attempt.
    if let Some(consequence) = health.consequence(now) {
        health = follow(deps, id, health, consequence, now).await?;
    }
    deps.standings.insert(id.clone(), Standing { health: Some(health), slow_until });
    Ok(())
}

/// Takes one step, which is told before it is written down; gives what it makes of the endpoint's health.
async fn follow(
    deps: &Deps,
    id: &EndpointId,
    health: Health,
    consequence: Consequence,
    now: Timestamp,
) -> Result<Health, StoreError> {
    let failures = health.consecutive_failures;
    match consequence {
        Consequence::Open => {
            tracing::warn!(endpoint = %id, failures, "the endpoint keeps failing: its deliveries are parked");
            notices::raise(&deps.store, now, Notice::failing(id, &health, None, now)).await?;
            let probe_at = health.probe_after(now);
            deps.store.set_probe(id, None, probe_at).await?;
            Ok(Health { next_probe_at: Some(probe_at), ..health })
        }
        Consequence::Warn(percent) => {
            tracing::warn!(endpoint = %id, failures, percent, "the endpoint will be disabled if it keeps failing");
            notices::raise(&deps.store, now, Notice::failing(id, &health, Some(percent), now)).await?;
            deps.store.note_warning(id, health.failing_since, percent).await?;
            Ok(Health { warned_percent: Some(percent), ..health })
        }
        Consequence::GiveUp => {
            target::disable(deps, id, DisabledReason::Failing).await?;
            Ok(health)
        }
    }
}
