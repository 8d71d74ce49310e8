//! A small cache with an age limit, for configuration in a warm function.

use crate::Clock;
use jiff::{SignedDuration, Timestamp};
use std::{collections::HashMap, hash::Hash, sync::Mutex};

/// For small values; see [`Cache::with_max_entries`].
const MAX_ENTRIES: usize = 10_000;

/// Values are cloned out; keep an `Arc` in it when they are large.
#[derive(Debug)]
pub struct Cache<K, V> {
    clock: Clock,
    max_age: SignedDuration,
    max_entries: usize,
    entries: Mutex<HashMap<K, (Timestamp, V)>>,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    pub fn new(clock: Clock, max_age: SignedDuration) -> Self {
        Self::with_max_entries(clock, max_age, MAX_ENTRIES)
    }

    /// Above `max_entries` the cache starts afresh: requests for made-up ids must not fill the memory.
    pub fn with_max_entries(clock: Clock, max_age: SignedDuration, max_entries: usize) -> Self {
        Self { clock, max_age, max_entries, entries: Mutex::default() }
    }

    pub fn get(&self, key: &K) -> Option<V> {
        let entries = self.entries.lock().expect("no holder of this lock panics");
        let (loaded_at, value) = entries.get(key)?;
        (self.clock.now().duration_since(*loaded_at) < self.max_age).then(|| value.clone())
    }

    pub fn insert(&self, key: K, value: V) {
        let mut entries = self.entries.lock().expect("no holder of this lock panics");
        if entries.len() >= self.max_entries {
            entries.clear();
        }
        entries.insert(key, (self.clock.now(), value));
    }

    pub fn remove(&self, key: &K) {
        self.entries.lock().expect("no holder of this lock panics").remove(key);
    }

    /// The cached value, or a fresh one. Two callers at once may both load; neither waits for the other.
    pub async fn get_or_load<E>(&self, key: &K, load: impl AsyncFnOnce() -> Result<V, E>) -> Result<V, E> {
        if let Some(value) = self.get(key) {
            return Ok(value);
        }
        let value = load().await?;
        self.insert(key.clone(), value.clone());
        Ok(value)
    }
}
