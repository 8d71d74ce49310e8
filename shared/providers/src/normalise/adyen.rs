//! Adyen's standard notifications (<https://docs.adyen.com/development-resources/webhooks/webhook-types>).
//!
//! A modification (capture, refund, ...) names its payment as `originalReference` and itself as `pspReference`;
//! the payment itself has only the latter. A dispute keeps one `pspReference` through all its events
//! (<https://docs.adyen.com/risk-management/disputes-api/dispute-notifications>). Codes and their examples were read in
//! `json/Webhooks-v1.json` of <https://github.com/Adyen/adyen-openapi>.
//!
//! - [`UNNAMED`] dispute codes name the payment as `originalReference` only where the Customer Area's setting "Include the
//!   originalReference for CHARGEBACK_REVERSED events" (webhook, additional settings, Risk) is on. Without it they can't
//!   be joined to the dispute that they decide.
//! - Not confirmed: whether the REFUND that follows a POSTPONED_REFUND has its `pspReference` (so the latter books nothing);
//!   whether a capture that Adyen makes again after a CAPTURE_FAILED has a new one.
//!
//! The signature covers `pspReference`, `originalReference`, `merchantAccountCode`, `merchantReference`,
//! `amount`, `eventCode` and `success`, and facts are made of these alone, with two exceptions: `eventDate` orders
//! the events of a payment, and `modification.action` tells which of the two a CANCEL_OR_REFUND was.

use super::{Malformed, exponent, operation};
use crate::json::Object;
use crate::{Settings, Verified};
use domain::{
    Currency, DisputeFunds, DisputeStage, EventType, Fact, Notification, OperationKind, OperationState,
    VoidCause,
};

/// Where Adyen's minor unit is not ISO 4217's (<https://docs.adyen.com/development-resources/currency-codes>).
const EXPONENTS: &[(&str, u8)] = &[("CLP", 2), ("CVE", 0), ("IDR", 0), ("ISK", 2)];

/// What an event code means.
#[derive(Clone, Copy)]
enum Meaning {
    /// The payment's first answer.
    Authorisation,
    /// The authorised amount was changed to this one.
    Adjustment,
    /// The payment is being decided.
    Pending,
    /// The payer let the time to pay run out; nothing was reserved.
    OfferClosed,
    /// What was not captured is given back.
    Void(VoidCause),
    /// One or the other, as `modification.action` says.
    VoidOrRefund,
    Capture,
    Refund,
    /// Undoes an operation that had succeeded; it has that operation's `pspReference`. Whether `success` is true
    /// says nothing: the code does.
    Reversal(OperationKind, EventType),
    /// Cancels a refund at a terminal: the refund is what `originalReference` names.
    VoidRefund,
    /// Sent by hand from the Customer Area.
    Test,
    Dispute(EventType, Option<DisputeStage>, Option<DisputeFunds>),
}

