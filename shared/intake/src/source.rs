//! Sources as verification needs them: with their secrets opened, kept while a function is warm.

use crate::Intake;
use domain::{SealedSecret, Source, SourceId, SourceStatus};
use jiff::Timestamp;
use platform::{SecretText, VaultError};
use providers::{Provider, Secret};
use std::sync::Arc;
use store::StoreError;

#[derive(Debug)]
pub struct LoadedSource {
    pub(crate) source: Source,
    pub(crate) provider: &'static Provider,
    /// Those of `source`, in its order.
    opened: Vec<SecretText>,
    credential: Option<SecretText>,
    /// The oldest of them.
    opened_at: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no such source, or it is disabled, or its provider is not known to this release.
    #[error("there is no active source by this id")]
    Unknown,
    #[error("the source can't be read")]
    Store(#[source] StoreError),
    #[error("the source's secrets can't be opened")]
    Vault(#[source] VaultError),
}

/// A source, and whether it comes from the cache and may be out of date.
#[derive(Debug)]
pub struct Found {
    pub source: Arc<LoadedSource>,
    pub(crate) cached: bool,
}

impl LoadedSource {
    pub fn id(&self) -> &SourceId {
        &self.source.id
    }

    pub fn provider(&self) -> &'static Provider {
        self.provider
    }

    pub fn settings(&self) -> &providers::Settings {
        &self.source.settings
    }

    /// The secrets that are active at `now`.
    pub fn secrets(&self, now: Timestamp) -> Vec<Secret<'_>> {
        let active = |secret: &SealedSecret| secret.is_active(now);
        let pairs = self.source.secrets.iter().zip(&self.opened);
        pairs
            .filter(|(secret, _)| active(secret))
            .map(|(secret, text)| Secret { id: &secret.id, text: text.expose() })
            .collect()
    }

    /// In clear what is the same now as it was then.
    fn opened(&self, sealed: &SealedSecret) -> Option<&SecretText> {
        let secrets = self.source.secrets.iter().zip(&self.opened);
        let credential = self.source.api_credential.iter().zip(&self.credential);
        secrets.chain(credential).find(|(known, _)| known.sealed == sealed.sealed).map(|(_, text)| text)
    }

    /// The key for the provider's API, where the source has one.
    pub(crate) fn credential(&self) -> Option<&str> {
        self.credential.as_ref().map(SecretText::expose)
    }
}

impl Intake {
    /// Finds a source, in the cache or in the table.
    ///
    /// # Errors
    /// [`LoadError::Unknown`] if it is not there or not active; the others if that can't be told now.
    pub async fn source(&self, id: &SourceId) -> Result<Found, LoadError> {
        if let Some(source) = self.sources.get(id) {
            return Ok(Found { source, cached: true });
        }
        Ok(Found { source: self.fresh_source(id).await?, cached: false })
    }

    /// Reads a source from the table, whatever the cache says. What is not there is not kept: made-up ids must not
    /// push real ones out. A secret that is sealed as it was is not opened again before its age: whoever sends forged
    /// requests makes us read the source each second, and KMS would be called for each of its secrets.
    ///
    /// # Errors
    /// As [`Intake::source`].
    pub async fn fresh_source(&self, id: &SourceId) -> Result<Arc<LoadedSource>, LoadError> {
        let now = self.parts.clock.now();
        let known = self.sources.get(id);
        let known = known.filter(|known| now.duration_since(known.opened_at) < self.source_max_age);
        self.sources.remove(id);
        let found = self.parts.store.config::<Source>(id.as_str()).await.map_err(LoadError::Store)?;
        let source =
            found.map(|versioned| versioned.value).filter(|source| source.status == SourceStatus::Active);
        let source = source.ok_or(LoadError::Unknown)?;
        let provider = Provider::find(&source.provider).ok_or(LoadError::Unknown)?;
        let mut opened = Vec::with_capacity(source.secrets.len());
        for secret in &source.secrets {
            opened.push(self.open(id, secret, known.as_deref()).await?);
        }
        let credential = match &source.api_credential {
            Some(sealed) => Some(self.open(id, sealed, known.as_deref()).await?),
            None => None,
        };
        let opened_at = known.map_or(now, |known| known.opened_at);
        let loaded = Arc::new(LoadedSource { source, provider, opened, credential, opened_at });
        self.sources.insert(id.clone(), Arc::clone(&loaded));
        Ok(loaded)
    }

    async fn open(
        &self,
        owner: &SourceId,
        secret: &SealedSecret,
        known: Option<&LoadedSource>,
    ) -> Result<SecretText, LoadError> {
        if let Some(text) = known.and_then(|known| known.opened(secret)) {
            return Ok(text.clone());
        }
        self.parts.vault.open(owner.as_str(), &secret.sealed).await.map_err(LoadError::Vault)
    }
}

#[cfg(test)]
mod tests;
