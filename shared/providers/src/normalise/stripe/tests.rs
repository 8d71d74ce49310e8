use super::*;
use crate::normalise::tests::{fold, normalise};
use domain::{Derived, DisputeStatus, Integrity, PaymentStatus, RefundStatus};
use serde_json::{Value, json};

/// An event of second `at` about `object`.
fn event(at: i64, kind: &str, object: Value) -> Notification {
    event_with(at, kind, object, json!({}))
}

fn event_with(at: i64, kind: &str, object: Value, previous: Value) -> Notification {
    let id = format!("evt_{at}_{kind}");
    let data = json!({"object": object, "previous_attributes": previous});
    let body = json!({"id": id, "object": "event", "type": kind, "created": at, "data": data});
    let mut notifications = normalise("stripe", &[], &body.to_string()).expect("well formed");
    assert_eq!(notifications.len(), 1);
    notifications.remove(0)
}

fn intent(status: &str, capturable: i64, received: i64) -> Value {
    json!({
        "id": "pi_1", "object": "payment_intent", "amount": 1000, "amount_capturable": capturable,
        "amount_received": received, "currency": "eur", "status": status, "metadata": {"order_id": "o-1"},
    })
}

fn charge_object(captured: i64, refunded: i64) -> Value {
    json!({
        "id": "ch_1", "object": "charge", "amount": 1000, "amount_captured": captured, "amount_refunded": refunded,
        "captured": captured > 0, "currency": "eur", "status": "succeeded", "payment_intent": "pi_1",
    })
}

fn refund_object(id: &str, status: &str) -> Value {
    json!({
        "id": id, "object": "refund", "amount": 400, "currency": "eur", "status": status, "charge": "ch_1",
        "payment_intent": "pi_1",
    })
}

fn amounts(derived: &Derived) -> [Option<i64>; 4] {
    [derived.amount_authorized, derived.amount_captured, derived.amount_voided, derived.amount_refunded]
}

#[test]
fn every_event_of_an_automatic_payment_speaks_of_the_same_operations() {
    let events = [
        event(1, "payment_intent.created", intent("requires_payment_method", 0, 0)),
        event(2, "payment_intent.requires_action", intent("requires_action", 0, 0)),
        event(3, "charge.succeeded", charge_object(1000, 0)),
        event(3, "payment_intent.succeeded", intent("succeeded", 0, 1000)),
        event(3, "charge.updated", charge_object(1000, 0)),
    ];
    assert_eq!(fold(&events[..1]).status, PaymentStatus::Created);
    assert_eq!(fold(&events[..2]).status, PaymentStatus::RequiresAction);
    let derived = fold(&events);
    assert_eq!((derived.status, derived.integrity), (PaymentStatus::Captured, Integrity::Ok));
    assert_eq!(amounts(&derived), [Some(1000), Some(1000), Some(0), Some(0)]);
    assert_eq!(derived.merchant_reference.as_deref(), Some("o-1"));
    assert!(events.iter().all(|event| event.provider_payment_id.as_deref() == Some("pi_1")));
    assert_eq!(events[3].event_type, EventType::PaymentCaptured);
    assert_eq!(events[2].object_id.as_deref(), Some("ch_1"));
}

#[test]
fn a_partial_capture_gives_the_rest_back() {
    let authorized =
        event(1, "payment_intent.amount_capturable_updated", intent("requires_capture", 1000, 0));
    let uncaptured = event(1, "charge.succeeded", charge_object(0, 0));
    assert_eq!(uncaptured.event_type, EventType::PaymentAuthorized);
    assert_eq!(fold(&[authorized.clone(), uncaptured.clone()]).status, PaymentStatus::Authorized);
    let captured = event(2, "charge.captured", charge_object(700, 0));
    assert_eq!((captured.amount, captured.event_type), (Some(700), EventType::PaymentCaptured));
    let succeeded = event(2, "payment_intent.succeeded", intent("succeeded", 0, 700));
    assert_eq!(succeeded.amount, Some(700));
    let derived = fold(&[authorized, uncaptured, captured, succeeded]);
    assert_eq!(derived.status, PaymentStatus::Captured);
    assert_eq!(amounts(&derived), [Some(1000), Some(700), Some(300), Some(0)]);
}

#[test]
fn several_captures_are_one_running_amount() {
    let events = [
        event(1, "payment_intent.amount_capturable_updated", intent("requires_capture", 1000, 0)),
        event(2, "payment_intent.amount_capturable_updated", intent("requires_capture", 600, 400)),
        event(2, "charge.updated", charge_object(400, 0)),
    ];
    let derived = fold(&events);
    assert_eq!(derived.status, PaymentStatus::PartiallyCaptured);
    assert_eq!(amounts(&derived), [Some(1000), Some(400), Some(0), Some(0)]);
}

