//! How an endpoint fares: the circuit breaker, and when it is given up.
//!
//! **Guarantee:** nothing here is decided by one delivery alone, or by silence. The breaker opens only after more failures in
//! a row than one delivery can have; an endpoint is given up only at a failure, after the last warning.
//!
//! An endpoint that answers has no [`Health`] at all: there is nothing to write as long as nothing fails. [`Standing`] is
//! that and whether the endpoint is slow: a slow endpoint may answer everything, and one that fails may be quick about it.

#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// Failures in a row that open the breaker. A delivery has 21 attempts at most, which its schedule paces; with more
/// than that, several deliveries have met the same fate.
const OPENS_AT: u32 = 25;
/// An endpoint that does nothing but fail for so long is disabled.
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(5 * 24);
/// In percent of [`GIVEN_UP_AFTER`].
const WARNINGS: [u8; 3] = [50, 70, 90];
const LAST_WARNING: u8 = 90;

/// Longer than an attempt may take (30 s): the next probe begins after the one before has ended.
const LEAST_PROBE_INTERVAL: SignedDuration = SignedDuration::from_mins(1);
const MOST_PROBE_INTERVAL: SignedDuration = SignedDuration::from_mins(15);
const MOST_PARKED: SignedDuration = SignedDuration::from_hours(1);

/// How long an endpoint counts as slow after a slow attempt.
const SLOW_FOR: SignedDuration = SignedDuration::from_mins(10);
/// What must be left of that, or else the next slow attempt makes it whole again: an endpoint that is slow all the time is
/// written down every five minutes, not at every attempt.
const SLOW_RENEWED_BELOW: SignedDuration = SignedDuration::from_mins(5);

/// All that is known of how an endpoint fares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// `None`: nothing has failed since its last success.
    pub health: Option<Health>,
    /// The end of the time for which it counts as slow; it may be over.
    pub slow_until: Option<Timestamp>,
}

impl Standing {
    pub fn is_slow(&self, now: Timestamp) -> bool {
        self.slow_until.is_some_and(|until| now < until)
    }

    /// Until when the endpoint counts as slow because of an attempt that is slow `now`; `None` where what is noted is
    /// enough.
    pub fn slow_from(&self, now: Timestamp) -> Option<Timestamp> {
        let is_noted = self.slow_until.is_some_and(|until| until.duration_since(now) >= SLOW_RENEWED_BELOW);
        (!is_noted).then(|| now + SLOW_FOR)
    }
}

/// Of an endpoint whose last attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Since the last success that was noticed.
    pub consecutive_failures: u32,
    /// The first of these failures.
    pub failing_since: Timestamp,
    /// There while the breaker is not closed: when one attempt may be made again.
    pub next_probe_at: Option<Timestamp>,
    /// The last of the warnings that were given.
    pub warned_percent: Option<u8>,
}

/// Whether deliveries are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// All of them.
    Closed,
    /// None: they are parked.
    Open,
    /// The next one, alone: its outcome decides.
    HalfOpen,
}

/// What a failure leads to, each step once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// The breaker opens.
    Open,
    /// So many percent of the time are over after which the endpoint is given up.
    Warn(u8),
    GiveUp,
}

impl Health {
    pub fn state(&self, now: Timestamp) -> BreakerState {
        match self.next_probe_at {
            None => BreakerState::Closed,
            Some(probe) if now < probe => BreakerState::Open,
            Some(_) => BreakerState::HalfOpen,
        }
    }

    /// Whether clients are told that the endpoint is failing: more than a failure or two has happened to it.
    pub fn is_failing(&self) -> bool {
        self.next_probe_at.is_some() || self.warned_percent.is_some()
    }

    /// What the failure at `now`, which is counted already, leads to. At most one step at a time: an endpoint is never
    /// given up without its last warning, even if nothing was sent to it for days.
    pub fn consequence(&self, now: Timestamp) -> Option<Consequence> {
        if self.next_probe_at.is_none() && self.consecutive_failures >= OPENS_AT {
            return Some(Consequence::Open);
        }
        // Fewer failures prove nothing, however far apart they are: an endpoint may get one event a week.
        self.next_probe_at?;
        let failing = self.failing_for(now);
        let warned = self.warned_percent.unwrap_or(0);
        if warned >= LAST_WARNING {
            return (failing >= GIVEN_UP_AFTER).then_some(Consequence::GiveUp);
        }
        let passed = |percent: &&u8| failing >= GIVEN_UP_AFTER / 100 * i32::from(**percent);
        let reached = WARNINGS.iter().rev().find(passed).copied();
        reached.filter(|percent| *percent > warned).map(Consequence::Warn)
    }

    /// When the next probe may be made, if one is made `now`: after a tenth of the time that the endpoint has been
    /// failing, within a minute and a quarter of an hour.
    pub fn probe_after(&self, now: Timestamp) -> Timestamp {
        now + (self.failing_for(now) / 10).clamp(LEAST_PROBE_INTERVAL, MOST_PROBE_INTERVAL)
    }

    /// Until when a delivery is parked that comes `now`. `random`, uniform in 0..1, spreads those that come together, so
    /// that an endpoint which has recovered does not get all of them at once. The time grows with the outage, to two
    /// hours: what is parked costs something each time that it comes up.
    pub fn parked_until(&self, now: Timestamp, random: f64) -> Timestamp {
        let least = (self.failing_for(now) / 5).clamp(LEAST_PROBE_INTERVAL, MOST_PARKED);
        let spread = least.as_secs_f64() * random.clamp(0.0, 1.0);
        now + least + SignedDuration::try_from_secs_f64(spread).unwrap_or(least)
    }

    fn failing_for(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.failing_since).max(SignedDuration::ZERO)
    }
}
