//! Whether an attempt may begin now. What is asked, in this order:
//!
//! 1. the breaker ([`crate::breaker`]): while it is open, the delivery is parked;
//! 2. the lane ([`crate::pace`]): a slow endpoint's delivery leaves the fast lane, without an attempt;
//! 3. the probe: while the breaker is half open, one delivery gets it, in the lane in which it is made; others are parked;
//! 4. the rate: `limits.per_second`, counted over all dispatchers in one item for each second;
//! 5. the concurrency: `limits.concurrent`, in the slow lane [`SLOW_LANE_BOUND`] at most, held by leases in one item.
//!
//! **Guarantee:** a delivery that is not let in uses up no attempt, and is parked or queued again before its message is
//! done. At most `per_second` attempts begin in a second of the dispatchers' clocks, so at most twice that in any second that
//! lies across two of them. At most `concurrent` are under way at once, as long as none outlasts its time by
//! [`LEASE_MARGIN`].
//!
//! Who has passed the rate and finds no room has used up a place in its second: then there are fewer than the rate allows,
//! never more. Likewise a probe that finds no room is lost; the next one comes a minute later at the earliest.
//!
//! What is asked for by hand passes the breaker, for whoever asks wants to know whether the endpoint answers again; it does
//! not pass the limits: these are what the endpoint can bear, whoever wants it to.
//!
//! An endpoint that answers in good time and has no limits pays no write for any of this, and one read of half a unit.

#[cfg(test)]
mod tests;

use crate::Deps;
use crate::breaker::{self, Admission};
use crate::pace::{self, Lane};
use domain::EndpointId;
use jiff::{SignedDuration, Timestamp};
use queue::DeliveryMessage;
use relay::Target;
use std::error::Error;
use std::time::Duration;
use store::{Lease, StoreError};

/// Attempts of one endpoint that are under way in the slow lane, unless it wants fewer: a twentieth of those that the
/// lane's mapping takes (50 batches of 10), and where each of them is in a batch of its own, half of the batches.
const SLOW_LANE_BOUND: u16 = 25;
/// How much longer than its attempt a lease lasts: what is read before the attempt and recorded after it. It is given back
/// by then, unless the dispatcher has stopped.
const LEASE_MARGIN: SignedDuration = SignedDuration::from_secs(30);
/// How long a delivery waits for room the first time; each time twice as long as before.
const ROOM_DELAY: Duration = Duration::from_secs(5);
const MAX_ROOM_DELAY: Duration = Duration::from_secs(600);

pub(crate) enum Verdict {
    /// The attempt is made, and then the lease given back with [`leave`].
    Enter(Option<Lease>),
    /// Not before this time: it waits in the due-index.
    Park(Timestamp),
    /// It goes to the slow lane.
    Forward,
    /// It comes again, in its lane, after this time.
    Postpone(Duration),
}

pub(crate) async fn ask(
    deps: &Deps,
    message: &DeliveryMessage,
    target: &Target,
    lane: Lane,
) -> Result<Verdict, StoreError> {
    let id = &message.endpoint;
    let standing = pace::standing(deps, id).await?;
    let admission =
        if message.manual { Admission::Admitted } else { breaker::admit(deps, id, &standing).await? };
    if let Admission::Parked(until) = admission {
        return Ok(Verdict::Park(until));
    }
    // Before the probe is taken: whoever has the right to it makes the attempt.
    if lane == Lane::Fast && standing.is_slow(deps.clock.now()) {
        return Ok(Verdict::Forward);
    }
    if let Admission::Probe(health) = admission
        && let Admission::Parked(until) = breaker::take_probe(deps, id, &health).await?
    {
        return Ok(Verdict::Park(until));
    }
    if let Some(limit) = target.limits.per_second {
        let count = deps.store.count_in_second(id, deps.clock.now()).await?;
        if let Some(delay) = rate_delay(count, limit) {
            return Ok(Verdict::Postpone(delay));
        }
    }
    let Some(limit) = bound(target.limits.concurrent, lane) else { return Ok(Verdict::Enter(None)) };
    let now = deps.clock.now();
    let expires_at = now + SignedDuration::try_from(target.timeout).unwrap_or_default() + LEASE_MARGIN;
    let lease = Lease::new(expires_at, deps.entropy.bytes());
    Ok(if deps.store.take_lease(id, &lease, limit, now).await? {
        Verdict::Enter(Some(lease))
    } else {
        Verdict::Postpone(room_delay(message.hops, deps.entropy.unit()))
    })
}

/// In the slow lane nobody has more than the bound, whatever they can bear: there it is the others that it protects.
fn bound(wanted: Option<u16>, lane: Lane) -> Option<u16> {
    match lane {
        Lane::Fast => wanted,
        Lane::Slow => Some(wanted.map_or(SLOW_LANE_BOUND, |wanted| wanted.min(SLOW_LANE_BOUND))),
    }
}

/// Gives the lease back. If that comes to nothing, the lease expires.
pub(crate) async fn leave(deps: &Deps, id: &EndpointId, lease: Option<Lease>) {
    let Some(lease) = lease else { return };
    if let Err(error) = deps.store.release_lease(id, &lease).await {
        tracing::warn!(endpoint = %id, error = &error as &dyn Error, "a lease was not given back: it will expire");
    }
}

/// When the attempt that is the `count`th to ask in its second asks again: those that are too many spread over as many
/// seconds as they need, where each counts again.
fn rate_delay(count: u32, limit: u16) -> Option<Duration> {
    let limit = u32::from(limit.max(1));
    let over = count.saturating_sub(limit);
    (over > 0).then(|| Duration::from_secs(over.div_ceil(limit).into()))
}

/// Between half of the time and all of it, by lot (`random`, uniform in 0..1): those that found no room together do not come
/// back together.
fn room_delay(hops: u8, random: f64) -> Duration {
    let delay = ROOM_DELAY.saturating_mul(1 << hops.min(16)).min(MAX_ROOM_DELAY);
    delay.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}
