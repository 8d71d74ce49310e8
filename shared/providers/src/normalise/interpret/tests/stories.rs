//! A payment of each provider that is captured and partly refunded.

use serde_json::{Value, json};

/// Each captures 10.00 and refunds 4.00.
pub(super) fn refunds() -> Vec<(&'static str, Vec<Value>)> {
    let mut stories = in_minor_units();
    stories.extend(in_major_units());
    stories
}

fn in_minor_units() -> Vec<(&'static str, Vec<Value>)> {
    let square = |kind: &str, name: &str, object: Value| {
        json!({"event_id": format!("{kind}{name}"), "type": kind, "created_at": "2026-11-22T12:00:00Z",
            "data": {"id": "x", "object": {name: object}}})
    };
    let money = |amount: i64| json!({"amount": amount, "currency": "USD"});
    let razorpay = |event: &str, at: i64, refund: Value| {
        json!({"event": event, "created_at": at, "payload": {"refund": {"entity": refund}, "payment": {"entity":
            {"id": "pay_1", "amount": 1000, "currency": "INR", "amount_refunded": 0}}}})
    };
    let paddle = |kind: &str, data: Value| json!({"event_id": kind, "event_type": kind, "data": data});
    let checkout = |kind: &str, action: &str, amount: i64| {
        json!({"id": format!("evt{action}"), "type": kind, "created_on": "2026-11-22T12:00:00Z",
            "data": {"id": "pay_1", "action_id": action, "amount": amount, "currency": "EUR"}})
    };
    let typed =
        |kind: &str, data: Value| json!({"type": kind, "timestamp": "2026-11-22T12:00:00Z", "data": data});
    vec![
        (
            "square",
            vec![
                square(
                    "payment.created",
                    "payment",
                    json!({"id": "p", "status": "APPROVED", "amount_money": money(1000)}),
                ),
                square(
                    "payment.updated",
                    "payment",
                    json!({"id": "p", "status": "COMPLETED", "amount_money": money(900), "total_money": money(1000)}),
                ),
                square(
                    "refund.created",
                    "refund",
                    json!({"id": "r", "payment_id": "p", "status": "PENDING", "amount_money": money(400)}),
                ),
                square(
                    "refund.updated",
                    "refund",
                    json!({"id": "r", "payment_id": "p", "status": "COMPLETED", "amount_money": money(400)}),
                ),
            ],
        ),
        (
            "razorpay",
            vec![
                razorpay("payment.authorized", 1, Value::Null),
                razorpay("payment.captured", 2, Value::Null),
                razorpay("order.paid", 2, Value::Null),
                razorpay(
                    "refund.created",
                    3,
                    json!({"id": "rfnd_1", "payment_id": "pay_1", "amount": 400, "currency": "INR"}),
                ),
                razorpay(
                    "refund.processed",
                    4,
                    json!({"id": "rfnd_1", "payment_id": "pay_1", "amount": 400, "currency": "INR"}),
                ),
            ],
        ),
        (
            "paddle",
            vec![
                paddle(
                    "transaction.paid",
                    json!({"id": "txn", "currency_code": "USD", "details": {"totals": {"grand_total": "1000"}}}),
                ),
                paddle(
                    "transaction.completed",
                    json!({"id": "txn", "currency_code": "USD", "details": {"totals": {"grand_total": "1000"}}}),
                ),
                paddle(
                    "adjustment.updated",
                    json!({"id": "adj", "transaction_id": "txn", "action": "refund", "status": "approved", "currency_code": "USD", "totals": {"total": "400"}}),
                ),
            ],
        ),
        (
            "checkout",
            vec![
                checkout("payment_approved", "act_1", 1000),
                checkout("payment_captured", "act_2", 600),
                checkout("payment_captured", "act_3", 400),
                checkout("payment_refunded", "act_4", 300),
                checkout("payment_refunded", "act_5", 100),
            ],
        ),
        (
            "paystack",
            vec![
                json!({"event": "charge.success", "data": {"id": 1, "reference": "r", "amount": 1000, "currency": "NGN"}}),
                json!({"event": "refund.processed", "data": {"transaction_reference": "r", "refund_reference": "rf", "amount": "400", "currency": "NGN"}}),
            ],
        ),
        (
            "lemonsqueezy",
            vec![
                json!({"meta": {"event_name": "order_created"}, "data": {"id": "1", "attributes": {"status": "paid", "total": 1000, "currency": "USD"}}}),
                json!({"meta": {"event_name": "order_refunded"}, "data": {"id": "1", "attributes": {"status": "partial_refund", "total": 1000, "refunded_amount": 400, "currency": "USD"}}}),
            ],
        ),
        (
            "payu",
            vec![
                json!({"order": {"orderId": "o", "status": "COMPLETED", "totalAmount": "1000", "currencyCode": "PLN"}}),
                json!({"orderId": "o", "refund": {"refundId": "1", "status": "FINALIZED", "amount": "400", "currencyCode": "PLN"}}),
            ],
        ),
        (
            "polar",
            vec![
                typed(
                    "order.paid",
                    json!({"id": "o", "status": "paid", "total_amount": 1000, "currency": "usd"}),
                ),
                typed(
                    "refund.created",
                    json!({"id": "r", "order_id": "o", "status": "succeeded", "amount": 300, "tax_amount": 100, "currency": "usd"}),
                ),
                typed(
                    "order.refunded",
                    json!({"id": "o", "refunded_amount": 300, "refunded_tax_amount": 100, "currency": "usd"}),
                ),
            ],
        ),
        (
            "dodopayments",
            vec![
                typed(
                    "payment.succeeded",
                    json!({"payment_id": "p", "total_amount": 1000, "currency": "USD"}),
                ),
                typed(
                    "refund.succeeded",
                    json!({"payment_id": "p", "refund_id": "r", "amount": 400, "currency": "USD"}),
                ),
            ],
        ),
        (
            "creem",
            vec![
                json!({"id": "e1", "eventType": "checkout.completed", "created_at": 1_795_348_800_000i64, "object": {"id": "ch", "order": {"id": "o", "amount": 1000, "currency": "EUR"}}}),
                json!({"id": "e2", "eventType": "refund.created", "object": {"id": "ref", "status": "succeeded", "refund_amount": 400, "refund_currency": "EUR", "order": {"id": "o"}}}),
            ],
        ),
        (
            "chargebee",
            vec![
                json!({"id": "e1", "event_type": "payment_succeeded", "content": {"transaction": {"id": "t", "amount": 1000, "currency_code": "USD"}}}),
                json!({"id": "e2", "event_type": "payment_refunded", "content": {"transaction": {"id": "t2", "refunded_txn_id": "t", "amount": 400, "currency_code": "USD"}}}),
            ],
        ),
        (
            "worldpay",
            vec![
                json!({"eventId": "1", "eventDetails": {"type": "authorized", "transactionReference": "t", "amount": {"value": 1000, "currencyCode": "GBP"}}}),
                json!({"eventId": "2", "eventDetails": {"type": "sentForSettlement", "transactionReference": "t", "amount": {"value": 1000, "currencyCode": "GBP"}}}),
                json!({"eventId": "3", "eventDetails": {"type": "sentForRefund", "transactionReference": "t", "reference": "r", "amount": {"value": 400, "currencyCode": "GBP"}}}),
            ],
        ),
    ]
}

