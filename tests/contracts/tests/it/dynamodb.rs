//! Writing items: conditions, capacity, types, TTL.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, ConsumedCapacity, GlobalSecondaryIndex,
    KeySchemaElement, KeyType, Projection, ProjectionType, ReturnConsumedCapacity, ReturnValue,
    ReturnValuesOnConditionCheckFailure, ScalarAttributeType, TimeToLiveSpecification, TimeToLiveStatus,
};
use contracts::Clients;

crate::checks!["dynamodb":
    a_put_on_absence_succeeds_once_and_then_shows_what_is_there,
    a_put_on_a_version_succeeds_only_for_that_version,
    of_concurrent_puts_on_absence_exactly_one_succeeds,
    a_conditional_update_changes_and_returns_the_item,
    a_conditional_delete_needs_its_condition,
    every_type_of_value_comes_back_as_it_was_written,
    a_write_tells_its_capacity_per_table_and_index,
    a_write_costs_one_unit_per_started_kibibyte,
    the_time_to_live_attribute_can_be_set,
    a_missing_table_is_named_so,
];

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) fn s(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(crate) fn n(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// An item with its key and further attributes.
pub(crate) fn item<const N: usize>(pk: &str, sk: &str, rest: [(&str, AttributeValue); N]) -> Item {
    let key = [("PK", s(pk)), ("SK", s(sk))];
    key.into_iter().chain(rest).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The table of the template: keys PK and SK, sparse KEYS_ONLY indexes GSI1 and GSI2.
pub(crate) async fn create_table(clients: &Clients) {
    let key = |name: &str, key_type| {
        KeySchemaElement::builder().attribute_name(name).key_type(key_type).build().unwrap()
    };
    let index = |name: &str| {
        let projection = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
        let index = GlobalSecondaryIndex::builder().index_name(name).projection(projection);
        let index = index.key_schema(key(&format!("{name}PK"), KeyType::Hash));
        index.key_schema(key(&format!("{name}SK"), KeyType::Range)).build().unwrap()
    };
    let mut create = clients
        .dynamodb
        .create_table()
        .table_name(&clients.name)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("PK", KeyType::Hash))
        .key_schema(key("SK", KeyType::Range))
        .global_secondary_indexes(index("GSI1"))
        .global_secondary_indexes(index("GSI2"));
    for name in ["PK", "SK", "GSI1PK", "GSI1SK", "GSI2PK", "GSI2SK"] {
        let definition = AttributeDefinition::builder().attribute_name(name);
        let definition = definition.attribute_type(ScalarAttributeType::S).build().unwrap();
        create = create.attribute_definitions(definition);
    }
    create.send().await.unwrap();
}

pub(crate) async fn put(clients: &Clients, item: Item) {
    clients.dynamodb.put_item().table_name(&clients.name).set_item(Some(item)).send().await.unwrap();
}

pub(crate) async fn get(clients: &Clients, pk: &str, sk: &str) -> Option<Item> {
    let get = clients.dynamodb.get_item().table_name(&clients.name).set_key(Some(item(pk, sk, [])));
    get.consistent_read(true).send().await.unwrap().item
}

async fn a_put_on_absence_succeeds_once_and_then_shows_what_is_there(clients: Clients) {
    create_table(&clients).await;
    let put = |version| {
        let put = clients.dynamodb.put_item().table_name(&clients.name);
        put.set_item(Some(item("pay_1", "payment", [("version", n(version))])))
            .condition_expression("attribute_not_exists(PK)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
    };
    put(1).await.unwrap();
    let refused = put(2).await.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(refused) =
        refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!(refused.item(), Some(&item("pay_1", "payment", [("version", n(1))])));
    assert_eq!(get(&clients, "pay_1", "payment").await.unwrap()["version"], n(1));
}

async fn a_put_on_a_version_succeeds_only_for_that_version(clients: Clients) {
    create_table(&clients).await;
    put(&clients, item("pay_1", "payment", [("v", n(7))])).await;
    let put = |read: i64, written: i64| {
        let put = clients.dynamodb.put_item().table_name(&clients.name);
        put.set_item(Some(item("pay_1", "payment", [("v", n(written))])))
            .condition_expression("#v = :read")
            .expression_attribute_names("#v", "v")
            .expression_attribute_values(":read", n(read))
            .send()
    };
    put(7, 8).await.unwrap();
    let refused = put(7, 9).await.unwrap_err().into_service_error();
    assert!(refused.is_conditional_check_failed_exception());
    assert_eq!(get(&clients, "pay_1", "payment").await.unwrap()["v"], n(8));
}

async fn of_concurrent_puts_on_absence_exactly_one_succeeds(clients: Clients) {
    create_table(&clients).await;
    let put = |number: i64| {
        let put = clients.dynamodb.put_item().table_name(&clients.name);
        let put = put.set_item(Some(item("evt_1", "event", [("number", n(number))])));
        put.condition_expression("attribute_not_exists(PK)").send()
    };
    let results = tokio::join!(put(0), put(1), put(2), put(3), put(4), put(5));
    let won = [results.0, results.1, results.2, results.3, results.4, results.5].map(|result| result.is_ok());
    assert_eq!(won.iter().filter(|&&won| won).count(), 1);
    let winner = i64::try_from(won.iter().position(|&won| won).unwrap()).unwrap();
    assert_eq!(get(&clients, "evt_1", "event").await.unwrap()["number"], n(winner));
}

async fn a_conditional_update_changes_and_returns_the_item(clients: Clients) {
    create_table(&clients).await;
    put(&clients, item("dlv_1", "delivery", [("status", s("pending")), ("due", n(5)), ("GSI1PK", s("due"))]))
        .await;
    let update = |from: &str| {
        let update = clients.dynamodb.update_item().table_name(&clients.name);
        update
            .set_key(Some(item("dlv_1", "delivery", [])))
            .update_expression(
                "SET #s = :to, tries = if_not_exists(tries, :zero) + :one REMOVE due ADD calls :one",
            )
            .condition_expression("#s = :from")
            .expression_attribute_names("#s", "status")
            .expression_attribute_values(":from", s(from))
            .expression_attribute_values(":to", s("succeeded"))
            .expression_attribute_values(":zero", n(0))
            .expression_attribute_values(":one", n(1))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
    };
    let rest = [("status", s("succeeded")), ("tries", n(1)), ("calls", n(1)), ("GSI1PK", s("due"))];
    let expected = item("dlv_1", "delivery", rest);
    assert_eq!(update("pending").await.unwrap().attributes, Some(expected.clone()));
    let refused = update("pending").await.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(refused) =
        refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!(refused.item, Some(expected));
}

async fn a_conditional_delete_needs_its_condition(clients: Clients) {
    create_table(&clients).await;
    put(&clients, item("ep_1", "endpoint", [("v", n(2))])).await;
    let delete = |version| {
        let delete = clients.dynamodb.delete_item().table_name(&clients.name);
        let delete = delete.set_key(Some(item("ep_1", "endpoint", []))).condition_expression("v = :v");
        delete.expression_attribute_values(":v", n(version)).return_values(ReturnValue::AllOld).send()
    };
    let refused = delete(1).await.unwrap_err().into_service_error();
    assert!(refused.is_conditional_check_failed_exception());
    assert_eq!(delete(2).await.unwrap().attributes.unwrap()["v"], n(2));
    assert_eq!(get(&clients, "ep_1", "endpoint").await, None);
}

async fn every_type_of_value_comes_back_as_it_was_written(clients: Clients) {
    create_table(&clients).await;
    let all_bytes: Vec<u8> = (0..=255).collect();
    let nested =
        HashMap::from([("list".to_owned(), AttributeValue::L(vec![s("a"), AttributeValue::Null(true)]))]);
    let written = item(
        "types",
        "1",
        [
            ("bytes", AttributeValue::B(Blob::new(all_bytes))),
            ("no_bytes", AttributeValue::B(Blob::new([]))),
            ("no_text", s("")),
            ("flag", AttributeValue::Bool(false)),
            ("largest", n(i64::MAX)),
            ("smallest", n(i64::MIN)),
            ("map", AttributeValue::M(nested)),
        ],
    );
    put(&clients, written.clone()).await;
    assert_eq!(get(&clients, "types", "1").await, Some(written));
}

/// Units in total, of the table and per index.
fn units(capacity: Option<&ConsumedCapacity>) -> (f64, Option<f64>, Vec<(String, f64)>) {
    let capacity = capacity.unwrap();
    let indexes = capacity.global_secondary_indexes().into_iter().flatten();
    let mut indexes: Vec<_> =
        indexes.map(|(name, units)| (name.clone(), units.capacity_units().unwrap())).collect();
    indexes.sort_by(|left, right| left.0.cmp(&right.0));
    let table = capacity.table().and_then(aws_sdk_dynamodb::types::Capacity::capacity_units);
    (capacity.capacity_units().unwrap(), table, indexes)
}

async fn a_write_tells_its_capacity_per_table_and_index(clients: Clients) {
    create_table(&clients).await;
    let put = |item, mode| {
        let put = clients.dynamodb.put_item().table_name(&clients.name);
        put.set_item(Some(item)).return_consumed_capacity(mode).send()
    };
    let indexed = |key: &str| item("pay_1", "payment", [("GSI1PK", s(key)), ("GSI1SK", s("1"))]);
    let plain = put(item("pay_0", "payment", []), ReturnConsumedCapacity::Total).await.unwrap();
    assert_eq!(units(plain.consumed_capacity()), (1.0, None, vec![]));
    let new = put(indexed("a"), ReturnConsumedCapacity::Indexes).await.unwrap();
    assert_eq!(units(new.consumed_capacity()), (2.0, Some(1.0), vec![("GSI1".to_owned(), 1.0)]));
    let moved = put(indexed("b"), ReturnConsumedCapacity::Indexes).await.unwrap();
    assert_eq!(
        units(moved.consumed_capacity()),
        (3.0, Some(1.0), vec![("GSI1".to_owned(), 2.0)]),
        "a changed index key deletes one index entry and writes another",
    );
}

async fn a_write_costs_one_unit_per_started_kibibyte(clients: Clients) {
    create_table(&clients).await;
    let units = async |size: usize| {
        // An item counts its attribute names and values.
        let names_and_keys = "PKSKbytes".len() + "pay_1".len() + "1".len();
        let bytes = AttributeValue::B(Blob::new(vec![7; size - names_and_keys]));
        let put = clients.dynamodb.put_item().table_name(&clients.name);
        let put = put.set_item(Some(item("pay_1", "1", [("bytes", bytes)])));
        let put = put.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.unwrap();
        put.consumed_capacity.unwrap().capacity_units.unwrap()
    };
    assert_eq!(units(1024).await, 1.0);
    assert_eq!(units(1025).await, 2.0);
    assert_eq!(units(1024).await, 2.0, "the larger of the old and the new item counts");
}

async fn the_time_to_live_attribute_can_be_set(clients: Clients) {
    create_table(&clients).await;
    let setting = TimeToLiveSpecification::builder().attribute_name("ttl").enabled(true).build().unwrap();
    let update = clients.dynamodb.update_time_to_live().table_name(&clients.name);
    update.time_to_live_specification(setting).send().await.unwrap();
    let described = clients.dynamodb.describe_time_to_live().table_name(&clients.name).send().await.unwrap();
    let described = described.time_to_live_description.unwrap();
    assert_eq!(described.attribute_name(), Some("ttl"));
    let status = described.time_to_live_status().unwrap();
    assert!(matches!(status, TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling));
}

async fn a_missing_table_is_named_so(clients: Clients) {
    let get = clients.dynamodb.get_item().table_name(&clients.name).set_key(Some(item("a", "b", [])));
    assert!(get.send().await.unwrap_err().into_service_error().is_resource_not_found_exception());
}
