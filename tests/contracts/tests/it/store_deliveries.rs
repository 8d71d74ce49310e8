//! Deliveries and the index of those that are due.

use contracts::Clients;
use domain::{DeliveryStatus, ReplayId};
use futures::future::join_all;
use jiff::Timestamp;
use store::{Asked, DUE_SHARDS, Due, DueClaim, Store, StoreError, Wait};

use crate::samples::{at, delivery, spoil, store};

crate::checks!["store":
    a_delivery_is_written_at_the_revision_that_was_read_and_at_no_other,
    deliveries_are_found_by_their_ids_and_unknown_ones_are_left_out,
    what_is_due_comes_oldest_first_and_not_before_its_time,
    what_is_due_is_read_on_behind_the_last_also_where_that_was_moved,
    a_delivery_that_can_not_be_read_keeps_no_other_from_being_read_and_can_leave_the_index,
    a_delivery_leaves_the_due_index_when_it_is_written_without_a_time,
    a_due_entry_is_moved_by_one_of_two,
    a_due_entry_of_a_delivery_that_is_done_is_gone,
    a_moved_entry_does_not_stand_in_the_way_of_the_next_write,
    who_asked_for_an_attempt_is_read_with_the_delivery_until_it_is_written_again,
];

/// What is due by then in all shards.
async fn due(store: &Store, now: Timestamp, limit: usize) -> Vec<Due> {
    let mut all = Vec::new();
    for shard in 0..DUE_SHARDS {
        let due = store.due_deliveries(shard, now, None, limit).await.unwrap();
        assert!(due.len() <= limit);
        assert!(due.is_sorted_by_key(|due| due.due_at), "{due:?}");
        all.extend(due);
    }
    all
}

async fn a_delivery_is_written_at_the_revision_that_was_read_and_at_no_other(clients: Clients) {
    let store = store(&clients).await;
    let mut delivery = delivery("first", 1);
    assert_eq!(store.delivery(&delivery.id).await.unwrap(), None);
    assert!(matches!(store.put_delivery(&delivery, 1, Wait::Nothing).await, Err(StoreError::Conflict)));
    assert_eq!(store.put_delivery(&delivery, 0, Wait::Nothing).await.unwrap(), 1);
    assert!(matches!(store.put_delivery(&delivery, 0, Wait::Nothing).await, Err(StoreError::Conflict)));
    delivery.status = DeliveryStatus::Succeeded;
    assert_eq!(store.put_delivery(&delivery, 1, Wait::Nothing).await.unwrap(), 2);
    assert!(matches!(store.put_delivery(&delivery, 1, Wait::Nothing).await, Err(StoreError::Conflict)));
    let stored = store.delivery(&delivery.id).await.unwrap().unwrap();
    assert_eq!((stored.delivery, stored.revision), (delivery, 2));
}

async fn deliveries_are_found_by_their_ids_and_unknown_ones_are_left_out(clients: Clients) {
    let store = store(&clients).await;
    let mut ids = Vec::new();
    for endpoint in 1..=2 {
        store.put_delivery(&delivery("first", endpoint), 0, Wait::Nothing).await.unwrap();
        ids.push(delivery("first", endpoint).id);
    }
    ids.push(delivery("third", 1).id);
    assert_eq!(store.deliveries_by_id(&ids).await.unwrap().len(), 2);
}

