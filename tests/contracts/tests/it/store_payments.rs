//! Payments, and how they are found.

use std::collections::BTreeSet;

use contracts::Clients;
use domain::{Payment, PaymentId};
use jiff::Timestamp;
use store::{PageRequest, Store, StoreError, StoredPayment};

use crate::samples::{at, learn, payment, payment_id, payment_with_reference, store, stored, walk};

crate::checks!["store":
    a_payment_is_written_at_the_revision_that_was_read_and_at_no_other,
    many_payments_are_read_at_once_and_unknown_ones_left_out,
    a_rewritten_payment_keeps_its_index_entries_and_pays_for_the_item_alone,
    payments_are_listed_newest_first_over_pages_and_shards,
    payments_are_found_by_their_merchant_reference_newest_first,
    a_merchant_reference_may_be_longer_than_a_key,
    a_payment_is_found_by_its_latest_merchant_reference,
];

async fn a_payment_is_written_at_the_revision_that_was_read_and_at_no_other(clients: Clients) {
    let store = store(&clients).await;
    assert_eq!(store.payment(&payment_id(1)).await.unwrap(), None);
    assert!(matches!(store.put_payment(stored(payment(1, at(0)), 1)).await, Err(StoreError::Conflict)));
    store.put_payment(stored(payment(1, at(0)), 0)).await.unwrap();
    let mut read = store.payment(&payment_id(1)).await.unwrap().unwrap();
    assert_eq!((&read.payment, read.revision), (&payment(1, at(0)), 1));
    learn(&mut read.payment, "second", 200);
    for stale in [0, 2] {
        let stale = stored(read.payment.clone(), stale);
        assert!(matches!(store.put_payment(stale).await, Err(StoreError::Conflict)));
    }
    store.put_payment(read.clone()).await.unwrap();
    let again = store.payment(&payment_id(1)).await.unwrap().unwrap();
    assert_eq!((again.payment, again.revision), (read.payment, 2));
}

async fn many_payments_are_read_at_once_and_unknown_ones_left_out(clients: Clients) {
    let store = store(&clients).await;
    for number in 0..105 {
        store.put_payment(stored(payment(number, at(0)), 0)).await.unwrap();
    }
    let ids: Vec<PaymentId> = (0..120).map(payment_id).collect();
    for consistent in [false, true] {
        let found = store.payments(&ids, consistent).await.unwrap();
        assert_eq!(found.len(), 105);
        let is_itself =
            |id: &PaymentId, stored: &StoredPayment| stored.payment.id == *id && stored.revision == 1;
        assert!(found.iter().all(|(id, stored)| stored.as_ref().is_ok_and(|stored| is_itself(id, stored))));
    }
    // DynamoDB refuses a batch that names an item twice.
    let twice = [payment_id(1), payment_id(2), payment_id(1), payment_id(200), payment_id(200)];
    assert_eq!(store.payments(&twice, true).await.unwrap().len(), 2);
    assert!(store.payments([], true).await.unwrap().is_empty());
}

async fn a_rewritten_payment_keeps_its_index_entries_and_pays_for_the_item_alone(clients: Clients) {
    let store = store(&clients).await;
    let mut payment = payment_with_reference(1, "order-1", at(0));
    let page = PageRequest { after: None, limit: 10 };
    let cost = async |payment: &Payment, revision| {
        let before = store.meter().write_units();
        store.put_payment(stored(payment.clone(), revision)).await.unwrap();
        store.meter().write_units() - before
    };
    assert_eq!(cost(&payment, 0).await, 3.0, "the item and an entry in each index");
    let listed = store.list_payments(&page).await.unwrap();
    learn(&mut payment, "second", 200);
    payment.updated_at = at(5000);
    assert_eq!(cost(&payment, 1).await, 1.0);
    assert_eq!(store.list_payments(&page).await.unwrap(), listed);
    assert_eq!(found(&store, "order-1", 10).await, [payment.id]);
}

