//! Items that can't be read: each costs only itself.
//!
//! **Guarantee:** whoever reads many items gets a [`Read`] for each of them. One that this version can't read is told in the
//! log, once for each time that it is read, with its kind and its id; what stands in it is not repeated.

use crate::StoreError;
use crate::item::{Item, get_text};
use crate::keys;
use crate::listing::{Page, Positioned};
use futures::stream::{self, StreamExt};
use std::collections::HashMap;
use std::error::Error;
use std::hash::Hash;
use std::str::FromStr;
use std::sync::Arc;

/// An item that this version can't read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("a stored {kind} can't be read: {id}")]
pub struct Unreadable {
    /// What it is, by the name that the API has for such objects where it shows them.
    pub kind: &'static str,
    pub id: String,
    #[source]
    source: Arc<dyn Error + Send + Sync>,
}

/// How many items are read side by side whose reading takes further calls: long histories, and events in parts.
const READ_AT_ONCE: usize = 8;

/// One of many items that were read.
pub type Read<T> = Result<T, Unreadable>;

impl Unreadable {
    /// Its id is known where the item is ([`read_one`], [`read_each`]).
    pub(crate) fn because(kind: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, id: String::new(), source: Arc::from(source.into()) }
    }
}

/// `read` came of an item by this id. What is wrong with the item is told; any other failure is the caller's.
pub(crate) fn read_each<T>(id: &str, read: Result<T, StoreError>) -> Result<Read<T>, StoreError> {
    match read {
        Ok(value) => Ok(Ok(value)),
        Err(StoreError::Corrupt(unreadable)) => {
            let unreadable = Unreadable { id: id.to_owned(), ..unreadable };
            tracing::error!(
                kind = unreadable.kind,
                id,
                error = &*unreadable.source as &dyn Error,
                "a stored item can't be read"
            );
            Ok(Err(unreadable))
        }
        Err(error) => Err(error),
    }
}

/// The same where it is the one item that is wanted.
pub(crate) fn read_one<T>(id: &str, read: Result<T, StoreError>) -> Result<T, StoreError> {
    read_each(id, read)?.map_err(StoreError::Corrupt)
}

/// The sort key: of all that is shown to clients it is the id.
pub(crate) fn id_of(item: &Item) -> &str {
    get_text(item, keys::SK).unwrap_or_default()
}

/// Items by their ids.
pub(crate) fn read_all<K, T>(
    items: &[Item],
    read: impl Fn(&Item) -> Result<T, StoreError>,
) -> Result<HashMap<K, Read<T>>, StoreError>
where
    K: FromStr + Eq + Hash,
{
    let mut all = HashMap::with_capacity(items.len());
    for item in items {
        let Ok(id) = id_of(item).parse() else { continue };
        all.insert(id, read_each(id_of(item), read(item))?);
    }
    Ok(all)
}

/// The same where reading an item may take further calls.
pub(crate) async fn read_all_parts<K, T, F>(
    items: Vec<Item>,
    read: impl Fn(Item) -> F,
) -> Result<HashMap<K, Read<T>>, StoreError>
where
    K: FromStr + Eq + Hash,
    F: Future<Output = Result<T, StoreError>>,
{
    let reads = items.into_iter().map(|item| {
        let id = id_of(&item).to_owned();
        let read = read(item);
        async move { (id, read.await) }
    });
    let mut reads = stream::iter(reads).buffer_unordered(READ_AT_ONCE);
    let mut all = HashMap::new();
    while let Some((id, read)) = reads.next().await {
        let read = read_each(&id, read)?;
        if let Ok(key) = id.parse() {
            all.insert(key, read);
        }
    }
    Ok(all)
}

/// What can be read of items of which each partition has one, by its partition key.
pub(crate) fn read_by_partition<K, T>(
    items: &[Item],
    read: impl Fn(&Item) -> Result<T, StoreError>,
) -> Result<HashMap<K, T>, StoreError>
where
    K: FromStr + Eq + Hash,
{
    let mut found = HashMap::with_capacity(items.len());
    for item in items {
        let id = get_text(item, keys::PK).unwrap_or_default();
        if let (Ok(key), Ok(value)) = (id.parse(), read_each(id, read(item))?) {
            found.insert(key, value);
        }
    }
    Ok(found)
}

/// A page of items whose position is their id.
pub(crate) fn read_page<T>(
    page: Page<Item>,
    read: impl Fn(&Item) -> Result<T, StoreError>,
) -> Result<Page<Positioned<Read<T>>>, StoreError> {
    let read = |item: &Item| {
        let position = id_of(item).to_owned();
        Ok(Positioned { item: read_each(&position, read(item))?, position })
    };
    let items = page.items.iter().map(read).collect::<Result<_, StoreError>>()?;
    Ok(Page { items, next: page.next })
}
