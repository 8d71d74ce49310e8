//! The harness of the journeys: the whole stack in one process, step by step, under the test's own clock.
//!
//! Engines, SDK clients and handlers are the real ones. Three things are the test's: the clock, the receivers,
//! and the HTTP connector of the AWS SDK, which can fail a call before or after its effect.

mod app;
mod busy;
mod faults;
mod queue;
mod receiver;
mod refusal;

pub use app::{ADMIN_KEY, Answer, App, HOST, TestClock};
pub use busy::BusyReceiver;
pub use faults::{Call, Crash, Failure, Faults, Side};
pub use queue::{ClientQueue, QueueMessage, create_bus};
pub use receiver::{Receipt, Receiver};
pub use refusal::{Refusal, Sent};
