//! What the documents of the providers from A to L tell, step by step. Those before the middle of the alphabet
//! alone: one file of them would be too long to read.

use super::{notify, notify_with, story};
use crate::normalise::tests::fold;
use domain::{DisputeStatus, EventType, PaymentStatus, RefundStatus};
use serde_json::{Value, json};

fn checkout(kind: &str, action: &str, data: &Value) -> Value {
    let mut body = json!({"id": format!("evt_{action}"), "type": kind, "created_on": "2026-11-22T12:00:00Z",
        "data": {"id": "pay_1", "action_id": action, "currency": "EUR"}});
    body["data"].as_object_mut().expect("an object").extend(data.as_object().expect("an object").clone());
    body
}

#[test]
fn checkouts_increment_is_told_by_its_balances() {
    let derived = story(
        "checkout",
        &[
            checkout("payment_approved", "act_1", &json!({"amount": 1000})),
            checkout(
                "payment_authorization_incremented",
                "act_2",
                &json!({"amount": 500, "balances": {"total_authorized": 1500}}),
            ),
            checkout("payment_captured", "act_3", &json!({"amount": 1500})),
        ],
    );
    assert_eq!((derived.status, derived.amount_authorized), (PaymentStatus::Captured, Some(1500)));
}

#[test]
fn checkouts_disputes_take_the_money_and_have_their_own_field_for_the_time() {
    let dispute = |kind: &str, minute: u8| {
        json!({"id": format!("evt_{kind}"), "type": kind, "timestamp": format!("2026-11-22T12:{minute:02}:00.582+00:00"),
            "data": {"id": "dsp_1", "payment_id": "pay_1", "amount": 400, "currency": "EUR"}})
    };
    let paid = checkout("payment_captured", "act_1", &json!({"amount": 1000}));
    let approved = checkout("payment_approved", "act_0", &json!({"amount": 1000}));
    let open = story("checkout", &[approved.clone(), paid.clone(), dispute("dispute_evidence_required", 1)]);
    assert_eq!((open.dispute_status, open.net_amount), (DisputeStatus::Open, Some(600)));
    let won = story(
        "checkout",
        &[approved, paid, dispute("dispute_evidence_required", 1), dispute("dispute_won", 9)],
    );
    assert_eq!((won.dispute_status, won.net_amount), (DisputeStatus::Won, Some(1000)));
    assert!(notify("checkout", &dispute("dispute_won", 9)).occurred_at.is_some());
}

#[test]
fn what_the_payers_bank_takes_back_is_lost() {
    let returned = |source: &str| {
        let data = json!({"amount": 1000, "source": {"type": source}});
        checkout("payment_returned", "act_9", &data)
    };
    let derived = story(
        "checkout",
        &[
            checkout("payment_approved", "act_0", &json!({"amount": 1000})),
            checkout("payment_captured", "act_1", &json!({"amount": 1000})),
            returned("bank_account"),
        ],
    );
    assert_eq!((derived.dispute_status, derived.net_amount), (DisputeStatus::Lost, Some(0)));
    assert_eq!(notify("checkout", &returned("currency_account")).event_type, EventType::ProviderOther);
}

fn gocardless(events: &[(&str, &str, Value)]) -> Vec<domain::Notification> {
    let events: Vec<Value> = events
        .iter()
        .enumerate()
        .map(|(at, (kind, action, links))| {
            json!({"id": format!("EV{at}"), "resource_type": kind, "action": action, "links": links,
                "created_at": format!("2026-11-22T12:00:{at:02}.000Z")})
        })
        .collect();
    notify_with("gocardless", &[], &json!({"events": events, "meta": {"webhook_id": "WB1"}}))
}

#[test]
fn a_debit_that_the_bank_took_back_leaves_nothing_captured() {
    let payment = json!({"payment": "PM1"});
    let step = |action: &'static str| ("payments", action, payment.clone());
    let late =
        gocardless(&[step("confirmed"), step("paid_out"), step("failed"), step("late_failure_settled")]);
    assert_eq!(late[3].event_type, EventType::PaymentFailed);
    assert_eq!(fold(&late).status, PaymentStatus::Canceled);
    // The same payment may be tried again, and then it is paid.
    let retried = gocardless(&[step("failed"), step("resubmission_requested"), step("confirmed")]);
    assert_eq!(fold(&retried).status, PaymentStatus::Captured);
}

