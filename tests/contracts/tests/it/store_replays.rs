//! Replays, and the walk through the events that they make.

use std::collections::BTreeSet;

use contracts::Clients;
use domain::{DeliveryId, EventId, Replay, ReplayFilter, ReplayId, ReplayRange, ReplayStatus};
use jiff::Timestamp;
use store::{PageRequest, Store, StoreError, Versioned, Walk};

use crate::samples::{
    at, endpoint_id, event, event_without_payment, payment, raw, readable, store, stored, walk,
};

crate::checks!["store":
    a_replay_is_found_among_those_that_run_until_it_ends,
    of_two_that_go_on_with_a_replay_one_wins,
    replays_are_listed_newest_first,
    a_walk_passes_every_event_of_its_span_once_oldest_first,
    a_walk_without_events_ends_at_once,
    an_event_names_the_endpoints_that_it_was_sent_to_later,
];

fn replay(number: u8, created_at: Timestamp) -> Replay {
    let range = ReplayRange {
        endpoint: endpoint_id(1),
        since: at(0),
        until: at(10),
        status: None,
        event_types: Vec::new(),
        sources: Vec::new(),
    };
    Replay::new(ReplayId::mint([number; 16]), ReplayFilter::Range(range), 600, created_at)
}

async fn a_replay_is_found_among_those_that_run_until_it_ends(clients: Clients) {
    let store = store(&clients).await;
    let replays = [replay(1, at(1)), replay(2, at(2)), replay(3, at(3))];
    for replay in &replays {
        assert_eq!(store.put_replay(replay, 0).await.unwrap(), 1);
    }
    let ids: Vec<ReplayId> = replays.iter().map(|replay| replay.id.clone()).collect();
    assert_eq!(store.running_replays(100).await.unwrap(), ids, "oldest first");
    assert_eq!(store.running_replays(2).await.unwrap(), ids[..2]);

    let [first, mut second, _] = replays;
    second.note_sent(5, at(4));
    assert_eq!(store.put_replay(&second, 1).await.unwrap(), 2);
    assert_eq!(store.running_replays(100).await.unwrap(), ids, "it goes on");
    second.finish(ReplayStatus::Canceled, None, at(5));
    assert_eq!(store.put_replay(&second, 2).await.unwrap(), 3);
    assert_eq!(store.running_replays(100).await.unwrap(), [ids[0].clone(), ids[2].clone()]);
    let stored = Versioned { value: second, revision: 3 };
    assert_eq!(store.replay(&stored.value.id).await.unwrap(), Some(stored));
    assert_eq!(store.replay(&ids[0]).await.unwrap(), Some(Versioned { value: first, revision: 1 }));
    assert_eq!(store.replay(&ReplayId::mint([9; 16])).await.unwrap(), None);
}

async fn of_two_that_go_on_with_a_replay_one_wins(clients: Clients) {
    let store = store(&clients).await;
    let mut replay = replay(1, at(0));
    store.put_replay(&replay, 0).await.unwrap();
    assert!(matches!(store.put_replay(&replay, 0).await, Err(StoreError::Conflict)), "it is made once");
    let mut canceled = replay.clone();
    canceled.finish(ReplayStatus::Canceled, None, at(1));
    store.put_replay(&canceled, 1).await.unwrap();
    replay.note_sent(100, at(1));
    assert!(matches!(store.put_replay(&replay, 1).await, Err(StoreError::Conflict)));
    assert_eq!(store.replay(&replay.id).await.unwrap().unwrap().value, canceled);
}

async fn replays_are_listed_newest_first(clients: Clients) {
    let store = store(&clients).await;
    for number in [2, 1, 3] {
        store.put_replay(&replay(number, at(i64::from(number))), 0).await.unwrap();
    }
    for limit in [1, 2, 3, 4] {
        let listed =
            walk(limit, async |page: PageRequest| readable(store.replays(&page).await.unwrap())).await;
        let listed: Vec<ReplayId> = listed.into_iter().map(|stored| stored.value.id).collect();
        assert_eq!(listed, [3, 2, 1].map(|number| ReplayId::mint([number; 16])), "pages of {limit}");
    }
}

/// All pages of a walk.
async fn passed(store: &Store, since: Timestamp, until: Timestamp, limit: usize) -> Vec<EventId> {
    walk(limit, async |page: PageRequest| {
        let span = Walk { since, until, after: page.after.as_deref() };
        store.walk_events(&span, page.limit).await.unwrap()
    })
    .await
    .into_iter()
    .map(|listed| listed.id)
    .collect()
}

async fn a_walk_passes_every_event_of_its_span_once_oldest_first(clients: Clients) {
    let store = store(&clients).await;
    let mut received = Vec::new();
    for number in 0..12 {
        let time = at(i64::try_from(number % 4).unwrap());
        let first = event(number, "first", time);
        store.put_payment(stored(payment(number, time), 0)).await.unwrap();
        assert!(store.commit_event(&first, Some(&raw("{}")), true).await.unwrap());
        let others = [event(number, "second", time), event_without_payment(&number.to_string(), time)];
        for other in &others {
            assert!(store.commit_event(other, Some(&raw("{}")), false).await.unwrap());
        }
        received.extend([first].into_iter().chain(others).map(|event| (event.id, event.received_at)));
    }
    for (since, until, expected) in [(0, 4, 36), (1, 3, 18), (1, 2, 9), (3, 100, 9), (4, 100, 0), (0, 0, 0)] {
        let mut orders = BTreeSet::new();
        for limit in [1, 5, 9, 100] {
            let ids = passed(&store, at(since), at(until), limit).await;
            assert_eq!(ids.len(), expected, "{since} to {until}, {limit} at a time");
            assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), expected, "each once");
            let time_of = |id: &EventId| received.iter().find(|(known, _)| known == id).unwrap().1;
            let times: Vec<Timestamp> = ids.iter().map(time_of).collect();
            assert!(times.is_sorted() && times.iter().all(|time| (at(since)..at(until)).contains(time)));
            orders.insert(ids);
        }
        assert_eq!(orders.len(), 1, "the order does not depend on the size of the pages");
    }
}

async fn a_walk_without_events_ends_at_once(clients: Clients) {
    let store = store(&clients).await;
    let span = Walk { since: at(0), until: at(9), after: None };
    let page = store.walk_events(&span, 10).await.unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
    let upside_down = Walk { since: at(9), until: at(0), after: None };
    let page = store.walk_events(&upside_down, 10).await.unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
}

async fn an_event_names_the_endpoints_that_it_was_sent_to_later(clients: Clients) {
    let store = store(&clients).await;
    let mut matched = event(1, "first", at(0));
    matched.endpoints = vec![endpoint_id(1)];
    assert!(store.commit_event(&matched, Some(&raw("as it came")), false).await.unwrap());
    for endpoint in [1, 2, 2, 3] {
        store.match_event(&matched.id, &endpoint_id(endpoint)).await.unwrap();
    }
    let record = store.event(&matched.id).await.unwrap().unwrap();
    assert_eq!(record.event.endpoints, [1, 2, 3].map(endpoint_id));
    assert_eq!(record.raw.unwrap().body, b"as it came");
    let delivery = DeliveryId::derive(&matched.id, &endpoint_id(3));
    assert_eq!(store.event_of_delivery(&delivery).await.unwrap().unwrap().1, endpoint_id(3));

    let expired = event(2, "first", at(0));
    store.match_event(&expired.id, &endpoint_id(1)).await.unwrap();
    assert!(store.event(&expired.id).await.unwrap().is_none(), "nothing was left behind");
    assert!(store.commit_event(&expired, None, false).await.unwrap());
}
