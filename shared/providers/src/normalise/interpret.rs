//! Reads payloads by their [`Format`].

use super::document::Document;
use super::format::{Amount, AmountUnit, At, Body, Clock, Format, Meaning, Named, Subject};
use super::{Malformed, exponent, operation};
use crate::json::Object;
use crate::verify::form;
use crate::verify::minify::minify;
use crate::{Settings, Verified};
use data_encoding::{BASE64, HEXLOWER};
use domain::{
    CONTENT_KEY, Currency, DisputeStage, EventType, Fact, Notification, OperationKind, OperationState,
    VoidCause, decimal_to_minor,
};
use jiff::{Timestamp, civil, tz};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

pub(crate) fn notifications(
    format: &Format<'_>,
    verified: &Verified,
    settings: &Settings,
) -> Result<Vec<Notification>, Malformed> {
    let decoded = match format.body {
        Body::Json | Body::Form => Cow::Borrowed(verified.body()),
        Body::JsonInBase64(member) => {
            let text = Object::parse(verified.body(), "body")?
                .text(member)
                .ok_or_else(|| Malformed::at(member, "is missing"))?
                .into_owned();
            let decoded = BASE64.decode(text.as_bytes());
            Cow::Owned(decoded.map_err(|_| Malformed::at(member, "is not base64"))?)
        }
        Body::XmlInForm(field) => Cow::Owned(base64_field(verified.body(), field)?),
    };
    let document = Document::parse(format.body, &decoded, "body")?;
    let read = |document| Reader { format, verified, settings, document }.notification();
    let Some(list) = format.list else { return Ok(vec![read(document)?]) };
    let elements = document.list(list)?;
    if elements.is_empty() {
        return Err(Malformed::at(list, "is missing or empty"));
    }
    elements
        .into_iter()
        .map(|element| read(Document::parse(format.body, element.get().as_bytes(), list)?))
        .collect()
}

/// Braintree's base64 has a line feed after every 60 characters.
fn base64_field(form: &[u8], field: &str) -> Result<Vec<u8>, Malformed> {
    let text = form::field(form, field).map_err(|_| Malformed::at(field, "can't be read"))?;
    let text = text.ok_or_else(|| Malformed::at(field, "is missing"))?.replace('\n', "");
    BASE64.decode(text.as_bytes()).map_err(|_| Malformed::at(field, "is not base64"))
}

struct Reader<'a> {
    format: &'a Format<'a>,
    verified: &'a Verified,
    settings: &'a Settings,
    document: Document<'a>,
}

impl<'a> Reader<'a> {
    fn notification(&self) -> Result<Notification, Malformed> {
        let provider_type = self.needed(self.format.kind, ".")?;
        let dedupe_key = self.needed(self.format.key, ":")?;
        let mut notification = Notification {
            dedupe_key,
            provider_event_id: self.first(self.format.event_id)?,
            provider_type,
            event_type: EventType::ProviderOther,
            occurred_at: self.occurred_at()?,
            version: None,
            provider_payment_id: None,
            object_id: None,
            amount: None,
            currency: None,
            exponent: None,
            facts: Vec::new(),
        };
        match self.meaning(&notification.provider_type)? {
            Some((subject, meaning)) => self.tell(subject, meaning, &mut notification)?,
            None => notification.object_id = self.first(self.format.object)?,
        }
        Ok(notification)
    }

    fn meaning(&self, provider_type: &str) -> Result<Option<(&'a Subject<'a>, Meaning)>, Malformed> {
        for subject in self.format.subjects {
            let status = self.joined(subject.status, ".")?.unwrap_or_default();
            let rule = subject.rules.iter().find(|(wanted_type, wanted_status, _)| {
                (*wanted_type == "*" || *wanted_type == provider_type)
                    && (wanted_status.is_empty() || *wanted_status == status)
            });
            if let Some((.., meaning)) = rule {
                return Ok(Some((subject, *meaning)));
            }
        }
        Ok(None)
    }

