//! Checks of a body's values: all that fail are told together.

use crate::body::escaped;
use crate::{Code, FieldError, Problem};
use jiff::Timestamp;
use std::fmt::Display;
use std::str::FromStr;

/// Collects what is wrong with a body.
#[derive(Debug, Default)]
pub struct Checks {
    errors: Vec<FieldError>,
}

impl Checks {
    pub fn new() -> Self {
        Self::default()
    }

    /// Records that the field at `pointer` is not accepted.
    pub fn refuse(&mut self, pointer: impl Into<String>, detail: impl ToString) {
        self.errors.push(FieldError::field(pointer, detail));
    }

    /// The pointer of a member whose name the client chose.
    pub fn member(pointer: &str, name: &str) -> String {
        format!("{pointer}/{}", escaped(name))
    }

    /// A text for people. Control characters would break logs and terminals that show it.
    pub fn label(&mut self, pointer: &str, text: &str, max_chars: usize) {
        if text.chars().count() > max_chars {
            self.refuse(pointer, format!("must have at most {max_chars} characters"));
        } else if text.chars().any(char::is_control) {
            self.refuse(pointer, "must have no control characters");
        }
    }

    /// Between `min` and `max` entries.
    pub fn count<T>(&mut self, pointer: &str, entries: &[T], min: usize, max: usize) {
        if !(min..=max).contains(&entries.len()) {
            self.refuse(pointer, format!("must have {min} to {max} entries"));
        }
    }

    /// Each entry of a list, parsed. Entries that fail are left out: [`Checks::finish`] reports them.
    pub fn each<T>(&mut self, pointer: &str, texts: &[String]) -> Vec<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let mut parsed = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            match text.parse() {
                Ok(value) => parsed.push(value),
                Err(error) => self.refuse(format!("{pointer}/{index}"), error),
            }
        }
        parsed
    }

    /// A time in the future, where one is given.
    pub fn future(&mut self, pointer: &str, text: Option<&str>, now: Timestamp) -> Option<Timestamp> {
        match text?.parse::<Timestamp>() {
            Ok(at) if at > now => Some(at),
            Ok(_) => {
                self.refuse(pointer, "must be in the future");
                None
            }
            Err(_) => {
                self.refuse(pointer, "must be a time as in RFC 3339: `2026-11-22T12:00:00Z`");
                None
            }
        }
    }

    /// # Errors
    /// `invalid_field`, with all that was recorded.
    pub fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            let detail = "See `errors` for the fields that are not accepted.";
            Err(Problem::new(Code::InvalidField, detail).with_errors(self.errors))
        }
    }
}
