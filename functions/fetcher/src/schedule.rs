//! When a question is asked again.

use std::time::Duration;

/// Calls for one question, the first included. Lambda stops a function that keeps sending itself messages after 16
/// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>), and redriven dead letters count on.
pub const MAX_ATTEMPTS: u32 = 12;

/// SQS delays no longer than this.
const MAX_DELAY: Duration = Duration::from_secs(900);

const DELAYS_SECONDS: [u64; 4] = [5, 30, 120, 600];

/// How long to wait after call `number` (1 for the first) failed, at least as long as the API asked for; at most 15
/// minutes either way. `None` after the last. There is no jitter: the pace of the calls spreads what comes at once.
pub fn delay_after(number: u32, asked: Option<Duration>) -> Option<Duration> {
    if number >= MAX_ATTEMPTS {
        return None;
    }
    let place = usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
    let scheduled = DELAYS_SECONDS.get(place).map_or(MAX_DELAY, |seconds| Duration::from_secs(*seconds));
    Some(scheduled.max(asked.unwrap_or_default()).min(MAX_DELAY))
}

#[cfg(test)]
mod tests;
