//! The rules of verification, at the providers' own doors.

use crate::support;
use data_encoding::{BASE64, HEXLOWER};
use domain::VerifiedBy;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use providers::{Covers, Provider, Rejection, Request, Secret, Settings, Verified, VerifiedMeta};
use sha2::Sha256;

const NOW_S: i64 = 1_795_348_800;
const STRIPE_SECRET: &str = "whsec_test_3b7a9f0c1d2e4f5a6b7c8d9e0f1a2b3c";
const STANDARD_KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
const ADYEN_KEY: &[u8] = b"fedcba9876543210fedcba9876543210";

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(message).finalize().into_bytes().to_vec()
}

fn verify(
    provider: &str,
    secrets: &[&str],
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Verified, Rejection> {
    verify_at(provider, secrets, headers, body, NOW_S)
}

fn verify_at(
    provider: &str,
    secrets: &[&str],
    headers: &[(&str, &str)],
    body: &[u8],
    now_s: i64,
) -> Result<Verified, Rejection> {
    let ids: Vec<_> = (0u8..).take(secrets.len()).map(support::secret_id).collect();
    let secrets: Vec<_> = ids.iter().zip(secrets).map(|(id, text)| Secret { id, text }).collect();
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = Request { method: "POST", url: "https://gw.example.test/in", headers: &headers, body };
    let now = Timestamp::from_second(now_s).unwrap();
    Provider::find(provider).unwrap().verify(&request, &secrets, &Settings::new(), now)
}

fn stripe_signature(t: i64, secret: &str, body: &str) -> String {
    format!("v1={}", HEXLOWER.encode(&hmac(secret.as_bytes(), format!("{t}.{body}").as_bytes())))
}

fn standard_secret() -> String {
    format!("whsec_{}", BASE64.encode(STANDARD_KEY))
}

fn standard_signature(id: &str, t: i64, body: &str) -> String {
    format!("v1,{}", BASE64.encode(&hmac(STANDARD_KEY, format!("{id}.{t}.{body}").as_bytes())))
}

/// An item whose signature covers `signed`, the eight values joined.
fn adyen_item(fields: &str, signed: &str) -> String {
    let signature = BASE64.encode(&hmac(ADYEN_KEY, signed.as_bytes()));
    format!(
        r#"{{"NotificationRequestItem":{{{fields},"additionalData":{{"hmacSignature":"{signature}"}}}}}}"#
    )
}

fn adyen(items: &[String]) -> Result<Verified, Rejection> {
    let body = format!(r#"{{"live":"false","notificationItems":[{}]}}"#, items.join(","));
    verify("adyen", &[&HEXLOWER.encode(ADYEN_KEY)], &[], body.as_bytes())
}

const CAPTURE: &str = r#""pspReference":"M1","originalReference":"P1","merchantAccountCode":"Shop","merchantReference":"r-1",
    "amount":{"value":1000,"currency":"EUR"},"eventCode":"CAPTURE","success":"true""#;
const CAPTURE_SIGNED: &str = "M1:P1:Shop:r-1:1000:EUR:CAPTURE:true";

#[test]
fn stripe_accepts_either_secret_during_a_rotation_and_tells_which() {
    let header = format!("t={NOW_S},{}", stripe_signature(NOW_S, STRIPE_SECRET, "{}"));
    let verified =
        verify("stripe", &["whsec_new", STRIPE_SECRET], &[("Stripe-Signature", &header)], b"{}").unwrap();
    assert_eq!(verified.secret(), Some(&support::secret_id(1)));
    let two = format!("{header},v1={},v0=00", "0".repeat(64));
    assert!(verify("stripe", &[STRIPE_SECRET], &[("Stripe-Signature", &two)], b"{}").is_ok());
}

#[test]
fn stripe_takes_signatures_300_seconds_old_and_not_301_either_way() {
    let header = format!("t={NOW_S},{}", stripe_signature(NOW_S, STRIPE_SECRET, "{}"));
    let at = |now_s| {
        verify_at("stripe", &[STRIPE_SECRET], &[("Stripe-Signature", &header)], b"{}", now_s).map(|_| ())
    };
    assert_eq!(at(NOW_S + 300), Ok(()));
    assert_eq!(at(NOW_S + 301), Err(Rejection::TimestampOutOfTolerance));
    assert_eq!(at(NOW_S - 300), Ok(()));
    assert_eq!(at(NOW_S - 301), Err(Rejection::TimestampOutOfTolerance));
}

#[test]
fn stripe_refuses_v0_alone_two_lines_and_two_times() {
    let v1 = stripe_signature(NOW_S, STRIPE_SECRET, "{}");
    let refused = |headers: &[&str]| {
        let headers: Vec<_> = headers.iter().map(|value| ("Stripe-Signature", *value)).collect();
        verify("stripe", &[STRIPE_SECRET], &headers, b"{}").unwrap_err()
    };
    assert_eq!(refused(&[&format!("t={NOW_S},{}", v1.replace("v1", "v0"))]), Rejection::MissingSignature);
    let good = format!("t={NOW_S},{v1}");
    assert_eq!(refused(&[&good, &good]), Rejection::DuplicateHeader);
    // What API Gateway makes of two lines.
    assert_eq!(refused(&[&format!("{good},{good}")]), Rejection::MalformedSignature);
    assert_eq!(refused(&[]), Rejection::MissingSignature);
}

#[test]
fn no_secret_and_an_empty_secret_are_not_a_key() {
    let header = format!("t={NOW_S},{}", stripe_signature(NOW_S, "", "{}"));
    for secrets in [&[][..], &[""][..]] {
        let outcome = verify("stripe", secrets, &[("Stripe-Signature", &header)], b"{}");
        assert_eq!(outcome.unwrap_err(), Rejection::NoActiveSecret);
    }
    let headers =
        [("webhook-id", "m"), ("webhook-timestamp", "1795348800"), ("webhook-signature", "v1,AAAA")];
    for secret in ["", "whsec_", "whpk_"] {
        assert_eq!(
            verify("standard_webhooks", &[secret], &headers, b"{}").unwrap_err(),
            Rejection::NoActiveSecret
        );
    }
}

#[test]
fn a_public_key_is_never_an_hmac_secret() {
    // Anybody knows the public key, so anybody could make this `v1`.
    let public = "1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
    let key = BASE64.decode(public.as_bytes()).unwrap();
    let forged = BASE64.encode(&hmac(&key, format!("m.{NOW_S}.{{}}").as_bytes()));
    let timestamp = NOW_S.to_string();
    for version in ["v1", "v1a"] {
        let signature = format!("{version},{forged}");
        let headers = [
            ("webhook-id", "m"),
            ("webhook-timestamp", timestamp.as_str()),
            ("webhook-signature", signature.as_str()),
        ];
        assert!(
            verify("standard_webhooks", &[&format!("whpk_{public}")], &headers, b"{}").is_err(),
            "{version}"
        );
    }
    // And an HMAC secret is no public key, whatever its bytes.
    let own = "v1a,3yCJn0hS2uMOZzp1P+sPIfYwc4USF6AUg+4DI/LPJWyK3S9mc0obEEWqyS3LsAak9U1NkU4HUi+tSBMyZfalAA==";
    let headers = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1795348800"),
        ("webhook-signature", own),
    ];
    let body = br#"{"type":"invoice.paid","timestamp":"2022-11-03T20:26:10.344522Z","data":{"id":"1f81eb52-5198-4599-803e-771906343485"}}"#;
    assert!(verify("standard_webhooks", &[&format!("whpk_{public}")], &headers, body).is_ok());
    assert!(verify("standard_webhooks", &[&format!("whsec_{public}")], &headers, body).is_err());
    // Without its prefix a text is an HMAC secret, never a public key.
    assert!(verify("standard_webhooks", &[public], &headers, body).is_err());
}

#[test]
fn standard_webhooks_reads_the_id_that_was_signed_not_the_one_beside_it() {
    let body = r#"{"type":"invoice.paid","data":{"id":"i"}}"#;
    let signature = standard_signature("signed", NOW_S, body);
    let timestamp = NOW_S.to_string();
    let headers = [
        ("Webhook-Id", "another"),
        ("svix-id", "signed"),
        ("svix-timestamp", timestamp.as_str()),
        ("svix-signature", signature.as_str()),
    ];
    let verified = verify("standard_webhooks", &[&standard_secret()], &headers, body.as_bytes()).unwrap();
    let notifications = verified.notifications(&Settings::new()).unwrap();
    assert_eq!(notifications[0].dedupe_key, "signed");
    assert_eq!(notifications[0].occurred_at, Some(Timestamp::from_second(NOW_S).unwrap()));
}

#[test]
fn standard_webhooks_refuses_a_repeated_id_and_an_empty_one() {
    let timestamp = NOW_S.to_string();
    let check = |ids: &[&str], signed: &str| {
        let signature = standard_signature(signed, NOW_S, "{}");
        let mut headers =
            vec![("webhook-timestamp", timestamp.as_str()), ("webhook-signature", signature.as_str())];
        headers.extend(ids.iter().map(|id| ("webhook-id", *id)));
        verify("standard_webhooks", &[&standard_secret()], &headers, b"{}").map(|_| ())
    };
    assert_eq!(check(&["a"], "a"), Ok(()));
    assert_eq!(check(&["a", "a"], "a"), Err(Rejection::DuplicateHeader));
    assert_eq!(check(&[""], ""), Err(Rejection::MissingSignature));
}

#[test]
fn an_empty_body_can_be_signed_but_says_nothing() {
    let (signature, timestamp) = (standard_signature("m", NOW_S, ""), NOW_S.to_string());
    let headers = [
        ("webhook-id", "m"),
        ("webhook-timestamp", timestamp.as_str()),
        ("webhook-signature", signature.as_str()),
    ];
    let verified = verify("standard_webhooks", &[&standard_secret()], &headers, b"").unwrap();
    assert_eq!(verified.notifications(&Settings::new()).unwrap_err().field(), "body");
}

#[test]
fn adyen_refuses_a_batch_with_one_bad_item() {
    let good = adyen_item(CAPTURE, CAPTURE_SIGNED);
    let bad = adyen_item(CAPTURE, &CAPTURE_SIGNED.replace("1000", "9000"));
    let verified = adyen(&[good.clone(), good.clone()]).unwrap();
    assert_eq!(verified.notifications(&Settings::new()).unwrap().len(), 2);
    assert_eq!(adyen(&[good.clone(), bad.clone()]).unwrap_err(), Rejection::SignatureMismatch);
    assert_eq!(adyen(&[bad, good.clone()]).unwrap_err(), Rejection::SignatureMismatch);
    let unsigned = format!(r#"{{"NotificationRequestItem":{{{CAPTURE}}}}}"#);
    assert_eq!(adyen(&[good, unsigned]).unwrap_err(), Rejection::MissingSignature);
}

#[test]
fn adyen_refuses_a_batch_of_nothing_and_a_body_that_is_not_json() {
    assert_eq!(adyen(&[]).unwrap_err(), Rejection::MissingSignature);
    let key = HEXLOWER.encode(ADYEN_KEY);
    for body in ["", "{}", "[]", "null", r#"{"notificationItems":{}}"#, r#"{"notificationItems":[{}]}"#] {
        assert_eq!(
            verify("adyen", &[&key], &[], body.as_bytes()).unwrap_err(),
            Rejection::MalformedBody,
            "{body}"
        );
    }
}

#[test]
fn adyen_signs_strings_as_they_read_not_as_json_writes_them() {
    let fields = CAPTURE.replace("r-1", r#"caf\u00e9 \"1\" \/ \\ 🙂"#);
    let signed = CAPTURE_SIGNED.replace("r-1", r#"café "1" / \ 🙂"#);
    assert!(adyen(&[adyen_item(&fields, &signed)]).is_ok());
    let raw = CAPTURE_SIGNED.replace("r-1", r#"caf\u00e9 \"1\" \/ \\ 🙂"#);
    assert_eq!(adyen(&[adyen_item(&fields, &raw)]).unwrap_err(), Rejection::SignatureMismatch);
}

#[test]
fn adyen_reads_big_amounts_and_missing_references_exactly() {
    let fields = CAPTURE.replace("1000", "9007199254740993").replace(r#""originalReference":"P1","#, "");
    let signed = "M1::Shop:r-1:9007199254740993:EUR:CAPTURE:true";
    let notifications =
        adyen(&[adyen_item(&fields, signed)]).unwrap().notifications(&Settings::new()).unwrap();
    assert_eq!(notifications[0].amount, Some(9_007_199_254_740_993));
    assert_eq!(notifications[0].provider_payment_id.as_deref(), Some("M1"));
}

#[test]
fn adyen_refuses_a_second_amount_beside_the_signed_one() {
    let fields = format!(r#"{CAPTURE},"amount":{{"value":9000,"currency":"EUR"}}"#);
    assert_eq!(adyen(&[adyen_item(&fields, CAPTURE_SIGNED)]).unwrap_err(), Rejection::MalformedBody);
    let fields = CAPTURE.replace(r#""value":1000"#, r#""value":1000,"value":9000"#);
    assert_eq!(adyen(&[adyen_item(&fields, CAPTURE_SIGNED)]).unwrap_err(), Rejection::MalformedBody);
}

#[test]
fn what_crosses_the_queue_is_the_same_and_keeps_only_listed_headers() {
    let header = format!("t={NOW_S},{}", stripe_signature(NOW_S, STRIPE_SECRET, "{}"));
    let headers = [
        ("Content-Type", "application/json"),
        ("Stripe-Signature", header.as_str()),
        ("Authorization", "Basic c2VjcmV0"),
        ("X-Forwarded-For", "203.0.113.7"),
    ];
    let verified = verify("stripe", &[STRIPE_SECRET], &headers, b"{}").unwrap();
    let kept: Vec<&str> = verified.headers().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(kept, ["content-type", "stripe-signature"]);
    assert_eq!((verified.covers(), verified.verified_by()), (Covers::Body, VerifiedBy::Signature));

    let (meta, body) = verified.clone().into_parts();
    let crossed: VerifiedMeta = serde_json::from_str(&serde_json::to_string(&meta).unwrap()).unwrap();
    assert_eq!(Verified::from_parts(crossed, body), verified);
    let foreign = serde_json::to_string(&meta).unwrap().replace(r#""stripe""#, r#""nobody""#);
    assert!(serde_json::from_str::<VerifiedMeta>(&foreign).is_err());
}

#[test]
fn nothing_secret_is_shown() {
    let secret = Secret { id: &support::secret_id(0), text: STRIPE_SECRET };
    assert!(!format!("{secret:?}").contains("3b7a9f"));
    let headers = [("Authorization".to_owned(), "Basic c2VjcmV0".to_owned())];
    let request = Request { method: "POST", url: "https://x/?token=t0k", headers: &headers, body: b"4111" };
    let shown = format!("{request:?}");
    assert!(!shown.contains("c2VjcmV0") && !shown.contains("4111") && !shown.contains("t0k"), "{shown}");
    let verified = support::verified("stripe", &[("stripe-signature", "t=1,v1=ab")], b"4111");
    assert!(!format!("{verified:?}").contains("4111"));
}
