//! The single words of the settings, and what they must not be.

use crate::provider::{InvalidSetting, Settings};
use crate::scheme::Place;
use std::borrow::Cow;

/// Why a text can't be what it stands for; completes the sentence "the setting … ".
pub(super) type Reason = Cow<'static, str>;

/// A source's settings while they are read, with what was found wrong so far.
pub(super) struct Given<'a> {
    settings: &'a Settings,
    pub(super) refused: Vec<InvalidSetting>,
}

impl<'a> Given<'a> {
    pub(super) fn new(settings: &'a Settings) -> Self {
        Self { settings, refused: Vec::new() }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.settings.get(name).map(String::as_str)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.settings.contains_key(name)
    }

    pub(super) fn refuse(&mut self, name: &'static str, reason: impl Into<Reason>) {
        self.refused.push(InvalidSetting::Refused { name, reason: reason.into() });
    }

    pub(super) fn required(&mut self, name: &'static str) -> Option<&'a str> {
        let value = self.get(name);
        if value.is_none() {
            self.refused.push(InvalidSetting::Missing { name });
        }
        value
    }

    /// What `parse` makes of a setting that is there; its complaint is noted.
    pub(super) fn parsed<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&'a str) -> Result<T, Reason>,
    ) -> Option<T> {
        match parse(self.get(name)?) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.refuse(name, reason);
                None
            }
        }
    }

    /// The value that a setting's word stands for, that of the first word where the setting is absent.
    pub(super) fn one_of<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> Option<T> {
        let Some(given) = self.get(name) else { return words.first().map(|(_, value)| *value) };
        let found = words.iter().find(|(word, _)| *word == given).map(|(_, value)| *value);
        if found.is_none() {
            self.refuse(name, "is none of the words that it may be");
        }
        found
    }

    /// Refuses each of these settings that is there.
    pub(super) fn forbid(&mut self, names: &[&'static str], reason: &'static str) {
        for name in names.iter().copied().filter(|name| self.settings.contains_key(*name)) {
            self.refuse(name, reason);
        }
    }
}

/// `header:NAME`, `query:NAME` or `form:NAME`.
pub(super) fn place(text: &str) -> Result<Place<'_>, Reason> {
    match text.split_once(':') {
        Some(("header", name)) => Ok(Place::Header(header_name(name)?)),
        Some(("query", name)) if !name.is_empty() => Ok(Place::Query(name)),
        Some(("form", name)) if !name.is_empty() => Ok(Place::Form(name)),
        _ => Err("is not a place: `header:NAME`, `query:NAME` or `form:NAME`".into()),
    }
}

/// A place whose value may be kept with the event.
pub(super) fn kept_place(text: &str) -> Result<Place<'_>, Reason> {
    let place = place(text)?;
    if let Place::Header(name) = place {
        kept_header(name)?;
    }
    Ok(place)
}

/// The name of a header that a provider can set (RFC 9110, section 5.1).
pub(super) fn header_name(name: &str) -> Result<&str, Reason> {
    let token = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err("does not name a header, in lower case".into());
    }
    if is_reserved(name) {
        return Err("names a header that is written on the way here, not by the provider".into());
    }
    Ok(name)
}

/// The name of a header that is kept with the event, and relayed: no credentials.
pub(super) fn kept_header(name: &str) -> Result<&str, Reason> {
    if matches!(name, "authorization" | "proxy-authorization" | "cookie") {
        return Err("names a header for credentials, which would be kept with the event".into());
    }
    header_name(name)
}

/// Headers of the connection (RFC 9110, section 7.6.1), and those that a proxy, a load balancer, CloudFront or API
/// Gateway writes.
fn is_reserved(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "connection",
        "content-length",
        "forwarded",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-amz-cf-id",
    ];
    const PREFIXES: &[&str] = &["cloudfront-", "x-amzn-", "x-forwarded-"];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// A stretch of a text with words in braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// As it stands; not empty.
    Text(&'a str),
    Word(&'a str),
}

/// Splits a text at its words in braces. `{{` and `}}` are braces themselves.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Reason> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from_brace) = rest.split_at(at);
        if !before.is_empty() {
            tokens.push(Token::Text(before));
        }
        let brace = &from_brace[..1];
        let after = &from_brace[1..];
        if let Some(after_both) = after.strip_prefix(brace) {
            tokens.push(Token::Text(brace));
            rest = after_both;
            continue;
        }
        let word = after.split_once('}').filter(|(word, _)| brace == "{" && !word.contains('{'));
        let Some((word, after)) = word else {
            return Err("has a brace without its other half; `{{` and `}}` stand for themselves".into());
        };
        tokens.push(Token::Word(word));
        rest = after;
    }
    if !rest.is_empty() {
        tokens.push(Token::Text(rest));
    }
    Ok(tokens)
}
