//! Logs: one JSON line each, on standard output (CloudWatch takes it from there).

use crate::Settings;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// The crates whose lines are written from `PAYRELAY_LOG`'s level up: all that a function is made of.
const OURS: [&str; 21] = [
    "consumer",
    "dead_letters",
    "destinations",
    "dispatcher",
    "domain",
    "endpoints_api",
    "fetcher",
    "http",
    "intake",
    "notices",
    "payments_api",
    "platform",
    "providers",
    "queue",
    "redrive",
    "relay",
    "replay",
    "sources_api",
    "store",
    "sweeper",
    "webhook",
];

/// Starts logging at `PAYRELAY_LOG` (`error`, `warn`, `info`, `debug`; `info` by default). Of libraries only
/// warnings are written, whatever the level: an SDK's debug lines contain requests.
pub fn init_logs(settings: &Settings) {
    let level =
        settings.optional("PAYRELAY_LOG").and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let targets = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_targets(OURS.map(|name| (name, level)));
    let lines = fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);
    // More than one start in a process (tests, the local runner) keeps the first.
    let _ = tracing_subscriber::registry().with(lines.with_filter(targets)).try_init();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// A crate that is missing would log warnings and errors alone, and nobody would miss its lines.
    #[test]
    fn every_crate_of_the_functions_is_listed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folders =
            ["functions", "shared"].map(|folder| std::fs::read_dir(root.join(folder)).expect(folder));
        let mut crates: Vec<String> = folders
            .into_iter()
            .flatten()
            .map(|entry| entry.expect("an entry"))
            .filter(|entry| entry.path().join("Cargo.toml").exists())
            .map(|entry| entry.file_name().to_string_lossy().replace('-', "_"))
            .collect();
        crates.sort_unstable();
        assert_eq!(crates, OURS);
    }
}
