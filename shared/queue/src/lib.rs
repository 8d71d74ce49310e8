//! SQS: what the messages are, how they are sent in batches, and how a batch is answered.
//!
//! **Guarantee:** a message is acknowledged only when its handler says [`Disposition::Done`], or once it stands in
//! the dead-letter queue with its reason. Every entry of a batched send that SQS did not take is reported.

mod batch;
mod dead;
mod envelope;
mod send;

pub use batch::{Disposition, EVENTS_VISIBILITY_SECONDS, MAX_RECEIVE_COUNT, receive_count, respond};
pub use dead::{DeadMessage, dead_letter_of};
pub use envelope::{
    Carried, Confirmation, DeliveryMessage, EventMessage, FetchMessage, MAX_BODY_BYTES,
    MAX_EVENT_MESSAGE_BYTES, MAX_MESSAGE_BYTES, Reply, Undecodable,
};
pub use send::{Outgoing, Queue, QueueError};
