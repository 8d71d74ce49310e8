//! Takes the signatures out of where the row says they are.

use super::view::View;
use crate::Rejection;
use crate::scheme::{Encoding, Place, Repeat, Shape, Signature, SignaturePrefix, Want};
use data_encoding::{BASE64, HEXLOWER, HEXLOWER_PERMISSIVE};

/// More signatures than any rotation needs, few enough that checking them costs nothing.
const MAX_CANDIDATES: usize = 32;

/// What the signature's header, or field, holds.
pub(super) struct Signatures {
    /// Decoded; at least one.
    pub(super) candidates: Vec<Vec<u8>>,
    pub(super) pairs: Vec<(String, String)>,
}

/// # Errors
/// `MissingSignature` where there is none of the kind that the row asks for, `MalformedSignature` where there
/// is something that cannot be read as one.
pub(super) fn read(row: &Signature, view: &View<'_>) -> Result<Signatures, Rejection> {
    let mut found = Found { row, candidates: Vec::new(), undecodable: false, pairs: Vec::new() };
    match (row.repeat, row.from) {
        (Repeat::AnyLine, Place::Header(name)) => {
            // Several lines may have become one on the way, joined with commas (RFC 9110, section 5.3).
            for value in view.request().header_lines(name).flat_map(|line| line.split(',')) {
                found.read_value(value.trim_ascii(), view)?;
            }
        }
        _ => {
            if let Some(value) = view.value(&row.from)? {
                found.read_value(&value, view)?;
            }
        }
    }
    if found.candidates.len() > MAX_CANDIDATES || (found.candidates.is_empty() && found.undecodable) {
        return Err(Rejection::MalformedSignature);
    }
    if found.candidates.is_empty() {
        return Err(Rejection::MissingSignature);
    }
    Ok(Signatures { candidates: found.candidates, pairs: found.pairs })
}

struct Found<'a> {
    row: &'a Signature<'a>,
    candidates: Vec<Vec<u8>>,
    undecodable: bool,
    pairs: Vec<(String, String)>,
}

impl Found<'_> {
    fn read_value(&mut self, value: &str, view: &View<'_>) -> Result<(), Rejection> {
        if value.is_empty() {
            return Ok(());
        }
        match self.row.shape {
            Shape::One => self.candidate(value),
            Shape::Pairs { list, pair, signature } => {
                let mut any_pair = false;
                for (name, value) in value.split(list).filter_map(|element| element.split_once(pair)) {
                    any_pair = true;
                    if name == signature {
                        self.candidate(value);
                    } else {
                        self.pairs.push((name.to_owned(), value.to_owned()));
                    }
                }
                self.undecodable |= !any_pair;
            }
            Shape::First { list, first } => {
                let (head, signatures) = value.split_once(list).unwrap_or((value, ""));
                self.pairs.push((first.to_owned(), head.to_owned()));
                for signature in signatures.split(list).filter(|signature| !signature.is_empty()) {
                    self.candidate(signature);
                }
            }
            Shape::Fields { list, field, fields } => {
                for element in value.split(list) {
                    let values: Vec<&str> = element.split(field).collect();
                    if values.len() != fields.len() {
                        self.undecodable = true;
                        continue;
                    }
                    let mut signature = None;
                    let mut wanted = true;
                    for (value, want) in values.into_iter().zip(fields) {
                        match want {
                            None => signature = Some(value),
                            Some(Want::Is(text)) => wanted &= value == *text,
                            Some(Want::Setting(name)) => wanted &= value == view.setting(name)?,
                        }
                    }
                    if let Some(signature) = signature.filter(|_| wanted) {
                        self.candidate(signature);
                    }
                }
            }
        }
        Ok(())
    }

    fn candidate(&mut self, text: &str) {
        match decode(self.row, text) {
            Some(bytes) if !bytes.is_empty() => self.candidates.push(bytes),
            _ => self.undecodable = true,
        }
    }
}

fn decode(row: &Signature, text: &str) -> Option<Vec<u8>> {
    let text = match row.prefix {
        SignaturePrefix::None => text,
        SignaturePrefix::Required(prefix) => text.strip_prefix(prefix)?,
        SignaturePrefix::Optional(prefix) => text.strip_prefix(prefix).unwrap_or(text),
    };
    match row.encoding {
        Encoding::HexLower => HEXLOWER.decode(text.as_bytes()).ok(),
        Encoding::HexAnyCase => HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok(),
        Encoding::Base64 => BASE64.decode(text.as_bytes()).ok(),
        Encoding::Base64OfHex => HEXLOWER.decode(&BASE64.decode(text.as_bytes()).ok()?).ok(),
        Encoding::Text => Some(text.as_bytes().to_vec()),
    }
}
