//! Stripe's thin events (<https://docs.stripe.com/event-destinations>): signed whole, but all that they say is which
//! object has changed. That object is fetched as it is now; it reads as in a snapshot event.
//!
//! Only objects that payments are made of are fetched, from addresses of ours: the event's own `url` is not followed.

use super::{AnswerForm, Api, Asked, CredentialForm, FetchError, Fetched, Question, Sent, Told, is_plain};
use crate::json::Object;
use crate::normalise::stripe::{self, Said};
use crate::{Malformed, Verified};
use domain::{EventType, OperationState};
use std::borrow::Cow;

pub(super) static API: Api = Api {
    provider: "stripe",
    documentation: "https://docs.stripe.com/event-destinations#fetch-data",
    origin: "https://api.stripe.com",
    sandbox: None,
    credential: CredentialForm { prefixes: &["sk_", "rk_"], sent: Sent::Bearer },
    // Whatever the account's default is: the shape that we read is this one.
    headers: &[("stripe-version", "2024-06-20")],
    question: Question::Code(asked),
    answer: AnswerForm::Code(read),
};

/// Objects, and their addresses around the id. A PaymentIntent comes with its charge, which knows of refunds.
#[rustfmt::skip]
const OBJECTS: &[(&str, &str, &str)] = &[
    ("payment_intent", "/v1/payment_intents/", "?expand[]=latest_charge"),
    ("charge",         "/v1/charges/",         ""),
    ("refund",         "/v1/refunds/",         ""),
    ("dispute",        "/v1/disputes/",        ""),
];

fn asked(verified: &Verified) -> Option<Asked> {
    let event = Object::parse(verified.body(), "body").ok()?;
    if event.text("object").as_deref() != Some("v2.core.event") {
        return None;
    }
    let related = event.object("related_object", "related_object").ok()??;
    let (kind, id) = (related.text("type")?, related.text("id").filter(|id| is_plain(id))?);
    let (kind, before, after) = OBJECTS.iter().find(|(name, ..)| *name == kind)?;
    // The account that it happened in, where that is not the key's own.
    let context = event.text("context").filter(|context| context.split('/').all(is_plain));
    let headers = context.map(|context| ("stripe-context", context.into_owned())).into_iter().collect();
    Some(Asked { path: format!("{before}{id}{after}"), kind, id: id.into_owned(), headers })
}

fn read(asked: &Asked, answer: &[u8]) -> Result<Fetched<Told>, FetchError> {
    let object = Object::parse(answer, "body")?;
    let is_it = object.text("id").as_deref() == Some(&asked.id)
        && object.text("object").as_deref() == Some(asked.kind);
    if !is_it {
        return Err(FetchError::OtherObject);
    }
    let nothing = Object::default();
    let said = match asked.kind {
        "payment_intent" => payment_intent(&object)?,
        "charge" => stripe::said("charge.updated", &nothing, &object, &nothing)?,
        "refund" => stripe::said("refund.updated", &nothing, &object, &nothing)?,
        _ => stripe::said("charge.dispute.created", &nothing, &object, &nothing)?,
    };
    let (currency, exponent) = stripe::currency(&object);
    Ok(Fetched::Told(Told {
        event_type: said.event_type,
        // The event's own time: an object knows only when it was made.
        occurred_at: None,
        payment: said.payment.map(Cow::into_owned),
        amount: said.amount,
        currency,
        exponent,
        facts: said.facts,
    }))
}

/// By its status, since the event's name may be older than the object.
fn payment_intent<'a>(object: &Object<'a>) -> Result<Said<'a>, Malformed> {
    let status = object.text("status").unwrap_or_default();
    let failed = object.object("last_payment_error", "last_payment_error")?.is_some();
    let (event_type, state) = match &*status {
        "requires_payment_method" if failed => (EventType::PaymentFailed, OperationState::Failed),
        "requires_payment_method" | "requires_confirmation" => {
            (EventType::PaymentCreated, OperationState::Unknown)
        }
        "requires_action" => (EventType::PaymentRequiresAction, OperationState::RequiresAction),
        "processing" => (EventType::PaymentProcessing, OperationState::Pending),
        "requires_capture" => (EventType::PaymentAuthorized, OperationState::Succeeded),
        "succeeded" => (EventType::PaymentCaptured, OperationState::Succeeded),
        "canceled" => (EventType::PaymentCanceled, OperationState::Unknown),
        _ => return Err(Malformed::new("body", "status", "is not one of a PaymentIntent")),
    };
    let mut said = stripe::payment_intent(event_type, state, object)?;
    if let Some(charge) = object.object("latest_charge", "latest_charge")? {
        let nothing = Object::default();
        let charged = stripe::said("charge.updated", &nothing, &charge, &nothing)?;
        if charged.payment == said.payment {
            let new: Vec<_> = charged.facts.into_iter().filter(|fact| !said.facts.contains(fact)).collect();
            said.facts.extend(new);
        }
    }
    Ok(said)
}
