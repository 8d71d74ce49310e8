//! What is counted of webhooks, by provider and reason. `infra/runbooks/webhooks-rejected.md` lists the reasons.

use crate::{Again, Kept};
use platform::Metrics;

const ACCEPTED: &str = "WebhooksAccepted";
const REJECTED: &str = "WebhooksRejected";
const QUARANTINED: &str = "WebhooksQuarantined";
const VERIFIED_AGAIN: &str = "WebhooksVerifiedAgain";

/// The counters of webhooks. Providers and reasons are closed lists of the program, so that no sender can make a
/// metric.
#[derive(Debug, Clone)]
pub struct Counters(Metrics);

/// One counter, for tests to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting<'a> {
    Accepted { provider: &'a str },
    Rejected { provider: Option<&'a str>, reason: &'a str },
    Quarantined { provider: &'a str, outcome: &'a str },
    VerifiedAgain { provider: &'a str, outcome: &'a str },
}

impl Counters {
    pub fn new(metrics: Metrics) -> Self {
        Self(metrics)
    }

    /// 2xx: queued. Where it is written, it is gathered for ten seconds.
    pub fn accepted(&self, provider: &'static str) {
        self.0.count_often(ACCEPTED, &[("provider", provider)]);
    }

    /// Any other answer. There is no provider where the source is not known, or not looked for.
    pub fn rejected(&self, provider: Option<&'static str>, reason: &'static str) {
        match provider {
            Some(provider) => self.0.count(REJECTED, &[("provider", provider), ("reason", reason)]),
            None => self.0.count(REJECTED, &[("reason", reason)]),
        }
    }

    pub(crate) fn quarantined(&self, provider: &'static str, kept: Kept) {
        self.0.count(QUARANTINED, &[("provider", provider), ("outcome", kept.as_str())]);
    }

    pub(crate) fn verified_again(&self, provider: &'static str, again: Again) {
        self.0.count(VERIFIED_AGAIN, &[("provider", provider), ("outcome", again.as_str())]);
    }

    /// What was counted, where the metrics are in memory; zero elsewhere.
    pub fn counted(&self, counting: Counting<'_>) -> u64 {
        match counting {
            Counting::Accepted { provider } => self.0.counted(ACCEPTED, &[("provider", provider)]),
            Counting::Rejected { provider: Some(provider), reason } => {
                self.0.counted(REJECTED, &[("provider", provider), ("reason", reason)])
            }
            Counting::Rejected { provider: None, reason } => self.0.counted(REJECTED, &[("reason", reason)]),
            Counting::Quarantined { provider, outcome } => {
                self.0.counted(QUARANTINED, &[("provider", provider), ("outcome", outcome)])
            }
            Counting::VerifiedAgain { provider, outcome } => {
                self.0.counted(VERIFIED_AGAIN, &[("provider", provider), ("outcome", outcome)])
            }
        }
    }
}
