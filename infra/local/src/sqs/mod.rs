//! An SQS-compatible endpoint on SQLite, for the local stack and the tests.
//!
//! It speaks the AWS JSON 1.0 protocol, so that the functions talk to it through the same SDK client as on
//! AWS, and it is held to the same contract suite (`tests/contracts`) as the emulator that runs the deployed
//! test. What it guarantees:
//!
//! - A send that was answered is durable: it survives SIGKILL of the process (not a power cut, see [`Sqs::open`]).
//! - A message is deleted only by the receipt handle of its latest receive. AWS documents only that an older
//!   handle *might* not delete; the strict reading is the one that finds bugs.
//! - Time comes from one clock, so a test can move through visibility timeouts, delays and retention at will.
//!
//! FIFO queues have groups in order and deduplication ids, no sequence numbers and no high throughput. Left out because
//! nothing here uses it: tags, permissions, message move
//! tasks, the 60 s pause between two purges, the 120,000 in-flight limit and the sampling of short polls.
//! Requests are not authenticated: serve it on loopback only.
//!
//! Reference: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/>.

mod deaths;
mod engine;
mod error;
mod fifo;
mod http;
mod message;
mod queue;
mod received;
mod schema;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use serde_json::json;
use tokio::time::Instant;

pub use engine::Depth;
pub use error::{Code, Error};
pub use http::router;
pub use queue::arn;

pub(crate) use received::Received;

/// The current time in milliseconds since the Unix epoch.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// All queues of one database. Clones share it.
#[derive(Clone)]
pub struct Sqs {
    database: Arc<Mutex<Connection>>,
    signals: waiting::Signals,
    clock: Clock,
}

impl fmt::Debug for Sqs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqs").finish_non_exhaustive()
    }
}

impl Sqs {
    /// Opens the database in the file at `path`, creating it if absent, or a new one in memory for `None`.
    ///
    /// The file is in WAL mode with `synchronous=NORMAL`: what was committed survives the death of the
    /// process, but the last commits may be lost with the machine. `FULL` would cost a disk flush per
    /// message for a case that a development stack does not have.
    ///
    /// # Errors
    /// [`Error::Database`] if the file cannot be opened or is no SQLite database, [`Error::Schema`] if a
    /// newer version of this code wrote it.
    pub fn open(path: Option<&Path>) -> Result<Self, Error> {
        let connection = match path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        schema::prepare(&connection)?;
        Ok(Self {
            database: Arc::new(Mutex::new(connection)),
            signals: waiting::Signals::default(),
            clock: Arc::new(wall_clock_ms),
        })
    }

    /// Replaces the clock, by default the system's. Long polls still wait in real time.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Creates a queue with attributes named as in AWS's `CreateQueue`. Doing it again with the same
    /// attributes changes nothing.
    ///
    /// # Errors
    /// [`Error::Refused`] for an invalid name or attribute, or with [`Code::QueueNameExists`] if the queue
    /// exists with another value for one of the attributes.
    pub fn create_queue(&self, name: &str, attributes: &[(&str, &str)]) -> Result<(), Error> {
        let attributes: BTreeMap<String, String> =
            attributes.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        self.write(|tx, now_ms| engine::create_queue(tx, now_ms, name, &attributes))
    }

    /// Counts the messages of a queue exactly (on AWS these counts are approximate).
    ///
    /// # Errors
    /// [`Error::Refused`] with [`Code::QueueDoesNotExist`].
    pub fn depth(&self, name: &str) -> Result<Depth, Error> {
        self.write(|tx, now_ms| engine::depth(tx, now_ms, &engine::find_queue(tx, name)?))
    }

    /// When the next delayed or in-flight message of a queue becomes visible, in milliseconds since the
    /// Unix epoch; `None` if all are visible already. A harness moves its clock there instead of sleeping.
    ///
    /// # Errors
    /// [`Error::Refused`] with [`Code::QueueDoesNotExist`].
    pub fn next_visible_ms(&self, name: &str) -> Result<Option<i64>, Error> {
        self.read(|db, now_ms| engine::next_visible_ms(db, now_ms, &engine::find_queue(db, name)?))
    }

