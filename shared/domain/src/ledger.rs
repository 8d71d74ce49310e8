//! The ledger of one payment: a join of registers.
//!
//! **Guarantee:** [`Ledger::apply`] is commutative, associative and idempotent. Nothing here depends on when or
//! in which order events arrived, and a repeat changes nothing. Sums are taken over operations when they are
//! asked for ([`crate::Derived`]), never accumulated.
//!
//! So a ledger may be kept in pieces: [`Ledger::join`] makes one of them, whichever they are and in whatever order.

use crate::register::{Register, join, merge};
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

    fn join(&mut self, other: Self) {
        join(&mut self.state, other.state, state_key);
        join(&mut self.amount, other.amount, ranked_key);
        join(&mut self.cause, other.cause, ranked_key);
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

impl Dispute {
    fn join(&mut self, other: Self) {
        join(&mut self.stage, other.stage, ranked_key);
        join(&mut self.amount, other.amount, ranked_key);
        join(&mut self.funds, other.funds, ranked_key);
    }
}

impl Ledger {
    /// Folds one notification in.
    pub fn apply(&mut self, event: &EventId, notification: &Notification) {
        let said = Said { order: notification.order(), event };
        for fact in &notification.facts {
            self.apply_fact(&said, fact);
        }
        if !notification.facts.is_empty()
            && let Some(currency) = &notification.currency
        {
            self.learn_currency(currency, notification.exponent.or_else(|| currency.exponent()));
        }
    }

    /// Folds in what another ledger knows.
    pub fn join(&mut self, other: Self) {
        for (kind, operations) in other.operations {
            let known = self.operations.entry(kind).or_default();
            for (id, operation) in operations {
                known.entry(id).or_default().join(operation);
            }
        }
        for (id, dispute) in other.disputes {
            self.disputes.entry(id).or_default().join(dispute);
        }
        join(&mut self.requested, other.requested, ranked_key);
        join(&mut self.merchant_reference, other.merchant_reference, text_key);
        for (kind, said) in other.totals {
            self.learn_total(kind, said);
        }
        for (currency, exponent) in &other.currencies {
            self.learn_currency(currency, *exponent);
        }
        self.conflicts.extend(other.conflicts);
        for (event, confirmed) in &other.unverified {
            self.mark_unverified(event, *confirmed);
        }
    }

    /// What this ledger knows that `base` does not. Joined with `base`, it is this ledger again, provided that this one
    /// has grown from `base`.
    #[must_use]
    pub fn beyond(mut self, base: &Self) -> Self {
        self.operations.retain(|kind, operations| {
            if let Some(known) = base.operations.get(kind) {
                operations.retain(|id, operation| known.get(id) != Some(operation));
            }
            !operations.is_empty()
        });
        self.disputes.retain(|id, dispute| base.disputes.get(id) != Some(dispute));
        self.requested = self.requested.filter(|requested| base.requested.as_ref() != Some(requested));
        self.merchant_reference =
            self.merchant_reference.filter(|reference| base.merchant_reference.as_ref() != Some(reference));
        self.totals.retain(|kind, total| base.totals.get(kind) != Some(total));
        self.currencies.retain(|currency, exponent| base.currencies.get(currency) != Some(exponent));
        self.conflicts.retain(|event| !base.conflicts.contains(event));
        self.unverified.retain(|event, confirmed| base.unverified.get(event) != Some(confirmed));
        self
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Cuts it into two of about the same size, which joined are this ledger again. One of them is empty where there is
    /// nothing to cut.
    #[must_use]
    pub fn halve(mut self) -> (Self, Self) {
        let mut other = Self::default();
        for (kind, operations) in &mut self.operations {
            let half = cut(operations);
            if !half.is_empty() {
                other.operations.insert(*kind, half);
            }
        }
        self.operations.retain(|_, operations| !operations.is_empty());
        other.disputes = cut(&mut self.disputes);
        other.unverified = cut(&mut self.unverified);
        if let Some(middle) = self.conflicts.iter().nth(self.conflicts.len() / 2).cloned() {
            other.conflicts = self.conflicts.split_off(&middle);
        }
        (self, other)
    }

    /// Whether both say the same, whoever said it and when.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        self.values() == other.values()
    }

    fn values(&self) -> Values<'_> {
        let operations = self.operations.iter().flat_map(|(kind, operations)| {
            operations.iter().map(move |(id, operation)| {
                let cause = operation.cause.as_ref().map(|cause| cause.value);
                (*kind, id.as_str(), (operation.state(), operation.amount(), cause))
            })
        });
        let disputes = self.disputes.iter().map(|(id, dispute)| {
            let stage = dispute.stage.as_ref().map(|stage| stage.value);
            let amount = dispute.amount.as_ref().map(|amount| amount.value);
            (id.as_str(), (stage, amount, dispute.funds.as_ref().map(|funds| funds.value)))
        });
        Values {
            operations: operations.collect(),
            disputes: disputes.collect(),
            requested: self.requested.as_ref().map(|requested| requested.value),
            merchant_reference: self.merchant_reference.as_ref().map(|reference| reference.value.as_str()),
            totals: self.totals.iter().map(|(kind, total)| (*kind, total.value)).collect(),
            currencies: &self.currencies,
            conflicts: &self.conflicts,
            unverified: &self.unverified,
        }
    }

    /// Records that `event` arrived twice with different content. Both contents are folded in: contradicting
    /// facts are kept and flagged, never hidden.
    pub fn mark_conflict(&mut self, event: &EventId) {
        self.conflicts.insert(event.clone());
    }

    /// Records an event that must not move money until the provider's API confirms it (`confirmed`).
    pub fn mark_unverified(&mut self, event: &EventId, confirmed: bool) {
        *self.unverified.entry(event.clone()).or_default() |= confirmed;
    }

    /// The provider's API told the payment's state: what had been said without proof is settled. What is said without
    /// proof after this waits for the next such call; this alone of the ledger depends on the order of arrival.
    pub fn confirm_unverified(&mut self) {
        self.unverified.values_mut().for_each(|confirmed| *confirmed = true);
    }

    fn apply_fact(&mut self, said: &Said<'_>, fact: &Fact) {
        match fact {
            Fact::Operation { kind, id, state, amount, cause } => {
                let operation = self.operations.entry(*kind).or_default().entry(id.clone()).or_default();
                merge(&mut operation.state, said.value(*state), state_key);
                if let Some(amount) = amount {
                    merge(&mut operation.amount, said.value(*amount), ranked_key);
                }
                if let Some(cause) = cause {
                    merge(&mut operation.cause, said.value(*cause), ranked_key);
                }
            }
            Fact::Dispute { id, stage, amount, funds } => {
                let dispute = self.disputes.entry(id.clone()).or_default();
                if let Some(stage) = stage {
                    merge(&mut dispute.stage, said.value(*stage), ranked_key);
                }
                if let Some(amount) = amount {
                    merge(&mut dispute.amount, said.value(*amount), ranked_key);
                }
                if let Some(funds) = funds {
                    merge(&mut dispute.funds, said.value(*funds), ranked_key);
                }
            }
            Fact::Requested { amount } => merge(&mut self.requested, said.value(*amount), ranked_key),
            Fact::MerchantReference { reference } => {
                merge(&mut self.merchant_reference, said.value(reference.clone()), text_key);
            }
            Fact::Total { kind, amount } => self.learn_total(*kind, said.value(*amount)),
        }
    }

    fn learn_total(&mut self, kind: OperationKind, said: Register<i64>) {
        let mut total = self.totals.remove(&kind);
        merge(&mut total, said, ranked_key);
        self.totals.extend(total.map(|total| (kind, total)));
    }

    fn learn_currency(&mut self, currency: &Currency, exponent: Option<u8>) {
        let known = self.currencies.entry(currency.clone()).or_default();
        // One provider uses one exponent for a currency; the maximum only makes the merge total.
        *known = (*known).max(exponent);
    }
}

