//! Placeholders: what in a script's text is replaced when a webhook is made.
//!
//! | placeholder | becomes |
//! | --- | --- |
//! | `{name}` | an id of the story, the event or the try, or what the step says `with` it |
//! | `{event}` | the provider's name of the event |
//! | `{amount}`, `{partial}`, `{rest}` | minor units: the payment's amount, a part of it, what is left of it |
//! | `{amount:major}` | the same as a decimal |
//! | `{currency}`, `{currency:lower}` | ISO 4217 |
//! | `{start:…}`, `{at:…}`, `{now:…}` | the time of the story's start, of the event, of this try |
//! | `{try}`, `{attempt}` | the number of this try, from 0 and from 1 |
//! | `{repeated}` | `true` from the second try on |
//! | `{xml:name}` | a document of the script in base64 |
//! | `{signature}` | the signature, where the body holds it |
//!
//! Times are `s`, `ms`, `iso` (RFC 3339 with milliseconds), `iso_s`, `iso_us`, or `+7 FORMAT`: hours ahead of UTC, and
//! a form of `strftime`. A JSON text that is nothing but `"{=name}"` becomes a number or truth value, and
//! `"{+name}"` the part of that name.

use crate::script::Script;
use data_encoding::BASE64;
use jiff::{Timestamp, tz::Offset};
use std::collections::BTreeMap;

/// A placeholder of a script that nothing is known for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the script names `{0}`, which it does not define")]
pub struct Unknown(pub(crate) String);

/// What placeholders stand for in one webhook.
#[derive(Debug)]
pub(crate) struct Values<'a> {
    pub(crate) script: &'a Script,
    pub(crate) event: &'a str,
    pub(crate) part: Option<&'a str>,
    /// What the step says; it may hold placeholders itself.
    pub(crate) with: &'a BTreeMap<String, String>,
    pub(crate) ids: &'a BTreeMap<String, String>,
    pub(crate) amount: i64,
    pub(crate) start: Timestamp,
    pub(crate) at: Timestamp,
    pub(crate) now: Timestamp,
    pub(crate) try_number: u32,
    /// In order: one for each time that the text asks.
    pub(crate) signatures: &'a [String],
}

