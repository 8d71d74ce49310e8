//! Stripe's snapshot events (<https://docs.stripe.com/api/events/types>).
//!
//! Every event carries the object as it was, so its facts are read off the object's state; the type of the event
//! only says what to call it. A payment is its PaymentIntent, or its Charge where there is none (the Charges
//! API), and authorization, capture and void are keyed by that id: `charge.*` and `payment_intent.*` speak of the
//! same operations. Stripe captures in running amounts, so one register holds them. Refunds and disputes have
//! ids of their own.
//!
//! `created` counts whole seconds; the ledger's ranks decide between events of one second.

use super::{Malformed, exponent, operation};
use crate::json::{Object, scalar};
use crate::{Settings, Verified};
use domain::{
    Currency, DisputeFunds, DisputeStage, EventType, Fact, Notification, OperationKind, OperationState,
    VoidCause,
};
use jiff::Timestamp;
use std::borrow::Cow;

/// Where Stripe's minor unit is not ISO 4217's (<https://docs.stripe.com/currencies#special-cases>): ISK and UGX
/// have none but are still sent with two decimals, MGA is sent without.
const EXPONENTS: &[(&str, u8)] = &[("ISK", 2), ("UGX", 2), ("MGA", 0)];

/// What a PaymentIntent's event says of its authorization.
#[rustfmt::skip]
const PAYMENT_INTENT: &[(&str, EventType, OperationState)] = &[
    ("payment_intent.created",                   EventType::PaymentCreated,        OperationState::Unknown),
    ("payment_intent.requires_action",           EventType::PaymentRequiresAction, OperationState::RequiresAction),
    // A bank transfer of less than the amount: the payer still has to send the rest.
    ("payment_intent.partially_funded",          EventType::PaymentRequiresAction, OperationState::RequiresAction),
    ("payment_intent.processing",                EventType::PaymentProcessing,     OperationState::Pending),
    ("payment_intent.amount_capturable_updated", EventType::PaymentAuthorized,     OperationState::Succeeded),
    ("payment_intent.succeeded",                 EventType::PaymentCaptured,       OperationState::Succeeded),
    ("payment_intent.payment_failed",            EventType::PaymentFailed,         OperationState::Failed),
    ("payment_intent.canceled",                  EventType::PaymentCanceled,       OperationState::Unknown),
];

const CHARGE: &[&str] = &[
    "charge.pending",
    "charge.succeeded",
    "charge.failed",
    "charge.captured",
    "charge.expired",
    "charge.refunded",
    "charge.updated",
];

const REFUND: &[&str] = &["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"];

/// The type of a dispute's event, unless its status decides, and what it says of the money.
#[rustfmt::skip]
const DISPUTE: &[(&str, Option<EventType>, Option<DisputeFunds>)] = &[
    ("charge.dispute.created",          None,                            None),
    ("charge.dispute.updated",          Some(EventType::DisputeUpdated), None),
    ("charge.dispute.closed",           None,                            None),
    ("charge.dispute.funds_withdrawn",  Some(EventType::DisputeUpdated), Some(DisputeFunds::Withdrawn)),
    ("charge.dispute.funds_reinstated", Some(EventType::DisputeUpdated), Some(DisputeFunds::Reinstated)),
];

/// A dispute's statuses. An inquiry that was closed never took money, so it counts as won. An early notice that
/// Stripe itself resolved (`prevented`) decides nothing that we can tell.
#[rustfmt::skip]
const DISPUTE_STATUS: &[(&str, DisputeStage, EventType)] = &[
    ("warning_needs_response", DisputeStage::Warning, EventType::DisputeWarning),
    ("warning_under_review",   DisputeStage::Warning, EventType::DisputeWarning),
    ("warning_closed",         DisputeStage::Won,     EventType::DisputeWon),
    ("needs_response",         DisputeStage::Open,    EventType::DisputeOpened),
    ("under_review",           DisputeStage::Open,    EventType::DisputeOpened),
    ("won",                    DisputeStage::Won,     EventType::DisputeWon),
    ("lost",                   DisputeStage::Lost,    EventType::DisputeLost),
];

/// What one event's object says.
pub(crate) struct Said<'a> {
    pub(crate) event_type: EventType,
    pub(crate) payment: Option<Cow<'a, str>>,
    /// The object's id where it is not the payment.
    object: Option<Cow<'a, str>>,
    pub(crate) amount: Option<i64>,
    pub(crate) facts: Vec<Fact>,
}

