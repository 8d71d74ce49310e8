//! Events: committed once, kept byte for byte, found by payment and by time.

use std::collections::BTreeSet;

use contracts::Clients;
use domain::{DeliveryId, Event, EventId, Notification, VerifiedBy};
use jiff::Timestamp;
use store::{Committed, EventRecord, Order, PageRequest, RawEvent, Store, StoreError, event_fits};

use crate::samples::{
    at, endpoint_id, event, event_without_payment, incompressible, meta, payment, payment_id, raw, store,
    stored, walk,
};

crate::checks!["store":
    an_event_is_committed_by_the_first_call_alone,
    an_event_that_waited_is_concluded_once_whether_or_not_it_was_committed_before,
    an_event_that_we_raised_ourselves_has_no_request,
    a_request_comes_back_byte_for_byte,
    a_body_of_the_largest_size_fits_however_badly_it_compresses,
    what_does_not_fit_is_known_before_anything_is_written,
    an_event_larger_than_an_item_is_concluded_like_any_other,
    a_list_of_events_reads_no_part_of_them,
    parts_that_nothing_names_disturb_nobody,
    committed_events_are_told_from_others_in_any_number,
    events_larger_than_an_answer_come_in_several,
    the_events_of_a_payment_come_in_the_order_in_which_they_happened,
    a_payment_whose_first_event_has_expired_keeps_its_later_ones,
    a_page_of_a_payments_events_costs_the_same_however_many_there_are,
    only_a_payments_later_events_pay_for_its_timeline,
    events_are_listed_newest_first_and_the_first_of_a_payment_once,
    the_event_of_a_delivery_that_was_never_attempted_is_found,
];

async fn commit(store: &Store, event: &Event) {
    assert!(store.commit_event(event, Some(&raw("{}")), false).await.unwrap());
}

async fn an_event_is_committed_by_the_first_call_alone(clients: Clients) {
    let store = store(&clients).await;
    let event = event(1, "first", at(0));
    assert!(store.event(&event.id).await.unwrap().is_none());
    assert!(store.commit_event(&event, Some(&raw("as it was")), false).await.unwrap());
    for _ in 0..2 {
        assert!(!store.commit_event(&event, Some(&raw("otherwise")), false).await.unwrap());
    }
    let record = store.event(&event.id).await.unwrap().unwrap();
    assert_eq!(record.event, event);
    assert_eq!(record.raw.unwrap().body, b"as it was");
}

async fn an_event_that_waited_is_concluded_once_whether_or_not_it_was_committed_before(clients: Clients) {
    let store = store(&clients).await;
    for (number, committed_before) in [(1, true), (2, false)] {
        let waiting = event(number, "first", at(0));
        let digest = waiting.notification.digest();
        let told = Event {
            verified_by: VerifiedBy::Api,
            confirmed_at: Some(at(5)),
            notification: Notification { amount: Some(1), ..waiting.notification.clone() },
            ..waiting.clone()
        };
        let answered =
            RawEvent { answer: Some(b"{\"what\": \"the API said\"}".to_vec()), ..raw("as it came") };
        if committed_before {
            assert!(store.commit_event(&waiting, Some(&raw("as it came")), false).await.unwrap());
            let known = store.committed_events([&waiting.id], true).await.unwrap();
            assert!(!known[&waiting.id].confirmed);
        }
        assert!(store.conclude_event(&told, &answered, &digest, true).await.unwrap());
        for late in [&waiting, &told] {
            assert!(!store.conclude_event(late, &raw("otherwise"), "other", false).await.unwrap());
        }
        assert!(
            !store.commit_event(&waiting, Some(&raw("otherwise")), false).await.unwrap(),
            "it comes too late"
        );
        let known = store.committed_events([&waiting.id], true).await.unwrap();
        assert_eq!(known[&waiting.id], Committed { digest, confirmed: true });
        let record = store.event(&waiting.id).await.unwrap().unwrap();
        assert_eq!(record.event, told);
        let kept = record.raw.unwrap();
        assert_eq!((kept.body, kept.answer), (answered.body, answered.answer));
    }
    // The payment's own entry stands for what opened it.
    let listed = store.list_events(&PageRequest { after: None, limit: 10 }).await.unwrap();
    assert!(listed.items.is_empty(), "{listed:?}");
}

