use super::*;
use crate::normalise::tests::{fold, normalise};
use domain::{Derived, DisputeStatus, Integrity, PaymentStatus, RefundStatus};
use serde_json::{Value, json};

/// An item of minute `at`: `P1` itself where `psp` is that, a modification of it otherwise.
fn item(at: u32, code: &str, psp: &str, success: bool, value: i64) -> Value {
    let mut item = json!({
        "pspReference": psp, "eventCode": code, "success": success.to_string(), "merchantReference": "r-1",
        "amount": {"value": value, "currency": "EUR"}, "eventDate": format!("2026-11-22T12:{at:02}:00+01:00"),
        "merchantAccountCode": "Shop", "reason": "", "additionalData": {},
    });
    if psp != "P1" {
        item["originalReference"] = json!("P1");
    }
    item
}

fn notify_with(capture: &str, items: &[Value]) -> Vec<Notification> {
    let items: Vec<Value> = items.iter().map(|item| json!({"NotificationRequestItem": item})).collect();
    let body = json!({"live": "false", "notificationItems": items}).to_string();
    normalise("adyen", &[("capture", capture)], &body).expect("well formed")
}

fn notify(items: &[Value]) -> Vec<Notification> {
    notify_with("manual", items)
}

fn amounts(derived: &Derived) -> [Option<i64>; 4] {
    [derived.amount_authorized, derived.amount_captured, derived.amount_voided, derived.amount_refunded]
}

#[test]
fn a_manual_payment_is_authorised_captured_and_refunded() {
    let notifications = notify(&[
        item(1, "AUTHORISATION", "P1", true, 1000),
        item(2, "CAPTURE", "C1", true, 600),
        item(3, "CAPTURE", "C2", true, 400),
        item(4, "REFUND", "R1", true, 250),
    ]);
    assert_eq!(fold(&notifications[..1]).status, PaymentStatus::Authorized);
    assert_eq!(fold(&notifications[..2]).status, PaymentStatus::PartiallyCaptured);
    let derived = fold(&notifications);
    assert_eq!((derived.status, derived.refund_status), (PaymentStatus::Captured, RefundStatus::Partial));
    assert_eq!(amounts(&derived), [Some(1000), Some(1000), Some(0), Some(250)]);
    assert_eq!((derived.merchant_reference.as_deref(), derived.integrity), (Some("r-1"), Integrity::Ok));
    let refund = &notifications[3];
    assert_eq!(
        (refund.provider_payment_id.as_deref(), refund.object_id.as_deref()),
        (Some("P1"), Some("R1"))
    );
    assert_eq!(refund.dedupe_key, "R1:REFUND:true");
    assert_eq!(refund.occurred_at, "2026-11-22T11:04:00Z".parse().ok());
}

#[test]
fn an_automatic_account_has_one_capture_the_authorisation() {
    let notifications = notify_with(
        "automatic",
        &[item(1, "AUTHORISATION", "P1", true, 1000), item(2, "CAPTURE", "C1", true, 1000)],
    );
    assert_eq!(notifications[0].event_type, EventType::PaymentCaptured);
    assert_eq!(amounts(&fold(&notifications))[1], Some(1000));
    let failed = notify_with("automatic", &[item(3, "CAPTURE_FAILED", "C1", true, 1000)]);
    let derived = fold(&[notifications, failed].concat());
    assert_eq!((derived.status, derived.amount_captured), (PaymentStatus::Authorized, Some(0)));
    let verification = notify_with("automatic", &[item(1, "AUTHORISATION", "P1", true, 0)]);
    assert_eq!(verification[0].event_type, EventType::PaymentAuthorized, "nothing to capture");
}

#[test]
fn reversals_undo_what_had_succeeded_whatever_their_order() {
    let captured = [
        item(1, "AUTHORISATION", "P1", true, 1000),
        item(2, "CAPTURE", "C1", true, 1000),
        item(3, "CAPTURE_FAILED", "C1", true, 1000),
    ];
    let notifications = notify(&captured);
    assert_eq!(notifications[2].event_type, EventType::PaymentFailed);
    assert_eq!(fold(&notifications).status, PaymentStatus::Authorized);
    for (code, event_type) in
        [("REFUND_FAILED", EventType::RefundFailed), ("REFUNDED_REVERSED", EventType::RefundReversed)]
    {
        let notifications = notify(&[
            item(1, "AUTHORISATION", "P1", true, 1000),
            item(2, "CAPTURE", "C1", true, 1000),
            item(3, "REFUND", "R1", true, 1000),
            item(4, code, "R1", true, 1000),
        ]);
        assert_eq!(notifications[3].event_type, event_type);
        let derived = fold(&notifications);
        assert_eq!((derived.refund_status, derived.net_amount), (RefundStatus::None, Some(1000)), "{code}");
    }
}

