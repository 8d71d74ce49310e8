//! What payloads mean. Most formats are data ([`format`]), beside their provider's row in `table/`; those that need
//! code have a module here.
//!
//! Rules that hold for all of them: what a payload does not say stays absent, and a field that is odd but not
//! needed counts as absent. An error is only what leaves us unable to tell this notification from others, and an
//! amount that is not an integer. Two notifications about the same operation give it the same id, whatever
//! the provider calls the event.

pub(crate) mod adyen;
mod document;
pub(crate) mod format;
pub(crate) mod interpret;
pub(crate) mod standard_webhooks;
pub(crate) mod stripe;
mod xml;

use crate::{Settings, Verified};
use domain::{Currency, Fact, Notification, OperationKind, OperationState};
use std::borrow::Cow;

/// How a provider's payload becomes notifications. Takes a [`Verified`]: nothing else can be parsed.
#[derive(Debug)]
pub(crate) enum Normalise {
    Format(&'static format::Format<'static>),
    Code {
        run: fn(&Verified, &Settings) -> Result<Vec<Notification>, Malformed>,
        /// What a [`format::Format`] tells by itself.
        expresses: Expresses,
    },
}

impl Normalise {
    pub(crate) fn run(
        &self,
        verified: &Verified,
        settings: &Settings,
    ) -> Result<Vec<Notification>, Malformed> {
        let said = match self {
            Self::Format(format) => interpret::notifications(format, verified, settings)?,
            Self::Code { run, .. } => run(verified, settings)?,
        };
        Ok(said.into_iter().map(within_limits).collect())
    }

    pub(crate) fn expresses(&self) -> Expresses {
        match self {
            Self::Format(format) => format.expresses(),
            Self::Code { expresses, .. } => *expresses,
        }
    }
}

/// What a provider's notifications can say of a payment, as far as we read them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expresses {
    /// Money is reserved, in a step of its own.
    pub authorization: Expressed,
    pub capture: Expressed,
    pub void: Expressed,
    pub refund: Expressed,
    pub dispute: Expressed,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expressed {
    #[default]
    Never,
    /// That it happened, not how much it was.
    WithoutAmount,
    WithAmount,
}

/// A genuine payload that we cannot read. Names the field, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {problem}", self.field())]
pub struct Malformed {
    parent: &'static str,
    /// Owned where a source's settings name the field.
    name: Cow<'static, str>,
    problem: &'static str,
}

impl Malformed {
    pub(crate) const fn new(parent: &'static str, name: &'static str, problem: &'static str) -> Self {
        Self { parent, name: Cow::Borrowed(name), problem }
    }

    /// `path` starts at the body.
    pub(crate) fn at(path: &str, problem: &'static str) -> Self {
        Self { parent: "body", name: Cow::Owned(path.to_owned()), problem }
    }

    /// The path of the field, for example `data.object.amount`; `body` for the whole of it.
    pub fn field(&self) -> String {
        match (self.parent, self.name.as_ref()) {
            (parent, "") => parent.to_owned(),
            ("body", name) => name.to_owned(),
            (parent, name) => format!("{parent}.{name}"),
        }
    }

    pub fn problem(&self) -> &'static str {
        self.problem
    }
}

/// What holds for every notification, whoever read it: texts of bounded length, and no facts with amounts below zero,
/// which are shown, but are nothing that our sums could add up.
pub(crate) fn within_limits(notification: Notification) -> Notification {
    let mut notification = notification.bounded();
    notification.facts.retain_mut(|fact| match fact {
        // Without an amount it would give back all.
        Fact::Operation { kind: OperationKind::Void, amount, .. } => amount.is_none_or(|amount| amount >= 0),
        Fact::Operation { amount, .. } | Fact::Dispute { amount, .. } => {
            *amount = amount.filter(|amount| *amount >= 0);
            true
        }
        Fact::Requested { amount } | Fact::Total { amount, .. } => *amount >= 0,
        Fact::MerchantReference { .. } => true,
    });
    notification
}

/// The exponent that a provider uses for `currency`: its exceptions first, then ISO 4217.
fn exponent(currency: &Currency, exceptions: &[(&str, u8)]) -> Option<u8> {
    match exceptions.iter().find(|(code, _)| *code == currency.as_str()) {
        Some((_, exponent)) => Some(*exponent),
        None => currency.exponent(),
    }
}

pub(crate) fn operation(kind: OperationKind, id: &str, state: OperationState, amount: Option<i64>) -> Fact {
    Fact::Operation { kind, id: id.to_owned(), state, amount, cause: None }
}

#[cfg(test)]
mod tests;