#[test]
fn gocardless_books_what_names_a_payment_and_nothing_else() {
    let refunds = gocardless(&[
        ("refunds", "created", json!({"refund": "RF1"})),
        ("refunds", "paid", json!({"refund": "RF1", "payment": "PM1"})),
        (
            "billing_requests",
            "fulfilled",
            json!({"billing_request": "BRQ1", "payment_request_payment": "PM2"}),
        ),
        (
            "billing_requests",
            "fulfilled",
            json!({"billing_request": "BRQ2", "mandate_request_mandate": "MD1"}),
        ),
        ("subscriptions", "payment_created", json!({"subscription": "SB1", "payment": "PM3"})),
    ]);
    let payments: Vec<Option<&str>> =
        refunds.iter().map(|notification| notification.provider_payment_id.as_deref()).collect();
    assert_eq!(payments, [None, Some("PM1"), Some("PM2"), None, Some("PM3")]);
    let facts: Vec<usize> = refunds.iter().map(|notification| notification.facts.len()).collect();
    assert_eq!(facts, [0, 1, 1, 0, 0]);
    assert_eq!(refunds[3].object_id.as_deref(), Some("BRQ2"));
}

#[test]
fn klarnas_completed_request_reserves_nothing_yet() {
    let request = |state: &str| {
        json!({"metadata": {"event_id": state, "event_type": format!("payment.request.state-change.{state}"),
            "occurred_at": "2026-11-22T12:00:00Z"}, "payload": {"payment_request_id": "krn:1"}})
    };
    assert_eq!(story("klarna", &[request("completed")]).status, PaymentStatus::Processing);
    assert_eq!(story("klarna", &[request("authorized")]).status, PaymentStatus::Authorized);
    let dispute = |stage: &str, payload: Value| {
        let mut body = json!({"metadata": {"event_id": stage, "occurred_at": "2026-11-22T12:00:00Z",
            "event_type": format!("payment.dispute.state-change.{stage}")}, "payload": payload});
        body["payload"]["payment_dispute_id"] = json!("d");
        body["payload"]["payment_transaction_id"] = json!("t");
        body
    };
    let details = json!({"dispute_details": {"dispute_amount": 39900, "currency": "EUR"}});
    let lost = story(
        "klarna",
        &[dispute("initiated", details), dispute("closed", json!({"dispute_outcome": "LOST"}))],
    );
    assert_eq!((lost.dispute_status, lost.amount_disputed), (DisputeStatus::Lost, Some(39900)));
}

#[test]
fn an_airwallex_intent_outlives_an_attempt_that_failed_but_not_a_capture_that_did() {
    let event = |name: &str, second: u8, object: Value| json!({"id": name, "name": name, "created_at": format!("2026-11-22T12:00:{second:02}+0000"), "data": {"object": object}});
    let intent = json!({"id": "int", "amount": 10, "captured_amount": 10, "currency": "USD"});
    let attempt = json!({"id": "att", "payment_intent_id": "int", "amount": 10, "currency": "USD"});
    let failed = event("payment_attempt.authorization_failed", 1, attempt.clone());
    let paid = event("payment_intent.succeeded", 2, intent);
    assert_eq!(story("airwallex", std::slice::from_ref(&failed)).status, PaymentStatus::Failed);
    let derived = story("airwallex", &[failed.clone(), paid.clone()]);
    assert_eq!((derived.status, derived.amount_captured), (PaymentStatus::Captured, Some(1000)));
    let undone = story("airwallex", &[failed, paid, event("payment_attempt.capture_failed", 3, attempt)]);
    assert_ne!(undone.status, PaymentStatus::Captured);
    assert_eq!(undone.amount_captured, Some(0));
}

