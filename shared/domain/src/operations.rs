//! The operations of a payment, as the REST API and notifications show them.

use crate::{Derived, DisputeStage, EventId, Ledger, OperationKind, OperationState, serde_time_option};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How many operations a payment shows with itself, the newest: so a payment, its notifications and what is kept of
/// each event stay small, however long its history is. All of them: [`operations`].
pub const SHOWN_OPERATIONS: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationView {
    pub kind: Cow<'static, str>,
    pub provider_operation_id: String,
    pub state: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    #[serde(with = "serde_time_option", default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// The event that the state comes from.
    pub event: EventId,
}

/// A payment at one moment, as far as it is shown: what a notification tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredSnapshot")]
pub struct Snapshot {
    pub derived: Derived,
    /// The newest [`SHOWN_OPERATIONS`], the newest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<OperationView>,
    pub operations_count: u64,
}

impl Ledger {
    pub fn snapshot(&self) -> Snapshot {
        let steps = steps(self);
        let first_shown = steps.len().saturating_sub(SHOWN_OPERATIONS);
        Snapshot {
            derived: self.derive(),
            operations: steps[first_shown..].iter().map(OperationView::from).collect(),
            operations_count: steps.len() as u64,
        }
    }
}

/// All operations of a payment, its disputes among them: by the time (or the provider's version) at which each reached
/// its state, then by kind.
pub fn operations(ledger: &Ledger) -> Vec<OperationView> {
    steps(ledger).iter().map(OperationView::from).collect()
}

/// An [`OperationView`] to be: a long history is put in order without copying it.
struct Step<'a> {
    kind: &'static str,
    id: &'a str,
    state: &'static str,
    amount: Option<i64>,
    /// See [`crate::Notification::order`].
    order: i64,
    event: &'a EventId,
}

impl From<&Step<'_>> for OperationView {
    fn from(step: &Step<'_>) -> Self {
        Self {
            kind: Cow::Borrowed(step.kind),
            provider_operation_id: step.id.to_owned(),
            state: Cow::Borrowed(step.state),
            amount: step.amount,
            occurred_at: occurred_at(step.order),
            event: step.event.clone(),
        }
    }
}

fn steps(ledger: &Ledger) -> Vec<Step<'_>> {
    let operations = ledger.operations.iter().flat_map(|(kind, operations)| {
        operations.iter().filter_map(|(id, operation)| {
            let state = operation.state.as_ref()?;
            Some(Step {
                kind: kind.as_str(),
                id,
                state: state.value.as_str(),
                amount: operation.amount(),
                order: state.order,
                event: &state.event,
            })
        })
    });
    let disputes = ledger.disputes.iter().filter_map(|(id, dispute)| {
        let (stage, order, event) = match (&dispute.stage, &dispute.funds) {
            (Some(stage), _) => (stage.value, stage.order, &stage.event),
            (None, Some(funds)) => (DisputeStage::Open, funds.order, &funds.event),
            (None, None) => return None,
        };
        Some(Step {
            kind: "dispute",
            id,
            state: stage.as_str(),
            amount: dispute.amount.as_ref().map(|amount| amount.value),
            order,
            event,
        })
    });
    let mut all: Vec<_> = operations.chain(disputes).collect();
    // Stable: what ties stays in the order of the ids.
    all.sort_by_key(|step| (step.order, step.kind));
    all
}

/// The order is the time in microseconds unless the provider numbers its versions, which are small.
fn occurred_at(order: i64) -> Option<Timestamp> {
    const YEAR_2000_US: i64 = 946_684_800_000_000;
    if order < YEAR_2000_US { None } else { Timestamp::from_microsecond(order).ok() }
}

/// What is read back: events that were recorded before there were snapshots hold the whole ledger in their place.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredSnapshot {
    Snapshot {
        derived: Derived,
        #[serde(default)]
        operations: Vec<OperationView>,
        operations_count: u64,
    },
    Ledger(Box<Ledger>),
}

impl From<StoredSnapshot> for Snapshot {
    fn from(stored: StoredSnapshot) -> Self {
        match stored {
            StoredSnapshot::Snapshot { derived, operations, operations_count } => {
                Self { derived, operations, operations_count }
            }
            StoredSnapshot::Ledger(ledger) => ledger.snapshot(),
        }
    }
}

impl OperationKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Refund => "refund",
        }
    }
}

impl OperationState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::RequiresAction => "requires_action",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Succeeded => "succeeded",
            Self::Reversed => "reversed",
        }
    }
}

impl DisputeStage {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Open => "open",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }
}

#[cfg(test)]
mod tests;
