//! Secrets at rest: AES-256-GCM under a data key from KMS, or under a key file on somebody's own machine.
//!
//! The text format is `k1.<wrapped data key>.<nonce and ciphertext>` or `f1.<nonce and ciphertext>`, base64url.
//! Bytes ([`Vault::seal_bytes`]) are `k`, two bytes of length, the wrapped data key, nonce and ciphertext; or `f`,
//! nonce and ciphertext.
//!
//! What a secret belongs to is authenticated with it (as additional data, and as KMS's encryption context), so a
//! sealed secret moved to another owner does not open.

use crate::{Entropy, SecretText};
use aws_sdk_kms::primitives::Blob;
use data_encoding::{BASE64URL_NOPAD as BASE64, HEXLOWER};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{digest, hmac};
use std::fmt;

const CONTEXT_NAME: &str = "payrelay:owner";

/// Goes into every fingerprint, so that it can't be mistaken for a hash of the key made for another purpose.
const FINGERPRINT_LABEL: &[u8] = b"payrelay fingerprint of a stack\n";
const FINGERPRINT_BYTES: usize = 16;

const FILE_TAG: u8 = b'f';
const KMS_TAG: u8 = b'k';

/// How much longer sealed bytes can be: tag, length, the data key as KMS wraps it (184 bytes at present), nonce (12)
/// and GCM's tag (16), with room for a KMS that wraps differently.
pub const SEALED_OVERHEAD_BYTES: usize = 512;

/// Seals and opens secrets.
#[derive(Clone)]
pub struct Vault {
    keys: Keys,
    entropy: Entropy,
}

#[derive(Clone)]
enum Keys {
    Kms { client: aws_sdk_kms::Client, key_id: String },
    File([u8; 32]),
}

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// KMS did not answer; trying again may help.
    #[error("KMS {operation} failed")]
    Unavailable {
        operation: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Not a sealed secret, sealed for another owner, or under another key.
    #[error("a sealed secret can't be opened")]
    Unopenable,
    #[error("the key file does not hold 32 bytes in base64url")]
    InvalidKeyFile,
}

impl Vault {
    /// Secrets are sealed under data keys that the KMS key `key_id` wraps.
    pub fn kms(client: aws_sdk_kms::Client, key_id: impl Into<String>, entropy: Entropy) -> Self {
        Self { keys: Keys::Kms { client, key_id: key_id.into() }, entropy }
    }

    /// `contents` of a key file as [`Vault::new_key_file`] makes it.
    pub fn key_file(contents: &str, entropy: Entropy) -> Result<Self, VaultError> {
        let bytes = BASE64.decode(contents.trim().as_bytes()).map_err(|_| VaultError::InvalidKeyFile)?;
        let key = bytes.try_into().map_err(|_| VaultError::InvalidKeyFile)?;
        Ok(Self { keys: Keys::File(key), entropy })
    }

    /// The contents of a new key file.
    pub fn new_key_file(entropy: &Entropy) -> SecretText {
        SecretText::new(BASE64.encode(&entropy.bytes::<32>()))
    }

