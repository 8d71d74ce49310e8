//! Stories in the providers' own words, and what they amount to.

mod letters_a_to_l;
mod letters_m_to_z;
mod stories;
mod wallets;

use crate::normalise::tests::{fold, normalise};
use domain::{Derived, DisputeStatus, EventType, Integrity, Notification, PaymentStatus, RefundStatus};
use serde_json::{Value, json};

fn notify_with(provider: &str, settings: &[(&str, &str)], body: &Value) -> Vec<Notification> {
    let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    normalise(provider, settings, &body).unwrap_or_else(|error| panic!("{provider}: {error}: {body}"))
}

fn notify(provider: &str, body: &Value) -> Notification {
    let mut notifications = notify_with(provider, &[], body);
    assert_eq!(notifications.len(), 1, "{provider}");
    notifications.remove(0)
}

/// The payment that the bodies amount to; all of them must name the same one.
fn story(provider: &str, bodies: &[Value]) -> Derived {
    let notifications: Vec<Notification> = bodies.iter().map(|body| notify(provider, body)).collect();
    let payment = &notifications[0].provider_payment_id;
    assert!(payment.is_some(), "{provider}");
    for notification in &notifications {
        assert_eq!(&notification.provider_payment_id, payment, "{provider}: {}", notification.provider_type);
        assert!(!notification.facts.is_empty(), "{provider}: {} says nothing", notification.provider_type);
    }
    let derived = fold(&notifications);
    assert_eq!(derived.integrity, Integrity::Ok, "{provider}: {derived:?}");
    derived
}

fn captured_and_refunded(derived: &Derived) -> (PaymentStatus, Option<i64>, RefundStatus, Option<i64>) {
    (derived.status, derived.amount_captured, derived.refund_status, derived.amount_refunded)
}

#[test]
fn payments_are_captured_and_partly_refunded() {
    for (provider, bodies) in stories::refunds() {
        let derived = story(provider, &bodies);
        let expected = (PaymentStatus::Captured, Some(1000), RefundStatus::Partial, Some(400));
        assert_eq!(captured_and_refunded(&derived), expected, "{provider}");
        assert!(derived.currency.is_some() && derived.currency_exponent == Some(2), "{provider}");
    }
}

#[test]
fn what_is_not_captured_is_given_back_or_fails() {
    let created = |amount: i64| json!({"id": "1", "type": "payment_approved", "data": {"id": "p", "amount": amount, "currency": "EUR"}});
    let voided = json!({"id": "2", "type": "payment_voided", "data": {"id": "p", "action_id": "a", "amount": 1000, "currency": "EUR"}});
    let derived = story("checkout", &[created(1000), voided]);
    assert_eq!((derived.status, derived.amount_voided), (PaymentStatus::Canceled, Some(1000)));

    let btcpay =
        |kind: &str, at: i64| json!({"deliveryId": kind, "type": kind, "invoiceId": "i", "timestamp": at});
    assert_eq!(story("btcpay", &[btcpay("InvoiceCreated", 1)]).status, PaymentStatus::Created);
    assert_eq!(
        story("btcpay", &[btcpay("InvoiceCreated", 1), btcpay("InvoiceExpired", 2)]).status,
        PaymentStatus::Expired
    );
    let settled = story("btcpay", &[btcpay("InvoiceCreated", 1), btcpay("InvoiceSettled", 2)]);
    assert_eq!(
        (settled.status, settled.amount_captured),
        (PaymentStatus::Captured, None),
        "no amount is said"
    );
    assert_eq!(story("btcpay", &[btcpay("InvoiceInvalid", 2)]).status, PaymentStatus::Failed);

    let dwolla = |topic: &str| json!({"id": topic, "topic": topic, "resourceId": "t", "timestamp": "2026-11-22T12:00:00Z"});
    assert_eq!(
        story("dwolla", &[dwolla("transfer_created"), dwolla("transfer_failed")]).status,
        PaymentStatus::Failed
    );
    let bank = notify("dwolla", &dwolla("bank_transfer_completed"));
    assert_eq!((bank.event_type, bank.provider_payment_id), (EventType::ProviderOther, None));
}

