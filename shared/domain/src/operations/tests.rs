use super::*;
use crate::{EventType, Fact, Notification, PaymentId, SourceId, Transition};

fn notification(number: i64) -> Notification {
    let refund = Fact::Operation {
        kind: OperationKind::Refund,
        id: format!("re_{}", (number * 7919) % 1000),
        state: OperationState::Succeeded,
        amount: Some(number),
        cause: None,
    };
    Notification {
        dedupe_key: number.to_string(),
        provider_event_id: None,
        provider_type: "refund".to_owned(),
        event_type: EventType::RefundSucceeded,
        occurred_at: Timestamp::from_second(1_700_000_000 + number).ok(),
        version: None,
        provider_payment_id: Some("p".to_owned()),
        object_id: None,
        amount: Some(number),
        currency: "EUR".parse().ok(),
        exponent: None,
        facts: vec![refund],
    }
}

fn ledger(refunds: i64) -> Ledger {
    let source = SourceId::mint([1; 16]);
    let payment = PaymentId::derive(&source, "p");
    let mut ledger = Ledger::default();
    for number in 1..=refunds {
        let said = notification(number);
        ledger.apply(&EventId::derive(&source, Some(&payment), &said.dedupe_key), &said);
    }
    ledger
}

#[test]
fn a_snapshot_shows_the_newest_operations_and_counts_all() {
    let few = ledger(3).snapshot();
    assert_eq!((few.operations.len(), few.operations_count), (3, 3));
    let many = ledger(250).snapshot();
    let amounts: Vec<i64> = many.operations.iter().filter_map(|operation| operation.amount).collect();
    assert_eq!(amounts, (151..=250).collect::<Vec<_>>());
    assert_eq!((many.operations_count, many.derived.amount_refunded), (250, Some(250 * 251 / 2)));
    assert_eq!(operations(&ledger(250))[150..], many.operations);
}

#[test]
fn versions_put_operations_in_order_where_there_are_no_times() {
    let source = SourceId::mint([1; 16]);
    let mut ledger = Ledger::default();
    for number in [3, 1, 2] {
        let said = Notification { occurred_at: None, version: Some(number), ..notification(number) };
        ledger.apply(&EventId::derive(&source, None, &said.dedupe_key), &said);
    }
    let shown = ledger.snapshot().operations;
    assert_eq!(shown.iter().map(|shown| shown.amount).collect::<Vec<_>>(), [Some(1), Some(2), Some(3)]);
    assert_eq!(shown[0].occurred_at, None);
}

#[test]
fn an_event_that_was_recorded_with_its_whole_ledger_is_still_read() {
    let (ledger, empty) = (ledger(120), Ledger::default());
    for ledger in [ledger, empty] {
        let after = ledger.snapshot();
        let recorded = serde_json::json!({
            "effect": "applied", "state_version": 7, "after": ledger,
            "created_at": "2026-11-22T12:00:00.123Z", "updated_at": "2026-11-22T12:00:00.123Z",
        });
        let read: Transition = serde_json::from_value(recorded).expect("is read");
        assert_eq!(read.after, after);
        let written: Transition =
            serde_json::from_str(&serde_json::to_string(&read).expect("is written")).expect("is read");
        assert_eq!(written, read);
    }
}
