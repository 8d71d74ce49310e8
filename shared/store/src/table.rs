//! The table's definition, for engines that are not deployed by the template. A check in `tests/tidy` holds the
//! two together.

use crate::{Store, StoreError, keys};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};

impl Store {
    /// Creates the table unless it is there.
    pub async fn create_table(&self) -> Result<(), StoreError> {
        let attributes = [keys::PK, keys::SK, keys::GSI1PK, keys::GSI1SK, keys::GSI2PK, keys::GSI2SK];
        let created = self
            .client
            .create_table()
            .table_name(&self.table)
            .billing_mode(BillingMode::PayPerRequest)
            .set_attribute_definitions(Some(attributes.map(attribute).to_vec()))
            .set_key_schema(Some(key_schema(keys::PK, keys::SK)))
            .global_secondary_indexes(index(keys::GSI1, keys::GSI1PK, keys::GSI1SK))
            .global_secondary_indexes(index(keys::GSI2, keys::GSI2PK, keys::GSI2SK))
            .send()
            .await;
        match created {
            Ok(_) => {}
            Err(error)
                if error.as_service_error().is_some_and(|service| service.is_resource_in_use_exception()) =>
            {
                return Ok(());
            }
            Err(error) => return Err(StoreError::unavailable("CreateTable")(error)),
        }
        let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name(keys::TTL).build();
        self.client
            .update_time_to_live()
            .table_name(&self.table)
            .time_to_live_specification(ttl.expect("both fields are set"))
            .send()
            .await
            .map_err(StoreError::unavailable("UpdateTimeToLive"))?;
        Ok(())
    }
}

fn attribute(name: &str) -> AttributeDefinition {
    let definition =
        AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
    definition.build().expect("both fields are set")
}

fn key_schema(hash: &str, range: &str) -> Vec<KeySchemaElement> {
    [(hash, KeyType::Hash), (range, KeyType::Range)]
        .into_iter()
        .map(|(name, key_type)| {
            KeySchemaElement::builder()
                .attribute_name(name)
                .key_type(key_type)
                .build()
                .expect("both fields are set")
        })
        .collect()
}

fn index(name: &str, hash: &str, range: &str) -> GlobalSecondaryIndex {
    GlobalSecondaryIndex::builder()
        .index_name(name)
        .set_key_schema(Some(key_schema(hash, range)))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()
        .expect("all fields are set")
}