pub(crate) fn notifications(verified: &Verified, _: &Settings) -> Result<Vec<Notification>, Malformed> {
    let event = Object::parse(verified.body(), "body")?;
    let id = event.required_text("id")?.into_owned();
    let provider_type = event.required_text("type")?.into_owned();
    let data = event.object("data", "data")?.unwrap_or_default();
    let object = data.object("object", "data.object")?.unwrap_or_default();
    let previous = data.object("previous_attributes", "data.previous_attributes")?.unwrap_or_default();

    let said = said(&provider_type, &event, &object, &previous)?;
    let (currency, exponent) = currency(&object);
    Ok(vec![Notification {
        dedupe_key: id.clone(),
        provider_event_id: Some(id),
        provider_type,
        event_type: said.event_type,
        occurred_at: occurred_at(&event),
        version: None,
        provider_payment_id: said.payment.map(Cow::into_owned),
        object_id: said.object.map(Cow::into_owned),
        amount: said.amount,
        currency,
        exponent,
        facts: said.facts,
    }])
}

/// With the exponent of the object's amounts.
pub(crate) fn currency(object: &Object<'_>) -> (Option<Currency>, Option<u8>) {
    let currency: Option<Currency> = object.text("currency").and_then(|code| code.parse().ok());
    let exponent = currency.as_ref().and_then(|currency| exponent(currency, EXPONENTS));
    (currency, exponent)
}

/// `event` and `previous` only where the object comes in an event.
pub(crate) fn said<'a>(
    provider_type: &str,
    event: &Object<'a>,
    object: &Object<'a>,
    previous: &Object<'a>,
) -> Result<Said<'a>, Malformed> {
    if let Some((_, event_type, state)) = PAYMENT_INTENT.iter().find(|(name, ..)| *name == provider_type) {
        payment_intent(*event_type, *state, object)
    } else if CHARGE.contains(&provider_type) {
        charge(provider_type, object)
    } else if REFUND.contains(&provider_type) {
        refund(object, previous)
    } else if let Some((_, event_type, funds)) = DISPUTE.iter().find(|(name, ..)| *name == provider_type) {
        dispute(*event_type, *funds, object)
    } else {
        Ok(other(event, object))
    }
}

pub(crate) fn payment_intent<'a>(
    event_type: EventType,
    state: OperationState,
    object: &Object<'a>,
) -> Result<Said<'a>, Malformed> {
    let requested = object.amount("amount")?;
    let capturable = object.amount("amount_capturable")?;
    let received = object.amount("amount_received")?;
    let Some(payment) = object.text("id") else {
        return Ok(Said { event_type, payment: None, object: None, amount: requested, facts: Vec::new() });
    };
    let mut said = Said {
        event_type,
        payment: Some(payment.clone()),
        object: None,
        amount: requested,
        facts: Vec::new(),
    };
    said.facts.extend(requested.map(|amount| Fact::Requested { amount }));
    said.facts.extend(merchant_reference(object)?);
    let authorization = |amount| operation(OperationKind::Authorization, &payment, state, amount);

    match event_type {
        EventType::PaymentCaptured => {
            let captured = received.or(requested);
            said.amount = captured;
            said.facts.push(authorization(requested));
            // What was not taken of an authorised amount goes back to the payer.
            if let Some(rest) =
                requested.zip(captured).and_then(|(requested, captured)| requested.checked_sub(captured))
                && rest > 0
            {
                said.facts.push(operation(
                    OperationKind::Void,
                    &payment,
                    OperationState::Succeeded,
                    Some(rest),
                ));
            }
            said.facts.extend(capture(&payment, captured));
            return Ok(said);
        }
        EventType::PaymentAuthorized => {
            // With several captures, part of what was authorised has already been received.
            let authorized = capturable.and_then(|capturable| capturable.checked_add(received.unwrap_or(0)));
            match authorized {
                Some(0) => {}
                authorized => said.facts.push(authorization(authorized)),
            }
        }
        EventType::PaymentCanceled => {
            let cause = match object.text("cancellation_reason").as_deref() {
                Some("automatic" | "expired") => VoidCause::Expired,
                _ => VoidCause::Canceled,
            };
            if cause == VoidCause::Expired {
                said.event_type = EventType::PaymentExpired;
            }
            said.facts.push(void(&payment, None, Some(cause)));
        }
        _ => said.facts.push(authorization(None)),
    }
    said.facts.extend(capture(&payment, received));
    Ok(said)
}

