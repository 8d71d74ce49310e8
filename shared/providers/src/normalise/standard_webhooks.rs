//! Standard Webhooks from any sender, for example an in-house payment system or another Payrelay of yours.
//!
//! The specification fixes the envelope, `{"type": …, "timestamp": …, "data": {…}}`, not the types. Those of our
//! own vocabulary below are booked; every other type becomes `provider.other`, without facts.
//!
//! | `type` | books |
//! | --- | --- |
//! | `payment.created`, `payment.requires_action`, `payment.processing`, `payment.failed` | the state |
//! | `payment.authorized` | the authorised `amount` |
//! | `payment.captured`, `payment.partially_captured`, `payment.succeeded` | a capture of `amount` |
//! | `payment.canceled`, `payment.expired` | that all that was not captured is given back |
//! | `refund.pending`, `refund.succeeded`, `refund.failed`, `refund.reversed` | a refund of `amount` |
//! | `dispute.warning`, `dispute.opened`, `dispute.updated`, `dispute.won`, `dispute.lost` | a dispute over `amount` |
//!
//! `data` is `{"id", "payment_id"?, "amount"?, "currency"?, "requested_amount"?, "merchant_reference"?, "funds"?}`:
//!
//! - `id` is the id of what happened: the refund's, the dispute's, the capture's, or simply the payment's.
//! - `payment_id` is the payment's id, where `id` is not.
//! - `amount` is an integer in minor units of `currency` (ISO 4217). For a capture that shares its payment's id
//!   it is the total captured so far; captures with ids of their own add up.
//! - `requested_amount` and `merchant_reference` describe the payment and may come with any `payment.*` type.
//! - `funds` of a dispute is `withdrawn` or `reinstated`.
//!
//! `source.test` is a test. The notification's id is the `webhook-id` header, which the signature covers.

use super::{Malformed, operation};
use crate::json::Object;
use crate::{Settings, Verified};
use domain::{
    Currency, DisputeFunds, DisputeStage, EventType, Fact, Notification, OperationKind, OperationState,
    VoidCause,
};
use jiff::Timestamp;

/// What a type books.
#[derive(Clone, Copy)]
enum Meaning {
    Authorization(OperationState),
    Capture,
    Void(VoidCause),
    Refund(OperationState),
    Dispute(Option<DisputeStage>),
    Test,
}

#[rustfmt::skip]
const TYPES: &[(&str, EventType, Meaning)] = &[
    ("payment.created",            EventType::PaymentCreated,           Meaning::Authorization(OperationState::Unknown)),
    ("payment.requires_action",    EventType::PaymentRequiresAction,    Meaning::Authorization(OperationState::RequiresAction)),
    ("payment.processing",         EventType::PaymentProcessing,        Meaning::Authorization(OperationState::Pending)),
    ("payment.authorized",         EventType::PaymentAuthorized,        Meaning::Authorization(OperationState::Succeeded)),
    ("payment.failed",             EventType::PaymentFailed,            Meaning::Authorization(OperationState::Failed)),
    ("payment.captured",           EventType::PaymentCaptured,          Meaning::Capture),
    ("payment.partially_captured", EventType::PaymentPartiallyCaptured, Meaning::Capture),
    ("payment.succeeded",          EventType::PaymentCaptured,          Meaning::Capture),
    ("payment.canceled",           EventType::PaymentCanceled,          Meaning::Void(VoidCause::Canceled)),
    ("payment.expired",            EventType::PaymentExpired,           Meaning::Void(VoidCause::Expired)),
    ("refund.pending",             EventType::RefundPending,            Meaning::Refund(OperationState::Pending)),
    ("refund.succeeded",           EventType::RefundSucceeded,          Meaning::Refund(OperationState::Succeeded)),
    ("refund.failed",              EventType::RefundFailed,             Meaning::Refund(OperationState::Failed)),
    ("refund.reversed",            EventType::RefundReversed,           Meaning::Refund(OperationState::Reversed)),
    ("dispute.warning",            EventType::DisputeWarning,           Meaning::Dispute(Some(DisputeStage::Warning))),
    ("dispute.opened",             EventType::DisputeOpened,            Meaning::Dispute(Some(DisputeStage::Open))),
    ("dispute.updated",            EventType::DisputeUpdated,           Meaning::Dispute(None)),
    ("dispute.won",                EventType::DisputeWon,               Meaning::Dispute(Some(DisputeStage::Won))),
    ("dispute.lost",               EventType::DisputeLost,              Meaning::Dispute(Some(DisputeStage::Lost))),
    ("source.test",                EventType::SourceTest,               Meaning::Test),
];

