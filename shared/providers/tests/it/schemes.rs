//! How providers sign of which `tests/vectors` has no file. The requests are signed here by the formula in the
//! provider's documentation, so that a row that says something else fails.

use crate::support;
use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use providers::{Provider, Rejection, Request, Secret, Settings};
use sha2::{Digest, Sha256, Sha512};

const NOW_S: i64 = 1_795_348_800;
const SECRET: &str = "a-secret-of-some-length";
const BODY: &str = "{\"id\":\"1\",\r\n \"name\":\"caf\u{e9}\"}";
const URL: &str = "https://gw.example.test/in?x=1";

fn sha256(key: &str, message: &str) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

fn sha512(key: &str, message: &str) -> Vec<u8> {
    let mac = Hmac::<Sha512>::new_from_slice(key.as_bytes()).unwrap();
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

fn verify(provider: &str, headers: &[(&str, &str)], body: &str) -> Result<(), Rejection> {
    verify_with(provider, &Settings::new(), headers, body)
}

fn verify_with(
    provider: &str,
    settings: &Settings,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<(), Rejection> {
    let provider = Provider::find(provider).unwrap();
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut all = support::accepted(provider);
    all.extend(settings.clone());
    let secrets = [Secret { id: &support::secret_id(0), text: SECRET }];
    let request = Request { method: "POST", url: URL, headers: &headers, body: body.as_bytes() };
    provider.verify(&request, &secrets, &all, Timestamp::from_second(NOW_S).unwrap()).map(|_| ())
}

#[test]
fn hashes_of_the_body_in_a_header_of_their_own() {
    let hex = HEXLOWER.encode(&sha256(SECRET, BODY));
    let base64 = BASE64.encode(&sha256(SECRET, BODY));
    let signed = [
        ("gocardless", "Webhook-Signature", hex.clone()),
        ("lemonsqueezy", "X-Signature", hex.clone()),
        ("modern_treasury", "X-Signature", hex.clone()),
        ("btcpay", "BTCPay-Sig", format!("sha256={hex}")),
        ("creem", "creem-signature", hex.clone()),
        ("creem", "x-creem-signature", format!("sha256={}", hex.to_ascii_uppercase())),
        ("paystack", "x-paystack-signature", HEXLOWER.encode(&sha512(SECRET, BODY))),
        ("midtrans", "Iris-Signature", HEXLOWER.encode(&Sha512::digest(format!("{BODY}{SECRET}")))),
        (
            "payu",
            "X-OpenPayU-Signature",
            format!(
                "sender=1;signature={};algorithm=SHA-256;content=DOCUMENT",
                HEXLOWER.encode(&Sha256::digest(format!("{BODY}{SECRET}")))
            ),
        ),
        ("flutterwave_v4", "flutterwave-signature", base64),
    ];
    for (provider, header, signature) in signed {
        assert_eq!(verify(provider, &[(header, &signature)], BODY), Ok(()), "{provider}");
        let tampered = BODY.replace('1', "2");
        let outcome = verify(provider, &[(header, &signature)], &tampered);
        assert_eq!(outcome, Err(Rejection::SignatureMismatch), "{provider}: another body");
        assert_eq!(verify(provider, &[], BODY), Err(Rejection::MissingSignature), "{provider}: no header");
        let twice = [(header, signature.as_str()), (header, signature.as_str())];
        assert_eq!(verify(provider, &twice, BODY), Err(Rejection::DuplicateHeader), "{provider}: twice");
    }
}

#[test]
fn a_header_that_is_signed_too_can_not_be_changed() {
    let ms = (NOW_S * 1000).to_string();
    let cashfree = BASE64.encode(&sha256(SECRET, &format!("{ms}{BODY}")));
    let airwallex = HEXLOWER.encode(&sha256(SECRET, &format!("{ms}{BODY}")));
    let dlocal = format!(
        "V2-HMAC-SHA256, Signature: {}",
        HEXLOWER.encode(&sha256(SECRET, &format!("login{ms}{BODY}")))
    );
    let rows = [
        ("cashfree", "x-webhook-signature", &cashfree, vec![("x-webhook-timestamp", ms.as_str())]),
        ("airwallex", "x-signature", &airwallex, vec![("x-timestamp", ms.as_str())]),
        ("dlocal", "Authorization", &dlocal, vec![("X-Date", ms.as_str()), ("X-Login", "login")]),
    ];
    let other = (NOW_S * 1000 + 1).to_string();
    for (provider, header, signature, signed) in rows {
        let mut headers = signed.clone();
        headers.push((header, signature));
        assert_eq!(verify(provider, &headers, BODY), Ok(()), "{provider}");
        headers[0].1 = &other;
        assert_eq!(verify(provider, &headers, BODY), Err(Rejection::SignatureMismatch), "{provider}");
        let outcome = verify(provider, &headers[1..], BODY);
        assert_eq!(outcome, Err(Rejection::MissingSignature), "{provider}: without {}", headers[0].0);
    }
}

#[test]
fn signatures_that_are_too_old_are_told_from_false_ones() {
    let airwallex = |ms: i64| {
        let signature = HEXLOWER.encode(&sha256(SECRET, &format!("{ms}{BODY}")));
        verify("airwallex", &[("x-timestamp", &ms.to_string()), ("x-signature", &signature)], BODY)
    };
    let recurly = |ms: i64| {
        let signature = HEXLOWER.encode(&sha256(SECRET, &format!("{ms}.{BODY}")));
        verify("recurly", &[("recurly-signature", &format!("{ms},{},{signature}", "0".repeat(64)))], BODY)
    };
    let now = NOW_S * 1000;
    for check in [&airwallex as &dyn Fn(i64) -> Result<(), Rejection>, &recurly] {
        assert_eq!(check(now), Ok(()));
        assert_eq!(check(now - 300_000), Ok(()));
        assert_eq!(check(now - 300_001), Err(Rejection::TimestampOutOfTolerance));
        assert_eq!(check(now + 300_001), Err(Rejection::TimestampOutOfTolerance));
    }
}

#[test]
fn rapyd_signs_the_address_and_the_secret_and_encodes_the_hex_text() {
    let sign = |url: &str| {
        let message = format!("{url}salt{NOW_S}access{SECRET}{BODY}");
        BASE64.encode(HEXLOWER.encode(&sha256(SECRET, &message)).as_bytes())
    };
    let now = NOW_S.to_string();
    let check = |signature: &str, settings: &Settings| {
        let headers =
            [("signature", signature), ("salt", "salt"), ("timestamp", &now), ("access_key", "access")];
        verify_with("rapyd", settings, &headers, BODY)
    };
    assert_eq!(check(&sign(URL), &Settings::new()), Ok(()));
    let elsewhere = "https://proxy.example.test/rapyd";
    assert_eq!(check(&sign(elsewhere), &Settings::new()), Err(Rejection::SignatureMismatch));
    let settings = Settings::from([("notification_url".to_owned(), elsewhere.to_owned())]);
    assert_eq!(check(&sign(elsewhere), &settings), Ok(()));
}

#[test]
fn coinbase_signs_the_headers_that_it_names_and_v0_rescues_nothing() {
    let v1 = |id: &str| {
        let message = format!("{NOW_S}.x-event-id x-kind.{id}.paid.{BODY}");
        HEXLOWER.encode(&sha256(SECRET, &message))
    };
    let v0 = HEXLOWER.encode(&sha256(SECRET, &format!("{NOW_S}.{BODY}")));
    let check = |signatures: &str| {
        let header = format!("t={NOW_S},h=x-event-id x-kind,{signatures}");
        verify(
            "coinbase_cdp",
            &[("X-Hook0-Signature", &header), ("X-Event-Id", "7"), ("X-Kind", "paid")],
            BODY,
        )
    };
    assert_eq!(check(&format!("v1={}", v1("7"))), Ok(()));
    assert_eq!(check(&format!("v1={}", v1("8"))), Err(Rejection::SignatureMismatch));
    assert_eq!(check(&format!("v0={v0},v1={}", v1("8"))), Err(Rejection::SignatureMismatch));
    assert_eq!(check(&format!("v0={v0}")), Ok(()));
    let bare = HEXLOWER.encode(&sha256(SECRET, &format!("{NOW_S}...{BODY}")));
    let header = format!("t={NOW_S},v1={bare}");
    assert_eq!(verify("coinbase_cdp", &[("X-Hook0-Signature", &header)], BODY), Ok(()));
    assert!(check(&format!("v1={bare}")).is_err(), "headers that are named are signed");
}

#[test]
fn shopify_asks_for_its_headers_and_a_body() {
    let classic =
        ["X-Shopify-Topic", "X-Shopify-Shop-Domain", "X-Shopify-API-Version", "X-Shopify-Webhook-Id"];
    let events = [
        "shopify-topic",
        "shopify-shop-domain",
        "shopify-api-version",
        "shopify-webhook-id",
        "shopify-event-id",
    ];
    let sign = |body: &str| BASE64.encode(&sha256(SECRET, body));
    for (hmac, names) in [("X-Shopify-Hmac-Sha256", &classic[..]), ("shopify-hmac-sha256", &events[..])] {
        let signature = sign(BODY);
        let mut headers = vec![(hmac, signature.as_str())];
        headers.extend(names.iter().map(|name| (*name, "x")));
        assert_eq!(verify("shopify", &headers, BODY), Ok(()), "{hmac}");
        for missing in 1..headers.len() {
            let mut fewer = headers.clone();
            let (name, _) = fewer.remove(missing);
            assert!(verify("shopify", &fewer, BODY).is_err(), "without {name}");
        }
        let empty = sign("");
        headers[0].1 = &empty;
        assert!(verify("shopify", &headers, "").is_err(), "an empty body");
    }
    // The newer header decides where both are there.
    let (good, bad) = (sign(BODY), sign("other"));
    let mut headers = vec![("X-Shopify-Hmac-Sha256", good.as_str()), ("shopify-hmac-sha256", bad.as_str())];
    headers.extend(classic.iter().chain(&events).map(|name| (*name, "x")));
    assert!(verify("shopify", &headers, BODY).is_err());
}

#[test]
fn creems_old_signature_rescues_no_standard_one() {
    let legacy = HEXLOWER.encode(&sha256(SECRET, BODY));
    let now = NOW_S.to_string();
    let headers = [
        ("webhook-id", "m"),
        ("webhook-timestamp", now.as_str()),
        ("webhook-signature", "v1,AAAA"),
        ("creem-signature", legacy.as_str()),
    ];
    assert!(verify("creem", &headers, BODY).is_err());
    assert_eq!(verify("creem", &headers[3..], BODY), Ok(()));
}

#[test]
fn payu_names_its_algorithm_but_only_of_those_we_know() {
    use md5::Md5;
    let check = |algorithm: &str, hash: &str| {
        let header = format!("sender=checkout;signature={hash};algorithm={algorithm};content=DOCUMENT");
        verify("payu", &[("OpenPayu-Signature", &header)], BODY)
    };
    let md5 = HEXLOWER.encode(&Md5::digest(format!("{BODY}{SECRET}")));
    assert_eq!(check("MD5", &md5), Ok(()));
    assert_eq!(check("SHA-256", &md5), Err(Rejection::SignatureMismatch));
    assert_eq!(check("CRC32", &md5), Err(Rejection::MalformedSignature));
}

#[test]
fn nothing_that_a_signature_leaves_open_moves_money() {
    use domain::VerifiedBy;
    let unverified = [
        "flutterwave",
        "xendit",
        "phonepe",
        "chargebee",
        "mercadopago",
        "opennode",
        "midtrans",
        "nuvei",
        "mollie",
    ];
    // What the generic provider's signature covers is for its settings to say.
    for provider in Provider::all().filter(|provider| provider.id() != "generic") {
        let moves = provider.covers().is_some_and(|covers| covers != providers::Covers::None);
        assert_eq!(moves, !unverified.contains(&provider.id()), "{}", provider.id());
    }
    let token = [Secret { id: &support::secret_id(0), text: SECRET }];
    let headers = [("x-callback-token".to_owned(), SECRET.to_owned())];
    let request = Request { method: "POST", url: URL, headers: &headers, body: b"{}" };
    let xendit = Provider::find("xendit").unwrap();
    let verified = xendit.verify(&request, &token, &Settings::new(), Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(verified.verified_by(), VerifiedBy::None);
    assert!(verified.headers().is_empty(), "the token is not kept");
}
