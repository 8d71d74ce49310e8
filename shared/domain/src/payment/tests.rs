use crate::{
    Arrival, Effect, EventId, EventType, Fact, IgnoredReason, Integrity, Notification, OperationKind,
    OperationState, Payment, PaymentId, SourceId, ToldOtherwise, VerifiedBy,
};
use jiff::Timestamp;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("in range")
}

fn notification(key: &str, kind: OperationKind, amount: i64) -> Notification {
    let operation = Fact::Operation {
        kind,
        id: "op".to_owned(),
        state: OperationState::Succeeded,
        amount: Some(amount),
        cause: None,
    };
    Notification {
        dedupe_key: key.to_owned(),
        provider_event_id: None,
        provider_type: key.to_owned(),
        event_type: EventType::PaymentCaptured,
        occurred_at: Some(at(0)),
        version: None,
        provider_payment_id: Some("p".to_owned()),
        object_id: None,
        amount: Some(amount),
        currency: "EUR".parse().ok(),
        exponent: None,
        facts: vec![operation],
    }
}

fn event(key: &str) -> EventId {
    let source = SourceId::mint([1; 16]);
    EventId::derive(&source, Some(&PaymentId::derive(&source, "p")), key)
}

fn arrival(verified_by: VerifiedBy, second: i64) -> Arrival {
    Arrival { received_at: at(second), verified_by, confirmed_at: None, secret: None }
}

fn payment() -> Payment {
    Payment::new(SourceId::mint([1; 16]), "test".to_owned(), "p".to_owned(), event("a"), at(0))
}

#[test]
fn a_repeat_before_its_event_is_committed_gives_the_recorded_transition() {
    let mut payment = payment();
    let authorize = notification("a", OperationKind::Authorization, 1000);
    let capture = notification("b", OperationKind::Capture, 400);
    let first =
        payment.record(&event("a"), &event("a"), &authorize, &arrival(VerifiedBy::Signature, 1)).transition;
    let second =
        payment.record(&event("b"), &event("b"), &capture, &arrival(VerifiedBy::Signature, 2)).transition;
    assert_eq!((first.effect, first.state_version, first.opens), (Effect::Applied, 1, true));
    assert_eq!((second.effect, second.state_version), (Effect::Applied, 2));
    assert_eq!(second.previous.get("amount_captured"), Some(&0.into()));
    let written = payment.clone();
    assert_eq!(
        payment.record(&event("a"), &event("a"), &authorize, &arrival(VerifiedBy::Signature, 3)).transition,
        first
    );
    assert_eq!(payment, written);
    // Once committed the entry goes, and a repeat has nothing new to say.
    payment.outbox.clear();
    let again =
        payment.record(&event("a"), &event("a"), &authorize, &arrival(VerifiedBy::Signature, 4)).transition;
    assert_eq!((again.effect, again.reason), (Effect::Ignored, Some(IgnoredReason::NothingNew)));
    assert_eq!(payment.state_version, 2);
}

#[test]
fn a_capture_that_leaves_money_open_is_a_partial_one() {
    let mut payment = payment();
    let authorize = notification("a", OperationKind::Authorization, 1000);
    payment.record(&event("a"), &event("a"), &authorize, &arrival(VerifiedBy::Signature, 1));
    let capture = notification("b", OperationKind::Capture, 400);
    let transition =
        payment.record(&event("b"), &event("b"), &capture, &arrival(VerifiedBy::Signature, 2)).transition;
    assert_eq!(transition.event_type(EventType::PaymentCaptured), EventType::PaymentPartiallyCaptured);
    assert_eq!(transition.event_type(EventType::RefundFailed), EventType::RefundFailed);
}

