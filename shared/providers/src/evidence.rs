//! What verification needs beside the request and cannot compute: a provider's certificate or key, or its API's own
//! verdict. [`Provider::verify_with`](crate::Provider::verify_with) says what is missing, its caller fetches it and
//! asks again.

use crate::{ApiAnswer, ApiRequest, Verified};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::fmt;

/// The outcome of a verification that was not refused.
#[derive(Debug)]
pub enum Outcome {
    Verified(Verified),
    /// Fetch this and ask again. Nothing is known of the request yet.
    Needs(Needed),
}

/// An answer that verification needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// Names the answer among all of the provider's. Two sources of one provider share it only if the answer
    /// does not depend on the source.
    pub id: String,
    pub request: ApiRequest,
    /// How long the answer may be kept; `None`: for this request alone.
    pub max_age: Option<SignedDuration>,
}

/// What was fetched so far, and what is known of the source besides its secrets.
#[derive(Default)]
pub struct Evidence<'a> {
    answers: BTreeMap<String, ApiAnswer>,
    credential: Option<&'a str>,
    roots: Roots<'a>,
}

/// Certificates that a chain may end in, each in DER.
#[derive(Debug, Clone, Copy, Default)]
pub enum Roots<'a> {
    /// Those of the web, which are compiled in.
    #[default]
    Web,
    /// These instead, for tests with an authority of their own.
    Only(&'a [Vec<u8>]),
}

impl<'a> Evidence<'a> {
    /// `credential`: the source's key for the provider's API, if it has one.
    pub fn new(credential: Option<&'a str>, roots: Roots<'a>) -> Self {
        Self { answers: BTreeMap::new(), credential, roots }
    }

    /// Adds what was asked for by [`Needed::id`].
    pub fn add(&mut self, id: String, answer: ApiAnswer) {
        self.answers.insert(id, answer);
    }

    pub fn credential(&self) -> Option<&'a str> {
        self.credential
    }

    pub(crate) fn answer(&self, id: &str) -> Option<&ApiAnswer> {
        self.answers.get(id)
    }

    pub(crate) fn roots(&self) -> Roots<'a> {
        self.roots
    }
}

impl fmt::Debug for Evidence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence").field("answers", &self.answers.len()).finish_non_exhaustive()
    }
}