async fn what_is_due_comes_oldest_first_and_not_before_its_time(clients: Clients) {
    let store = store(&clients).await;
    let mut expected = Vec::new();
    for number in 0..20 {
        let delivery = delivery(&number.to_string(), 1);
        let due_at = at(number * 1000 % 7000);
        store.put_delivery(&delivery, 0, Wait::Due(due_at)).await.unwrap();
        expected.push(Due { delivery: delivery.id, due_at });
    }
    let sorted = |mut due: Vec<Due>| {
        due.sort_by(|a, b| (a.due_at, &a.delivery).cmp(&(b.due_at, &b.delivery)));
        due
    };
    assert_eq!(due(&store, at(-1), 100).await, []);
    assert_eq!(sorted(due(&store, at(6000), 100).await), sorted(expected.clone()));
    expected.retain(|due| due.due_at <= at(3000));
    assert_eq!(sorted(due(&store, at(3000), 100).await), sorted(expected.clone()));
    let first = due(&store, at(6000), 1).await;
    assert!(first.len() > 1, "twenty deliveries stand in more than one shard");
    for shard in 0..DUE_SHARDS {
        let all = store.due_deliveries(shard, at(6000), None, 100).await.unwrap();
        assert_eq!(store.due_deliveries(shard, at(6000), None, 1).await.unwrap().first(), all.first());
    }
}

async fn what_is_due_is_read_on_behind_the_last_also_where_that_was_moved(clients: Clients) {
    let store = store(&clients).await;
    for number in 0..12 {
        // The same millisecond: only the whole key tells them apart.
        store.put_delivery(&delivery(&number.to_string(), 1), 0, Wait::Due(at(1000))).await.unwrap();
    }
    let mut found = Vec::new();
    for shard in 0..DUE_SHARDS {
        let mut last = None;
        while let Some(next) =
            store.due_deliveries(shard, at(2000), last.as_ref(), 1).await.unwrap().into_iter().next()
        {
            assert_eq!(store.move_due(&next, at(1500)).await.unwrap(), DueClaim::Moved);
            found.push(next.delivery.clone());
            assert!(found.len() <= 24, "it ends");
            last = Some(next);
        }
    }
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 12);
}

async fn a_delivery_that_can_not_be_read_keeps_no_other_from_being_read_and_can_leave_the_index(
    clients: Clients,
) {
    let store = store(&clients).await;
    let (broken, sound) = (delivery("first", 1), delivery("first", 2));
    for delivery in [&broken, &sound] {
        store.put_delivery(delivery, 0, Wait::Due(at(1000))).await.unwrap();
    }
    spoil(&clients, broken.id.partition(), broken.id.as_str()).await;
    let read = store.current_deliveries([&broken.id, &sound.id]).await.unwrap();
    assert_eq!(read[&sound.id].as_ref().unwrap().delivery, sound);
    let unreadable = read[&broken.id].as_ref().unwrap_err();
    assert_eq!((unreadable.kind, unreadable.id.as_str()), ("delivery", broken.id.as_str()));
    let alone = store.delivery(&broken.id).await.unwrap_err();
    assert!(matches!(alone, StoreError::Corrupt(unreadable) if unreadable.id == broken.id.as_str()));
    store.leave_due_index(&broken.id).await.unwrap();
    let due: Vec<_> = due(&store, at(2000), 10).await.into_iter().map(|due| due.delivery).collect();
    assert_eq!(due, [sound.id]);
    // Who is not there is no error, and does not come into being.
    let unknown = delivery("other", 1).id;
    store.leave_due_index(&unknown).await.unwrap();
    assert_eq!(store.delivery(&unknown).await.unwrap(), None);
}

async fn a_delivery_leaves_the_due_index_when_it_is_written_without_a_time(clients: Clients) {
    let store = store(&clients).await;
    let delivery = delivery("first", 1);
    store.put_delivery(&delivery, 0, Wait::Nothing).await.unwrap();
    assert_eq!(due(&store, at(9000), 10).await, []);
    store.put_delivery(&delivery, 1, Wait::Due(at(1000))).await.unwrap();
    assert_eq!(due(&store, at(9000), 10).await, [Due { delivery: delivery.id.clone(), due_at: at(1000) }]);
    store.put_delivery(&delivery, 2, Wait::Due(at(2000))).await.unwrap();
    assert_eq!(due(&store, at(9000), 10).await, [Due { delivery: delivery.id.clone(), due_at: at(2000) }]);
    store.put_delivery(&delivery, 3, Wait::Nothing).await.unwrap();
    assert_eq!(due(&store, at(9000), 10).await, []);
}