async fn payments_are_listed_newest_first_over_pages_and_shards(clients: Clients) {
    let store = store(&clients).await;
    // Seven of each millisecond, written in no order.
    let created_at = |number: u64| at(i64::try_from(number / 7).unwrap());
    for step in 0..60 {
        let number = step * 23 % 60;
        store.put_payment(stored(payment(number, created_at(number)), 0)).await.unwrap();
    }
    let time_of = |id: &PaymentId| created_at((0..60).find(|&number| payment_id(number) == *id).unwrap());
    let mut orders = BTreeSet::new();
    for limit in [1, 7, 20, 60, 100] {
        let listed = walk(limit, async |page| store.list_payments(&page).await.unwrap()).await;
        let ids: Vec<PaymentId> = listed.into_iter().map(|listed| listed.id).collect();
        assert_eq!(ids.len(), 60, "pages of {limit}");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 60, "pages of {limit}");
        let times: Vec<Timestamp> = ids.iter().map(time_of).collect();
        assert!(times.is_sorted_by(|newer, older| newer >= older), "pages of {limit}");
        orders.insert(ids);
    }
    assert_eq!(orders.len(), 1, "the order does not depend on the size of the pages");
}

async fn found(store: &Store, reference: &str, limit: usize) -> Vec<PaymentId> {
    let find = async |page| store.payments_by_merchant_reference(reference, &page).await.unwrap();
    let listed: Vec<PaymentId> = walk(limit, find).await.into_iter().map(|listed| listed.id).collect();
    // As every caller does: a reference longer than its key may share the entry with another.
    let payments = store.payments(&listed, true).await.unwrap();
    let is_meant = |id: &PaymentId| {
        let named = &payments[id].as_ref().expect("it can be read").payment.ledger.merchant_reference;
        named.as_ref().is_some_and(|named| named.value == reference)
    };
    listed.into_iter().filter(is_meant).collect()
}

async fn payments_are_found_by_their_merchant_reference_newest_first(clients: Clients) {
    let store = store(&clients).await;
    for (number, reference, milliseconds) in
        [(1, "order-1", 5), (2, "order-1", 7), (3, "order-2", 6), (4, "order-1", 6), (5, "Köln-注文-🛒", 1)]
    {
        let payment = payment_with_reference(number, reference, at(milliseconds));
        store.put_payment(stored(payment, 0)).await.unwrap();
    }
    for limit in [1, 2, 3, 10] {
        assert_eq!(found(&store, "order-1", limit).await, [2, 4, 1].map(payment_id), "pages of {limit}");
    }
    assert_eq!(found(&store, "order-2", 10).await, [payment_id(3)]);
    assert_eq!(found(&store, "Köln-注文-🛒", 10).await, [payment_id(5)]);
    for unknown in ["order", "order-11", "ORDER-1", ""] {
        assert_eq!(found(&store, unknown, 10).await, [], "{unknown}");
    }
    // Of one millisecond: which comes first is of no matter, but both come, at every size of the pages.
    for number in [6, 7] {
        store.put_payment(stored(payment_with_reference(number, "twice", at(9)), 0)).await.unwrap();
    }
    for limit in [1, 2] {
        let both: BTreeSet<PaymentId> = found(&store, "twice", limit).await.into_iter().collect();
        assert_eq!(both, [6, 7].map(payment_id).into(), "pages of {limit}");
    }
}

async fn a_merchant_reference_may_be_longer_than_a_key(clients: Clients) {
    let store = store(&clients).await;
    // A key takes 1,000 bytes of a reference: these are the same up to there, or have a character across it.
    let (first, second) = (format!("{}1", "x".repeat(3000)), format!("{}2", "x".repeat(3000)));
    let across = format!("{}é-end", "x".repeat(999));
    let wide = "🛒".repeat(700);
    for (number, reference) in [(1, &first), (2, &second), (3, &across), (4, &wide)] {
        store.put_payment(stored(payment_with_reference(number, reference, at(0)), 0)).await.unwrap();
    }
    for limit in [1, 10] {
        assert_eq!(found(&store, &first, limit).await, [payment_id(1)]);
        assert_eq!(found(&store, &second, limit).await, [payment_id(2)]);
        assert_eq!(found(&store, &across, limit).await, [payment_id(3)]);
        assert_eq!(found(&store, &wide, limit).await, [payment_id(4)]);
        assert_eq!(found(&store, &"x".repeat(1000), limit).await, []);
    }
}

async fn a_payment_is_found_by_its_latest_merchant_reference(clients: Clients) {
    let store = store(&clients).await;
    store.put_payment(stored(payment_with_reference(1, "before", at(0)), 0)).await.unwrap();
    store.put_payment(stored(payment_with_reference(1, "after", at(0)), 1)).await.unwrap();
    assert_eq!(found(&store, "before", 10).await, []);
    assert_eq!(found(&store, "after", 10).await, [payment_id(1)]);
}
