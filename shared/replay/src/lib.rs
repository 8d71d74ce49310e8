//! Replays, step by step: what the sweeper and the REST API share.
//!
//! A step is: read what comes next ([`look`]) → note at its events to whom they go besides → queue the deliveries → write
//! how far the replay has come.
//!
//! **Guarantee:** progress is written after the queue has confirmed what it stands for, on condition that nobody else
//! has moved or stopped the replay since it was read. A crash in between repeats the step: the same deliveries, under the same
//! `webhook-id`, once more. No event between `since` and `until` that was there when the walk came by is left out.
//!
//! **What a replay does not see** are events that were received shortly before it was made and are not committed yet,
//! or not in the index. They are on their way to their endpoints as it is.
//!
//! **What a replay does not disturb** is the schedule: its attempts are made beside it, as retries by hand are
//! ([`queue::DeliveryMessage::for_replay`]). One that fails changes nothing, one that succeeds ends the retries, and what
//! was delivered stays delivered. Only a delivery that never had an attempt begins its schedule with it.
//!
//! Each message names the attempt that follows those that are recorded, so that the dispatcher drops it when an attempt
//! was made in the meantime: after the replay chose it, which is what was asked for.

mod look;
mod step;

pub use look::{Chosen, LookError, Slice, look};
pub use step::{Step, StepError, step};