    fn tell(
        &self,
        subject: &'a Subject<'a>,
        meaning: Meaning,
        notification: &mut Notification,
    ) -> Result<(), Malformed> {
        let payment = self.first(subject.payment)?;
        let operation = self.first(subject.operation)?;
        notification.event_type = event_type(meaning);
        notification.object_id = self
            .first(subject.object)?
            .or_else(|| operation.clone())
            .filter(|id| Some(id) != payment.as_ref());
        let currency = self.currency(subject)?;
        notification.exponent = match &currency {
            Some(currency) => exponent(currency, self.format.exponents),
            None => self.format.unnamed_exponent,
        };
        notification.currency = currency;
        notification.amount = self.amount(subject.amount, notification.exponent)?;
        if let Some(payment) = &payment {
            let said = Said {
                payment,
                operation: operation.as_deref(),
                // An amount below zero is shown, but is nothing that our sums could add up.
                amount: notification.amount.filter(|amount| *amount >= 0),
                requested: self.amount(subject.requested, notification.exponent)?,
                refunded: self.amount(subject.refunded, notification.exponent)?,
                reference: self.first(subject.reference)?,
            };
            notification.facts = said.facts(meaning);
        }
        notification.provider_payment_id = payment;
        Ok(())
    }

    /// The first alternative whose parts are all there.
    fn needed(&self, alternatives: &'a [&'a [At<'a>]], separator: &str) -> Result<String, Malformed> {
        for parts in alternatives {
            if let Some(text) = self.joined(parts, separator)?.filter(|text| !text.is_empty()) {
                return Ok(text);
            }
        }
        // The first alternative is the usual one, so what it lacks is the one to name.
        let name = alternatives.iter().copied().flatten().find_map(|at| match at {
            At::Body(path) | At::After(_, path) | At::Header(path) => Some(*path),
            _ => None,
        });
        Err(Malformed::at(name.unwrap_or_default(), "is missing"))
    }

    /// `None` where a part is absent.
    fn joined(&self, parts: &'a [At<'a>], separator: &str) -> Result<Option<String>, Malformed> {
        let mut joined = String::new();
        for (index, at) in parts.iter().enumerate() {
            let Some(text) = self.text(at)? else { return Ok(None) };
            if index > 0 {
                joined.push_str(separator);
            }
            joined.push_str(&text);
        }
        Ok(Some(joined))
    }

    fn first(&self, places: &'a [At<'a>]) -> Result<Option<String>, Malformed> {
        for at in places {
            if let Some(text) = self.text(at)? {
                return Ok(Some(text.into_owned()));
            }
        }
        Ok(None)
    }

    fn text(&self, at: &'a At<'a>) -> Result<Option<Cow<'a, str>>, Malformed> {
        Ok(match at {
            At::Body(path) => self.document.text(path)?,
            At::Header(name) => {
                self.verified.header(name).filter(|value| !value.is_empty()).map(Cow::Borrowed)
            }
            At::HeaderAmong(name, known) => {
                let value = self.verified.header(name).unwrap_or_default();
                Some(Cow::Borrowed(if known.contains(&value) { value } else { "" }))
            }
            At::Token(name) => self
                .verified
                .header(name)
                .and_then(|token| token.rsplit_once('.'))
                .map(|(signed, _)| signed.into()),
            At::Is(text) => Some(Cow::Borrowed(text)),
            At::If(path, text) => self.document.has(path)?.then_some(Cow::Borrowed(*text)),
            At::After(before, path) => {
                self.document.text(path)?.map(|text| Cow::Owned(format!("{before}{text}")))
            }
            At::Link(path, rel) => self.document.link(path, rel)?.map(Cow::Owned),
            At::FieldSha256(field) => form::field(self.verified.body(), field)
                .map_err(|_| Malformed::at(field, "can't be read"))?
                .map(|text| content_key(text.trim_end_matches('\n').as_bytes())),
            At::BodySha256 => Some(content_key(self.verified.body())),
            At::MinifiedSha256 => {
                let json = minify(self.verified.body());
                json.map(|json| content_key(json.as_ref()))
            }
            At::Arrival => self.verified.window().map(|at| Cow::Owned(at.to_string())),
        })
    }

    /// A time that can't be read counts as absent.
    fn occurred_at(&self) -> Result<Option<Timestamp>, Malformed> {
        for (at, clock) in self.format.time {
            if let Some(time) = self.text(at)?.and_then(|text| timestamp(&text, *clock)) {
                return Ok(Some(time));
            }
        }
        Ok(None)
    }

    fn currency(&self, subject: &'a Subject<'a>) -> Result<Option<Currency>, Malformed> {
        let code = match subject.currency {
            Named::Nowhere => None,
            Named::Always(code) => Some(Cow::Borrowed(code)),
            Named::Setting(name) => self.setting(name),
            Named::At(paths) => self.first_text(paths)?,
            Named::AtOrSetting(paths, name) => self.first_text(paths)?.or_else(|| self.setting(name)),
        };
        Ok(code.and_then(|code| code.parse().ok()))
    }

    fn setting(&self, name: &str) -> Option<Cow<'a, str>> {
        self.settings.get(name).map(|value| Cow::Borrowed(value.as_str()))
    }

    fn first_text(&self, paths: &'a [&'a str]) -> Result<Option<Cow<'a, str>>, Malformed> {
        for path in paths {
            if let Some(text) = self.document.text(path)? {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    /// `None` where the payload does not say, or where a decimal's currency has no exponent that we know.
    fn amount(&self, amount: Amount<'a>, exponent: Option<u8>) -> Result<Option<i64>, Malformed> {
        match amount {
            Amount::Absent => Ok(None),
            Amount::First(paths) => {
                for path in paths {
                    if let Some(text) = self.document.text(path)? {
                        return self.minor(&text, path, exponent);
                    }
                }
                Ok(None)
            }
            Amount::Unsigned(paths) => {
                let amount = self.amount(Amount::First(paths), exponent)?;
                Ok(amount.and_then(i64::checked_abs))
            }
            Amount::Sum(paths) => {
                let mut amounts = Vec::new();
                for path in paths {
                    if let Some(text) = self.document.text(path)? {
                        amounts.push((self.minor(&text, path, exponent)?, *path));
                    }
                }
                total(&amounts)
            }
            Amount::Each(list, path) => {
                let mut amounts = Vec::new();
                for element in self.document.list(list)? {
                    let element = Document::parse(Body::Json, element.get().as_bytes(), list)?;
                    if let Some(text) = element.text(path)? {
                        amounts.push((self.minor(&text, path, exponent)?, path));
                    }
                }
                total(&amounts)
            }
        }
    }

    fn minor(&self, text: &str, path: &str, exponent: Option<u8>) -> Result<Option<i64>, Malformed> {
        match (self.format.unit, exponent) {
            // A minor unit has no digits after the point, whatever its currency; `100.0` is an integer all the same.
            (AmountUnit::Minor, _) => decimal_to_minor(text, 0).map(Some),
            (AmountUnit::Major, Some(exponent)) => decimal_to_minor(text, exponent).map(Some),
            (AmountUnit::Major, None) => return Ok(None),
        }
        .map_err(|_| Malformed::at(path, "is not an amount of its currency"))
    }
}

fn content_key(signed: &[u8]) -> Cow<'static, str> {
    Cow::Owned(format!("{CONTENT_KEY}{}", HEXLOWER.encode(&Sha256::digest(signed))))
}

