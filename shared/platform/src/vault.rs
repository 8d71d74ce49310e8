//! Secrets at rest: AES-256-GCM under a data key from KMS, or under a key file on somebody's own machine.
//!
//! The text format is `k1.<wrapped data key>.<nonce and ciphertext>` or `f1.<nonce and ciphertext>`, base64url.
//! What a secret belongs to is authenticated with it (as additional data, and as KMS's encryption context), so a
//! sealed secret moved to another owner does not open.

use crate::{Entropy, SecretText};
use aws_sdk_kms::primitives::Blob;
use data_encoding::BASE64URL_NOPAD as BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::fmt;

const CONTEXT_NAME: &str = "payrelay:owner";

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

    /// Encrypts `secret` for `owner` (the id of the source or endpoint).
    pub async fn seal(&self, owner: &str, secret: &SecretText) -> Result<String, VaultError> {
        match &self.keys {
            Keys::File(key) => Ok(format!("f1.{}", self.encrypt(key, owner, secret))),
            Keys::Kms { client, key_id } => {
                let data_key = client
                    .generate_data_key()
                    .key_id(key_id)
                    .key_spec(aws_sdk_kms::types::DataKeySpec::Aes256)
                    .encryption_context(CONTEXT_NAME, owner)
                    .send()
                    .await
                    .map_err(unavailable("GenerateDataKey"))?;
                let wrapped = data_key.ciphertext_blob().map(Blob::as_ref).unwrap_or_default();
                let key = to_key(data_key.plaintext())?;
                Ok(format!("k1.{}.{}", BASE64.encode(wrapped), self.encrypt(&key, owner, secret)))
            }
        }
    }

    /// Decrypts what [`Vault::seal`] made for the same owner.
    pub async fn open(&self, owner: &str, sealed: &str) -> Result<SecretText, VaultError> {
        match &self.keys {
            Keys::File(key) => {
                let ciphertext = sealed.strip_prefix("f1.").ok_or(VaultError::Unopenable)?;
                decrypt(key, owner, ciphertext)
            }
            Keys::Kms { client, key_id } => {
                let (wrapped, ciphertext) = sealed
                    .strip_prefix("k1.")
                    .and_then(|rest| rest.split_once('.'))
                    .filter(|(wrapped, _)| !wrapped.is_empty()) // which KMS would call an invalid request
                    .ok_or(VaultError::Unopenable)?;
                let wrapped = BASE64.decode(wrapped.as_bytes()).map_err(|_| VaultError::Unopenable)?;
                let data_key = client
                    .decrypt()
                    .key_id(key_id)
                    .ciphertext_blob(Blob::new(wrapped))
                    .encryption_context(CONTEXT_NAME, owner)
                    .send()
                    .await
                    .map_err(|error| match error.as_service_error() {
                        Some(service)
                            if service.is_invalid_ciphertext_exception()
                                || service.is_incorrect_key_exception() =>
                        {
                            VaultError::Unopenable
                        }
                        _ => unavailable("Decrypt")(error),
                    })?;
                decrypt(&to_key(data_key.plaintext())?, owner, ciphertext)
            }
        }
    }

    fn encrypt(&self, key: &[u8; 32], owner: &str, secret: &SecretText) -> String {
        let nonce: [u8; NONCE_LEN] = self.entropy.bytes();
        let mut buffer = secret.expose().as_bytes().to_vec();
        cipher(key)
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(owner.as_bytes()),
                &mut buffer,
            )
            .expect("a secret is shorter than GCM's limit of 64 GiB");
        buffer.splice(..0, nonce);
        BASE64.encode(&buffer)
    }
}

fn decrypt(key: &[u8; 32], owner: &str, ciphertext: &str) -> Result<SecretText, VaultError> {
    let mut buffer = BASE64.decode(ciphertext.as_bytes()).map_err(|_| VaultError::Unopenable)?;
    let (nonce, sealed) = buffer.split_first_chunk_mut::<NONCE_LEN>().ok_or(VaultError::Unopenable)?;
    let plain = cipher(key)
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(owner.as_bytes()), sealed)
        .map_err(|_| VaultError::Unopenable)?;
    String::from_utf8(plain.to_vec()).map(SecretText::new).map_err(|_| VaultError::Unopenable)
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
            Vault::kms(kms, "key", Entropy::system()).open("src_1", "k1.AAAA.AAAA").await
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
