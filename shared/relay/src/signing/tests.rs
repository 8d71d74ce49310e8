use super::*;
use ed25519_dalek::{Signature, Verifier, VerifyingKey};

/// The published vector of Svix (`server/svix-server/src/worker.rs` and the tests of its SDKs).
const SVIX_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SVIX_ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const SVIX_TIMESTAMP: i64 = 1_614_265_330;
const SVIX_BODY: &[u8] = b"{\"test\": 2432232314}";
const SVIX_SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

/// From the golden vectors `standard_webhooks/*` and `standard_webhooks_v1a/good`.
const SECRET: &str = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
const ID_TEXT: &str = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W";
const NOW: i64 = 1_795_348_800;
const BODY: &[u8] = b"{\"type\":\"invoice.paid\",\"timestamp\":\"2022-11-03T20:26:10.344522Z\",\"data\":{\"id\":\"1f81eb52-5198-4599-803e-771906343485\"}}";
const PUBLIC_KEY: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
/// The private key that belongs to it, as published in Svix's end-to-end tests.
const PRIVATE_KEY: &str =
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const V1A_SIGNATURE: &str =
    "v1a,3yCJn0hS2uMOZzp1P+sPIfYwc4USF6AUg+4DI/LPJWyK3S9mc0obEEWqyS3LsAak9U1NkU4HUi+tSBMyZfalAA==";

fn secret(text: &str) -> SigningSecret {
    SigningSecret::parse(text).unwrap()
}

fn key() -> SigningKey {
    SigningKey::parse(PRIVATE_KEY).unwrap()
}

fn check(id: &str, timestamp: i64, body: &[u8], secret_text: &str, expected: &str) {
    assert_eq!(sign(id, timestamp, body, &[secret(secret_text)], &[]).unwrap(), expected);
}

#[test]
fn signs_the_published_vectors() {
    check(SVIX_ID, SVIX_TIMESTAMP, SVIX_BODY, SVIX_SECRET, SVIX_SIGNATURE);
    check(ID_TEXT, NOW, BODY, SECRET, "v1,vICxO+g16rFrXN0HaCB8o2UYpkWIiliFSSOdsXEco20=");
    check(ID_TEXT, NOW, b"", SECRET, "v1,dmDUO58+He/kg8MvI5tzGJpRnwhosTqt3qe3BAgperU=");
    let odd = "{\r\n\t\"id\" : \"w1\" ,\r\n  \"amount\":  100.00 ,\"esc\":\"\\u00e9\\/\"\r\n}\r\n";
    check(ID_TEXT, NOW, odd.as_bytes(), SECRET, "v1,v0Rn9SBY+Ab6c8WDId1mxZypqs5Id8ODIcsg/wR/Tm8=");
}

#[test]
fn during_a_rotation_every_secret_signs_in_order() {
    let value = sign(ID_TEXT, NOW, BODY, &[secret(SVIX_SECRET), secret(SECRET)], &[]).unwrap();
    let signatures: Vec<&str> = value.to_str().unwrap().split(' ').collect();
    assert_eq!(signatures.len(), 2);
    assert_eq!(
        signatures[0],
        sign(ID_TEXT, NOW, BODY, &[secret(SVIX_SECRET)], &[]).unwrap().to_str().unwrap()
    );
    assert_eq!(signatures[1], "v1,vICxO+g16rFrXN0HaCB8o2UYpkWIiliFSSOdsXEco20=");
}

#[test]
fn an_ed25519_key_signs_as_v1a_after_the_secrets() {
    let value = sign(SVIX_ID, NOW, BODY, &[secret(SECRET)], &[key()]).unwrap();
    let (v1, v1a) = value.to_str().unwrap().split_once(' ').unwrap();
    assert!(v1.starts_with("v1,"));
    assert_eq!(v1a, V1A_SIGNATURE);
    // And once more from the specification, with nothing but the public key.
    let public: [u8; 32] = decode(PUBLIC_PREFIX, PUBLIC_KEY).unwrap().try_into().unwrap();
    let signature = BASE64.decode(v1a.strip_prefix("v1a,").unwrap().as_bytes()).unwrap();
    let signed = [SVIX_ID.as_bytes(), b".1795348800.", BODY].concat();
    let verifying = VerifyingKey::from_bytes(&public).unwrap();
    verifying.verify(&signed, &Signature::from_slice(&signature).unwrap()).unwrap();
}

