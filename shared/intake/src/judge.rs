//! Whether a request is genuine and can be taken, and the queue.

use crate::{Found, Intake, LoadError, LoadedSource};
use jiff::Timestamp;
use providers::{Evidence, Malformed, Outcome, Rejection, Request, Roots, Verified};
use queue::{EventMessage, MAX_BODY_BYTES, MAX_EVENT_MESSAGE_BYTES, Outgoing, QueueError};
use std::sync::Arc;
use std::time::Duration;

/// How often a verification may ask for something: PayPal wants a certificate and Plaid a key, one each.
const MAX_ROUNDS: usize = 3;

/// A request that was proven genuine, can be read, and fits into a message, which is ready to be sent.
#[derive(Debug)]
pub struct Genuine {
    source: Arc<LoadedSource>,
    message: Outgoing,
}

impl Genuine {
    pub fn source(&self) -> &LoadedSource {
        &self.source
    }
}

/// Why a request is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Rejected(Rejection),
    #[error("the request is genuine, but can't be read")]
    Malformed(#[source] Malformed),
    /// More than [`MAX_BODY_BYTES`]: not even verified.
    #[error("the body is larger than is taken")]
    TooLarge,
    /// It does not compress to [`MAX_EVENT_MESSAGE_BYTES`].
    #[error("the request is genuine, but does not compress to what a message can hold")]
    Incompressible,
}

impl Refusal {
    /// Stable, for counters, logs and the quarantine.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rejected(rejection) => rejection.code(),
            Self::Malformed(_) => "malformed_webhook",
            Self::TooLarge | Self::Incompressible => "too_large",
        }
    }
}

/// What was found, and the source as it was when that was decided.
#[derive(Debug)]
pub struct Judged {
    pub source: Arc<LoadedSource>,
    pub outcome: Result<Genuine, Refusal>,
}

impl Intake {
    /// Judges a request that arrived at `now`. What a cached source refuses is judged once more by the source as it
    /// is now: a secret that was rotated in the last minute works at once.
    ///
    /// # Errors
    /// If the source has to be read again, and that fails or it is gone.
    pub async fn judge(
        &self,
        found: Found,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Judged, LoadError> {
        let Found { source, cached } = found;
        let outcome = self.judge_by(&source, request, now, now).await;
        let id = source.id();
        if outcome.is_ok() || !cached || self.reloads.get(id).is_some() {
            return Ok(Judged { source, outcome });
        }
        self.reloads.insert(id.clone(), ());
        let source = self.fresh_source(id).await?;
        let outcome = self.judge_by(&source, request, now, now).await;
        Ok(Judged { source, outcome })
    }

    /// `received_at` is what a signature's age is told by; `now` says which secrets are active.
    pub(crate) async fn judge_by(
        &self,
        source: &Arc<LoadedSource>,
        request: &Request<'_>,
        received_at: Timestamp,
        now: Timestamp,
    ) -> Result<Genuine, Refusal> {
        if request.body.len() > MAX_BODY_BYTES {
            return Err(Refusal::TooLarge);
        }
        let verified = self.verify(source, request, received_at, now).await.map_err(Refusal::Rejected)?;
        // Read once already now, so that the provider learns what can't be read. The consumer reads it for good.
        verified.notifications(source.settings()).map_err(Refusal::Malformed)?;
        let message = message(source, verified, received_at);
        if message.body.len() > MAX_EVENT_MESSAGE_BYTES {
            return Err(Refusal::Incompressible);
        }
        Ok(Genuine { source: Arc::clone(source), message })
    }

    /// Verifies, and fetches what that needs: a certificate, a key, an API's own verdict.
    async fn verify(
        &self,
        source: &LoadedSource,
        request: &Request<'_>,
        received_at: Timestamp,
        now: Timestamp,
    ) -> Result<Verified, Rejection> {
        let roots = self.roots.as_deref().map_or(Roots::Web, Roots::Only);
        let mut evidence = Evidence::new(source.credential(), roots);
        let secrets = source.secrets(now);
        for round in 0..=MAX_ROUNDS {
            let outcome =
                source.provider.verify_with(request, &secrets, source.settings(), &evidence, received_at)?;
            let needed = match outcome {
                Outcome::Verified(verified) => return Ok(verified),
                Outcome::Needs(needed) => needed,
            };
            if round == MAX_ROUNDS {
                break;
            }
            let id = needed.id.clone();
            let answer = self.fetch(source, needed).await.ok_or(Rejection::EvidenceUnavailable)?;
            evidence.add(id, answer);
        }
        tracing::error!(provider = source.provider.id(), "a verification does not come to an end");
        Err(Rejection::EvidenceUnavailable)
    }

    /// Queues what was proven genuine. Returns once SQS has confirmed it.
    ///
    /// # Errors
    /// If SQS did not: whether the event is queued is not known then. Queueing it again is harmless.
    pub async fn enqueue(&self, genuine: Genuine) -> Result<(), QueueError> {
        self.parts.events.send(genuine.message).await
    }
}

fn message(source: &LoadedSource, verified: Verified, received_at: Timestamp) -> Outgoing {
    let (meta, body) = verified.into_parts();
    let source = &source.source;
    let message = EventMessage {
        source: source.id.clone(),
        provider: source.provider.clone(),
        received_at,
        settings: source.settings.clone(),
        meta,
        body,
        fetch: source.api_credential.is_some(),
        confirmation: None,
    };
    Outgoing { body: message.encode(), delay: Duration::ZERO, group: source.id.to_string() }
}