#[test]
fn a_modification_that_was_refused_failed() {
    let notifications = notify(&[
        item(1, "AUTHORISATION", "P1", true, 1000),
        item(2, "CAPTURE", "C1", false, 1000),
        item(3, "CANCELLATION", "V1", false, 1000),
        item(4, "AUTHORISATION_ADJUSTMENT", "A1", false, 2000),
        item(5, "REFUND", "R1", false, 1000),
    ]);
    let types: Vec<EventType> = notifications.iter().map(|notification| notification.event_type).collect();
    assert_eq!(
        types[1..],
        [
            EventType::PaymentFailed,
            EventType::ProviderOther,
            EventType::ProviderOther,
            EventType::RefundFailed,
        ]
    );
    let derived = fold(&notifications);
    assert_eq!((derived.status, derived.refund_status), (PaymentStatus::Authorized, RefundStatus::None));
    assert_eq!(amounts(&derived), [Some(1000), Some(0), Some(0), Some(0)]);
    let refused = notify(&[item(1, "AUTHORISATION", "P1", false, 1000)]);
    assert_eq!(
        (refused[0].event_type, fold(&refused).status),
        (EventType::PaymentFailed, PaymentStatus::Failed)
    );
}

#[test]
fn cancellations_and_expiry_give_back_what_is_left() {
    for (code, psp, status) in [
        ("CANCELLATION", "V1", PaymentStatus::Canceled),
        ("TECHNICAL_CANCEL", "V1", PaymentStatus::Canceled),
        ("EXPIRE", "P1", PaymentStatus::Expired),
    ] {
        let notifications =
            notify(&[item(1, "AUTHORISATION", "P1", true, 1000), item(2, code, psp, true, 1000)]);
        assert_eq!(fold(&notifications).status, status, "{code}");
    }
    let partly = notify(&[
        item(1, "AUTHORISATION", "P1", true, 1000),
        item(2, "CAPTURE", "C1", true, 600),
        item(3, "EXPIRE", "P1", true, 400),
    ]);
    let derived = fold(&partly);
    assert_eq!((derived.status, derived.amount_voided), (PaymentStatus::Captured, Some(400)));
}

#[test]
fn cancel_or_refund_is_what_its_action_says() {
    let of = |action: &str| {
        let mut modification = item(2, "CANCEL_OR_REFUND", "M1", true, 1000);
        modification["additionalData"] = json!({"modification.action": action});
        notify(&[modification]).remove(0)
    };
    assert_eq!(of("cancel").event_type, EventType::PaymentCanceled);
    assert_eq!(of("refund").event_type, EventType::RefundSucceeded);
    let unknown = of("");
    assert_eq!((unknown.event_type, unknown.facts.len()), (EventType::ProviderOther, 0));
    assert_eq!(unknown.provider_payment_id.as_deref(), Some("P1"));
}

#[test]
fn an_adjustment_sets_the_authorised_amount() {
    let notifications = notify(&[
        item(1, "AUTHORISATION", "P1", true, 1000),
        item(2, "AUTHORISATION_ADJUSTMENT", "A1", true, 1500),
    ]);
    let derived = fold(&notifications);
    assert_eq!((derived.status, derived.amount_authorized), (PaymentStatus::Authorized, Some(1500)));
}

#[test]
fn an_authorisation_later_than_a_closed_offer_counts() {
    let closed = notify(&[item(1, "PENDING", "P1", true, 1000), item(2, "OFFER_CLOSED", "P1", true, 1000)]);
    assert_eq!(fold(&closed[..1]).status, PaymentStatus::Processing);
    assert_eq!(fold(&closed).status, PaymentStatus::Expired);
    let late = notify(&[item(3, "AUTHORISATION", "P1", true, 1000)]);
    assert_eq!(fold(&[closed, late].concat()).status, PaymentStatus::Authorized);
}

#[test]
fn a_dispute_runs_through_its_stages() {
    let paid = notify(&[item(1, "AUTHORISATION", "P1", true, 1000), item(2, "CAPTURE", "C1", true, 1000)]);
    let stages = [
        ("REQUEST_FOR_INFORMATION", DisputeStatus::Warning, 0),
        ("NOTIFICATION_OF_CHARGEBACK", DisputeStatus::Warning, 0),
        ("CHARGEBACK", DisputeStatus::Open, 1000),
        ("INFORMATION_SUPPLIED", DisputeStatus::Open, 1000),
        ("CHARGEBACK_REVERSED", DisputeStatus::Won, 0),
        ("SECOND_CHARGEBACK", DisputeStatus::Lost, 1000),
        ("PREARBITRATION_WON", DisputeStatus::Won, 0),
        ("PREARBITRATION_LOST", DisputeStatus::Lost, 1000),
        ("ISSUER_RESPONSE_TIMEFRAME_EXPIRED", DisputeStatus::Won, 0),
        ("DISPUTE_DEFENSE_PERIOD_ENDED", DisputeStatus::Lost, 1000),
    ];
    let mut seen = paid;
    for (at, (code, status, disputed)) in (3..).zip(stages) {
        seen.extend(notify(&[item(at, code, "D1", true, 1000)]));
        let derived = fold(&seen);
        assert_eq!((derived.dispute_status, derived.amount_disputed), (status, Some(disputed)), "{code}");
    }
}

