//! Counts what DynamoDB bills.

use aws_sdk_dynamodb::types::ConsumedCapacity;
use std::sync::atomic::{AtomicU64, Ordering};

/// Read and write units as DynamoDB reports them (ReturnConsumedCapacity), indexes included.
#[derive(Debug, Default)]
pub struct Meter {
    read_halves: AtomicU64,
    write_halves: AtomicU64,
}

impl Meter {
    pub fn read_units(&self) -> f64 {
        halves(&self.read_halves)
    }

    pub fn write_units(&self) -> f64 {
        halves(&self.write_halves)
    }

    pub(crate) fn read<'a>(&self, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        add(&self.read_halves, consumed);
    }

    pub(crate) fn write<'a>(&self, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        add(&self.write_halves, consumed);
    }
}

/// Units come in halves: an eventually consistent read of up to 4 KB is half a unit.
fn add<'a>(counter: &AtomicU64, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
    let units: f64 = consumed.into_iter().filter_map(ConsumedCapacity::capacity_units).sum();
    counter.fetch_add((units * 2.0).round() as u64, Ordering::Relaxed);
}

fn halves(counter: &AtomicU64) -> f64 {
    counter.load(Ordering::Relaxed) as f64 / 2.0
}
