//! When sources last sent something, and what was told of them.

use contracts::Clients;
use domain::{Filling, FillingStep};
use jiff::SignedDuration;
use store::{Activity, QUARANTINE_FULL_BELOW_BYTES, QUARANTINE_MAX_BYTES_PER_DAY};

use crate::samples::{at, source_id, store};

crate::checks!["store":
    a_sources_last_event_only_moves_forward_and_stands_beside_what_was_told_of_its_silence,
    a_day_in_quarantine_is_read_with_what_was_told_of_it,
    a_day_is_full_when_a_large_request_would_find_no_room,
];

async fn a_sources_last_event_only_moves_forward_and_stands_beside_what_was_told_of_its_silence(
    clients: Clients,
) {
    let store = store(&clients).await;
    let (source, other) = (source_id(1), source_id(2));
    assert_eq!(store.activity(&source).await.unwrap(), Activity::default());
    store.note_told_silent(&source, at(1), at(2)).await.unwrap();
    for milliseconds in [5, 9, 7] {
        store.note_event(&source, at(milliseconds)).await.unwrap();
    }
    let expected = Activity { last_event_at: Some(at(9)), told_silent_since: Some(at(1)) };
    assert_eq!(store.activity(&source).await.unwrap(), expected);
    let all = store.activity_of([&source, &other]).await.unwrap();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), [(source, expected)]);
}

async fn a_day_in_quarantine_is_read_with_what_was_told_of_it(clients: Clients) {
    let store = store(&clients).await;
    let (source, other, quiet) = (source_id(1), source_id(2), source_id(3));
    let tomorrow = at(0) + SignedDuration::from_hours(24);
    for (source, at) in [(&source, at(0)), (&source, at(1)), (&source, tomorrow), (&other, at(0))] {
        assert!(store.reserve_quarantine(source, at, 10).await.unwrap());
    }
    let days = store.quarantine_days([&source, &other, &quiet], &[at(0), at(1)]).await.unwrap();
    let mut found: Vec<_> = days.iter().map(|day| (&day.source, day.filling, day.told)).collect();
    found.sort_by_key(|(source, ..)| (*source).clone());
    let filling = |requests, bytes| Filling { requests, bytes, full: false };
    assert_eq!(found, [(&source, filling(2, 20), 0), (&other, filling(1, 10), 0)]);
    let both = store.quarantine_days([&source], &[at(0), tomorrow]).await.unwrap();
    assert_eq!(both.len(), 2);

    let day = days.iter().find(|day| day.source == source).unwrap().day;
    for (step, told) in [(FillingStep::Hundred, 2), (FillingStep::Ten, 2), (FillingStep::Full, 3)] {
        store.note_told_filling(&source, day, step).await.unwrap();
        let days = store.quarantine_days([&source], &[at(0)]).await.unwrap();
        assert_eq!(days[0].told, told, "{step:?}");
    }
    store.note_told_filling(&quiet, day, FillingStep::Ten).await.unwrap();
    assert_eq!(store.quarantine_days([&quiet], &[at(0)]).await.unwrap(), [], "nothing is left behind");
}

async fn a_day_is_full_when_a_large_request_would_find_no_room(clients: Clients) {
    let store = store(&clients).await;
    let room = QUARANTINE_MAX_BYTES_PER_DAY - QUARANTINE_FULL_BELOW_BYTES;
    let is_full = async || store.quarantine_days([&source_id(1)], &[at(0)]).await.unwrap()[0].filling.full;
    assert!(store.reserve_quarantine(&source_id(1), at(0), room).await.unwrap());
    assert!(!is_full().await);
    assert!(store.reserve_quarantine(&source_id(1), at(0), 1).await.unwrap());
    assert!(is_full().await);
}
