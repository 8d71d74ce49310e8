//! What payloads mean: one module per format.
//!
//! Rules that hold for all of them: what a payload does not say stays absent, and a field that is odd but not
//! needed counts as absent. An error is only what leaves us unable to tell this notification from others, and an
//! amount that is not an integer. Two notifications about the same operation give it the same id, whatever
//! the provider calls the event.

pub(crate) mod adyen;
pub(crate) mod standard_webhooks;
pub(crate) mod stripe;

use domain::{Currency, Fact, OperationKind, OperationState};

/// A genuine payload that we cannot read. Names the field, never its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {problem}", self.field())]
pub struct Malformed {
    parent: &'static str,
    name: &'static str,
    problem: &'static str,
}

impl Malformed {
    pub(crate) const fn new(parent: &'static str, name: &'static str, problem: &'static str) -> Self {
        Self { parent, name, problem }
    }

    /// The path of the field, for example `data.object.amount`; `body` for the whole of it.
    pub fn field(&self) -> String {
        match (self.parent, self.name) {
            (parent, "") => parent.to_owned(),
            ("body", name) => name.to_owned(),
            (parent, name) => format!("{parent}.{name}"),
        }
    }

    pub fn problem(&self) -> &'static str {
        self.problem
    }
}

/// The exponent that a provider uses for `currency`: its exceptions first, then ISO 4217.
fn exponent(currency: &Currency, exceptions: &[(&str, u8)]) -> Option<u8> {
    match exceptions.iter().find(|(code, _)| *code == currency.as_str()) {
        Some((_, exponent)) => Some(*exponent),
        None => currency.exponent(),
    }
}

fn operation(kind: OperationKind, id: &str, state: OperationState, amount: Option<i64>) -> Fact {
    Fact::Operation { kind, id: id.to_owned(), state, amount, cause: None }
}

#[cfg(test)]
mod tests;
