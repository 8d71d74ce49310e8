//! Mollie's payments (<https://docs.mollie.com/reference/get-payment>), with their refunds and chargebacks.
//!
//! One answer tells all of it, and the webhook before it told nothing: every step that the answer names becomes a fact.
//! Their common time is the latest that the answer knows, which an earlier answer can't exceed. Amounts are decimal
//! texts with a currency.

use super::{AnswerForm, Api, Asked, CredentialForm, FetchError, Fetched, Question, Sent, Told};
use crate::Malformed;
use crate::json::Object;
use crate::normalise::operation;
use domain::{
    Currency, DisputeFunds, DisputeStage, EventType, Fact, OperationKind, OperationState, VoidCause,
    decimal_to_minor,
};
use jiff::Timestamp;
use std::borrow::Cow;

pub(super) static API: Api = Api {
    provider: "mollie",
    documentation: "https://docs.mollie.com/reference/get-payment",
    origin: "https://api.mollie.com",
    sandbox: None,
    credential: CredentialForm { prefixes: &["live_", "test_", "access_"], sent: Sent::Bearer },
    headers: &[],
    question: Question::Payment("/v2/payments/", "?embed=refunds,chargebacks"),
    answer: AnswerForm::Code(read),
};

/// The status, what it says of the authorization, the type under which it is told, and the field with its time.
#[rustfmt::skip]
const STATUS: &[(&str, OperationState, EventType, &str)] = &[
    ("open",       OperationState::Unknown,   EventType::PaymentCreated,    "createdAt"),
    ("pending",    OperationState::Pending,   EventType::PaymentProcessing, "createdAt"),
    ("authorized", OperationState::Succeeded, EventType::PaymentAuthorized, "authorizedAt"),
    ("paid",       OperationState::Succeeded, EventType::PaymentCaptured,   "paidAt"),
    ("canceled",   OperationState::Unknown,   EventType::PaymentCanceled,   "canceledAt"),
    ("expired",    OperationState::Unknown,   EventType::PaymentExpired,    "expiredAt"),
    ("failed",     OperationState::Failed,    EventType::PaymentFailed,     "failedAt"),
];

#[rustfmt::skip]
const REFUND_STATUS: &[(&str, OperationState, EventType)] = &[
    ("queued",     OperationState::Pending,   EventType::RefundPending),
    ("pending",    OperationState::Pending,   EventType::RefundPending),
    ("processing", OperationState::Pending,   EventType::RefundPending),
    ("refunded",   OperationState::Succeeded, EventType::RefundSucceeded),
    ("failed",     OperationState::Failed,    EventType::RefundFailed),
    ("canceled",   OperationState::Failed,    EventType::RefundFailed),
];

/// A step, with the type under which it is told and its time: the latest is what the webhook was about.
struct Step {
    at: Option<Timestamp>,
    event_type: EventType,
    amount: Option<i64>,
}

fn read(asked: &Asked, answer: &[u8]) -> Result<Fetched<Told>, FetchError> {
    let payment = Object::parse(answer, "body")?;
    if payment.text("id").as_deref() != Some(&asked.id) {
        return Err(FetchError::OtherObject);
    }
    let (currency, exponent) = currency(&payment)?;
    let mut facts = Vec::new();
    let requested = amount(&payment, "amount", exponent)?;
    facts.extend(requested.map(|amount| Fact::Requested { amount }));
    facts.extend(merchant_reference(&payment)?);
    let mut latest = state(&asked.id, &payment, exponent, &mut facts)?;
    let embedded = payment.object("_embedded", "_embedded")?.unwrap_or_default();
    for refund in list(&embedded, "refunds")? {
        latest = latest.or_later(refund_step(&refund, exponent, &mut facts)?);
    }
    for chargeback in list(&embedded, "chargebacks")? {
        latest = latest.or_later(chargeback_step(&chargeback, exponent, &mut facts)?);
    }
    Ok(Fetched::Told(Told {
        event_type: latest.event_type,
        occurred_at: latest.at,
        payment: Some(asked.id.clone()),
        amount: latest.amount.or(requested),
        currency,
        exponent,
        facts,
    }))
}

impl Step {
    /// The later of the two; the other, where the times tie: it is a consequence of this.
    fn or_later(self, other: Self) -> Self {
        if other.at >= self.at { other } else { self }
    }
}