#[rustfmt::skip]
const EVENT_CODES: &[(&str, Meaning)] = &[
    ("AUTHORISATION",            Meaning::Authorisation),
    ("AUTHORISATION_ADJUSTMENT", Meaning::Adjustment),
    ("PENDING",                  Meaning::Pending),
    ("OFFER_CLOSED",             Meaning::OfferClosed),
    ("EXPIRE",                   Meaning::Void(VoidCause::Expired)),
    ("CANCELLATION",             Meaning::Void(VoidCause::Canceled)),
    ("TECHNICAL_CANCEL",         Meaning::Void(VoidCause::Canceled)),
    ("CANCEL_OR_REFUND",         Meaning::VoidOrRefund),
    ("CAPTURE",                  Meaning::Capture),
    ("CAPTURE_FAILED",           Meaning::Reversal(OperationKind::Capture, EventType::PaymentFailed)),
    ("REFUND",                   Meaning::Refund),
    ("REFUND_WITH_DATA",         Meaning::Refund),
    ("REFUND_FAILED",            Meaning::Reversal(OperationKind::Refund, EventType::RefundFailed)),
    ("REFUNDED_REVERSED",        Meaning::Reversal(OperationKind::Refund, EventType::RefundReversed)),
    ("VOID_PENDING_REFUND",      Meaning::VoidRefund),
    ("NOTIFICATIONTEST",         Meaning::Test),
    ("REQUEST_FOR_INFORMATION",    Meaning::Dispute(EventType::DisputeWarning, Some(DisputeStage::Warning), None)),
    // The dispute is announced; the money is taken with CHARGEBACK.
    ("NOTIFICATION_OF_CHARGEBACK", Meaning::Dispute(EventType::DisputeWarning, Some(DisputeStage::Warning), None)),
    ("INFORMATION_SUPPLIED",       Meaning::Dispute(EventType::DisputeUpdated, None, None)),
    ("ISSUER_COMMENTS",            Meaning::Dispute(EventType::DisputeUpdated, None, None)),
    ("CHARGEBACK",                 Meaning::Dispute(EventType::DisputeOpened, Some(DisputeStage::Open), Some(DisputeFunds::Withdrawn))),
    // Not final: a second chargeback may follow.
    ("CHARGEBACK_REVERSED",        Meaning::Dispute(EventType::DisputeWon, Some(DisputeStage::Won), Some(DisputeFunds::Reinstated))),
    ("SECOND_CHARGEBACK",          Meaning::Dispute(EventType::DisputeLost, Some(DisputeStage::Lost), Some(DisputeFunds::Withdrawn))),
    ("PREARBITRATION_OPEN",        Meaning::Dispute(EventType::DisputeOpened, Some(DisputeStage::Open), None)),
    // Adyen's pages differ on whether this is the end; if it is, a SECOND_CHARGEBACK follows.
    ("PREARBITRATION_ACCEPTED",    Meaning::Dispute(EventType::DisputeUpdated, None, None)),
    ("PREARBITRATION_DECLINED",    Meaning::Dispute(EventType::DisputeUpdated, None, None)),
    // Not final either: the issuer may open it again.
    ("PREARBITRATION_ISSUER_WITHDRAWN", Meaning::Dispute(EventType::DisputeWon, Some(DisputeStage::Won), None)),
    ("SCHEME_ARBITRATION",         Meaning::Dispute(EventType::DisputeUpdated, Some(DisputeStage::Open), None)),
    ("SCHEME_ARBITRATION_WON",     Meaning::Dispute(EventType::DisputeWon, Some(DisputeStage::Won), None)),
    // The SECOND_CHARGEBACK that follows takes the money, with the fees.
    ("SCHEME_ARBITRATION_LOST",    Meaning::Dispute(EventType::DisputeLost, Some(DisputeStage::Lost), None)),
    ("PREARBITRATION_WON",         Meaning::Dispute(EventType::DisputeWon, Some(DisputeStage::Won), None)),
    ("PREARBITRATION_LOST",        Meaning::Dispute(EventType::DisputeLost, Some(DisputeStage::Lost), Some(DisputeFunds::Withdrawn))),
    ("ISSUER_RESPONSE_TIMEFRAME_EXPIRED", Meaning::Dispute(EventType::DisputeWon, Some(DisputeStage::Won), None)),
    ("DISPUTE_DEFENSE_PERIOD_ENDED",      Meaning::Dispute(EventType::DisputeLost, Some(DisputeStage::Lost), None)),
];

/// See the module. By Adyen's words on that setting, their `pspReference` is the payment's while it is off.
const UNNAMED: &[&str] =
    &["CHARGEBACK_REVERSED", "SECOND_CHARGEBACK", "PREARBITRATION_WON", "PREARBITRATION_LOST"];

/// The signed fields of one item.
struct Item<'a> {
    /// The payment's `pspReference`.
    payment: &'a str,
    /// The item's own.
    psp: &'a str,
    success: bool,
    amount: Option<i64>,
    /// Whether the merchant account captures by itself; see the setting `capture`.
    captures_automatically: bool,
    modification_action: Option<&'a str>,
}

