//! The characters that everybody takes: production `Char` of XML 1.0 (<https://www.w3.org/TR/REC-xml/#charsets>).
//!
//! SQS refuses a message with any other
//! (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>), and XML has no way to
//! write one. Whoever pays can type them into a note, so they are in genuine webhooks (ADR 0032).

use std::fmt::Write as _;

/// All but most control characters, U+FFFE and U+FFFF.
pub fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Writes each character that is no XML character as its `\uXXXX` escape. JSON has such characters only in strings, where the
/// escape spells the same value.
#[must_use]
pub fn escape_json(json: String) -> String {
    if json.chars().all(is_xml_char) {
        return json;
    }
    let mut safe = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_xml_char(c) {
            safe.push(c);
        } else {
            // All of them are in the Basic Multilingual Plane, so four digits are enough.
            let _ = write!(safe, "\\u{:04x}", u32::from(c));
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn what_sqs_takes_is_left_alone_and_the_rest_is_escaped() {
        let kept = "\t\n\r ~\u{7f}\u{85}\u{9f}\u{feff}\u{d7ff}\u{e000}\u{fffd}\u{10000}\u{1fffe}\u{10ffff}";
        assert_eq!(escape_json(kept.to_owned()), kept);
        assert_eq!(escape_json("\"a\u{ffff}b\u{fffe}\u{0}\"".to_owned()), r#""a\uffffb\ufffe\u0000""#);
    }

    proptest! {
        #[test]
        fn escaped_json_has_safe_characters_alone_and_says_the_same(
            texts in proptest::collection::vec(any::<String>(), 0..4),
            odd in proptest::collection::vec(prop_oneof![Just('\u{fffe}'), Just('\u{ffff}'), Just('\0')], 0..4),
        ) {
            let odd: String = odd.into_iter().collect();
            let value = json!({ "texts": texts, "odd": odd.clone(), odd: 1 });
            let safe = escape_json(value.to_string());
            prop_assert!(safe.chars().all(is_xml_char));
            prop_assert_eq!(serde_json::from_str::<Value>(&safe).expect("still JSON"), value);
        }
    }
}