async fn an_event_that_we_raised_ourselves_has_no_request(clients: Clients) {
    let store = store(&clients).await;
    let event = event(1, "raised", at(0));
    assert!(store.commit_event(&event, None, false).await.unwrap());
    let record = store.event(&event.id).await.unwrap().unwrap();
    assert_eq!(record.event, event);
    assert!(record.raw.is_none());
}

async fn a_request_comes_back_byte_for_byte(clients: Clients) {
    let store = store(&clients).await;
    let bodies = [
        Vec::new(),
        b"{\"spaces\" :\t1.10,\r\n \"again\": 1.1}\n".to_vec(),
        (0..=255).collect(),
        vec![0; 100_000],
        incompressible(100_000),
    ];
    let mut ids = Vec::new();
    for (number, body) in bodies.iter().enumerate() {
        let event = event(1, &number.to_string(), at(0));
        assert!(store.commit_event(&event, Some(&raw(body.clone())), false).await.unwrap());
        let request = store.event(&event.id).await.unwrap().unwrap().raw.unwrap();
        assert_eq!((request.meta, &request.body), (meta(), body));
        ids.push(event.id);
    }
    let unknown = event(1, "unknown", at(0)).id;
    let found = store.event_records(ids.iter().chain([&unknown])).await.unwrap();
    assert_eq!(found.len(), bodies.len());
    for (id, body) in ids.iter().zip(&bodies) {
        let raw = found[id].as_ref().unwrap().raw.as_ref();
        assert_eq!(raw.map(|request| &request.body), Some(body));
    }
}

async fn a_body_of_the_largest_size_fits_however_badly_it_compresses(clients: Clients) {
    let store = store(&clients).await;
    let largest = raw(incompressible(queue::MAX_BODY_BYTES));
    let event = event(1, "largest", at(0));
    assert!(event_fits(&event, Some(&largest)));
    assert!(store.commit_event(&event, Some(&largest), false).await.unwrap());
    assert!(store.event(&event.id).await.unwrap().unwrap().raw.unwrap().body == largest.body);
}

async fn what_does_not_fit_is_known_before_anything_is_written(clients: Clients) {
    let store = store(&clients).await;
    let event = event(1, "first", at(0));
    let too_large =
        RawEvent { answer: Some(vec![b' '; 2 * 1024 * 1024]), ..raw(incompressible(4 * 1024 * 1024)) };
    assert!(!event_fits(&event, Some(&too_large)));
    let before = store.meter().write_units();
    for refused in [
        store.commit_event(&event, Some(&too_large), false).await,
        store.conclude_event(&event, &too_large, "digest", false).await,
    ] {
        assert!(matches!(refused, Err(StoreError::TooLarge)), "{refused:?}");
    }
    assert_eq!(store.meter().write_units(), before);
    assert!(store.event(&event.id).await.unwrap().is_none());
}

async fn an_event_larger_than_an_item_is_concluded_like_any_other(clients: Clients) {
    let store = store(&clients).await;
    let waiting = event(1, "first", at(0));
    let digest = waiting.notification.digest();
    let body = raw(incompressible(700_000));
    assert!(store.commit_event(&waiting, Some(&body), false).await.unwrap());
    assert!(!store.commit_event(&waiting, Some(&raw(incompressible(500_000))), false).await.unwrap());
    assert!(store.event(&waiting.id).await.unwrap().unwrap().raw.unwrap().body == body.body);
    store.match_event(&waiting.id, &endpoint_id(7)).await.unwrap();
    assert_eq!(store.event(&waiting.id).await.unwrap().unwrap().event.endpoints, [endpoint_id(7)]);

    let answered = RawEvent { answer: Some(incompressible(200_000)), ..body };
    let told = Event { verified_by: VerifiedBy::Api, confirmed_at: Some(at(5)), ..waiting.clone() };
    assert!(store.conclude_event(&told, &answered, &digest, false).await.unwrap());
    assert!(!store.conclude_event(&told, &raw("{}"), &digest, false).await.unwrap());
    let record = store.event(&waiting.id).await.unwrap().unwrap();
    assert_eq!(record.event, told);
    let kept = record.raw.unwrap();
    assert!((kept.body, kept.answer) == (answered.body, answered.answer));
}

