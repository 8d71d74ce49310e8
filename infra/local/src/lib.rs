//! All of Payrelay on one machine, without an AWS account: the embedded engines, the event source mappings, the
//! schedule, and the HTTP front. Also the harness of the journeys.
//!
//! **Guarantee:** the functions run here through the same constructors and the same AWS SDK clients as on Lambda,
//! over loopback HTTP. Nothing is replaced by a fake.
//!
//! [`Stack`] is everything at rest: a test drives it step by step, under its own clock. [`Stack::run`] makes it a
//! server.

mod engines;
pub mod eventbridge;
mod gateway;
mod mapping;
mod server;
pub mod sqs;
mod stack;
mod storage;
mod vault;

pub use mapping::{Letter, Mapping};
pub use stack::{Options, Running, Stack, TABLE, loopback_egress};
pub use storage::{DataDirectory, Storage};
