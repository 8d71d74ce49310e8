//! One message: from the question to what follows from its answer.

use crate::schedule::{MAX_DEFERRALS, deferral};
use crate::source::{self, Account, AccountError};
use crate::verdict::{self, Verdict};
use crate::{CAPPED, Deps, FRESH_AFTER, MAX_ATTEMPTS, delay_after};
use aws_lambda_events::sqs::SqsMessage;
use domain::{DeadLetterReason, Notification, PaymentId, SourceId};
use providers::{ApiMethod, ApiRequest, Fetch, Verified};
use queue::{
    Confirmation, Disposition, EventMessage, FetchMessage, MAX_MESSAGE_BYTES, MAX_RECEIVE_COUNT, Outgoing,
    QueueError, Reply, receive_count,
};
use relay::{ApiCall, ApiResponse, HeaderName, HeaderValue, Method, SendError, Url};
use std::error::Error;
use std::time::Duration;

/// Why nothing was asked, or what was answered is not in a queue yet.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the message is not a question about its webhook")]
    NoQuestion,
    #[error("the question can't be sent: its URL or a header is not valid")]
    NotSendable,
    #[error("the webhook and the answer of the provider's API do not fit into one message")]
    TooLarge,
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
    /// Why no later try can end otherwise; `None` if one can.
    fn lasting(&self) -> Option<DeadLetterReason> {
        match self {
            Self::NoQuestion | Self::NotSendable | Self::Message(_) | Self::Payload(_) => {
                Some(DeadLetterReason::Unreadable)
            }
            Self::TooLarge => Some(DeadLetterReason::TooLarge),
            Self::Account(error) => error.is_lasting().then_some(DeadLetterReason::Refused),
            Self::Queue(error) => error.is_lasting().then_some(DeadLetterReason::TooLarge),
        }
    }
}

