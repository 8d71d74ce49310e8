//! How an endpoint fares, and which lane its deliveries take.
//!
//! There are two queues, each with a mapping of its own to this function, and so with batches of its own: the fast lane, in
//! which every delivery begins, and the slow lane. A batch is held until the last of its attempts ends, so one endpoint that
//! takes its time would hold as many batches as it gets deliveries, and in the end all of them.
//!
//! **Guarantee:** an endpoint holds batches of the fast lane only with attempts that began before it was found slow, which
//! takes [`SLOW_AFTER`], or before that was known everywhere, which takes [`STANDING_MAX_AGE`] more. It is written down while
//! the attempt still goes on: an attempt that ends by its timeout would tell fifteen seconds later.
//!
//! An endpoint that was quick for ten minutes is in the fast lane again by itself. Nothing is written for one that always is.

use crate::Deps;
use domain::{EndpointId, Standing};
use jiff::SignedDuration;
use queue::Queue;
use std::error::Error;
use std::pin::pin;
use std::time::Duration;
use store::StoreError;
use tokio::time::timeout;

/// An attempt without an answer for so long is slow. Receivers are asked to take what they get and to work later, which
/// takes them some milliseconds; a second leaves room for a long way and for one that has to start. With two, an endpoint that
/// does not answer holds twice as many batches before it is found out.
pub const SLOW_AFTER: Duration = Duration::from_secs(1);

/// How long what is known of an endpoint is kept. Shorter than its URL and secrets: as long as a process does not know that
/// an endpoint is slow, each of its batches may be held by it. It costs half a read unit a second for each endpoint and process
/// at most, and never more than half a unit an attempt.
pub const STANDING_MAX_AGE: SignedDuration = SignedDuration::from_secs(1);

/// Which queue a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Fast,
    Slow,
}

impl Lane {
    pub(crate) fn queue(self, deps: &Deps) -> &Queue {
        match self {
            Self::Fast => &deps.deliveries,
            Self::Slow => &deps.slow_deliveries,
        }
    }
}

pub(crate) async fn standing(deps: &Deps, id: &EndpointId) -> Result<Standing, StoreError> {
    deps.standings.get_or_load(id, async || deps.store.standing(id, false).await).await
}

/// Waits for what is sent to end, and notes in the meantime if it is slow.
pub(crate) async fn watch<T>(deps: &Deps, id: &EndpointId, sending: impl Future<Output = T>) -> T {
    let mut sending = pin!(sending);
    match timeout(deps.slow_after, sending.as_mut()).await {
        Ok(answer) => answer,
        Err(_) => futures::join!(sending, note_slow(deps, id)).0,
    }
}

/// If that comes to nothing, the next slow attempt does it.
async fn note_slow(deps: &Deps, id: &EndpointId) {
    let noted = async {
        let standing = standing(deps, id).await?;
        let Some(until) = standing.slow_from(deps.clock.now()) else { return Ok(()) };
        // First for this process: its other attempts, which are slow at the same moment, need not write it as well.
        deps.standings.insert(id.clone(), Standing { slow_until: Some(until), ..standing });
        deps.store.note_slow(id, until).await?;
        tracing::info!(endpoint = %id, %until, "the endpoint is slow: its deliveries take the slow lane");
        Ok::<_, StoreError>(())
    };
    if let Err(error) = noted.await {
        deps.standings.remove(id);
        tracing::warn!(endpoint = %id, error = &error as &dyn Error, "a slow endpoint could not be noted");
    }
}
