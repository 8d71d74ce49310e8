use crate::{
    Derived, DisputeFunds, DisputeStage, DisputeStatus, EventId, EventType, Fact, Integrity, Ledger,
    Notification, OperationKind, OperationState, PaymentStatus, RefundStatus, SourceId, VoidCause,
};
use jiff::Timestamp;

use OperationKind::{Authorization, Capture, Refund, Void};
use OperationState::{Failed, Pending, RequiresAction, Reversed, Succeeded, Unknown};

/// Folds facts, each said a second after the one before.
fn derive(facts: &[Fact]) -> Derived {
    let mut ledger = Ledger::default();
    for (second, fact) in (0i64..).zip(facts) {
        let notification = Notification {
            dedupe_key: second.to_string(),
            provider_event_id: None,
            provider_type: "test".to_owned(),
            event_type: EventType::ProviderOther,
            occurred_at: Timestamp::from_second(1_700_000_000 + second).ok(),
            version: None,
            provider_payment_id: Some("p".to_owned()),
            object_id: None,
            amount: None,
            currency: "EUR".parse().ok(),
            exponent: None,
            facts: vec![fact.clone()],
        };
        ledger
            .apply(&EventId::derive(&SourceId::mint([1; 16]), None, &notification.dedupe_key), &notification);
    }
    ledger.derive()
}

fn op(kind: OperationKind, id: &str, state: OperationState, amount: i64) -> Fact {
    Fact::Operation { kind, id: id.to_owned(), state, amount: Some(amount), cause: None }
}

fn void(cause: VoidCause) -> Fact {
    Fact::Operation { kind: Void, id: "v".to_owned(), state: Succeeded, amount: None, cause: Some(cause) }
}

fn dispute(stage: Option<DisputeStage>, funds: Option<DisputeFunds>) -> Fact {
    Fact::Dispute { id: "d".to_owned(), stage, amount: Some(400), funds }
}

#[test]
fn status_follows_the_steps_of_a_payment() {
    let status = |facts: &[Fact]| derive(facts).status;
    let authorized = op(Authorization, "a", Succeeded, 1000);
    assert_eq!(status(&[op(Authorization, "a", Unknown, 1000)]), PaymentStatus::Created);
    assert_eq!(status(&[op(Authorization, "a", RequiresAction, 1000)]), PaymentStatus::RequiresAction);
    assert_eq!(status(&[op(Authorization, "a", Pending, 1000)]), PaymentStatus::Processing);
    assert_eq!(status(&[op(Authorization, "a", Failed, 1000)]), PaymentStatus::Failed);
    assert_eq!(status(std::slice::from_ref(&authorized)), PaymentStatus::Authorized);
    assert_eq!(
        status(&[Fact::Requested { amount: 1500 }, authorized.clone()]),
        PaymentStatus::PartiallyAuthorized
    );
    assert_eq!(
        status(&[authorized.clone(), op(Capture, "c", Succeeded, 400)]),
        PaymentStatus::PartiallyCaptured
    );
    assert_eq!(status(&[authorized.clone(), op(Capture, "c", Succeeded, 1000)]), PaymentStatus::Captured);
    assert_eq!(status(&[authorized.clone(), void(VoidCause::Canceled)]), PaymentStatus::Canceled);
    assert_eq!(status(&[authorized, void(VoidCause::Expired)]), PaymentStatus::Expired);
}

#[test]
fn a_child_before_its_payment_is_kept_and_the_payment_unknown() {
    let derived = derive(&[op(Refund, "r", Succeeded, 300)]);
    assert_eq!(derived.status, PaymentStatus::Unknown);
    assert_eq!(derived.amount_refunded, Some(300));
    assert_eq!((derived.amount_authorized, derived.amount_captured, derived.net_amount), (None, None, None));
    assert_eq!(derived.integrity, Integrity::Ok);
}

#[test]
fn the_rest_of_a_partial_capture_is_settled_by_its_void() {
    let derived = derive(&[
        op(Authorization, "a", Succeeded, 1000),
        op(Capture, "c", Succeeded, 400),
        void(VoidCause::Canceled),
    ]);
    assert_eq!(derived.status, PaymentStatus::Captured);
    assert_eq!(derived.amount_voided, Some(600));
    assert_eq!(derived.net_amount, Some(400));
}

#[test]
fn success_outlives_failure_and_only_a_reversal_outlives_success() {
    let late = [op(Authorization, "a", Failed, 1000), op(Authorization, "a", Succeeded, 1000)];
    assert_eq!(derive(&late).status, PaymentStatus::Authorized);
    let skewed = [op(Authorization, "a", Succeeded, 1000), op(Authorization, "a", Failed, 1000)];
    assert_eq!(derive(&skewed).status, PaymentStatus::Authorized);
    let reversed = [
        op(Authorization, "a", Succeeded, 1000),
        op(Capture, "c", Reversed, 1000),
        op(Capture, "c", Succeeded, 1000),
    ];
    assert_eq!(derive(&reversed).status, PaymentStatus::Authorized);
    assert_eq!(derive(&reversed).amount_captured, Some(0));
}

