//! The messages: versioned JSON. A new field is optional; a changed meaning gets the next version.

use crate::Outgoing;
use data_encoding::BASE64;
use domain::{
    BodyFormat, Delivery, DeliveryId, DeliveryStatus, EndpointId, EventId, EventType, ReplayId, SourceId,
    serde_time,
};
use jiff::Timestamp;
use providers::VerifiedMeta;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

const VERSION: u8 = 1;

/// The largest body of a webhook. Lambda takes requests of 6 MB
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>), in which API Gateway writes a body as base64,
/// four bytes for three. 64 KiB are for the rest of the request, whose headers API Gateway limits to 10 KiB.
pub const MAX_BODY_BYTES: usize = (6 * 1024 - 64) * 1024 / 4 * 3;

/// The longest message that is sent. SQS takes 1 MiB with the attributes, such as the reason beside a dead letter.
pub const MAX_MESSAGE_BYTES: usize = (1024 - 8) * 1024;

/// The longest message about a webhook: it may become part of the question to the provider's API, and of its answer.
pub const MAX_EVENT_MESSAGE_BYTES: usize = MAX_MESSAGE_BYTES - 8 * 1024;

const COMPRESSION_LEVEL: i32 = 3;

/// EventsQueue: one verified webhook, as it came.
#[derive(Debug, Clone)]
pub struct EventMessage {
    pub source: SourceId,
    pub provider: String,
    pub received_at: Timestamp,
    /// The source's settings at that moment: what the bytes mean depends on them.
    pub settings: BTreeMap<String, String>,
    /// What verification found.
    pub meta: VerifiedMeta,
    /// Byte-exact.
    pub body: Vec<u8>,
    /// Whether the source has a credential for the provider's API, so that what the request does not prove can be
    /// asked there.
    pub fetch: bool,
    /// What the API told, once it was asked.
    pub confirmation: Option<Confirmation>,
}

/// What the provider's API told about an event that was recorded without proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// The event, as it was recorded.
    pub event: EventId,
    pub at: Timestamp,
    pub reply: Reply,
}

/// What came of asking a provider's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The API's answer, byte for byte.
    Answer(Vec<u8>),
    /// The API does not know what the event names.
    Unknown,
    /// There was no answer that could be used. The question is a dead letter and may be asked again.
    Unusable,
}

/// FetchesQueue: a question to a provider's API.
#[derive(Debug, Clone)]
pub struct FetchMessage {
    /// The event, as it was recorded.
    pub event: EventId,
    /// The number of the call, 1 for the first.
    pub attempt: u32,
    /// How often it was put off because the provider's API had been asked enough.
    pub deferred: u32,
    /// The webhook that the event came in. It goes back to EventsQueue with the answer, so that nothing has to be
    /// read for it.
    pub webhook: EventMessage,
}

/// DeliveriesQueue and SlowDeliveriesQueue: one attempt to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryMessage {
    v: u8,
    pub delivery: DeliveryId,
    pub event: EventId,
    pub endpoint: EndpointId,
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// When the delivery came into being.
    #[serde(with = "serde_time")]
    pub created_at: Timestamp,
    /// The number of the attempt, 1 for the first.
    pub attempt: u32,
    /// Asked for through the API: beside the schedule.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub manual: bool,
    /// The replay that it is made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<ReplayId>,
    /// How many messages the dispatcher has sent to itself in a row, each because of the last, this one included.
    /// Lambda's recursion detection counts them as well.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hops: u8,
    /// The delivery may have been queued before, by a consumer that did not come to the end: its first attempt may be
    /// recorded already, which is looked up then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// The body to send, so that the first attempts need no read. Without it the event is read.
    #[serde(flatten)]
    pub carried: Option<Carried>,
}

/// A body that travels with its message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    pub payload: String,
    /// What it is. An endpoint that has been given another format since gets that: the event is read.
    #[serde(default, skip_serializing_if = "BodyFormat::is_standard")]
    pub format: BodyFormat,
    /// Of the provider's request, for [`BodyFormat::Raw`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
}

