//! JSON as XML, by rules that a reader can apply without a schema.
//!
//! An object's members become elements of their names, sorted by name. A list's entries become `item` elements.
//! Texts, numbers and booleans are text. `null` is an element with `nil="true"`. What can't be an element's name
//! becomes `<entry name="…">`.
//!
//! A text with characters that XML 1.0 has no way to write ([`is_xml_char`]) is written as JSON escapes it, and its element
//! says so with `escaped="json"`: `"` + text + `"` is then the JSON string. A name with such characters is written so too,
//! with `name-escaped="json"`. Nothing is lost, and no other text is touched (ADR 0032).
//!
//! Sorted, because the order of a `serde_json::Map` depends on a feature that any crate of a build can turn on, and
//! these bytes are signed. Written by hand: a serializer of quick-xml would leave all of the rules above to be
//! chosen and written all the same.

#[cfg(test)]
mod tests;

use crate::{escape_json, is_xml_char};
use serde_json::Value;

/// A whole document in UTF-8, its root element named `root`.
pub fn document(root: &str, value: &Value) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    element(&mut out, root, value);
    out.push('\n');
    out
}

fn element(out: &mut String, name: &str, value: &Value) {
    let (tag, attribute) = if is_name(name) { (name, None) } else { ("entry", Some(name)) };
    out.push('<');
    out.push_str(tag);
    if let Some(name) = attribute {
        let escapes = escapes(name);
        out.push_str(" name=\"");
        escape(out, escapes.as_deref().unwrap_or(name));
        out.push_str(if escapes.is_some() { "\" name-escaped=\"json\"" } else { "\"" });
    }
    if value.is_null() {
        out.push_str(" nil=\"true\"/>");
        return;
    }
    let escapes = value.as_str().and_then(escapes);
    if escapes.is_some() {
        out.push_str(" escaped=\"json\"");
    }
    out.push('>');
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| name.as_str());
            members.into_iter().for_each(|(name, member)| element(out, name, member));
        }
        Value::Array(entries) => entries.iter().for_each(|entry| element(out, "item", entry)),
        Value::String(text) => escape(out, escapes.as_deref().unwrap_or(text)),
        scalar => out.push_str(&scalar.to_string()),
    }
    out.push_str("</");
    out.push_str(tag);
    out.push('>');
}

/// A part of what XML allows: ASCII, no colon, and not `xml…`, which is reserved.
fn is_name(name: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && name.bytes().all(is_inner)
        && !name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("xml"))
}

/// The JSON escapes of a text that XML can't write; `None` for all others.
fn escapes(text: &str) -> Option<String> {
    if text.chars().all(is_xml_char) {
        return None;
    }
    let quoted = escape_json(Value::from(text).to_string());
    Some(quoted[1..quoted.len() - 1].to_owned())
}

/// Quotes too, so that it serves attributes as well. A carriage return would be read as a line feed.
fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            other => out.push(other),
        }
    }
}
