//! Plaid (<https://plaid.com/docs/api/webhooks/webhook-verification/>): a JSON Web Token in a header, signed with
//! ES256 under a key that Plaid's API gives out by its id, holds the body's hash.
//!
//! **Guarantee:** no other algorithm is accepted, whatever the token says; the key is the one that the token names, is
//! a P-256 key for ES256 and has not expired; the hash is that of the raw body. The token's form is RFC 7515 §3.1 and
//! nothing beside it: three parts, base64url without padding, no `crit`.

use super::{Verdict, answered};
use crate::json::Object;
use crate::{ApiAnswer, ApiRequest, Evidence, Needed, Rejection, Request, Settings};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use jiff::{SignedDuration, Timestamp};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Plaid's tokens have some 300 bytes.
const MAX_TOKEN_BYTES: usize = 4096;
const MAX_KEY_ID_BYTES: usize = 64;
/// Plaid's own rule for the past; the same for clocks that differ.
const TOLERANCE_S: i64 = 300;
/// Plaid marks a key as expired when it stops to use it, and asks to look at least every day. An hour also bounds how
/// long a mistaken answer is kept.
const KEY_AGE: SignedDuration = SignedDuration::from_hours(1);

struct Token<'a> {
    key_id: String,
    issued_at: i64,
    body_sha256: String,
    signed: &'a [u8],
    signature: Vec<u8>,
}

pub(crate) fn verify(
    request: &Request<'_>,
    settings: &Settings,
    evidence: &Evidence<'_>,
    now: Timestamp,
) -> Result<Verdict, Rejection> {
    let text = request.header("plaid-verification")?.filter(|text| !text.is_empty());
    let token = Token::read(text.ok_or(Rejection::MissingSignature)?).ok_or(Rejection::MalformedSignature)?;
    // Before the key is fetched: a token for another body is of no use, whoever signed it.
    let hash = HEXLOWER.encode(&Sha256::digest(request.body));
    if !bool::from(hash.as_bytes().ct_eq(token.body_sha256.as_bytes())) {
        return Err(Rejection::SignatureMismatch);
    }
    let needed = key_needed(&token.key_id, settings, evidence)?;
    let Some(answer) = evidence.answer(&needed.id) else { return Ok(Verdict::Needs(needed)) };
    let key = public_key(answer, &token.key_id, now)?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
        .verify(token.signed, &token.signature)
        .map_err(|_| Rejection::SignatureMismatch)?;
    // Both are far from the ends of an i64: `issued_at` is limited where it is read.
    let age_s = now.as_second() - token.issued_at;
    if age_s.abs() > TOLERANCE_S {
        return Err(Rejection::TimestampOutOfTolerance);
    }
    Ok(Verdict::Genuine)
}

impl<'a> Token<'a> {
    /// `None` where it is not a token of Plaid's kind.
    fn read(text: &'a str) -> Option<Self> {
        if text.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        // A fourth part would hold a dot, which base64url has not.
        let decode = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).ok();
        let (header, claims) = (decode(header)?, decode(claims)?);
        let header = Object::parse(&header, "").ok()?;
        if header.text("alg")? != "ES256" || header.member("crit").is_some() {
            return None;
        }
        let key_id = header.text("kid")?.into_owned();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if key_id.len() > MAX_KEY_ID_BYTES || !key_id.bytes().all(is_plain) {
            return None;
        }
        let claims = Object::parse(&claims, "").ok()?;
        let issued_at = claims.integer("iat").filter(|seconds| (0..1 << 40).contains(seconds))?;
        let body_sha256 = claims.text("request_body_sha256")?.into_owned();
        Some(Self {
            key_id,
            issued_at,
            body_sha256,
            signed: signed.as_bytes(),
            signature: decode(signature)?,
        })
    }
}

/// The key does not depend on the source that asks, but whether Plaid gives it out does: the id has a hash of the
/// credential, so that what is refused to one source is not taken for an answer to another.
fn key_needed(key_id: &str, settings: &Settings, evidence: &Evidence<'_>) -> Result<Needed, Rejection> {
    let environment = match settings.get("environment").map(String::as_str) {
        None | Some("production") => "production",
        Some("sandbox") => "sandbox",
        Some(_) => return Err(Rejection::MissingSetting),
    };
    let credential = evidence.credential().and_then(|credential| credential.split_once(':'));
    let (client_id, secret) = credential.ok_or(Rejection::MissingCredential)?;
    let question = serde_json::json!({ "client_id": client_id, "secret": secret, "key_id": key_id });
    let url = format!("https://{environment}.plaid.com/webhook_verification_key/get");
    let hash = HEXLOWER.encode(&Sha256::digest(format!("{client_id}\n{secret}"))[..16]);
    Ok(Needed {
        id: format!("key {environment} {hash} {key_id}"),
        request: ApiRequest::post(url, "application/json", question.to_string().into_bytes()),
        max_age: Some(KEY_AGE),
    })
}

/// The point on the curve, uncompressed (SEC 1 §2.3.3). Whether it is on the curve is checked where it is used.
fn public_key(answer: &ApiAnswer, key_id: &str, now: Timestamp) -> Result<Vec<u8>, Rejection> {
    let said = answered(answer)?;
    if answer.status != 200 {
        // Anything else says something about our credential, or about Plaid.
        let unknown = said.text("error_code").as_deref() == Some("INVALID_WEBHOOK_VERIFICATION_KEY_ID");
        return Err(if unknown { Rejection::UntrustedKey } else { Rejection::EvidenceUnavailable });
    }
    let key = said.object("key", "").ok().flatten().ok_or(Rejection::EvidenceUnavailable)?;
    let is = |name: &str, wanted: &str| key.text(name).as_deref() == Some(wanted);
    let is_fit = is("kty", "EC") && is("crv", "P-256") && is("alg", "ES256") && is("kid", key_id);
    // `null` as long as it is in use.
    let is_expired = key.member("expired_at").is_some()
        && key.integer("expired_at").is_none_or(|at| at <= now.as_second());
    if !is_fit || is_expired {
        return Err(Rejection::UntrustedKey);
    }
    let mut point = vec![4];
    for name in ["x", "y"] {
        let coordinate = key.text(name).and_then(|text| BASE64URL_NOPAD.decode(text.as_bytes()).ok());
        let coordinate = coordinate.filter(|bytes| bytes.len() == 32).ok_or(Rejection::UntrustedKey)?;
        point.extend_from_slice(&coordinate);
    }
    Ok(point)
}