fn in_major_units() -> Vec<(&'static str, Vec<Value>)> {
    let airwallex = |name: &str, object: Value| json!({"id": name, "name": name, "data": {"object": object}});
    let rapyd = |kind: &str, data: Value| json!({"id": kind, "type": kind, "data": data});
    let midtrans = |status: &str, refunded: Value| {
        json!({"transaction_id": "t", "transaction_status": status, "status_code": "200", "gross_amount": "10.00",
            "currency": "IDR", "transaction_time": "2026-11-22 12:00:00", "refund_amount": refunded})
    };
    vec![
        (
            "airwallex",
            vec![
                airwallex(
                    "payment_intent.requires_capture",
                    json!({"id": "i", "amount": 10.0, "currency": "USD"}),
                ),
                airwallex(
                    "payment_intent.succeeded",
                    json!({"id": "i", "amount": 10.0, "captured_amount": 10, "currency": "USD"}),
                ),
                airwallex(
                    "refund.received",
                    json!({"id": "r", "payment_intent_id": "i", "amount": 4, "currency": "USD"}),
                ),
                airwallex(
                    "refund.settled",
                    json!({"id": "r", "payment_intent_id": "i", "amount": 4, "currency": "USD"}),
                ),
            ],
        ),
        (
            "cashfree",
            vec![
                json!({"type": "PAYMENT_SUCCESS_WEBHOOK", "data": {"order": {"order_id": "o"}, "payment": {"cf_payment_id": 1, "payment_amount": 10.00, "payment_currency": "INR"}}}),
                json!({"type": "REFUND_STATUS_WEBHOOK", "data": {"refund": {"cf_refund_id": 2, "cf_payment_id": 1, "refund_status": "SUCCESS", "refund_amount": 4.0, "refund_currency": "INR"}}}),
            ],
        ),
        (
            "rapyd",
            vec![
                rapyd(
                    "PAYMENT_COMPLETED",
                    json!({"id": "p", "amount": 10, "currency_code": "USD", "status": "CLO"}),
                ),
                rapyd(
                    "REFUND_COMPLETED",
                    json!({"id": "r", "payment": "p", "amount": 4.00, "currency": "USD"}),
                ),
            ],
        ),
        (
            "shopify",
            vec![
                json!({"id": 820982911946154508i64, "financial_status": "paid", "total_price": "10.00", "currency": "USD", "updated_at": "2026-11-22T12:00:00Z"}),
                json!({"id": 1, "order_id": 820982911946154508i64, "created_at": "2026-11-22T12:01:00Z", "transactions": [
                    {"kind": "refund", "status": "success", "amount": "3.00", "currency": "USD"},
                    {"kind": "refund", "status": "success", "amount": "1.00", "currency": "USD"}]}),
                json!({"id": 820982911946154508i64, "financial_status": "partially_refunded", "total_price": "10.00", "currency": "USD", "updated_at": "2026-11-22T12:02:00Z"}),
            ],
        ),
        (
            "midtrans",
            vec![
                midtrans("settlement", Value::Null),
                midtrans("partial_refund", json!("1.00")),
                midtrans("partial_refund", json!("4.00")),
            ],
        ),
        (
            "dlocal",
            vec![
                json!({"id": "D-1", "status": "PAID", "amount": 10.0, "currency": "BRL", "created_date": "2026-11-22T12:00:00.000+0000"}),
                json!({"id": "REF1", "payment_id": "D-1", "status": "SUCCESS", "amount": 4.0, "currency": "BRL"}),
            ],
        ),
        (
            "xendit",
            vec![
                json!({"event": "payment.capture", "data": {"payment_id": "p", "status": "SUCCEEDED", "request_amount": 10, "currency": "IDR"}}),
                json!({"event": "refund.succeeded", "data": {"id": "r", "payment_id": "p", "amount": 4, "currency": "IDR"}}),
            ],
        ),
        (
            "flutterwave_v4",
            vec![
                json!({"webhook_id": "1", "type": "charge.completed", "data": {"id": "c", "status": "succeeded", "amount": 10, "currency": "NGN"}}),
                json!({"webhook_id": "2", "type": "refund.completed", "data": {"id": "r", "charge_id": "c", "status": "succeeded", "amount_refunded": 4, "currency": "NGN"}}),
            ],
        ),
        (
            "nuvei",
            vec![
                json!("TransactionID=1&transactionType=Auth&Status=APPROVED&totalAmount=10.00&currency=USD"),
                json!(
                    "TransactionID=2&relatedTransactionId=1&transactionType=Settle&Status=APPROVED&totalAmount=10.00&currency=USD"
                ),
                json!(
                    "TransactionID=3&relatedTransactionId=1&transactionType=Credit&Status=APPROVED&totalAmount=4.00&currency=USD"
                ),
            ],
        ),
    ]
}
