//! What the documents of the providers from M to Z tell, step by step. Those of the second half of the alphabet
//! alone: one file of them would be too long to read.

use super::{notify, story};
use crate::normalise::tests::fold;
use domain::{DisputeStatus, EventType, Integrity, PaymentStatus, RefundStatus};
use serde_json::{Value, json};

fn mollie(kind: &str, second: u8, id: &str, entity: &Value) -> Value {
    json!({"resource": "event", "id": format!("event_{second}"), "type": kind, "entityId": id,
        "createdAt": format!("2026-11-22T12:00:{second:02}+00:00"), "_embedded": {"entity": entity}})
}

fn euros(value: &str) -> Value {
    json!({"currency": "EUR", "value": value})
}

#[test]
fn mollies_captures_add_up_and_the_payments_own_total_does_not_count_them_again() {
    let payment = |captured: Option<&str>| json!({"id": "tr_1", "amount": euros("10.00"), "amountCaptured": captured.map(euros), "metadata": {"order_id": "o-1"}});
    let capture = |id: &str, second: u8, value: &str| {
        mollie(
            "capture.succeeded",
            second,
            id,
            &json!({"id": id, "paymentId": "tr_1", "amount": euros(value)}),
        )
    };
    let authorized = mollie("payment.authorized", 1, "tr_1", &payment(None));
    let steps = [
        authorized.clone(),
        capture("cpt_1", 2, "6.00"),
        capture("cpt_2", 3, "2.00"),
        mollie("payment.paid", 4, "tr_1", &payment(Some("8.00"))),
    ];
    let derived = story("mollie_nextgen", &steps);
    assert_eq!(
        (derived.status, derived.amount_authorized, derived.amount_captured),
        (PaymentStatus::PartiallyCaptured, Some(1000), Some(800))
    );
    assert_eq!(derived.merchant_reference.as_deref(), Some("o-1"));
    // A source that takes the payment's events alone learns the same sum.
    let alone = story("mollie_nextgen", &[authorized, steps[3].clone()]);
    assert_eq!(alone.amount_captured, Some(800));
    // A payment that is not captured in steps was captured whole.
    let whole = story("mollie_nextgen", &[mollie("payment.paid", 1, "tr_1", &payment(None))]);
    assert_eq!((whole.status, whole.amount_captured), (PaymentStatus::Captured, Some(1000)));
}

#[test]
fn mollies_refund_that_comes_back_and_a_chargeback_that_is_reversed_leave_the_money() {
    let of_payment = |kind: &str, second: u8, id: &str, value: &str| {
        mollie(kind, second, id, &json!({"id": id, "paymentId": "tr_1", "amount": euros(value)}))
    };
    let paid = mollie("payment.paid", 1, "tr_1", &json!({"id": "tr_1", "amount": euros("10.00")}));
    let refunded = of_payment("refund.refunded", 2, "re_1", "4.00");
    let derived = story("mollie_nextgen", &[paid.clone(), refunded.clone()]);
    assert_eq!((derived.refund_status, derived.net_amount), (RefundStatus::Partial, Some(600)));
    let failed =
        story("mollie_nextgen", &[paid.clone(), refunded, of_payment("refund.failed", 3, "re_1", "4.00")]);
    assert_eq!((failed.refund_status, failed.net_amount), (RefundStatus::None, Some(1000)));

    let received = of_payment("chargeback.received", 2, "chb_1", "10.00");
    let lost = story("mollie_nextgen", &[paid.clone(), received.clone()]);
    assert_eq!((lost.dispute_status, lost.net_amount), (DisputeStatus::Open, Some(0)));
    let back =
        story("mollie_nextgen", &[paid, received, of_payment("chargeback.reversed", 3, "chb_1", "10.00")]);
    assert_eq!((back.dispute_status, back.net_amount), (DisputeStatus::Won, Some(1000)));
}

#[test]
fn modern_treasurys_return_takes_back_what_was_completed() {
    let order = |event: &str, minute: u8| {
        json!({"event": event, "data": {"id": "po", "object": "payment_order", "amount": 1000, "currency": "USD",
            "updated_at": format!("2026-11-22T12:{minute:02}:00Z")}})
    };
    let sent = [order("created", 0), order("begin_processing", 1), order("acknowledged", 2)];
    assert_eq!(story("modern_treasury", &sent).status, PaymentStatus::Processing);
    let completed = story("modern_treasury", &[sent[0].clone(), order("completed", 3)]);
    assert_eq!((completed.status, completed.amount_captured), (PaymentStatus::Captured, Some(1000)));
    let returned = story("modern_treasury", &[sent[0].clone(), order("completed", 3), order("returned", 4)]);
    assert_eq!((returned.amount_captured, returned.net_amount), (Some(0), Some(0)));
}

