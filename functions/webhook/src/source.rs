//! Sources as this function needs them: with their secrets opened, kept while the function is warm.

use domain::{SealedSecret, Source, SourceId, SourceStatus};
use jiff::Timestamp;
use platform::{Cache, SecretText, Vault, VaultError};
use providers::{Provider, Secret};
use std::sync::Arc;
use store::{Store, StoreError};

#[derive(Debug)]
pub struct LoadedSource {
    pub(crate) source: Source,
    pub(crate) provider: &'static Provider,
    /// Those of `source`, in its order.
    opened: Vec<SecretText>,
}

pub(crate) enum LoadError {
    /// There is no such source, or it is disabled, or its provider is not known to this release.
    Unknown,
    Store(StoreError),
    Vault(VaultError),
}

/// A source, and whether it comes from the cache and may be out of date.
pub(crate) struct Found {
    pub(crate) source: Arc<LoadedSource>,
    pub(crate) cached: bool,
}

impl LoadedSource {
    /// The secrets that are active at `now`.
    pub(crate) fn secrets(&self, now: Timestamp) -> Vec<Secret<'_>> {
        let active = |secret: &SealedSecret| secret.is_active(now);
        let pairs = self.source.secrets.iter().zip(&self.opened);
        pairs
            .filter(|(secret, _)| active(secret))
            .map(|(secret, text)| Secret { id: &secret.id, text: text.expose() })
            .collect()
    }
}

/// Finds a source, in the cache or in the table.
pub(crate) async fn find(
    store: &Store,
    vault: &Vault,
    cache: &Cache<SourceId, Arc<LoadedSource>>,
    id: &SourceId,
) -> Result<Found, LoadError> {
    if let Some(source) = cache.get(id) {
        return Ok(Found { source, cached: true });
    }
    let source = load(store, vault, cache, id).await?;
    Ok(Found { source, cached: false })
}

/// Reads a source from the table, whatever the cache says. What is not there is not kept: made-up ids must not
/// push real ones out.
pub(crate) async fn load(
    store: &Store,
    vault: &Vault,
    cache: &Cache<SourceId, Arc<LoadedSource>>,
    id: &SourceId,
) -> Result<Arc<LoadedSource>, LoadError> {
    cache.remove(id);
    let found = store.config::<Source>(id.as_str()).await.map_err(LoadError::Store)?;
    let source =
        found.map(|versioned| versioned.value).filter(|source| source.status == SourceStatus::Active);
    let source = source.ok_or(LoadError::Unknown)?;
    let provider = Provider::find(&source.provider).ok_or(LoadError::Unknown)?;
    let mut opened = Vec::with_capacity(source.secrets.len());
    for secret in &source.secrets {
        opened.push(vault.open(id.as_str(), &secret.sealed).await.map_err(LoadError::Vault)?);
    }
    let loaded = Arc::new(LoadedSource { source, provider, opened });
    cache.insert(id.clone(), Arc::clone(&loaded));
    Ok(loaded)
}
