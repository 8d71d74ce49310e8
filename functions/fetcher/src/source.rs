//! Sources as this function needs them: with the credential opened, kept while the function is warm.

use crate::Deps;
use domain::{SecretId, Source, SourceId};
use platform::{SecretText, VaultError};
use std::sync::Arc;
use store::StoreError;

/// A source's account at the provider's API.
#[derive(Debug)]
pub struct Account {
    /// Of the credential.
    id: SecretId,
    credential: SecretText,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    #[error("there is no such source any more")]
    Gone,
    #[error("the source has no API credential any more")]
    NoCredential,
    #[error("the source could not be read")]
    Store(#[from] StoreError),
    #[error("the source's API credential could not be opened")]
    Vault(#[from] VaultError),
}

impl AccountError {
    /// Whether no later try can end otherwise unless somebody mends the source.
    pub(crate) fn is_lasting(&self) -> bool {
        match self {
            Self::Gone | Self::NoCredential => true,
            Self::Store(error) => matches!(error, StoreError::Corrupt { .. }),
            Self::Vault(error) => matches!(error, VaultError::Unopenable),
        }
    }
}

impl Account {
    pub(crate) fn credential(&self) -> &str {
        self.credential.expose()
    }

    pub(crate) fn has_same_credential(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// Out of the cache where it is there: then the second value is true.
pub(crate) async fn find(deps: &Deps, id: &SourceId) -> Result<(Arc<Account>, bool), AccountError> {
    match deps.accounts.get(id) {
        Some(account) => Ok((account, true)),
        None => Ok((load(deps, id).await?, false)),
    }
}

/// Reads it from the table, whatever the cache says. A disabled source still has its questions answered: what came
/// in before is accepted.
pub(crate) async fn load(deps: &Deps, id: &SourceId) -> Result<Arc<Account>, AccountError> {
    deps.accounts.remove(id);
    let found = Box::pin(deps.store.config::<Source>(id.as_str())).await?;
    let sealed = found.ok_or(AccountError::Gone)?.value.api_credential.ok_or(AccountError::NoCredential)?;
    let credential = deps.vault.open(id.as_str(), &sealed.sealed).await?;
    let account = Arc::new(Account { id: sealed.id, credential });
    deps.accounts.insert(id.clone(), Arc::clone(&account));
    Ok(account)
}