#[test]
fn a_void_before_settlement_takes_back_what_was_captured() {
    let authorizenet = |event: &str, minute: u8| {
        json!({"notificationId": event, "eventType": format!("net.authorize.payment.{event}.created"),
            "eventDate": format!("2026-11-22T12:{minute:02}:00.0080095Z"),
            "payload": {"id": "1", "responseCode": 1, "authAmount": 45.0}})
    };
    for first in ["authcapture", "authorization"] {
        let derived = story("authorizenet", &[authorizenet(first, 0), authorizenet("void", 1)]);
        let amounts = (derived.amount_captured, derived.amount_voided);
        assert_eq!((derived.status, amounts), (PaymentStatus::Canceled, (Some(0), Some(4500))), "{first}");
    }
}

#[test]
fn coinbases_checkout_is_the_payment_as_it_is_now() {
    let body = |kind: &str, at: u8| {
        json!({"id": "68f7", "eventType": kind, "amount": "100.00", "currency": "USDC", "status": "COMPLETED",
            "metadata": {"orderId": "12345"}, "createdAt": "2025-11-13T20:15:49.329Z", "updatedAt": format!("2025-11-13T20:1{at}:55.097Z")})
    };
    let paid = notify("coinbase_cdp", &body("checkout.payment.success", 6));
    assert_eq!((paid.amount, paid.exponent), (Some(100_000_000), Some(6)));
    assert_eq!(paid.dedupe_key, "checkout.payment.success:68f7:2025-11-13T20:16:55.097Z");
    let mut refund = body("checkout.refund.success", 7);
    refund["refundedAmount"] = json!("40.00");
    let derived = story("coinbase_cdp", &[body("checkout.payment.success", 6), refund]);
    assert_eq!((derived.status, derived.amount_captured), (PaymentStatus::Captured, Some(100_000_000)));
    assert_eq!((derived.refund_status, derived.amount_refunded), (RefundStatus::Partial, Some(40_000_000)));
    assert_eq!(derived.merchant_reference.as_deref(), Some("12345"));
    let failed = notify("coinbase_cdp", &body("checkout.refund.failed", 8));
    assert_eq!((failed.event_type, failed.facts.len()), (EventType::ProviderOther, 0));
}

#[test]
fn coinbases_payment_sessions_go_step_by_step() {
    let step = |kind: &str, minute: u8, detail: Value| {
        let mut body = json!({"eventId": format!("evt_{kind}{minute}"), "eventType": format!("acceptance.payment_session.{kind}"),
            "timestamp": format!("2026-05-16T12:{minute:02}:00Z"),
            "data": {"paymentSession": {"paymentSessionId": "ps", "amount": "100.00", "asset": "usdc"}}});
        body["data"]
            .as_object_mut()
            .expect("an object")
            .extend(detail.as_object().expect("an object").clone());
        body
    };
    let derived = story(
        "coinbase_cdp",
        &[
            step("authorization_pending", 1, json!({})),
            step("authorization_succeeded", 2, json!({"authorization": {"amount": "100.00"}})),
            step("capture_succeeded", 3, json!({"capture": {"captureId": "c1", "amount": "60.00"}})),
            step("capture_succeeded", 4, json!({"capture": {"captureId": "c2", "amount": "40.00"}})),
            step("refund_pending", 5, json!({"refund": {"refundId": "r", "amount": "50.00"}})),
            step("refund_succeeded", 6, json!({"refund": {"refundId": "r", "amount": "50.00"}})),
        ],
    );
    assert_eq!((derived.status, derived.amount_captured), (PaymentStatus::Captured, Some(100_000_000)));
    assert_eq!((derived.amount_refunded, derived.amount_refund_pending), (Some(50_000_000), Some(0)));
}

#[test]
fn a_creem_subscriptions_first_payment_is_one_payment() {
    let order =
        json!({"id": "ord", "amount": 1100, "tax_amount": 231, "amount_paid": 1331, "currency": "EUR"});
    let transaction = json!({"id": "tran", "order": "ord", "amount": 1100, "amount_paid": 1331, "currency": "EUR", "status": "paid"});
    let derived = story(
        "creem",
        &[
            json!({"id": "e1", "eventType": "checkout.completed", "created_at": 1_795_348_800_000i64, "object": {"id": "ch", "order": order}}),
            json!({"id": "e2", "eventType": "subscription.paid", "created_at": 1_795_348_801_000i64, "object": {"id": "sub", "last_transaction": transaction}}),
            json!({"id": "e3", "eventType": "refund.created", "created_at": 1_795_348_802_000i64, "object": {"id": "ref", "status": "succeeded",
                "refund_amount": 1331, "refund_currency": "EUR", "transaction": {"order": "ord"}}}),
        ],
    );
    assert_eq!((derived.amount_captured, derived.refund_status), (Some(1331), RefundStatus::Full));
    let unnamed = json!({"id": "e4", "eventType": "subscription.paid", "object": {"id": "sub", "last_transaction_id": "tran"}});
    let unnamed = notify("creem", &unnamed);
    assert_eq!((unnamed.event_type, unnamed.provider_payment_id), (EventType::ProviderOther, None));
}