impl Values<'_> {
    pub(crate) fn fill(&self, text: &str) -> Result<String, Unknown> {
        let mut filled = String::with_capacity(text.len() + text.len() / 4);
        let mut rest = text;
        let mut signatures = self.signatures.iter();
        while let Some(at) = rest.find('{') {
            let Some(found) = placeholder(&rest[at + 1..]) else {
                filled.push_str(&rest[..=at]);
                rest = &rest[at + 1..];
                continue;
            };
            filled.push_str(&rest[..at]);
            rest = &rest[at + 1 + found.len() + 1..];
            match found.split_at(1) {
                ("=", name) => {
                    unquote(&mut filled, &mut rest);
                    filled.push_str(&self.value(name)?);
                }
                ("+", name) => {
                    unquote(&mut filled, &mut rest);
                    filled.push_str(&self.fill(&self.part(name)?)?);
                }
                // Without one the text is still to be signed, and nothing that is signed holds it.
                _ if found == "signature" => {
                    filled.push_str(signatures.next().map_or("{signature}", String::as_str));
                }
                _ => filled.push_str(&self.value(found)?),
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn part(&self, name: &str) -> Result<String, Unknown> {
        let unknown = || Unknown(name.to_owned());
        let name = if name == "part" { self.part.ok_or_else(unknown)? } else { name };
        self.script.parts.get(name).map(|part| compact(part.get())).ok_or_else(unknown)
    }

    fn value(&self, placeholder: &str) -> Result<String, Unknown> {
        let (name, form) = placeholder.split_once(':').unwrap_or((placeholder, ""));
        if let Some(text) = self.with.get(name) {
            return self.fill(text);
        }
        if let Some(id) = self.ids.get(name) {
            return Ok(id.clone());
        }
        let partial = self.amount / 3;
        let value = match (name, form) {
            ("xml", name) => self.xml(name)?,
            ("event", "") => self.event.to_owned(),
            ("amount", form) => self.money(self.amount, form),
            ("partial", form) => self.money(partial, form),
            ("rest", form) => self.money(self.amount - partial, form),
            ("currency", "lower") => self.script.currency.to_lowercase(),
            ("currency", _) => self.script.currency.clone(),
            ("start", form) => time(self.start, form),
            ("at", form) => time(self.at, form),
            ("now", form) => time(self.now, form),
            ("try", "") => self.try_number.to_string(),
            ("attempt", "") => (self.try_number + 1).to_string(),
            ("repeated", "") => (self.try_number > 0).to_string(),
            _ => return Err(Unknown(placeholder.to_owned())),
        };
        Ok(value)
    }

    /// A document in base64, broken into lines as Ruby does it, the last one too.
    fn xml(&self, name: &str) -> Result<String, Unknown> {
        let name = if name == "part" { self.part.unwrap_or_default() } else { name };
        let lines = self.script.xml.get(name).ok_or_else(|| Unknown(name.to_owned()))?;
        let base64 = BASE64.encode(self.fill(&lines.join("\n"))?.as_bytes());
        let mut broken = String::with_capacity(base64.len() + base64.len() / 60 + 1);
        for (at, c) in base64.chars().enumerate() {
            if at > 0 && at % 60 == 0 {
                broken.push('\n');
            }
            broken.push(c);
        }
        broken.push('\n');
        Ok(broken)
    }

    fn money(&self, minor: i64, form: &str) -> String {
        match (form, usize::from(self.script.exponent)) {
            ("major", exponent @ 1..) => {
                let digits = format!("{minor:0width$}", width = exponent + 1);
                let (units, decimals) = digits.split_at(digits.len() - exponent);
                format!("{units}.{decimals}")
            }
            _ => minor.to_string(),
        }
    }
}

/// What is between the braces, if `text` starts with a placeholder: JSON's own braces are followed by a quote or
/// another brace.
fn placeholder(text: &str) -> Option<&str> {
    let found = &text[..text.find('}')?];
    let name = found.trim_start_matches(['=', '+']);
    name.starts_with(|c: char| c.is_ascii_lowercase()).then_some(found)
}

/// Takes away the quotes around what is not a JSON text.
fn unquote(filled: &mut String, rest: &mut &str) {
    if filled.ends_with('"') && rest.starts_with('"') {
        filled.pop();
        *rest = &rest[1..];
    }
}

fn time(at: Timestamp, form: &str) -> String {
    match form {
        "s" => at.as_second().to_string(),
        "ms" => at.as_millisecond().to_string(),
        "iso" => at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "iso_s" => at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "iso_us" => at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
        // `+7 %Y-…`: the clock of a place so many hours ahead.
        _ => {
            let (hours, form) = form.split_once(' ').unwrap_or(("0", form));
            let hours: i8 = hours.parse().unwrap_or(0);
            let offset = Offset::from_hours(hours).unwrap_or(Offset::UTC);
            let local = offset.to_datetime(at);
            local.strftime(form).to_string()
        }
    }
}

/// JSON without the white space between its tokens: scripts are laid out to be read, payloads are not.
pub(crate) fn compact(json: &str) -> String {
    let mut compact = String::with_capacity(json.len());
    let (mut quoted, mut escaped) = (false, false);
    for c in json.chars() {
        if quoted || !c.is_ascii_whitespace() {
            compact.push(c);
        }
        match c {
            '"' if !escaped => quoted = !quoted,
            '\\' if quoted && !escaped => {
                escaped = true;
                continue;
            }
            _ => {}
        }
        escaped = false;
    }
    compact
}

#[cfg(test)]
mod tests;
