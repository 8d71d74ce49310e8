//! Texts that SQS takes.

use data_encoding::BASE64;
use domain::{escape_json, is_xml_char};
use serde::Serialize;
use std::fmt;
use std::ops::Deref;

/// A message's text. SQS takes every character of it: there is no other way to make one, and no other text goes into an
/// [`crate::Outgoing`].
#[derive(Clone, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// A value as JSON. What SQS would refuse is escaped, and comes back when the JSON is read.
    pub fn json(value: &impl Serialize) -> Self {
        Self(escape_json(serde_json::to_string(value).expect("plain data serialises")))
    }

    /// A text as it is, such as a message that came out of a queue; `None` for one that SQS would refuse.
    pub fn verbatim(text: &str) -> Option<Self> {
        let is_taken = !text.is_empty() && text.chars().all(is_xml_char);
        is_taken.then(|| Self(text.to_owned()))
    }

    pub(crate) fn base64(bytes: &[u8]) -> Self {
        Self(BASE64.encode(bytes))
    }

    /// A text for people, of at most `max_bytes`: what SQS would refuse is replaced by U+FFFD.
    pub(crate) fn for_people(text: &str, max_bytes: usize) -> Self {
        let mut told = String::new();
        for c in text.chars().map(|c| if is_xml_char(c) { c } else { char::REPLACEMENT_CHARACTER }) {
            if told.len() + c.len_utf8() > max_bytes {
                break;
            }
            told.push(c);
        }
        Self(if told.is_empty() { "(empty)".to_owned() } else { told })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Without the text: payments are in it.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_escaped_where_sqs_would_refuse_it_and_reads_as_it_was() {
        let text = "\0\u{1b}\u{fffe}\u{ffff}\u{1fffe}\u{10ffff}\u{85}\u{feff}😀";
        let sent = Text::json(&text);
        assert!(sent.chars().all(is_xml_char));
        assert_eq!(serde_json::from_str::<String>(&sent).expect("JSON"), text);
    }

    #[test]
    fn a_text_that_sqs_refuses_is_not_sent_as_it_is() {
        assert_eq!(Text::verbatim("any {text}\u{fffd}").as_deref(), Some("any {text}\u{fffd}"));
        for refused in ["", "\0", "a\u{ffff}", "\u{fffe}"] {
            assert_eq!(Text::verbatim(refused), None);
        }
    }

    #[test]
    fn a_text_for_people_is_never_empty_too_long_or_refused() {
        for (text, told) in [("", "(empty)"), ("why\u{ffff}", "why\u{fffd}"), ("é", "é")] {
            assert_eq!(Text::for_people(text, 30).as_str(), told);
        }
        for text in ["x".repeat(100), "é".repeat(100), "\0".repeat(100)] {
            let told = Text::for_people(&text, 30);
            assert!(told.len() <= 30 && Text::verbatim(&told).is_some(), "{told:?}");
        }
    }
}
