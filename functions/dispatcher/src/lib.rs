//! Makes the attempts: one signed POST per message, recorded before anything else follows from it.
//!
//! For each message: find out whether its attempt is recorded already → load the endpoint → ask whether the attempt may begin now
//! ([`gate`]: breaker, lane, limits); if not, the delivery is parked in the due-index or its message sent again ([`later`]) →
//! send → **record** the attempt together with the time of the next one (one conditional write, which also puts the
//! delivery into the due-index) → for a short delay, queue the next attempt.
//!
//! **Guarantee:** an attempt that was made is recorded or made again, never forgotten; the next attempt is in
//! the due-index in the same write that records the failure, so nothing hangs on the queue send that follows. A
//! message that comes again is recognised by the number of attempts that are recorded; two copies of a message that are
//! attempted at the same moment are both sent, and both in the log, the second as a repeat. Delivery is at least once, with a
//! `webhook-id` that does not change.

mod attempt;
mod breaker;
mod gate;
mod later;
mod mailbox;
mod pace;
mod target;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use destinations::{InvalidSettings, Sender};
use domain::{EndpointId, Standing};
use futures::future::join_all;
use jiff::SignedDuration;
use platform::{Aws, Cache, Clock, Entropy, Settings, Vault};
use queue::Queue;
use relay::{Client, EgressPolicy, Limits, Resolver};
use std::time::Duration;
use store::Store;
use target::Target;

pub use pace::{SLOW_AFTER, STANDING_MAX_AGE};

/// How long an endpoint's URL and secrets may be kept: a change takes effect within this time.
const TARGET_MAX_AGE: SignedDuration = SignedDuration::from_secs(5);

#[derive(Debug)]
pub struct Deps {
    pub store: Store,
    /// The fast lane, in which every delivery begins.
    pub deliveries: Queue,
    /// The slow lane.
    pub slow_deliveries: Queue,
    pub dead_letters: Queue,
    pub sender: Sender,
    pub vault: Vault,
    pub clock: Clock,
    pub entropy: Entropy,
    pub targets: Cache<EndpointId, Target>,
    pub standings: Cache<EndpointId, Standing>,
    /// [`SLOW_AFTER`], but for tests that have no time.
    pub slow_after: Duration,
}

impl Deps {
    /// From the environment of a Lambda function. What is missing is noted in `settings`.
    ///
    /// # Errors
    /// If a setting is there and wrong.
    #[expect(clippy::disallowed_methods, reason = "a function on AWS asks AWS's resolver")]
    pub fn from_settings(settings: &mut Settings) -> Result<Self, InvalidSettings> {
        let aws = Aws::from_settings(settings);
        let own_queues = settings.required("PAYRELAY_OWN_QUEUES");
        let egress = settings.optional("PAYRELAY_EGRESS_ALLOW").unwrap_or_default();
        let policy = EgressPolicy::from_allow_list(&egress, settings.is_local())?;
        let vault = Vault::kms(aws.kms(), settings.required("PAYRELAY_KMS_KEY_ID"), Entropy::system());
        let client =
            Client::new(policy, Limits::default(), Resolver::system()).with_via(&vault.fingerprint());
        Ok(Self {
            store: Store::new(aws.dynamodb(), settings.required("PAYRELAY_TABLE")),
            deliveries: Queue::new(aws.sqs(), settings.required("PAYRELAY_DELIVERIES_QUEUE_URL")),
            slow_deliveries: Queue::new(aws.sqs(), settings.required("PAYRELAY_SLOW_DELIVERIES_QUEUE_URL")),
            dead_letters: Queue::new(aws.sqs(), settings.required("PAYRELAY_DELIVERIES_DLQ_URL")),
            sender: Sender::new(client, &aws, &own_queues, Clock::system())?,
            vault,
            clock: Clock::system(),
            entropy: Entropy::system(),
            targets: Cache::new(Clock::system(), TARGET_MAX_AGE),
            standings: Cache::new(Clock::system(), STANDING_MAX_AGE),
            slow_after: SLOW_AFTER,
        })
    }
}

/// Handles one batch; its attempts are made side by side.
pub async fn handle(deps: &Deps, batch: SqsEvent) -> SqsBatchResponse {
    let attempts = batch.records.iter().map(|message| queue::isolated(attempt::handle(deps, message)));
    let dispositions =
        join_all(attempts).await.into_iter().map(|made| made.unwrap_or_else(|panicked| panicked));
    queue::respond(&deps.dead_letters, batch.records.into_iter().zip(dispositions)).await
}
