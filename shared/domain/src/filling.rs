//! How full the quarantine of a source is: what is refused of a day (UTC) and kept, up to a limit.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

/// What was kept of a source on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filling {
    pub requests: u64,
    /// As sealed.
    pub bytes: u64,
    /// Whether further requests are not kept, or large ones are not.
    pub full: bool,
}

/// What is told of a day: each step once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FillingStep {
    Ten = 1,
    Hundred = 2,
    Full = 3,
}

impl FillingStep {
    /// Ids of events rest on it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ten => "10",
            Self::Hundred => "100",
            Self::Full => "full",
        }
    }

    /// Rises with the step, from 1.
    pub fn number(self) -> u8 {
        self as u8
    }
}

impl Filling {
    /// The steps that are reached and lie above `told`, the number of the last one that was told, in their order. A day that
    /// fills up between two looks has reached several.
    pub fn steps_above(self, told: u8) -> impl Iterator<Item = FillingStep> {
        let reached = [
            (FillingStep::Ten, self.requests >= 10),
            (FillingStep::Hundred, self.requests >= 100),
            (FillingStep::Full, self.full),
        ];
        let is_new =
            move |(step, reached): (FillingStep, bool)| (reached && step.number() > told).then_some(step);
        reached.into_iter().filter_map(is_new)
    }
}
