//! `application/x-www-form-urlencoded` (WHATWG URL §5.1), as far as single fields of it are signed.

use std::borrow::Cow;

/// The field is there twice, or is not percent-encoded UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The value of the one field called `name`.
pub(crate) fn field<'a>(form: &'a [u8], name: &str) -> Result<Option<Cow<'a, str>>, Malformed> {
    let mut found = None;
    for (key, value) in pairs(form) {
        if decode(key)? == name {
            if found.is_some() {
                return Err(Malformed);
            }
            found = Some(decode(value)?);
        }
    }
    Ok(found)
}

type Field<'a> = (Cow<'a, str>, Cow<'a, str>);

/// All fields, in order.
pub(crate) fn fields(form: &[u8]) -> impl Iterator<Item = Result<Field<'_>, Malformed>> {
    pairs(form)
        .filter(|(key, value)| !(key.is_empty() && value.is_empty()))
        .map(|(key, value)| Ok((decode(key)?, decode(value)?)))
}

fn pairs(form: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    form.split(|&b| b == b'&').map(|pair| match pair.iter().position(|&b| b == b'=') {
        Some(at) => (&pair[..at], &pair[at + 1..]),
        None => (pair, &[][..]),
    })
}

fn decode(text: &[u8]) -> Result<Cow<'_, str>, Malformed> {
    if !text.iter().any(|b| matches!(b, b'%' | b'+')) {
        return std::str::from_utf8(text).map(Cow::Borrowed).map_err(|_| Malformed);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'+', _) => decoded.push(b' '),
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoded.push(hex(*high) << 4 | hex(*low));
                rest = after;
            }
            // A `%` that starts no escape stands for itself.
            _ => decoded.push(byte),
        }
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| Malformed)
}

/// `digit` is a hexadecimal digit.
fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests;
