//! Requests in quarantine, and what a source may have kept of a day.

use contracts::Clients;
use domain::QuarantineId;
use jiff::SignedDuration;
use store::{
    PageRequest, QUARANTINE_MAX_BYTES_PER_DAY, QUARANTINE_MAX_REQUESTS_PER_DAY, Quarantined, SealedRequest,
};

use crate::samples::{at, incompressible, readable, source_id, store};

crate::checks!["store":
    a_request_in_quarantine_is_read_by_its_id_and_deleted_once,
    a_sources_requests_in_quarantine_are_listed_newest_first_over_pages,
    the_requests_of_all_sources_in_quarantine_are_listed_by_time,
    a_request_larger_than_an_item_is_kept_listed_and_deleted_with_all_its_parts,
    a_day_in_quarantine_ends_at_its_number_of_requests,
    a_day_in_quarantine_ends_at_its_bytes,
    what_comes_at_once_gets_no_more_of_a_day_than_there_is,
];

fn request(source: u64, milliseconds: i64) -> SealedRequest {
    let received_at = at(milliseconds);
    let mut uuid = [7; 16];
    uuid[..8].copy_from_slice(&milliseconds.to_be_bytes());
    let entry = Quarantined {
        id: QuarantineId::mint(&source_id(source), uuid),
        source: source_id(source),
        provider: "stripe".to_owned(),
        reason: "signature_mismatch".to_owned(),
        method: "POST".to_owned(),
        header_names: vec!["stripe-signature".to_owned(), "host".to_owned()],
        body_bytes: 2_890,
        received_at,
    };
    SealedRequest { entry, sealed: vec![0, 255, 128, 7] }
}

async fn a_request_in_quarantine_is_read_by_its_id_and_deleted_once(clients: Clients) {
    let store = store(&clients).await;
    let request = request(1, 5);
    let id = &request.entry.id;
    assert_eq!(store.quarantined(id).await.unwrap(), None);
    store.put_quarantined(&request).await.unwrap();
    assert_eq!(store.quarantined(id).await.unwrap().as_ref(), Some(&request));
    assert!(store.delete_quarantined(id).await.unwrap());
    assert!(!store.delete_quarantined(id).await.unwrap());
    assert_eq!(store.quarantined(id).await.unwrap(), None);
}

async fn a_sources_requests_in_quarantine_are_listed_newest_first_over_pages(clients: Clients) {
    let store = store(&clients).await;
    for (source, milliseconds) in [(1, 3), (1, 1), (2, 2), (1, 2)] {
        store.put_quarantined(&request(source, milliseconds)).await.unwrap();
    }
    // The counter stands elsewhere: it must not come up among them.
    assert!(store.reserve_quarantine(&source_id(1), at(1), 10).await.unwrap());
    let mut found = Vec::new();
    let mut page = PageRequest { after: None, limit: 2 };
    loop {
        let listed = readable(store.quarantine_of(&source_id(1), &page).await.unwrap());
        assert!(listed.items.len() <= 2);
        found.extend(listed.items);
        match listed.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    assert_eq!(found, [(1, 3), (1, 2), (1, 1)].map(|(source, at)| request(source, at).entry));
}

async fn the_requests_of_all_sources_in_quarantine_are_listed_by_time(clients: Clients) {
    let store = store(&clients).await;
    for (source, milliseconds) in [(1, 3), (2, 4), (3, 1), (1, 2)] {
        store.put_quarantined(&request(source, milliseconds)).await.unwrap();
    }
    let mut found = Vec::new();
    let mut page = PageRequest { after: None, limit: 3 };
    loop {
        let listed = store.list_quarantine(&page).await.unwrap();
        found.extend(listed.items.into_iter().map(|listed| listed.id));
        match listed.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    let expected = [(2, 4), (1, 3), (1, 2), (3, 1)].map(|(source, at)| request(source, at).entry.id);
    assert_eq!(found, expected);
    let read = store.quarantined_by_id(&found).await.unwrap();
    assert_eq!(read.len(), 4);
    assert_eq!(*read[&found[0]].as_ref().unwrap(), request(2, 4).entry);
}

async fn a_request_larger_than_an_item_is_kept_listed_and_deleted_with_all_its_parts(clients: Clients) {
    let store = store(&clients).await;
    let large = SealedRequest { sealed: incompressible(5_000_000), ..request(1, 2) };
    for request in [&request(1, 1), &large, &request(1, 3)] {
        store.put_quarantined(request).await.unwrap();
    }
    assert!(store.quarantined(&large.entry.id).await.unwrap().as_ref() == Some(&large));
    let before = store.meter().read_units();
    let mut found = Vec::new();
    let mut page = PageRequest { after: None, limit: 1 };
    loop {
        let listed = readable(store.quarantine_of(&source_id(1), &page).await.unwrap());
        found.extend(listed.items.into_iter().map(|entry| entry.id));
        match listed.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    assert_eq!(found, [3, 2, 1].map(|at| request(1, at).entry.id));
    let units = store.meter().read_units() - before;
    assert!(units <= 4.0, "no part is read for a list: {units} units");

    assert!(store.delete_quarantined(&large.entry.id).await.unwrap());
    assert!(!store.delete_quarantined(&large.entry.id).await.unwrap());
    let left = clients.dynamodb.scan().table_name(&clients.name).send().await.unwrap();
    assert_eq!(left.items().len(), 2, "the other two requests");
}

async fn a_day_in_quarantine_ends_at_its_number_of_requests(clients: Clients) {
    let store = store(&clients).await;
    let source = source_id(1);
    for number in 0..QUARANTINE_MAX_REQUESTS_PER_DAY {
        assert!(store.reserve_quarantine(&source, at(0), 1).await.unwrap(), "{number}");
    }
    assert!(!store.reserve_quarantine(&source, at(0), 1).await.unwrap());
    assert!(store.reserve_quarantine(&source_id(2), at(0), 1).await.unwrap(), "another source has its own");
    let tomorrow = at(0) + SignedDuration::from_hours(24);
    assert!(store.reserve_quarantine(&source, tomorrow, 1).await.unwrap());
}

async fn a_day_in_quarantine_ends_at_its_bytes(clients: Clients) {
    let store = store(&clients).await;
    let source = source_id(1);
    let reserve = async |bytes| store.reserve_quarantine(&source, at(0), bytes).await.unwrap();
    assert!(!reserve(QUARANTINE_MAX_BYTES_PER_DAY + 1).await);
    assert!(reserve(QUARANTINE_MAX_BYTES_PER_DAY - 10).await);
    assert!(!reserve(11).await, "what does not fit is not counted");
    assert!(reserve(10).await);
    assert!(!reserve(1).await);
}

async fn what_comes_at_once_gets_no_more_of_a_day_than_there_is(clients: Clients) {
    let store = store(&clients).await;
    let source = source_id(1);
    let share = QUARANTINE_MAX_BYTES_PER_DAY / 10 + 1; // nine of them fit
    let reserve = async || store.reserve_quarantine(&source, at(0), share).await.unwrap();
    let reserved = futures::future::join_all((0..40).map(|_| reserve())).await;
    assert_eq!(reserved.into_iter().filter(|reserved| *reserved).count(), 9);
}
