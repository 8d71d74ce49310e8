//! What arrived, and the secrets it may be signed with.

use crate::Rejection;
use domain::SecretId;
use std::fmt;

/// A request as it came: raw body bytes, header lines in order, repeated lines kept, names in any case.
///
/// `url` is the whole address that the provider was given (scheme, host, path, query): some providers sign it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub method: &'a str,
    pub url: &'a str,
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// The lines of one header, in order.
    pub(crate) fn header_lines(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The value of a header that may occur once.
    ///
    /// RFC 9110 §5.3 would join repeated lines with a comma. That lets a sender shape a value out of two lines
    /// that no single signer wrote, so a repeated line is refused instead.
    pub(crate) fn header(&self, name: &str) -> Result<Option<&'a str>, Rejection> {
        let mut lines = self.header_lines(name);
        let first = lines.next();
        if lines.next().is_some() { Err(Rejection::DuplicateHeader) } else { Ok(first) }
    }
}

/// Header values may be credentials and bodies hold personal data: only names and sizes are shown.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("headers", &names)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// An active signing secret of a source. The caller leaves out those that have expired.
#[derive(Clone, Copy)]
pub struct Secret<'a> {
    pub id: &'a SecretId,
    /// The secret exactly as the provider's dashboard shows it.
    pub text: &'a str,
}

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("id", &self.id).finish_non_exhaustive()
    }
}
