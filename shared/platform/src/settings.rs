//! Settings: read once, at start; everything that is missing or refused is reported together.

use std::fmt;
use std::str::FromStr;
use std::{collections::HashMap, env};

/// The environment of the process.
#[derive(Clone)]
pub struct Settings {
    variables: HashMap<String, String>,
    invalid: InvalidSettings,
}

/// Why a function does not start. No value is repeated.
#[derive(Clone, PartialEq, Eq, Default, thiserror::Error)]
pub struct InvalidSettings {
    missing: Vec<&'static str>,
    refused: Vec<String>,
}

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [("missing", self.missing.join(", ")), ("not accepted", self.refused.join(", "))];
        let said = parts.iter().filter(|(_, which)| !which.is_empty());
        let said: Vec<String> = said.map(|(what, which)| format!("settings are {what}: {which}")).collect();
        f.write_str(&said.join("; "))
    }
}

/// The same: an error that ends `main` is printed in this form, and the log is to say the reason.
impl fmt::Debug for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Settings {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn from_environment() -> Self {
        Self::from_pairs(env::vars())
    }

    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { variables: pairs.into_iter().collect(), invalid: InvalidSettings::default() }
    }

    /// The value, or an empty text and a note of what is missing: call [`Settings::check`] before using any.
    pub fn required(&mut self, name: &'static str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.invalid.missing.push(name);
            String::new()
        })
    }

    /// The value as a `T`, or nothing and a note of what is wrong with it.
    pub fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, name: &'static str) -> Option<T> {
        let text = self.required(name);
        if text.is_empty() {
            return None;
        }
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.invalid.refused.push(format!("{name}: {error}"));
                None
            }
        }
    }

    /// The value, unless it is absent or empty (CloudFormation can't leave a variable out).
    pub fn optional(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// # Errors
    /// If anything is missing or was not accepted.
    pub fn check(&self) -> Result<(), InvalidSettings> {
        if self.invalid == InvalidSettings::default() { Ok(()) } else { Err(self.invalid.clone()) }
    }

    /// Whether this is a stack on somebody's own machine, where endpoints may be plain http.
    pub fn is_local(&self) -> bool {
        self.optional("PAYRELAY_LOCAL").as_deref() == Some("true")
    }
}

/// The values may be secrets.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("invalid", &self.invalid).finish_non_exhaustive()
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
        assert_eq!(settings.parsed::<u16>("A"), Some(1));
        let error = settings.check().expect_err("two are missing");
        assert_eq!(format!("{error} {error:?}"), "settings are missing: B, C settings are missing: B, C");
    }
}
