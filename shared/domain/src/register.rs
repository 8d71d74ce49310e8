//! Last-writer-wins registers: the only mutable thing in the ledger.

use crate::EventId;
use serde::{Deserialize, Serialize};

/// A value and who said it. Serialised as an array to keep items small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    into = "(T, i64, EventId)",
    from = "(T, i64, EventId)",
    bound = "T: Clone + Serialize + for<'a> Deserialize<'a>"
)]
pub struct Register<T> {
    pub value: T,
    /// The provider's version or time; see `Notification::order`.
    pub order: i64,
    pub event: EventId,
}

impl<T> From<(T, i64, EventId)> for Register<T> {
    fn from((value, order, event): (T, i64, EventId)) -> Self {
        Self { value, order, event }
    }
}

impl<T> From<Register<T>> for (T, i64, EventId) {
    fn from(register: Register<T>) -> Self {
        (register.value, register.order, register.event)
    }
}

/// Keeps the greater of what is known and what is said, by `key`: a total order makes this merge commutative,
/// associative and idempotent.
pub(crate) fn merge<T, K: Ord>(
    known: &mut Option<Register<T>>,
    said: Register<T>,
    key: impl Fn(&Register<T>) -> K,
) {
    if known.as_ref().is_none_or(|known| key(&said) > key(known)) {
        *known = Some(said);
    }
}

/// The same, for what another ledger may know.
pub(crate) fn join<T, K: Ord>(
    known: &mut Option<Register<T>>,
    other: Option<Register<T>>,
    key: impl Fn(&Register<T>) -> K,
) {
    if let Some(said) = other {
        merge(known, said, key);
    }
}
