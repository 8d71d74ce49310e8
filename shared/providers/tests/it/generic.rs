//! The generic provider, configured like providers of the table, comes to their verdicts: over their golden vectors,
//! and over requests that are signed here by their formula where there is no file of vectors.
//!
//! What the settings can't say, and takes a row of its own: several schemes or templates at once (Creem, Square with
//! another URL than ours, PayU), a signature for each item of a batch (Adyen's standard notifications), headers that
//! the sender names (Coinbase Developer Platform), optional parts (Mercado Pago), plain hashes instead of an HMAC
//! (Midtrans, Nuvei, PayU, PhonePe), fields in a fixed order of which several may come (Worldpay), one header line
//! for each signature (Mollie), conditions (Shopify's other headers) and ed25519 (Standard Webhooks `v1a`).

use crate::support;
use crate::vectors::{Expect, Strictness, Vector};
use data_encoding::{BASE64, HEXLOWER};
use domain::VerifiedBy;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use proptest::prelude::*;
use providers::{Covers, Provider, Rejection, Request, Secret, Settings, Verified};
use sha2::{Sha256, Sha512};
use std::collections::BTreeSet;
use std::path::PathBuf;

fn generic() -> &'static Provider {
    Provider::find("generic").unwrap()
}

fn settings(pairs: &[(&str, &str)]) -> Settings {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// An HMAC-SHA256 over `signed`, in a header.
fn hmac(header: &str, layout: &str, encoding: &str, signed: &str, more: &[(&str, &str)]) -> Settings {
    let place = format!("header:{header}");
    let mut all = settings(&[
        ("algorithm", "hmac-sha256"),
        ("signature", &place),
        ("layout", layout),
        ("encoding", encoding),
        ("signed", signed),
    ]);
    all.extend(settings(more));
    all
}

const BARE: &str = "{signature}";
const STANDARD: &str = "v1,{signature} v1,{signature}";

/// The settings under which the generic provider verifies what `provider` sends.
fn like(provider: &str) -> Option<Settings> {
    let tolerance = ("tolerance_seconds", "300");
    let ms = ("timestamp_unit", "milliseconds");
    let standard = |prefix: &str, key: &[(&str, &str)]| {
        let stamp = format!("header:{prefix}-timestamp");
        let signed = format!("{{header:{prefix}-id}}.{{timestamp}}.{{body}}");
        let mut all = hmac(&format!("{prefix}-signature"), STANDARD, "base64", &signed, key);
        all.extend(settings(&[("timestamp", &stamp), tolerance]));
        all
    };
    let base64_key = [("key_encoding", "base64"), ("key_prefix", "whsec_")];
    Some(match provider {
        "stripe" => hmac(
            "stripe-signature",
            "t={timestamp},v1={signature}",
            "hex",
            "{timestamp}.{body}",
            &[tolerance],
        ),
        "paddle" => hmac(
            "paddle-signature",
            "ts={timestamp};h1={signature}",
            "hex",
            "{timestamp}:{body}",
            &[("tolerance_seconds", "5")],
        ),
        "recurly" => hmac(
            "recurly-signature",
            "{timestamp},{signature}",
            "hex",
            "{timestamp}.{body}",
            &[ms, tolerance],
        ),
        "airwallex" => hmac(
            "x-signature",
            BARE,
            "hex",
            "{timestamp}{body}",
            &[("timestamp", "header:x-timestamp"), ms, tolerance],
        ),
        "cashfree" => hmac("x-webhook-signature", BARE, "base64", "{header:x-webhook-timestamp}{body}", &[]),
        "dlocal" => hmac(
            "authorization",
            "V2-HMAC-SHA256, Signature: {signature}",
            "hex",
            "{header:x-login}{header:x-date}{body}",
            &[],
        ),
        "rapyd" => hmac(
            "signature",
            BARE,
            "base64-of-hex",
            "{url}{header:salt}{header:timestamp}{header:access_key}{key}{body}",
            &[],
        ),
        "standard_webhooks" | "dodopayments" => standard("webhook", &base64_key),
        "svix" => standard("svix", &base64_key),
        "polar" => standard("webhook", &[]),
        "square" => hmac("x-square-hmacsha256-signature", BARE, "base64", "{url}{body}", &[]),
        "shopify" => hmac("x-shopify-hmac-sha256", BARE, "base64", "{body}", &[]),
        "github" => hmac("x-hub-signature-256", "sha256={signature}", "hex", "{body}", &[]),
        "btcpay" => hmac("btcpay-sig", "sha256={signature}", "hex", "{body}", &[]),
        "mollie_nextgen" => hmac("x-mollie-signature", "sha256={signature}", "hex", "{body}", &[]),
        "razorpay" => hmac("x-razorpay-signature", BARE, "hex", "{body}", &[]),
        "checkout" => hmac("cko-signature", BARE, "hex", "{body}", &[]),
        "coinbase_commerce" => hmac("x-cc-webhook-signature", BARE, "hex", "{body}", &[]),
        "dwolla" => hmac("x-request-signature-sha-256", BARE, "hex", "{body}", &[]),
        "flutterwave_v4" => hmac("flutterwave-signature", BARE, "base64", "{body}", &[]),
        "gocardless" => hmac("webhook-signature", BARE, "hex", "{body}", &[]),
        "klarna" => hmac("klarna-signature", BARE, "hex", "{body}", &[]),
        "lemonsqueezy" | "modern_treasury" => hmac("x-signature", BARE, "hex", "{body}", &[]),
        "adyen_platform" => hmac("hmacsignature", BARE, "base64", "{body}", &[("key_encoding", "hex")]),
        "worldpay" => hmac("event-signature", "1/SHA256/{signature}", "hex", "{body}", &[]),
        "authorizenet" => hmac(
            "x-anet-signature",
            "sha512={signature}",
            "hex-any-case",
            "{body}",
            &[("algorithm", "hmac-sha512")],
        ),
        "paystack" => hmac("x-paystack-signature", BARE, "hex", "{body}", &[("algorithm", "hmac-sha512")]),
        "opennode" => {
            let mut all = hmac("", BARE, "hex", "{form:id}", &[]);
            all.extend(settings(&[("signature", "form:hashed_order")]));
            all
        }
        "flutterwave" => settings(&[("algorithm", "token"), ("signature", "header:verif-hash")]),
        "xendit" => settings(&[("algorithm", "token"), ("signature", "header:x-callback-token")]),
        "chargebee" => settings(&[("algorithm", "basic")]),
        _ => return None,
    })
}

/// Vectors of what the settings can't say: one header line for each signature, an address other than the request's,
/// headers and a body that have to be there, and a second family of headers.
const BEYOND: &[&str] = &[
    "mollie_nextgen/duplicate-signature-header",
    "rapyd/address-by-setting",
    "shopify/empty-body",
    "shopify/without-x-shopify-topic",
    "shopify/without-x-shopify-shop-domain",
    "shopify/without-x-shopify-api-version",
    "shopify/without-x-shopify-webhook-id",
    "shopify/events-good",
    "shopify/events-bad-beside-good",
];

fn verify_vector(vector: &Vector, settings: &Settings) -> Result<Verified, Rejection> {
    let texts = vector.secrets.clone().unwrap_or_default();
    let ids: Vec<_> = (0u8..).take(texts.len()).map(support::secret_id).collect();
    let secrets: Vec<Secret<'_>> = ids.iter().zip(&texts).map(|(id, text)| Secret { id, text }).collect();
    let body = BASE64.decode(vector.body.as_deref().unwrap_or_default().as_bytes()).unwrap();
    let request = Request {
        method: vector.method.as_deref().unwrap_or("POST"),
        url: vector.url.as_deref().unwrap_or("https://gw.example.test/in"),
        headers: vector.headers.as_deref().unwrap_or_default(),
        body: &body,
    };
    generic().verify(&request, &secrets, settings, Timestamp::from_second(vector.now).unwrap())
}

/// What went otherwise than the vectors say, and which providers they were of.
fn run(files: &[PathBuf]) -> (Vec<(Expect, String)>, BTreeSet<String>) {
    let (mut differs, mut providers) = (Vec::new(), BTreeSet::new());
    for vector in files.iter().flat_map(|file| support::read::<Vector>(file)) {
        let Some(settings) = like(&vector.provider).filter(|_| !BEYOND.contains(&vector.id.as_str())) else {
            continue;
        };
        assert_eq!(generic().check_settings(&settings), Ok(()), "{}", vector.provider);
        for secret in vector.secrets.iter().flatten().filter(|secret| secret.len() > 20) {
            assert_eq!(generic().check_secret(secret, &settings), Ok(()), "{}", vector.id);
        }
        let outcome = verify_vector(&vector, &settings);
        let got = if outcome.is_ok() { Expect::Accept } else { Expect::Reject };
        let Vector { id, provider, strictness, reason, .. } = vector;
        if got != vector.expect && strictness != Strictness::May {
            let said = format!("{id} ({strictness:?}): got {got:?} {:?}: {reason}", outcome.err());
            differs.push((got, said));
        }
        providers.insert(provider);
    }
    (differs, providers)
}

#[test]
fn configured_like_a_provider_it_comes_to_the_verdicts_of_that_providers_vectors() {
    let (differs, providers) = run(&support::json_files(&support::own_directory()));
    assert!(differs.is_empty(), "{differs:#?}");
    assert!(providers.len() >= 20, "only like {providers:?}");
}

/// There may be vectors of what the settings can't say among them, so that it may refuse more; it must not accept
/// more.
#[test]
fn configured_like_a_provider_it_accepts_nothing_that_vectors_from_the_environment_reject() {
    let (differs, _) = run(&support::named_by("PAYRELAY_VECTORS"));
    let accepted: Vec<_> = differs.iter().filter(|(got, _)| *got == Expect::Accept).collect();
    assert!(accepted.is_empty(), "{accepted:#?}");
}

const NOW_S: i64 = 1_795_348_800;
const SECRET: &str = "a-secret-of-some-length";
const BODY: &str = "{\"id\":\"1\",\r\n \"name\":\"caf\u{e9}\"}";
const URL: &str = "https://gw.example.test/in?x=1";

fn sha256(message: &str) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

fn sha512(message: &str) -> Vec<u8> {
    let mac = Hmac::<Sha512>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

/// The headers with which a provider sends `BODY` at `now_s`, by its documentation; the signature first.
fn signed_headers(provider: &str, now_s: i64) -> Vec<(String, String)> {
    let ms = (now_s * 1000).to_string();
    let hex = |message: String| HEXLOWER.encode(&sha256(&message));
    let base64 = |message: String| BASE64.encode(&sha256(&message));
    let body = BODY.to_owned();
    let headers = match provider {
        "airwallex" => vec![("X-Signature", hex(format!("{ms}{body}"))), ("x-timestamp", ms)],
        "recurly" => {
            vec![("Recurly-Signature", format!("{ms},{},{}", "0".repeat(64), hex(format!("{ms}.{body}"))))]
        }
        "cashfree" => {
            vec![("x-webhook-signature", base64(format!("{ms}{body}"))), ("x-webhook-timestamp", ms)]
        }
        "dlocal" => vec![
            ("Authorization", format!("V2-HMAC-SHA256, Signature: {}", hex(format!("login{ms}{body}")))),
            ("X-Date", ms),
            ("X-Login", "login".to_owned()),
        ],
        "rapyd" => {
            let signature = hex(format!("{URL}salt{now_s}access{SECRET}{body}"));
            let of_hex = BASE64.encode(signature.as_bytes());
            vec![
                ("signature", of_hex),
                ("salt", "salt".to_owned()),
                ("timestamp", now_s.to_string()),
                ("access_key", "access".to_owned()),
            ]
        }
        "shopify" => vec![
            ("X-Shopify-Hmac-Sha256", base64(body)),
            ("X-Shopify-Topic", "orders/paid".to_owned()),
            ("X-Shopify-Shop-Domain", "shop.example".to_owned()),
            ("X-Shopify-API-Version", "2026-10".to_owned()),
            ("X-Shopify-Webhook-Id", "1".to_owned()),
            ("X-Shopify-Event-Id", "1".to_owned()),
        ],
        "paystack" => vec![("x-paystack-signature", HEXLOWER.encode(&sha512(&body)))],
        "btcpay" => vec![("BTCPay-Sig", format!("sha256={}", hex(body)))],
        "gocardless" => vec![("Webhook-Signature", hex(body))],
        "lemonsqueezy" | "modern_treasury" => vec![("X-Signature", hex(body))],
        other => panic!("no formula for {other}"),
    };
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn verify_as(
    provider: &'static Provider,
    settings: &Settings,
    secret: &str,
    headers: &[(String, String)],
    body: &str,
) -> Result<(), Rejection> {
    let secrets = [Secret { id: &support::secret_id(0), text: secret }];
    let request = Request { method: "POST", url: URL, headers, body: body.as_bytes() };
    provider.verify(&request, &secrets, settings, Timestamp::from_second(NOW_S).unwrap()).map(|_| ())
}

#[test]
fn configured_like_a_provider_without_vectors_it_judges_as_that_provider_does() {
    for name in [
        "airwallex",
        "recurly",
        "cashfree",
        "dlocal",
        "rapyd",
        "shopify",
        "paystack",
        "btcpay",
        "gocardless",
        "lemonsqueezy",
        "modern_treasury",
    ] {
        let provider = Provider::find(name).unwrap();
        let settings = like(name).unwrap();
        assert_eq!(generic().check_settings(&settings), Ok(()), "{name}");
        let now = signed_headers(name, NOW_S);
        let mut repeated = now.clone();
        repeated.push(now[0].clone());
        let cases = [
            ("as it is sent", SECRET, now.clone(), BODY.to_owned()),
            ("another body", SECRET, now.clone(), BODY.replace('1', "2")),
            ("another secret", "another-secret", now.clone(), BODY.to_owned()),
            ("no signature", SECRET, now[1..].to_vec(), BODY.to_owned()),
            ("the signature twice", SECRET, repeated, BODY.to_owned()),
            ("long ago", SECRET, signed_headers(name, NOW_S - 301), BODY.to_owned()),
            ("ahead of time", SECRET, signed_headers(name, NOW_S + 301), BODY.to_owned()),
        ];
        for (case, secret, headers, body) in cases {
            let own = verify_as(provider, &support::accepted(provider), secret, &headers, &body);
            let configured = verify_as(generic(), &settings, secret, &headers, &body);
            assert_eq!(configured, own, "{name}: {case}");
            if case == "as it is sent" {
                assert_eq!(configured, Ok(()), "{name}");
            }
        }
    }
}

#[test]
fn what_it_covers_follows_from_what_is_signed() {
    let verified = |settings: &Settings, headers: &[(&str, &str)]| {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let secrets = [Secret { id: &support::secret_id(0), text: SECRET }];
        let request = Request { method: "POST", url: URL, headers: &headers, body: BODY.as_bytes() };
        generic().verify(&request, &secrets, settings, Timestamp::from_second(NOW_S).unwrap()).unwrap()
    };
    let digest =
        HEXLOWER.encode(&sha2::Digest::finalize(sha2::Digest::chain_update(Sha256::default(), BODY)));
    let rows = [
        ("{body}", BODY.to_owned(), Covers::Body, VerifiedBy::Signature),
        ("x.{body_sha256}", format!("x.{digest}"), Covers::Body, VerifiedBy::Signature),
        ("{{{header:x-id}}}", "{7}".to_owned(), Covers::None, VerifiedBy::None),
        ("{query:x}|{url}", format!("1|{URL}"), Covers::None, VerifiedBy::None),
    ];
    for (template, message, covers, by) in rows {
        let settings = hmac("x-sig", BARE, "hex", template, &[("event_id", "header:x-event, id")]);
        assert_eq!(generic().check_settings(&settings), Ok(()), "{template}");
        let signature = HEXLOWER.encode(&sha256(&message));
        let headers = [
            ("X-Sig", signature.as_str()),
            ("X-Id", "7"),
            ("X-Event", "e"),
            ("X-Other", "o"),
            ("Content-Type", "a/b"),
        ];
        let verified = verified(&settings, &headers);
        assert_eq!((verified.covers(), verified.verified_by()), (covers, by), "{template}");
        assert_eq!(verified.scheme(), "hmac-sha256");
        let mut kept: Vec<&str> = verified.headers().iter().map(|(name, _)| name.as_str()).collect();
        kept.sort_unstable();
        let id = if template.contains("x-id") { &["x-id"][..] } else { &[] };
        let mut expected = [&["content-type", "x-event", "x-sig"], id].concat();
        expected.sort_unstable();
        assert_eq!(kept, expected, "{template}");
    }
    let token = settings(&[
        ("algorithm", "token"),
        ("signature", "header:x-token"),
        ("layout", "Bearer {signature}"),
    ]);
    let sent = format!("Bearer {SECRET}");
    let verified = verified(&token, &[("x-token", &sent)]);
    assert_eq!((verified.covers(), verified.headers().len()), (Covers::None, 0), "the token is not kept");
}

/// Names that the provider knows, with values that are right, nearly right, or anything.
fn any_settings() -> impl Strategy<Value = Settings> {
    let names: Vec<&'static str> = generic().settings().iter().map(|setting| setting.name).collect();
    let text = prop_oneof![
        "(header|query|form|json|):?[a-z{}.-]{0,8}",
        "[{}a-z=,;:|.*0-9 ]{0,24}",
        Just("t={timestamp},v1={signature}".to_owned()),
        Just("{timestamp}.{body}".to_owned()),
        Just("paid=paid,*|open=processing".to_owned()),
        Just("data.object.id,data.0.amount".to_owned()),
        Just("id".to_owned()),
        Just("header:x-signature".to_owned()),
        Just("300".to_owned()),
        any::<String>(),
        prop::sample::select(
            &["hmac-sha256", "token", "basic", "hex", "base64", "seconds", "form", "major", "EUR", "rfc3339"]
                [..]
        )
        .prop_map(str::to_owned),
    ];
    prop::collection::btree_map(prop::sample::select(names).prop_map(str::to_owned), text, 0..14)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_settings_panic_and_none_make_anything_genuine(
        settings in any_settings(),
        value in "[tv0-9a-f=,;. ]{0,40}",
        body in prop_oneof![Just("{\"id\":\"1\",\"data\":[{\"amount\":1}]}".to_owned()), any::<String>()],
        text in any::<String>(),
    ) {
        let checked = generic().check_settings(&settings);
        let _ = generic().check_secret(&text, &settings);
        let headers =
            [("x-signature".to_owned(), value.clone()), ("authorization".to_owned(), value.clone())];
        let secrets = [Secret { id: &support::secret_id(0), text: SECRET }];
        let url = format!("{URL}&id={value}");
        let request = Request { method: "POST", url: &url, headers: &headers, body: body.as_bytes() };
        let outcome = generic().verify(&request, &secrets, &settings, Timestamp::from_second(NOW_S).unwrap());
        // What was accepted when it was stored is never what stands in the way.
        prop_assert_eq!(outcome.clone().err() == Some(Rejection::MissingSetting) && checked.is_ok(), false);
        prop_assert!(outcome.is_err());
        let verified = support::verified("generic", &[("x-event", "1")], body.as_bytes());
        for notification in verified.notifications(&settings).unwrap_or_default() {
            prop_assert!(!notification.dedupe_key.is_empty() && !notification.provider_type.is_empty());
            prop_assert!(notification.facts.is_empty() || notification.provider_payment_id.is_some());
        }
    }
}
