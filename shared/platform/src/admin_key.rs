//! The first key, which makes all others: known to the stack by its SHA-256 alone.
//!
//! **Guarantee:** an [`AdminKeyHash`] is of a key that somebody chose. The hash of no text at all, which
//! `printf %s "$KEY" | sha256sum` gives when `KEY` is unset, is none, and a key in clear has at least
//! [`MIN_ADMIN_KEY_CHARS`] characters.

use crate::{SecretText, Settings};
use data_encoding::HEXLOWER;
use ring::digest;
use std::str::FromStr;

/// A key that a program made has more; a word that a person thought of has fewer.
pub const MIN_ADMIN_KEY_CHARS: usize = 32;

const VARIABLE: &str = "PAYRELAY_ADMIN_KEY_HASH";
/// What an unset variable, a failed command or an empty file leaves to be hashed.
const NOTHING: [&str; 2] = ["", "\n"];

/// The SHA-256 of the admin key in lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminKeyHash(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAdminKey {
    #[error("the admin key is empty")]
    Empty,
    #[error("the admin key has fewer than {MIN_ADMIN_KEY_CHARS} characters")]
    Short,
    #[error("the hash of the admin key is not a SHA-256 in lower-case hex")]
    NoHash,
    #[error("the hash of the admin key is that of an empty key")]
    HashOfNothing,
}

impl AdminKeyHash {
    /// # Errors
    /// If anybody could guess the key.
    pub fn of(key: &SecretText) -> Result<Self, InvalidAdminKey> {
        match key.expose().chars().count() {
            0 => Err(InvalidAdminKey::Empty),
            1..MIN_ADMIN_KEY_CHARS => Err(InvalidAdminKey::Short),
            _ => Ok(Self(sha256(key.expose()))),
        }
    }

    /// From the environment of a Lambda function. A hash that is missing or refused is noted in `settings`; what is
    /// given in its place equals no hash.
    pub fn from_settings(settings: &mut Settings) -> Self {
        settings.parsed(VARIABLE).unwrap_or_else(|| Self(String::new()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AdminKeyHash {
    type Err = InvalidAdminKey;

    fn from_str(text: &str) -> Result<Self, InvalidAdminKey> {
        if HEXLOWER.decode(text.as_bytes()).is_ok_and(|bytes| bytes.len() == 32) {
            let of_nothing = NOTHING.iter().any(|nothing| sha256(nothing) == text);
            if of_nothing { Err(InvalidAdminKey::HashOfNothing) } else { Ok(Self(text.to_owned())) }
        } else {
            Err(InvalidAdminKey::NoHash)
        }
    }
}

fn sha256(text: &str) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_fewer_than_32_characters_has_no_hash() {
        let of = |text: String| AdminKeyHash::of(&SecretText::new(text));
        assert_eq!(of(String::new()), Err(InvalidAdminKey::Empty));
        assert_eq!(of("k".repeat(31)), Err(InvalidAdminKey::Short));
        assert_eq!(of("é".repeat(31)), Err(InvalidAdminKey::Short));
        let hash = of("k".repeat(32)).expect("long enough");
        assert_eq!(hash.as_str().parse(), Ok(hash.clone()));
    }

    #[test]
    fn a_function_with_the_hash_of_an_empty_key_does_not_start_and_says_why() {
        for (value, reason) in [
            (sha256(""), "the hash of the admin key is that of an empty key"),
            (sha256("\n"), "the hash of the admin key is that of an empty key"),
            ("E3B0".to_owned(), "the hash of the admin key is not a SHA-256 in lower-case hex"),
            (sha256("k").to_uppercase(), "the hash of the admin key is not a SHA-256 in lower-case hex"),
        ] {
            let mut settings = Settings::from_pairs([(VARIABLE.to_owned(), value)]);
            assert_eq!(AdminKeyHash::from_settings(&mut settings).as_str(), "");
            let refused = settings.check().expect_err(reason).to_string();
            assert_eq!(refused, format!("settings are not accepted: {VARIABLE}: {reason}"));
        }
        let mut settings = Settings::from_pairs([(VARIABLE.to_owned(), sha256("k"))]);
        assert_eq!(AdminKeyHash::from_settings(&mut settings).as_str(), sha256("k"));
        assert_eq!(settings.check(), Ok(()));
    }

    #[test]
    fn the_template_refuses_the_same_hashes() {
        let template = include_str!("../../../template.yaml");
        for nothing in NOTHING {
            assert!(template.contains(&format!("(?!{})", sha256(nothing))), "{nothing:?}");
        }
    }
}