#[test]
fn a_refund_voided_at_the_terminal_does_not_count() {
    let mut void = item(2, "VOID_PENDING_REFUND", "V1", true, 1000);
    void["originalReference"] = json!("R1");
    let refund = item(1, "REFUND_WITH_DATA", "P1", true, 1000);
    let notifications = notify(&[refund, void]);
    assert_eq!(notifications[0].event_type, EventType::RefundSucceeded);
    assert_eq!(notifications[1].event_type, EventType::RefundReversed);
    assert_eq!(notifications[1].provider_payment_id.as_deref(), Some("R1"));
    assert_eq!(fold(&notifications[1..]).amount_refunded, Some(0));
}

#[test]
fn what_we_do_not_know_is_other_and_names_no_payment_by_itself() {
    let report = notify(&[item(1, "REPORT_AVAILABLE", "P1", true, 0)]).remove(0);
    assert_eq!((report.event_type, &report.provider_payment_id), (EventType::ProviderOther, &None));
    assert_eq!((report.object_id.as_deref(), report.facts.len()), (Some("P1"), 0));
    let about = notify(&[item(1, "MANUAL_REVIEW_ACCEPT", "M1", true, 0)]).remove(0);
    assert_eq!(about.provider_payment_id.as_deref(), Some("P1"));
}

#[test]
fn exponents_are_adyens_own() {
    for (currency, expected) in
        [("CLP", 2), ("CVE", 0), ("IDR", 0), ("ISK", 2), ("JPY", 0), ("BHD", 3), ("EUR", 2)]
    {
        let mut payment = item(1, "AUTHORISATION", "P1", true, 1000);
        payment["amount"]["currency"] = json!(currency);
        assert_eq!(notify(&[payment])[0].exponent, Some(expected), "{currency}");
    }
}

#[test]
fn only_what_tells_notifications_apart_is_required() {
    let field = |item: Value| {
        let body = json!({"notificationItems": [{"NotificationRequestItem": item}]}).to_string();
        normalise("adyen", &[], &body).map(|mut all| all.remove(0)).map_err(|malformed| malformed.field())
    };
    let bare =
        json!({"pspReference": "P1", "eventCode": "AUTHORISATION", "success": true, "originalReference": ""});
    let notification = field(bare.clone()).expect("enough");
    assert_eq!(notification.dedupe_key, "P1:AUTHORISATION:true");
    assert_eq!((notification.amount, notification.occurred_at), (None, None));
    for name in ["pspReference", "eventCode", "success"] {
        let mut item = bare.clone();
        item[name] = Value::Null;
        assert_eq!(field(item), Err(format!("NotificationRequestItem.{name}")));
    }
    let mut fraction = bare;
    fraction["amount"] = json!({"value": 10.5, "currency": "EUR"});
    assert_eq!(field(fraction), Err("NotificationRequestItem.amount.value".to_owned()));
}

#[test]
fn a_dispute_goes_on_to_arbitration_and_is_decided_there() {
    let decided = |code: &str, funds: Option<i64>| {
        let derived = fold(&notify(&[
            item(1, "AUTHORISATION", "P1", true, 1000),
            item(2, "CAPTURE", "C1", true, 1000),
            item(3, "CHARGEBACK", "D1", true, 1000),
            item(4, "CHARGEBACK_REVERSED", "D1", true, 1000),
            item(5, "PREARBITRATION_OPEN", "D1", true, 1000),
            item(6, "PREARBITRATION_DECLINED", "D1", true, 1000),
            item(7, "SCHEME_ARBITRATION", "D1", true, 1000),
            item(8, code, "D1", true, 1000),
        ]));
        assert_eq!(derived.net_amount, funds, "{code}");
        derived.dispute_status
    };
    assert_eq!(decided("ISSUER_COMMENTS", Some(1000)), DisputeStatus::Open);
    assert_eq!(decided("PREARBITRATION_ISSUER_WITHDRAWN", Some(1000)), DisputeStatus::Won);
    assert_eq!(decided("SCHEME_ARBITRATION_WON", Some(1000)), DisputeStatus::Won);
    assert_eq!(decided("SCHEME_ARBITRATION_LOST", Some(1000)), DisputeStatus::Lost);
    assert_eq!(decided("SECOND_CHARGEBACK", Some(0)), DisputeStatus::Lost);
}

#[test]
fn a_disputes_own_reference_is_no_payments() {
    let bare = |code: &str| {
        let mut item = item(1, code, "D1", true, 1000);
        item.as_object_mut().expect("an object").remove("originalReference");
        notify(&[item]).remove(0)
    };
    let chargeback = bare("CHARGEBACK");
    assert_eq!((chargeback.provider_payment_id, chargeback.facts.len()), (None, 0));
    assert_eq!(chargeback.object_id.as_deref(), Some("D1"));
    // By these the payment's own reference may be meant.
    assert_eq!(bare("SECOND_CHARGEBACK").provider_payment_id.as_deref(), Some("D1"));
    let test = bare("NOTIFICATIONTEST");
    assert_eq!((test.event_type, test.provider_payment_id), (EventType::SourceTest, None));
}
