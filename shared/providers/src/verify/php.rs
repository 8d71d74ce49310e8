//! PHP's `serialize` of a form's fields in the order of `ksort`, which is what Paddle Classic signs
//! (<https://www.php.net/manual/en/function.serialize.php>).
//!
//! **Guarantee:** two different lists of fields never give the same bytes, since every name and value carries its
//! length; and what PHP would have read in another way than we do is refused rather than guessed at.

use super::form::{self, Malformed};

/// The fields of `form` but `without`, all as strings.
pub(super) fn serialize(form: &[u8], without: &str) -> Result<Vec<u8>, Malformed> {
    let mut fields = Vec::new();
    for field in form::fields(form) {
        let (name, value) = field?;
        if name == without {
            continue;
        }
        if !is_plain(&name) {
            return Err(Malformed);
        }
        fields.push((name, value));
    }
    fields.sort_unstable();
    if fields.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(Malformed);
    }
    let mut out = format!("a:{}:{{", fields.len()).into_bytes();
    for (name, value) in &fields {
        string(&mut out, name);
        string(&mut out, value);
    }
    out.push(b'}');
    Ok(out)
}

fn string(out: &mut Vec<u8>, text: &str) {
    // PHP counts bytes, not characters.
    out.extend_from_slice(format!("s:{}:\"", text.len()).as_bytes());
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\";");
}

/// PHP compares names that look like numbers as numbers, makes integers of some, lists of those with a bracket, and
/// replaces dots and spaces. Paddle has no such names.
fn is_plain(name: &str) -> bool {
    name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests;
