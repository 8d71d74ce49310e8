//! Filtered pages of a listing that the table can't filter.

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

/// Loads pages until `request.limit` entries are found that `keep` wants.
///
/// `load` may leave out entries that no longer exist; the page's `next` still stands for them.
pub async fn walk<T>(
    request: &PageRequest,
    filtered: bool,
    mut load: impl AsyncFnMut(PageRequest) -> Result<Page<Positioned<T>>, Problem>,
    keep: impl Fn(&T) -> bool,
) -> Result<Page<T>, Problem> {
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
