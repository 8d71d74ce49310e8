//! Revisions as entity tags (RFC 9110 §8.8.3, §13.1).

use crate::{Code, Problem};
use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use std::convert::Infallible;

pub(crate) fn etag(revision: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{revision}\"")).expect("digits in quotes are a header value")
}

/// Of an answer that shows more than the object with its revision: `variant` tells its states apart. Clients that
/// name it in `If-Match` mean the revision alone.
pub(crate) fn etag_of_variant(revision: u64, variant: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{revision}-{variant}\"")).expect("digits in quotes are a header value")
}

/// `If-None-Match`: the revisions that the client has.
#[derive(Debug, Clone)]
pub struct IfNoneMatch(Vec<String>);

impl IfNoneMatch {
    /// Compares weakly, as the RFC wants it: `W/"3"` is `"3"`. A cache on the way may have weakened it.
    pub fn has(&self, revision: u64) -> bool {
        self.has_tag(&format!("\"{revision}\""))
    }

    pub(crate) fn has_tag(&self, current: &str) -> bool {
        self.0.iter().any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == current)
    }
}

/// `If-Match`: the revision that the client means to change. Absent: any.
#[derive(Debug, Clone)]
pub struct IfMatch(Vec<String>);

impl IfMatch {
    /// # Errors
    /// `precondition_failed` if the client means another revision.
    pub fn check(&self, revision: u64) -> Result<(), Problem> {
        let current = format!("\"{revision}\"");
        let variants = format!("\"{revision}-");
        let is_meant = |tag: &String| tag == "*" || *tag == current || tag.starts_with(&variants);
        if self.0.is_empty() || self.0.iter().any(is_meant) { Ok(()) } else { Err(self.failed()) }
    }

    /// What a write has to find, if the client cares.
    pub fn expected(&self, revision: u64) -> Option<u64> {
        (!self.0.is_empty()).then_some(revision)
    }

    /// What a write that lost against another means: the client's precondition failed if there was one.
    pub fn lost(&self) -> Problem {
        if self.0.is_empty() {
            Problem::new(Code::Conflict, "The object was changed by somebody else at the same moment.")
        } else {
            self.failed()
        }
    }

    fn failed(&self) -> Problem {
        Problem::new(Code::PreconditionFailed, "The object has another revision than `If-Match` names.")
    }
}

/// Our tags hold no commas, so splitting at commas finds them.
fn tags(headers: &HeaderMap, name: HeaderName) -> Vec<String> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|line| line.to_str().unwrap_or("invalid").split(','))
        .map(|tag| tag.trim().to_owned())
        .collect()
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(tags(&parts.headers, header::IF_NONE_MATCH)))
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(tags(&parts.headers, header::IF_MATCH)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> Vec<String> {
        tags(&HeaderMap::from_iter([(name.clone(), HeaderValue::from_static(value))]), name)
    }

    #[test]
    fn if_none_match_compares_weakly_and_takes_lists() {
        let has =
            |value: &'static str, revision| IfNoneMatch(headers(header::IF_NONE_MATCH, value)).has(revision);
        assert!(has("\"3\"", 3));
        assert!(has("\"1\", W/\"3\"", 3));
        assert!(has("*", 3));
        assert!(!has("\"2\"", 3));
        assert!(!has("3", 3));
        assert!(!IfNoneMatch(Vec::new()).has(3));
    }

    #[test]
    fn if_match_compares_strongly_and_is_optional() {
        let check =
            |value: &'static str, revision| IfMatch(headers(header::IF_MATCH, value)).check(revision).is_ok();
        assert!(check("\"3\"", 3));
        assert!(check("\"3-0000002a\"", 3), "whatever else the answer showed");
        assert!(!check("\"30-0000002a\"", 3));
        assert!(check("*", 3));
        assert!(!check("W/\"3\"", 3));
        assert!(!check("\"2\"", 3));
        assert!(!check("", 3));
        assert!(IfMatch(Vec::new()).check(3).is_ok());
    }
}
