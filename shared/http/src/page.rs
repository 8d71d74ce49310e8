//! Pages as they are answered: bounded in bytes, and with a place for what can't be read.

use crate::problem::unreadable_detail;
use crate::{Code, Cursors, List, Listing};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use store::{Page, PageRequest, Positioned, Read, Unreadable};

/// What an answer may weigh. Lambda answers at most 6 MB
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>), of which the answer's frame and headers need
/// their part.
pub const MAX_ANSWER_WEIGHT: usize = 5 * 1024 * 1024;

/// What an answer may weigh where nothing can be left out of it: Lambda's 6 MB, short of its headers. The largest body of a
/// webhook fits in base64: `functions/endpoints-api/src/poll/answer/tests.rs`.
pub const LARGEST_ANSWER: usize = (6 * 1024 - 48) * 1024;

/// The bytes that a JSON text counts for: Lambda's adapter makes a JSON string of it once more, in which each quote and each
/// backslash takes one byte more.
pub fn weight(json: &str) -> usize {
    json.len() + json.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

/// A page of a list whose entries are in their final form.
pub type Paged = List<Box<RawValue>>;

/// Which page is wanted, and how to name the next one.
#[derive(Debug)]
pub struct Paging {
    pub request: PageRequest,
    pub(crate) listing: Listing,
    pub(crate) cursors: Cursors,
}

/// What stands in a list for an item that can't be read.
#[derive(Serialize)]
struct UnreadableItem<'a> {
    id: &'a str,
    object: &'static str,
    problem: ItemProblem,
}

/// The problem of an item that can't be read, where other items are answered beside it.
#[derive(Debug, Serialize)]
pub struct ItemProblem {
    #[serde(rename = "type")]
    problem_type: String,
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
}

impl Paging {
    /// The page, as far as it fits into an answer: it ends early otherwise, with a cursor to go on from. The first entry always
    /// has room, or the list would never get past it.
    pub fn list<T: Serialize>(&self, page: Page<Positioned<Read<T>>>) -> Paged {
        let mut data = Vec::with_capacity(page.items.len());
        let (mut next, mut last, mut weighs) = (page.next, None, 0);
        for Positioned { item, position } in page.items {
            let text = match &item {
                Ok(item) => to_raw_value(item),
                Err(unreadable) => to_raw_value(&UnreadableItem::from(unreadable)),
            };
            let text = text.expect("plain data serialises");
            weighs += weight(text.get());
            if weighs > MAX_ANSWER_WEIGHT && !data.is_empty() {
                next = last;
                break;
            }
            data.push(text);
            last = Some(position);
        }
        let next_cursor = next.map(|position| self.cursors.encode(&self.listing, &position));
        List { data, next_cursor }
    }
}

impl<'a> From<&'a Unreadable> for UnreadableItem<'a> {
    fn from(unreadable: &'a Unreadable) -> Self {
        Self { id: &unreadable.id, object: unreadable.kind, problem: unreadable.into() }
    }
}

impl From<&Unreadable> for ItemProblem {
    fn from(unreadable: &Unreadable) -> Self {
        let code = Code::Unreadable;
        Self {
            problem_type: code.problem_type(),
            title: code.title(),
            status: code.status().as_u16(),
            detail: unreadable_detail(unreadable),
            code: code.as_str(),
        }
    }
}

#[cfg(test)]
mod tests;
