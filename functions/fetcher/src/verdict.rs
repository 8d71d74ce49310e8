//! What the answer of a provider's API means for the question.

use jiff::Timestamp;
use providers::{FetchError, Fetched};
use relay::{ApiResponse, SendError};
use std::error::Error;
use std::time::Duration;

/// How often a 404 is asked about again: an API may read from a copy that lags behind what has just been notified.
const UNKNOWN_ATTEMPTS: u32 = 3;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The answer is good.
    Told,
    /// The provider does not know what the event names.
    Unknown,
    /// The credential does not open the API. The reason is for the dead letter.
    Refused { reason: String },
    /// Ask again, not before the API wants to be asked.
    Again { reason: String, after: Option<Duration> },
    /// Asking again is pointless.
    Hopeless { reason: String },
}

/// `read` is what the body of a 2xx answer says; `attempt` the number of this call; `now` when the answer came.
pub(crate) fn judge(
    answered: &Result<ApiResponse, SendError>,
    read: impl FnOnce(&[u8]) -> Result<Fetched, FetchError>,
    attempt: u32,
    now: Timestamp,
) -> Verdict {
    let response = match answered {
        Ok(response) => response,
        Err(error) if is_lasting(error) => return Verdict::Hopeless { reason: error.to_string() },
        Err(error) => return Verdict::Again { reason: error.to_string(), after: None },
    };
    let answered = format!("the API answered {}", response.status);
    let after = response.retry_after_seconds(now).map(|seconds| Duration::from_secs(seconds.into()));
    match response.status {
        200..=299 => match read(&response.body) {
            Ok(Fetched::Told(_)) => Verdict::Told,
            Ok(Fetched::Unknown) => unknown(answered, attempt),
            // An error page under status 200 is as good as none.
            Err(error) => Verdict::Again { reason: chain(&error), after },
        },
        404 => unknown(answered, attempt),
        410 => Verdict::Unknown,
        401 | 403 => Verdict::Refused { reason: format!("credential refused: {answered}") },
        408 | 425 | 429 | 500..=599 => Verdict::Again { reason: answered, after },
        _ => Verdict::Hopeless { reason: answered },
    }
}

fn is_lasting(error: &SendError) -> bool {
    matches!(
        error,
        SendError::Url(_) | SendError::Blocked(_) | SendError::ReservedHeader(_) | SendError::BodyTooLarge
    )
}

fn unknown(reason: String, attempt: u32) -> Verdict {
    if attempt < UNKNOWN_ATTEMPTS { Verdict::Again { reason, after: None } } else { Verdict::Unknown }
}

/// An error with its cause. Neither quotes the answer.
fn chain(error: &FetchError) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