    /// Takes messages for a function of this process (see `deaths.rs`), waiting at most `wait` for the first; `None`
    /// waits for ever. Nothing is taken if this is dropped before it is ready.
    pub(crate) async fn take(
        &self,
        queue: &str,
        max: usize,
        wait: Option<Duration>,
    ) -> Result<Vec<Received>, Error> {
        let until = wait.map(|wait| Instant::now() + wait);
        self.when_ready(queue, until, |tx, now_ms, queue| deaths::take(tx, now_ms, queue, max)).await
    }

    /// Takes up to `max` messages as a client of the queue does.
    pub(crate) async fn receive_now(&self, queue: &str, max: usize) -> Result<Vec<Received>, Error> {
        let visible = self.when_ready(queue, Some(Instant::now()), |tx, now_ms, queue| {
            engine::receive(tx, now_ms, queue, max, queue.settings.visibility_s)
        });
        visible.await
    }

    /// A function is done with these messages: those that it does not name by their ids as failed are deleted.
    pub(crate) fn finish(
        &self,
        queue: &str,
        taken: &[Received],
        failed: &HashSet<String>,
    ) -> Result<(), Error> {
        let had_suspects = self.write(|tx, _| {
            let queue = engine::find_queue(tx, queue)?;
            let had_suspects = deaths::has_suspects(tx)?;
            for message in taken {
                deaths::finish(tx, &queue, &message.handle, failed.contains(&message.id))?;
            }
            Ok(had_suspects)
        })?;
        if had_suspects {
            // It may be another suspect's turn, of any queue.
            self.signals.wake_all();
        }
        Ok(())
    }

    /// A function has panicked over these messages.
    pub(crate) fn died(&self, queue: &str, taken: &[Received]) -> Result<(), Error> {
        let handles = taken.iter().map(|message| message.handle.clone());
        self.write(|tx, now_ms| deaths::died(tx, now_ms, &engine::find_queue(tx, queue)?, handles))?;
        self.signals.wake_all();
        Ok(())
    }

    /// To be called when a process starts, before it takes messages: what the one before was handling when it died
    /// comes back at once, and that receive is not counted. What kills every process becomes a dead letter. Gives the
    /// number of messages that were being handled.
    ///
    /// # Errors
    /// [`Error::Database`] if the database fails.
    pub fn recover(&self) -> Result<usize, Error> {
        let recovered = self.write(deaths::recover)?;
        self.signals.wake_all();
        Ok(recovered)
    }

    /// Ends the visibility timeout of every message in flight, and tells of how many: for a test whose clock is to stand
    /// still.
    ///
    /// # Errors
    /// [`Error::Database`] if the database fails.
    pub fn release_in_flight(&self) -> Result<usize, Error> {
        let released = self.write(engine::release_in_flight)?;
        self.signals.wake_all();
        Ok(released)
    }

    /// Puts a message into a queue, as anybody with access to it could.
    pub(crate) fn put(&self, queue: &str, body: &str) -> Result<(), Error> {
        let draft = serde_json::from_value(json!({ "MessageBody": body }))?;
        self.write(|tx, now_ms| engine::send(tx, now_ms, &engine::find_queue(tx, queue)?, &draft))?;
        self.signals.wake(queue);
        Ok(())
    }

    /// A look at what is there, beside which nobody waits. The database's own transaction is as long as one statement.
    fn read<T>(&self, look: impl FnOnce(&Connection, i64) -> Result<T, Error>) -> Result<T, Error> {
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        look(&database, (self.clock)())
    }

    /// Runs `act` in a transaction that is committed if it succeeds. Most reads go the same way: expired messages
    /// are deleted on sight, so hardly any operation is a pure read.
    ///
    /// SQLite is called on the async thread on purpose: a call takes microseconds (no disk flush), less than
    /// handing it to another thread.
    fn write<T>(&self, act: impl FnOnce(&Transaction<'_>, i64) -> Result<T, Error>) -> Result<T, Error> {
        // A thread that panicked while holding the lock has rolled its transaction back by dropping it.
        let mut database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let tx = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let answer = act(&tx, (self.clock)())?;
        tx.commit()?;
        Ok(answer)
    }
}

#[expect(clippy::disallowed_methods, reason = "an engine that stands in for AWS has a clock of its own")]
fn wall_clock_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}