async fn a_list_of_events_reads_no_part_of_them(clients: Clients) {
    let store = store(&clients).await;
    let events: Vec<Event> = (0..3).map(|number| event(1, &number.to_string(), at(0))).collect();
    for event in &events {
        assert!(store.commit_event(event, Some(&raw(incompressible(700_000))), false).await.unwrap());
    }
    let before = store.meter().read_units();
    let found = store.events_by_id(events.iter().map(|event| &event.id)).await.unwrap();
    assert!(events.iter().all(|event| found[&event.id].as_ref().unwrap() == event));
    let units = store.meter().read_units() - before;
    assert!(units <= 4.0, "{units} units");
    let found = store.event_records(events.iter().map(|event| &event.id)).await.unwrap();
    let body = |record: &EventRecord| record.raw.as_ref().unwrap().body.clone();
    assert!(found.values().all(|record| body(record.as_ref().unwrap()) == incompressible(700_000)));
}

/// The write of the item is what makes an event. A commit that comes too late stops right before it.
async fn parts_that_nothing_names_disturb_nobody(clients: Clients) {
    let store = store(&clients).await;
    let event = event(1, "first", at(0));
    assert!(store.commit_event(&event, Some(&raw("small")), false).await.unwrap());
    assert!(!store.commit_event(&event, Some(&raw(incompressible(700_000))), false).await.unwrap());
    assert_eq!(store.event(&event.id).await.unwrap().unwrap().raw.unwrap().body, b"small");
    let listed = store.list_events(&PageRequest { after: None, limit: 10 }).await.unwrap();
    assert_eq!(listed.items.len(), 1);
}

async fn committed_events_are_told_from_others_in_any_number(clients: Clients) {
    let store = store(&clients).await;
    let events: Vec<Event> = (0..130).map(|number| event(number, "first", at(0))).collect();
    for event in &events[..115] {
        commit(&store, event).await;
    }
    for consistent in [false, true] {
        let committed = store.committed_events(events.iter().map(|event| &event.id), consistent).await;
        let committed = committed.unwrap();
        assert_eq!(committed.len(), 115);
        assert!(events[..115].iter().all(|event| committed[&event.id].digest == event.notification.digest()));
    }
    assert!(store.committed_events([], false).await.unwrap().is_empty());
}

async fn events_larger_than_an_answer_come_in_several(clients: Clients) {
    let store = store(&clients).await;
    // A BatchGetItem answers up to 16 MB: here are 17.
    let large = raw(incompressible(350_000));
    let mut ids = Vec::new();
    for number in 0..50 {
        let event = event(1, &number.to_string(), at(0));
        assert!(store.commit_event(&event, Some(&large), false).await.unwrap());
        ids.push(event.id);
    }
    assert_eq!(store.events_by_id(&ids).await.unwrap().len(), 50);
}

/// All pages of a payment's events.
async fn timeline(store: &Store, payment: u64, order: Order, limit: usize) -> Vec<EventId> {
    let load = async |page| store.payment_events(&payment_id(payment), &page, order).await.unwrap().unwrap();
    walk(limit, load).await.into_iter().map(|listed| listed.id).collect()
}

async fn the_events_of_a_payment_come_in_the_order_in_which_they_happened(clients: Clients) {
    let store = store(&clients).await;
    // When each was received and, where the provider says so, when it happened: two in the same moment, two at the ends of
    // what a provider can say, and the first one in the middle of all.
    let far = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    let told = [
        ("ancient", 50, far("-000500-01-01T00:00:00Z")),
        ("early", 40, Some(at(1))),
        ("first", 10, Some(at(5))),
        ("tied", 20, Some(at(5))),
        ("tied later", 30, Some(at(5))),
        ("unsaid", 60, None),
        ("late", 5, Some(at(70))),
        ("never", 45, far("9999-12-01T00:00:00Z")),
    ];
    store.put_payment(stored(payment(1, at(10)), 0)).await.unwrap();
    let mut expected = Vec::new();
    for (key, received, happened) in told {
        let mut event = event(1, key, at(received));
        event.notification.occurred_at = happened;
        assert!(store.commit_event(&event, Some(&raw("{}")), key == "first").await.unwrap());
        let mut other = Event { payment: Some(payment_id(2)), ..event.clone() };
        other.id = self::event(2, key, at(received)).id;
        assert!(store.commit_event(&other, Some(&raw("{}")), false).await.unwrap());
        expected.push(event.id);
    }
    for limit in [1, 2, 3, 7, 8, 100] {
        assert_eq!(timeline(&store, 1, Order::Ascending, limit).await, expected, "pages of {limit}");
        let backwards: Vec<EventId> = expected.iter().rev().cloned().collect();
        assert_eq!(timeline(&store, 1, Order::Descending, limit).await, backwards, "pages of {limit}");
    }
    let page = PageRequest { after: None, limit: 10 };
    assert!(store.payment_events(&payment_id(2), &page, Order::Ascending).await.unwrap().is_none());
}