    /// Tells this stack from every other: 32 hexadecimal digits, the same in all of its functions. No secret, and nothing
    /// about the key can be learned from it: of KMS it is a hash of the key's id (an ARN, which no other stack has), of a key
    /// file a keyed hash of a constant.
    pub fn fingerprint(&self) -> String {
        let bytes = match &self.keys {
            Keys::Kms { key_id, .. } => {
                let labelled = [FINGERPRINT_LABEL, key_id.as_bytes()].concat();
                digest::digest(&digest::SHA256, &labelled).as_ref()[..FINGERPRINT_BYTES].to_vec()
            }
            Keys::File(key) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, key);
                hmac::sign(&key, FINGERPRINT_LABEL).as_ref()[..FINGERPRINT_BYTES].to_vec()
            }
        };
        HEXLOWER.encode(&bytes)
    }

    /// Encrypts `secret` for `owner` (the id of the source or endpoint).
    pub async fn seal(&self, owner: &str, secret: &SecretText) -> Result<String, VaultError> {
        let plain = secret.expose().as_bytes();
        match &self.keys {
            Keys::File(key) => Ok(format!("f1.{}", BASE64.encode(&self.encrypt(key, owner, plain)))),
            Keys::Kms { client, key_id } => {
                let (wrapped, key) = new_data_key(client, key_id, owner).await?;
                let sealed = self.encrypt(&key, owner, plain);
                Ok(format!("k1.{}.{}", BASE64.encode(&wrapped), BASE64.encode(&sealed)))
            }
        }
    }

    /// Decrypts what [`Vault::seal`] made for the same owner.
    pub async fn open(&self, owner: &str, sealed: &str) -> Result<SecretText, VaultError> {
        let decode = |text: &str| BASE64.decode(text.as_bytes()).map_err(|_| VaultError::Unopenable);
        let plain = match &self.keys {
            Keys::File(key) => {
                let ciphertext = sealed.strip_prefix("f1.").ok_or(VaultError::Unopenable)?;
                decrypt(key, owner, decode(ciphertext)?)?
            }
            Keys::Kms { client, key_id } => {
                let (wrapped, ciphertext) = sealed
                    .strip_prefix("k1.")
                    .and_then(|rest| rest.split_once('.'))
                    .ok_or(VaultError::Unopenable)?;
                let key = open_data_key(client, key_id, owner, decode(wrapped)?).await?;
                decrypt(&key, owner, decode(ciphertext)?)?
            }
        };
        String::from_utf8(plain).map(SecretText::new).map_err(|_| VaultError::Unopenable)
    }

    /// Encrypts bytes of any length for `owner`, in a quarter less space than text would take. The result is at
    /// most [`SEALED_OVERHEAD_BYTES`] longer than `plain`.
    pub async fn seal_bytes(&self, owner: &str, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        match &self.keys {
            Keys::File(key) => Ok([&[FILE_TAG], self.encrypt(key, owner, plain).as_slice()].concat()),
            Keys::Kms { client, key_id } => {
                let (wrapped, key) = new_data_key(client, key_id, owner).await?;
                let length = u16::try_from(wrapped.len()).map_err(|_| VaultError::Unopenable)?;
                let sealed = self.encrypt(&key, owner, plain);
                Ok([&[KMS_TAG], length.to_be_bytes().as_slice(), &wrapped, &sealed].concat())
            }
        }
    }

    /// Decrypts what [`Vault::seal_bytes`] made for the same owner.
    pub async fn open_bytes(&self, owner: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        match (&self.keys, sealed.split_first()) {
            (Keys::File(key), Some((&FILE_TAG, rest))) => decrypt(key, owner, rest.to_vec()),
            (Keys::Kms { client, key_id }, Some((&KMS_TAG, rest))) => {
                let (length, rest) = rest.split_first_chunk::<2>().ok_or(VaultError::Unopenable)?;
                let length = usize::from(u16::from_be_bytes(*length));
                let (wrapped, rest) = rest.split_at_checked(length).ok_or(VaultError::Unopenable)?;
                let key = open_data_key(client, key_id, owner, wrapped.to_vec()).await?;
                decrypt(&key, owner, rest.to_vec())
            }
            _ => Err(VaultError::Unopenable),
        }
    }

    /// Nonce and ciphertext.
    fn encrypt(&self, key: &[u8; 32], owner: &str, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = self.entropy.bytes();
        let mut buffer = plain.to_vec();
        cipher(key)
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(owner.as_bytes()),
                &mut buffer,
            )
            .expect("what is sealed is shorter than GCM's limit of 64 GiB");
        buffer.splice(..0, nonce);
        buffer
    }
}

/// A data key for `owner`: wrapped, and in clear.
async fn new_data_key(
    client: &aws_sdk_kms::Client,
    key_id: &str,
    owner: &str,
) -> Result<(Vec<u8>, [u8; 32]), VaultError> {
    let data_key = client
        .generate_data_key()
        .key_id(key_id)
        .key_spec(aws_sdk_kms::types::DataKeySpec::Aes256)
        .encryption_context(CONTEXT_NAME, owner)
        .send()
        .await
        .map_err(unavailable("GenerateDataKey"))?;
    let wrapped = data_key.ciphertext_blob().map(Blob::as_ref).unwrap_or_default().to_vec();
    Ok((wrapped, to_key(data_key.plaintext())?))
}

async fn open_data_key(
    client: &aws_sdk_kms::Client,
    key_id: &str,
    owner: &str,
    wrapped: Vec<u8>,
) -> Result<[u8; 32], VaultError> {
    if wrapped.is_empty() {
        return Err(VaultError::Unopenable); // which KMS would call an invalid request
    }
    let data_key = client
        .decrypt()
        .key_id(key_id)
        .ciphertext_blob(Blob::new(wrapped))
        .encryption_context(CONTEXT_NAME, owner)
        .send()
        .await
        .map_err(|error| match error.as_service_error() {
            Some(service)
                if service.is_invalid_ciphertext_exception() || service.is_incorrect_key_exception() =>
            {
                VaultError::Unopenable
            }
            _ => unavailable("Decrypt")(error),
        })?;
    to_key(data_key.plaintext())
}

/// `sealed`: nonce and ciphertext.
fn decrypt(key: &[u8; 32], owner: &str, mut sealed: Vec<u8>) -> Result<Vec<u8>, VaultError> {
    let (nonce, ciphertext) = sealed.split_first_chunk_mut::<NONCE_LEN>().ok_or(VaultError::Unopenable)?;
    let plain = cipher(key)
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(owner.as_bytes()), ciphertext)
        .map_err(|_| VaultError::Unopenable)?;
    Ok(plain.to_vec())
}

fn cipher(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("the key has the length of AES-256"))
}

fn to_key(plaintext: Option<&Blob>) -> Result<[u8; 32], VaultError> {
    plaintext.and_then(|blob| blob.as_ref().try_into().ok()).ok_or(VaultError::Unopenable)
}