pub(crate) fn notifications(verified: &Verified, _: &Settings) -> Result<Vec<Notification>, Malformed> {
    // Only the headers of the scheme that verified are kept, so an unsigned `webhook-id` beside a signed
    // `svix-id` cannot pass off a repeat as something new.
    let header = |name, svix| verified.header(name).or_else(|| verified.header(svix));
    let id = header("webhook-id", "svix-id").ok_or(Malformed::new("headers", "webhook-id", "is missing"))?;
    let body = Object::parse(verified.body(), "body")?;
    let provider_type = body.required_text("type")?.into_owned();
    let data = body.object("data", "data")?.unwrap_or_default();

    let known = TYPES.iter().find(|(name, ..)| *name == provider_type);
    let object = data.text("id");
    let payment = data.text("payment_id").or_else(|| object.clone());
    let signed_at =
        || Timestamp::from_second(header("webhook-timestamp", "svix-timestamp")?.parse().ok()?).ok();
    let mut notification = Notification {
        dedupe_key: id.to_owned(),
        provider_event_id: Some(id.to_owned()),
        provider_type,
        event_type: known.map_or(EventType::ProviderOther, |(_, event_type, _)| *event_type),
        occurred_at: body.text("timestamp").and_then(|time| time.parse().ok()).or_else(signed_at),
        version: None,
        provider_payment_id: payment.as_deref().map(str::to_owned),
        object_id: object.as_deref().filter(|id| Some(*id) != payment.as_deref()).map(str::to_owned),
        amount: None,
        currency: None,
        exponent: None,
        facts: Vec::new(),
    };
    // What an amount means is only known for the types above.
    if let Some((.., meaning)) = known {
        let currency: Option<Currency> = data.text("currency").and_then(|code| code.parse().ok());
        notification.exponent = currency.as_ref().and_then(Currency::exponent);
        notification.currency = currency;
        notification.amount = data.amount("amount")?;
        if let (Some(payment), Some(object)) = (&payment, object.as_ref().or(payment.as_ref())) {
            notification.facts = facts(*meaning, payment, object, &data)?;
        }
    }
    Ok(vec![notification])
}

fn facts(meaning: Meaning, payment: &str, object: &str, data: &Object<'_>) -> Result<Vec<Fact>, Malformed> {
    use OperationKind::{Authorization, Capture, Refund, Void};
    use OperationState::Succeeded;
    let amount = data.amount("amount")?;
    let mut facts = match meaning {
        Meaning::Authorization(Succeeded) => vec![operation(Authorization, payment, Succeeded, amount)],
        Meaning::Authorization(state) => vec![operation(Authorization, payment, state, None)],
        // What was captured had been authorised, if only in the same breath; how much is not said.
        Meaning::Capture => vec![
            operation(Authorization, payment, Succeeded, None),
            operation(Capture, object, Succeeded, amount),
        ],
        Meaning::Void(cause) => vec![
            operation(Authorization, payment, OperationState::Unknown, None),
            Fact::Operation {
                kind: Void,
                id: payment.to_owned(),
                state: Succeeded,
                amount: None,
                cause: Some(cause),
            },
        ],
        Meaning::Refund(state) => return Ok(vec![operation(Refund, object, state, amount)]),
        Meaning::Dispute(stage) => {
            let funds = match data.text("funds").as_deref() {
                Some("withdrawn") => Some(DisputeFunds::Withdrawn),
                Some("reinstated") => Some(DisputeFunds::Reinstated),
                _ => None,
            };
            return Ok(vec![Fact::Dispute { id: object.to_owned(), stage, amount, funds }]);
        }
        Meaning::Test => return Ok(Vec::new()),
    };
    facts.extend(data.amount("requested_amount")?.map(|amount| Fact::Requested { amount }));
    facts.extend(
        data.text("merchant_reference")
            .map(|reference| Fact::MerchantReference { reference: reference.into_owned() }),
    );
    Ok(facts)
}

#[cfg(test)]
mod tests;
