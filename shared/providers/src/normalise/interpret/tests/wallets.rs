//! Stories of PayPal, Braintree and Paddle Classic: the first by links, the others in XML and forms.

use super::{captured_and_refunded, notify, notify_with, story};
use data_encoding::BASE64;
use domain::{DisputeStatus, EventType, PaymentStatus, RefundStatus};
use serde_json::{Value, json};

const CAPTURED_AND_REFUNDED: (PaymentStatus, Option<i64>, RefundStatus, Option<i64>) =
    (PaymentStatus::Captured, Some(1000), RefundStatus::Partial, Some(400));

fn paypal(number: u8, kind: &str, resource_type: &str, resource: Value) -> Value {
    json!({"id": format!("WH-{number}"), "create_time": format!("2026-11-22T12:00:{number:02}Z"),
        "event_type": kind, "resource_type": resource_type, "resource": resource})
}

fn usd(value: &str) -> Value {
    json!({"currency_code": "USD", "value": value})
}

fn refund(id: &str, status: &str, value: &str) -> Value {
    json!({"id": id, "status": status, "amount": usd(value), "links": [
        {"rel": "self", "href": format!("https://api.paypal.com/v2/payments/refunds/{id}")},
        {"rel": "up", "href": "https://api.paypal.com/v2/payments/captures/C1?x=1"}]})
}

fn dispute(number: u8, kind: &str, more: &Value) -> Value {
    let mut resource = json!({"dispute_id": "PP-D-1", "dispute_amount": usd("10.00"),
        "disputed_transactions": [{"seller_transaction_id": "C1"}]});
    for (name, value) in more.as_object().expect("an object") {
        resource[name] = value.clone();
    }
    paypal(number, kind, "dispute", resource)
}

fn captured() -> Value {
    paypal(
        2,
        "PAYMENT.CAPTURE.COMPLETED",
        "capture",
        json!({"id": "C1", "status": "COMPLETED", "amount": usd("10.00")}),
    )
}

#[test]
fn paypals_refunds_meet_the_capture_that_they_link_to() {
    let derived = story(
        "paypal",
        &[
            paypal(1, "PAYMENT.CAPTURE.PENDING", "capture", json!({"id": "C1", "amount": usd("10.00")})),
            captured(),
            paypal(
                3,
                "CHECKOUT.ORDER.COMPLETED",
                "checkout-order",
                json!({"id": "O1", "purchase_units": [
                {"payments": {"captures": [{"id": "C1", "status": "COMPLETED", "amount": usd("10.00")}]}}]}),
            ),
            paypal(4, "PAYMENT.CAPTURE.REFUNDED", "refund", refund("R1", "PENDING", "4.00")),
            paypal(5, "PAYMENT.CAPTURE.REFUNDED", "refund", refund("R1", "COMPLETED", "4.00")),
        ],
    );
    assert_eq!(captured_and_refunded(&derived), CAPTURED_AND_REFUNDED);
    assert_eq!(derived.amount_requested, Some(1000));
}

#[test]
fn paypals_refunds_of_before_meet_the_sale_that_they_name() {
    let v1 = |total: &str| json!({"total": total, "currency": "USD"});
    let derived = story(
        "paypal",
        &[
            paypal(
                1,
                "PAYMENT.SALE.COMPLETED",
                "sale",
                json!({"id": "S1", "state": "completed", "amount": v1("10.00")}),
            ),
            paypal(
                2,
                "PAYMENT.SALE.REFUNDED",
                "refund",
                json!({"id": "R1", "state": "completed", "sale_id": "S1", "amount": v1("-4.00")}),
            ),
        ],
    );
    assert_eq!(captured_and_refunded(&derived), CAPTURED_AND_REFUNDED);
}

#[test]
fn a_lost_dispute_at_paypal_takes_the_money_once() {
    let opened = dispute(3, "CUSTOMER.DISPUTE.CREATED", &json!({"dispute_life_cycle_stage": "INQUIRY"}));
    assert_eq!(story("paypal", &[captured(), opened.clone()]).dispute_status, DisputeStatus::Warning);
    let claimed = dispute(4, "CUSTOMER.DISPUTE.UPDATED", &json!({"dispute_life_cycle_stage": "CHARGEBACK"}));
    assert_eq!(
        story("paypal", &[captured(), opened.clone(), claimed.clone()]).dispute_status,
        DisputeStatus::Open
    );
    let resolved = |code: &str| {
        dispute(5, "CUSTOMER.DISPUTE.RESOLVED", &json!({"dispute_outcome": {"outcome_code": code}}))
    };
    let won = story("paypal", &[captured(), opened.clone(), resolved("RESOLVED_SELLER_FAVOUR")]);
    assert_eq!((won.dispute_status, won.net_amount), (DisputeStatus::Won, Some(1000)));
    let reversed = paypal(6, "PAYMENT.CAPTURE.REVERSED", "refund", refund("X1", "COMPLETED", "10.00"));
    let lost = story("paypal", &[captured(), opened, claimed, resolved("RESOLVED_BUYER_FAVOUR"), reversed]);
    assert_eq!((lost.dispute_status, lost.refund_status), (DisputeStatus::Lost, RefundStatus::Full));
    assert_eq!((lost.amount_disputed, lost.net_amount), (Some(0), Some(0)));
}

