//! Keys, hashes and comparisons.

use super::rsa;
use super::view::{Message, Piece, View};
use crate::Rejection;
use crate::scheme::{self, Algorithm, Hash, KeyEncoding, KeyPrefix, Place, RsaHash};
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

/// A decoded key. Has no `Debug`, so that it cannot be shown by accident.
pub(crate) struct Key(Vec<u8>);

impl Key {
    /// `None` where the text is empty or not a key of this kind.
    pub(crate) fn of(row: &scheme::Key, text: &str) -> Option<Self> {
        let text = match row.prefix {
            KeyPrefix::None | KeyPrefix::Kept(_) => text,
            KeyPrefix::Cut(prefix) => text.strip_prefix(prefix).unwrap_or(text),
            KeyPrefix::CutRequired(prefix) => text.strip_prefix(prefix)?,
        };
        // Before decoding: the hash of an empty text is a key like any other to everybody else.
        if text.is_empty() {
            return None;
        }
        let key = match row.encoding {
            KeyEncoding::Utf8 | KeyEncoding::HexText => text.as_bytes().to_vec(),
            KeyEncoding::Hex => HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?,
            KeyEncoding::Base64 => BASE64.decode(text.as_bytes()).ok()?,
            KeyEncoding::Sha1OfUtf8 => Sha1::digest(text.as_bytes()).to_vec(),
        };
        (!key.is_empty()).then_some(Self(key))
    }

    /// A public key in PEM; `None` where it is not an RSA key that we take.
    pub(crate) fn public(pem: &str) -> Option<Self> {
        rsa::public_key(pem).map(Self)
    }

    /// The same, for a key that stands in the table.
    pub(crate) fn fixed(pem: &str) -> Option<Self> {
        rsa::fixed_key(pem).map(Self)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this is a point on the curve, and not one of the few whose signatures anybody can make.
    pub(crate) fn is_ed25519(&self) -> bool {
        self.ed25519().is_some_and(|key| !key.is_weak())
    }

    fn ed25519(&self) -> Option<VerifyingKey> {
        VerifyingKey::from_bytes(self.0.as_slice().try_into().ok()?).ok()
    }
}

/// An [`Algorithm`] whose hash is known.
pub(super) enum Resolved {
    Hmac(Hash),
    Digest(Hash),
    Ed25519,
    Rsa(RsaHash),
    Token,
}

pub(super) fn resolve(algorithm: Algorithm, view: &View<'_>) -> Result<Resolved, Rejection> {
    Ok(match algorithm {
        Algorithm::Hmac(hash) => Resolved::Hmac(hash),
        Algorithm::Digest(hash) => Resolved::Digest(hash),
        Algorithm::DigestNamedBy { pair, allowed } => {
            let named = view.required(&Place::Pair(pair))?;
            let (_, hash) =
                allowed.iter().find(|(name, _)| *name == named).ok_or(Rejection::MalformedSignature)?;
            Resolved::Digest(*hash)
        }
        Algorithm::Ed25519 => Resolved::Ed25519,
        Algorithm::Rsa { hash, .. } => Resolved::Rsa(hash),
        Algorithm::Token => Resolved::Token,
    })
}

/// Whether `key` made one of the candidates over one of the messages.
pub(super) fn any_matches(
    algorithm: &Resolved,
    key: &Key,
    messages: &[Message<'_>],
    candidates: &[Vec<u8>],
) -> bool {
    let equal = |expected: &[u8]| candidates.iter().any(|candidate| expected.ct_eq(candidate).into());
    match algorithm {
        Resolved::Hmac(hash) => messages.iter().any(|message| equal(&hmac(*hash, key, message))),
        Resolved::Digest(hash) => messages.iter().any(|message| equal(&digest(*hash, key, message))),
        Resolved::Token => equal(&key.0),
        Resolved::Rsa(hash) => messages.iter().any(|message| {
            let message: Vec<u8> = pieces(key, message).flatten().copied().collect();
            candidates.iter().any(|candidate| rsa::verifies(*hash, &key.0, &message, candidate))
        }),
        Resolved::Ed25519 => key.ed25519().is_some_and(|public| {
            messages.iter().any(|message| {
                let message: Vec<u8> = pieces(key, message).flatten().copied().collect();
                candidates
                    .iter()
                    .filter_map(|candidate| Signature::from_slice(candidate).ok())
                    // Strict: refuses keys and points of small order, with which one signature fits many messages.
                    .any(|signature| public.verify_strict(&message, &signature).is_ok())
            })
        }),
    }
}

fn pieces<'a>(key: &'a Key, message: &'a Message<'_>) -> impl Iterator<Item = &'a [u8]> {
    message.iter().map(|piece| match piece {
        Piece::Bytes(bytes) => bytes.as_ref(),
        Piece::Key => key.0.as_slice(),
    })
}

fn hmac(hash: Hash, key: &Key, message: &Message<'_>) -> Vec<u8> {
    fn run<'a, M: Mac + KeyInit>(key: &[u8], pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
        pieces.for_each(|piece| mac.update(piece));
        mac.finalize().into_bytes().to_vec()
    }
    let pieces = pieces(key, message);
    match hash {
        Hash::Md5 => run::<Hmac<Md5>>(&key.0, pieces),
        Hash::Sha1 => run::<Hmac<Sha1>>(&key.0, pieces),
        Hash::Sha256 => run::<Hmac<Sha256>>(&key.0, pieces),
        Hash::Sha512 => run::<Hmac<Sha512>>(&key.0, pieces),
    }
}

fn digest(hash: Hash, key: &Key, message: &Message<'_>) -> Vec<u8> {
    fn run<'a, D: Digest>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut digest = D::new();
        pieces.for_each(|piece| digest.update(piece));
        digest.finalize().to_vec()
    }
    let pieces = pieces(key, message);
    match hash {
        Hash::Md5 => run::<Md5>(pieces),
        Hash::Sha1 => run::<Sha1>(pieces),
        Hash::Sha256 => run::<Sha256>(pieces),
        Hash::Sha512 => run::<Sha512>(pieces),
    }
}
