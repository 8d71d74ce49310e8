//! PayPal (<https://developer.paypal.com/api/rest/webhooks/rest/#link-verifywebhooksignature>): RSA under a certificate
//! whose address the request names, or PayPal's own verdict.
//!
//! **Guarantee:** nothing is fetched but from `https://*.paypal.com/v1/notifications/certs/`, and only a certificate
//! that was issued to PayPal's signer counts. What is signed is not the body but its CRC-32, with the source's
//! `webhook_id`. A CRC is no hash: whoever has seen one genuine request could write another body with the same
//! checksum. That is PayPal's design, and the reason for the alternative: with `verification` = `api` PayPal itself
//! compares the body with what it sent.

use super::certificate::Certificate;
use super::{Verdict, answered};
use crate::{ApiAnswer, ApiRequest, Evidence, Needed, Rejection, Request, Settings};
use data_encoding::{BASE64, HEXLOWER};
use jiff::{SignedDuration, Timestamp};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// The one algorithm that PayPal names. Its SDKs would take `SHA1withRSA` as well; a sender must not choose that.
const ALGORITHM: &str = "SHA256withRSA";

/// PayPal tries for three days, and does not say that a later try has a time of its own. To refuse one would lose the
/// event; what is replayed within that time has the id of an event that is known.
const PAST: SignedDuration = SignedDuration::from_hours(3 * 24 + 1);
const FUTURE: SignedDuration = SignedDuration::from_mins(5);

/// Certificates live for months; an hour bounds how long a mistaken answer is kept.
const CERTIFICATE_AGE: SignedDuration = SignedDuration::from_hours(1);

/// A token that is asked for again is the same one with the rest of its nine hours, so it may end soon. Until it is
/// asked for anew PayPal is told to try again.
const TOKEN_AGE: SignedDuration = SignedDuration::from_mins(5);

const CERTIFICATES: &str = "/v1/notifications/certs/";
const MAX_HEADER_BYTES: usize = 2048;

/// Whose certificates and whose API. A setting, because the request says only what its sender wants.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Environment {
    Live,
    Sandbox,
}

impl Environment {
    fn api(self) -> &'static str {
        match self {
            Self::Live => "https://api-m.paypal.com",
            Self::Sandbox => "https://api-m.sandbox.paypal.com",
        }
    }

    /// Whom the signing certificate is issued for. The first is also covered by `*.paypal.com`.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Live => &["messageverificationcerts.paypal.com"],
            Self::Sandbox => {
                &["messageverificationcerts.sandbox.paypal.com", "messageverificationcerts.paypal.com"]
            }
        }
    }
}

/// The five headers.
struct Sent<'a> {
    id: &'a str,
    time: &'a str,
    at: Timestamp,
    signature: &'a str,
    certificate: &'a str,
}

impl<'a> Sent<'a> {
    fn read(request: &Request<'a>) -> Result<Self, Rejection> {
        let header = |name: &str| {
            let value = request.header(name)?.filter(|value| !value.is_empty());
            let value = value.ok_or(Rejection::MissingSignature)?;
            let printable = value.bytes().all(|byte| byte.is_ascii_graphic());
            // The signed text is joined by `|`: a field with one in it could be read as two.
            if !printable || value.contains('|') || value.len() > MAX_HEADER_BYTES {
                return Err(Rejection::MalformedSignature);
            }
            Ok(value)
        };
        let time = header("paypal-transmission-time")?;
        let sent = Self {
            id: header("paypal-transmission-id")?,
            time,
            at: time.parse().map_err(|_| Rejection::MalformedSignature)?,
            signature: header("paypal-transmission-sig")?,
            certificate: header("paypal-cert-url")?,
        };
        if header("paypal-auth-algo")? != ALGORITHM {
            return Err(Rejection::MalformedSignature);
        }
        Ok(sent)
    }
}

pub(crate) fn verify(
    request: &Request<'_>,
    settings: &Settings,
    evidence: &Evidence<'_>,
    now: Timestamp,
) -> Result<Verdict, Rejection> {
    let webhook_id = settings.get("webhook_id").map(String::as_str).filter(|id| !id.is_empty());
    let webhook_id = webhook_id.ok_or(Rejection::MissingSetting)?;
    let wanted = match settings.get("environment").map(String::as_str) {
        None | Some("any") => None,
        Some("live") => Some(Environment::Live),
        Some("sandbox") => Some(Environment::Sandbox),
        Some(_) => return Err(Rejection::MissingSetting),
    };
    let sent = Sent::read(request)?;
    let named = certificate_environment(sent.certificate).ok_or(Rejection::UntrustedKey)?;
    if wanted.is_some_and(|wanted| wanted != named) {
        return Err(Rejection::UntrustedKey);
    }
    let verdict = match settings.get("verification").map(String::as_str) {
        None | Some("certificate") => by_certificate(&sent, named, webhook_id, request.body, evidence, now)?,
        // Without a wish the credential is one for live: the sender must not choose where it is sent.
        Some("api") => {
            let environment = wanted.unwrap_or(Environment::Live);
            by_api(&sent, environment, webhook_id, request.body, evidence)?
        }
        Some(_) => return Err(Rejection::MissingSetting),
    };
    let age = now.duration_since(sent.at);
    match verdict {
        Verdict::Genuine if age > PAST || -age > FUTURE => Err(Rejection::TimestampOutOfTolerance),
        verdict => Ok(verdict),
    }
}

