//! How signatures are laid out in their place.

use super::words::{Reason, Token, tokens};
use crate::scheme::{Place, Shape, SignaturePrefix};

/// What a layout says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout<'a> {
    pub(super) shape: Shape<'a>,
    pub(super) prefix: SignaturePrefix<'a>,
    /// Where the timestamp stands, if it stands beside the signature.
    pub(super) timestamp: Option<Place<'a>>,
}

/// The name of the first element, which has none of its own.
const FIRST: &str = "timestamp";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Signature,
    Timestamp,
}

/// One word, with the text between it and the word before.
type Element<'a> = (&'a str, Word);

impl<'a> Layout<'a> {
    /// The signature alone.
    pub(super) const BARE: Self = Self { shape: Shape::One, prefix: SignaturePrefix::None, timestamp: None };

    /// Reads, for example, `sha256={signature}`, `t={timestamp},v1={signature}`, `{timestamp},{signature}` or
    /// `v1,{signature} v1,{signature}`.
    pub(super) fn parse(text: &'a str) -> Result<Self, Reason> {
        let elements = elements(text)?;
        match elements.as_slice() {
            [(before, Word::Signature)] => Ok(Self {
                prefix: if before.is_empty() {
                    SignaturePrefix::None
                } else {
                    SignaturePrefix::Required(before)
                },
                ..Self::BARE
            }),
            [("", Word::Timestamp), signatures @ ..] => Self::after_timestamp(signatures),
            [first, more @ ..] => Self::pairs(*first, more),
            [] => Err(lacks_signature()),
        }
    }

    /// Signatures separated by one character, behind a timestamp.
    fn after_timestamp(signatures: &[Element<'a>]) -> Result<Self, Reason> {
        let Some((separator, _)) = signatures.first() else { return Err(lacks_signature()) };
        let list = only_char(separator);
        let alike = |element: &Element<'_>| *element == (*separator, Word::Signature);
        match list.filter(|_| signatures.iter().all(alike)) {
            Some(list) => Ok(Self {
                shape: Shape::First { list, first: FIRST },
                timestamp: Some(Place::Pair(FIRST)),
                ..Self::BARE
            }),
            None => {
                Err("does not separate a timestamp without a name from signatures by one character".into())
            }
        }
    }

    /// Elements with names, of any number and in any order.
    fn pairs(first: Element<'a>, more: &[Element<'a>]) -> Result<Self, Reason> {
        const NOT_PAIRS: &str = "is not a list of named elements, such as `t={timestamp},v1={signature}`";
        let (before, word) = first;
        let pair = before.chars().next_back().ok_or(NOT_PAIRS)?;
        let list = more.first().and_then(|(before, _)| before.chars().next()).ok_or(NOT_PAIRS)?;
        let (mut signature, mut timestamp) = (None, None);
        let named = more.iter().map(|(before, word)| (before.strip_prefix(list), *word));
        for (before, word) in std::iter::once((Some(before), word)).chain(named) {
            let name = before.and_then(|before| before.strip_suffix(pair)).ok_or(NOT_PAIRS)?;
            if name.is_empty() || name.contains([list, pair]) {
                return Err(NOT_PAIRS.into());
            }
            match word {
                Word::Signature if signature.is_none_or(|other| other == name) => signature = Some(name),
                Word::Signature => return Err("gives signatures more than one name".into()),
                Word::Timestamp if timestamp.is_none() => timestamp = Some(name),
                Word::Timestamp => return Err("has more than one timestamp".into()),
            }
        }
        let signature = signature.ok_or_else(lacks_signature)?;
        if list == pair || timestamp == Some(signature) {
            return Err(NOT_PAIRS.into());
        }
        Ok(Self {
            shape: Shape::Pairs { list, pair, signature },
            timestamp: timestamp.map(Place::Pair),
            ..Self::BARE
        })
    }
}

fn elements(text: &str) -> Result<Vec<Element<'_>>, Reason> {
    let mut elements = Vec::new();
    let mut before = "";
    for token in tokens(text)? {
        match token {
            Token::Text(text) if before.is_empty() => before = text,
            Token::Text(_) => return Err("can't hold braces beside its words".into()),
            Token::Word("signature") => elements.push((std::mem::take(&mut before), Word::Signature)),
            Token::Word("timestamp") => elements.push((std::mem::take(&mut before), Word::Timestamp)),
            Token::Word(_) => return Err("has a word other than `{signature}` and `{timestamp}`".into()),
        }
    }
    if before.is_empty() { Ok(elements) } else { Err("goes on behind its last word".into()) }
}

fn only_char(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

fn lacks_signature() -> Reason {
    "does not say where `{signature}` stands".into()
}
