//! Asks the providers' APIs about events that nothing proves: one call per message, its answer sent to the consumer.
//!
//! For each message: load the source with its credential → call → judge the answer ([`verdict`]) → send it to
//! EventsQueue with the webhook that it is about; or, if there is no good one, the next try to FetchesQueue; or make
//! it a dead letter with its reason.
//!
//! **Guarantee:** a question ends as an answer, or as a dead letter that can be redriven, of which the consumer is told
//! so that the event says `confirmation_failed`; what follows from a message is
//! in a queue before the message is deleted. A crash in between asks twice, and the consumer drops the second answer.
//! Nothing is written here, and a credential is sent to its provider alone: the addresses are `providers`' own.
//!
//! **Rate:** the messages of a batch are worked off one after the other, a process's calls for one source at least
//! [`SPACING`] apart, and two processes at most run side by side (`template.yaml`): at most 20 calls a second for one
//! source, below the limits of every provider that is asked (Stripe's, the lowest that is published, is 25 reads a
//! second in a sandbox).
//!
//! **Floods:** of a provider that signs nothing anybody can make us ask. After [`CALLS_PER_MINUTE`] calls for one source a process
//! puts further first questions off, three times at most and up to 15 minutes each; those about a payment that is known are
//! asked all the same. A question for which there is a fresh answer, of a call that began [`FRESH_AFTER`] or more after the
//! webhook had come, is answered by that. Nothing is dropped: the event says `awaiting_confirmation` meanwhile (ADR 0030).
//!
//! **Tries:** [`MAX_ATTEMPTS`], over about two hours ([`delay_after`]). Each of them is a message that this function
//! sends to itself; Lambda takes a chain of 16 for a loop and stops it, so there are fewer.

mod pace;
mod question;
mod schedule;
mod source;
mod verdict;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::SourceId;
use jiff::{SignedDuration, Timestamp};
pub use pace::Pace;
use platform::{Aws, Cache, Clock, Entropy, Metrics, Settings, Vault};
use queue::Queue;
use relay::{AllowListError, ApiResponse, Client, EgressPolicy, Limits, Resolver};
pub use schedule::{MAX_ATTEMPTS, delay_after};
use source::Account;
use std::sync::Arc;
use std::time::Duration;
use store::Store;

/// The least time between two calls of a process for one source.
pub const SPACING: Duration = Duration::from_millis(100);

/// How long a source's credential may be kept. A refused one is read again at once, so a new one works at once.
const ACCOUNT_MAX_AGE: SignedDuration = SignedDuration::from_secs(60);

/// How many calls for one source a process makes in a minute before it puts off what comes next.
pub const CALLS_PER_MINUTE: u32 = 300;

/// The counter of questions that were put off, by provider.
pub const CAPPED: &str = "QuestionsCapped";

/// More than the clocks of two functions differ.
pub(crate) const FRESH_AFTER: SignedDuration = SignedDuration::from_secs(1);
/// How long an answer is kept for the questions that it came later than.
const ANSWER_MAX_AGE: SignedDuration = SignedDuration::from_secs(60);
/// How many answers are kept. Each has up to [`MAX_ANSWER_BYTES`].
const MAX_ANSWERS: usize = 32;

/// For one call. Five of them, one after the other, stay within the function's timeout of 60 s.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);

/// A payment with hundreds of refunds. Compressed it still fits into its event.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

#[derive(Debug)]
pub struct Deps {
    pub store: Store,
    pub vault: Vault,
    pub client: Client,
    pub events: Queue,
    pub fetches: Queue,
    pub dead_letters: Queue,
    pub metrics: Metrics,
    pub clock: Clock,
    pub accounts: Cache<SourceId, Arc<Account>>,
    pub pace: Pace,
    pub answers: Answers,
}

/// The latest answers, by source and address, each with the time at which its call began.
pub type Answers = Cache<(SourceId, String), (Timestamp, ApiResponse)>;

/// See [`Answers`].
pub fn answers(clock: &Clock) -> Answers {
    Cache::with_max_entries(clock.clone(), ANSWER_MAX_AGE, MAX_ANSWERS)
}

impl Deps {
    #[expect(clippy::disallowed_methods, reason = "a function on AWS asks AWS's resolver")]
    pub fn from_settings(settings: &mut Settings) -> Result<Self, AllowListError> {
        let aws = Aws::from_settings(settings);
        let egress = settings.optional("PAYRELAY_EGRESS_ALLOW").unwrap_or_default();
        let policy = EgressPolicy::from_allow_list(&egress, settings.is_local())?;
        Ok(Self {
            store: Store::new(aws.dynamodb(), settings.required("PAYRELAY_TABLE")),
            vault: Vault::kms(aws.kms(), settings.required("PAYRELAY_KMS_KEY_ID"), Entropy::system()),
            client: Client::new(policy, limits(), Resolver::system()),
            events: Queue::new(aws.sqs(), settings.required("PAYRELAY_EVENTS_QUEUE_URL")),
            fetches: Queue::new(aws.sqs(), settings.required("PAYRELAY_FETCHES_QUEUE_URL")),
            dead_letters: Queue::new(aws.sqs(), settings.required("PAYRELAY_FETCHES_DLQ_URL")),
            metrics: Metrics::stdout(settings.required("PAYRELAY_SERVICE"), Clock::system()),
            clock: Clock::system(),
            accounts: Cache::new(Clock::system(), ACCOUNT_MAX_AGE),
            pace: Pace::new(SPACING, CALLS_PER_MINUTE),
            answers: answers(&Clock::system()),
        })
    }
}

/// The bounds of a call to a provider's API.
pub fn limits() -> Limits {
    Limits { total_timeout: CALL_TIMEOUT, max_call_bytes: MAX_ANSWER_BYTES, ..Limits::default() }
}

/// Handles one batch, message by message.
pub async fn handle(deps: &Deps, batch: SqsEvent) -> SqsBatchResponse {
    let mut dispositions = Vec::with_capacity(batch.records.len());
    for message in &batch.records {
        // Boxed: the futures of the AWS SDK are deep, and a compiler has its limits.
        let handled = queue::isolated(Box::pin(question::handle(deps, message))).await;
        dispositions.push(handled.unwrap_or_else(|panicked| panicked));
    }
    queue::respond(&deps.dead_letters, batch.records.into_iter().zip(dispositions)).await
}
