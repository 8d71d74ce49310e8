//! Query parameters: each that is not asked for is refused by name, and all that is wrong is said at once.

use crate::{Code, Cursors, FieldError, Listing, Paging, Problem};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::{DeserializeOwned, IntoDeserializer, value};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use store::PageRequest;
use url::form_urlencoded;

const DEFAULT_LIMIT: usize = 25;
const MAX_LIMIT: usize = 100;
/// Poll's cursors are the longest that we make: one names up to 50 deliveries.
const MAX_QUERY_BYTES: usize = 8 * 1024;

/// The parameters of a request. Take what the route knows, then call [`Params::finish`].
#[derive(Debug)]
pub struct Params {
    path: String,
    given: BTreeMap<String, String>,
    filters: BTreeMap<String, String>,
    errors: Vec<FieldError>,
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        if query.len() > MAX_QUERY_BYTES {
            let detail = format!("The query has more than {MAX_QUERY_BYTES} bytes.");
            return Err(Problem::new(Code::InvalidParameter, detail));
        }
        Ok(Self::new(parts.uri.path(), query))
    }
}

impl Params {
    fn new(path: &str, query: &str) -> Self {
        let mut given = BTreeMap::new();
        let mut errors = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if given.insert(name.to_string(), value.into_owned()).is_some() {
                errors.push(FieldError::parameter(name, "is given twice"));
            }
        }
        Self { path: path.to_owned(), given, filters: BTreeMap::new(), errors }
    }

    /// A filter by text, as it stands.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let value = self.given.remove(name)?;
        if value.is_empty() {
            self.errors.push(FieldError::parameter(name, "is empty"));
            return None;
        }
        self.filters.insert(name.to_owned(), value.clone());
        Some(value)
    }

    /// A filter by an id or by one of a list of words: whatever reads itself from a string.
    pub fn parsed<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let text = self.text(name)?;
        let deserializer: value::StrDeserializer<'_, value::Error> = text.as_str().into_deserializer();
        match T::deserialize(deserializer) {
            Ok(value) => Some(value),
            Err(error) => {
                self.errors.push(FieldError::parameter(name, expectation(&error.to_string())));
                None
            }
        }
    }

    /// A whole number in `range`, written in digits.
    pub fn number(&mut self, name: &str, range: RangeInclusive<usize>) -> Option<usize> {
        match self.given.remove(name)?.parse() {
            Ok(number) if range.contains(&number) => Some(number),
            _ => {
                let expected = format!("expected a number from {} to {}", range.start(), range.end());
                self.refuse(name, expected);
                None
            }
        }
    }

    /// `cursor`, if it is one of `listing`; gives the position that it stands for. `expected` says what would be right.
    pub fn cursor(&mut self, cursors: &Cursors, listing: &Listing, expected: &str) -> Option<String> {
        let cursor = self.given.remove("cursor")?;
        let position = cursors.decode(listing, &cursor);
        if position.is_none() {
            self.refuse("cursor", expected);
        }
        position
    }

    /// `limit` and `cursor`. Call it after the filters: a cursor is good for them only.
    pub fn page(&mut self, cursors: &Cursors) -> Paging {
        let filters: Vec<String> = self
            .filters
            .iter()
            .map(|(name, value)| format!("{}:{name}={}:{value}", name.len(), value.len()))
            .collect();
        let listing = Listing(format!("{}?{}", self.path, filters.join("&")));
        let limit = self.number("limit", 1..=MAX_LIMIT).unwrap_or(DEFAULT_LIMIT);
        let expected = "expected a `next_cursor` of this list, with the same filters";
        let after = self.cursor(cursors, &listing, expected);
        Paging { request: PageRequest { after, limit }, listing, cursors: cursors.clone() }
    }

    /// Records that a parameter's value is not accepted.
    pub fn refuse(&mut self, name: &str, detail: impl ToString) {
        self.errors.push(FieldError::parameter(name, detail));
    }

    /// # Errors
    /// `invalid_parameter`, with all that was wrong.
    pub fn finish(mut self) -> Result<(), Problem> {
        let unknown = self.given.keys().map(|name| FieldError::parameter(name, "does not exist"));
        self.errors.extend(unknown);
        if self.errors.is_empty() {
            Ok(())
        } else {
            let detail = "See `errors` for the parameters that are not accepted.";
            Err(Problem::new(Code::InvalidParameter, detail).with_errors(self.errors))
        }
    }
}

/// serde's "unknown variant `x`, expected one of …" repeats what was sent.
fn expectation(text: &str) -> String {
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{PaymentStatus, SourceId};
    use store::{Page, Positioned, Read};

    fn refused(query: &str) -> Vec<(FieldError, &'static str)> {
        let mut params = Params::new("/v1/things", query);
        let _: Option<PaymentStatus> = params.parsed("status");
        let _: Option<SourceId> = params.parsed("source");
        let _ = params.page(&Cursors::new("key"));
        let problem = params.finish().expect_err(query);
        problem.errors.iter().map(|error| (error.clone(), problem.code.as_str())).collect()
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let errors = refused("colour=red&status=shiny&source=1&limit=0&cursor=x&limit=3");
        let names: Vec<String> = errors
            .iter()
            .map(|(error, _)| match &error.place {
                crate::Place::Parameter(name) => name.clone(),
                crate::Place::Pointer(_) => String::new(),
            })
            .collect();
        assert_eq!(names, ["limit", "status", "source", "cursor", "colour"]);
        assert!(errors.iter().all(|(_, code)| *code == "invalid_parameter"));
        assert!(errors[1].0.detail.starts_with("expected one of `created`"), "{}", errors[1].0.detail);
        assert!(!format!("{errors:?}").contains("shiny"));
    }

    #[tokio::test]
    async fn a_query_that_is_too_long_is_refused_unread() {
        for query in [format!("status={}", "x".repeat(8 * 1024)), "status=x&".repeat(1_000)] {
            let request =
                axum::http::Request::get(format!("/v1/things?{query}")).body(()).expect("a request");
            let (mut parts, ()) = request.into_parts();
            let problem = Params::from_request_parts(&mut parts, &()).await.expect_err("too long");
            assert_eq!((problem.code(), problem.errors.len()), (Code::InvalidParameter, 0));
            assert_eq!(problem.detail, "The query has more than 8192 bytes.");
        }
    }

    #[test]
    fn a_cursor_is_bound_to_the_filters_and_the_path() {
        let cursors = Cursors::new("key");
        let paging = |path: &str, query: &str| {
            let mut params = Params::new(path, query);
            let _ = params.text("status");
            let paging = params.page(&cursors);
            params.finish().map(|()| paging)
        };
        let first = paging("/v1/a", "status=x").expect("valid");
        let page = Page::<Positioned<Read<u8>>> { items: Vec::new(), next: Some("position".to_owned()) };
        let cursor = first.list(page).next_cursor.expect("there is a next page");
        let second = paging("/v1/a", &format!("status=x&limit=7&cursor={cursor}")).expect("valid");
        assert_eq!(second.request, PageRequest { after: Some("position".to_owned()), limit: 7 });
        assert!(paging("/v1/a", &format!("cursor={cursor}")).is_err());
        assert!(paging("/v1/a", &format!("status=y&cursor={cursor}")).is_err());
        assert!(paging("/v1/b", &format!("status=x&cursor={cursor}")).is_err());
    }
}