async fn a_payment_whose_first_event_has_expired_keeps_its_later_ones(clients: Clients) {
    let store = store(&clients).await;
    store.put_payment(stored(payment(1, at(0)), 0)).await.unwrap();
    assert_eq!(timeline(&store, 1, Order::Ascending, 10).await, []);
    let second = event(1, "second", at(1));
    commit(&store, &second).await;
    assert_eq!(timeline(&store, 1, Order::Ascending, 10).await, [second.id]);
}

async fn a_page_of_a_payments_events_costs_the_same_however_many_there_are(clients: Clients) {
    let store = store(&clients).await;
    let mut costs = Vec::new();
    for (number, events) in [(1, 10), (2, 300)] {
        store.put_payment(stored(payment(number, at(0)), 0)).await.unwrap();
        assert!(store.commit_event(&event(number, "first", at(0)), Some(&raw("{}")), true).await.unwrap());
        for later in 1..events {
            commit(&store, &event(number, &later.to_string(), at(later))).await;
        }
        let before = store.meter().read_units();
        let page = PageRequest { after: None, limit: 5 };
        let listed =
            store.payment_events(&payment_id(number), &page, Order::Descending).await.unwrap().unwrap();
        assert_eq!(listed.items.len(), 5);
        costs.push(store.meter().read_units() - before);
    }
    assert_eq!(costs, [2.0, 2.0], "the payment 1, the index 0.5, its first event 0.5");
}

async fn only_a_payments_later_events_pay_for_its_timeline(clients: Clients) {
    let store = store(&clients).await;
    let cost = async |event: Event, opens_payment| {
        let before = store.meter().write_units();
        assert!(store.commit_event(&event, Some(&raw("{}")), opens_payment).await.unwrap());
        store.meter().write_units() - before
    };
    assert_eq!(cost(event(1, "first", at(0)), true).await, 1.0);
    assert_eq!(cost(event(1, "second", at(0)), false).await, 3.0);
    assert_eq!(cost(event_without_payment("other", at(0)), false).await, 2.0);
}

async fn events_are_listed_newest_first_and_the_first_of_a_payment_once(clients: Clients) {
    let store = store(&clients).await;
    let mut received = Vec::new();
    for number in 0..15 {
        // The times of five payments are the same, and those of their events run across each other.
        let time = |later: i64| at(i64::try_from(number % 3).unwrap() + later);
        let first = event(number, "first", time(0));
        store.put_payment(stored(payment(number, first.received_at), 0)).await.unwrap();
        assert!(store.commit_event(&first, Some(&raw("{}")), true).await.unwrap());
        let others = [
            event(number, "second", time(0)),
            event(number, "third", time(2)),
            event_without_payment(&number.to_string(), time(1)),
        ];
        for other in &others {
            commit(&store, other).await;
        }
        received.extend([first].into_iter().chain(others).map(|event| (event.id, event.received_at)));
    }
    let mut orders = BTreeSet::new();
    for limit in [1, 7, 25, 60, 100] {
        let listed = walk(limit, async |page| store.list_events(&page).await.unwrap()).await;
        let ids: Vec<EventId> = listed.into_iter().map(|listed| listed.id).collect();
        assert_eq!(ids.len(), 60, "pages of {limit}");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 60, "pages of {limit}");
        let time_of = |id: &EventId| received.iter().find(|(known, _)| known == id).unwrap().1;
        assert!(ids.iter().map(time_of).is_sorted_by(|newer, older| newer >= older), "pages of {limit}");
        orders.insert(ids);
    }
    assert_eq!(orders.len(), 1, "the order does not depend on the size of the pages");
}

async fn the_event_of_a_delivery_that_was_never_attempted_is_found(clients: Clients) {
    let store = store(&clients).await;
    let mut matched = event(1, "first", at(0));
    matched.endpoints = vec![endpoint_id(1), endpoint_id(2)];
    commit(&store, &matched).await;
    commit(&store, &event(1, "second", at(0))).await;
    let delivery = |endpoint| DeliveryId::derive(&matched.id, &endpoint_id(endpoint));
    let found = store.event_of_delivery(&delivery(2)).await.unwrap();
    assert_eq!(found, Some((matched.clone(), endpoint_id(2))));
    assert_eq!(store.event_of_delivery(&delivery(3)).await.unwrap(), None);
}