impl Carried {
    /// A body of ours.
    pub fn new(format: BodyFormat, payload: String) -> Self {
        Self { payload, format, headers: Vec::new() }
    }
}

/// A message that no repeat will make readable. The reason never quotes the message.
#[derive(Debug, thiserror::Error)]
pub enum Undecodable {
    #[error("the message is not the JSON that is expected")]
    Json(#[source] serde_json::Error),
    #[error("the message has version {0}, which this release does not read")]
    Version(u8),
    #[error("the message's body is not base64 of zstd")]
    Body,
}

#[derive(Serialize, Deserialize)]
struct EventEnvelope<M> {
    v: u8,
    source: SourceId,
    provider: String,
    #[serde(with = "serde_time")]
    received_at: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    settings: BTreeMap<String, String>,
    meta: M,
    body: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    fetch: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confirmation: Option<ConfirmationEnvelope>,
}

#[derive(Serialize, Deserialize)]
struct ConfirmationEnvelope {
    event: EventId,
    #[serde(with = "serde_time")]
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    /// There was no answer, or none that could be used; without it, an absent answer means that nothing is known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unusable: bool,
}

#[derive(Serialize, Deserialize)]
struct FetchEnvelope<W> {
    v: u8,
    event: EventId,
    attempt: u32,
    #[serde(default, skip_serializing_if = "is_none")]
    deferred: u32,
    webhook: W,
}

#[derive(Deserialize)]
struct Versioned {
    v: u8,
}

impl EventMessage {
    pub fn encode(&self) -> String {
        serde_json::to_string(&self.envelope()).expect("plain data serialises")
    }

    pub fn decode(text: &str) -> Result<Self, Undecodable> {
        check_version(text)?;
        Self::open(serde_json::from_str(text).map_err(Undecodable::Json)?)
    }

    fn envelope(&self) -> EventEnvelope<&VerifiedMeta> {
        EventEnvelope {
            v: VERSION,
            source: self.source.clone(),
            provider: self.provider.clone(),
            received_at: self.received_at,
            settings: self.settings.clone(),
            meta: &self.meta,
            body: pack(&self.body),
            fetch: self.fetch,
            confirmation: self.confirmation.as_ref().map(|confirmation| ConfirmationEnvelope {
                event: confirmation.event.clone(),
                at: confirmation.at,
                answer: match &confirmation.reply {
                    Reply::Answer(answer) => Some(pack(answer)),
                    Reply::Unknown | Reply::Unusable => None,
                },
                unusable: confirmation.reply == Reply::Unusable,
            }),
        }
    }

    fn open(envelope: EventEnvelope<VerifiedMeta>) -> Result<Self, Undecodable> {
        let confirmation = match envelope.confirmation {
            Some(ConfirmationEnvelope { event, at, answer, unusable }) => {
                let reply = match answer {
                    Some(answer) => Reply::Answer(unpack(&answer)?),
                    None if unusable => Reply::Unusable,
                    None => Reply::Unknown,
                };
                Some(Confirmation { event, at, reply })
            }
            None => None,
        };
        Ok(Self {
            source: envelope.source,
            provider: envelope.provider,
            received_at: envelope.received_at,
            settings: envelope.settings,
            meta: envelope.meta,
            body: unpack(&envelope.body)?,
            fetch: envelope.fetch,
            confirmation,
        })
    }
}

impl FetchMessage {
    pub fn encode(&self) -> String {
        let envelope = FetchEnvelope {
            v: VERSION,
            event: self.event.clone(),
            attempt: self.attempt,
            deferred: self.deferred,
            webhook: self.webhook.envelope(),
        };
        serde_json::to_string(&envelope).expect("plain data serialises")
    }

