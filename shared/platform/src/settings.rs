//! Settings: read once, at start; everything that is missing is reported together.

use std::{collections::HashMap, env};

/// The environment of the process.
#[derive(Clone)]
pub struct Settings {
    variables: HashMap<String, String>,
    missing: Vec<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("settings are missing: {}", .0.join(", "))]
pub struct MissingSettings(pub Vec<&'static str>);

impl Settings {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn from_environment() -> Self {
        Self::from_pairs(env::vars())
    }

    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { variables: pairs.into_iter().collect(), missing: Vec::new() }
    }

    /// The value, or an empty text and a note of what is missing: call [`Settings::check`] before using any.
    pub fn required(&mut self, name: &'static str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.missing.push(name);
            String::new()
        })
    }

    /// The value, unless it is absent or empty (CloudFormation can't leave a variable out).
    pub fn optional(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    pub fn check(&self) -> Result<(), MissingSettings> {
        if self.missing.is_empty() { Ok(()) } else { Err(MissingSettings(self.missing.clone())) }
    }

    /// Whether this is a stack on somebody's own machine, where endpoints may be plain http.
    pub fn is_local(&self) -> bool {
        self.optional("PAYRELAY_LOCAL").as_deref() == Some("true")
    }
}

/// The values may be secrets.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("missing", &self.missing).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_missing_is_reported_together() {
        let mut settings =
            Settings::from_pairs([("A".to_owned(), "1".to_owned()), ("B".to_owned(), String::new())]);
        assert_eq!(settings.required("A"), "1");
        assert_eq!(settings.required("B"), "");
        assert_eq!(settings.required("C"), "");
        assert_eq!(settings.check(), Err(MissingSettings(vec!["B", "C"])));
    }
}
