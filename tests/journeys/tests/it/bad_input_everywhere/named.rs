//! What the sender names: algorithms, and times.

use super::account::{Account, Carrier, HOST_HEADER, MALFORMED, MISMATCH, MISSING, Way, header, with_header};
use super::signatures::{Case, case};
use data_encoding::{BASE64, BASE64_MIME, BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use journeys::Sent;
use providers::scheme::{Place, Shape};
use serde_json::json;
use sha1::{Digest, Sha1};
use sha2::Sha256;
use url::form_urlencoded;

/// Whoever names an algorithm or a version of signing, or has had another one. All others name none.
pub(super) const NAME_AN_ALGORITHM: &[&str] = &[
    "adyen_platform",
    "authorizenet",
    "btcpay",
    "coinbase_cdp",
    "creem",
    "creem, creem-signature",
    "creem, x-creem-signature",
    "dlocal",
    "dodopayments",
    "generic",
    "github",
    "mercadopago",
    "mollie_nextgen",
    "paddle",
    "paypal",
    "payu",
    "payu, x-openpayu-signature",
    "plaid",
    "polar",
    "square",
    "standard_webhooks",
    "standard_webhooks, svix-signature v1",
    "standard_webhooks, svix-signature v1a",
    "standard_webhooks, webhook-signature v1a",
    "stripe",
    "worldpay",
];

/// The genuine request, with another algorithm's name on it.
pub(super) fn algorithms(account: &Account) -> Vec<Case> {
    let Some(way) = account.way else { return Vec::new() };
    let genuine = &account.genuine;
    let value = way.value(genuine);
    let signature = way.signature(genuine);
    let named = |old: &str, new: &str, reason| {
        assert!(value.contains(old), "{}: {old} is in {value}", account.name);
        let sent = way.with_value(genuine, Some(value.replacen(old, new, 1).as_bytes()));
        case(format!("with `{new}`"), sent, reason)
    };
    let instead = |name: &'static str, value: String| {
        let without = way.with_value(genuine, None);
        case(format!("with {name} instead"), with_header(&without, name, Some(value.as_bytes())), MISSING)
    };
    match account.name.as_str() {
        // The version of test fixtures, and one that is still to come.
        "stripe" => {
            vec![named("v1=", "v0=", MISSING), named("v1=", "v2=", MISSING), named("v1=", "V1=", MISSING)]
        }
        "generic" => vec![named("v1=", "v0=", MISSING)],
        "mercadopago" => vec![named("v1=", "v2=", MISSING)],
        "paddle" => vec![named("h1=", "h2=", MISSING)],
        // The version of before is another text under the same secret.
        "coinbase_cdp" => vec![named("v1=", "v0=", MISMATCH)],
        "standard_webhooks" | "dodopayments" | "polar" | "creem" | "standard_webhooks, svix-signature v1" => {
            vec![named("v1,", "v1a,", MISSING), named("v1,", "v2,", MISSING), named("v1,", "V1,", MISSING)]
        }
        "standard_webhooks, webhook-signature v1a" | "standard_webhooks, svix-signature v1a" => {
            let mut cases = vec![named("v1a,", "v1,", MISSING)];
            cases.extend(keyed_with_the_public_key(account, &way));
            cases
        }
        "github" => vec![
            named("sha256=", "sha1=", MALFORMED),
            named("sha256=", "sha512=", MALFORMED),
            named("sha256=", "SHA256=", MALFORMED),
            instead("x-hub-signature", format!("sha1={}", &signature[..40])),
        ],
        "btcpay" | "mollie_nextgen" => {
            let value = |name: &str| way.with_value(genuine, Some(format!("{name}={signature}").as_bytes()));
            vec![case("with sha1", value("sha1"), MALFORMED), case("with sha512", value("sha512"), MALFORMED)]
        }
        "creem, creem-signature" | "creem, x-creem-signature" => {
            let sent = way.with_value(genuine, Some(format!("sha1={signature}").as_bytes()));
            vec![case("with sha1", sent, MALFORMED)]
        }
        "authorizenet" => vec![named("sha512=", "sha256=", MALFORMED), named("sha512=", "sha1=", MALFORMED)],
        "dlocal" => vec![named("SHA256", "SHA1", MALFORMED), named("V2-", "V1-", MALFORMED)],
        "square" => vec![instead("x-square-signature", signature)],
        "adyen_platform" => {
            // Says by what it was made; that is not looked at, and makes no difference.
            let sent = way.with_signature(genuine, BASE64.encode(&Sha1::digest(&genuine.body)));
            vec![case("HmacSHA1", with_header(&sent, "protocol", Some(b"HmacSHA1")), MISMATCH)]
        }
        "worldpay" => ["SHA1", "SHA512", "MD5", "none", "sha256", ""]
            .into_iter()
            .map(|name| named("/SHA256/", &format!("/{name}/"), MISSING))
            .collect(),
        "payu" | "payu, x-openpayu-signature" => payu(account, &way),
        "paypal" => paypal(account),
        "plaid" => plaid(account, &way),
        _ => Vec::new(),
    }
}

