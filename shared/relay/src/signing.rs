//! Standard Webhooks signatures (<https://github.com/standard-webhooks/standard-webhooks>, version 1.0.0).
//!
//! **Guarantee:** what comes out of [`headers`] is signed with every secret and every key that was passed in, in
//! their order, and there is at least one; a message without any is an error and never an unsigned request.
//!
//! The signed text is `{id}.{timestamp}.{body}`. An id with a full stop could shift the border between the
//! parts, so it is refused. Nothing here compares signatures, so nothing needs constant time.

#[cfg(test)]
mod tests;

use data_encoding::BASE64;
use ed25519_dalek::Signer as _;
use hmac::{Hmac, KeyInit, Mac};
use hyper::http::{HeaderName, HeaderValue};
use sha2::Sha256;
use std::{fmt, ops::RangeInclusive};

pub const ID: HeaderName = HeaderName::from_static("webhook-id");
pub const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
pub const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

const SECRET_PREFIX: &str = "whsec_";
const PRIVATE_PREFIX: &str = "whsk_";
const PUBLIC_PREFIX: &str = "whpk_";
/// "At least 24 bytes (192 bits, 512 maximum)".
const SECRET_BYTES: RangeInclusive<usize> = 24..=64;

/// Why a text is not a key. The text itself is never part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("must start with `{0}`")]
    Prefix(&'static str),
    #[error("must be standard base64, with padding, after its prefix")]
    Base64,
    #[error("a secret must have 24 to 64 bytes, this one has {0}")]
    SecretLength(usize),
    #[error("an ed25519 key must have 32 bytes, or 64 with its public half, this one has {0}")]
    KeyLength(usize),
    #[error("the public half of the key does not belong to its private half")]
    KeyMismatch,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    #[error("there is neither a secret nor a key to sign with")]
    NoSecret,
    #[error("a webhook id must be visible ASCII without a full stop")]
    Id,
}

/// A symmetric secret, `whsec_…`. Signs as `v1`: HMAC-SHA256.
#[derive(Clone)]
pub struct SigningSecret(Vec<u8>);

impl SigningSecret {
    /// `text` is `whsec_` and the base64 of 24 to 64 bytes.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = decode(SECRET_PREFIX, text)?;
        if SECRET_BYTES.contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(KeyError::SecretLength(bytes.len()))
        }
    }

    /// `bytes` come from a cryptographic random source.
    pub fn generate(bytes: [u8; 32]) -> Self {
        Self(bytes.to_vec())
    }

    /// The secret in clear: for sealing it, and for the one answer that shows it.
    pub fn to_text(&self) -> String {
        format!("{SECRET_PREFIX}{}", BASE64.encode(&self.0))
    }

    fn sign(&self, parts: [&[u8]; 3]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        for part in parts {
            mac.update(part);
        }
        format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(..)")
    }
}

/// An ed25519 private key, `whsk_…`. Signs as `v1a`.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// `text` is `whsk_` and the base64 of the 32 bytes of the private key, or of these and its public key (the
    /// 64 bytes that libsodium and Svix write).
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = decode(PRIVATE_PREFIX, text)?;
        if let Ok(seed) = <&[u8; 32]>::try_from(bytes.as_slice()) {
            return Ok(Self(ed25519_dalek::SigningKey::from_bytes(seed)));
        }
        let pair = <&[u8; 64]>::try_from(bytes.as_slice()).map_err(|_| KeyError::KeyLength(bytes.len()))?;
        ed25519_dalek::SigningKey::from_keypair_bytes(pair).map(Self).map_err(|_| KeyError::KeyMismatch)
    }

    /// `bytes` come from a cryptographic random source.
    pub fn generate(bytes: [u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(&bytes))
    }

    /// The private key in clear, with its public half.
    pub fn to_text(&self) -> String {
        format!("{PRIVATE_PREFIX}{}", BASE64.encode(&self.0.to_keypair_bytes()))
    }

    /// `whpk_…`: what the receiver verifies with; not a secret.
    pub fn public_text(&self) -> String {
        format!("{PUBLIC_PREFIX}{}", BASE64.encode(self.0.verifying_key().as_bytes()))
    }

    fn sign(&self, parts: [&[u8]; 3]) -> String {
        format!("v1a,{}", BASE64.encode(&self.0.sign(&parts.concat()).to_bytes()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, ..)", self.public_text())
    }
}

/// The value of `webhook-signature`: one `v1,…` for each secret, then one `v1a,…` for each key, with spaces
/// between. `timestamp_seconds` is the Unix time of the attempt, `body` exactly what is sent.
pub fn sign(
    id: &str,
    timestamp_seconds: i64,
    body: &[u8],
    secrets: &[SigningSecret],
    keys: &[SigningKey],
) -> Result<HeaderValue, SignError> {
    if secrets.is_empty() && keys.is_empty() {
        return Err(SignError::NoSecret);
    }
    if id.is_empty() || !id.bytes().all(|b| b.is_ascii_graphic() && b != b'.') {
        return Err(SignError::Id);
    }
    let prefix = format!("{id}.{timestamp_seconds}");
    let parts = [prefix.as_bytes(), b".", body];
    let signatures: Vec<String> = secrets
        .iter()
        .map(|secret| secret.sign(parts))
        .chain(keys.iter().map(|key| key.sign(parts)))
        .collect();
    Ok(HeaderValue::try_from(signatures.join(" ")).expect("base64, commas and spaces are header text"))
}

/// The three headers of one attempt. `delivery_id` stays the same over all attempts of a delivery, so that the
/// receiver can drop repeats; `timestamp_seconds` is the attempt's own.
pub fn headers(
    delivery_id: &str,
    timestamp_seconds: i64,
    body: &[u8],
    secrets: &[SigningSecret],
    keys: &[SigningKey],
) -> Result<[(HeaderName, HeaderValue); 3], SignError> {
    let signature = sign(delivery_id, timestamp_seconds, body, secrets, keys)?;
    let id = HeaderValue::try_from(delivery_id).map_err(|_| SignError::Id)?;
    Ok([(ID, id), (TIMESTAMP, HeaderValue::from(timestamp_seconds)), (SIGNATURE, signature)])
}

fn decode(prefix: &'static str, text: &str) -> Result<Vec<u8>, KeyError> {
    let encoded = text.strip_prefix(prefix).ok_or(KeyError::Prefix(prefix))?;
    BASE64.decode(encoded.as_bytes()).map_err(|_| KeyError::Base64)
}
