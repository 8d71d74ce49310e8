//! The ways of signing that are not a provider's usual one, which is what the simulators use: genuine requests from the
//! golden vectors, made for the time at which the test clock begins, and a few that are put together here.

use super::account::with_header;
use anyhow::{Context, Result};
use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use journeys::{HOST, Sent};
use providers::Provider;
use serde_json::Value;
use sha2::{Digest, Sha256, Sha512};
use std::collections::BTreeMap;
use std::path::Path;

/// A scheme of a row behind its first, and a genuine request by it.
#[derive(Clone)]
pub(super) struct Further {
    pub(super) provider: &'static str,
    /// Its name in the row.
    pub(super) scheme: &'static str,
    pub(super) secrets: Vec<String>,
    pub(super) settings: BTreeMap<String, String>,
    pub(super) sent: Sent,
}

/// All of them; that none is left out is for the test to see.
pub(super) fn all(now_s: i64) -> Result<Vec<Further>> {
    let v1a = vector("standard_webhooks", "standard_webhooks_v1a", "standard_webhooks_v1a/good")?;
    let creem = vector("creem", "creem", "creem/good")?;
    // The names are all that differs: Svix signs what the specification signs.
    let svix = [
        ("webhook-id", "svix-id"),
        ("webhook-timestamp", "svix-timestamp"),
        ("webhook-signature", "svix-signature"),
    ];
    let svix_v1a = svix.iter().fold(v1a.sent.clone(), |sent, (old, new)| renamed(&sent, old, new));
    let x_creem = renamed(&creem.sent, "creem-signature", "x-creem-signature");
    Ok(vec![
        coinbase("x-hook0-signature v1 without headers", "v1", &format!("{now_s}..."), now_s),
        coinbase("x-hook0-signature v0", "v0", &format!("{now_s}."), now_s),
        Further { scheme: "x-creem-signature", sent: x_creem, ..creem.clone() },
        Further { scheme: "creem-signature", ..creem },
        midtrans_account(),
        midtrans_iris(),
        payu(),
        Further { scheme: "shopify-hmac-sha256", ..vector("shopify", "shopify", "shopify/events-good")? },
        Further { scheme: "svix-signature v1a", sent: svix_v1a, ..v1a.clone() },
        Further { scheme: "webhook-signature v1a", ..v1a },
        Further { scheme: "svix-signature v1", ..vector("standard_webhooks", "svix", "svix/good")? },
        Further { scheme: "without company", ..vector("woovi", "woovi", "woovi/test")? },
    ])
}

/// A golden vector, its scheme still to be named.
fn vector(provider: &'static str, file: &str, id: &str) -> Result<Further> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../vectors/{file}.json"));
    let all: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let found = all.as_array().context("a list")?.iter().find(|vector| vector["id"] == id);
    let found = found.with_context(|| id.to_owned())?;
    let text = |value: &Value| value.as_str().map(str::to_owned).context("a text");
    let body = BASE64.decode(text(&found["body"])?.as_bytes())?;
    let mut sent = Sent::post(&[("host", HOST)], body);
    for header in found["headers"].as_array().into_iter().flatten() {
        // Names live as long as the test: that of a request is not known to the compiler.
        let name: &'static str = text(&header[0])?.to_ascii_lowercase().leak();
        sent.headers.push((name, text(&header[1])?.into_bytes()));
    }
    let row = Provider::find(provider).context("there is such a provider")?;
    let known = row.settings().iter().map(|setting| setting.name);
    let mut settings: BTreeMap<String, String> =
        known.filter_map(|name| Some((name.to_owned(), found["extra"][name].as_str()?.to_owned()))).collect();
    if row.is_experimental() {
        settings.insert("experimental".to_owned(), "accepted".to_owned());
    }
    let secrets = found["secrets"].as_array().into_iter().flatten().map(text).collect::<Result<_>>()?;
    Ok(Further { provider, scheme: "", secrets, settings, sent })
}

fn renamed(sent: &Sent, old: &str, new: &'static str) -> Sent {
    let mut sent = sent.clone();
    let header = sent.headers.iter_mut().find(|(name, _)| *name == old).expect("the header is there");
    header.0 = new;
    sent
}

fn further(provider: &'static str, scheme: &'static str, secret: &str, sent: Sent) -> Further {
    let secrets = vec![secret.to_owned()];
    Further { provider, scheme, secrets, settings: BTreeMap::new(), sent }
}

const SECRET: &str = "a-secret-of-the-journeys";

/// <https://docs.cdp.coinbase.com/webhooks/payment-acceptance/verification>: where no headers are named their place stays
/// empty, and `v0` is the version that knew of none.
fn coinbase(scheme: &'static str, version: &str, before_body: &str, now_s: i64) -> Further {
    let body = r#"{"eventId":"e1","eventType":"payment_session.created","timestamp":"2026-11-22T12:00:00Z"}"#;
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("HMAC takes a key of any length");
    let tag = mac.chain_update(before_body).chain_update(body).finalize().into_bytes();
    let value = format!("t={now_s},{version}={}", HEXLOWER.encode(&tag));
    further("coinbase_cdp", scheme, SECRET, Sent::post(&[("x-hook0-signature", &value)], body))
}

/// A notification about an account that was linked (<https://docs.midtrans.com/docs/https-notification-webhooks>).
fn midtrans_account() -> Further {
    let signature = HEXLOWER.encode(&Sha512::digest(format!("acc-1ENABLED200{SECRET}")));
    let body = format!(
        r#"{{"account_id":"acc-1","account_status":"ENABLED","status_code":"200","signature_key":"{signature}"}}"#
    );
    further("midtrans", "signature_key of an account", SECRET, Sent::post(&[], body))
}

/// A payout.
fn midtrans_iris() -> Further {
    let body = r#"{"reference_no":"p-1","amount":"10000.0","status":"completed","updated_at":"2026-11-22T12:00:00Z"}"#;
    let signature = HEXLOWER.encode(&Sha512::digest(format!("{body}{SECRET}")));
    further("midtrans", "iris-signature", SECRET, Sent::post(&[("iris-signature", &signature)], body))
}

/// PayU sends its header under a second name too.
fn payu() -> Further {
    let body = r#"{"order":{"orderId":"o1","status":"PENDING","totalAmount":"4620","currencyCode":"PLN"}}"#;
    let signature = HEXLOWER.encode(&Sha256::digest(format!("{body}{SECRET}")));
    let value = format!("sender=checkout;signature={signature};algorithm=SHA-256;content=DOCUMENT");
    let sent = Sent::post(&[("x-openpayu-signature", &value)], body);
    further("payu", "x-openpayu-signature", SECRET, with_header(&sent, "host", Some(HOST.as_bytes())))
}
