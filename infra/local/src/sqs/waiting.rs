//! Waiting for messages: who waits sleeps until a message of its queue is sent or becomes visible by time.
//!
//! A change wakes one of those who wait for its queue. That one looks: it takes what is there, or learns when the next
//! message is due and sleeps until then. Whoever leaves wakes the next, so there is always one who knows when that is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Transaction;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::engine::{self, Outcome, Queue};
use super::error::Error;
use super::received::Received;
use super::{Sqs, deaths};

/// The longest sleep. The clock of the messages may be set, and goes on while the machine sleeps; the one that wakes
/// sleepers does neither.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// By the names of queues.
#[derive(Clone, Default)]
pub(super) struct Signals(Arc<Mutex<HashMap<String, Arc<Notify>>>>);

/// One who waits for a queue's messages.
struct Waiter(Arc<Notify>);

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Signals {
    fn waiter(&self, queue: &str) -> Waiter {
        let mut signals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Waiter(Arc::clone(signals.entry(queue.to_owned()).or_default()))
    }

    /// Something became visible in the queue, or will. If nobody waits at this moment, the next who does looks twice.
    pub(super) fn wake(&self, queue: &str) {
        let signals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Without an entry nobody has begun to wait, which begins before the first look.
        if let Some(signal) = signals.get(queue) {
            signal.notify_one();
        }
    }

    pub(super) fn wake_all(&self) {
        let signals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        signals.values().for_each(|signal| signal.notify_one());
    }
}

/// What a look found, and for how long it need not be repeated.
struct Look {
    received: Vec<Received>,
    good_for: Duration,
}

impl Sqs {
    /// What `take` finds in the queue, at the latest at `until`; `None` waits for ever. Nothing is taken when this is
    /// dropped before it is ready.
    pub(super) async fn when_ready(
        &self,
        queue: &str,
        until: Option<Instant>,
        take: impl Fn(&Transaction<'_>, i64, &Queue) -> Result<Outcome, Error>,
    ) -> Result<Vec<Received>, Error> {
        let waiter = self.signals.waiter(queue);
        loop {
            let look = self.look(queue, &take)?;
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if !look.received.is_empty() || left.is_some_and(|left| left.is_zero()) {
                return Ok(look.received);
            }
            let sleep = look.good_for.min(left.unwrap_or(LONGEST_SLEEP));
            // Woken or not, it looks again.
            let _ = timeout(sleep, waiter.0.notified()).await;
        }
    }

    /// A look in vain is one read: nothing is written, and nobody waits for it.
    fn look(
        &self,
        queue: &str,
        take: impl Fn(&Transaction<'_>, i64, &Queue) -> Result<Outcome, Error>,
    ) -> Result<Look, Error> {
        let outcome =
            if self.read(|db, now_ms| engine::is_ready(db, now_ms, &engine::find_queue(db, queue)?))? {
                self.write(|tx, now_ms| take(tx, now_ms, &engine::find_queue(tx, queue)?))?
            } else {
                Outcome { received: Vec::new(), moved_to: None }
            };
        if let Some(dead_letters) = outcome.moved_to {
            self.signals.wake(&dead_letters);
        }
        let good_for = self.read(|db, now_ms| {
            let next_ms = engine::next_visible_ms(db, now_ms, &engine::find_queue(db, queue)?)?;
            let due = next_ms.map_or(LONGEST_SLEEP, |next_ms| millis(next_ms - now_ms));
            let turn = if deaths::has_suspects(db)? { millis(deaths::LOOK_AGAIN_MS) } else { LONGEST_SLEEP };
            Ok(due.min(turn).min(LONGEST_SLEEP))
        })?;
        Ok(Look { received: outcome.received, good_for })
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(ms.unsigned_abs())
}
