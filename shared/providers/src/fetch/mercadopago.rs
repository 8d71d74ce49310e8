//! Mercado Pago's payments
//! (<https://www.mercadopago.com/developers/en/reference/online-payments/checkout-api-payments/get-payment/get>).
//!
//! Ids are numbers, amounts JSON numbers in the currency's own unit. What the status does not tell by itself,
//! `status_detail` does: why a payment was canceled, how a chargeback ended.

use super::{AnswerForm, Api, Asked, CredentialForm, FetchError, Fetched, Question, Sent, Told};
use crate::Malformed;
use crate::json::Object;
use crate::normalise::operation;
use domain::{
    Currency, DisputeFunds, DisputeStage, EventType, Fact, OperationKind, OperationState, VoidCause,
    decimal_to_minor,
};
use jiff::Timestamp;

pub(super) static API: Api = Api {
    provider: "mercadopago",
    documentation: "https://www.mercadopago.com/developers/en/reference/online-payments/checkout-api-payments/get-payment/get",
    origin: "https://api.mercadopago.com",
    sandbox: None,
    credential: CredentialForm { prefixes: &["APP_USR-", "TEST-"], sent: Sent::Bearer },
    headers: &[],
    question: Question::Payment("/v1/payments/", ""),
    answer: AnswerForm::Code(read),
};

fn read(asked: &Asked, answer: &[u8]) -> Result<Fetched<Told>, FetchError> {
    let payment = Object::parse(answer, "body")?;
    if payment.scalar("id").as_deref() != Some(&asked.id) {
        return Err(FetchError::OtherObject);
    }
    let currency: Option<Currency> = payment.text("currency_id").and_then(|code| code.parse().ok());
    let exponent = currency.as_ref().and_then(Currency::exponent);
    let amount = amount(&payment, "transaction_amount", exponent)?;
    let mut facts: Vec<Fact> = amount.map(|amount| Fact::Requested { amount }).into_iter().collect();
    let reference = payment.scalar("external_reference");
    facts.extend(reference.map(|reference| Fact::MerchantReference { reference: reference.into_owned() }));
    let mut event_type = state(&asked.id, &payment, amount, &mut facts)?;
    let refunds = refunds(&payment, exponent, &mut facts)?;
    let told = refunds.filter(|_| event_type == EventType::PaymentCaptured);
    if let Some((refund_type, _)) = told {
        event_type = refund_type;
    }
    let occurred_at = payment.text("date_last_updated").and_then(|at| at.parse::<Timestamp>().ok());
    Ok(Fetched::Told(Told {
        event_type,
        occurred_at,
        payment: Some(asked.id.clone()),
        amount: told.and_then(|(_, amount)| amount).or(amount),
        currency,
        exponent,
        facts,
    }))
}

/// What the status says of the payment. A refund, a chargeback and a complaint are about one that was taken.
fn state(
    id: &str,
    payment: &Object<'_>,
    amount: Option<i64>,
    facts: &mut Vec<Fact>,
) -> Result<EventType, Malformed> {
    let status = payment.required_text("status")?;
    let detail = payment.text("status_detail").unwrap_or_default();
    let mut authorization =
        |state, amount| facts.push(operation(OperationKind::Authorization, id, state, amount));
    let event_type = match &*status {
        // Tickets and transfers: the payer has the instructions and is yet to pay.
        "pending" if detail.starts_with("pending_waiting") => {
            authorization(OperationState::RequiresAction, None);
            return Ok(EventType::PaymentRequiresAction);
        }
        "pending" | "in_process" => {
            authorization(OperationState::Pending, None);
            return Ok(EventType::PaymentProcessing);
        }
        "authorized" => {
            authorization(OperationState::Succeeded, amount);
            return Ok(EventType::PaymentAuthorized);
        }
        "rejected" => {
            authorization(OperationState::Failed, None);
            return Ok(EventType::PaymentFailed);
        }
        "cancelled" => {
            authorization(OperationState::Unknown, None);
            let expired = detail == "expired";
            let cause = if expired { VoidCause::Expired } else { VoidCause::Canceled };
            let (kind, state) = (OperationKind::Void, OperationState::Succeeded);
            facts.push(Fact::Operation { kind, id: id.to_owned(), state, amount: None, cause: Some(cause) });
            return Ok(if expired { EventType::PaymentExpired } else { EventType::PaymentCanceled });
        }
        "approved" | "refunded" => EventType::PaymentCaptured,
        "in_mediation" | "charged_back" => dispute(id, &status, &detail, amount, facts),
        _ => return Ok(EventType::ProviderOther),
    };
    facts.push(operation(OperationKind::Authorization, id, OperationState::Succeeded, amount));
    facts.push(operation(OperationKind::Capture, id, OperationState::Succeeded, amount));
    Ok(event_type)
}

/// A payment has one complaint or chargeback at a time; it is keyed by the payment.
fn dispute(id: &str, status: &str, detail: &str, amount: Option<i64>, facts: &mut Vec<Fact>) -> EventType {
    let (stage, funds, event_type) = match (status, detail) {
        ("charged_back", "settled") => {
            (DisputeStage::Lost, Some(DisputeFunds::Withdrawn), EventType::DisputeLost)
        }
        ("charged_back", "reimbursed") => {
            (DisputeStage::Won, Some(DisputeFunds::Reinstated), EventType::DisputeWon)
        }
        ("charged_back", _) => (DisputeStage::Open, Some(DisputeFunds::Withdrawn), EventType::DisputeOpened),
        _ => (DisputeStage::Open, None, EventType::DisputeOpened),
    };
    facts.push(Fact::Dispute { id: id.to_owned(), stage: Some(stage), amount, funds });
    event_type
}

/// The refunds one by one, and the last one's type and amount: the list is in the order in which they were made.
fn refunds(
    payment: &Object<'_>,
    exponent: Option<u8>,
    facts: &mut Vec<Fact>,
) -> Result<Option<(EventType, Option<i64>)>, Malformed> {
    let mut last = None;
    for refund in payment.list("refunds").unwrap_or_default() {
        let refund = Object::parse(refund.get().as_bytes(), "refunds")?;
        let Some(id) = refund.scalar("id") else { continue };
        let amount = amount(&refund, "amount", exponent)?;
        let (state, event_type) = match refund.text("status").as_deref() {
            Some("approved") => (OperationState::Succeeded, EventType::RefundSucceeded),
            Some("rejected" | "cancelled") => (OperationState::Failed, EventType::RefundFailed),
            _ => (OperationState::Pending, EventType::RefundPending),
        };
        facts.push(operation(OperationKind::Refund, &id, state, amount));
        last = Some((event_type, amount));
    }
    let total = amount(payment, "transaction_amount_refunded", exponent)?.filter(|total| *total > 0);
    facts.extend(total.map(|amount| Fact::Total { kind: OperationKind::Refund, amount }));
    Ok(last.or(total.map(|total| (EventType::RefundSucceeded, Some(total)))))
}

fn amount(object: &Object<'_>, name: &'static str, exponent: Option<u8>) -> Result<Option<i64>, Malformed> {
    let (Some(value), Some(exponent)) = (object.scalar(name), exponent) else { return Ok(None) };
    decimal_to_minor(&value, exponent)
        .map(Some)
        .map_err(|_| Malformed::new("body", name, "is not an amount of its currency"))
}