#[test]
fn the_three_headers_carry_what_was_signed() {
    let [id, timestamp, signature] =
        headers(SVIX_ID, SVIX_TIMESTAMP, SVIX_BODY, &[secret(SVIX_SECRET)], &[]).unwrap();
    assert_eq!((id.0.as_str(), id.1.to_str().unwrap()), ("webhook-id", SVIX_ID));
    assert_eq!((timestamp.0.as_str(), timestamp.1.to_str().unwrap()), ("webhook-timestamp", "1614265330"));
    assert_eq!((signature.0.as_str(), signature.1.to_str().unwrap()), ("webhook-signature", SVIX_SIGNATURE));
}

#[test]
fn nothing_is_sent_without_a_secret_or_a_key() {
    assert_eq!(headers(ID_TEXT, NOW, BODY, &[], &[]).unwrap_err(), SignError::NoSecret);
}

#[test]
fn a_key_alone_signs_as_v1a_alone() {
    assert_eq!(sign(SVIX_ID, NOW, BODY, &[], &[key()]).unwrap(), V1A_SIGNATURE);
}

#[test]
fn an_id_that_could_shift_the_signed_parts_is_refused() {
    for id in ["", "a.b", "a b", "a\nb", "é", "a\r\nx-injected: 1"] {
        assert_eq!(headers(id, NOW, BODY, &[secret(SECRET)], &[]).unwrap_err(), SignError::Id, "{id:?}");
    }
}

#[test]
fn a_secret_survives_its_text_form() {
    let generated = SigningSecret::generate([7; 32]);
    assert_eq!(secret(&generated.to_text()).to_text(), generated.to_text());
    assert_eq!(secret(SECRET).to_text(), SECRET);
}

#[test]
fn a_secret_has_24_to_64_bytes_in_strict_base64_after_its_prefix() {
    let text = |bytes: usize| format!("whsec_{}", BASE64.encode(&vec![1; bytes]));
    for bytes in [24, 32, 64] {
        assert!(SigningSecret::parse(&text(bytes)).is_ok());
    }
    for bytes in [0, 23, 65] {
        assert_eq!(SigningSecret::parse(&text(bytes)).unwrap_err(), KeyError::SecretLength(bytes));
    }
    assert_eq!(SigningSecret::parse(&SECRET[6..]).unwrap_err(), KeyError::Prefix("whsec_"));
    assert_eq!(SigningSecret::parse(PRIVATE_KEY).unwrap_err(), KeyError::Prefix("whsec_"));
    for text in [SECRET.trim_end_matches('='), "whsec_!!!!", "whsec_AQID BAUG"] {
        assert_eq!(SigningSecret::parse(text).unwrap_err(), KeyError::Base64, "{text}");
    }
}

#[test]
fn a_private_key_is_read_with_and_without_its_public_half() {
    assert_eq!(key().public_text(), PUBLIC_KEY);
    assert_eq!(key().to_text(), PRIVATE_KEY);
    let pair = decode(PRIVATE_PREFIX, PRIVATE_KEY).unwrap();
    let seed_only = format!("whsk_{}", BASE64.encode(&pair[..32]));
    assert_eq!(SigningKey::parse(&seed_only).unwrap().public_text(), PUBLIC_KEY);
    let mut wrong = pair.clone();
    wrong[32..].copy_from_slice(SigningKey::generate([9; 32]).0.verifying_key().as_bytes());
    let wrong = format!("whsk_{}", BASE64.encode(&wrong));
    assert_eq!(SigningKey::parse(&wrong).unwrap_err(), KeyError::KeyMismatch);
    let short = format!("whsk_{}", BASE64.encode(&pair[..63]));
    assert_eq!(SigningKey::parse(&short).unwrap_err(), KeyError::KeyLength(63));
    assert_eq!(SigningKey::parse(PUBLIC_KEY).unwrap_err(), KeyError::Prefix("whsk_"));
}

#[test]
fn debug_output_shows_no_secret() {
    assert_eq!(format!("{:?}", secret(SECRET)), "SigningSecret(..)");
    assert_eq!(format!("{:?}", key()), format!("SigningKey({PUBLIC_KEY}, ..)"));
}