fn paddle(kind: &str, second: u8, action: &str, status: &str) -> Value {
    json!({"event_id": format!("evt_{second}"), "event_type": kind, "occurred_at": format!("2026-11-22T12:00:{second:02}Z"),
        "data": {"id": "adj", "transaction_id": "txn", "action": action, "status": status, "currency_code": "USD", "totals": {"total": "1000"}}})
}

#[test]
fn paddles_chargeback_is_undone_by_another_adjustment_or_by_its_own_status() {
    let opened = paddle("adjustment.created", 1, "chargeback", "approved");
    for undone in [
        paddle("adjustment.created", 2, "chargeback_reverse", "approved"),
        paddle("adjustment.updated", 2, "chargeback", "reversed"),
    ] {
        let derived = story("paddle", &[opened.clone(), undone]);
        assert_eq!((derived.dispute_status, derived.amount_disputed), (DisputeStatus::Won, Some(0)));
    }
    let warned = paddle("adjustment.created", 1, "chargeback_warning", "approved");
    let withdrawn = paddle("adjustment.created", 2, "chargeback_warning_reverse", "approved");
    assert_eq!(story("paddle", std::slice::from_ref(&warned)).dispute_status, DisputeStatus::Warning);
    assert_eq!(story("paddle", &[warned, withdrawn]).dispute_status, DisputeStatus::Won);
}

#[test]
fn paddles_credit_moves_no_money() {
    let credit = notify("paddle", &paddle("adjustment.created", 1, "credit", "approved"));
    assert_eq!((credit.event_type, credit.facts.len()), (EventType::ProviderOther, 0));
    assert_eq!(credit.provider_payment_id.as_deref(), Some("txn"));
}

#[test]
fn paystacks_refund_without_a_reference_never_stays_in_flight() {
    let refund = |event: &str, reference: Value| json!({"event": event, "data": {"transaction_reference": "r", "refund_reference": reference, "amount": "400", "currency": "NGN"}});
    let waiting = notify("paystack", &refund("refund.pending", Value::Null));
    assert_eq!((waiting.event_type, waiting.facts.len()), (EventType::RefundPending, 0));
    assert_eq!(waiting.provider_payment_id.as_deref(), Some("r"));
    let paid = json!({"event": "charge.success", "data": {"id": 1, "reference": "r", "amount": 1000, "currency": "NGN"}});
    let notifications =
        [notify("paystack", &paid), waiting, notify("paystack", &refund("refund.processed", json!("1320")))];
    let derived = fold(&notifications);
    assert_eq!((derived.amount_refunded, derived.amount_refund_pending), (Some(400), Some(0)));
}

#[test]
fn paystacks_dispute_that_nobody_answers_is_lost_and_each_reminder_is_one_of_its_own() {
    let dispute = |event: &str, resolution: Value, hour: u8| {
        json!({"event": event, "data": {"id": 7, "refund_amount": 500, "currency": "NGN", "resolution": resolution,
            "transaction": {"reference": "r"}, "created_at": "2026-11-22T12:00:00.000Z", "updated_at": format!("2026-11-22T{hour}:00:00.000Z")}})
    };
    let reminder = |hour| dispute("charge.dispute.remind", Value::Null, hour);
    let keys = [notify("paystack", &reminder(13)).dedupe_key, notify("paystack", &reminder(14)).dedupe_key];
    assert_ne!(keys[0], keys[1]);
    assert_eq!(keys[0], notify("paystack", &reminder(13)).dedupe_key);
    let derived = story(
        "paystack",
        &[
            dispute("charge.dispute.create", Value::Null, 12),
            reminder(13),
            dispute("charge.dispute.resolve", json!("auto-accepted"), 18),
        ],
    );
    assert_eq!((derived.dispute_status, derived.amount_disputed), (DisputeStatus::Lost, Some(500)));
}