#[test]
fn refunds_are_summed_by_operation_and_net_goes_down() {
    let paid = [op(Authorization, "a", Succeeded, 1000), op(Capture, "c", Succeeded, 1000)];
    let with = |more: &[Fact]| derive(&[&paid, more].concat());
    assert_eq!(with(&[]).refund_status, RefundStatus::None);
    assert_eq!(with(&[op(Refund, "r", Pending, 300)]).refund_status, RefundStatus::Pending);
    let partial = with(&[op(Refund, "r", Pending, 300), op(Refund, "r", Succeeded, 300)]);
    assert_eq!((partial.refund_status, partial.net_amount), (RefundStatus::Partial, Some(700)));
    let full = with(&[op(Refund, "r", Succeeded, 300), op(Refund, "s", Succeeded, 700)]);
    assert_eq!((full.refund_status, full.net_amount), (RefundStatus::Full, Some(0)));
    let back = with(&[op(Refund, "r", Succeeded, 300), op(Refund, "r", Reversed, 300)]);
    assert_eq!((back.refund_status, back.net_amount), (RefundStatus::None, Some(1000)));
}

#[test]
fn a_running_total_stands_in_for_refunds_that_were_not_reported_one_by_one() {
    let total = |amount| Fact::Total { kind: Refund, amount };
    let paid = [op(Authorization, "a", Succeeded, 1000), op(Capture, "c", Succeeded, 1000)];
    let with = |more: &[Fact]| derive(&[&paid, more].concat()).amount_refunded;
    assert_eq!(with(&[total(500)]), Some(500));
    assert_eq!(with(&[op(Refund, "r", Succeeded, 300), total(500)]), Some(500));
    assert_eq!(
        with(&[op(Refund, "r", Succeeded, 300), op(Refund, "s", Succeeded, 300), total(500)]),
        Some(600)
    );
    assert_eq!(with(&[op(Refund, "r", Pending, 500), total(500)]), Some(0));
    assert_eq!(with(&[op(Refund, "r", Succeeded, 500), total(500), op(Refund, "r", Reversed, 500)]), Some(0));
}

#[test]
fn contradictions_are_flagged_not_hidden() {
    let authorized = op(Authorization, "a", Succeeded, 1000);
    let captured = op(Capture, "c", Succeeded, 1000);
    let integrity = |facts: &[Fact]| derive(facts).integrity;
    assert_eq!(integrity(&[authorized.clone(), captured.clone()]), Integrity::Ok);
    let refunded_more = [authorized.clone(), captured, op(Refund, "r", Succeeded, 1001)];
    assert_eq!(integrity(&refunded_more), Integrity::Conflicted);
    assert_eq!(integrity(&[authorized.clone(), op(Capture, "c", Succeeded, 1200)]), Integrity::Ok);
    assert_eq!(integrity(&[authorized, op(Capture, "c", Succeeded, 1201)]), Integrity::Conflicted);
}

#[test]
fn disputes_take_money_when_it_is_withdrawn_and_give_it_back_when_won() {
    use {DisputeFunds::*, DisputeStage::*};
    let paid = [op(Authorization, "a", Succeeded, 1000), op(Capture, "c", Succeeded, 1000)];
    let with = |more: &[Fact]| {
        let derived = derive(&[&paid, more].concat());
        (derived.dispute_status, derived.amount_disputed, derived.net_amount)
    };
    assert_eq!(with(&[dispute(Some(Warning), None)]), (DisputeStatus::Warning, Some(0), Some(1000)));
    assert_eq!(with(&[dispute(Some(Open), None)]), (DisputeStatus::Open, Some(0), Some(1000)));
    assert_eq!(with(&[dispute(Some(Open), Some(Withdrawn))]), (DisputeStatus::Open, Some(400), Some(600)));
    let won = [dispute(Some(Open), Some(Withdrawn)), dispute(Some(Won), None)];
    assert_eq!(with(&won), (DisputeStatus::Won, Some(0), Some(1000)));
    assert_eq!(with(&[dispute(Some(Lost), None)]), (DisputeStatus::Lost, Some(400), Some(600)));
    let second = [dispute(Some(Won), Some(Reinstated)), dispute(Some(Lost), Some(Withdrawn))];
    assert_eq!(with(&second), (DisputeStatus::Lost, Some(400), Some(600)));
}

#[test]
fn a_refund_in_flight_on_a_disputed_payment_is_a_double_loss_risk() {
    let paid = [op(Authorization, "a", Succeeded, 1000), op(Capture, "c", Succeeded, 1000)];
    let open = dispute(Some(DisputeStage::Open), None);
    let at_risk = |more: &[Fact]| derive(&[&paid, more].concat()).double_loss_risk;
    assert!(at_risk(&[open.clone(), op(Refund, "r", Pending, 300)]));
    assert!(!at_risk(&[open]));
    assert!(!at_risk(&[op(Refund, "r", Pending, 300)]));
}

#[test]
fn an_amount_that_is_not_known_is_absent_never_zero() {
    let thin =
        Fact::Operation { kind: Capture, id: "c".to_owned(), state: Succeeded, amount: None, cause: None };
    let derived = derive(&[op(Authorization, "a", Succeeded, 1000), thin]);
    assert_eq!(derived.status, PaymentStatus::Captured);
    assert_eq!((derived.amount_captured, derived.net_amount), (None, None));
    assert_eq!(derived.amount_refunded, Some(0));
}

#[test]
fn sums_beyond_the_range_are_unknown_rather_than_wrong() {
    let derived =
        derive(&[op(Authorization, "a", Succeeded, i64::MAX), op(Authorization, "b", Succeeded, i64::MAX)]);
    assert_eq!((derived.status, derived.amount_authorized), (PaymentStatus::Authorized, None));
}
