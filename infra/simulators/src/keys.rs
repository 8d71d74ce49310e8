//! The keys of providers that sign with a key of their own. They are made for this repository and public
//! (`keys/`): a source trusts them only if its settings name them, or, for PayPal, if a test's authority does.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use num_bigint::BigUint;
use providers::scheme::RsaHash;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde::Deserialize;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// The RSA key's other half, for a source's settings.
pub(crate) const RSA_PUBLIC_PEM: &str = include_str!("../keys/rsa-public.pem");
/// Issued for PayPal's signer, with the RSA key, by [`PAYPAL_AUTHORITY`].
pub(crate) const PAYPAL_CERTIFICATE: &str = include_str!("../keys/paypal-certificate.pem");
/// In DER.
pub(crate) const PAYPAL_AUTHORITY: &[u8] = include_bytes!("../keys/paypal-authority.der");

#[derive(Deserialize)]
struct Keys {
    rsa: Rsa,
    ec_p256: EcP256,
}

/// In hex, as everything here.
#[derive(Deserialize)]
struct Rsa {
    modulus: String,
    private_exponent: String,
}

#[derive(Deserialize)]
struct EcP256 {
    private: String,
    x: String,
    y: String,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../keys/test-keys.json")).expect("the file is part of this crate")
});

/// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.1), by its definition. ring signs no SHA-1, which Paddle Classic asks for, and what
/// is good about its other signatures (blinding, constant time) a public key has no use for.
pub(crate) fn rsa(hash: RsaHash, message: &[u8]) -> Vec<u8> {
    // `DigestInfo` up to the digest itself (RFC 8017 §9.2, note 1).
    let (prefix, digest) = match hash {
        RsaHash::Sha1 => ("3021300906052b0e03021a05000414", Sha1::digest(message).to_vec()),
        RsaHash::Sha256 => ("3031300d060960864801650304020105000420", Sha256::digest(message).to_vec()),
    };
    let (modulus, exponent) = (number(&KEYS.rsa.modulus), number(&KEYS.rsa.private_exponent));
    let length = hex(&KEYS.rsa.modulus).len();
    let info = [hex(prefix), digest].concat();
    let mut encoded = vec![0xff; length];
    encoded[..2].copy_from_slice(&[0, 1]);
    let at = length - info.len();
    encoded[at - 1] = 0;
    encoded[at..].copy_from_slice(&info);
    let signature = BigUint::from_bytes_be(&encoded).modpow(&exponent, &modulus).to_bytes_be();
    let mut padded = vec![0; length - signature.len()];
    padded.extend(signature);
    padded
}

/// ECDSA with P-256 and SHA-256, as JSON Web Signatures have it (RFC 7518 §3.4). No two signatures are the same.
pub(crate) fn es256(message: &[u8]) -> Vec<u8> {
    let key = &KEYS.ec_p256;
    let public = [vec![4], hex(&key.x), hex(&key.y)].concat();
    let random = ring::rand::SystemRandom::new();
    let pair = EcdsaKeyPair::from_private_key_and_public_key(
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        &hex(&key.private),
        &public,
        &random,
    );
    let signature = pair.expect("the key is part of this crate").sign(&random, message);
    signature.expect("the system has random numbers").as_ref().to_vec()
}

/// The public half as a JSON Web Key's coordinates.
pub(crate) fn p256_coordinates() -> (String, String) {
    let coordinate = |text: &str| BASE64URL_NOPAD.encode(&hex(text));
    (coordinate(&KEYS.ec_p256.x), coordinate(&KEYS.ec_p256.y))
}

fn number(text: &str) -> BigUint {
    BigUint::from_bytes_be(&hex(text))
}

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).expect("the keys of this crate are hex")
}