#[test]
fn phonepe_is_understood_in_its_older_spelling_too() {
    let order = json!({"type": "PG_ORDER_COMPLETED", "payload": {"orderId": "OMO", "merchantOrderId": "m", "amount": 1000, "state": "COMPLETED"}});
    assert_eq!(story("phonepe", &[order]).status, PaymentStatus::Captured);
    // The merchant's id of a refund is the one that all its notifications have.
    let refund = |event: &str, id: Value| json!({"event": event, "payload": {"merchantRefundId": "mr", "refundId": id, "amount": 400, "state": "COMPLETED"}});
    let accepted = notify("phonepe", &refund("pg.refund.accepted", Value::Null));
    let completed = notify("phonepe", &refund("pg.refund.completed", json!("OMR")));
    assert_eq!(accepted.object_id, completed.object_id);
    assert_eq!((completed.event_type, completed.facts.len()), (EventType::RefundSucceeded, 0));
}

#[test]
fn polars_order_that_is_void_is_canceled() {
    let order = |kind: &str, status: &str, second: u8| {
        json!({"type": kind, "timestamp": format!("2026-11-22T12:00:{second:02}Z"),
            "data": {"id": "o", "status": status, "total_amount": 1000, "currency": "usd"}})
    };
    let derived = story("polar", &[order("order.created", "pending", 1), order("order.updated", "void", 2)]);
    assert_eq!(derived.status, PaymentStatus::Canceled);
}

fn rapyd(kind: &str, at: i64, data: &Value) -> Value {
    json!({"id": format!("wh_{kind}"), "type": kind, "created_at": at, "data": data})
}

#[test]
fn rapyds_amount_is_what_was_paid_and_a_refunds_time_of_zero_is_none() {
    let payment = |amount: f64, status: &str| json!({"id": "payment_1", "amount": amount, "original_amount": 10, "currency_code": "USD", "status": status});
    let authorized = rapyd("PAYMENT_SUCCEEDED", 1_795_348_800, &payment(0.0, "ACT"));
    let derived = story("rapyd", std::slice::from_ref(&authorized));
    assert_eq!((derived.status, derived.amount_authorized), (PaymentStatus::Authorized, Some(1000)));

    let captured = rapyd("PAYMENT_CAPTURED", 1_795_348_801, &payment(6.0, "CLO"));
    let refund = rapyd(
        "REFUND_COMPLETED",
        0,
        &json!({"id": "refund_1", "payment": "payment_1", "amount": 4.00, "currency": "USD"}),
    );
    assert_eq!(notify("rapyd", &refund).occurred_at, None, "not 1970");
    let derived = story("rapyd", &[authorized, captured, refund]);
    assert_eq!(
        (derived.amount_requested, derived.amount_captured, derived.amount_refunded),
        (Some(1000), Some(600), Some(400))
    );

    let failed = rapyd(
        "PAYMENT_FAILED",
        1_795_348_800,
        &json!({"id": "payment_1", "amount": 0.0, "currency_code": "USD", "status": "ERR"}),
    );
    let derived = story("rapyd", &[failed]);
    assert_eq!((derived.status, derived.amount_requested), (PaymentStatus::Failed, None));
}

#[test]
fn rapyds_reversal_takes_back_what_was_captured_and_lets_go_of_what_was_not() {
    let payment = |captured: bool| json!({"id": "p", "amount": 10, "original_amount": 10, "currency_code": "USD", "captured": captured, "status": "CLO"});
    let completed = rapyd("PAYMENT_COMPLETED", 1_795_348_800, &payment(true));
    let reversed = rapyd("PAYMENT_REVERSED", 1_795_348_801, &payment(true));
    let derived = story("rapyd", &[completed, reversed]);
    assert_eq!((derived.amount_captured, derived.net_amount), (Some(0), Some(0)));
    let never = story("rapyd", &[rapyd("PAYMENT_REVERSED", 1_795_348_801, &payment(false))]);
    assert_eq!(never.status, PaymentStatus::Canceled);
}