#[test]
fn the_same_event_with_other_content_raises_a_conflict_once() {
    let mut payment = payment();
    let authorize = notification("a", OperationKind::Authorization, 1000);
    payment.record(&event("a"), &event("a"), &authorize, &arrival(VerifiedBy::Signature, 1));
    let other = notification("a", OperationKind::Authorization, 900);
    let id = event("a").derive_conflicting(&other.digest());
    let transition = payment.record(&id, &event("a"), &other, &arrival(VerifiedBy::Signature, 2)).transition;
    assert_eq!(transition.after.derived.integrity, Integrity::Conflicted);
    assert_eq!(transition.raised(), [EventType::PaymentConflicted]);
    let third = notification("c", OperationKind::Capture, 100);
    assert_eq!(
        payment
            .record(&event("c"), &event("c"), &third, &arrival(VerifiedBy::Signature, 3))
            .transition
            .raised(),
        []
    );
}

#[test]
fn an_unverified_event_moves_no_money() {
    let mut payment = payment();
    let capture = notification("a", OperationKind::Capture, 1000);
    let transition =
        payment.record(&event("a"), &event("a"), &capture, &arrival(VerifiedBy::None, 1)).transition;
    assert_eq!(transition.effect, Effect::Unverified);
    let derived = transition.after.derived;
    assert_eq!((derived.integrity, derived.amount_captured), (Integrity::Unverified, None));
}

#[test]
fn saying_the_same_again_is_nothing_new_whenever_it_is_said() {
    let mut payment = payment();
    let first = notification("a", OperationKind::Authorization, 1000);
    payment.record(&event("a"), &event("a"), &first, &arrival(VerifiedBy::Signature, 1));
    for (key, second) in [("b", 60), ("c", -60)] {
        let again = Notification {
            occurred_at: Some(at(second)),
            ..notification(key, OperationKind::Authorization, 1000)
        };
        let entry = payment.record(&event(key), &event(key), &again, &arrival(VerifiedBy::Signature, 2));
        assert_eq!((entry.transition.effect, entry.transition.state_version), (Effect::Ignored, 1), "{key}");
    }
    assert_eq!(payment.updated_at, at(1));
}

#[test]
fn a_repeat_keeps_the_arrival_that_was_recorded() {
    let mut payment = payment();
    let authorize = notification("a", OperationKind::Authorization, 1000);
    let first = payment.record(&event("a"), &event("a"), &authorize, &arrival(VerifiedBy::Signature, 1));
    let again = payment.record(&event("a"), &event("a"), &authorize, &arrival(VerifiedBy::Signature, 9));
    assert_eq!(again, first);
}

#[test]
fn a_confirmation_applies_what_the_api_told_and_settles_what_was_unproven() {
    let mut payment = payment();
    let hint = notification("a", OperationKind::Capture, 999_999);
    let told = notification("b", OperationKind::Capture, 400);
    payment.record(&event("a"), &event("a"), &hint, &arrival(VerifiedBy::None, 1));
    assert_eq!(payment.ledger.derive().integrity, Integrity::Unverified);
    let confirmed_at = Some(at(9));
    let api = Arrival { confirmed_at, ..arrival(VerifiedBy::Api, 2) };
    let entry = payment.confirm(&event("b"), "as it came", &told, &api).expect("it is the first");
    let derived = payment.ledger.derive();
    assert_eq!((derived.integrity, derived.amount_captured), (Integrity::Ok, Some(400)));
    assert_eq!((entry.transition.effect, entry.digest.as_str()), (Effect::Applied, "as it came"));
    assert_eq!(payment.updated_at, at(9), "it is known since the answer");
    // A repeat gives what was recorded; another answer before the first is committed has to wait.
    let again = Arrival { confirmed_at: Some(at(30)), ..api };
    assert_eq!(payment.confirm(&event("b"), "as it came", &told, &again), Ok(entry));
    let written = payment.clone();
    let other = notification("b", OperationKind::Capture, 500);
    assert_eq!(payment.confirm(&event("b"), "as it came", &other, &again), Err(ToldOtherwise));
    assert_eq!(payment, written);
    // What is said without proof after the answer waits for the next.
    payment.record(&event("c"), &event("c"), &hint, &arrival(VerifiedBy::None, 40));
    assert_eq!(payment.ledger.derive().integrity, Integrity::Unverified);
}