fn state(
    id: &str,
    payment: &Object<'_>,
    exponent: Option<u8>,
    facts: &mut Vec<Fact>,
) -> Result<Step, Malformed> {
    let status = payment.required_text("status")?;
    let Some((_, state, event_type, time)) = STATUS.iter().find(|(name, ..)| *name == status) else {
        return Ok(Step { at: None, event_type: EventType::ProviderOther, amount: None });
    };
    let requested = amount(payment, "amount", exponent)?;
    let captured = amount(payment, "amountCaptured", exponent)?;
    let settled = *state == OperationState::Succeeded;
    facts.push(operation(OperationKind::Authorization, id, *state, requested.filter(|_| settled)));
    // Without captures of its own a payment is taken as a whole.
    let captured = match *event_type {
        EventType::PaymentCaptured => captured.filter(|amount| *amount > 0).or(requested),
        _ => captured.filter(|amount| *amount > 0),
    };
    if let Some(captured) = captured {
        facts.push(operation(OperationKind::Capture, id, OperationState::Succeeded, Some(captured)));
    }
    let cause = match event_type {
        EventType::PaymentCanceled => Some(VoidCause::Canceled),
        EventType::PaymentExpired => Some(VoidCause::Expired),
        _ => None,
    };
    if cause.is_some() {
        let (kind, id, state) = (OperationKind::Void, id.to_owned(), OperationState::Succeeded);
        facts.push(Fact::Operation { kind, id, state, amount: None, cause });
    }
    let at = at(payment, time).or_else(|| at(payment, "createdAt"));
    Ok(Step { at, event_type: *event_type, amount: captured.or(requested) })
}

fn refund_step(refund: &Object<'_>, exponent: Option<u8>, facts: &mut Vec<Fact>) -> Result<Step, Malformed> {
    let amount = amount(refund, "amount", exponent)?;
    let status = refund.text("status");
    let known = REFUND_STATUS.iter().find(|(name, ..)| Some(*name) == status.as_deref());
    let (state, event_type) = known
        .map_or((OperationState::Unknown, EventType::RefundPending), |(_, state, event_type)| {
            (*state, *event_type)
        });
    facts.push(operation(OperationKind::Refund, &refund.required_text("id")?, state, amount));
    Ok(Step { at: at(refund, "createdAt"), event_type, amount })
}

/// A chargeback takes the money at once; one that is reversed gives it back.
fn chargeback_step(
    chargeback: &Object<'_>,
    exponent: Option<u8>,
    facts: &mut Vec<Fact>,
) -> Result<Step, Malformed> {
    let amount = amount(chargeback, "amount", exponent)?;
    let reversed_at = at(chargeback, "reversedAt");
    let (stage, funds, event_type) = match reversed_at {
        Some(_) => (DisputeStage::Won, DisputeFunds::Reinstated, EventType::DisputeWon),
        None => (DisputeStage::Open, DisputeFunds::Withdrawn, EventType::DisputeOpened),
    };
    let id = chargeback.required_text("id")?.into_owned();
    facts.push(Fact::Dispute { id, stage: Some(stage), amount, funds: Some(funds) });
    Ok(Step { at: reversed_at.or_else(|| at(chargeback, "createdAt")), event_type, amount })
}

fn currency(payment: &Object<'_>) -> Result<(Option<Currency>, Option<u8>), Malformed> {
    let code = payment.object("amount", "amount")?.and_then(|amount| amount.text("currency"));
    let currency: Option<Currency> = code.and_then(|code| code.parse().ok());
    let exponent = currency.as_ref().and_then(Currency::exponent);
    Ok((currency, exponent))
}

/// The field's value in minor units. Chargebacks' amounts come with either sign.
fn amount(object: &Object<'_>, name: &'static str, exponent: Option<u8>) -> Result<Option<i64>, Malformed> {
    let value = object.object(name, name)?.and_then(|amount| amount.text("value"));
    let (Some(value), Some(exponent)) = (value, exponent) else { return Ok(None) };
    decimal_to_minor(value.strip_prefix('-').unwrap_or(&value), exponent)
        .map(Some)
        .map_err(|_| Malformed::new(name, "value", "is not an amount of its currency"))
}

fn at(object: &Object<'_>, name: &str) -> Option<Timestamp> {
    object.text(name)?.parse().ok()
}

fn list<'a>(embedded: &Object<'a>, name: &'static str) -> Result<Vec<Object<'a>>, Malformed> {
    let elements = embedded.list(name).unwrap_or_default();
    elements.into_iter().map(|element| Object::parse(element.get().as_bytes(), name)).collect()
}

/// The merchant's own reference: Mollie has no field for it, so this key of the metadata is ours to document.
fn merchant_reference(payment: &Object<'_>) -> Result<Option<Fact>, Malformed> {
    let metadata = payment.object("metadata", "metadata")?;
    let reference = metadata.and_then(|metadata| metadata.scalar("order_id"));
    Ok(reference.map(Cow::into_owned).map(|reference| Fact::MerchantReference { reference }))
}
