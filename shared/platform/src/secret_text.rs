//! A text that must not be shown.

use std::fmt;

/// A secret in clear, in memory. It can't be printed or serialised; [`SecretText::expose`] is easy to search for.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What may be shown of it: the last four characters, of a secret long enough to lose them.
    pub fn hint(&self) -> String {
        let characters = self.0.chars().count();
        if characters < 12 { String::new() } else { self.0.chars().skip(characters - 4).collect() }
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}
