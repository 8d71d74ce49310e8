//! Where a delivery goes: the endpoint with its secrets opened.

use crate::Deps;
use domain::{DisabledReason, Endpoint, EndpointId, EndpointStatus, Notice};
use platform::VaultError;
use relay::OpenError;
use std::sync::Arc;
use store::{StoreError, Versioned};

#[derive(Debug, Clone)]
pub enum Target {
    Reachable(Arc<relay::Target>),
    /// Disabled or deleted: nothing is sent.
    Closed,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("the endpoint could not be read")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Open(#[from] OpenError<VaultError>),
}

pub(crate) async fn load(deps: &Deps, id: &EndpointId) -> Result<Target, TargetError> {
    deps.targets.get_or_load(id, async || read(deps, id).await).await
}

async fn read(deps: &Deps, id: &EndpointId) -> Result<Target, TargetError> {
    let Some(Versioned { value: endpoint, .. }) = deps.store.config::<Endpoint>(id.as_str()).await? else {
        return Ok(Target::Closed);
    };
    if endpoint.status == EndpointStatus::Disabled {
        return Ok(Target::Closed);
    }
    let unseal = async |sealed: String| {
        deps.vault.open(id.as_str(), &sealed).await.map(|text| text.expose().to_owned())
    };
    let target = relay::Target::open(&endpoint, deps.clock.now(), unseal).await?;
    Ok(Target::Reachable(Arc::new(target)))
}

/// Nothing is sent to the endpoint any more. A change by somebody else in between is read and disabled again.
///
/// It is told before it is done: afterwards no attempt is made that could find the event missing.
pub(crate) async fn disable(deps: &Deps, id: &EndpointId, reason: DisabledReason) -> Result<(), StoreError> {
    loop {
        let Some(Versioned { value: mut endpoint, revision }) =
            deps.store.config::<Endpoint>(id.as_str()).await?
        else {
            return Ok(());
        };
        if endpoint.status == EndpointStatus::Disabled {
            return Ok(());
        }
        let now = deps.clock.now();
        notices::raise(&deps.store, now, Notice::disabled(id, endpoint.updated_at, reason, now)).await?;
        endpoint.status = EndpointStatus::Disabled;
        endpoint.updated_at = now;
        match deps.store.replace_config(&endpoint, revision).await {
            Ok(_) => {
                deps.targets.remove(id);
                tracing::warn!(endpoint = %id, ?reason, "the endpoint is disabled");
                return Ok(());
            }
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
}
