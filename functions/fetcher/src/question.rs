//! One message: from the question to what follows from its answer.

use crate::source::{self, Account, AccountError};
use crate::verdict::{self, Verdict};
use crate::{Deps, MAX_ATTEMPTS, delay_after};
use aws_lambda_events::sqs::SqsMessage;
use domain::{Notification, SourceId};
use providers::{ApiMethod, ApiRequest, Fetch, Verified};
use queue::{Confirmation, Disposition, EventMessage, FetchMessage, Outgoing, QueueError};
use relay::{ApiCall, ApiResponse, HeaderName, HeaderValue, Method, SendError, Url};
use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Keeps the calls for one source apart.
pub(crate) struct Pace {
    spacing: Duration,
    next: HashMap<SourceId, Instant>,
}

impl Pace {
    pub(crate) fn new(spacing: Duration) -> Self {
        Self { spacing, next: HashMap::new() }
    }

    async fn wait(&mut self, source: &SourceId) {
        if let Some(next) = self.next.get(source) {
            sleep_until(*next).await;
        }
        self.next.insert(source.clone(), Instant::now() + self.spacing);
    }
}

/// Why nothing was asked, or what was answered is not in a queue yet.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the message is not a question about its webhook")]
    NoQuestion,
    #[error("the question can't be sent: its URL or a header is not valid")]
    NotSendable,
    #[error(transparent)]
    Message(#[from] queue::Undecodable),
    #[error(transparent)]
    Payload(#[from] providers::Malformed),
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl Failure {
    fn is_lasting(&self) -> bool {
        match self {
            Self::NoQuestion | Self::NotSendable | Self::Message(_) | Self::Payload(_) => true,
            Self::Account(error) => error.is_lasting(),
            Self::Queue(_) => false,
        }
    }
}

pub(crate) async fn handle(deps: &Deps, pace: &mut Pace, message: &SqsMessage) -> Disposition {
    match ask(deps, pace, message.body.as_deref().unwrap_or_default()).await {
        Ok(disposition) => disposition,
        Err(failure) => {
            tracing::warn!(error = &failure as &dyn Error, "a provider's API could not be asked");
            let reason = failure.to_string();
            if failure.is_lasting() {
                Disposition::DeadLetter { reason }
            } else {
                Disposition::Retry { reason }
            }
        }
    }
}

/// A question that has been taken apart.
struct Question {
    message: FetchMessage,
    verified: Verified,
    notification: Notification,
    fetch: Fetch,
}

impl Question {
    fn decode(body: &str) -> Result<Self, Failure> {
        let message = FetchMessage::decode(body)?;
        let webhook = &message.webhook;
        let verified = Verified::from_parts(webhook.meta.clone(), webhook.body.clone());
        let notifications = verified.notifications(&webhook.settings)?;
        let is_meant = |notification: &Notification| message.event.is_of(&webhook.source, notification);
        let notification = notifications.into_iter().find(is_meant).ok_or(Failure::NoQuestion)?;
        let fetch = verified.fetch(&notification).ok_or(Failure::NoQuestion)?;
        Ok(Self { message, verified, notification, fetch })
    }

    fn source(&self) -> &SourceId {
        &self.message.webhook.source
    }
}

async fn ask(deps: &Deps, pace: &mut Pace, body: &str) -> Result<Disposition, Failure> {
    let question = Question::decode(body)?;
    let (account, cached) = source::find(deps, question.source()).await?;
    let (mut answered, mut verdict) = call(deps, pace, &question, &account).await?;
    if cached && matches!(verdict, Verdict::Refused { .. }) {
        let fresh = source::load(deps, question.source()).await?;
        if !fresh.has_same_credential(&account) {
            (answered, verdict) = call(deps, pace, &question, &fresh).await?;
        }
    }
    let (event, attempt) = (&question.message.event, question.message.attempt);
    match verdict {
        Verdict::Told => {
            let answer = answered.map(|response| response.body.to_vec()).ok();
            confirm(deps, question.message, answer).await?;
            Ok(Disposition::Done)
        }
        Verdict::Unknown => {
            tracing::warn!(%event, "the provider does not know what an event names");
            confirm(deps, question.message, None).await?;
            Ok(Disposition::Done)
        }
        Verdict::Again { reason, after } => match delay_after(attempt, after) {
            Some(delay) => {
                tracing::info!(%event, attempt, reason, "a provider's API will be asked again");
                again(deps, question.message, delay).await?;
                Ok(Disposition::Done)
            }
            None => {
                let reason = format!("given up after {MAX_ATTEMPTS} calls: {reason}");
                Ok(Disposition::DeadLetter { reason })
            }
        },
        Verdict::Refused { reason } | Verdict::Hopeless { reason } => Ok(Disposition::DeadLetter { reason }),
    }
}

type Answered = Result<ApiResponse, SendError>;

async fn call(
    deps: &Deps,
    pace: &mut Pace,
    question: &Question,
    account: &Account,
) -> Result<(Answered, Verdict), Failure> {
    let call = api_call(question.fetch.request(account.credential())).ok_or(Failure::NotSendable)?;
    pace.wait(question.source()).await;
    // Boxed: the futures of the HTTP client are deep, and a compiler has its limits.
    let answered = Box::pin(deps.client.call(call)).await;
    let Question { message, verified, notification, fetch } = question;
    let read = |body: &[u8]| verified.fetched(fetch, notification, body, &message.webhook.settings);
    let verdict = verdict::judge(&answered, read, message.attempt, deps.clock.now());
    Ok((answered, verdict))
}

/// `None` for a credential that no header can hold.
fn api_call(request: ApiRequest) -> Option<ApiCall> {
    let mut headers = Vec::with_capacity(request.headers.len());
    for (name, value) in request.headers {
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(name == "authorization");
        headers.push((HeaderName::from_static(name), value));
    }
    let method = match request.method {
        ApiMethod::Get => Method::Get,
        ApiMethod::Post => Method::Post,
    };
    Some(ApiCall { method, url: Url::parse(&request.url).ok()?, headers, body: request.body.into() })
}

/// Sends the answer to the consumer, with the webhook that it is about.
async fn confirm(deps: &Deps, message: FetchMessage, answer: Option<Vec<u8>>) -> Result<(), QueueError> {
    let confirmation = Some(Confirmation { event: message.event, at: deps.clock.now(), answer });
    let webhook = EventMessage { confirmation, ..message.webhook };
    let group = webhook.source.to_string();
    deps.events.send(Outgoing { body: webhook.encode(), delay: Duration::ZERO, group }).await
}

async fn again(deps: &Deps, message: FetchMessage, delay: Duration) -> Result<(), QueueError> {
    let message = FetchMessage { attempt: message.attempt + 1, ..message };
    let group = message.webhook.source.to_string();
    deps.fetches.send(Outgoing { body: message.encode(), delay, group }).await
}