#[test]
fn a_cancellation_tells_canceled_from_expired() {
    let authorized =
        event(1, "payment_intent.amount_capturable_updated", intent("requires_capture", 1000, 0));
    for (reason, status, event_type) in [
        ("requested_by_customer", PaymentStatus::Canceled, EventType::PaymentCanceled),
        ("automatic", PaymentStatus::Expired, EventType::PaymentExpired),
        ("expired", PaymentStatus::Expired, EventType::PaymentExpired),
    ] {
        let mut object = intent("canceled", 0, 0);
        object["cancellation_reason"] = json!(reason);
        let canceled = event(2, "payment_intent.canceled", object);
        assert_eq!(canceled.event_type, event_type);
        assert_eq!(fold(std::slice::from_ref(&canceled)).status, status, "never authorised");
        assert_eq!(fold(&[authorized.clone(), canceled]).status, status);
    }
    let expired = event(2, "charge.expired", charge_object(0, 1000));
    let let_go = event(2, "charge.refunded", charge_object(0, 1000));
    assert_eq!(let_go.event_type, EventType::PaymentCanceled);
    let derived = fold(&[authorized, expired, let_go]);
    assert_eq!((derived.status, derived.refund_status), (PaymentStatus::Expired, RefundStatus::None));
}

#[test]
fn a_failed_try_is_outlived_by_a_later_success() {
    let failed = event(2, "payment_intent.payment_failed", intent("requires_payment_method", 0, 0));
    assert_eq!(failed.event_type, EventType::PaymentFailed);
    assert_eq!(fold(std::slice::from_ref(&failed)).status, PaymentStatus::Failed);
    let succeeded = event(3, "payment_intent.succeeded", intent("succeeded", 0, 1000));
    assert_eq!(fold(&[failed, succeeded]).status, PaymentStatus::Captured);
}

#[test]
fn refunds_are_counted_once_whether_listed_totalled_or_reported() {
    let paid = event(1, "payment_intent.succeeded", intent("succeeded", 0, 1000));
    let mut charge = charge_object(1000, 400);
    charge["refunds"] = json!({"object": "list", "data": [refund_object("re_1", "succeeded")]});
    let refunded = event(2, "charge.refunded", charge);
    assert_eq!((refunded.event_type, refunded.amount), (EventType::RefundSucceeded, Some(400)));
    let reported = event(2, "refund.created", refund_object("re_1", "succeeded"));
    let derived = fold(&[paid, refunded, reported]);
    assert_eq!((derived.refund_status, derived.amount_refunded), (RefundStatus::Partial, Some(400)));
    assert_eq!((derived.net_amount, derived.integrity), (Some(600), Integrity::Ok));
}

#[test]
fn a_listed_refund_that_is_in_flight_is_not_in_the_total() {
    let paid = event(1, "payment_intent.succeeded", intent("succeeded", 0, 400));
    let mut charge = charge_object(400, 400);
    charge["refunds"] = json!({"data": [refund_object("re_1", "pending")]});
    let derived = fold(&[paid, event(2, "charge.refunded", charge)]);
    assert_eq!((derived.amount_refunded, derived.amount_refund_pending), (Some(0), Some(400)));
    assert_eq!((derived.refund_status, derived.integrity), (RefundStatus::Pending, Integrity::Ok));
}

#[test]
fn a_refund_that_fails_after_it_had_succeeded_comes_back() {
    let succeeded = event(2, "refund.created", refund_object("re_1", "succeeded"));
    let failed = event(3, "refund.failed", refund_object("re_1", "failed"));
    assert_eq!(failed.event_type, EventType::RefundFailed);
    let derived = fold(&[succeeded, failed]);
    assert_eq!((derived.refund_status, derived.amount_refunded), (RefundStatus::None, Some(0)));

    let updated = |before| {
        event_with(3, "refund.updated", refund_object("re_1", "failed"), json!({"status": before})).event_type
    };
    assert_eq!(updated("succeeded"), EventType::RefundReversed);
    assert_eq!(updated("pending"), EventType::RefundFailed);
    let waiting = event(1, "refund.created", refund_object("re_1", "pending"));
    assert_eq!(
        (waiting.event_type, fold(&[waiting]).refund_status),
        (EventType::RefundPending, RefundStatus::Pending)
    );
}

#[test]
fn a_dispute_follows_its_status_and_its_money() {
    let dispute = |at, kind: &str, status: &str| {
        let object = json!({
            "id": "du_1", "object": "dispute", "amount": 1000, "currency": "eur", "charge": "ch_1",
            "payment_intent": "pi_1", "status": status,
        });
        event(at, kind, object)
    };
    let paid = event(1, "payment_intent.succeeded", intent("succeeded", 0, 1000));
    let opened = dispute(2, "charge.dispute.created", "needs_response");
    let withdrawn = dispute(2, "charge.dispute.funds_withdrawn", "needs_response");
    let won = dispute(9, "charge.dispute.closed", "won");
    let reinstated = dispute(9, "charge.dispute.funds_reinstated", "won");
    let types: Vec<_> = [&opened, &withdrawn, &won, &reinstated].map(|event| event.event_type).into();
    assert_eq!(
        types,
        [
            EventType::DisputeOpened,
            EventType::DisputeUpdated,
            EventType::DisputeWon,
            EventType::DisputeUpdated
        ]
    );
    let open = fold(&[paid.clone(), opened.clone(), withdrawn.clone()]);
    assert_eq!(
        (open.dispute_status, open.amount_disputed, open.net_amount),
        (DisputeStatus::Open, Some(1000), Some(0))
    );
    let over = fold(&[paid, opened, withdrawn, won, reinstated]);
    assert_eq!((over.dispute_status, over.amount_disputed), (DisputeStatus::Won, Some(0)));
    let inquiry = dispute(2, "charge.dispute.created", "warning_needs_response");
    assert_eq!(inquiry.event_type, EventType::DisputeWarning);
    assert_eq!(
        fold(&[inquiry, dispute(3, "charge.dispute.closed", "warning_closed")]).dispute_status,
        DisputeStatus::Won
    );
}

