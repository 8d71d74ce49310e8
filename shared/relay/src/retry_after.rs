//! `Retry-After` (RFC 9110 §10.2.3): a number of seconds or an HTTP date.

use hyper::http::HeaderValue;
use jiff::{Timestamp, civil::DateTime, fmt::strtime, tz::TimeZone};

/// The longest wait that an endpoint can ask for; more would outlast the steps of the retry schedule.
const MAX_SECONDS: u32 = 24 * 60 * 60;

/// RFC 9110 §5.6.7: IMF-fixdate, and the two obsolete forms that a recipient must still read.
const HTTP_DATES: &[&str] =
    &["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];

/// The wait from `now` in whole seconds, rounded up, at most 24 h. A date in the past is 0. `None` if the value
/// is neither of the two forms: then the schedule alone decides.
pub(crate) fn seconds(value: &HeaderValue, now: Timestamp) -> Option<u32> {
    let text = value.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // What overflows is longer than the cap anyway.
        return Some(text.parse().unwrap_or(MAX_SECONDS).min(MAX_SECONDS));
    }
    let date = HTTP_DATES.iter().find_map(|format| http_date(format, text))?;
    // As dates of a calendar, of which there are more than timestamps: the last day of 9999 is a favourite.
    let wait = date.duration_since(now.to_zoned(TimeZone::UTC).datetime());
    let rounded_up = wait.as_secs() + i64::from(wait.subsec_nanos() > 0);
    // Clamped to 0..=86,400 first, so the conversion can't fail.
    u32::try_from(rounded_up.clamp(0, i64::from(MAX_SECONDS))).ok()
}

fn http_date(format: &str, text: &str) -> Option<DateTime> {
    strtime::parse(format, text).ok()?.to_datetime().ok()
}
