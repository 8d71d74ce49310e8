//! The providers whose way of signing is no data: PayPal's certificates and Plaid's tokens. Whoever verifies has to
//! fetch something from their API; [`answer`] is what it would say.

use crate::fill::Unknown;
use crate::{Webhook, keys};
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use jiff::Timestamp;
use providers::{ApiAnswer, ApiRequest, Settings};
use serde_json::json;
use sha2::{Digest, Sha256};

const PLAID_KEY: &str = "bfbd5111-8e33-4643-8ced-b2e642a72f3c";

/// The header that carries the signature over `body`, for a provider that has one of this kind.
pub(crate) fn sign(
    webhook: &Webhook,
    body: &[u8],
    settings: &Settings,
    now: Timestamp,
) -> Option<Result<(&'static str, String), Unknown>> {
    match webhook.provider {
        "paypal" => Some(paypal(webhook, body, settings)),
        "plaid" => Some(Ok(("plaid-verification", plaid(body, now)))),
        _ => None,
    }
}

/// <https://developer.paypal.com/api/rest/webhooks/rest/#link-verifywebhooksignature>
fn paypal(webhook: &Webhook, body: &[u8], settings: &Settings) -> Result<(&'static str, String), Unknown> {
    let header = |name: &str| {
        let found = webhook.headers.iter().find(|(header, _)| *header == name);
        found.map(|(_, value)| value.as_str()).ok_or_else(|| Unknown(name.to_owned()))
    };
    let webhook_id = settings.get("webhook_id").ok_or_else(|| Unknown("webhook_id".to_owned()))?;
    let (id, time) = (header("paypal-transmission-id")?, header("paypal-transmission-time")?);
    let message = format!("{id}|{time}|{webhook_id}|{}", crc32fast::hash(body));
    let signature = keys::rsa(providers::scheme::RsaHash::Sha256, message.as_bytes());
    Ok(("paypal-transmission-sig", BASE64.encode(&signature)))
}

/// <https://plaid.com/docs/api/webhooks/webhook-verification/>
fn plaid(body: &[u8], now: Timestamp) -> String {
    let part = |value: serde_json::Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let header = part(json!({ "alg": "ES256", "kid": PLAID_KEY, "typ": "JWT" }));
    let hash = HEXLOWER.encode(&Sha256::digest(body));
    let claims = part(json!({ "iat": now.as_second(), "request_body_sha256": hash }));
    let signed = format!("{header}.{claims}");
    let signature = BASE64URL_NOPAD.encode(&keys::es256(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// What the provider's API answers to a verifier's question; `None` where it is not asked that.
pub(crate) fn answer(provider: &str, request: &ApiRequest) -> Option<ApiAnswer> {
    let body = match provider {
        "paypal" if request.url.contains("/v1/notifications/certs/") => {
            keys::PAYPAL_CERTIFICATE.as_bytes().to_vec()
        }
        "plaid" if request.url.ends_with("/webhook_verification_key/get") => {
            let (x, y) = keys::p256_coordinates();
            let key = json!({
                "alg": "ES256", "crv": "P-256", "kid": PLAID_KEY, "kty": "EC", "use": "sig", "x": x, "y": y,
                "created_at": 1_560_466_150, "expired_at": null,
            });
            json!({ "key": key, "request_id": "RZ6Omi1bzzwDaLo" }).to_string().into_bytes()
        }
        _ => return None,
    };
    Some(ApiAnswer { status: 200, body })
}
