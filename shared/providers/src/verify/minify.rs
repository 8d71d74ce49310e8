//! JSON without the white space between its tokens, which is what SNAP (Bank Indonesia's standard) signs.
//!
//! The text of each token stays as it is. Midtrans' SDK parses and writes the body anew instead, which comes to the same
//! for what Midtrans sends, and would change long numbers and escapes.

use serde_json::value::RawValue;

/// `None` where `json` is not JSON.
pub(crate) fn minify(json: &[u8]) -> Option<Vec<u8>> {
    serde_json::from_slice::<&RawValue>(json).ok()?;
    let mut minified = Vec::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for &byte in json {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = byte == b'\\' && !escaped;
        } else if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            continue;
        } else {
            in_string = byte == b'"';
        }
        minified.push(byte);
    }
    Some(minified)
}

#[cfg(test)]
mod tests;