async fn a_due_entry_is_moved_by_one_of_two(clients: Clients) {
    let store = store(&clients).await;
    let delivery = delivery("first", 1);
    store.put_delivery(&delivery, 0, Wait::Due(at(1000))).await.unwrap();
    let seen = due(&store, at(1000), 10).await.remove(0);
    let (one, other) = tokio::join!(store.move_due(&seen, at(5000)), store.move_due(&seen, at(6000)));
    let claims = [one.unwrap(), other.unwrap()];
    assert_eq!(claims.iter().filter(|&&claim| claim == DueClaim::Moved).count(), 1, "{claims:?}");
    assert_eq!(due(&store, at(4999), 10).await, []);
    let moved = due(&store, at(9000), 10).await;
    let to = if claims[0] == DueClaim::Moved { at(5000) } else { at(6000) };
    assert_eq!(moved, [Due { delivery: delivery.id, due_at: to }]);
}

async fn a_due_entry_of_a_delivery_that_is_done_is_gone(clients: Clients) {
    let store = store(&clients).await;
    let delivery = delivery("first", 1);
    let seen = Due { delivery: delivery.id.clone(), due_at: at(1000) };
    assert_eq!(store.move_due(&seen, at(5000)).await.unwrap(), DueClaim::Gone, "it was never stored");
    assert_eq!(store.delivery(&delivery.id).await.unwrap(), None, "moving makes no item");
    store.put_delivery(&delivery, 0, Wait::Due(at(1000))).await.unwrap();
    store.put_delivery(&delivery, 1, Wait::Nothing).await.unwrap();
    assert_eq!(store.move_due(&seen, at(5000)).await.unwrap(), DueClaim::Gone);
    assert_eq!(due(&store, at(9000), 10).await, []);
}

async fn a_moved_entry_does_not_stand_in_the_way_of_the_next_write(clients: Clients) {
    let store = store(&clients).await;
    let delivery = delivery("first", 1);
    store.put_delivery(&delivery, 0, Wait::Due(at(1000))).await.unwrap();
    let read = store.delivery(&delivery.id).await.unwrap().unwrap();
    let seen = due(&store, at(1000), 10).await.remove(0);
    assert_eq!(store.move_due(&seen, at(5000)).await.unwrap(), DueClaim::Moved);
    assert_eq!(store.delivery(&delivery.id).await.unwrap().as_ref(), Some(&read));
    store.put_delivery(&delivery, read.revision, Wait::Nothing).await.unwrap();
    assert_eq!(due(&store, at(9000), 10).await, []);
}

async fn who_asked_for_an_attempt_is_read_with_the_delivery_until_it_is_written_again(clients: Clients) {
    let store = store(&clients).await;
    let delivery = delivery("first", 1);
    let read = async || store.delivery(&delivery.id).await.unwrap().expect("it is stored");
    let replay = Asked::For(ReplayId::mint([7; 16]));
    for (revision, asked) in (0..).zip([Asked::ByHand, replay]) {
        store.put_delivery(&delivery, revision, Wait::DueAsked(at(1000), asked.clone())).await.unwrap();
        let stored = read().await;
        assert_eq!((stored.asked, stored.placed), (Some(asked), None));
    }
    let shard =
        (0..DUE_SHARDS).map(async |shard| store.due_deliveries(shard, at(1000), None, 10).await.unwrap());
    let due: Vec<_> = join_all(shard).await.into_iter().flatten().collect();
    assert_eq!(due.len(), 1);
    store.move_due(&due[0], at(2000)).await.unwrap();
    assert!(read().await.asked.is_some(), "it waits still");
    store.put_delivery(&delivery, 2, Wait::Due(at(3000))).await.unwrap();
    assert_eq!(read().await.asked, None);
}
