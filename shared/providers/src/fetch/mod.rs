//! The fetch-back lane: what a notification does not prove is asked of the provider's API.
//!
//! **Guarantee:** what is asked for is named by the notification, the address is ours: an id that is anything but
//! letters, digits, `_` and `-` is not asked for, since whoever can post a notification chooses it. An answer counts
//! only if it is about what was asked for. Facts come from the answer alone, never from the notification beside it.
//!
//! Asked are notifications whose signature does not cover what they say, or that say nothing but which object has
//! changed. A provider whose API is not in [`APIS`] is not asked: its notifications stay unverified. Those are
//! Chargebee (what it says is not about one payment), Nuvei, PhonePe and Xendit (their APIs name a payment by ids that
//! the notification does not carry, or only for some of their products).

mod formats;
mod mercadopago;
mod mollie;
mod stripe;

use crate::normalise::format::Format;
use crate::normalise::{self, interpret};
use crate::{ApiRequest, Covers, Malformed, Provider, Settings, Verified};
use data_encoding::BASE64;
use domain::{Currency, EventType, Fact, Notification};
use jiff::Timestamp;

/// One provider's API, as far as it is asked about payments.
#[derive(Debug)]
pub(crate) struct Api {
    provider: &'static str,
    /// The provider's page on the call.
    documentation: &'static str,
    /// Scheme and host. Keys that begin with the text in `sandbox` belong to the host there.
    origin: &'static str,
    sandbox: Option<(&'static str, &'static str)>,
    credential: CredentialForm,
    headers: &'static [(&'static str, &'static str)],
    question: Question,
    answer: AnswerForm,
}

/// How keys look, and how one is sent.
#[derive(Debug)]
struct CredentialForm {
    /// What they begin with, one of these; none: anything.
    prefixes: &'static [&'static str],
    sent: Sent,
}

#[derive(Debug)]
enum Sent {
    /// RFC 6750.
    Bearer,
    /// As it is, as the value of `authorization`.
    Bare,
    /// RFC 7617, as the user, without a password.
    BasicUser,
}

#[derive(Debug)]
enum Question {
    /// The notification's payment: its id between these two.
    Payment(&'static str, &'static str),
    Code(fn(&Verified) -> Option<Asked>),
}

#[derive(Debug)]
enum AnswerForm {
    /// The answer reads as a notification of this format does.
    Format(&'static Format<'static>),
    Code(fn(&Asked, &[u8]) -> Result<Fetched<Told>, FetchError>),
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    /// Path and query.
    path: String,
    /// The provider's name of the kind of object.
    kind: &'static str,
    id: String,
    headers: Vec<(&'static str, String)>,
}

/// What an answer says.
#[derive(Debug)]
struct Told {
    event_type: EventType,
    occurred_at: Option<Timestamp>,
    payment: Option<String>,
    amount: Option<i64>,
    currency: Option<Currency>,
    exponent: Option<u8>,
    facts: Vec<Fact>,
}

/// A question that a notification gives rise to.
#[derive(Debug, Clone)]
pub struct Fetch {
    api: &'static Api,
    asked: Asked,
}

/// What a good answer amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched<T = Notification> {
    Told(T),
    /// The provider does not know what was asked for, and says so in an answer that is not 404.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    #[error("the API's answer can't be read")]
    Unreadable(#[source] Malformed),
    #[error("the API's answer is about something else than was asked for")]
    OtherObject,
}

impl From<Malformed> for FetchError {
    fn from(malformed: Malformed) -> Self {
        Self::Unreadable(malformed)
    }
}

/// Why a text can't be a credential of a provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCredential {
    #[error("nothing is asked of this provider's API")]
    Unused,
    #[error("the credential is empty")]
    Empty,
    #[error("the credential has characters that no key has")]
    Characters,
    #[error("the credential must begin with one of: {}", .0.join(", "))]
    Prefix(&'static [&'static str]),
    #[error("the credential must be of the form `client_id:secret`")]
    Pair,
}

/// What a source's credential for the provider's API is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialUse {
    /// Without it nothing is verified, where it is needed.
    Verification(Needs),
    /// With it, what a notification does not prove is asked of the API; a source can do without.
    Confirmation,
}

/// When a source needs its credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    Always,
    /// When the setting has this value.
    If(&'static str, &'static str),
}

/// Providers whose API is asked while a webhook is verified, with a client id and a secret.
const VERIFYING: &[(&str, Needs)] = &[("paypal", Needs::If("verification", "api")), ("plaid", Needs::Always)];

const APIS: &[&Api] = &[
    &stripe::API,
    &mollie::API,
    &mercadopago::API,
    &formats::MIDTRANS,
    &formats::OPENNODE,
    &formats::FLUTTERWAVE,
];

impl Provider {
    /// What a source's credential for the provider's API is for; `None` where none is taken.
    pub fn credential_use(&self) -> Option<CredentialUse> {
        match VERIFYING.iter().find(|(id, _)| *id == self.id()) {
            Some((_, when)) => Some(CredentialUse::Verification(*when)),
            None => self.api().map(|_| CredentialUse::Confirmation),
        }
    }

    /// Whether a source with these settings refuses every webhook until it has a credential.
    pub fn needs_api_credential(&self, settings: &Settings) -> bool {
        match self.credential_use() {
            Some(CredentialUse::Verification(Needs::Always)) => true,
            Some(CredentialUse::Verification(Needs::If(name, value))) => {
                settings.get(name).is_some_and(|chosen| chosen == value)
            }
            Some(CredentialUse::Confirmation) | None => false,
        }
    }

