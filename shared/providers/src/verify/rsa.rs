//! RSA signatures (PKCS#1 v1.5) under public keys in PEM.
//!
//! **Guarantee:** a key of fewer than 2048 bits, or one that is not RSA, verifies nothing, unless it stands in the
//! table: no user can configure one.

use crate::scheme::RsaHash;
use ring::signature::{
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RsaParameters, UnparsedPublicKey,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, alg_id,
};
use webpki::RawPublicKeyEntity;

/// The length of a SubjectPublicKeyInfo with an RSA key of 2048 bits and the exponent 3, the shortest there is.
const MIN_BYTES: usize = 292;

/// DER of `AlgorithmIdentifier { sha1WithRSAEncryption, NULL }`, RFC 3279 §2.2.1, without the outer sequence.
const SHA1_WITH_RSA: AlgorithmIdentifier = AlgorithmIdentifier::from_slice(&[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00,
]);

/// The key in `pem` (`-----BEGIN PUBLIC KEY-----`) as a SubjectPublicKeyInfo (RFC 5280 §4.1) in DER; `None` where it
/// is not an RSA key of 2048 bits or more.
pub(super) fn public_key(pem: &str) -> Option<Vec<u8>> {
    fixed_key(pem).filter(|key| key.len() >= MIN_BYTES)
}

/// The same for a key of the table, which may have 1024 bits: whoever signs with one leaves no choice (Woovi).
pub(super) fn fixed_key(pem: &str) -> Option<Vec<u8>> {
    let key = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).ok()?;
    is_rsa(&key).then(|| key.to_vec())
}

/// A signature that cannot fit tells a key of another kind from an RSA key by the error.
fn is_rsa(key: &SubjectPublicKeyInfoDer<'_>) -> bool {
    let Ok(entity) = RawPublicKeyEntity::try_from(key) else { return false };
    let outcome = entity.verify_signature(webpki::ring::RSA_PKCS1_2048_8192_SHA256, b"", b"");
    matches!(outcome, Err(webpki::Error::InvalidSignatureForPublicKey))
}

/// Whether `key`, as [`public_key`] or [`fixed_key`] gives it, made `signature` over `message`.
pub(super) fn verifies(hash: RsaHash, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let algorithm: &dyn SignatureVerificationAlgorithm = match hash {
        RsaHash::Sha1 => &SHA1,
        RsaHash::Sha256 if key.len() < MIN_BYTES => &SHORT_SHA256,
        RsaHash::Sha256 => webpki::ring::RSA_PKCS1_2048_8192_SHA256,
    };
    let key = SubjectPublicKeyInfoDer::from(key);
    RawPublicKeyEntity::try_from(&key)
        .is_ok_and(|entity| entity.verify_signature(algorithm, message, signature).is_ok())
}

/// What webpki does not have, because certificates must not use it.
#[derive(Debug)]
struct Legacy {
    parameters: &'static RsaParameters,
    signature: AlgorithmIdentifier,
}

/// A chosen-prefix collision would take a signer who signs what an attacker wrote; Paddle Classic signs with nothing
/// else.
static SHA1: Legacy =
    Legacy { parameters: &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, signature: SHA1_WITH_RSA };

/// Keys of 1024 bits, which nobody is known to have factored and a state may be able to (RFC 8301 §3.2 forbids shorter
/// ones and advises against these).
static SHORT_SHA256: Legacy = Legacy {
    parameters: &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    signature: alg_id::RSA_PKCS1_SHA256,
};

impl SignatureVerificationAlgorithm for Legacy {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        UnparsedPublicKey::new(self.parameters, public_key)
            .verify(message, signature)
            .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}
