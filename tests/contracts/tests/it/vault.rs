//! Secrets sealed under KMS.

use contracts::Clients;
use platform::{Entropy, SEALED_OVERHEAD_BYTES, SecretText, Vault, VaultError};

crate::checks!["vault":
    a_sealed_secret_opens_for_its_owner_alone,
    what_was_tampered_with_does_not_open,
    a_secret_does_not_open_under_another_key,
    sealed_bytes_open_for_their_owner_alone_and_only_whole,
];

const SECRET: &str = "whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH";

/// A vault under a KMS key of its own.
async fn vault(clients: &Clients) -> Vault {
    let kms = clients.kms.clone().unwrap();
    let key = kms.create_key().send().await.unwrap().key_metadata.unwrap();
    Vault::kms(kms, key.key_id, Entropy::system())
}

async fn a_sealed_secret_opens_for_its_owner_alone(clients: Clients) {
    let vault = vault(&clients).await;
    let sealed = vault.seal("src_1", &SecretText::new(SECRET)).await.unwrap();
    assert!(sealed.starts_with("k1."));
    assert!(!sealed.contains("whsec"));
    assert_eq!(vault.open("src_1", &sealed).await.unwrap().expose(), SECRET);
    for other in ["src_2", ""] {
        let refused = vault.open(other, &sealed).await;
        assert!(matches!(refused, Err(VaultError::Unopenable)), "{refused:?}");
    }
    let again = vault.seal("src_1", &SecretText::new(SECRET)).await.unwrap();
    assert_ne!(sealed, again, "each has a data key and a nonce of its own");
}

async fn what_was_tampered_with_does_not_open(clients: Clients) {
    let vault = vault(&clients).await;
    let sealed = vault.seal("src_1", &SecretText::new(SECRET)).await.unwrap();
    let other = vault.seal("src_1", &SecretText::new("another")).await.unwrap();
    let (wrapped, ciphertext) = sealed.strip_prefix("k1.").unwrap().split_once('.').unwrap();
    let (other_wrapped, _) = other.strip_prefix("k1.").unwrap().split_once('.').unwrap();
    for tampered in [
        String::new(),
        "k1.".to_owned(),
        format!("k1.{wrapped}"),
        format!("f1.{ciphertext}"),
        format!("k1..{ciphertext}"),
        format!("k1.{wrapped}."),
        format!("k1.AAAA.{ciphertext}"),
        format!("k1.{other_wrapped}.{ciphertext}"),
        format!("k1.{wrapped}.{}", flip_last(ciphertext)),
        sealed[..sealed.len() - 2].to_owned(),
    ] {
        let refused = vault.open("src_1", &tampered).await;
        assert!(matches!(refused, Err(VaultError::Unopenable)), "{tampered}: {refused:?}");
    }
}

async fn sealed_bytes_open_for_their_owner_alone_and_only_whole(clients: Clients) {
    let vault = vault(&clients).await;
    let plain = [0, 255, 128, 7];
    let sealed = vault.seal_bytes("qrn_1", &plain).await.unwrap();
    assert!(sealed.len() <= plain.len() + SEALED_OVERHEAD_BYTES);
    assert_eq!(vault.open_bytes("qrn_1", &sealed).await.unwrap(), plain);
    let mut flipped = sealed.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for (owner, sealed) in [
        ("qrn_2", sealed.as_slice()),
        ("qrn_1", &flipped),
        ("qrn_1", &sealed[..sealed.len() - 1]),
        ("qrn_1", &sealed[..20]),
        ("qrn_1", b"k\0\0"),
        ("qrn_1", b"k"),
        ("qrn_1", b""),
    ] {
        let refused = vault.open_bytes(owner, sealed).await;
        assert!(matches!(refused, Err(VaultError::Unopenable)), "{refused:?}");
    }
}

/// Another character before the last, which may have bits that do not count.
fn flip_last(text: &str) -> String {
    let (start, end) = text.split_at(text.len() - 2);
    let flipped = if end.starts_with('A') { 'B' } else { 'A' };
    format!("{start}{flipped}{}", &end[1..])
}

async fn a_secret_does_not_open_under_another_key(clients: Clients) {
    let (vault, other) = (vault(&clients).await, vault(&clients).await);
    let sealed = vault.seal("src_1", &SecretText::new(SECRET)).await.unwrap();
    let refused = other.open("src_1", &sealed).await;
    assert!(matches!(refused, Err(VaultError::Unopenable)), "{refused:?}");
}