#[test]
fn a_charge_without_a_payment_intent_is_its_own_payment() {
    let mut object = charge_object(700, 0);
    object["payment_intent"] = Value::Null;
    let captured = event(1, "charge.captured", object);
    assert_eq!(
        (captured.provider_payment_id.as_deref(), captured.object_id.as_deref()),
        (Some("ch_1"), None)
    );
    let derived = fold(&[captured]);
    assert_eq!((derived.status, derived.amount_voided), (PaymentStatus::Captured, Some(300)));
    assert_eq!(derived.amount_requested, Some(1000));
}

#[test]
fn exponents_are_stripes_own() {
    for (currency, expected) in [("isk", 2), ("ugx", 2), ("mga", 0), ("jpy", 0), ("kwd", 3), ("usd", 2)] {
        let mut object = intent("succeeded", 0, 1000);
        object["currency"] = json!(currency);
        let notification = event(1, "payment_intent.succeeded", object);
        assert_eq!((notification.exponent, notification.amount), (Some(expected), Some(1000)), "{currency}");
    }
}

#[test]
fn everything_else_is_other_and_says_which_payment_it_names() {
    let session =
        json!({"id": "cs_1", "object": "checkout.session", "amount_total": 500, "payment_intent": "pi_1"});
    let other = event(1, "checkout.session.completed", session);
    assert_eq!((other.event_type, other.facts.len()), (EventType::ProviderOther, 0));
    assert_eq!(
        (other.provider_payment_id.as_deref(), other.object_id.as_deref()),
        (Some("pi_1"), Some("cs_1"))
    );
    assert_eq!(other.amount, Some(500));
    let expanded = json!({"id": "cs_1", "payment_intent": {"id": "pi_2"}, "amount": "12.5"});
    let other = event(1, "checkout.session.expired", expanded);
    assert_eq!((other.provider_payment_id.as_deref(), other.amount), (Some("pi_2"), None));
}

#[test]
fn a_thin_event_has_its_time_in_text_and_its_object_by_name() {
    let body = r#"{"id":"evt_1","object":"v2.core.event","type":"v2.core.account.updated",
        "created":"2026-11-22T12:00:00.123Z","related_object":{"id":"acct_1","type":"v2.core.account"}}"#;
    let notification = normalise("stripe", &[], body).expect("well formed").remove(0);
    assert_eq!(notification.occurred_at, "2026-11-22T12:00:00.123Z".parse().ok());
    assert_eq!(notification.object_id.as_deref(), Some("acct_1"));
}

#[test]
fn amounts_that_are_no_integers_are_malformed_and_odd_fields_absent() {
    let body = |amount: &str| {
        format!(
            r#"{{"id":"evt_1","type":"payment_intent.succeeded","created":"soon",
                "data":{{"object":{{"id":"pi_1","amount":{amount},"currency":7,"metadata":[]}}}}}}"#
        )
    };
    for amount in ["10.0", "1e3", "\"10\"", "9223372036854775808", "[]"] {
        let malformed = normalise("stripe", &[], &body(amount)).expect_err(amount);
        assert_eq!(malformed.field(), "data.object.amount");
    }
    let odd = normalise("stripe", &[], &body("9223372036854775807")).expect("exact").remove(0);
    assert_eq!((odd.amount, odd.currency, odd.occurred_at), (Some(i64::MAX), None, None));
    let bare =
        normalise("stripe", &[], r#"{"id":"evt_1","type":"charge.refunded"}"#).expect("enough to record");
    assert_eq!((bare[0].facts.len(), &bare[0].provider_payment_id), (0, &None));
}

#[test]
fn a_status_that_is_new_to_us_moves_no_money() {
    let mut charge = charge_object(1000, 0);
    charge["status"] = json!("teleported");
    let updated = event(1, "charge.updated", charge);
    assert_eq!(updated.event_type, EventType::ProviderOther);
    assert_eq!(amounts(&fold(&[updated])), [Some(0), Some(0), Some(0), Some(0)]);
    let refund = event(1, "refund.updated", refund_object("re_1", "teleported"));
    let derived = fold(&[refund]);
    assert_eq!((derived.amount_refunded, derived.amount_refund_pending), (Some(0), Some(400)));
}