#[test]
fn paypals_authorisation_is_a_payment_until_it_is_voided() {
    let authorization = json!({"id": "A1", "amount": usd("10.00"), "invoice_id": "inv-1"});
    let created = paypal(1, "PAYMENT.AUTHORIZATION.CREATED", "authorization", authorization.clone());
    let derived = story("paypal", std::slice::from_ref(&created));
    assert_eq!((derived.status, derived.amount_authorized), (PaymentStatus::Authorized, Some(1000)));
    assert_eq!(derived.merchant_reference.as_deref(), Some("inv-1"));
    let voided = paypal(2, "PAYMENT.AUTHORIZATION.VOIDED", "authorization", authorization);
    assert_eq!(story("paypal", &[created, voided]).status, PaymentStatus::Canceled);
}

#[test]
fn a_refund_of_paypals_whose_state_is_new_to_us_books_nothing() {
    for (resource_type, resource) in [
        ("refund", refund("R1", "PARTLY", "4.00")),
        ("refund", json!({"id": "R1", "status": "COMPLETED", "amount": usd("4.00")})),
        (
            "refund",
            json!({"id": "R1", "amount": usd("4.00"), "links": [{"rel": "up", "href": "https://x/"}, 1, {}]}),
        ),
    ] {
        let said = notify("paypal", &paypal(1, "PAYMENT.CAPTURE.REFUNDED", resource_type, resource));
        assert!(said.facts.is_empty(), "{said:?}");
    }
}

fn braintree(kind: &str, subject: &str) -> Value {
    let xml = format!(
        "<notification><timestamp type=\"datetime\">2026-11-22T12:00:00Z</timestamp><kind>{kind}</kind><subject>{subject}</subject></notification>"
    );
    let payload = BASE64.encode(xml.as_bytes());
    // As it is sent: in lines of 60.
    let lines: Vec<&str> =
        payload.as_bytes().chunks(60).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    let payload = lines.join("%0A").replace('+', "%2B");
    Value::String(format!("bt_signature=k%7Cab&bt_payload={payload}%0A"))
}

#[test]
fn braintrees_refund_names_the_transaction_that_it_gives_back() {
    let transaction = |id: &str, amount: &str, more: &str| {
        format!(
            "<transaction><id>{id}</id><amount>{amount}</amount><currency-iso-code>USD</currency-iso-code>{more}</transaction>"
        )
    };
    let of = "<refunded-transaction-id>t</refunded-transaction-id>";
    let derived = story(
        "braintree",
        &[
            braintree("transaction_settled", &transaction("t", "10.00", "<order-id>o</order-id>")),
            braintree("transaction_disbursed", &transaction("t", "10", "")),
            braintree("transaction_disbursed", &transaction("r", "4.00", of)),
        ],
    );
    assert_eq!(captured_and_refunded(&derived), CAPTURED_AND_REFUNDED);
    assert_eq!(derived.merchant_reference.as_deref(), Some("o"));
}

#[test]
fn braintrees_chargeback_takes_the_money_until_it_is_won() {
    let dispute = |kind: &str| {
        braintree(
            kind,
            "<dispute><id>d</id><amount-disputed>10.00</amount-disputed><currency-iso-code>USD</currency-iso-code>\
            <kind>chargeback</kind><transaction><id>t</id></transaction></dispute>",
        )
    };
    let opened = story("braintree", &[dispute("dispute_opened")]);
    assert_eq!((opened.dispute_status, opened.amount_disputed), (DisputeStatus::Open, Some(1000)));
    let won = story("braintree", &[dispute("dispute_opened"), dispute("dispute_won")]);
    assert_eq!((won.dispute_status, won.amount_disputed), (DisputeStatus::Won, Some(0)));
}

#[test]
fn braintrees_currency_is_a_setting_where_it_is_not_said() {
    let body =
        braintree("transaction_disbursed", "<transaction><id>t</id><amount>100</amount></transaction>");
    let unnamed = notify("braintree", &body);
    assert_eq!((unnamed.amount, unnamed.currency), (None, None));
    let named = notify_with("braintree", &[("currency", "JPY")], &body).remove(0);
    assert_eq!(
        (named.amount, named.currency.map(|currency| currency.as_str().to_owned())),
        (Some(100), Some("JPY".into()))
    );
}

#[test]
fn paddle_classics_alerts_of_an_order_are_one_payment() {
    let alert = |id: u8, name: &str, more: &str| {
        Value::String(format!(
            "alert_id={id}&alert_name={name}&event_time=2026-11-22+12%3A00%3A0{id}&order_id=9-1&currency=EUR&{more}"
        ))
    };
    let paid = alert(1, "payment_succeeded", "sale_gross=10.00");
    let refunded = alert(2, "payment_refunded", "gross_refund=4.00");
    let derived = story("paddle_classic", &[paid.clone(), refunded]);
    assert_eq!(captured_and_refunded(&derived), CAPTURED_AND_REFUNDED);
    let disputed = alert(3, "payment_dispute_created", "amount=10.00");
    let lost = story("paddle_classic", &[paid.clone(), disputed.clone()]);
    assert_eq!((lost.dispute_status, lost.amount_disputed), (DisputeStatus::Open, Some(1000)));
    let won = story("paddle_classic", &[paid, disputed, alert(4, "payment_dispute_closed", "amount=10.00")]);
    assert_eq!((won.dispute_status, won.amount_disputed), (DisputeStatus::Won, Some(0)));
}

#[test]
fn braintrees_check_of_the_address_is_a_test() {
    assert_eq!(
        notify("braintree", &braintree("check", "<check>true</check>")).event_type,
        EventType::SourceTest
    );
}
