//! The vault of one machine: its key is a file, and the table knows which.

use crate::storage::Storage;
use anyhow::{Result, ensure};
use domain::{Endpoint, Source};
use platform::{Entropy, Vault};
use store::{PageRequest, Store};

/// The vault that the data of this storage is sealed with. Its key is made when nothing is sealed yet, and never again: what
/// was sealed with a key that is gone could not be opened with another.
pub(crate) async fn open(storage: &Storage, store: &Store, entropy: &Entropy) -> Result<Vault> {
    let known = store.vault_fingerprint().await?;
    let path = storage.vault_key_path();
    let key = match storage.vault_key()? {
        Some(key) => key,
        None => {
            ensure!(
                known.is_none() && !holds_secrets(store).await?,
                "{path} is missing, and the data beside it is sealed with that key: put the file back, or start with \
                 another data directory"
            );
            let key = Vault::new_key_file(entropy);
            storage.keep_vault_key(&key)?;
            key
        }
    };
    let vault = Vault::key_file(key.expose(), entropy.clone()).map_err(|error| {
        anyhow::Error::new(error)
            .context(format!("{path} holds no key of the vault: put the right file back"))
    })?;
    let fingerprint = vault.fingerprint();
    match known {
        Some(known) => ensure!(
            known == fingerprint,
            "{path} is not the key that the data beside it is sealed with: put the right file back"
        ),
        None => store.note_vault_fingerprint(&fingerprint).await?,
    }
    Ok(vault)
}

/// What a table holds that is older than the fingerprint.
async fn holds_secrets(store: &Store) -> Result<bool> {
    let one = || PageRequest { after: None, limit: 1 };
    Ok(!store.configs::<Source>(&one()).await?.items.is_empty()
        || !store.configs::<Endpoint>(&one()).await?.items.is_empty())
}
