//! The one kind of Query that is made: a range of one partition, of the table or of an index, a page at a time.

use crate::item::{Item, get_text, key, text};
use crate::listing::Page;
use crate::{Store, StoreError, keys};
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;

/// Which keys are meant. Indexes are eventually consistent by nature; the table is read consistently unless it is said.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Index {
    Table,
    /// For half the price.
    TableEventually,
    Gsi1,
    Gsi2,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Range<'a> {
    /// From the greatest sort key down; below `before` where it is given.
    Descending { before: Option<&'a str> },
    /// From the greatest sort key with this beginning down; only of the table. Below `before` where it is given.
    PrefixDescending { prefix: &'a str, before: Option<&'a str> },
    /// From the least sort key up to and including `last`; behind the entry of this key where it is given.
    UpTo { last: &'a str, after: Option<&'a Item> },
    /// From the first of these sort keys up to and including the second, which must not be less.
    Between(&'a str, &'a str),
    /// From the least sort key with this beginning up; only of the table. Above `after` where it is given.
    Prefix { prefix: &'a str, after: Option<&'a str> },
}

/// Above every sort key: they are ASCII letters, digits and `#`.
const ABOVE_ALL: &str = "~";

impl Store {
    /// A page's `next` is the sort key of its last item.
    pub(crate) async fn query(
        &self,
        index: Index,
        partition: &str,
        range: Range<'_>,
        limit: usize,
    ) -> Result<Page<Item>, StoreError> {
        let (name, partition_name, sort_name) = match index {
            Index::Table | Index::TableEventually => (None, keys::PK, keys::SK),
            Index::Gsi1 => (Some(keys::GSI1), keys::GSI1PK, keys::GSI1SK),
            Index::Gsi2 => (Some(keys::GSI2), keys::GSI2PK, keys::GSI2SK),
        };
        let mut last = None;
        let (condition, bound, start) = match range {
            Range::Descending { before } => ("#p = :p AND #s < :s", before.unwrap_or(ABOVE_ALL), None),
            Range::UpTo { last, after } => ("#p = :p AND #s <= :s", last, after.cloned()),
            Range::Between(from, to) => {
                last = Some(text(to));
                ("#p = :p AND #s BETWEEN :s AND :t", from, None)
            }
            Range::Prefix { prefix, after: from } | Range::PrefixDescending { prefix, before: from } => {
                ("#p = :p AND begins_with(#s, :s)", prefix, from.map(|from| key(partition, from)))
            }
        };
        let mut request = self
            .client
            .query()
            .table_name(&self.table)
            .set_index_name(name.map(str::to_owned))
            .key_condition_expression(condition)
            .expression_attribute_names("#p", partition_name)
            .expression_attribute_names("#s", sort_name)
            .expression_attribute_values(":p", text(partition))
            .expression_attribute_values(":s", text(bound))
            .set_exclusive_start_key(start)
            .scan_index_forward(!matches!(range, Range::Descending { .. } | Range::PrefixDescending { .. }))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .consistent_read(matches!(index, Index::Table))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let Some(last) = last {
            request = request.expression_attribute_values(":t", last);
        }
        let answer = request.send().await.map_err(StoreError::unavailable("Query"))?;
        self.meter.read(answer.consumed_capacity());
        let next = answer.last_evaluated_key().and_then(|last| get_text(last, sort_name)).map(str::to_owned);
        Ok(Page { items: answer.items.unwrap_or_default(), next })
    }
}
