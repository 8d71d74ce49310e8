//! What a provider's notification says, in our words: the output of `providers`, the input of the ledger.

use crate::bounds::{MAX_DEDUPE_KEY_BYTES, bounded, bounded_id, bounded_reference};
use crate::{Currency, EventType};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Before the SHA-256 of what is signed, in hex, at the end of a dedupe key that is made of it.
pub const CONTENT_KEY: &str = "sha256:";

/// One notification, normalised. What the payload does not say stays absent; nothing is guessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Equal for every repeat of the same notification, unique among all others of the source.
    pub dedupe_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_event_id: Option<String>,
    /// The provider's own name of what happened, for example `charge.refunded`.
    pub provider_type: String,
    pub event_type: EventType,
    /// When it happened, by the provider's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// Orders this notification among those of the same payment, where the provider numbers its versions; the
    /// time in microseconds otherwise. See [`Notification::order`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// The provider's id of the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_payment_id: Option<String>,
    /// The provider's id of the object that the notification is about, where it is not the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_id: Option<String>,
    /// The amount that the notification is about, in minor units of `exponent` digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// The provider's exponent for `currency`; ISO 4217's but for documented exceptions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exponent: Option<u8>,
    /// What the ledger learns. Empty for notifications that say nothing about a payment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
}

impl Notification {
    /// The order of this notification among those of its payment: never the time of arrival.
    pub fn order(&self) -> i64 {
        self.version.or(self.occurred_at.map(|at| at.as_microsecond())).unwrap_or(0)
    }

    /// The same, with no text of the provider's that exceeds a key or an item; see [`crate::bounded_id`].
    #[must_use]
    pub fn bounded(mut self) -> Self {
        // What says that the key is made of the content stays.
        let content = self.content_key().map(ToOwned::to_owned);
        let own = self.dedupe_key.len() - content.as_ref().map_or(0, String::len);
        self.dedupe_key.truncate(own);
        self.dedupe_key = bounded(self.dedupe_key, MAX_DEDUPE_KEY_BYTES) + &content.unwrap_or_default();
        self.provider_type = bounded_id(self.provider_type);
        for id in [&mut self.provider_event_id, &mut self.provider_payment_id, &mut self.object_id] {
            *id = id.take().map(bounded_id);
        }
        for fact in &mut self.facts {
            match fact {
                Fact::Operation { id, .. } | Fact::Dispute { id, .. } => *id = bounded_id(std::mem::take(id)),
                Fact::MerchantReference { reference } => {
                    *reference = bounded_reference(std::mem::take(reference));
                }
                Fact::Requested { .. } | Fact::Total { .. } => {}
            }
        }
        self
    }

    /// The end of a dedupe key that is made of the content.
    fn content_key(&self) -> Option<&str> {
        let end = &self.dedupe_key[self.dedupe_key.rfind(CONTENT_KEY)?..];
        let hash = &end[CONTENT_KEY.len()..];
        (hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(end)
    }

    /// Distinguishes two notifications under one dedupe key by what they say, not by their bytes: a provider
    /// may serialise a repeat differently (Stripe counts `pending_webhooks` down).
    pub fn digest(&self) -> String {
        let said = (
            &self.provider_type,
            &self.provider_payment_id,
            self.order(),
            self.amount,
            &self.currency,
            &self.facts,
        );
        let bytes = match self.content_key().is_some() {
            // Only what is not part of the content can differ, such as a type in a header that nobody signed.
            true => self.dedupe_key.clone().into_bytes(),
            false => serde_json::to_vec(&said).expect("plain data serialises"),
        };
        data_encoding::BASE32_DNSSEC.encode(&Sha256::digest(bytes)[..10])
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// The state of one operation. `id` is the provider's own id of it. Two notifications about the same
    /// operation must use the same `id`: the ledger adds up operations, never notifications.
    Operation {
        kind: OperationKind,
        id: String,
        state: OperationState,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<i64>,
        /// Only for [`OperationKind::Void`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<VoidCause>,
    },
    Dispute {
        id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stage: Option<DisputeStage>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<i64>,
        /// Whether the disputed money has been taken from the account, where the notification says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        funds: Option<DisputeFunds>,
    },
    /// The amount that the merchant asked for.
    Requested { amount: i64 },
    /// The merchant's own reference of the payment.
    MerchantReference { reference: String },
    /// The provider's running total over all operations of a kind, those in flight included. Never added to a
    /// sum: it stands in for operations that the provider does not report one by one.
    Total { kind: OperationKind, amount: i64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    Authorization,
    Capture,
    Void,
    Refund,
}

/// The states of an operation, in rank order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// It exists; nothing has been tried yet.
    Unknown,
    RequiresAction,
    Pending,
    Failed,
    Succeeded,
    /// Undone after it had succeeded; only a provider's explicit reversal says so (CAPTURE_FAILED,
    /// REFUND_FAILED, REFUNDED_REVERSED, ...).
    Reversed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoidCause {
    Canceled,
    Expired,
}

/// The stages of a dispute, in rank order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStage {
    /// An inquiry or early notice; no money is claimed yet.
    Warning,
    Open,
    Won,
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeFunds {
    Withdrawn,
    Reinstated,
}
