use super::*;
use crate::normalise::tests::{fold, normalise};
use domain::{DisputeStatus, Integrity, PaymentStatus, RefundStatus};
use serde_json::{Value, json};

/// A notification of minute `at`. The header's id is one and the same, so each gets a key of its own here.
fn event(at: u32, kind: &str, data: Value) -> Notification {
    let body = json!({"type": kind, "timestamp": format!("2026-11-22T12:{at:02}:00Z"), "data": data});
    let mut notification =
        normalise("standard_webhooks", &[], &body.to_string()).expect("well formed").remove(0);
    assert_eq!(notification.dedupe_key, "msg_1");
    notification.dedupe_key = format!("msg_{at}_{kind}");
    notification
}

fn payment(amount: i64) -> Value {
    json!({"id": "p-1", "amount": amount, "currency": "EUR", "requested_amount": 1000, "merchant_reference": "r-1"})
}

#[test]
fn a_payment_runs_through_its_states() {
    let mut seen = Vec::new();
    for (at, (kind, status)) in (1..).zip([
        ("payment.created", PaymentStatus::Created),
        ("payment.processing", PaymentStatus::Processing),
        ("payment.requires_action", PaymentStatus::RequiresAction),
        ("payment.authorized", PaymentStatus::Authorized),
        ("payment.captured", PaymentStatus::Captured),
    ]) {
        seen.push(event(at, kind, payment(1000)));
        let derived = fold(&seen);
        assert_eq!((derived.status, derived.integrity), (status, Integrity::Ok), "{kind}");
    }
    let derived = fold(&seen);
    assert_eq!((derived.amount_captured, derived.amount_requested), (Some(1000), Some(1000)));
    assert_eq!(derived.merchant_reference.as_deref(), Some("r-1"));
}

#[test]
fn success_alone_is_a_capture_of_an_unknown_authorisation() {
    let paid = event(1, "payment.succeeded", payment(1000));
    assert_eq!(paid.event_type, EventType::PaymentCaptured);
    let derived = fold(&[paid]);
    assert_eq!((derived.status, derived.amount_authorized), (PaymentStatus::Captured, None));
}

#[test]
fn captures_with_ids_of_their_own_add_up_and_others_are_totals() {
    let part = |at, id: &str, amount| {
        let data = json!({"id": id, "payment_id": "p-1", "amount": amount, "currency": "EUR"});
        event(at, "payment.partially_captured", data)
    };
    let authorized = event(1, "payment.authorized", payment(1000));
    let derived = fold(&[authorized.clone(), part(2, "c-1", 300), part(3, "c-2", 300)]);
    assert_eq!((derived.status, derived.amount_captured), (PaymentStatus::PartiallyCaptured, Some(600)));
    let derived = fold(&[authorized, part(2, "p-1", 300), part(3, "p-1", 500)]);
    assert_eq!(derived.amount_captured, Some(500));
}

#[test]
fn cancellation_expiry_and_failure_end_a_payment() {
    for (kind, status) in
        [("payment.canceled", PaymentStatus::Canceled), ("payment.expired", PaymentStatus::Expired)]
    {
        assert_eq!(fold(&[event(2, kind, payment(1000))]).status, status, "{kind} alone");
        let both = [event(1, "payment.authorized", payment(1000)), event(2, kind, payment(1000))];
        assert_eq!(fold(&both).status, status, "{kind}");
    }
    assert_eq!(fold(&[event(1, "payment.failed", payment(1000))]).status, PaymentStatus::Failed);
}

#[test]
fn refunds_and_disputes_belong_to_the_payment_that_they_name() {
    let child =
        json!({"id": "x-1", "payment_id": "p-1", "amount": 400, "currency": "EUR", "funds": "withdrawn"});
    let paid = event(1, "payment.captured", payment(1000));
    for (kind, status, refunded) in [
        ("refund.pending", RefundStatus::Pending, 0),
        ("refund.succeeded", RefundStatus::Partial, 400),
        ("refund.failed", RefundStatus::None, 0),
        ("refund.reversed", RefundStatus::None, 0),
    ] {
        let refund = event(2, kind, child.clone());
        assert_eq!(
            (refund.provider_payment_id.as_deref(), refund.object_id.as_deref()),
            (Some("p-1"), Some("x-1"))
        );
        let derived = fold(&[paid.clone(), refund]);
        assert_eq!((derived.refund_status, derived.amount_refunded), (status, Some(refunded)), "{kind}");
    }
    for (kind, status) in [
        ("dispute.warning", DisputeStatus::Warning),
        ("dispute.opened", DisputeStatus::Open),
        ("dispute.updated", DisputeStatus::Open),
        ("dispute.lost", DisputeStatus::Lost),
        ("dispute.won", DisputeStatus::Won),
    ] {
        assert_eq!(fold(&[paid.clone(), event(2, kind, child.clone())]).dispute_status, status, "{kind}");
    }
}

#[test]
fn types_that_are_not_ours_are_other_and_their_amounts_are_not_guessed_at() {
    let other =
        event(1, "order.paid", json!({"id": 12_345_678_901_234_567_i64, "amount": 10.5, "currency": "EUR"}));
    assert_eq!((other.event_type, other.facts.len()), (EventType::ProviderOther, 0));
    assert_eq!((other.amount, &other.currency, &other.provider_payment_id), (None, &None, &None));
    let test = event(1, "source.test", json!({}));
    assert_eq!((test.event_type, test.facts.len()), (EventType::SourceTest, 0));
    for raised in ["payment.conflicted", "payment.double_loss_risk", "endpoint.disabled"] {
        assert_eq!(event(1, raised, payment(1)).event_type, EventType::ProviderOther);
    }
}

#[test]
fn amounts_of_our_own_types_are_integers() {
    let body = r#"{"type":"payment.captured","data":{"id":"p-1","amount":10.50,"currency":"EUR"}}"#;
    assert_eq!(normalise("standard_webhooks", &[], body).expect_err("a fraction").field(), "data.amount");
}

#[test]
fn every_type_of_ours_is_in_the_vocabulary() {
    for (name, event_type, _) in TYPES {
        let documented = *name == "payment.succeeded" || event_type.as_str() == *name;
        assert!(documented, "{name} is booked as {event_type}");
    }
}