#[test]
fn a_batch_is_one_notification_for_each_element() {
    let event = |id: &str, kind: &str, action: &str, links: Value| json!({"id": id, "resource_type": kind, "action": action, "created_at": format!("2026-11-22T12:00:0{}Z", &id[2..]), "links": links});
    let payment = json!({"payment": "PM1"});
    let batch = |events: &[Value]| {
        notify_with("gocardless", &[], &json!({"events": events, "meta": {"webhook_id": "WB1"}}))
    };
    let events = [
        event("EV1", "payments", "confirmed", payment.clone()),
        event("EV2", "payments", "paid_out", payment.clone()),
        event("EV3", "mandates", "active", json!({"mandate": "MD1"})),
    ];
    let notifications = batch(&events);
    let types: Vec<&str> =
        notifications.iter().map(|notification| notification.provider_type.as_str()).collect();
    assert_eq!(types, ["payments.confirmed", "payments.paid_out", "mandates.active"]);
    assert_eq!(notifications[2].object_id.as_deref(), Some("MD1"));
    assert_eq!(fold(&notifications).status, PaymentStatus::Captured);

    let late = batch(&[
        events[0].clone(),
        event("EV4", "payments", "failed", payment.clone()),
        event("EV5", "payments", "late_failure_settled", payment.clone()),
    ]);
    assert_ne!(fold(&late).status, PaymentStatus::Captured);
    let dispute = batch(&[events[0].clone(), event("EV6", "payments", "charged_back", payment.clone())]);
    assert_eq!(fold(&dispute).dispute_status, DisputeStatus::Open);
    let won = batch(&[
        event("EV6", "payments", "charged_back", payment.clone()),
        event("EV7", "payments", "chargeback_cancelled", payment),
    ]);
    assert_eq!(fold(&won).dispute_status, DisputeStatus::Won);

    let empty = normalise("gocardless", &[], r#"{"events":[]}"#).expect_err("nothing");
    assert_eq!(empty.field(), "events");
    let nameless = normalise("gocardless", &[], r#"{"events":[{"resource_type":"a","action":"b"}]}"#)
        .expect_err("no id");
    assert_eq!(nameless.field(), "id");
}

#[test]
fn disputes_are_opened_and_decided() {
    let paddle = |kind: &str, action: &str, id: &str| {
        json!({"event_id": id, "event_type": "adjustment.created", "occurred_at": format!("2026-11-22T12:00:0{kind}Z"),
            "data": {"id": id, "transaction_id": "txn", "action": action, "status": "approved", "currency_code": "USD", "totals": {"total": "1000"}}})
    };
    let opened = paddle("1", "chargeback", "adj_1");
    assert_eq!(story("paddle", std::slice::from_ref(&opened)).dispute_status, DisputeStatus::Open);
    let won = story("paddle", &[opened, paddle("2", "chargeback_reverse", "adj_2")]);
    assert_eq!((won.dispute_status, won.amount_disputed), (DisputeStatus::Won, Some(0)));

    let paystack = |event: &str, resolution: &str| json!({"event": event, "data": {"id": 7, "refund_amount": 500, "currency": "NGN", "resolution": resolution, "transaction": {"reference": "r"}}});
    let lost = story(
        "paystack",
        &[paystack("charge.dispute.create", ""), paystack("charge.dispute.resolve", "merchant-accepted")],
    );
    assert_eq!((lost.dispute_status, lost.amount_disputed), (DisputeStatus::Lost, Some(500)));

    let dispute = json!({"id": 5, "order_id": 9, "type": "chargeback", "status": "needs_response", "amount": "3.00", "currency": "USD", "initiated_at": "2026-11-22T00:00:00Z"});
    assert_eq!(story("shopify", &[dispute]).dispute_status, DisputeStatus::Open);
}

#[test]
fn what_a_header_says_never_makes_a_fact() {
    // A refund under an order's topic is a refund, and what is neither says nothing.
    let refund = json!({"id": 1, "order_id": 2, "transactions": [{"kind": "refund", "status": "success", "amount": "1.00", "currency": "USD"}]});
    assert_eq!(notify("shopify", &refund).event_type, EventType::RefundSucceeded);
    let customer = notify("shopify", &json!({"id": 1, "email": "a@example.com"}));
    assert_eq!((customer.event_type, customer.facts.len()), (EventType::ProviderOther, 0));
}

#[test]
fn what_a_payload_does_not_say_stays_absent() {
    let body = json!({"notificationId": "n", "eventType": "net.authorize.payment.authcapture.created",
        "payload": {"id": "1", "responseCode": 1, "authAmount": 12.5}});
    let unnamed = notify("authorizenet", &body);
    assert_eq!((unnamed.amount, unnamed.currency, unnamed.exponent), (Some(1250), None, Some(2)));
    let named = notify_with("authorizenet", &[("currency", "USD")], &body);
    assert_eq!(named[0].currency.as_ref().map(|currency| currency.as_str()), Some("USD"));
    let refund = notify(
        "authorizenet",
        &json!({"notificationId": "n", "eventType": "net.authorize.payment.refund.created",
        "payload": {"id": "2", "responseCode": 1, "authAmount": 1}}),
    );
    assert_eq!(
        (refund.event_type, refund.provider_payment_id, refund.facts.len()),
        (EventType::RefundSucceeded, None, 0)
    );
    // A refund that is not told from the next one is not booked.
    let pending = notify(
        "paystack",
        &json!({"event": "refund.pending", "data": {"transaction_reference": "r", "refund_reference": null, "amount": "1", "currency": "NGN"}}),
    );
    assert_eq!((pending.event_type, pending.facts.len()), (EventType::RefundPending, 0));
    // A decimal of a currency without a known exponent is no amount.
    let crypto = notify(
        "coinbase_commerce",
        &json!({"event": {"id": "1", "type": "charge:confirmed", "data": {"code": "c", "pricing": {"local": {"amount": "0.1", "currency": "DOGE"}}}}}),
    );
    assert_eq!((crypto.amount, crypto.currency.is_some()), (None, true));
}

#[test]
fn amounts_are_exact_or_refused() {
    let paid = |amount: &str, currency: &str| {
        let body = format!(
            r#"{{"event":"charge.completed","data":{{"id":1,"status":"successful","amount":{amount},"currency":"{currency}"}}}}"#
        );
        normalise("flutterwave", &[], &body).map(|notifications| notifications[0].amount)
    };
    assert_eq!(paid("100", "NGN"), Ok(Some(10_000)));
    assert_eq!(paid("0.1", "NGN"), Ok(Some(10)));
    assert_eq!(paid("\"1.50\"", "NGN"), Ok(Some(150)));
    assert_eq!(paid("90071992547409.93", "NGN"), Ok(Some(9_007_199_254_740_993)));
    assert_eq!(paid("500", "UGX"), Ok(Some(500)));
    for refused in ["1.005", "1e3", "99999999999999999999", "\"1,50\""] {
        let malformed = paid(refused, "NGN").expect_err(refused);
        assert_eq!(malformed.field(), "data.amount", "{refused}");
    }
    let square = |amount: &str| {
        let body = format!(
            r#"{{"event_id":"1","type":"payment.updated","data":{{"object":{{"payment":{{"id":"p","status":"COMPLETED","amount_money":{{"amount":{amount},"currency":"JPY"}}}}}}}}}}"#
        );
        normalise("square", &[], &body).map(|notifications| notifications[0].amount)
    };
    assert_eq!(square("500"), Ok(Some(500)));
    assert!(square("5.5").is_err());
}

#[test]
fn providers_exponents_are_their_own() {
    let checkout = notify(
        "checkout",
        &json!({"id": "1", "type": "payment_approved", "data": {"id": "p", "amount": 100, "currency": "CLP"}}),
    );
    assert_eq!((checkout.amount, checkout.exponent), (Some(100), Some(2)));
    let paystack = notify(
        "paystack",
        &json!({"event": "charge.success", "data": {"id": 1, "reference": "r", "amount": 10_000, "currency": "XOF"}}),
    );
    assert_eq!(paystack.exponent, Some(2));
    let kwd = notify(
        "airwallex",
        &json!({"id": "1", "name": "payment_intent.created", "data": {"object": {"id": "i", "amount": 1.234, "currency": "KWD"}}}),
    );
    assert_eq!((kwd.amount, kwd.exponent), (Some(1234), Some(3)));
}

#[test]
fn an_amount_below_zero_is_shown_but_not_booked() {
    let notification = notify(
        "chargebee",
        &json!({"id": "1", "event_type": "payment_succeeded", "content": {"transaction": {"id": "t", "amount": -5, "currency_code": "USD"}}}),
    );
    assert_eq!(notification.amount, Some(-5));
    assert_eq!(fold(&[notification]).amount_captured, None);
}

#[test]
fn ids_that_are_numbered_per_kind_of_object_stay_apart() {
    let body = |event: &str| json!({"meta": {"event_name": event}, "data": {"type": "x", "id": "1", "attributes": {"status": "paid", "total": 5, "currency": "USD"}}});
    let order = notify("lemonsqueezy", &body("order_created"));
    let invoice = notify("lemonsqueezy", &body("subscription_payment_success"));
    assert_eq!(order.provider_payment_id.as_deref(), Some("1"));
    assert_eq!(invoice.provider_payment_id.as_deref(), Some("subscription-invoices:1"));
}

#[test]
fn times_are_read_in_the_providers_own_form() {
    let at = |provider: &str, body: Value| notify(provider, &body).occurred_at.map(|at| at.to_string());
    let midtrans = json!({"transaction_id": "t", "transaction_status": "pending", "status_code": "201", "gross_amount": "1", "currency": "IDR", "transaction_time": "2026-11-22 19:00:00"});
    assert_eq!(at("midtrans", midtrans).as_deref(), Some("2026-11-22T12:00:00Z"));
    let dlocal = json!({"id": "1", "status": "PAID", "created_date": "2026-11-22T12:00:00.000+0000"});
    assert_eq!(at("dlocal", dlocal).as_deref(), Some("2026-11-22T12:00:00Z"));
    let recurly = |time: &str| json!({"object_type": "payment", "event_type": "succeeded", "id": "p", "event_time": time});
    assert_eq!(at("recurly", recurly("2026-11-22T12:00:00Z")).as_deref(), Some("2026-11-22T12:00:00Z"));
    assert_eq!(at("recurly", recurly("yesterday")), None, "what can't be read counts as absent");
}

#[test]
fn what_is_in_base64_is_read_and_a_second_member_is_refused() {
    let inner = r#"{"success":true,"code":"PAYMENT_SUCCESS","data":{"merchantTransactionId":"MT1","transactionId":"T1","amount":10000,"paymentInstrument":{"type":"UPI"}}}"#;
    let body = json!({"response": data_encoding::BASE64.encode(inner.as_bytes())});
    let derived = story("phonepe_v1", std::slice::from_ref(&body));
    assert_eq!((derived.amount_captured, derived.merchant_reference.as_deref()), (Some(10_000), Some("MT1")));
    assert_eq!(
        normalise("phonepe_v1", &[], r#"{"response":"?"}"#).expect_err("no base64").field(),
        "response"
    );
    let twice =
        r#"{"id":"1","type":"payment_approved","data":{"id":"p","amount":1,"amount":2,"currency":"EUR"}}"#;
    assert_eq!(normalise("checkout", &[], twice).expect_err("twice").field(), "data");
}