/// The environment whose certificate this is the address of; `None` where it is not an address of PayPal's
/// certificates. Written out rather than parsed as a URL: whatever is not plainly of this form has no business here.
fn certificate_environment(url: &str) -> Option<Environment> {
    let rest = url.strip_prefix("https://")?;
    let (host, path) = rest.split_at(rest.find('/')?);
    let host = host.strip_suffix(":443").unwrap_or(host);
    let subdomain = host.strip_suffix(".paypal.com")?;
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let name = path.strip_prefix(CERTIFICATES)?;
    let is_name = (1..=128).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if !is_name || !subdomain.split('.').all(is_label) {
        return None;
    }
    let is_sandbox = subdomain.rsplit('.').next() == Some("sandbox");
    Some(if is_sandbox { Environment::Sandbox } else { Environment::Live })
}

fn by_certificate(
    sent: &Sent<'_>,
    environment: Environment,
    webhook_id: &str,
    body: &[u8],
    evidence: &Evidence<'_>,
    now: Timestamp,
) -> Result<Verdict, Rejection> {
    let signature = BASE64.decode(sent.signature.as_bytes()).map_err(|_| Rejection::MalformedSignature)?;
    let needed = Needed {
        id: format!("certificate {}", sent.certificate),
        request: ApiRequest::get(sent.certificate.to_owned()),
        max_age: Some(CERTIFICATE_AGE),
    };
    let Some(answer) = evidence.answer(&needed.id) else { return Ok(Verdict::Needs(needed)) };
    let pem = match answer.status {
        200 => &answer.body,
        // PayPal has no certificate by this name.
        404 | 410 => return Err(Rejection::UntrustedKey),
        _ => return Err(Rejection::EvidenceUnavailable),
    };
    let certificate = Certificate::trusted(pem, environment.names(), evidence.roots(), now)
        .map_err(|_| Rejection::UntrustedKey)?;
    let message = format!("{}|{}|{webhook_id}|{}", sent.id, sent.time, crc32fast::hash(body));
    if certificate.signed(message.as_bytes(), &signature) {
        Ok(Verdict::Genuine)
    } else {
        Err(Rejection::SignatureMismatch)
    }
}

/// Asks PayPal (<https://developer.paypal.com/docs/api/webhooks/v1/#verify-webhook-signature_post>).
fn by_api(
    sent: &Sent<'_>,
    environment: Environment,
    webhook_id: &str,
    body: &[u8],
    evidence: &Evidence<'_>,
) -> Result<Verdict, Rejection> {
    // Before anything is asked: the event is put into the question as it came.
    let question = question(sent, webhook_id, body)?;
    let credential = evidence.credential().filter(|credential| credential.contains(':'));
    let token = token_needed(environment, credential.ok_or(Rejection::MissingCredential)?);
    let Some(answer) = evidence.answer(&token.id) else { return Ok(Verdict::Needs(token)) };
    let token = access_token(answer).ok_or(Rejection::EvidenceUnavailable)?;
    let url = format!("{}/v1/notifications/verify-webhook-signature", environment.api());
    let needed = Needed {
        id: "verdict".to_owned(),
        request: ApiRequest::post(url, "application/json", question)
            .with_header("authorization", format!("Bearer {token}")),
        max_age: None,
    };
    let Some(answer) = evidence.answer(&needed.id) else { return Ok(Verdict::Needs(needed)) };
    match answer.status {
        200 => match answered(answer)?.text("verification_status").as_deref() {
            Some("SUCCESS") => Ok(Verdict::Genuine),
            Some("FAILURE") => Err(Rejection::SignatureMismatch),
            _ => Err(Rejection::EvidenceUnavailable),
        },
        // PayPal can't read what the sender wrote.
        400 | 422 => Err(Rejection::SignatureMismatch),
        _ => Err(Rejection::EvidenceUnavailable),
    }
}

/// An OAuth 2 token by client credentials (RFC 6749 §4.4). Its id has a hash of the credential, which the answer
/// depends on.
fn token_needed(environment: Environment, credential: &str) -> Needed {
    let hash = Sha256::digest(format!("{}\n{credential}", environment.api()));
    let url = format!("{}/v1/oauth2/token", environment.api());
    let grant = b"grant_type=client_credentials".to_vec();
    Needed {
        id: format!("token {}", HEXLOWER.encode(&hash[..16])),
        request: ApiRequest::post(url, "application/x-www-form-urlencoded", grant)
            .with_header("authorization", format!("Basic {}", BASE64.encode(credential.as_bytes()))),
        max_age: Some(TOKEN_AGE),
    }
}

/// `None` also for a token that is not fit for a header.
fn access_token(answer: &ApiAnswer) -> Option<String> {
    let token = answered(answer).ok().filter(|_| answer.status == 200)?.text("access_token")?.into_owned();
    token.bytes().all(|byte| byte.is_ascii_graphic()).then_some(token)
}

/// The event goes in byte for byte: written anew, its numbers and escapes would differ from what PayPal signed. It must
/// be one JSON object and no more, or its text could end the question early and add members to it.
fn question(sent: &Sent<'_>, webhook_id: &str, body: &[u8]) -> Result<Vec<u8>, Rejection> {
    let event: &RawValue = serde_json::from_slice(body).map_err(|_| Rejection::MalformedBody)?;
    if !event.get().starts_with('{') {
        return Err(Rejection::MalformedBody);
    }
    let head = serde_json::json!({
        "auth_algo": ALGORITHM,
        "cert_url": sent.certificate,
        "transmission_id": sent.id,
        "transmission_sig": sent.signature,
        "transmission_time": sent.time,
        "webhook_id": webhook_id,
    });
    let mut question = head.to_string().into_bytes();
    question.pop();
    question.extend_from_slice(b",\"webhook_event\":");
    question.extend_from_slice(body);
    question.push(b'}');
    Ok(question)
}

#[cfg(test)]
mod tests;