fn unavailable<E>(operation: &'static str) -> impl FnOnce(E) -> VaultError
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |source| VaultError::Unavailable { operation, source: Box::new(source) }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Aws, AwsEndpoints};
    use aws_smithy_runtime_api::client::http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
    use aws_smithy_types::body::SdkBody;

    fn vault() -> Vault {
        let entropy = Entropy::system();
        Vault::key_file(Vault::new_key_file(&entropy).expose(), entropy).expect("a new key file is valid")
    }

    #[tokio::test]
    async fn a_sealed_secret_opens_for_its_owner_alone() {
        let vault = vault();
        let sealed = vault.seal("src_1", &SecretText::new("whsec_abc")).await.expect("sealing works");
        assert!(!sealed.contains("whsec"));
        assert_eq!(vault.open("src_1", &sealed).await.expect("opens").expose(), "whsec_abc");
        assert!(matches!(vault.open("src_2", &sealed).await, Err(VaultError::Unopenable)));
        assert!(matches!(self::vault().open("src_1", &sealed).await, Err(VaultError::Unopenable)));
    }

    #[tokio::test]
    async fn what_was_tampered_with_does_not_open() {
        let vault = vault();
        let sealed = vault.seal("src_1", &SecretText::new("whsec_abc")).await.expect("sealing works");
        for tampered in ["", "f1.", "k1.a.b", "f1.AAAA", &sealed[..sealed.len() - 2]] {
            assert!(matches!(vault.open("src_1", tampered).await, Err(VaultError::Unopenable)), "{tampered}");
        }
    }

    #[tokio::test]
    async fn sealed_bytes_open_for_their_owner_alone_and_only_whole() {
        let vault = vault();
        let plain = [0, 255, 128, 7];
        let sealed = vault.seal_bytes("qrn_1", &plain).await.expect("sealing works");
        assert!(sealed.len() <= plain.len() + SEALED_OVERHEAD_BYTES);
        assert_eq!(vault.open_bytes("qrn_1", &sealed).await.expect("opens"), plain);
        assert!(matches!(vault.open_bytes("qrn_2", &sealed).await, Err(VaultError::Unopenable)));
        for end in 0..sealed.len() {
            let cut = vault.open_bytes("qrn_1", &sealed[..end]).await;
            assert!(matches!(cut, Err(VaultError::Unopenable)), "{end}");
        }
    }

    #[test]
    fn a_fingerprint_is_that_of_the_key_and_no_other_key_has_it() {
        let kms = |key_id: &str| {
            let aws = Aws::local(AwsEndpoints::default());
            Vault::kms(aws.kms(), key_id, Entropy::system()).fingerprint()
        };
        let contents = Vault::new_key_file(&Entropy::system());
        let file = || Vault::key_file(contents.expose(), Entropy::system()).expect("valid").fingerprint();
        let all = [kms("arn:a"), kms("arn:b"), file(), vault().fingerprint()];
        assert_eq!((&all[0], &all[2]), (&kms("arn:a"), &file()));
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
        assert!(
            all.iter().all(|one| one.len() == 32 && one.bytes().all(|b| b.is_ascii_hexdigit())),
            "{all:?}"
        );
    }

    /// A KMS that refuses every call with one error. The emulator that the contract tests run on answers all of
    /// the errors below as the first.
    #[derive(Debug, Clone)]
    struct Refusal(&'static str);

    impl HttpConnector for Refusal {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            let body = SdkBody::from(format!(r#"{{"__type":"{}"}}"#, self.0));
            HttpConnectorFuture::ready(Ok(HttpResponse::new(400.try_into().expect("a status"), body)))
        }
    }

    impl HttpClient for Refusal {
        fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
            SharedHttpConnector::new(self.clone())
        }
    }

    #[tokio::test]
    async fn what_kms_can_never_open_is_told_from_what_it_can_not_open_now() {
        let open = async |error| {
            let aws = Aws::local(AwsEndpoints::default()).without_retries();
            let kms = aws.with_http_client(SharedHttpClient::new(Refusal(error))).kms();
            let vault = Vault::kms(kms, "key", Entropy::system());
            let bytes = vault.open_bytes("src_1", b"k\0\x03abcnonce and ciphertext").await;
            let text = vault.open("src_1", "k1.AAAA.AAAA").await;
            assert_eq!(bytes.map_err(|e| e.to_string()).err(), text.as_ref().err().map(|e| e.to_string()));
            text
        };
        for error in ["InvalidCiphertextException", "IncorrectKeyException"] {
            assert!(matches!(open(error).await, Err(VaultError::Unopenable)), "{error}");
        }
        for error in ["KMSInternalException", "AccessDeniedException", "DisabledException"] {
            let refused = open(error).await;
            assert!(matches!(refused, Err(VaultError::Unavailable { operation: "Decrypt", .. })), "{error}");
        }
    }
}
