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

mod engine;
mod error;
mod fifo;
mod http;
mod message;
mod queue;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::Notify;

pub use engine::Depth;
pub use error::{Code, Error};
pub use http::router;
pub use queue::arn;

/// The current time in milliseconds since the Unix epoch.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How long a long poll sleeps before it looks again although nothing was sent. It bounds how late a
/// message is seen that becomes visible by time alone; a computed wake-up would be wrong as soon as a test
/// moves the clock.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// All queues of one database. Clones share it.
#[derive(Clone)]
pub struct Sqs {
    database: Arc<Mutex<Connection>>,
    changed: Arc<Notify>,
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
        engine::prepare(&connection)?;
        Ok(Self {
            database: Arc::new(Mutex::new(connection)),
            changed: Arc::new(Notify::new()),
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
        self.write(|tx, now_ms| engine::next_visible_ms(tx, now_ms, &engine::find_queue(tx, name)?))
    }

    /// Makes every message in flight visible again, and tells how many: for a stack that starts, because
    /// whoever had received them ended with the process before. Waiting for their visibility timeouts would
    /// hold them back for minutes. Their receives still count, so a message that kills its receiver again and
    /// again ends in the dead-letter queue.
    ///
    /// # Errors
    /// [`Error::Database`] if the database fails.
    pub fn release_in_flight(&self) -> Result<usize, Error> {
        let released = self.write(engine::release_in_flight)?;
        self.changed.notify_waiters();
        Ok(released)
    }

    /// Runs `act` in a transaction that is committed if it succeeds. Reads go the same way: expired messages
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