/// Its SDK would take SHA-1 as well; a sender must not choose that.
fn paypal(account: &Account) -> Vec<Case> {
    [("SHA1withRSA", MALFORMED), ("sha256withRSA", MALFORMED), ("none", MALFORMED), ("", MISSING)]
        .into_iter()
        .map(|(name, reason)| {
            let sent = with_header(&account.genuine, "paypal-auth-algo", Some(name.as_bytes()));
            case(format!("with `{name}`"), sent, reason)
        })
        .collect()
}

/// One of those allowed, which made the signature not, or none of those.
fn payu(account: &Account, way: &Way) -> Vec<Case> {
    let genuine = &account.genuine;
    let with = |name: Option<&str>, reason| {
        let what = format!("with the algorithm {name:?}");
        case(what, way.with_element(genuine, "algorithm", name), reason)
    };
    let mut cases = vec![with(None, MISSING), with(Some(""), MISSING), with(Some("MD5"), MISMATCH)];
    let unknown = ["none", "SHA512", "HMAC-SHA256", "sha-256", "MD2", "SHA-256 "];
    cases.extend(unknown.into_iter().map(|name| with(Some(name), MALFORMED)));
    // Without the key anybody can make it.
    let unkeyed = way.with_signature(genuine, HEXLOWER.encode(&Sha256::digest(&genuine.body)));
    cases.push(case("with a hash without the key", unkeyed, MISMATCH));
    cases
}

/// Everybody knows a public key: as an HMAC's it must not count.
fn keyed_with_the_public_key(account: &Account, way: &Way) -> Option<Case> {
    let Carrier::Header(name) = way.carrier else { return None };
    let names = name.replace("signature", "");
    let (id, time) = (names.clone() + "id", names + "timestamp");
    let genuine = &account.genuine;
    let signed = format!("{}.{}.", header(genuine, &id), header(genuine, &time));
    let key = BASE64.decode(account.secrets.first()?.strip_prefix("whpk_")?.as_bytes()).ok()?;
    let mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes a key of any length");
    let tag = mac.chain_update(signed).chain_update(&genuine.body).finalize().into_bytes();
    let sent = way.with_value(genuine, Some(format!("v1,{}", BASE64.encode(&tag)).as_bytes()));
    Some(case("with the public key as an HMAC's", sent, MISSING))
}