fn charge<'a>(provider_type: &str, object: &Object<'a>) -> Result<Said<'a>, Malformed> {
    let id = object.text("id");
    let intent = reference(object, "payment_intent")?;
    let amount = object.amount("amount")?;
    let refunded = object.amount("amount_refunded")?;
    let state = match object.text("status").as_deref() {
        Some("succeeded") => OperationState::Succeeded,
        Some("pending") => OperationState::Pending,
        Some("failed") => OperationState::Failed,
        // No status, or one that is new to us: the event's name may say as much, an update's does not.
        _ => match provider_type {
            "charge.pending" => OperationState::Pending,
            "charge.failed" => OperationState::Failed,
            "charge.updated" => OperationState::Unknown,
            _ => OperationState::Succeeded,
        },
    };
    let is_captured = object.flag("captured").unwrap_or(false) && state == OperationState::Succeeded;
    // Older API versions have no `amount_captured`: a captured charge was captured whole.
    let captured = if is_captured { object.amount("amount_captured")?.or(amount) } else { None };
    let is_refund = provider_type == "charge.refunded" && is_captured;
    let event_type = match (provider_type, state) {
        ("charge.expired", _) => EventType::PaymentExpired,
        ("charge.refunded", _) if is_refund => EventType::RefundSucceeded,
        // A refund of what was never captured only lets the authorisation go.
        ("charge.refunded", _) => EventType::PaymentCanceled,
        (_, OperationState::Pending) => EventType::PaymentProcessing,
        (_, OperationState::Failed) => EventType::PaymentFailed,
        (_, OperationState::Unknown) => EventType::ProviderOther,
        _ if is_captured => EventType::PaymentCaptured,
        _ => EventType::PaymentAuthorized,
    };
    let headline = if is_refund { refunded } else { captured }.or(amount);

    let mut facts = Vec::new();
    if let Some(payment) = intent.as_ref().or(id.as_ref()) {
        if intent.is_none() {
            facts.extend(amount.map(|amount| Fact::Requested { amount }));
        }
        facts.extend(merchant_reference(object)?);
        let authorized = amount.filter(|_| state == OperationState::Succeeded);
        facts.push(operation(OperationKind::Authorization, payment, state, authorized));
        facts.extend(capture(payment, captured));
        if is_captured {
            // A charge is captured once, and the rest goes back to the payer.
            let rest = amount.zip(captured).and_then(|(amount, captured)| amount.checked_sub(captured));
            let rest = rest.filter(|rest| *rest > 0);
            if let Some(rest) = rest.filter(|_| intent.is_none()) {
                facts.push(void(payment, Some(rest), None));
            }
            facts.extend(refunds(object, refunded.unwrap_or(0), rest.unwrap_or(0))?);
        } else if provider_type == "charge.expired" {
            facts.push(void(payment, None, Some(VoidCause::Expired)));
        } else if refunded.is_some_and(|refunded| refunded > 0) {
            // Stripe also says this of an authorisation that ran out, so the cause is left to other events.
            facts.push(void(payment, refunded, None));
        }
    }
    let (payment, object) = match intent {
        Some(intent) => (Some(intent), id),
        None => (id, None),
    };
    Ok(Said { event_type, payment, object, amount: headline, facts })
}

/// The refunds that a charge lists (newer API versions list none), and its running total. The total counts refunds
/// in flight as well; the ledger takes off those that it knows.
///
/// What a partial capture left (`rest`) is no refund: it was never captured. Stripe books it as one all the same, in
/// the total and as the first refund in the list. Where it did not, the total is too low by the rest, and the
/// refunds' own events say what is missing; taken the other way money would be missing that nobody gave back.
fn refunds(charge: &Object<'_>, total: i64, rest: i64) -> Result<Vec<Fact>, Malformed> {
    let mut facts = Vec::new();
    let listed = charge.object("refunds", "data.object.refunds")?.and_then(|refunds| refunds.list("data"));
    let mut refunds = Vec::new();
    for refund in listed.unwrap_or_default() {
        refunds.push(Object::parse(refund.get().as_bytes(), "data.object.refunds.data")?);
    }
    refunds.sort_by_key(|refund| refund.integer("created"));
    for (place, refund) in refunds.iter().enumerate() {
        let Some(id) = refund.text("id") else { continue };
        let amount = refund.amount("amount")?;
        let (state, _) = refund_state(refund, &Object::default());
        if !(place == 0 && rest > 0 && amount == Some(rest)) {
            facts.push(operation(OperationKind::Refund, &id, state, amount));
        }
    }
    let total = total.saturating_sub(rest);
    if total > 0 {
        facts.push(Fact::Total { kind: OperationKind::Refund, amount: total });
    }
    Ok(facts)
}

fn refund<'a>(object: &Object<'a>, previous: &Object<'a>) -> Result<Said<'a>, Malformed> {
    let amount = object.amount("amount")?;
    let id = object.text("id");
    let payment = reference(object, "payment_intent")?.or(reference(object, "charge")?);
    let (state, event_type) = refund_state(object, previous);
    let facts = match (&id, &payment) {
        (Some(id), Some(_)) => vec![operation(OperationKind::Refund, id, state, amount)],
        _ => Vec::new(),
    };
    Ok(Said { event_type, payment, object: id, amount, facts })
}

