//! How endpoints fare.

use contracts::Clients;
use domain::{Health, Standing};

use crate::samples::{at, endpoint_id, store};

crate::checks!["store":
    failures_are_counted_since_the_first_until_they_are_forgotten,
    of_two_that_want_the_probe_one_gets_it,
    a_success_forgets_only_the_outage_that_it_ends,
    slow_and_failing_are_noted_and_forgotten_each_by_itself,
];

async fn failures_are_counted_since_the_first_until_they_are_forgotten(clients: Clients) {
    let store = store(&clients).await;
    let (endpoint, other) = (endpoint_id(1), endpoint_id(2));
    assert_eq!(store.standing(&endpoint, true).await.unwrap(), Standing::default());
    store.note_failure(&endpoint, at(1)).await.unwrap();
    let standing = store.note_failure(&endpoint, at(2)).await.unwrap();
    let expected =
        Health { consecutive_failures: 2, failing_since: at(1), next_probe_at: None, warned_percent: None };
    assert_eq!(standing, failing(expected.clone()));
    assert!(store.note_warning(&endpoint, at(1), 50).await.unwrap());
    assert!(!store.note_warning(&endpoint, at(2), 70).await.unwrap(), "another outage");
    let warned = Health { warned_percent: Some(50), ..expected };
    assert_eq!(store.standing(&endpoint, true).await.unwrap(), failing(warned.clone()));
    let all = store.standings([&endpoint, &other]).await.unwrap();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), [(endpoint.clone(), failing(warned))]);
    store.forget_standing(&endpoint).await.unwrap();
    store.forget_standing(&endpoint).await.unwrap();
    assert_eq!(store.standing(&endpoint, true).await.unwrap(), Standing::default());
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
    let health = store.note_failure(&endpoint, at(6)).await.unwrap().health.expect("it fails");
    assert_eq!((health.next_probe_at, health.consecutive_failures), (Some(at(10)), 2));
}

async fn a_success_forgets_only_the_outage_that_it_ends(clients: Clients) {
    let store = store(&clients).await;
    let endpoint = endpoint_id(1);
    store.note_failure(&endpoint, at(3)).await.unwrap();
    store.clear_health(&endpoint, at(1)).await.unwrap();
    assert!(store.standing(&endpoint, true).await.unwrap().health.is_some());
    store.clear_health(&endpoint, at(3)).await.unwrap();
    assert_eq!(store.standing(&endpoint, true).await.unwrap(), Standing::default());
}

async fn slow_and_failing_are_noted_and_forgotten_each_by_itself(clients: Clients) {
    let store = store(&clients).await;
    let endpoint = endpoint_id(1);
    store.note_slow(&endpoint, at(60)).await.unwrap();
    let slow = Standing { health: None, slow_until: Some(at(60)) };
    assert_eq!(store.standing(&endpoint, true).await.unwrap(), slow);
    assert!(!store.set_probe(&endpoint, None, at(5)).await.unwrap(), "nothing has failed");
    let both = store.note_failure(&endpoint, at(3)).await.unwrap();
    assert_eq!(both.health.map(|health| health.consecutive_failures), Some(1));
    assert_eq!(both.slow_until, Some(at(60)));
    assert!(store.set_probe(&endpoint, None, at(5)).await.unwrap());
    store.clear_health(&endpoint, at(3)).await.unwrap();
    assert_eq!(store.standing(&endpoint, true).await.unwrap(), slow);
    // The next outage begins at one, with its breaker closed.
    let again = store.note_failure(&endpoint, at(9)).await.unwrap().health.expect("it fails");
    assert_eq!((again.consecutive_failures, again.failing_since, again.next_probe_at), (1, at(9), None));
}

fn failing(health: Health) -> Standing {
    Standing { health: Some(health), slow_until: None }
}
