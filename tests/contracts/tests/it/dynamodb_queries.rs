//! Reading items: batches, ranges in both directions, pages, sparse indexes.

use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnConsumedCapacity};
use contracts::Clients;

use crate::dynamodb::{Item, create_table, item, n, put, s};

crate::checks!["dynamodb":
    a_batch_get_returns_what_exists_consistently_or_not,
    a_batch_get_tells_its_capacity,
    a_query_returns_a_prefix_in_key_order_and_backwards,
    a_query_goes_on_after_a_page_in_both_directions,
    a_query_of_a_range_includes_its_ends,
    an_index_holds_only_items_that_have_its_keys,
    an_index_query_goes_on_after_a_page,
    an_item_leaves_the_index_with_its_key,
    a_strong_read_costs_twice_an_eventual_one,
];

async fn a_batch_get_returns_what_exists_consistently_or_not(clients: Clients) {
    create_table(&clients).await;
    for number in 0..3 {
        put(&clients, item(&format!("pay_{number}"), "payment", [("v", n(number))])).await;
    }
    for consistent in [true, false] {
        let mut keys = KeysAndAttributes::builder().consistent_read(consistent);
        for pk in ["pay_0", "pay_9", "pay_2"] {
            keys = keys.keys(item(pk, "payment", []));
        }
        let get = clients.dynamodb.batch_get_item().request_items(&clients.name, keys.build().unwrap());
        let mut got = get.send().await.unwrap();
        let mut found = got.responses.take().unwrap().remove(&clients.name).unwrap();
        found.sort_by_key(|item| item["PK"].as_s().unwrap().clone());
        let expected =
            [("pay_0", 0), ("pay_2", 2)].map(|(pk, version)| item(pk, "payment", [("v", n(version))]));
        assert_eq!(found, expected);
        assert!(got.unprocessed_keys().is_none_or(|keys| keys.is_empty()));
    }
}

async fn a_batch_get_tells_its_capacity(clients: Clients) {
    create_table(&clients).await;
    for (consistent, units) in [(true, 2.0), (false, 1.0)] {
        let keys = KeysAndAttributes::builder().consistent_read(consistent);
        let keys = keys.keys(item("pay_0", "payment", [])).keys(item("pay_1", "payment", []));
        let get = clients.dynamodb.batch_get_item().request_items(&clients.name, keys.build().unwrap());
        let got = get.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.unwrap();
        // Reading an item that is not there costs as much as a small one.
        assert_eq!(got.consumed_capacity()[0].capacity_units(), Some(units));
    }
}

/// Sort keys `evt#00` to `evt#19` between others that do not begin so.
async fn fill(clients: &Clients) {
    create_table(clients).await;
    for sk in ["evs#99", "evu#00"] {
        put(clients, item("pay_1", sk, [])).await;
    }
    for number in (0..20).rev() {
        put(clients, item("pay_1", &format!("evt#{number:02}"), [])).await;
    }
    put(clients, item("pay_2", "evt#00", [])).await;
}

fn events(clients: &Clients) -> QueryFluentBuilder {
    let query = clients.dynamodb.query().table_name(&clients.name);
    query
        .key_condition_expression("PK = :pk AND begins_with(SK, :prefix)")
        .expression_attribute_values(":pk", s("pay_1"))
        .expression_attribute_values(":prefix", s("evt#"))
}

fn sort_keys(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| item["SK"].as_s().unwrap().as_str()).collect()
}

async fn a_query_returns_a_prefix_in_key_order_and_backwards(clients: Clients) {
    fill(&clients).await;
    let forward = events(&clients).consistent_read(true).send().await.unwrap();
    let expected: Vec<String> = (0..20).map(|number| format!("evt#{number:02}")).collect();
    assert_eq!(sort_keys(forward.items()), expected);
    assert_eq!(forward.last_evaluated_key(), None);
    let backward = events(&clients).scan_index_forward(false).limit(3).send().await.unwrap();
    assert_eq!(sort_keys(backward.items()), ["evt#19", "evt#18", "evt#17"]);
    assert_eq!(backward.last_evaluated_key(), Some(&item("pay_1", "evt#17", [])));
}