/// A refund that fails usually had succeeded before (card refunds succeed at once and fail when the bank sends
/// them back), and failure is final. It is therefore a reversal, which outlives an earlier success whatever the
/// order of the events, unless the event itself shows that the refund had been waiting.
fn refund_state(object: &Object<'_>, previous: &Object<'_>) -> (OperationState, EventType) {
    match object.text("status").as_deref() {
        Some("succeeded") => (OperationState::Succeeded, EventType::RefundSucceeded),
        Some("requires_action") => (OperationState::RequiresAction, EventType::RefundPending),
        Some("canceled") => (OperationState::Failed, EventType::RefundFailed),
        Some("failed") => match previous.text("status").as_deref() {
            Some("pending" | "requires_action") => (OperationState::Failed, EventType::RefundFailed),
            Some("succeeded") => (OperationState::Reversed, EventType::RefundReversed),
            _ => (OperationState::Reversed, EventType::RefundFailed),
        },
        Some("pending") => (OperationState::Pending, EventType::RefundPending),
        _ => (OperationState::Unknown, EventType::RefundPending),
    }
}

fn dispute<'a>(
    event_type: Option<EventType>,
    funds: Option<DisputeFunds>,
    object: &Object<'a>,
) -> Result<Said<'a>, Malformed> {
    let amount = object.amount("amount")?;
    let id = object.text("id");
    let payment = reference(object, "payment_intent")?.or(reference(object, "charge")?);
    let status = object.text("status");
    let known = DISPUTE_STATUS.iter().find(|(name, ..)| Some(*name) == status.as_deref());
    let stage = known.map(|(_, stage, _)| *stage);
    let event_type =
        event_type.or(known.map(|(.., event_type)| *event_type)).unwrap_or(EventType::DisputeUpdated);
    let facts = match (&id, &payment) {
        (Some(id), Some(_)) => vec![Fact::Dispute { id: id.clone().into_owned(), stage, amount, funds }],
        _ => Vec::new(),
    };
    Ok(Said { event_type, payment, object: id, amount, facts })
}

/// Anything else: recorded with what it plainly names, and no facts.
fn other<'a>(event: &Object<'a>, object: &Object<'a>) -> Said<'a> {
    let id = object.text("id");
    // Thin events (`v2.core.event`) name their object instead of carrying it.
    let related = event.object("related_object", "related_object").ok().flatten().unwrap_or_default();
    let is_related_intent = related.text("type").as_deref() == Some("payment_intent");
    let is_intent = object.text("object").as_deref() == Some("payment_intent");
    let payment = if is_intent {
        id.clone()
    } else if is_related_intent {
        related.text("id")
    } else {
        reference(object, "payment_intent").ok().flatten()
    };
    let object_id = id.or_else(|| related.text("id")).filter(|_| !is_intent && !is_related_intent);
    Said {
        event_type: EventType::ProviderOther,
        payment,
        object: object_id,
        amount: object.integer("amount").or_else(|| object.integer("amount_total")),
        facts: Vec::new(),
    }
}

fn capture(payment: &str, amount: Option<i64>) -> Option<Fact> {
    let amount = amount.filter(|amount| *amount > 0)?;
    Some(operation(OperationKind::Capture, payment, OperationState::Succeeded, Some(amount)))
}

fn void(payment: &str, amount: Option<i64>, cause: Option<VoidCause>) -> Fact {
    let (kind, id, state) = (OperationKind::Void, payment.to_owned(), OperationState::Succeeded);
    Fact::Operation { kind, id, state, amount, cause }
}

/// The merchant's own reference: Stripe has no field for it, so these two keys of the metadata are ours to
/// document.
fn merchant_reference(object: &Object<'_>) -> Result<Option<Fact>, Malformed> {
    let Some(metadata) = object.object("metadata", "data.object.metadata")? else { return Ok(None) };
    let reference = metadata.text("merchant_reference").or_else(|| metadata.text("order_id"));
    Ok(reference.map(|reference| Fact::MerchantReference { reference: reference.into_owned() }))
}

/// The id that a field refers to: a string, or an object with an id where it was expanded.
fn reference<'a>(object: &Object<'a>, name: &str) -> Result<Option<Cow<'a, str>>, Malformed> {
    match object.text(name) {
        Some(id) => Ok(Some(id)),
        None => Ok(object.object(name, "data.object")?.and_then(|expanded| expanded.text("id"))),
    }
}

/// Seconds since 1970 in snapshot events, RFC 3339 in thin ones.
fn occurred_at(event: &Object<'_>) -> Option<Timestamp> {
    match event.integer("created") {
        Some(seconds) => Timestamp::from_second(seconds).ok(),
        None => scalar(event.member("created")?)?.parse().ok(),
    }
}

#[cfg(test)]
mod tests;
