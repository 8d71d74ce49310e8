//! When a failed delivery is tried again.

use std::time::Duration;

/// Delays after the first, second, ... failed attempt. Standard Webhooks' recommendation
/// (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#deliverability-and-reliability>):
/// ten attempts over a little more than three days.
const DEFAULT_DELAYS_S: [u64; 9] =
    [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600];

/// Jitter only ever adds, so that a receiver's `Retry-After` and the schedule's own minimum hold.
const JITTER: f64 = 0.2;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule {
    delays: Vec<Duration>,
}

impl Default for RetrySchedule {
    fn default() -> Self {
        Self { delays: DEFAULT_DELAYS_S.iter().copied().map(Duration::from_secs).collect() }
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