pub(crate) fn notifications(
    verified: &Verified,
    settings: &Settings,
) -> Result<Vec<Notification>, Malformed> {
    let body = Object::parse(verified.body(), "body")?;
    let items = body.list("notificationItems").unwrap_or_default();
    if items.is_empty() {
        return Err(Malformed::new("body", "notificationItems", "is missing or empty"));
    }
    let automatic = settings.get("capture").is_some_and(|capture| capture == "automatic");
    items
        .into_iter()
        .map(|item| {
            let wrapper = Object::parse(item.get().as_bytes(), "notificationItems")?;
            let item = wrapper
                .object("NotificationRequestItem", "NotificationRequestItem")?
                .ok_or(Malformed::new("notificationItems", "NotificationRequestItem", "is missing"))?;
            notification(&item, automatic)
        })
        .collect()
}

fn notification(item: &Object<'_>, captures_automatically: bool) -> Result<Notification, Malformed> {
    // Documented as strings; what is not one signs the same, so it is read the same.
    let required =
        |name| item.scalar(name).ok_or(Malformed::new("NotificationRequestItem", name, "is missing"));
    let psp = required("pspReference")?;
    let code = required("eventCode")?;
    let success = item
        .scalar("success")
        .map(|success| success.to_ascii_lowercase())
        .filter(|success| matches!(success.as_ref(), "true" | "false"))
        .ok_or(Malformed::new("NotificationRequestItem", "success", "is neither true nor false"))?;
    let original = item.scalar("originalReference");
    let amount = item.object("amount", "NotificationRequestItem.amount")?.unwrap_or_default();
    let currency: Option<Currency> = amount.text("currency").and_then(|code| code.parse().ok());
    let value = match amount.text("value") {
        Some(digits) => Some(
            digits
                .parse()
                .map_err(|_| Malformed::new("NotificationRequestItem.amount", "value", "is no integer"))?,
        ),
        None => amount.amount("value")?,
    };
    let additional =
        item.object("additionalData", "NotificationRequestItem.additionalData")?.unwrap_or_default();
    let meaning = EVENT_CODES.iter().find(|(name, _)| *name == code).map(|(_, meaning)| *meaning);

    let action = additional.text("modification.action");
    let said = Item {
        payment: original.as_deref().unwrap_or(&psp),
        psp: &psp,
        success: success == "true",
        amount: value,
        captures_automatically,
        modification_action: action.as_deref(),
    };
    let (event_type, mut facts) = match meaning {
        Some(meaning) => said.facts(meaning),
        None => (EventType::ProviderOther, Vec::new()),
    };
    // A dispute's own reference is no payment's.
    let nameless = original.is_none()
        && match meaning {
            Some(Meaning::Dispute(..)) => !UNNAMED.contains(&code.as_ref()),
            meaning => matches!(meaning, None | Some(Meaning::Test)),
        };
    if nameless {
        facts.clear();
    }
    // A modification may carry a reference of its own.
    if let (Some(Meaning::Authorisation | Meaning::Pending | Meaning::OfferClosed), Some(reference)) =
        (meaning, item.scalar("merchantReference"))
    {
        facts.push(Fact::MerchantReference { reference: reference.into_owned() });
    }
    // What we do not know may be about anything (a report has a `pspReference` too), unless it names a payment.
    let payment = original.as_deref().or((!nameless).then_some(psp.as_ref()));
    Ok(Notification {
        dedupe_key: format!("{psp}:{code}:{success}"),
        provider_event_id: None,
        provider_type: code.clone().into_owned(),
        event_type,
        occurred_at: item.text("eventDate").and_then(|date| date.parse().ok()),
        version: None,
        provider_payment_id: payment.map(str::to_owned),
        object_id: (payment != Some(psp.as_ref())).then(|| psp.clone().into_owned()),
        amount: value,
        exponent: currency.as_ref().and_then(|currency| exponent(currency, EXPONENTS)),
        currency,
        facts,
    })
}

