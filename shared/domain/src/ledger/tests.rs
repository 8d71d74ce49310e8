//! The ledger does not depend on order or repetition: every permutation of a history, exhaustively up to six
//! events and sampled above, gives the same payment but for its record of arrivals.

use crate::{
    Arrival, Derived, Dispute, DisputeFunds, DisputeStage, EventId, EventType, Fact, Integrity, Ledger,
    Notification, Operation, OperationKind, OperationState, Payment, SourceId, VerifiedBy, VoidCause,
};
use jiff::Timestamp;
use proptest::{collection::vec, prelude::*, sample::Index};
use std::collections::HashMap;

fn source() -> SourceId {
    SourceId::mint([7; 16])
}

/// A payment that takes in notifications as the consumer does: a repeat is dropped, a repeat with other content
/// becomes an event of its own that is ascribed to the first.
struct Arrivals {
    payment: Option<Payment>,
    digests: HashMap<EventId, Vec<String>>,
}

impl Arrivals {
    fn of<'a>(notifications: impl IntoIterator<Item = &'a Notification>) -> Self {
        let mut arrivals = Self { payment: None, digests: HashMap::new() };
        for (second, notification) in notifications.into_iter().enumerate() {
            let second = i64::try_from(second).expect("histories are short");
            arrivals.take(notification, Timestamp::from_second(second).expect("in range"));
        }
        arrivals
    }

    fn take(&mut self, notification: &Notification, at: Timestamp) {
        let payment_id = crate::PaymentId::derive(&source(), "pi_1");
        let base = EventId::derive(&source(), Some(&payment_id), &notification.dedupe_key);
        let seen = self.digests.entry(base.clone()).or_default();
        if seen.contains(&notification.digest()) {
            return;
        }
        let id = if seen.is_empty() { base.clone() } else { base.derive_conflicting(&notification.digest()) };
        seen.push(notification.digest());
        let payment = self.payment.get_or_insert_with(|| {
            Payment::new(source(), "test".to_owned(), "pi_1".to_owned(), id.clone(), at)
        });
        let arrival =
            Arrival { received_at: at, verified_by: VerifiedBy::Signature, confirmed_at: None, secret: None };
        payment.record(&id, &base, notification, &arrival);
    }

    /// The same, of notifications that are proven by different means.
    fn proven_by<'a>(arrivals: impl IntoIterator<Item = &'a (Proof, Notification)>) -> Self {
        let mut taken = Self { payment: None, digests: HashMap::new() };
        for (second, (proof, notification)) in arrivals.into_iter().enumerate() {
            let at = Timestamp::from_second(i64::try_from(second).expect("histories are short"));
            taken.take_proven_by(*proof, notification, at.expect("in range"));
        }
        taken
    }

    fn take_proven_by(&mut self, proof: Proof, notification: &Notification, at: Timestamp) {
        let payment_id = crate::PaymentId::derive(&source(), "pi_1");
        let base = EventId::derive(&source(), Some(&payment_id), &notification.dedupe_key);
        let digest = notification.digest();
        let (id, verified_by) = match proof {
            Proof::Signature => return self.take(notification, at),
            Proof::Nothing => (base.derive_unproven(&digest), VerifiedBy::None),
            Proof::Answer => (base, VerifiedBy::Api),
        };
        let seen = self.digests.entry(id.clone()).or_default();
        if !seen.is_empty() {
            return; // it is committed: neither a repeat nor another answer comes this far
        }
        seen.push(digest.clone());
        let payment = self.payment.get_or_insert_with(|| {
            Payment::new(source(), "test".to_owned(), "pi_1".to_owned(), id.clone(), at)
        });
        let arrival = Arrival { received_at: at, verified_by, confirmed_at: None, secret: None };
        if proof == Proof::Nothing {
            payment.record(&id, &id, notification, &arrival);
        } else {
            payment.confirm(&id, &digest, notification, &arrival).expect("it is the first answer");
        }
    }

    fn state(self) -> (Ledger, Derived) {
        let ledger = self.payment.expect("a history is not empty").ledger;
        let derived = ledger.derive();
        (ledger, derived)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Proof {
    Signature,
    Nothing,
    /// Of the provider's API.
    Answer,
}

/// Notifications that nothing proves share dedupe keys with those that are signed: their senders choose them. What the
/// API is asked about has a key of its own.
fn proven() -> impl Strategy<Value = Vec<(Proof, Notification)>> {
    let proof = prop_oneof![3 => Just(Proof::Signature), 1 => Just(Proof::Nothing), 2 => Just(Proof::Answer)];
    vec((proof, notification()), 1..=5).prop_map(|mut history| {
        for (number, (proof, notification)) in history.iter_mut().enumerate() {
            if *proof == Proof::Answer {
                notification.dedupe_key = format!("asked_{number}");
            }
        }
        history
    })
}

/// Without what waits for an answer, which alone depends on when that comes.
fn settled((mut ledger, mut derived): (Ledger, Derived)) -> String {
    ledger.unverified.clear();
    if derived.integrity == Integrity::Unverified {
        derived.integrity = Integrity::Ok;
    }
    bytes(&(ledger, derived))
}

fn bytes(state: &(Ledger, Derived)) -> String {
    serde_json::to_string(state).expect("plain data serialises")
}

fn operation_state() -> impl Strategy<Value = OperationState> {
    prop_oneof![
        1 => Just(OperationState::Unknown),
        1 => Just(OperationState::RequiresAction),
        1 => Just(OperationState::Pending),
        1 => Just(OperationState::Failed),
        4 => Just(OperationState::Succeeded),
        1 => Just(OperationState::Reversed),
    ]
}

fn operation_kind() -> impl Strategy<Value = OperationKind> {
    prop_oneof![
        Just(OperationKind::Authorization),
        Just(OperationKind::Capture),
        Just(OperationKind::Void),
        Just(OperationKind::Refund),
    ]
}

/// Few ids, few amounts and few times, so that facts meet.
fn fact() -> impl Strategy<Value = Fact> {
    let amount = prop::option::weighted(0.8, 0..5i64).prop_map(|amount| amount.map(|amount| amount * 500));
    let cause = prop::option::of(prop_oneof![Just(VoidCause::Canceled), Just(VoidCause::Expired)]);
    let stage = prop::option::of(prop_oneof![
        Just(DisputeStage::Warning),
        Just(DisputeStage::Open),
        Just(DisputeStage::Won),
        Just(DisputeStage::Lost),
    ]);
    let funds = prop::option::of(prop_oneof![Just(DisputeFunds::Withdrawn), Just(DisputeFunds::Reinstated)]);
    prop_oneof![
        6 => (operation_kind(), "[ab]", operation_state(), amount.clone(), cause)
            .prop_map(|(kind, id, state, amount, cause)| Fact::Operation { kind, id, state, amount, cause }),
        2 => ("[ab]", stage, amount, funds).prop_map(|(id, stage, amount, funds)| Fact::Dispute { id, stage, amount, funds }),
        1 => (0..5i64).prop_map(|amount| Fact::Requested { amount: amount * 500 }),
        1 => "[xy]".prop_map(|reference| Fact::MerchantReference { reference }),
        1 => (operation_kind(), 0..5i64).prop_map(|(kind, amount)| Fact::Total { kind, amount: amount * 500 }),
    ]
}

fn notification() -> impl Strategy<Value = Notification> {
    let currency = prop_oneof![9 => Just("EUR"), 1 => Just("USD")];
    // Twelve dedupe keys: now and then two notifications share one and contradict each other.
    (0..12u8, 0..4i64, currency, vec(fact(), 1..3)).prop_map(|(key, second, currency, facts)| Notification {
        dedupe_key: format!("evt_{key}"),
        provider_event_id: None,
        provider_type: "test".to_owned(),
        event_type: EventType::PaymentCaptured,
        occurred_at: Timestamp::from_second(1_700_000_000 + second).ok(),
        version: None,
        provider_payment_id: Some("pi_1".to_owned()),
        object_id: None,
        amount: None,
        currency: currency.parse().ok(),
        exponent: None,
        facts,
    })
}

fn permutations(length: usize) -> Vec<Vec<usize>> {
    if length == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(length - 1);
    let insert = |order: &Vec<usize>, at: usize| {
        let mut order = order.clone();
        order.insert(at, length - 1);
        order
    };
    shorter.iter().flat_map(|order| (0..length).map(move |at| insert(order, at))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_permutation_of_up_to_six_events_gives_the_same_payment(
        history in vec(notification(), 1..=6),
        repeated in any::<Index>(),
    ) {
        let expected = bytes(&Arrivals::of(&history).state());
        for order in permutations(history.len()) {
            let once = order.iter().map(|index| &history[*index]);
            prop_assert_eq!(&bytes(&Arrivals::of(once.clone()).state()), &expected);
            // And with one of them once more, at the end and at the beginning.
            let again = [repeated.get(&history)];
            prop_assert_eq!(&bytes(&Arrivals::of(once.clone().chain(again)).state()), &expected);
            prop_assert_eq!(&bytes(&Arrivals::of(again.into_iter().chain(once)).state()), &expected);
        }
    }

    #[test]
    fn sampled_permutations_and_repetitions_of_longer_histories_give_the_same_payment(
        (history, shuffled) in vec(notification(), 7..40)
            .prop_flat_map(|history| (Just(history.clone()), Just([history.clone(), history].concat()).prop_shuffle())),
    ) {
        let expected = bytes(&Arrivals::of(&history).state());
        prop_assert_eq!(bytes(&Arrivals::of(&shuffled).state()), expected);
    }

    #[test]
    fn every_permutation_of_signed_unproven_and_confirmed_arrivals_gives_the_same_payment(
        history in proven(),
        repeated in any::<Index>(),
    ) {
        let expected = settled(Arrivals::proven_by(&history).state());
        for order in permutations(history.len()) {
            let once = order.iter().map(|index| &history[*index]);
            prop_assert_eq!(&settled(Arrivals::proven_by(once.clone()).state()), &expected);
            let again = [repeated.get(&history)];
            prop_assert_eq!(&settled(Arrivals::proven_by(again.into_iter().chain(once)).state()), &expected);
        }
    }

    #[test]
    fn what_nothing_proves_changes_nothing_but_that_it_was_said(history in proven()) {
        let proven = history.iter().filter(|(proof, _)| *proof != Proof::Nothing);
        prop_assume!(proven.clone().next().is_some());
        let expected = settled(Arrivals::proven_by(proven).state());
        prop_assert_eq!(settled(Arrivals::proven_by(&history).state()), expected);
    }

    /// As the store keeps it: what is new since the piece before, cut further where it is too large.
    #[test]
    fn pieces_of_a_ledger_joined_in_any_order_are_the_ledger(
        history in proven(),
        last in notification(),
        shuffled in any::<u64>(),
    ) {
        let mut pieces = Vec::new();
        let mut known = Ledger::default();
        for length in 1..=history.len() {
            let (ledger, _) = Arrivals::proven_by(&history[..length]).state();
            let piece = ledger.clone().beyond(&known);
            prop_assert!(piece.clone().beyond(&ledger).is_empty());
            known.join(piece.clone());
            prop_assert_eq!(&known, &ledger);
            let (half, rest) = piece.halve();
            let (quarter, other) = half.halve();
            pieces.extend([rest, quarter, other]);
        }
        for turn in 0..pieces.len() {
            let place = (shuffled as usize).wrapping_mul(turn + 1) % pieces.len();
            pieces.swap(turn, place);
        }
        let mut joined = Ledger::default();
        for piece in pieces.iter().chain(pieces.first()) {
            joined.join(piece.clone());
        }
        prop_assert_eq!(&joined, &known);
        // And what is learned after that is the same, whether it is folded into the whole or joined.
        let event = EventId::derive(&source(), None, "last");
        let mut news = Ledger::default();
        news.apply(&event, &last);
        joined.join(news);
        known.apply(&event, &last);
        prop_assert_eq!(joined, known);
    }

    #[test]
    fn a_stored_ledger_is_read_back_as_it_was(history in vec(notification(), 1..10)) {
        let (ledger, _) = Arrivals::of(&history).state();
        let text = serde_json::to_string(&ledger).expect("plain data serialises");
        prop_assert_eq!(serde_json::from_str::<Ledger>(&text).expect("reads back"), ledger);
    }
}

#[test]
fn halving_a_ledger_cuts_everything_that_there_may_be_many_of() {
    let event = |number: usize| EventId::derive(&source(), None, &number.to_string());
    let mut ledger = Ledger::default();
    for number in 0..101 {
        ledger
            .operations
            .entry(OperationKind::Refund)
            .or_default()
            .insert(format!("re_{number}"), Operation::default());
        ledger.disputes.insert(format!("dp_{number}"), Dispute::default());
        ledger.mark_conflict(&event(number));
        ledger.mark_unverified(&event(number), false);
    }
    let count = |ledger: &Ledger| {
        let refunds = ledger.operations.values().map(std::collections::BTreeMap::len).sum::<usize>();
        [refunds, ledger.disputes.len(), ledger.conflicts.len(), ledger.unverified.len()]
    };
    let (mut one, other) = ledger.clone().halve();
    assert_eq!((count(&one), count(&other)), ([50; 4], [51; 4]));
    one.join(other);
    assert_eq!(one, ledger);
}
