//! The ledger of one payment: a join of registers.
//!
//! **Guarantee:** [`Ledger::apply`] is commutative, associative and idempotent. Nothing here depends on when or
//! in which order events arrived, and a repeat changes nothing. Sums are taken over operations when they are
//! asked for ([`crate::Derived`]), never accumulated.

use crate::register::{Register, merge};
use crate::{
    Currency, DisputeFunds, DisputeStage, EventId, Fact, Notification, OperationKind, OperationState,
    VoidCause,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// `BTreeMap` throughout: iteration order reaches stored and signed bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// By kind, then by the provider's id of the operation.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub operations: BTreeMap<OperationKind, BTreeMap<String, Operation>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub disputes: BTreeMap<String, Dispute>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested: Option<Register<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merchant_reference: Option<Register<String>>,
    /// The provider's running totals.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub totals: BTreeMap<OperationKind, Register<i64>>,
    /// Every currency that was named, with the provider's exponent. More than one is a contradiction.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub currencies: BTreeMap<Currency, Option<u8>>,
    /// Events that arrived twice with different content.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub conflicts: BTreeSet<EventId>,
    /// Events whose signature does not cover what they say; true once the provider's API confirmed them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unverified: BTreeMap<EventId, bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Operation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Register<OperationState>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<Register<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Register<VoidCause>>,
}

impl Operation {
    pub fn state(&self) -> OperationState {
        self.state.as_ref().map_or(OperationState::Unknown, |register| register.value)
    }

    pub fn amount(&self) -> Option<i64> {
        self.amount.as_ref().map(|register| register.value)
    }
}

/// The stage of a dispute and where its money is are separate facts: providers report them in separate events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dispute {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Register<DisputeStage>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<Register<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub funds: Option<Register<DisputeFunds>>,
}

impl Ledger {
    /// Folds one notification in and tells whether anything was learned.
    pub fn apply(&mut self, event: &EventId, notification: &Notification) -> bool {
        let mut learned = false;
        let said = Said { order: notification.order(), event };
        for fact in &notification.facts {
            learned |= self.apply_fact(&said, fact);
        }
        if !notification.facts.is_empty()
            && let Some(currency) = &notification.currency
        {
            learned |= self.learn_currency(currency, notification.exponent.or_else(|| currency.exponent()));
        }
        learned
    }

    /// Records that `event` arrived twice with different content. Both contents are folded in: contradicting
    /// facts are kept and flagged, never hidden.
    pub fn mark_conflict(&mut self, event: &EventId) -> bool {
        self.conflicts.insert(event.clone())
    }

    /// Records an event that must not move money until the provider's API confirms it (`confirmed`).
    pub fn mark_unverified(&mut self, event: &EventId, confirmed: bool) -> bool {
        let known = self.unverified.get(event).copied();
        let merged = known.unwrap_or(false) || confirmed;
        self.unverified.insert(event.clone(), merged);
        known != Some(merged)
    }

    fn apply_fact(&mut self, said: &Said<'_>, fact: &Fact) -> bool {
        match fact {
            Fact::Operation { kind, id, state, amount, cause } => {
                let operation = self.operations.entry(*kind).or_default().entry(id.clone()).or_default();
                let mut learned = merge(&mut operation.state, said.value(*state), state_key);
                if let Some(amount) = amount {
                    learned |= merge(&mut operation.amount, said.value(*amount), amount_key);
                }
                if let Some(cause) = cause {
                    learned |= merge(&mut operation.cause, said.value(*cause), ranked_key);
                }
                learned
            }
            Fact::Dispute { id, stage, amount, funds } => {
                let dispute = self.disputes.entry(id.clone()).or_default();
                let mut learned = false;
                if let Some(stage) = stage {
                    learned |= merge(&mut dispute.stage, said.value(*stage), ranked_key);
                }
                if let Some(amount) = amount {
                    learned |= merge(&mut dispute.amount, said.value(*amount), amount_key);
                }
                if let Some(funds) = funds {
                    learned |= merge(&mut dispute.funds, said.value(*funds), ranked_key);
                }
                learned
            }
            Fact::Requested { amount } => merge(&mut self.requested, said.value(*amount), amount_key),
            Fact::MerchantReference { reference } => {
                merge(&mut self.merchant_reference, said.value(reference.clone()), |register| {
                    (register.order, register.event.clone(), register.value.clone())
                })
            }
            Fact::Total { kind, amount } => {
                let mut total = self.totals.remove(kind);
                let learned = merge(&mut total, said.value(*amount), amount_key);
                self.totals.extend(total.map(|total| (*kind, total)));
                learned
            }
        }
    }

    fn learn_currency(&mut self, currency: &Currency, exponent: Option<u8>) -> bool {
        let known = self.currencies.get(currency).copied();
        // One provider uses one exponent for a currency; the maximum only makes the merge total.
        let merged = known.flatten().max(exponent);
        self.currencies.insert(currency.clone(), merged);
        known != Some(merged)
    }
}

/// Who says it, and when by their clock.
struct Said<'a> {
    order: i64,
    event: &'a EventId,
}

impl Said<'_> {
    fn value<T>(&self, value: T) -> Register<T> {
        Register { value, order: self.order, event: self.event.clone() }
    }
}

/// A settled state is never undone by an unsettled one, whatever their times say: provider clocks tie within a
/// second and run apart across their systems. Success outlives failure (a late authorisation is one), and only
/// an explicit reversal outlives success. Within a phase the provider's version or time decides, then the
/// rank, then the event id.
fn state_key(register: &Register<OperationState>) -> (u8, i64, OperationState, EventId) {
    let phase = match register.value {
        OperationState::Reversed => 2,
        OperationState::Succeeded => 1,
        OperationState::Failed
        | OperationState::Pending
        | OperationState::RequiresAction
        | OperationState::Unknown => 0,
    };
    (phase, register.order, register.value, register.event.clone())
}

/// Amounts within one operation only grow while time stands still (a running total reported twice in one
/// second), so the value breaks a tie before the event id does.
fn amount_key(register: &Register<i64>) -> (i64, i64, EventId) {
    (register.order, register.value, register.event.clone())
}

fn ranked_key<T: Ord + Copy>(register: &Register<T>) -> (i64, T, EventId) {
    (register.order, register.value, register.event.clone())
}

#[cfg(test)]
mod tests;
