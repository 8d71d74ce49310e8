//! Pages that the table can't give: filtered ones, and those of a list in memory.

use crate::Problem;
use store::{Page, PageRequest};

/// A request looks at this many entries at most, so that a filter which matches nothing ends: the page is short
/// or empty then, with a cursor to go on from.
const MAX_SCANNED: usize = 1000;
/// Entries that are read at once while filtering.
const CHUNK: usize = 100;

/// An entry and its position: the listing goes on after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Positioned<T> {
    pub item: T,
    pub position: String,
}

/// Which way a listing in memory goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Least position first.
    Ascending,
    /// Greatest position first.
    Descending,
}

/// A page of what is in memory, in the order of its positions, which are distinct.
pub fn page_of<T>(
    items: Vec<T>,
    request: &PageRequest,
    order: Order,
    position: impl Fn(&T) -> String,
) -> Page<T> {
    let mut entries: Vec<(String, T)> = items.into_iter().map(|item| (position(&item), item)).collect();
    entries.sort_unstable_by(|(a, _), (b, _)| match order {
        Order::Ascending => a.cmp(b),
        Order::Descending => b.cmp(a),
    });
    if let Some(after) = &request.after {
        entries.retain(|(position, _)| match order {
            Order::Ascending => position > after,
            Order::Descending => position < after,
        });
    }
    let more = entries.len() > request.limit;
    entries.truncate(request.limit);
    let next = entries.last().filter(|_| more).map(|(position, _)| position.clone());
    Page { items: entries.into_iter().map(|(_, item)| item).collect(), next }
}

/// Loads pages until `request.limit` entries are found that `keep` wants.
///
/// `load` may leave out entries that no longer exist; the page's `next` still stands for them.
///
/// `load` is no `AsyncFn`: the compiler can't see yet that the future of one is `Send`, which a handler's must be.
pub async fn walk<T, F>(
    request: &PageRequest,
    filtered: bool,
    load: impl Fn(PageRequest) -> F,
    keep: impl Fn(&T) -> bool,
) -> Result<Page<T>, Problem>
where
    F: Future<Output = Result<Page<Positioned<T>>, Problem>>,
{
    let mut items = Vec::new();
    let mut after = request.after.clone();
    let mut scanned = 0;
    loop {
        let missing = request.limit - items.len();
        let limit = if filtered { CHUNK.max(missing) } else { missing };
        let page = load(PageRequest { after, limit }).await?;
        let mut entries = page.items.into_iter().peekable();
        while let Some(entry) = entries.next() {
            if !keep(&entry.item) {
                continue;
            }
            items.push(entry.item);
            if items.len() == request.limit {
                let more = entries.peek().is_some() || page.next.is_some();
                return Ok(Page { items, next: more.then_some(entry.position) });
            }
        }
        scanned += limit;
        after = match page.next {
            Some(next) if scanned < MAX_SCANNED => Some(next),
            next => return Ok(Page { items, next }),
        };
    }
}

#[cfg(test)]
mod tests;
