//! Ids: a prefix that names the kind, then lower-case base32hex (RFC 4648 §7), whose text order is byte order.
//!
//! Ids that we mint (sources, endpoints, secrets, API keys) are UUIDv7, passed in as bytes, so they sort by
//! time. Ids that a repeat must give again (payments, events, deliveries) are hashes of what they stand for.
//!
//! A payment, its events and their deliveries share the first 16 characters, the **partition**: one DynamoDB
//! item collection per payment, found from any of the three ids without an index.

use crate::{EventType, Notification, WorkQueue, bounded_id};
use data_encoding::BASE32_DNSSEC as BASE32HEX_LOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

/// 80 bits, 16 characters. A collision would put two payments into one item collection, where their sort keys
/// (longer hashes) still keep them apart.
const PARTITION_BYTES: usize = 10;
const PARTITION_CHARS: usize = 16;
/// What a derived id adds to its partition: 120 bits.
const DERIVED_BYTES: usize = 15;
/// Of an event's id, without its prefix.
const EVENT_CHARS: usize = 40;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind} id: expected `{prefix}` and {chars} characters of 0-9 a-v")]
pub struct InvalidId {
    kind: &'static str,
    prefix: &'static str,
    chars: usize,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $prefix:literal, $chars:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let valid = text.strip_prefix($prefix).is_some_and(|rest| {
                    rest.len() == $chars && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'v'))
                });
                if valid {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidId { kind: $kind, prefix: $prefix, chars: $chars })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

macro_rules! minted {
    ($($name:ident)*) => {$(
        impl $name {
            /// `uuid` is a UUIDv7 (RFC 9562), so that ids sort by the time at which they were made.
            pub fn mint(uuid: [u8; 16]) -> Self {
                Self(format!("{}{}", Self::PREFIX, BASE32HEX_LOWER.encode(&uuid)))
            }
        }
    )*};
}

id!(/// One configured account at a provider.
    SourceId, "source", "src_", 26);
id!(/// A client app's URL.
    EndpointId, "endpoint", "ep_", 26);
id!(/// A signing secret of a source or an endpoint.
    SecretId, "secret", "sec_", 26);
id!(/// An API key; the key's own text contains it.
    ApiKeyId, "API key", "key_", 26);
id!(/// One payment: derived from the source and the provider's id of the payment.
    PaymentId, "payment", "pay_", 26);
id!(/// One notification from a provider: derived from the source and the dedupe key.
    EventId, "event", "evt_", 40);
id!(/// One event for one endpoint, sent as `webhook-id`: the event's id without its prefix, then a hash of both. So whoever
    /// has the delivery's id alone finds its event by one read.
    DeliveryId, "delivery", "dlv_", 56);

id!(/// One order to send events again.
    ReplayId, "replay", "rpl_", 26);
id!(/// One test call of an endpoint, sent as `webhook-id`; nothing is stored under it.
    TestId, "test", "tst_", 26);
id!(/// One request that was refused and kept: its source's partition, then a UUIDv7.
    QuarantineId, "quarantined request", "qrn_", 42);

id!(/// One message that could not be processed: derived from its queue and SQS's id of it.
    DeadLetterId, "dead letter", "dlt_", 26);

minted!(SourceId EndpointId SecretId ApiKeyId ReplayId TestId);

impl QuarantineId {
    /// `uuid` is a UUIDv7: the ids of a source sort by the time at which they were made. The partition is the
    /// source's own, so that a request is read by its id alone, and all of a source's by one Query.
    pub fn mint(source: &SourceId, uuid: [u8; 16]) -> Self {
        let digest = hash("quarantine", &[source.as_str()]);
        let own = BASE32HEX_LOWER.encode(&digest[..PARTITION_BYTES]);
        Self(format!("{}{own}{}", Self::PREFIX, BASE32HEX_LOWER.encode(&uuid)))
    }

    pub fn partition(&self) -> &str {
        partition(&self.0)
    }

    /// The partition of what `source` has in quarantine.
    pub fn partition_of(source: &SourceId) -> String {
        Self::mint(source, [0; 16]).partition().to_owned()
    }
}

impl DeadLetterId {
    /// `message_id` is SQS's, of the message that died first.
    pub fn derive(queue: WorkQueue, message_id: &str) -> Self {
        let digest = hash("dead letter", &[queue.as_str(), message_id]);
        Self(format!("{}{}", Self::PREFIX, BASE32HEX_LOWER.encode(&digest[..16])))
    }

    pub fn partition(&self) -> &str {
        partition(&self.0)
    }
}

