//! A provider's question whether this address belongs to who has the secret.

use super::Key;
use crate::scheme::{Challenge, Key as KeyRow};
use crate::{Rejection, Request, Secret, Settings};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// The answer to a GET with the challenge in its query. Made with the first secret that is a key: the provider, which
/// compares it with one, has no way to take two.
///
/// # Errors
/// `MissingSignature` where the query has no challenge, `MalformedSignature` where it is not one that we would sign,
/// `MissingSetting` and `NoActiveSecret` where the source lacks what the answer is made of.
pub(crate) fn answer(
    challenge: &Challenge,
    key: &KeyRow<'_>,
    request: &Request<'_>,
    secrets: &[Secret<'_>],
    settings: &Settings,
) -> Result<String, Rejection> {
    if request.method != "GET" {
        return Err(Rejection::WrongMethod);
    }
    let query = request.url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    let asked = super::form::field(query.as_bytes(), challenge.query)
        .map_err(|_| Rejection::MalformedSignature)?
        .filter(|asked| !asked.is_empty())
        .ok_or(Rejection::MissingSignature)?;
    // Nothing is signed that could be anything but a challenge: the key signs webhooks as well.
    let is_hex = asked.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_hex || !challenge.length.contains(&asked.len()) {
        return Err(Rejection::MalformedSignature);
    }
    let public_key = settings.get(challenge.public_key).ok_or(Rejection::MissingSetting)?;
    let key = secrets.iter().find_map(|secret| Key::of(key, secret.text)).ok_or(Rejection::NoActiveSecret)?;
    let mac = <Hmac<Sha1> as KeyInit>::new_from_slice(key.bytes()).expect("HMAC takes a key of any length");
    let digest = mac.chain_update(asked.as_bytes()).finalize().into_bytes();
    Ok(format!("{public_key}|{}", HEXLOWER.encode(&digest)))
}