    pub fn decode(text: &str) -> Result<Self, Undecodable> {
        check_version(text)?;
        let envelope: FetchEnvelope<EventEnvelope<VerifiedMeta>> =
            serde_json::from_str(text).map_err(Undecodable::Json)?;
        let webhook = EventMessage::open(envelope.webhook)?;
        Ok(Self { event: envelope.event, attempt: envelope.attempt, deferred: envelope.deferred, webhook })
    }
}

fn pack(plain: &[u8]) -> String {
    let compressed =
        zstd::bulk::compress(plain, COMPRESSION_LEVEL).expect("compressing to memory does not fail");
    BASE64.encode(&compressed)
}

fn unpack(text: &str) -> Result<Vec<u8>, Undecodable> {
    let compressed = BASE64.decode(text.as_bytes()).map_err(|_| Undecodable::Body)?;
    zstd::bulk::decompress(&compressed, MAX_BODY_BYTES).map_err(|_| Undecodable::Body)
}

impl DeliveryMessage {
    pub fn first(
        event: EventId,
        endpoint: EndpointId,
        event_type: EventType,
        created_at: Timestamp,
        carried: Option<Carried>,
    ) -> Self {
        let delivery = DeliveryId::derive(&event, &endpoint);
        Self {
            v: VERSION,
            delivery,
            event,
            endpoint,
            event_type,
            created_at,
            attempt: 1,
            manual: false,
            replay: None,
            hops: 0,
            again: false,
            carried,
        }
    }

    /// Attempt `number` of a delivery that is stored already.
    pub fn retry(delivery: &Delivery, number: u32, carried: Option<Carried>) -> Self {
        Self {
            v: VERSION,
            delivery: delivery.id.clone(),
            event: delivery.event.clone(),
            endpoint: delivery.endpoint.clone(),
            event_type: delivery.event_type,
            created_at: delivery.created_at,
            attempt: number,
            manual: false,
            replay: None,
            hops: 0,
            again: false,
            carried,
        }
    }

    /// The first message once more, where it may have been queued before.
    #[must_use]
    pub fn sent_again(self, again: bool) -> Self {
        Self { again, ..self }
    }

    /// Sent by the dispatcher because of `cause`.
    #[must_use]
    pub fn because_of(self, cause: &Self) -> Self {
        Self { hops: cause.hops.saturating_add(1), ..self }
    }

    /// An attempt that somebody asked for.
    #[must_use]
    pub fn by_hand(mut self) -> Self {
        self.manual = true;
        self
    }

    /// An attempt that somebody asked for, with others.
    #[must_use]
    pub fn for_replay(self, replay: ReplayId) -> Self {
        Self { replay: Some(replay), ..self.by_hand() }
    }

    /// The delivery as it was before its first attempt.
    pub fn unattempted(&self) -> Delivery {
        Delivery {
            id: self.delivery.clone(),
            event: self.event.clone(),
            endpoint: self.endpoint.clone(),
            event_type: self.event_type,
            status: DeliveryStatus::Pending,
            created_at: self.created_at,
            next_attempt_at: None,
            dead_letter: None,
            attempts: Vec::new(),
        }
    }

    /// As it is queued.
    pub fn after(&self, delay: Duration) -> Outgoing {
        Outgoing { body: self.encode(), delay, group: self.group() }
    }

    /// Whose message it is. A replay's are its own: SQS's fair queues then see its backlog apart from the live deliveries
    /// to the same endpoint, and let these pass.
    pub fn group(&self) -> String {
        match &self.replay {
            Some(replay) => format!("{}/{replay}", self.endpoint),
            None => self.endpoint.to_string(),
        }
    }

    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("plain data serialises")
    }

    pub fn decode(text: &str) -> Result<Self, Undecodable> {
        check_version(text)?;
        serde_json::from_str(text).map_err(Undecodable::Json)
    }
}

fn is_none(number: &u32) -> bool {
    *number == 0
}

fn is_zero(number: &u8) -> bool {
    *number == 0
}

fn check_version(text: &str) -> Result<(), Undecodable> {
    let Versioned { v } = serde_json::from_str(text).map_err(Undecodable::Json)?;
    if v == VERSION { Ok(()) } else { Err(Undecodable::Version(v)) }
}