impl PaymentId {
    pub fn derive(source: &SourceId, provider_payment_id: &str) -> Self {
        let provider_payment_id = bounded_id(provider_payment_id.to_owned());
        let digest = hash("payment", &[source.as_str(), &provider_payment_id]);
        Self(format!("{}{}", Self::PREFIX, BASE32HEX_LOWER.encode(&digest[..16])))
    }

    pub fn partition(&self) -> &str {
        partition(&self.0)
    }
}

impl EventId {
    /// `payment` is the payment that the event belongs to; an event without one gets a partition of its own.
    pub fn derive(source: &SourceId, payment: Option<&PaymentId>, dedupe_key: &str) -> Self {
        let payment_id = payment.map_or("", PaymentId::as_str);
        Self::in_partition(payment, &hash("event", &[source.as_str(), payment_id, dedupe_key]))
    }

    /// The id of a further notification under the same dedupe key whose content differs (`digest`).
    pub fn derive_conflicting(&self, digest: &str) -> Self {
        Self(derived(Self::PREFIX, partition(&self.0), &hash("conflict", &[&self.0, digest])))
    }

    /// The id of a notification under this id's dedupe key that nothing proves: by its content (`digest`), so that it
    /// neither takes the id of a genuine one nor contradicts it.
    pub fn derive_unproven(&self, digest: &str) -> Self {
        Self(derived(Self::PREFIX, partition(&self.0), &hash("unproven", &[&self.0, digest])))
    }

    /// Whether this is the id of `notification`: under its dedupe key, as one that contradicts an earlier one there, or
    /// as one that nothing proves.
    pub fn is_of(&self, source: &SourceId, notification: &Notification) -> bool {
        let payment = notification.provider_payment_id.as_deref().map(|id| PaymentId::derive(source, id));
        let id = Self::derive(source, payment.as_ref(), &notification.dedupe_key);
        let digest = notification.digest();
        *self == id || *self == id.derive_conflicting(&digest) || *self == id.derive_unproven(&digest)
    }

    /// The id of an event that we raise ourselves because of this one.
    pub fn derive_raised(&self, event_type: &str) -> Self {
        Self(derived(Self::PREFIX, partition(&self.0), &hash("raised", &[&self.0, event_type])))
    }

    /// The id of an operational event. `subject` is the id of what it is about, `key` tells it from others of its type.
    pub(crate) fn derive_notice(subject: &str, event_type: EventType, key: &str) -> Self {
        Self::in_partition(None, &hash("notice", &[subject, event_type.as_str(), key]))
    }

    fn in_partition(payment: Option<&PaymentId>, digest: &[u8; 32]) -> Self {
        let own = BASE32HEX_LOWER.encode(&digest[DERIVED_BYTES..DERIVED_BYTES + PARTITION_BYTES]);
        Self(derived(Self::PREFIX, payment.map_or(own.as_str(), PaymentId::partition), digest))
    }

    pub fn partition(&self) -> &str {
        partition(&self.0)
    }
}

impl DeliveryId {
    pub fn derive(event: &EventId, endpoint: &EndpointId) -> Self {
        let digest = hash("delivery", &[event.as_str(), endpoint.as_str()]);
        let own = BASE32HEX_LOWER.encode(&digest[..PARTITION_BYTES]);
        Self(format!("{}{}{own}", Self::PREFIX, &event.as_str()[EventId::PREFIX.len()..]))
    }

    pub fn event(&self) -> EventId {
        EventId(format!("{}{}", EventId::PREFIX, &self.0[Self::PREFIX.len()..][..EVENT_CHARS]))
    }

    pub fn partition(&self) -> &str {
        partition(&self.0)
    }
}

/// The prefixes of all ids with a partition are four characters long.
fn partition(id: &str) -> &str {
    &id[4..4 + PARTITION_CHARS]
}

fn derived(prefix: &str, partition: &str, digest: &[u8; 32]) -> String {
    format!("{prefix}{partition}{}", BASE32HEX_LOWER.encode(&digest[..DERIVED_BYTES]))
}

/// SHA-256 over the parts, each with its length, so that no two lists of parts read the same.
fn hash(domain: &str, parts: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in std::iter::once(&domain).chain(parts) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_names_its_event_and_differs_by_its_endpoint() {
        let source = SourceId::mint([1; 16]);
        let payment = PaymentId::derive(&source, "pi_1");
        let event = EventId::derive(&source, Some(&payment), "evt_1");
        let delivery = |endpoint| DeliveryId::derive(&event, &EndpointId::mint([endpoint; 16]));
        assert_eq!(delivery(1).event(), event);
        assert_eq!(delivery(1).partition(), payment.partition());
        assert_eq!(delivery(1).as_str().len(), 60);
        assert_eq!(delivery(1).as_str().parse(), Ok(delivery(1)));
        assert_ne!(delivery(1), delivery(2));
    }
}
