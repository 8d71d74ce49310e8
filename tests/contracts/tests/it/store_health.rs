//! How endpoints fare.

use contracts::Clients;
use domain::Health;

use crate::samples::{at, endpoint_id, store};

crate::checks!["store":
    failures_are_counted_since_the_first_until_they_are_forgotten,
    of_two_that_want_the_probe_one_gets_it,
    a_success_forgets_only_the_outage_that_it_ends,
];

async fn failures_are_counted_since_the_first_until_they_are_forgotten(clients: Clients) {
    let store = store(&clients).await;
    let (endpoint, other) = (endpoint_id(1), endpoint_id(2));
    assert_eq!(store.health(&endpoint, true).await.unwrap(), None);
    store.note_failure(&endpoint, at(1)).await.unwrap();
    let health = store.note_failure(&endpoint, at(2)).await.unwrap();
    let expected =
        Health { consecutive_failures: 2, failing_since: at(1), next_probe_at: None, warned_percent: None };
    assert_eq!(health, expected);
    assert!(store.note_warning(&endpoint, at(1), 50).await.unwrap());
    assert!(!store.note_warning(&endpoint, at(2), 70).await.unwrap(), "another outage");
    let warned = Health { warned_percent: Some(50), ..expected };
    assert_eq!(store.health(&endpoint, true).await.unwrap(), Some(warned.clone()));
    let all = store.health_of([&endpoint, &other]).await.unwrap();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), [(endpoint.clone(), warned)]);
    store.clear_health(&endpoint, None).await.unwrap();
    store.clear_health(&endpoint, None).await.unwrap();
    assert_eq!(store.health(&endpoint, true).await.unwrap(), None);
}

async fn of_two_that_want_the_probe_one_gets_it(clients: Clients) {
    let store = store(&clients).await;
    let endpoint = endpoint_id(1);
    assert!(!store.set_probe(&endpoint, None, at(5)).await.unwrap(), "nothing has failed");
    store.note_failure(&endpoint, at(1)).await.unwrap();
    assert!(store.set_probe(&endpoint, None, at(5)).await.unwrap());
    assert!(!store.set_probe(&endpoint, None, at(6)).await.unwrap(), "it is open already");
    assert!(store.set_probe(&endpoint, Some(at(5)), at(10)).await.unwrap());
    assert!(!store.set_probe(&endpoint, Some(at(5)), at(10)).await.unwrap());
    let health = store.note_failure(&endpoint, at(6)).await.unwrap();
    assert_eq!((health.next_probe_at, health.consecutive_failures), (Some(at(10)), 2));
}

async fn a_success_forgets_only_the_outage_that_it_ends(clients: Clients) {
    let store = store(&clients).await;
    let endpoint = endpoint_id(1);
    store.note_failure(&endpoint, at(3)).await.unwrap();
    store.clear_health(&endpoint, Some(at(1))).await.unwrap();
    assert!(store.health(&endpoint, true).await.unwrap().is_some());
    store.clear_health(&endpoint, Some(at(3))).await.unwrap();
    assert_eq!(store.health(&endpoint, true).await.unwrap(), None);
}