impl Item<'_> {
    fn facts(&self, meaning: Meaning) -> (EventType, Vec<Fact>) {
        use OperationKind::{Authorization, Capture, Refund};
        use OperationState::{Failed, Pending, Reversed, Succeeded};
        match meaning {
            Meaning::Authorisation if !self.success => {
                let facts = vec![operation(Authorization, self.payment, Failed, None)];
                (EventType::PaymentFailed, self.requested(facts))
            }
            Meaning::Authorisation => {
                let mut facts = vec![operation(Authorization, self.payment, Succeeded, self.amount)];
                let mut event_type = EventType::PaymentAuthorized;
                if self.captures_automatically && self.amount != Some(0) {
                    facts.push(operation(Capture, self.payment, Succeeded, self.amount));
                    event_type = EventType::PaymentCaptured;
                }
                (event_type, self.requested(facts))
            }
            // A refused adjustment leaves the authorisation as it was.
            Meaning::Adjustment if !self.success => (EventType::ProviderOther, Vec::new()),
            Meaning::Adjustment => (
                EventType::PaymentAuthorized,
                vec![operation(Authorization, self.payment, Succeeded, self.amount)],
            ),
            Meaning::Pending => {
                let facts = vec![operation(Authorization, self.payment, Pending, None)];
                (EventType::PaymentProcessing, self.requested(facts))
            }
            Meaning::OfferClosed => {
                // Zero, not "all that is left": an authorisation that comes in late must not be given back.
                let facts = vec![
                    operation(Authorization, self.payment, Failed, None),
                    self.void(Succeeded, Some(0), VoidCause::Expired),
                ];
                (EventType::PaymentExpired, self.requested(facts))
            }
            Meaning::Void(cause) => self.voided(cause),
            Meaning::VoidOrRefund => match self.modification_action {
                Some("cancel") => self.voided(VoidCause::Canceled),
                Some("refund") => self.refunded(),
                _ => (EventType::ProviderOther, Vec::new()),
            },
            Meaning::Capture if self.success => (EventType::PaymentCaptured, vec![self.capture(Succeeded)]),
            Meaning::Capture => (EventType::PaymentFailed, vec![self.capture(Failed)]),
            Meaning::Refund => self.refunded(),
            Meaning::Reversal(Capture, event_type) => (event_type, vec![self.capture(Reversed)]),
            Meaning::Reversal(kind, event_type) => {
                (event_type, vec![operation(kind, self.psp, Reversed, self.amount)])
            }
            Meaning::VoidRefund if !self.success => (EventType::ProviderOther, Vec::new()),
            Meaning::VoidRefund => {
                (EventType::RefundReversed, vec![operation(Refund, self.payment, Reversed, self.amount)])
            }
            Meaning::Test => (EventType::SourceTest, Vec::new()),
            Meaning::Dispute(event_type, stage, funds) => {
                let id = self.psp.to_owned();
                (event_type, vec![Fact::Dispute { id, stage, amount: self.amount, funds }])
            }
        }
    }

    fn requested(&self, mut facts: Vec<Fact>) -> Vec<Fact> {
        facts.extend(self.amount.map(|amount| Fact::Requested { amount }));
        facts
    }

    /// Where the account captures by itself there is one capture, the one that the authorisation stood for; a
    /// report about it must not become a second.
    fn capture(&self, state: OperationState) -> Fact {
        let id = if self.captures_automatically { self.payment } else { self.psp };
        operation(OperationKind::Capture, id, state, self.amount)
    }

    fn refunded(&self) -> (EventType, Vec<Fact>) {
        let (event_type, state) = if self.success {
            (EventType::RefundSucceeded, OperationState::Succeeded)
        } else {
            (EventType::RefundFailed, OperationState::Failed)
        };
        (event_type, vec![operation(OperationKind::Refund, self.psp, state, self.amount)])
    }

    /// A cancellation gives back whatever was not captured, so its own amount is not needed. One that was
    /// refused changes nothing about the payment and has no name of its own among our types.
    fn voided(&self, cause: VoidCause) -> (EventType, Vec<Fact>) {
        if !self.success {
            return (EventType::ProviderOther, vec![self.void(OperationState::Failed, None, cause)]);
        }
        let event_type = match cause {
            VoidCause::Canceled => EventType::PaymentCanceled,
            VoidCause::Expired => EventType::PaymentExpired,
        };
        (event_type, vec![self.void(OperationState::Succeeded, None, cause)])
    }

    fn void(&self, state: OperationState, amount: Option<i64>, cause: VoidCause) -> Fact {
        Fact::Operation {
            kind: OperationKind::Void,
            id: self.psp.to_owned(),
            state,
            amount,
            cause: Some(cause),
        }
    }
}

#[cfg(test)]
mod tests;
