//! Pages that the table can't give: filtered ones, and those of a list in memory.

use crate::Problem;
use store::{Order, Page, PageRequest, Positioned, Read};

/// A request looks at this many entries at most, so that a filter which matches nothing ends: the page is short
/// or empty then, with a cursor to go on from.
const MAX_SCANNED: usize = 1000;
/// Entries that are read at once while filtering.
const CHUNK: usize = 100;

/// A page of what is in memory, in the order of its positions, which are distinct.
pub fn page_of<T>(
    mut entries: Vec<Positioned<Read<T>>>,
    request: &PageRequest,
    order: Order,
) -> Page<Positioned<Read<T>>> {
    entries.sort_unstable_by(|a, b| match order {
        Order::Ascending => a.position.cmp(&b.position),
        Order::Descending => b.position.cmp(&a.position),
    });
    if let Some(after) = &request.after {
        entries.retain(|entry| match order {
            Order::Ascending => entry.position > *after,
            Order::Descending => entry.position < *after,
        });
    }
    let more = entries.len() > request.limit;
    entries.truncate(request.limit);
    let next = entries.last().filter(|_| more).map(|entry| entry.position.clone());
    Page { items: entries, next }
}

/// Loads pages until `request.limit` entries are found that `keep` wants. What can't be read is always wanted: whether it
/// matches, nobody can tell.
///
/// `load` may leave out entries that no longer exist; the page's `next` still stands for them.
///
/// `load` is no `AsyncFn`: the compiler can't see yet that the future of one is `Send`, which a handler's must be.
pub async fn walk<T, F>(
    request: &PageRequest,
    filtered: bool,
    load: impl Fn(PageRequest) -> F,
    keep: impl Fn(&T) -> bool,
) -> Result<Page<Positioned<Read<T>>>, Problem>
where
    F: Future<Output = Result<Page<Positioned<Read<T>>>, Problem>>,
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
            if !entry.item.as_ref().map_or(true, &keep) {
                continue;
            }
            let position = entry.position.clone();
            items.push(entry);
            if items.len() == request.limit {
                let more = entries.peek().is_some() || page.next.is_some();
                return Ok(Page { items, next: more.then_some(position) });
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