async fn a_query_goes_on_after_a_page_in_both_directions(clients: Clients) {
    fill(&clients).await;
    for forward in [true, false] {
        let mut start = None;
        let mut seen = Vec::new();
        let mut pages = 0;
        loop {
            let query = events(&clients).scan_index_forward(forward).limit(8).set_exclusive_start_key(start);
            let page: QueryOutput = query.send().await.unwrap();
            seen.extend(sort_keys(page.items()).into_iter().map(str::to_owned));
            pages += 1;
            start = page.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        let mut expected: Vec<String> = (0..20).map(|number| format!("evt#{number:02}")).collect();
        if !forward {
            expected.reverse();
        }
        assert_eq!((seen, pages), (expected, 3));
    }
    // The page may start at a key that no item has: a cursor stays good when its item is deleted.
    let query = events(&clients).set_exclusive_start_key(Some(item("pay_1", "evt#17x", [])));
    assert_eq!(sort_keys(query.send().await.unwrap().items()), ["evt#18", "evt#19"]);
}

async fn a_query_of_a_range_includes_its_ends(clients: Clients) {
    fill(&clients).await;
    let query = clients.dynamodb.query().table_name(&clients.name);
    let query = query
        .key_condition_expression("PK = :pk AND SK BETWEEN :from AND :to")
        .expression_attribute_values(":pk", s("pay_1"))
        .expression_attribute_values(":from", s("evt#03"))
        .expression_attribute_values(":to", s("evt#05"));
    assert_eq!(sort_keys(query.send().await.unwrap().items()), ["evt#03", "evt#04", "evt#05"]);
}

async fn indexed(clients: &Clients) {
    create_table(clients).await;
    put(clients, item("dlv_0", "delivery", [("v", n(1))])).await;
    put(clients, item("dlv_9", "delivery", [("GSI1PK", s("due"))])).await;
    for number in 1..=3 {
        let keys = [("GSI1PK", s("due")), ("GSI1SK", s(&format!("{number}"))), ("v", n(1))];
        put(clients, item(&format!("dlv_{number}"), "delivery", keys)).await;
    }
}

fn due(clients: &Clients) -> QueryFluentBuilder {
    let query = clients.dynamodb.query().table_name(&clients.name).index_name("GSI1");
    query
        .key_condition_expression("GSI1PK = :due AND GSI1SK <= :now")
        .expression_attribute_values(":due", s("due"))
        .expression_attribute_values(":now", s("2"))
}

async fn an_index_holds_only_items_that_have_its_keys(clients: Clients) {
    indexed(&clients).await;
    let found = due(&clients).send().await.unwrap();
    let expected = ["1", "2"].map(|number| {
        item(&format!("dlv_{number}"), "delivery", [("GSI1PK", s("due")), ("GSI1SK", s(number))])
    });
    assert_eq!(found.items(), expected, "the keys only");
}

async fn an_index_query_goes_on_after_a_page(clients: Clients) {
    indexed(&clients).await;
    let first = due(&clients).limit(1).send().await.unwrap();
    let expected = item("dlv_1", "delivery", [("GSI1PK", s("due")), ("GSI1SK", s("1"))]);
    assert_eq!(first.last_evaluated_key(), Some(&expected));
    let second = due(&clients).set_exclusive_start_key(first.last_evaluated_key).send().await.unwrap();
    assert_eq!(second.items()[0]["PK"], s("dlv_2"));
    assert_eq!(second.count(), 1);
}

async fn an_item_leaves_the_index_with_its_key(clients: Clients) {
    indexed(&clients).await;
    let update = clients.dynamodb.update_item().table_name(&clients.name);
    let update =
        update.set_key(Some(item("dlv_1", "delivery", []))).update_expression("REMOVE GSI1PK, GSI1SK");
    update.send().await.unwrap();
    let found = due(&clients).send().await.unwrap();
    assert_eq!(found.count(), 1);
    assert_eq!(found.items()[0]["PK"], s("dlv_2"));
}

async fn a_strong_read_costs_twice_an_eventual_one(clients: Clients) {
    fill(&clients).await;
    for (consistent, units) in [(true, 1.0), (false, 0.5)] {
        let get =
            clients.dynamodb.get_item().table_name(&clients.name).set_key(Some(item("pay_1", "evt#01", [])));
        let get = get.consistent_read(consistent).return_consumed_capacity(ReturnConsumedCapacity::Total);
        let got = get.send().await.unwrap();
        assert_eq!(got.consumed_capacity().unwrap().capacity_units(), Some(units));
        let query = events(&clients).consistent_read(consistent);
        let query = query.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.unwrap();
        assert_eq!(query.consumed_capacity().unwrap().capacity_units(), Some(units));
    }
}