#[test]
fn rapyds_dispute_begins_with_a_warning_and_goes_by_one_id() {
    let dispute = |kind: &str, at: i64, status: &str, before: bool| {
        rapyd(
            kind,
            at,
            &json!({"id": "c82f", "token": "dispute_1", "original_transaction_id": "payment_1", "amount": 10,
            "currency": "USD", "status": status, "pre_dispute": before}),
        )
    };
    let warned = dispute("PAYMENT_DISPUTE_CREATED", 1_795_348_800, "ACT", true);
    assert_eq!(story("rapyd", std::slice::from_ref(&warned)).dispute_status, DisputeStatus::Warning);
    let lost = story("rapyd", &[warned, dispute("PAYMENT_DISPUTE_UPDATED", 1_795_348_801, "LOS", true)]);
    assert_eq!((lost.dispute_status, lost.amount_disputed), (DisputeStatus::Lost, Some(1000)));
    let opened = dispute("PAYMENT_DISPUTE_CREATED", 1_795_348_800, "ACT", false);
    let charged = story("rapyd", std::slice::from_ref(&opened));
    assert_eq!((charged.dispute_status, charged.amount_disputed), (DisputeStatus::Open, Some(1000)));
    let won = story("rapyd", &[opened, dispute("PAYMENT_DISPUTE_UPDATED", 1_795_348_801, "WIN", false)]);
    assert_eq!((won.dispute_status, won.amount_disputed), (DisputeStatus::Won, Some(0)));
}

fn razorpay(event: &str, at: i64, entities: &[(&str, Value)]) -> Value {
    let payload: serde_json::Map<String, Value> =
        entities.iter().map(|(name, entity)| ((*name).to_owned(), json!({"entity": entity}))).collect();
    json!({"event": event, "created_at": at, "payload": payload})
}

#[test]
fn razorpays_refund_of_what_was_never_captured_is_a_void() {
    let payment = |status: &str, captured: bool| json!({"id": "pay_1", "amount": 1000, "currency": "INR", "status": status, "captured": captured});
    let refund = json!({"id": "rfnd_1", "payment_id": "pay_1", "amount": 1000, "currency": "INR", "status": "processed"});
    let authorized = razorpay("payment.authorized", 1, &[("payment", payment("authorized", false))]);
    let given_back = razorpay(
        "refund.processed",
        2,
        &[("refund", refund.clone()), ("payment", payment("refunded", false))],
    );
    let derived = story("razorpay", &[authorized.clone(), given_back]);
    assert_eq!(
        (derived.status, derived.amount_voided, derived.amount_refunded),
        (PaymentStatus::Canceled, Some(1000), Some(0))
    );
    let captured = razorpay("payment.captured", 2, &[("payment", payment("captured", true))]);
    let refunded =
        razorpay("refund.processed", 3, &[("refund", refund), ("payment", payment("refunded", true))]);
    let derived = story("razorpay", &[authorized, captured, refunded]);
    assert_eq!((derived.refund_status, derived.amount_voided), (RefundStatus::Full, Some(0)));
}

#[test]
fn razorpays_inquiry_is_a_warning_and_harmless_once_closed() {
    let dispute = |event: &str, at: i64, phase: &str| {
        razorpay(
            event,
            at,
            &[(
                "dispute",
                json!({"id": "disp_1", "payment_id": "pay_1", "amount": 1000, "currency": "INR", "phase": phase}),
            )],
        )
    };
    let asked = dispute("payment.dispute.created", 1, "retrieval");
    assert_eq!(story("razorpay", std::slice::from_ref(&asked)).dispute_status, DisputeStatus::Warning);
    let closed = story("razorpay", &[asked, dispute("payment.dispute.closed", 2, "retrieval")]);
    assert_eq!((closed.dispute_status, closed.amount_disputed), (DisputeStatus::Won, Some(0)));
    let opened = dispute("payment.dispute.created", 1, "chargeback");
    let lost = story("razorpay", &[opened, dispute("payment.dispute.lost", 2, "chargeback")]);
    assert_eq!((lost.dispute_status, lost.amount_disputed), (DisputeStatus::Lost, Some(1000)));
}

#[test]
fn squares_dispute_takes_money_only_when_it_is_lost() {
    let dispute = |state: &str, second: u8| {
        json!({"event_id": state, "type": "dispute.state.updated", "created_at": format!("2026-11-22T12:00:{second:02}Z"),
            "data": {"id": "d", "object": {"dispute": {"id": "d", "state": state, "amount_money": {"amount": 8801, "currency": "USD"},
                "disputed_payment": {"payment_id": "p"}}}}})
    };
    let opened = story("square", &[dispute("EVIDENCE_REQUIRED", 1), dispute("PROCESSING", 2)]);
    assert_eq!((opened.dispute_status, opened.amount_disputed), (DisputeStatus::Open, Some(0)));
    let lost = story("square", &[dispute("EVIDENCE_REQUIRED", 1), dispute("LOST", 2)]);
    assert_eq!((lost.dispute_status, lost.amount_disputed), (DisputeStatus::Lost, Some(8801)));
    let closed = story("square", &[dispute("INQUIRY_PROCESSING", 1), dispute("INQUIRY_CLOSED", 2)]);
    assert_eq!((closed.dispute_status, closed.amount_disputed), (DisputeStatus::Won, Some(0)));
}

