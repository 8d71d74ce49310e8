//! Sends dead letters again: what the REST API and the sweeper share.
//!
//! **Guarantee:** a letter is marked as sent only after SQS has confirmed its message. What stops in between leaves the letter
//! waiting, so its message may be sent twice, and every function takes a repeat without harm. The message carries the letter's id:
//! if it dies again, it becomes the same letter, which waits again.

use domain::{DeadLetter, RedrivenBy, WorkQueue};
use platform::{Clock, Vault, VaultError};
use queue::{Queue, QueueError};
use std::time::Duration;
use store::{Store, StoreError, StoredDeadLetter};

/// The queues that messages go back to.
#[derive(Debug, Clone)]
pub struct Queues {
    pub events: Queue,
    pub deliveries: Queue,
    pub slow_deliveries: Queue,
    pub fetches: Queue,
}

impl Queues {
    fn of(&self, queue: WorkQueue) -> &Queue {
        match queue {
            WorkQueue::Events => &self.events,
            WorkQueue::Deliveries => &self.deliveries,
            WorkQueue::SlowDeliveries => &self.slow_deliveries,
            WorkQueue::Fetches => &self.fetches,
        }
    }
}

/// Sends dead letters again.
#[derive(Debug, Clone)]
pub struct Redriver {
    store: Store,
    vault: Vault,
    queues: Queues,
    clock: Clock,
}

/// The letter is as it was, or its message was sent and the letter says nothing of it: then it is sent once more.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    #[error("the dead letter could not be read or marked")]
    Store(#[from] StoreError),
    #[error("the message of the dead letter can't be opened")]
    Vault(#[from] VaultError),
    #[error("the message could not be queued")]
    Queue(#[from] QueueError),
}

impl RedriveError {
    /// Whether trying again is pointless.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Store(error) => matches!(error, StoreError::Corrupt { .. }),
            Self::Vault(error) => matches!(error, VaultError::Unopenable),
            Self::Queue(_) => false,
        }
    }
}

impl Redriver {
    pub fn new(store: Store, vault: Vault, queues: Queues, clock: Clock) -> Self {
        Self { store, vault, queues, clock }
    }

    /// Puts the message of a letter into its queue, where it is handed out after `delay`, and marks the letter. Gives the letter
    /// as it is then.
    pub async fn send(
        &self,
        stored: StoredDeadLetter,
        by: RedrivenBy,
        delay: Duration,
    ) -> Result<DeadLetter, RedriveError> {
        let letter = &stored.letter;
        let sealed = self.store.dead_letter_message(&stored).await?;
        let body = self.vault.open_bytes(letter.id.as_str(), &sealed).await?;
        let body = String::from_utf8(body).map_err(|_| VaultError::Unopenable)?;
        let queue = self.queues.of(letter.death.queue);
        queue.redrive(&letter.id, body, letter.death.group.clone(), delay).await?;
        Ok(self.mark(stored, by).await?)
    }

    async fn mark(&self, stored: StoredDeadLetter, by: RedrivenBy) -> Result<DeadLetter, StoreError> {
        let sent = stored.letter.clone();
        let mut current = stored;
        loop {
            let marked = current.letter.redriven(&sent, by, self.clock.now());
            match self.store.update_dead_letter(&marked, current.revision).await {
                Ok(()) => return Ok(marked),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
            // It died again, or somebody else sent it too.
            match self.store.dead_letter(&sent.id).await? {
                Some(newer) => current = newer,
                // Deleted meanwhile.
                None => return Ok(marked),
            }
        }
    }
}
