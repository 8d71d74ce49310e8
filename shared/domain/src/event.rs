//! Events: verified notifications as they are kept and shown.

use crate::{
    EndpointId, EventId, Notice, Notification, PaymentId, SecretId, SourceId, Transition, serde_time,
    serde_time_option,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

macro_rules! event_types {
    ($($variant:ident $name:literal $doc:literal),* $(,)?) => {
        /// The closed list of normalised event types.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum EventType {
            $(#[doc = $doc] #[serde(rename = $name)] $variant,)*
        }

        impl EventType {
            pub const ALL: &'static [EventType] = &[$(EventType::$variant),*];

            pub fn as_str(self) -> &'static str {
                match self { $(EventType::$variant => $name),* }
            }

            /// One line for the documentation.
            pub fn description(self) -> &'static str {
                match self { $(EventType::$variant => $doc),* }
            }
        }
    };
}

event_types! {
    PaymentCreated "payment.created" "The payment exists; nothing has been tried yet.",
    PaymentRequiresAction "payment.requires_action" "The payer has to do something (3-D Secure, a transfer).",
    PaymentProcessing "payment.processing" "The provider is waiting for the outcome.",
    PaymentAuthorized "payment.authorized" "Money is reserved.",
    PaymentPartiallyCaptured "payment.partially_captured" "Part of the authorised amount was captured.",
    PaymentCaptured "payment.captured" "Money was captured.",
    PaymentCanceled "payment.canceled" "The payment or its authorisation was canceled.",
    PaymentExpired "payment.expired" "The payment or its authorisation ran out of time.",
    PaymentFailed "payment.failed" "The payment, or a capture of it, failed.",
    PaymentUnverified "payment.unverified" "Something was said about a payment that nothing proves; it moved no money. Ask the provider.",
    PaymentConflicted "payment.conflicted" "Facts about the payment contradict each other.",
    PaymentDoubleLossRisk "payment.double_loss_risk" "A disputed payment is also being refunded.",
    RefundPending "refund.pending" "A refund was requested.",
    RefundSucceeded "refund.succeeded" "A refund succeeded.",
    RefundFailed "refund.failed" "A refund failed.",
    RefundReversed "refund.reversed" "A refund that had succeeded came back.",
    DisputeWarning "dispute.warning" "An inquiry or an early notice of a dispute.",
    DisputeOpened "dispute.opened" "A dispute was opened.",
    DisputeUpdated "dispute.updated" "Something about a dispute changed.",
    DisputeWon "dispute.won" "A dispute was decided for the merchant.",
    DisputeLost "dispute.lost" "A dispute was decided against the merchant.",
    SourceTest "source.test" "The provider's own test of the webhook.",
    ProviderOther "provider.other" "Something that is not about a payment.",
    EndpointTest "endpoint.test" "Sent to one endpoint when its test is asked for; never recorded.",
    EndpointFailing "endpoint.failing" "Deliveries to an endpoint keep failing.",
    EndpointDisabled "endpoint.disabled" "An endpoint gets no more deliveries.",
    EndpointRecovered "endpoint.recovered" "An endpoint answers again.",
    DeliveryExhausted "delivery.exhausted" "A delivery failed at every try.",
    SourceSilent "source.silent" "Nothing genuine has come from a source for as long as it says.",
    QuarantineGrowing "quarantine.growing" "Many webhooks of a source were refused and kept today.",
}

impl EventType {
    /// Whether we raise it ourselves: no request of a provider's stands for it.
    pub fn is_raised(self) -> bool {
        let is_about_payment = matches!(self, Self::PaymentConflicted | Self::PaymentDoubleLossRisk);
        is_about_payment || self == Self::EndpointTest || self.is_notice()
    }
}

impl EventType {
    /// The type of an event that claims to be of this one while nothing proves it: whoever acts on types alone must not
    /// take a claim for money. What claims nothing about a payment stays what it is.
    #[must_use]
    pub fn unproven(self) -> Self {
        match self {
            Self::SourceTest | Self::ProviderOther => self,
            _ => Self::PaymentUnverified,
        }
    }

    /// Whether it is operational: about our own work, and not about a payment.
    pub fn is_notice(self) -> bool {
        matches!(
            self,
            Self::EndpointFailing
                | Self::EndpointDisabled
                | Self::EndpointRecovered
                | Self::DeliveryExhausted
                | Self::SourceSilent
                | Self::QuarantineGrowing
        )
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an event type")]
pub struct UnknownEventType;

impl FromStr for EventType {
    type Err = UnknownEventType;

    fn from_str(name: &str) -> Result<Self, UnknownEventType> {
        Self::ALL.iter().copied().find(|event_type| event_type.as_str() == name).ok_or(UnknownEventType)
    }
}

/// How we know that the event is genuine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifiedBy {
    Signature,
    /// Confirmed by a call to the provider's API.
    Api,
    None,
}

/// What the event did to its payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    Applied,
    Ignored,
    Unverified,
}

/// Why an event changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IgnoredReason {
    /// Everything that it says was known already, or is older than what is known.
    NothingNew,
    /// It says nothing about a payment.
    NotAPayment,
    /// Nothing proves what it says; the provider's API is being asked.
    AwaitingConfirmation,
    /// Nothing proves what it says, and the provider's API was not asked: the source had no credential for it.
    NoCredential,
    /// The provider's API was asked and gave no answer that could be used. The question is a dead letter, and can be
    /// asked again from there.
    ConfirmationFailed,
    /// The provider's API does not know what it names.
    UnknownToProvider,
    /// Only the provider's API told which payment it is about, and ids rest on that: it is recorded with its payment
    /// as an event of its own, with the same `provider_event_id`.
    RecordedWithPayment,
}

/// One event as it is stored. What it did to its payment is part of it, so that the same notification can be
/// built again, byte for byte, at any later time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub id: EventId,
    /// Absent for what is not about a source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceId>,
    pub provider: String,
    pub event_type: EventType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentId>,
    #[serde(with = "serde_time")]
    pub received_at: Timestamp,
    pub verified_by: VerifiedBy,
    /// When the provider's API confirmed it, if it did.
    #[serde(with = "serde_time_option", default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Timestamp>,
    /// The secret that verified it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretId>,
    pub notification: Notification,
    /// What it did to its payment; absent for events that are not about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transition: Option<Transition>,
    /// Why the provider's API has not confirmed what could be asked of it; absent for all other events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed: Option<IgnoredReason>,
    /// What it is about, if it is operational.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Notice>,
    /// The endpoints that it was matched to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<EndpointId>,
}

impl Event {
    /// Whether it is kept from receivers: what nothing proves is not relayed while its truth may still be told by the
    /// provider's API, or once that has denied it. What nobody asks about is relayed as what it is, a claim.
    pub fn is_withheld(&self) -> bool {
        self.unconfirmed.is_some_and(|reason| reason != IgnoredReason::NoCredential)
    }
}
