//! Makes the attempts: one signed POST per message, recorded before anything else follows from it.
//!
//! For each message: find out whether its attempt is recorded already → load the endpoint → unless it is to be left in
//! peace ([`breaker`]), in which case the delivery is parked in the due-index → send → **record**
//! the attempt together with the time of the next one (one conditional write, which also puts the delivery into
//! the due-index) → for a short delay, queue the next attempt.
//!
//! **Guarantee:** an attempt that was made is recorded or made again, never forgotten; the next attempt is in
//! the due-index in the same write that records the failure, so nothing hangs on the queue send that follows. A
//! message that comes again is recognised by the number of attempts that are recorded; two copies of a first
//! message at the same time are both sent. Delivery is at least once, with a `webhook-id` that does not change.

mod attempt;
mod breaker;
mod raise;
mod target;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::{EndpointId, Health};
use futures::future::join_all;
use jiff::SignedDuration;
use platform::{Aws, Cache, Clock, Entropy, Settings, Vault};
use queue::Queue;
use relay::{AllowListError, Client, EgressPolicy, Limits};
use store::Store;
use target::Target;

/// How long an endpoint's URL, secrets and health may be kept: a change takes effect within this time.
const TARGET_MAX_AGE: SignedDuration = SignedDuration::from_secs(5);

#[derive(Debug)]
pub struct Deps {
    pub store: Store,
    pub deliveries: Queue,
    pub dead_letters: Queue,
    pub client: Client,
    pub vault: Vault,
    pub clock: Clock,
    pub entropy: Entropy,
    pub targets: Cache<EndpointId, Target>,
    /// `None` for an endpoint that answers.
    pub health: Cache<EndpointId, Option<Health>>,
}

impl Deps {
    pub fn from_settings(settings: &mut Settings) -> Result<Self, AllowListError> {
        let aws = Aws::from_settings(settings);
        let egress = settings.optional("PAYRELAY_EGRESS_ALLOW").unwrap_or_default();
        let policy = EgressPolicy::from_allow_list(&egress, settings.is_local())?;
        Ok(Self {
            store: Store::new(aws.dynamodb(), settings.required("PAYRELAY_TABLE")),
            deliveries: Queue::new(aws.sqs(), settings.required("PAYRELAY_DELIVERIES_QUEUE_URL")),
            dead_letters: Queue::new(aws.sqs(), settings.required("PAYRELAY_DELIVERIES_DLQ_URL")),
            client: Client::new(policy, Limits::default()),
            vault: Vault::kms(aws.kms(), settings.required("PAYRELAY_KMS_KEY_ID"), Entropy::system()),
            clock: Clock::system(),
            entropy: Entropy::system(),
            targets: Cache::new(Clock::system(), TARGET_MAX_AGE),
            health: Cache::new(Clock::system(), TARGET_MAX_AGE),
        })
    }
}

/// Handles one batch; its attempts are made side by side.
pub async fn handle(deps: &Deps, batch: SqsEvent) -> SqsBatchResponse {
    let dispositions = join_all(batch.records.iter().map(|message| attempt::handle(deps, message))).await;
    queue::respond(&deps.dead_letters, batch.records.into_iter().zip(dispositions)).await
}