fn worldpay(kind: &str, second: u8, amount: i64, reference: Option<&str>) -> Value {
    let mut body = json!({"eventId": format!("{kind}{second}"), "eventTimestamp": format!("2018-06-13T14:18:{second:02}.407"),
        "eventDetails": {"classification": "payment", "transactionReference": "t", "type": kind, "amount": {"value": amount, "currencyCode": "EUR"}}});
    if let Some(reference) = reference {
        body["eventDetails"]["reference"] = json!(reference);
    }
    body
}

#[test]
fn worldpays_confirmations_count_nothing_twice() {
    let bodies = [
        worldpay("authorized", 1, 1000, None),
        worldpay("sentForSettlement", 2, 600, Some("s1")),
        worldpay("sentForSettlement", 3, 400, Some("s2")),
        worldpay("settled", 4, 600, None),
        worldpay("settled", 5, 400, Some("s2")),
        worldpay("sentForRefund", 6, 300, Some("r1")),
        worldpay("refunded", 7, 300, None),
    ];
    let notifications: Vec<_> = bodies.iter().map(|body| notify("worldpay", body)).collect();
    assert!(notifications.iter().all(|told| told.occurred_at.is_some()), "times without a zone are read");
    let derived = fold(&notifications);
    assert_eq!(
        (derived.status, derived.amount_captured, derived.amount_refunded, derived.integrity),
        (PaymentStatus::Captured, Some(1000), Some(300), Integrity::Ok)
    );
    let failed = story(
        "worldpay",
        &[bodies[0].clone(), bodies[5].clone(), worldpay("refundFailed", 8, 300, Some("r1"))],
    );
    assert_eq!((failed.refund_status, failed.amount_refunded), (RefundStatus::None, Some(0)));
}

#[test]
fn xendits_capture_is_what_was_captured_of_what_was_asked() {
    let payment = |event: &str, second: u8, captures: Value| {
        json!({"event": event, "created": format!("2026-11-22T12:00:{second:02}Z"), "data": {"payment_id": "py", "status": "SUCCEEDED",
            "capture_method": "MANUAL", "request_amount": 100.5, "currency": "PHP", "captures": captures}})
    };
    let derived = story(
        "xendit",
        &[
            payment("payment.authorization", 1, Value::Null),
            payment("payment.capture", 2, json!([{"capture_amount": 40}])),
            payment("payment.capture", 3, json!([{"capture_amount": 40}, {"capture_amount": 20.25}])),
        ],
    );
    assert_eq!(
        (derived.status, derived.amount_authorized, derived.amount_captured),
        (PaymentStatus::PartiallyCaptured, Some(10050), Some(6025))
    );
    let expired = story(
        "xendit",
        &[payment("payment.authorization", 1, Value::Null), payment("payment.expiry", 2, Value::Null)],
    );
    assert_eq!(expired.status, PaymentStatus::Expired);
}

#[test]
fn xendits_refund_of_an_invoice_meets_the_invoice() {
    let invoice = json!({"id": "inv", "external_id": "e", "status": "PAID", "amount": 10, "paid_amount": 10, "currency": "IDR"});
    let refund = json!({"event": "refund.succeeded", "data": {"id": "rfd", "payment_id": "ewc_1", "invoice_id": "inv", "amount": 4, "currency": "IDR"}});
    let derived = story("xendit", &[invoice, refund]);
    assert_eq!((derived.amount_captured, derived.amount_refunded), (Some(1000), Some(400)));
    // A callback of a product that we do not know is recorded, and says nothing.
    let unknown =
        notify("xendit", &json!({"callback_virtual_account_id": "va", "amount": 10, "payment_id": "x"}));
    assert_eq!((unknown.event_type, unknown.facts.len()), (EventType::ProviderOther, 0));
}
