//! Logs: one JSON line each, on standard output (CloudWatch takes it from there).

use tracing::level_filters::LevelFilter;

/// Starts logging at `PAYRELAY_LOG` (`error`, `warn`, `info`, `debug`; `info` by default). Only Payrelay's own
/// lines and the warnings of libraries are written: an SDK's debug lines contain requests.
pub fn init_logs(settings: &crate::Settings) {
    let level =
        settings.optional("PAYRELAY_LOG").and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    // More than one start in a process (tests, the local runner) keeps the first.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_max_level(level.min(LevelFilter::INFO))
        .try_init();
}
