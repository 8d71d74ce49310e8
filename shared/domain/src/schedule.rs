//! When a failed delivery is tried again.

use serde::{Deserialize, Serialize};
use std::{ops::RangeInclusive, time::Duration};

/// Delays after the first, second, ... failed attempt. Standard Webhooks' recommendation
/// (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#deliverability-and-reliability>):
/// ten attempts over a little more than three days.
const DEFAULT_DELAYS_S: [u64; 9] =
    [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600];

/// Jitter only ever adds, so that a receiver's `Retry-After` and the schedule's own minimum hold (ADR 0016).
const JITTER: f64 = 0.2;

const DELAYS: RangeInclusive<usize> = 1..=20;
const DELAY_SECONDS: RangeInclusive<u64> = 1..=48 * 3600;
/// Without jitter and `Retry-After`. Well within the 90 days that an event is kept.
const MAX_TOTAL_SECONDS: u64 = 7 * 24 * 3600;

/// The delays after each failed attempt, in seconds: one attempt more than there are delays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u64>", into = "Vec<u64>")]
pub struct RetrySchedule {
    delays: Vec<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    #[error("must have {} to {} delays", DELAYS.start(), DELAYS.end())]
    Count,
    /// The index of the first such delay.
    #[error("must be {} to {} seconds", DELAY_SECONDS.start(), DELAY_SECONDS.end())]
    Delay(usize),
    #[error("must be {MAX_TOTAL_SECONDS} seconds (7 days) in all at most")]
    Total,
}

impl Default for RetrySchedule {
    fn default() -> Self {
        Self { delays: DEFAULT_DELAYS_S.iter().copied().map(Duration::from_secs).collect() }
    }
}

impl TryFrom<Vec<u64>> for RetrySchedule {
    type Error = InvalidSchedule;

    fn try_from(seconds: Vec<u64>) -> Result<Self, InvalidSchedule> {
        if !DELAYS.contains(&seconds.len()) {
            return Err(InvalidSchedule::Count);
        }
        if let Some(index) = seconds.iter().position(|delay| !DELAY_SECONDS.contains(delay)) {
            return Err(InvalidSchedule::Delay(index));
        }
        if seconds.iter().sum::<u64>() > MAX_TOTAL_SECONDS {
            return Err(InvalidSchedule::Total);
        }
        Ok(Self { delays: seconds.into_iter().map(Duration::from_secs).collect() })
    }
}

impl From<RetrySchedule> for Vec<u64> {
    fn from(schedule: RetrySchedule) -> Self {
        schedule.delays.iter().map(Duration::as_secs).collect()
    }
}

impl RetrySchedule {
    /// The delay after attempt `number` (1 for the first) failed, or `None` when it was the last one.
    /// `random` is uniform in 0..1; `retry_after` is what the receiver asked for.
    pub fn delay_after(&self, number: u32, random: f64, retry_after: Option<Duration>) -> Option<Duration> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let base = *self.delays.get(index)?;
        let jittered = base.mul_f64(1.0 + JITTER * random.clamp(0.0, 1.0));
        Some(retry_after.map_or(jittered, |asked| asked.max(jittered)))
    }

    /// The most attempts that a delivery gets.
    pub fn max_attempts(&self) -> usize {
        self.delays.len() + 1
    }
}

#[cfg(test)]
mod tests;
