//! From a request to the queue: what the webhook function does with a provider's request, and what is done again
//! with one from quarantine.
//!
//! **Guarantees:** nothing is queued that no scheme has verified, that can't be read, or that could not be kept
//! ([`Intake::judge`] is the only way to a [`Genuine`], and [`Intake::enqueue`] takes nothing else). What is fetched
//! for a verification goes through the guarded client, over https alone, and is bounded in time, number and size. A
//! request that is kept in quarantine is readable to nobody without the vault.

mod counters;
mod evidence;
mod judge;
mod quarantine;
mod source;
#[cfg(test)]
mod tests;

pub use counters::{Counters, Counting};
pub use evidence::limits;
pub use judge::{Genuine, Judged, Refusal};
pub use quarantine::{Again, AgainError, Kept};
pub use source::{Found, LoadError, LoadedSource};

use domain::SourceId;
use evidence::{Answers, FetchLimits};
use jiff::SignedDuration;
use platform::{Cache, Clock, Entropy, Vault};
use queue::Queue;
use relay::Client;
use std::sync::Arc;
use store::Store;

/// Requests that no cached secret matches read the source again. Between two such reads of one source lies at
/// least this time, so that a flood of forged requests does not become a flood of reads.
const RELOAD_INTERVAL: SignedDuration = SignedDuration::from_secs(1);

/// What the intake needs of the world.
#[derive(Debug)]
pub struct Parts {
    pub store: Store,
    pub events: Queue,
    pub vault: Vault,
    /// For what verification has to fetch; see [`limits`].
    pub client: Client,
    pub counters: Counters,
    pub clock: Clock,
    pub entropy: Entropy,
}

/// See the crate's documentation.
#[derive(Debug)]
pub struct Intake {
    parts: Parts,
    sources: Cache<SourceId, Arc<LoadedSource>>,
    source_max_age: SignedDuration,
    reloads: Cache<SourceId, ()>,
    answers: Answers,
    fetches: FetchLimits,
    /// Sources whose day in quarantine has no room for requests of so many bytes, and more.
    full: Cache<SourceId, usize>,
    /// Certificates in DER that a provider's chain may end in, instead of those of the web.
    roots: Option<Vec<Vec<u8>>>,
}

impl Intake {
    /// `source_max_age`: how long a source and its secrets may be kept.
    pub fn new(parts: Parts, source_max_age: SignedDuration) -> Self {
        let clock = &parts.clock;
        Self {
            sources: Cache::new(clock.clone(), source_max_age),
            source_max_age,
            reloads: Cache::new(clock.clone(), RELOAD_INTERVAL),
            answers: Answers::new(clock),
            fetches: FetchLimits::new(clock),
            full: quarantine::full(clock),
            roots: None,
            parts,
        }
    }

    /// For tests and the local stack: providers whose certificates an authority of one's own has issued.
    #[must_use]
    pub fn with_roots(mut self, roots: Option<Vec<Vec<u8>>>) -> Self {
        self.roots = roots;
        self
    }

    /// Whether one of `fingerprints`, as deliveries name the stack that they come from, is this stack's.
    pub fn is_of_this_stack<'a>(&self, mut fingerprints: impl Iterator<Item = &'a str>) -> bool {
        let own = self.parts.vault.fingerprint();
        fingerprints.any(|fingerprint| fingerprint == own)
    }

    pub fn counters(&self) -> &Counters {
        &self.parts.counters
    }
}