pub(crate) async fn handle(deps: &Deps, message: &SqsMessage) -> Disposition {
    let question = match Question::decode(message.body.as_deref().unwrap_or_default()) {
        Ok(question) => question,
        Err(failure) => {
            tracing::warn!(error = &failure as &dyn Error, "a question to a provider's API can't be read");
            let error = failure.to_string();
            return Disposition::DeadLetter { reason: DeadLetterReason::Unreadable, error };
        }
    };
    let FetchMessage { event, attempt, webhook, .. } = &question.message;
    let EventMessage { source, provider, .. } = webhook;
    let disposition = ask(deps, &question).await.unwrap_or_else(|failure| {
        let error = &failure as &dyn Error;
        tracing::warn!(error, %event, %source, provider, attempt, "a provider's API could not be asked");
        match failure.lasting() {
            Some(reason) => Disposition::DeadLetter { reason, error: failure.to_string() },
            None => Disposition::Retry { reason: failure.to_string() },
        }
    });
    let reason = match &disposition {
        Disposition::DeadLetter { error, .. } => error,
        Disposition::Retry { reason } if receive_count(message) >= MAX_RECEIVE_COUNT => reason,
        Disposition::Retry { .. } | Disposition::Done => return disposition,
    };
    tracing::warn!(%event, %source, provider, attempt, reason, "a provider's API gave no answer about an event");
    // Before the dead letter is made: whoever sees the event learns that nobody is asking any more.
    match answer(deps, &question, Reply::Unusable).await {
        Ok(()) => disposition,
        // The last of its tries makes it a dead letter all the same.
        Err(error) => {
            let error = &error as &dyn Error;
            tracing::warn!(error, %event, %source, provider, attempt, "an event still seems to be asked about");
            Disposition::Retry { reason: reason.clone() }
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

async fn ask(deps: &Deps, question: &Question) -> Result<Disposition, Failure> {
    if must_wait(deps, question).await {
        let FetchMessage { event, deferred, webhook, .. } = &question.message;
        let (source, provider) = (question.source(), webhook.provider.as_str());
        deps.metrics.count_often(CAPPED, &[("provider", provider)]);
        tracing::info!(%event, %source, provider, deferred, reason = "question_capped", "a question is put off");
        let message = FetchMessage { deferred: deferred + 1, ..question.message.clone() };
        queue_again(deps, &message, deferral(event, *deferred)).await?;
        return Ok(Disposition::Done);
    }
    let (account, cached) = source::find(deps, question.source()).await?;
    let (mut answered, mut verdict) = call(deps, question, &account).await?;
    if cached && matches!(verdict, Verdict::Refused { .. }) {
        let fresh = source::load(deps, question.source()).await?;
        if !fresh.has_same_credential(&account) {
            (answered, verdict) = call(deps, question, &fresh).await?;
        }
    }
    let FetchMessage { event, attempt, webhook, .. } = &question.message;
    let EventMessage { source, provider, .. } = webhook;
    match verdict {
        Verdict::Told => {
            let told = answered.map_or(Reply::Unusable, |response| Reply::Answer(response.body.to_vec()));
            answer(deps, question, told).await?;
            Ok(Disposition::Done)
        }
        Verdict::Unknown => {
            tracing::warn!(
                %event, %source, provider, attempt, "the provider does not know what an event names"
            );
            answer(deps, question, Reply::Unknown).await?;
            Ok(Disposition::Done)
        }
        Verdict::Again { reason, after } => match delay_after(*attempt, after) {
            Some(delay) => {
                tracing::info!(
                    %event, %source, provider, attempt, reason, "a provider's API will be asked again"
                );
                again(deps, &question.message, delay).await?;
                Ok(Disposition::Done)
            }
            None => {
                let error = format!("given up after {MAX_ATTEMPTS} calls: {reason}");
                Ok(Disposition::DeadLetter { reason: DeadLetterReason::Unanswered, error })
            }
        },
        Verdict::Refused { reason: error } | Verdict::Hopeless { reason: error } => {
            Ok(Disposition::DeadLetter { reason: DeadLetterReason::Refused, error })
        }
    }
}

/// Whether a first question has to make room. Those about a payment that is known are few, and genuine as a rule: a forger
/// would have to know its id.
async fn must_wait(deps: &Deps, question: &Question) -> bool {
    let FetchMessage { attempt, deferred, .. } = question.message;
    if attempt > 1 || deferred >= MAX_DEFERRALS || deps.pace.takes(question.source()) {
        return false;
    }
    let Some(payment) = &question.notification.provider_payment_id else { return true };
    let payment = PaymentId::derive(question.source(), payment);
    !Box::pin(deps.store.is_known(&payment)).await.unwrap_or_else(|error| {
        let error = &error as &dyn Error;
        tracing::error!(error, %payment, "a payment can't be looked up: a question about it waits like an unknown one's");
        false
    })
}

type Answered = Result<ApiResponse, SendError>;

async fn call(deps: &Deps, question: &Question, account: &Account) -> Result<(Answered, Verdict), Failure> {
    let call = api_call(question.fetch.request(account.credential())).ok_or(Failure::NotSendable)?;
    let answered = match fresh_answer(deps, question, &call) {
        Some(answer) => Ok(answer),
        None => call_anew(deps, question, call).await,
    };
    let Question { message, verified, notification, fetch } = question;
    let read = |body: &[u8]| verified.fetched(fetch, notification, body, &message.webhook.settings);
    let verdict = verdict::judge(&answered, read, message.attempt, deps.clock.now());
    Ok((answered, verdict))
}

/// The answer of a call that began after this question's webhook had come: it tells what that was about as well.
fn fresh_answer(deps: &Deps, question: &Question, call: &ApiCall) -> Option<ApiResponse> {
    // A later attempt asks again because the last answer was of no use: it needs a new one.
    let key = answer_key(question, call).filter(|_| question.message.attempt == 1)?;
    let (asked_at, answer) = deps.answers.get(&key)?;
    let age = asked_at.duration_since(question.message.webhook.received_at);
    (age >= FRESH_AFTER).then_some(answer)
}

async fn call_anew(deps: &Deps, question: &Question, call: ApiCall) -> Answered {
    deps.pace.wait(question.source()).await;
    let (key, asked_at) = (answer_key(question, &call), deps.clock.now());
    // Boxed: the futures of the HTTP client are deep, and a compiler has its limits.
    let answered = Box::pin(deps.client.call(call)).await;
    if let (Some(key), Ok(answer)) = (key, &answered)
        && matches!(answer.status, 200..=299 | 404 | 410)
    {
        deps.answers.insert(key, (asked_at, answer.clone()));
    }
    answered
}

/// A GET is its address. The few POSTs say in their bodies what is asked.
fn answer_key(question: &Question, call: &ApiCall) -> Option<(SourceId, String)> {
    call.body.is_empty().then(|| (question.source().clone(), call.url.to_string()))
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

/// Sends what came of the question to the consumer, with the webhook that it is about.
async fn answer(deps: &Deps, question: &Question, reply: Reply) -> Result<(), Failure> {
    let FetchMessage { event, webhook, .. } = question.message.clone();
    let confirmation = Some(Confirmation { event, at: deps.clock.now(), reply });
    let webhook = EventMessage { confirmation, ..webhook };
    let group = webhook.source.to_string();
    let body = webhook.encode();
    if body.len() > MAX_MESSAGE_BYTES {
        return Err(Failure::TooLarge);
    }
    Ok(deps.events.send(Outgoing { body, delay: Duration::ZERO, group }).await?)
}

async fn again(deps: &Deps, message: &FetchMessage, delay: Duration) -> Result<(), QueueError> {
    let message = FetchMessage { attempt: message.attempt + 1, ..message.clone() };
    queue_again(deps, &message, delay).await
}

async fn queue_again(deps: &Deps, message: &FetchMessage, delay: Duration) -> Result<(), QueueError> {
    let group = message.webhook.source.to_string();
    deps.fetches.send(Outgoing { body: message.encode(), delay, group }).await
}
