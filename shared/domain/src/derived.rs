//! What the ledger amounts to: a pure function of its registers.

use crate::{
    Currency, DisputeFunds, DisputeStage, Ledger, Operation, OperationKind, OperationState, VoidCause,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How far a capture may exceed its authorisation before it counts as a contradiction. Card networks allow
/// tips and overcapture up to 20 % without a new authorisation
/// (<https://docs.stripe.com/payments/overcapture>); beyond that somebody is wrong.
const OVERCAPTURE_PERCENT: i128 = 20;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    Created,
    RequiresAction,
    Processing,
    Authorized,
    PartiallyAuthorized,
    PartiallyCaptured,
    Captured,
    Canceled,
    Expired,
    Failed,
    /// Seen only through a child event (a capture, refund or dispute before its payment).
    #[default]
    Unknown,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    #[default]
    None,
    Pending,
    Partial,
    Full,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStatus {
    #[default]
    None,
    Warning,
    Open,
    Won,
    Lost,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Integrity {
    #[default]
    Ok,
    Unverified,
    Conflicted,
}

/// The derived fields of a payment. An amount that is not known is absent, never zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derived {
    pub status: PaymentStatus,
    pub refund_status: RefundStatus,
    pub dispute_status: DisputeStatus,
    pub integrity: Integrity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant_reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency_exponent: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_requested: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_authorized: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_captured: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_voided: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_refunded: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_refund_pending: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_disputed: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net_amount: Option<i64>,
    /// A refund is in flight while the payment is disputed: the merchant may pay twice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub double_loss_risk: bool,
}

/// Fields by name, with the values that they had.
pub type FormerFields = Map<String, Value>;

impl Derived {
    /// The fields in which `after` differs, with the values that they have here; `null` where there was none.
    pub fn changes_to(&self, after: &Derived) -> FormerFields {
        let fields = |derived: &Derived| match serde_json::to_value(derived) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        let (mut former, after) = (fields(self), fields(after));
        for name in after.keys() {
            former.entry(name.clone()).or_insert(Value::Null);
        }
        former.retain(|name, value| after.get(name).unwrap_or(&Value::Null) != value);
        former
    }
}

impl Ledger {
    pub fn derive(&self) -> Derived {
        let sums = Sums::of(self);
        let currency = self.currencies.iter().next();
        Derived {
            status: self.status(&sums),
            refund_status: refund_status(&sums),
            dispute_status: self.dispute_status(),
            integrity: self.integrity(&sums),
            merchant_reference: self.merchant_reference.as_ref().map(|register| register.value.clone()),
            currency: currency.map(|(currency, _)| currency.clone()),
            currency_exponent: currency.and_then(|(_, exponent)| *exponent),
            amount_requested: self.requested.as_ref().map(|register| register.value),
            amount_authorized: sums.authorized,
            amount_captured: sums.captured,
            amount_voided: sums.voided,
            amount_refunded: sums.refunded,
            amount_refund_pending: sums.refund_pending,
            amount_disputed: sums.disputed,
            net_amount: sums.net(),
            double_loss_risk: sums.refund_pending != Some(0) && self.is_disputed(),
        }
    }

    fn operations(&self, kind: OperationKind) -> impl Iterator<Item = &Operation> {
        self.operations.get(&kind).into_iter().flat_map(|operations| operations.values())
    }

    fn any(&self, kind: OperationKind, state: OperationState) -> bool {
        self.operations(kind).any(|operation| operation.state() == state)
    }

    /// Sum of the amounts of the operations in one of `states`; `None` when one of them has no known amount,
    /// or when the sum leaves `i64`.
    fn sum(&self, kind: OperationKind, states: &[OperationState]) -> Option<i64> {
        self.operations(kind)
            .filter(|operation| states.contains(&operation.state()))
            .try_fold(0i64, |sum, operation| sum.checked_add(operation.amount()?))
    }

    /// The sum over succeeded operations, or the provider's running total where that is greater: it stands in
    /// for operations that the provider did not report one by one. It is not believed once an operation has
    /// failed or come back since it was reported, and it is never added to anything. Operations that are known
    /// to be in flight are not settled, though Stripe counts them in `amount_refunded`.
    fn settled(&self, kind: OperationKind) -> Option<i64> {
        let sum = self.sum(kind, &[OperationState::Succeeded]);
        let Some(total) = self.totals.get(&kind) else { return sum };
        let undone_since = self.operations(kind).any(|operation| {
            matches!(operation.state(), OperationState::Failed | OperationState::Reversed)
                && operation.state.as_ref().is_some_and(|state| state.order >= total.order)
        });
        if undone_since {
            return sum;
        }
        let settled_total = total.value.saturating_sub(self.in_flight(kind).unwrap_or(0));
        Some(sum.map_or(settled_total, |sum| sum.max(settled_total)))
    }

    fn in_flight(&self, kind: OperationKind) -> Option<i64> {
        self.sum(kind, &[OperationState::Unknown, OperationState::RequiresAction, OperationState::Pending])
    }

    /// Whether the payment itself was reported, not only a child of it.
    fn parent_seen(&self) -> bool {
        self.requested.is_some() || self.operations(OperationKind::Authorization).next().is_some()
    }

    fn status(&self, sums: &Sums) -> PaymentStatus {
        use OperationKind::{Authorization, Capture, Void};
        use OperationState::{Failed, Pending, RequiresAction, Succeeded};
        if !self.parent_seen() {
            return PaymentStatus::Unknown;
        }
        if self.any(Capture, Succeeded) || sums.captured.is_some_and(|captured| captured > 0) {
            return match (sums.authorized, sums.captured) {
                (Some(authorized), Some(captured)) if authorized - sums.voided.unwrap_or(0) > captured => {
                    PaymentStatus::PartiallyCaptured
                }
                _ => PaymentStatus::Captured,
            };
        }
        if self.any(Void, Succeeded) && sums.nothing_left_to_capture() {
            let expired = self.operations(Void).any(|void| {
                void.state() == Succeeded
                    && void.cause.as_ref().is_some_and(|cause| cause.value == VoidCause::Expired)
            });
            return if expired { PaymentStatus::Expired } else { PaymentStatus::Canceled };
        }
        if self.any(Authorization, Succeeded) {
            let requested = self.requested.as_ref().map(|register| register.value);
            return match (sums.authorized, requested) {
                (Some(authorized), Some(requested)) if authorized < requested => {
                    PaymentStatus::PartiallyAuthorized
                }
                _ => PaymentStatus::Authorized,
            };
        }
        if self.any(Authorization, Pending) {
            PaymentStatus::Processing
        } else if self.any(Authorization, RequiresAction) {
            PaymentStatus::RequiresAction
        } else if self.any(Authorization, OperationState::Reversed) {
            PaymentStatus::Canceled
        } else if self.any(Authorization, Failed) {
            PaymentStatus::Failed
        } else {
            PaymentStatus::Created
        }
    }

    /// What is still undecided comes before what is decided, a loss before a win.
    fn dispute_status(&self) -> DisputeStatus {
        let any = |wanted: DisputeStage| {
            self.disputes
                .values()
                .any(|dispute| dispute.stage.as_ref().is_some_and(|stage| stage.value == wanted))
        };
        if self.disputes.is_empty() {
            DisputeStatus::None
        } else if any(DisputeStage::Open) {
            DisputeStatus::Open
        } else if any(DisputeStage::Warning) {
            DisputeStatus::Warning
        } else if any(DisputeStage::Lost) {
            DisputeStatus::Lost
        } else if any(DisputeStage::Won) {
            DisputeStatus::Won
        } else {
            // Only its money was reported so far.
            DisputeStatus::Open
        }
    }

    fn is_disputed(&self) -> bool {
        matches!(self.dispute_status(), DisputeStatus::Open | DisputeStatus::Warning | DisputeStatus::Lost)
    }

    fn integrity(&self, sums: &Sums) -> Integrity {
        let captured_seen = self.operations(OperationKind::Capture).next().is_some();
        let refunds_exceed = captured_seen
            && sums.captured.is_some_and(|captured| {
                let refunds =
                    i128::from(sums.refunded.unwrap_or(0)) + i128::from(sums.refund_pending.unwrap_or(0));
                refunds > i128::from(captured)
            });
        let overcaptured = self.any(OperationKind::Authorization, OperationState::Succeeded)
            && sums.authorized.zip(sums.captured).is_some_and(|(authorized, captured)| {
                i128::from(captured) * 100 > i128::from(authorized) * (100 + OVERCAPTURE_PERCENT)
            });
        if !self.conflicts.is_empty() || self.currencies.len() > 1 || refunds_exceed || overcaptured {
            Integrity::Conflicted
        } else if self.unverified.values().any(|confirmed| !confirmed) {
            Integrity::Unverified
        } else {
            Integrity::Ok
        }
    }

    /// The sum of disputed amounts that are not in the merchant's account.
    fn withdrawn(&self) -> Option<i64> {
        self.disputes
            .values()
            .filter(|dispute| {
                let stage = dispute.stage.as_ref();
                match &dispute.funds {
                    Some(funds) => {
                        let won_since = stage.is_some_and(|stage| {
                            stage.value == DisputeStage::Won && stage.order >= funds.order
                        });
                        funds.value == DisputeFunds::Withdrawn && !won_since
                    }
                    None => stage.is_some_and(|stage| stage.value == DisputeStage::Lost),
                }
            })
            .try_fold(0i64, |sum, dispute| sum.checked_add(dispute.amount.as_ref()?.value))
    }
}

/// A, C, V, R, Rp and D of the design.
struct Sums {
    authorized: Option<i64>,
    captured: Option<i64>,
    voided: Option<i64>,
    refunded: Option<i64>,
    refund_pending: Option<i64>,
    disputed: Option<i64>,
}

impl Sums {
    fn of(ledger: &Ledger) -> Self {
        use OperationState::Succeeded;
        let parent_seen = ledger.parent_seen();
        let authorized = ledger.settled(OperationKind::Authorization).filter(|_| parent_seen);
        let capture_seen = ledger.operations(OperationKind::Capture).next().is_some()
            || ledger.totals.contains_key(&OperationKind::Capture);
        let captured = ledger.settled(OperationKind::Capture).filter(|_| parent_seen || capture_seen);
        // A void without an amount gives back all that was not captured.
        let voids_rest = ledger
            .operations(OperationKind::Void)
            .any(|void| void.state() == Succeeded && void.amount().is_none());
        let voided = if voids_rest {
            authorized.zip(captured).map(|(authorized, captured)| authorized.saturating_sub(captured).max(0))
        } else {
            ledger.sum(OperationKind::Void, &[Succeeded])
        };
        Self {
            authorized,
            captured,
            voided,
            refunded: ledger.settled(OperationKind::Refund),
            refund_pending: ledger.in_flight(OperationKind::Refund),
            disputed: ledger.withdrawn(),
        }
    }

    fn net(&self) -> Option<i64> {
        self.captured?.checked_sub(self.refunded?)?.checked_sub(self.disputed?)
    }

    fn nothing_left_to_capture(&self) -> bool {
        self.authorized.zip(self.voided).is_none_or(|(authorized, voided)| voided >= authorized)
    }
}

fn refund_status(sums: &Sums) -> RefundStatus {
    let pending = sums.refund_pending != Some(0);
    match (sums.refunded, sums.captured) {
        (Some(0), _) if pending => RefundStatus::Pending,
        (Some(0), _) => RefundStatus::None,
        (Some(refunded), Some(captured)) if captured > 0 && refunded >= captured => RefundStatus::Full,
        _ => RefundStatus::Partial,
    }
}

#[cfg(test)]
mod tests;