type OperationValues = (OperationState, Option<i64>, Option<VoidCause>);
type DisputeValues = (Option<DisputeStage>, Option<i64>, Option<DisputeFunds>);

/// A ledger without who said it and when.
#[derive(PartialEq)]
struct Values<'a> {
    operations: Vec<(OperationKind, &'a str, OperationValues)>,
    disputes: Vec<(&'a str, DisputeValues)>,
    requested: Option<i64>,
    merchant_reference: Option<&'a str>,
    totals: Vec<(OperationKind, i64)>,
    currencies: &'a BTreeMap<Currency, Option<u8>>,
    conflicts: &'a BTreeSet<EventId>,
    unverified: &'a BTreeMap<EventId, bool>,
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

/// The value breaks a tie of the times: stages and causes by their rank, amounts because within one operation
/// they only grow while time stands still (a running total reported twice in one second).
fn ranked_key<T: Ord + Copy>(register: &Register<T>) -> (i64, T, EventId) {
    (register.order, register.value, register.event.clone())
}

fn text_key(register: &Register<String>) -> (i64, EventId, String) {
    (register.order, register.event.clone(), register.value.clone())
}

/// Takes the upper half out.
fn cut<K: Ord + Clone, V>(entries: &mut BTreeMap<K, V>) -> BTreeMap<K, V> {
    let Some(middle) = entries.keys().nth(entries.len() / 2).cloned() else { return BTreeMap::new() };
    entries.split_off(&middle)
}

#[cfg(test)]
mod tests;
