//! `application/x-www-form-urlencoded` (WHATWG URL §5), as it is sent and as it is signed.

use data_encoding::HEXLOWER_PERMISSIVE;

/// Percent-encoded as a form's name or value.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// The value of a field of a form or query of ours.
pub(crate) fn field(form: &str, name: &str) -> Option<String> {
    fields(form).find(|(field, _)| field == name).map(|(_, value)| value)
}

/// PHP's `serialize` of all fields but one, sorted by name: what Paddle Classic signs.
pub(crate) fn php(form: &str, without: &str) -> Vec<u8> {
    let mut fields: Vec<(String, String)> = fields(form).filter(|(name, _)| name != without).collect();
    fields.sort();
    let string = |text: &str| format!("s:{}:\"{text}\";", text.len());
    let members: String = fields.iter().map(|(name, value)| string(name) + &string(value)).collect();
    format!("a:{}:{{{members}}}", fields.len()).into_bytes()
}

fn fields(form: &str) -> impl Iterator<Item = (String, String)> {
    let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter_map(|(name, value)| Some((decoded(name)?, decoded(value)?)))
}

fn decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => *HEXLOWER_PERMISSIVE.decode(&[bytes.next()?, bytes.next()?]).ok()?.first()?,
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}
