//! The table, and configuration in it.

use contracts::Clients;
use domain::{Endpoint, Source};
use store::{PageRequest, StoreError};

use crate::samples::{endpoint, readable, source, source_id, spoil, store, walk};

crate::checks!["store":
    creating_the_table_twice_keeps_what_is_in_it,
    a_config_item_is_created_once,
    a_config_item_is_replaced_only_at_the_revision_that_was_read,
    a_config_item_is_deleted_at_its_revision_or_at_any,
    config_items_are_listed_newest_first_over_pages,
    a_config_item_that_can_not_be_read_costs_only_itself,
];

async fn creating_the_table_twice_keeps_what_is_in_it(clients: Clients) {
    let store = store(&clients).await;
    store.create_config(&source(1)).await.unwrap();
    store.create_table().await.unwrap();
    assert!(store.config::<Source>(source_id(1).as_str()).await.unwrap().is_some());
}

async fn a_config_item_is_created_once(clients: Clients) {
    let store = store(&clients).await;
    assert_eq!(store.config::<Source>(source_id(1).as_str()).await.unwrap(), None);
    assert_eq!(store.create_config(&source(1)).await.unwrap(), 1);
    let mut other = source(1);
    other.name = "another".to_owned();
    assert!(matches!(store.create_config(&other).await, Err(StoreError::Conflict)));
    let read = store.config::<Source>(source_id(1).as_str()).await.unwrap().unwrap();
    assert_eq!((read.value, read.revision), (source(1), 1));
}

async fn a_config_item_is_replaced_only_at_the_revision_that_was_read(clients: Clients) {
    let store = store(&clients).await;
    let mut changed = source(1);
    changed.name = "changed".to_owned();
    assert!(matches!(store.replace_config(&changed, 1).await, Err(StoreError::Conflict)), "it is not there");
    store.create_config(&source(1)).await.unwrap();
    assert_eq!(store.replace_config(&changed, 1).await.unwrap(), 2);
    assert!(matches!(store.replace_config(&source(1), 1).await, Err(StoreError::Conflict)));
    let read = store.config::<Source>(source_id(1).as_str()).await.unwrap().unwrap();
    assert_eq!((read.value, read.revision), (changed, 2));
}

async fn a_config_item_is_deleted_at_its_revision_or_at_any(clients: Clients) {
    let store = store(&clients).await;
    for number in [1, 2] {
        store.create_config(&source(number)).await.unwrap();
    }
    let delete =
        async |number, revision| store.delete_config::<Source>(source_id(number).as_str(), revision).await;
    assert!(matches!(delete(1, Some(2)).await, Err(StoreError::Conflict)));
    assert!(delete(1, Some(1)).await.unwrap());
    assert!(matches!(delete(1, Some(1)).await, Err(StoreError::Conflict)), "it is gone");
    assert!(!delete(1, None).await.unwrap());
    assert!(delete(2, None).await.unwrap());
    assert_eq!(store.all_configs::<Source>().await.unwrap(), []);
}

async fn config_items_are_listed_newest_first_over_pages(clients: Clients) {
    let store = store(&clients).await;
    for number in [3, 1, 7, 5, 2, 6, 4] {
        store.create_config(&source(number)).await.unwrap();
        store.create_config(&endpoint(number)).await.unwrap();
    }
    let newest_first: Vec<Source> = (1..=7).rev().map(source).collect();
    for limit in [1, 3, 7, 100] {
        let listed = walk(limit, async |page| readable(store.configs::<Source>(&page).await.unwrap())).await;
        assert!(listed.iter().all(|listed| listed.revision == 1));
        let listed: Vec<Source> = listed.into_iter().map(|listed| listed.value).collect();
        assert_eq!(listed, newest_first, "pages of {limit}");
    }
    assert_eq!(store.all_configs::<Source>().await.unwrap(), newest_first);
    assert_eq!(store.all_configs::<Endpoint>().await.unwrap().len(), 7);
}

async fn a_config_item_that_can_not_be_read_costs_only_itself(clients: Clients) {
    let store = store(&clients).await;
    for number in 1..=3 {
        store.create_config(&source(number)).await.unwrap();
    }
    spoil(&clients, "source", source_id(2).as_str()).await;
    let page = PageRequest { after: None, limit: 10 };
    let listed = store.configs::<Source>(&page).await.unwrap();
    let newest_first = [3, 2, 1].map(|number| source_id(number).to_string());
    let positions: Vec<String> = listed.items.iter().map(|entry| entry.position.clone()).collect();
    assert_eq!(positions, newest_first);
    let unreadable = listed.items[1].item.as_ref().unwrap_err();
    assert_eq!((unreadable.kind, unreadable.id.as_str()), ("source", source_id(2).as_str()));
    assert_eq!(store.all_configs::<Source>().await.unwrap(), [source(3), source(1)]);
    assert_eq!(store.config_ids::<Source>().await.unwrap(), newest_first);
    let alone = store.config::<Source>(source_id(2).as_str()).await.unwrap_err();
    assert_eq!(alone.to_string(), format!("a stored source can't be read: {}", source_id(2)));
}
