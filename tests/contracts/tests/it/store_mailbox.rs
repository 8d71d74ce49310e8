//! Deliveries that wait to be fetched.

use contracts::Clients;
use domain::{DeliveryId, ReplayId};
use jiff::Timestamp;
use store::{Asked, DUE_SHARDS, Placed, Store, StoreError, StoredDelivery, Wait};

use crate::samples::{at, delivery, endpoint_id, store};

crate::checks!["store":
    a_mailbox_has_what_was_placed_in_the_order_of_placing_a_page_at_a_time,
    a_mailbox_has_nothing_of_another_endpoint_and_nothing_that_is_due,
    how_a_delivery_came_to_wait_is_read_with_it_and_ends_with_its_waiting,
    of_two_that_take_a_delivery_from_its_mailbox_one_does,
    a_delivery_goes_from_the_due_index_to_its_mailbox,
];

fn placed(milliseconds: i64) -> Wait {
    Wait::Fetch(Placed { at: at(milliseconds), asked: None })
}

/// All that stands in a mailbox, in pages of this size.
async fn waiting(store: &Store, endpoint: u64, limit: usize) -> Vec<DeliveryId> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.mailbox(&endpoint_id(endpoint), after.as_deref(), limit).await.unwrap();
        assert!(page.items.len() <= limit);
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

async fn due(store: &Store, now: Timestamp) -> usize {
    let mut count = 0;
    for shard in 0..DUE_SHARDS {
        count += store.due_deliveries(shard, now, None, 100).await.unwrap().len();
    }
    count
}

async fn a_mailbox_has_what_was_placed_in_the_order_of_placing_a_page_at_a_time(clients: Clients) {
    let store = store(&clients).await;
    let mut expected = Vec::new();
    for number in 0..7 {
        let delivery = delivery(&number.to_string(), 1);
        // Two of them in the same millisecond.
        let milliseconds = 1000 - (number % 6) * 100;
        store.put_delivery(&delivery, 0, placed(milliseconds)).await.unwrap();
        expected.push((milliseconds, delivery.id));
    }
    expected.sort();
    let expected: Vec<DeliveryId> = expected.into_iter().map(|(_, id)| id).collect();
    for limit in [1, 2, 3, 7, 50] {
        assert_eq!(waiting(&store, 1, limit).await, expected, "{limit}");
    }
}

async fn a_mailbox_has_nothing_of_another_endpoint_and_nothing_that_is_due(clients: Clients) {
    let store = store(&clients).await;
    store.put_delivery(&delivery("first", 1), 0, placed(1000)).await.unwrap();
    store.put_delivery(&delivery("first", 2), 0, placed(1000)).await.unwrap();
    store.put_delivery(&delivery("second", 1), 0, Wait::Due(at(1000))).await.unwrap();
    store.put_delivery(&delivery("third", 1), 0, Wait::Nothing).await.unwrap();
    assert_eq!(waiting(&store, 1, 10).await, [delivery("first", 1).id]);
    assert_eq!(waiting(&store, 3, 10).await, []);
    assert_eq!(due(&store, at(9000)).await, 1, "what waits to be fetched is nothing to the sweeper");
}

async fn how_a_delivery_came_to_wait_is_read_with_it_and_ends_with_its_waiting(clients: Clients) {
    let store = store(&clients).await;
    let delivery = delivery("first", 1);
    let read = async || -> StoredDelivery {
        let stored =
            store.current_deliveries([&delivery.id]).await.unwrap().remove(&delivery.id).unwrap().unwrap();
        assert_eq!(store.delivery(&delivery.id).await.unwrap().as_ref(), Some(&stored));
        stored
    };
    let asked = [None, Some(Asked::ByHand), Some(Asked::For(ReplayId::mint([7; 16])))];
    for (revision, asked) in (0..).zip(asked) {
        let placed = Placed { at: at(1000), asked };
        store.put_delivery(&delivery, revision, Wait::Fetch(placed.clone())).await.unwrap();
        assert_eq!(read().await.placed, Some(placed));
    }
    for (revision, wait) in [(3, Wait::Due(at(2000))), (4, Wait::Nothing)] {
        store.put_delivery(&delivery, revision, wait).await.unwrap();
        assert_eq!(read().await.placed, None);
    }
    assert_eq!(waiting(&store, 1, 10).await, []);
}

async fn of_two_that_take_a_delivery_from_its_mailbox_one_does(clients: Clients) {
    let store = store(&clients).await;
    let delivery = delivery("first", 1);
    store.put_delivery(&delivery, 0, placed(1000)).await.unwrap();
    let take = || store.put_delivery(&delivery, 1, Wait::Nothing);
    let (one, other) = tokio::join!(take(), take());
    assert_eq!([&one, &other].iter().filter(|taken| taken.is_ok()).count(), 1);
    assert!([one, other].into_iter().any(|taken| matches!(taken, Err(StoreError::Conflict))));
    assert_eq!(waiting(&store, 1, 10).await, []);
}

async fn a_delivery_goes_from_the_due_index_to_its_mailbox(clients: Clients) {
    let store = store(&clients).await;
    let delivery = delivery("first", 1);
    store.put_delivery(&delivery, 0, Wait::Due(at(1000))).await.unwrap();
    store.put_delivery(&delivery, 1, placed(2000)).await.unwrap();
    assert_eq!((waiting(&store, 1, 10).await, due(&store, at(9000)).await), (vec![delivery.id], 0));
}