/// Tokens whose header names another algorithm: unsigned, or signed by what everybody has.
fn plaid(account: &Account, way: &Way) -> Vec<Case> {
    let genuine = &account.genuine;
    let token = way.value(genuine);
    let parts: Vec<&str> = token.split('.').collect();
    let [head, claims, signature] = parts.as_slice() else { panic!("a token has three parts") };
    let head: serde_json::Value =
        serde_json::from_slice(&BASE64URL_NOPAD.decode(head.as_bytes()).expect("base64")).expect("JSON");
    let with = |what: &str, head: &serde_json::Value, signature: &str| {
        let head = BASE64URL_NOPAD.encode(head.to_string().as_bytes());
        let token = format!("{head}.{claims}.{signature}");
        case(what, way.with_value(genuine, Some(token.as_bytes())), MALFORMED)
    };
    let mut cases = Vec::new();
    for name in ["none", "HS256", "RS256", "ES384", "es256", ""] {
        let mut head = head.clone();
        head["alg"] = json!(name);
        cases.push(with(&format!("with `{name}`"), &head, signature));
        cases.push(with(&format!("with `{name}` and no signature"), &head, ""));
    }
    let mut without = head.clone();
    without.as_object_mut().expect("an object").remove("alg");
    cases.push(with("without an algorithm", &without, signature));
    let mut critical = head.clone();
    critical["crit"] = json!(["b64"]);
    cases.push(with("with what has to be understood", &critical, signature));
    let mut path = head;
    path["kid"] = json!("../../item/get");
    cases.push(with("with a key that is a path", &path, signature));
    cases
}

/// Times that are no numbers, where the row says where they stand.
pub(super) fn times(account: &Account, now: Timestamp) -> Vec<Case> {
    let genuine = &account.genuine;
    let spoiled = |seconds: String| {
        let digits = seconds.replace(|digit: char| digit.is_ascii_digit(), "٣");
        [
            format!("+{seconds}"),
            format!("-{seconds}"),
            format!(" {seconds}"),
            format!("{seconds}.0"),
            format!("0x{seconds}"),
            "1e9".to_owned(),
            "9".repeat(19),
            "now".to_owned(),
            digits,
        ]
    };
    let bad = |text: &str, sent: Sent| case(format!("at `{text}`"), sent, MALFORMED);
    let header_times = |name: &'static str, texts: &[String]| -> Vec<Case> {
        let with = |text: &String| bad(text, with_header(genuine, name, Some(text.as_bytes())));
        texts.iter().map(with).collect()
    };
    if account.id() == "paypal" {
        let texts = [
            "yesterday",
            "1795348800",
            "2026-11-22T12:00:00",
            "2026-13-22T12:00:00Z",
            "2026-11-22T12:00:00Z|x",
        ];
        return header_times("paypal-transmission-time", &texts.map(str::to_owned));
    }
    let Some(way) = account.way else { return Vec::new() };
    let from = way.scheme.and_then(|scheme| scheme.freshness.as_ref()).map(|freshness| freshness.from);
    match (from, way.shape) {
        (Some(Place::Header(name)), _) => header_times(name, &spoiled(header(genuine, name))),
        (Some(Place::Pair(name)), Shape::Pairs { .. } | Shape::First { .. }) => {
            let texts = spoiled(way.element(genuine, name));
            texts.iter().map(|text| bad(text, way.with_element(genuine, name, Some(text)))).collect()
        }
        // The settings of the generic source say so.
        _ if account.id() == "generic" => {
            let texts = spoiled(now.as_second().to_string());
            texts.iter().map(|text| bad(text, way.with_element(genuine, "t", Some(text)))).collect()
        }
        _ => Vec::new(),
    }
}

/// A genuine webhook of Braintree's with this document, by its definition: HMAC-SHA1 under the SHA-1 of the key.
pub(super) fn braintree(secret: &str, document: &[u8]) -> Sent {
    braintree_payload(secret, &BASE64_MIME.encode(document).replace("\r\n", "\n"))
}

pub(super) fn braintree_payload(secret: &str, payload: &str) -> Sent {
    let key = Sha1::digest(secret);
    let mac = Hmac::<Sha1>::new_from_slice(&key).expect("HMAC takes a key of any length");
    let tag = HEXLOWER.encode(&mac.chain_update(payload).finalize().into_bytes());
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("bt_signature", &format!("payrelay_public_key|{tag}"));
    form.append_pair("bt_payload", payload);
    Sent::post(&[HOST_HEADER, ("content-type", "application/x-www-form-urlencoded")], form.finish())
}
