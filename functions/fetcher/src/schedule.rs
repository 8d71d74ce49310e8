//! When a question is asked again.

use domain::EventId;
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

/// How often a question is put off at most; then it is asked at the pace of the calls. With [`MAX_ATTEMPTS`] it stays below the
/// 16 of above.
pub(crate) const MAX_DEFERRALS: u32 = 3;

/// How long a question is put off: one to fifteen minutes, by its event's id, so that those which came at once come back
/// apart, and nobody can tell before whose turn is first.
pub(crate) fn deferral(event: &EventId, number: u32) -> Duration {
    let spread = MAX_DELAY.as_secs() - 60 + 1;
    let mixed = event
        .as_str()
        .bytes()
        .fold(u64::from(number), |mixed, byte| (mixed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    Duration::from_secs(60 + (mixed >> 16) % spread)
}

#[cfg(test)]
mod tests;