    /// Whether what its notifications do not prove can be asked of its API, given a credential.
    pub fn confirms(&self) -> bool {
        self.api().is_some()
    }

    /// The provider's page on the call by which notifications are confirmed.
    pub fn confirmation_documentation(&self) -> Option<&'static str> {
        self.api().map(|api| api.documentation)
    }

    /// Whether `text` can be a key for the provider's API.
    pub fn check_api_credential(&self, text: &str) -> Result<(), InvalidCredential> {
        let is_pair = matches!(self.credential_use(), Some(CredentialUse::Verification(_)));
        let prefixes = self.api().map_or(&[][..], |api| api.credential.prefixes);
        if self.api().is_none() && !is_pair {
            Err(InvalidCredential::Unused)
        } else if text.is_empty() {
            Err(InvalidCredential::Empty)
        } else if !text.bytes().all(|b| b.is_ascii_graphic()) {
            Err(InvalidCredential::Characters)
        } else if is_pair
            && !text.split_once(':').is_some_and(|(id, secret)| !id.is_empty() && !secret.is_empty())
        {
            Err(InvalidCredential::Pair)
        } else if !prefixes.is_empty() && !prefixes.iter().any(|prefix| text.starts_with(prefix)) {
            Err(InvalidCredential::Prefix(prefixes))
        } else {
            Ok(())
        }
    }

    fn api(&self) -> Option<&'static Api> {
        APIS.iter().copied().find(|api| api.provider == self.id())
    }
}

impl Verified {
    /// What has to be asked of the provider's API before `notification`, which is one of this request's, may move
    /// money. `None` where the signature proves what it says, and where nothing can be asked.
    pub fn fetch(&self, notification: &Notification) -> Option<Fetch> {
        let api = self.provider().api()?;
        let asked = match api.question {
            Question::Code(asked) => asked(self)?,
            Question::Payment(..) if self.covers() != Covers::None => return None,
            Question::Payment(before, after) => {
                let id = notification.provider_payment_id.as_deref().filter(|id| is_plain(id))?;
                let path = format!("{before}{id}{after}");
                Asked { path, kind: "payment", id: id.to_owned(), headers: Vec::new() }
            }
        };
        Some(Fetch { api, asked })
    }

    /// What the answer to [`Verified::fetch`] says, under the name that `notification` has: with its dedupe key, ids
    /// and type, and with the answer's facts.
    ///
    /// # Errors
    /// [`FetchError`]: the answer is not what the API's documentation says. Asking again may help.
    pub fn fetched(
        &self,
        fetch: &Fetch,
        notification: &Notification,
        answer: &[u8],
        settings: &Settings,
    ) -> Result<Fetched, FetchError> {
        let fetched = match fetch.api.answer {
            AnswerForm::Code(read) => read(&fetch.asked, answer)?,
            AnswerForm::Format(format) => {
                let answer = Self::from_parts(self.meta().clone(), answer.to_vec());
                read_format(format, &fetch.asked, &answer, settings)?
            }
        };
        Ok(match fetched {
            Fetched::Unknown => Fetched::Unknown,
            Fetched::Told(told) => Fetched::Told(normalise::within_limits(Notification {
                event_type: told.event_type,
                // An answer is at least as young as the notification that made us ask, if that has proven its time.
                occurred_at: told
                    .occurred_at
                    .max(notification.occurred_at.filter(|_| self.covers() != Covers::None)),
                provider_payment_id: told.payment,
                amount: told.amount,
                currency: told.currency,
                exponent: told.exponent,
                facts: told.facts,
                ..notification.clone()
            })),
        })
    }
}

impl Fetch {
    /// The call. `credential` goes into it as it is.
    pub fn request(&self, credential: &str) -> ApiRequest {
        let origin = match self.api.sandbox {
            Some((prefix, origin)) if credential.starts_with(prefix) => origin,
            _ => self.api.origin,
        };
        let authorization = match self.api.credential.sent {
            Sent::Bearer => format!("Bearer {credential}"),
            Sent::Bare => credential.to_owned(),
            Sent::BasicUser => format!("Basic {}", BASE64.encode(format!("{credential}:").as_bytes())),
        };
        let mut request = ApiRequest::get(format!("{origin}{}", self.asked.path))
            .with_header("authorization", authorization)
            .with_header("accept", "application/json".to_owned());
        for (name, value) in self.api.headers {
            request = request.with_header(name, (*value).to_owned());
        }
        for (name, value) in &self.asked.headers {
            request = request.with_header(name, value.clone());
        }
        request
    }
}

fn read_format(
    format: &'static Format<'static>,
    asked: &Asked,
    answer: &Verified,
    settings: &Settings,
) -> Result<Fetched<Told>, FetchError> {
    let mut read = interpret::notifications(format, answer, settings)?;
    let told = read.pop().filter(|_| read.is_empty()).ok_or(FetchError::OtherObject)?;
    if told.provider_type.ends_with(formats::UNKNOWN) {
        return Ok(Fetched::Unknown);
    }
    if told.provider_payment_id.as_ref() != Some(&asked.id) {
        return Err(FetchError::OtherObject);
    }
    Ok(Fetched::Told(Told {
        event_type: told.event_type,
        occurred_at: told.occurred_at,
        payment: told.provider_payment_id,
        amount: told.amount,
        currency: told.currency,
        exponent: told.exponent,
        facts: told.facts,
    }))
}

/// Whether an id can stand in a path without meaning anything else there. No provider here has others.
fn is_plain(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

#[cfg(test)]
mod tests;