/// `None` for no amounts at all, or one that is not known.
fn total(amounts: &[(Option<i64>, &str)]) -> Result<Option<i64>, Malformed> {
    let mut total = None;
    for (amount, path) in amounts {
        let Some(amount) = amount else { return Ok(None) };
        let sum = total.unwrap_or(0i64).checked_add(*amount);
        total = Some(sum.ok_or_else(|| Malformed::at(path, "is too large"))?);
    }
    Ok(total)
}

fn timestamp(text: &str, clock: Clock<'_>) -> Option<Timestamp> {
    match clock {
        Clock::Rfc3339 => text.parse().ok(),
        // Zero is how providers write that there is no time (Rapyd does), not the year 1970.
        Clock::Seconds | Clock::Milliseconds if text == "0" => None,
        Clock::Seconds => Timestamp::from_second(text.parse().ok()?).ok(),
        Clock::Milliseconds => Timestamp::from_millisecond(text.parse().ok()?).ok(),
        Clock::Local(form, hours) => {
            tz::offset(hours).to_timestamp(civil::DateTime::strptime(form, text).ok()?).ok()
        }
    }
}

fn event_type(meaning: Meaning) -> EventType {
    match meaning {
        Meaning::Created => EventType::PaymentCreated,
        Meaning::RequiresAction => EventType::PaymentRequiresAction,
        Meaning::Processing => EventType::PaymentProcessing,
        Meaning::Authorized => EventType::PaymentAuthorized,
        Meaning::Failed | Meaning::CaptureFailed | Meaning::CaptureReversed | Meaning::Returned => {
            EventType::PaymentFailed
        }
        Meaning::Paid | Meaning::Captured | Meaning::CaptureTotal => EventType::PaymentCaptured,
        Meaning::Canceled | Meaning::Undone => EventType::PaymentCanceled,
        Meaning::Expired => EventType::PaymentExpired,
        Meaning::Refund(OperationState::Succeeded) | Meaning::RefundTotal => EventType::RefundSucceeded,
        Meaning::Refund(OperationState::Failed) => EventType::RefundFailed,
        Meaning::Refund(OperationState::Reversed) => EventType::RefundReversed,
        Meaning::Refund(_) => EventType::RefundPending,
        Meaning::Dispute(None, _) => EventType::DisputeUpdated,
        Meaning::Dispute(Some(DisputeStage::Warning), _) => EventType::DisputeWarning,
        Meaning::Dispute(Some(DisputeStage::Open), _) => EventType::DisputeOpened,
        Meaning::Dispute(Some(DisputeStage::Won), _) => EventType::DisputeWon,
        Meaning::Dispute(Some(DisputeStage::Lost), _) => EventType::DisputeLost,
        Meaning::Test => EventType::SourceTest,
        Meaning::Mention => EventType::ProviderOther,
    }
}