#[test]
fn a_lemon_squeezy_subscriptions_first_payment_is_its_order() {
    let invoice = |reason: &str| {
        notify(
            "lemonsqueezy",
            &json!({"meta": {"event_name": "subscription_payment_success"}, "data": {"type": "subscription-invoices", "id": "7",
                "attributes": {"billing_reason": reason, "status": "paid", "total": 1199, "currency": "USD"}}}),
        )
    };
    assert_eq!(
        (invoice("initial").event_type, invoice("initial").facts.len()),
        (EventType::ProviderOther, 0)
    );
    assert_eq!(invoice("renewal").event_type, EventType::PaymentCaptured);
}

#[test]
fn dlocals_modifications_are_told_apart_by_their_status() {
    let paid = json!({"id": "D-1", "status": "PAID", "amount": 10.0, "currency": "BRL", "created_date": "2026-11-22T12:00:00.000+0000"});
    let other = |id: &str, status: &str| json!({"id": id, "payment_id": "D-1", "status": status, "amount": 10.0, "currency": "BRL"});
    let refused = story("dlocal", &[paid.clone(), other("REF1", "REJECTED")]);
    assert_eq!((refused.refund_status, refused.net_amount), (RefundStatus::None, Some(1000)));
    let charged_back = story("dlocal", &[paid, other("CHAR1", "COMPLETED")]);
    assert_eq!((charged_back.dispute_status, charged_back.net_amount), (DisputeStatus::Open, Some(0)));
    assert_eq!(notify("dlocal", &other("X", "PENDING")).event_type, EventType::ProviderOther);
}

#[test]
fn cashfree_gives_back_by_itself_what_came_too_late() {
    let paid = json!({"type": "PAYMENT_SUCCESS_WEBHOOK", "data": {"order": {"order_id": "o"}, "payment": {"cf_payment_id": "1", "payment_amount": 10, "payment_currency": "INR"}}});
    let refund = json!({"type": "AUTO_REFUND_STATUS_WEBHOOK", "data": {"auto_refund": {"cf_payment_id": "1", "cf_refund_id": "2", "refund_status": "SUCCESS", "refund_amount": 10, "refund_currency": "INR"}}});
    let derived = story("cashfree", &[paid, refund]);
    assert_eq!((derived.refund_status, derived.net_amount), (RefundStatus::Full, Some(0)));
    let test =
        notify("cashfree", &json!({"type": "WEBHOOK", "data": {"test_object": {"test_key": "test_value"}}}));
    assert_eq!((test.event_type, test.provider_payment_id), (EventType::SourceTest, None));
}

#[test]
fn a_chargebee_debit_that_comes_back_late_leaves_nothing_captured() {
    let event = |kind: &str, status: &str, at: i64| {
        json!({"id": kind, "event_type": kind, "occurred_at": at, "content": {"transaction":
            {"id": "txn", "type": "payment", "status": status, "amount": 1200, "currency_code": "USD"}}})
    };
    let paid = event("payment_succeeded", "success", 1);
    let derived = story("chargebee", &[paid.clone(), event("transaction_updated", "late_failure", 2)]);
    assert_eq!((derived.status, derived.amount_captured), (PaymentStatus::Canceled, Some(0)));
    let refused = story("chargebee", &[event("payment_failed", "failure", 1)]);
    assert_eq!(refused.status, PaymentStatus::Failed);
    assert_eq!(story("chargebee", &[paid]).status, PaymentStatus::Captured);
}
