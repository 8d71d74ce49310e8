//! What endpoints take at most.

use crate::samples::{self, endpoint_id, store};
use contracts::Clients;
use futures::future::join_all;
use jiff::Timestamp;
use store::{Lease, Store};

crate::checks!["store":
    of_many_that_want_a_lease_at_once_as_many_get_one_as_there_are,
    a_lease_that_was_not_given_back_expires,
    a_lease_that_is_taken_again_counts_once_even_if_it_was_the_last,
    a_lower_limit_holds_at_once,
    a_count_of_a_second_gives_no_number_twice,
];

fn at(second: i64) -> Timestamp {
    samples::at(second * 1000)
}

/// Expires at the tenth second.
fn lease(number: u8) -> Lease {
    Lease::new(at(10), [0, 0, 0, number])
}

async fn take(store: &Store, number: u8, limit: u16, now: i64) -> bool {
    store.take_lease(&endpoint_id(1), &lease(number), limit, at(now)).await.expect("the table answers")
}

async fn of_many_that_want_a_lease_at_once_as_many_get_one_as_there_are(clients: Clients) {
    let store = store(&clients).await;
    let taken = join_all((0..20).map(|number| take(&store, number, 7, 1))).await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 7);
    assert!(!take(&store, 30, 7, 1).await);
    let one = taken.iter().position(|taken| *taken).expect("seven are taken");
    store.release_lease(&endpoint_id(1), &lease(one.try_into().unwrap())).await.unwrap();
    assert!(take(&store, 30, 7, 1).await);
    assert!(!take(&store, 31, 7, 1).await);
    assert!(store.take_lease(&endpoint_id(2), &lease(0), 1, at(1)).await.unwrap(), "another endpoint");
}

async fn a_lease_that_was_not_given_back_expires(clients: Clients) {
    let store = store(&clients).await;
    assert!(take(&store, 1, 1, 1).await);
    assert!(!take(&store, 2, 1, 10).await, "it lasts to the end of its second");
    let later = Lease::new(at(20), [0, 0, 0, 3]);
    assert!(store.take_lease(&endpoint_id(1), &later, 1, at(11)).await.unwrap());
    assert!(!store.take_lease(&endpoint_id(1), &Lease::new(at(20), [0; 4]), 1, at(11)).await.unwrap());
    // Who was late gives back what is no longer there, and takes nothing from others.
    store.release_lease(&endpoint_id(1), &lease(1)).await.unwrap();
    assert!(!store.take_lease(&endpoint_id(1), &Lease::new(at(20), [0; 4]), 1, at(11)).await.unwrap());
}

async fn a_lease_that_is_taken_again_counts_once_even_if_it_was_the_last(clients: Clients) {
    let store = store(&clients).await;
    assert!(take(&store, 1, 2, 1).await && take(&store, 1, 2, 1).await && take(&store, 2, 2, 1).await);
    assert!(take(&store, 2, 2, 1).await, "as the SDK does when an answer is lost");
    assert!(!take(&store, 3, 2, 1).await);
}

async fn a_lower_limit_holds_at_once(clients: Clients) {
    let store = store(&clients).await;
    assert!(take(&store, 1, 3, 1).await && take(&store, 2, 3, 1).await);
    assert!(!take(&store, 3, 2, 1).await);
    store.release_lease(&endpoint_id(1), &lease(1)).await.unwrap();
    assert!(take(&store, 3, 2, 1).await);
}

async fn a_count_of_a_second_gives_no_number_twice(clients: Clients) {
    let store = store(&clients).await;
    let (endpoint, other) = (endpoint_id(1), endpoint_id(2));
    let counts = join_all((0..20).map(|_| store.count_in_second(&endpoint, at(1)))).await;
    let mut counts: Vec<u32> = counts.into_iter().map(|count| count.expect("the table answers")).collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=20).collect::<Vec<_>>());
    assert_eq!(store.count_in_second(&endpoint, at(2)).await.unwrap(), 1);
    assert_eq!(store.count_in_second(&other, at(1)).await.unwrap(), 1);
}