/// What a notification says of a payment.
struct Said<'a> {
    payment: &'a str,
    operation: Option<&'a str>,
    amount: Option<i64>,
    requested: Option<i64>,
    refunded: Option<i64>,
    reference: Option<String>,
}

impl Said<'_> {
    fn facts(self, meaning: Meaning) -> Vec<Fact> {
        use OperationKind::{Authorization, Capture, Refund};
        use OperationState::{Failed, Pending, RequiresAction, Reversed, Succeeded, Unknown};
        let (payment, amount) = (self.payment, self.amount);
        let authorization = |state, amount| operation(Authorization, payment, state, amount);
        // A payment without captures of its own has one, which is the payment.
        let capture = |state| operation(Capture, self.operation.unwrap_or(payment), state, amount);
        let about_payment = match meaning {
            Meaning::Created => vec![authorization(Unknown, None)],
            Meaning::RequiresAction => vec![authorization(RequiresAction, None)],
            Meaning::Processing => vec![authorization(Pending, None)],
            Meaning::Authorized => vec![authorization(Succeeded, amount)],
            Meaning::Failed => vec![authorization(Failed, None)],
            Meaning::Paid => {
                vec![authorization(Succeeded, amount), operation(Capture, payment, Succeeded, amount)]
            }
            // What was captured had been authorised; how much is for other notifications to say.
            Meaning::Captured => vec![authorization(Succeeded, None), capture(Succeeded)],
            Meaning::CaptureTotal => {
                let mut facts = vec![authorization(Succeeded, None)];
                facts.extend(total_of(Capture, amount));
                facts
            }
            Meaning::Canceled => vec![authorization(Unknown, None), self.void(VoidCause::Canceled)],
            Meaning::Expired => vec![authorization(Unknown, None), self.void(VoidCause::Expired)],
            Meaning::Undone | Meaning::Returned => {
                vec![authorization(Unknown, None), self.void(VoidCause::Canceled), capture(Reversed)]
            }
            Meaning::CaptureFailed => return vec![capture(Failed)],
            Meaning::CaptureReversed => return vec![capture(Reversed)],
            Meaning::Refund(state) => {
                // Without an id of its own a refund can't be told from the next one.
                return self.operation.map(|id| operation(Refund, id, state, amount)).into_iter().collect();
            }
            Meaning::RefundTotal => return total_of(Refund, amount).into_iter().collect(),
            Meaning::Dispute(stage, funds) => {
                let id = self.operation.unwrap_or(payment).to_owned();
                return vec![Fact::Dispute { id, stage, amount, funds }];
            }
            Meaning::Test | Meaning::Mention => return Vec::new(),
        };
        self.describe(meaning, about_payment)
    }

    /// What notifications about the payment itself say besides.
    fn describe(self, meaning: Meaning, mut facts: Vec<Fact>) -> Vec<Fact> {
        let asks = !matches!(
            meaning,
            Meaning::Captured
                | Meaning::CaptureTotal
                | Meaning::Canceled
                | Meaning::Expired
                | Meaning::Undone
                | Meaning::Returned
        );
        let requested = self.requested.or(self.amount.filter(|_| asks));
        facts.extend(requested.filter(|amount| *amount >= 0).map(|amount| Fact::Requested { amount }));
        facts.extend(self.reference.map(|reference| Fact::MerchantReference { reference }));
        facts.extend(total_of(OperationKind::Refund, self.refunded));
        facts
    }

    /// Without an amount: all that was not captured.
    fn void(&self, cause: VoidCause) -> Fact {
        Fact::Operation {
            kind: OperationKind::Void,
            id: self.payment.to_owned(),
            state: OperationState::Succeeded,
            amount: None,
            cause: Some(cause),
        }
    }
}

fn total_of(kind: OperationKind, amount: Option<i64>) -> Option<Fact> {
    let amount = amount.filter(|amount| *amount > 0)?;
    Some(Fact::Total { kind, amount })
}

#[cfg(test)]
mod tests;
