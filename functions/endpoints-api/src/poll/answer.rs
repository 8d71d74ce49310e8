//! What a poll answers.

use super::acknowledge::Named;
use data_encoding::BASE64;
use domain::{Delivery, DeliveryId, EventId, EventType, serde_time};
use http::{LARGEST_ANSWER, MAX_ANSWER_WEIGHT, weight};
use jiff::Timestamp;
use relay::Signed;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;

/// Of [`LARGEST_ANSWER`], what is not the body: the signatures, most of all.
const BESIDE_BODY: usize = 64 * 1024;

/// A delivery as it would have been sent: exactly what is signed.
#[derive(Debug, Serialize)]
pub(crate) struct PolledDelivery {
    id: DeliveryId,
    object: &'static str,
    #[serde(with = "serde_time")]
    created_at: Timestamp,
    event: EventId,
    #[serde(rename = "type")]
    event_type: EventType,
    #[serde(flatten)]
    message: Message,
}

/// The request that an endpoint of type `http` would get.
#[derive(Serialize)]
pub(crate) struct Message {
    /// By names in lower case.
    headers: BTreeMap<String, String>,
    body: String,
    /// Of `body`: `utf-8` as it stands, or `base64` where the bytes are not text, or too many as text.
    body_encoding: &'static str,
}

/// Without the body: payments are in it.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message").field("body_encoding", &self.body_encoding).finish_non_exhaustive()
    }
}

impl From<Signed> for Message {
    fn from(signed: Signed) -> Self {
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        // The endpoint's custom headers are what it wants to be called with, credentials perhaps: no answer shows them.
        for (name, value) in signed.headers.iter().filter(|(_, value)| !value.is_sensitive()) {
            let value = String::from_utf8_lossy(value.as_bytes());
            let line = headers.entry(name.as_str().to_owned()).or_default();
            // A list of lines is one line with commas (RFC 9110 §5.3).
            let separator = if line.is_empty() { "" } else { ", " };
            line.push_str(separator);
            line.push_str(&value);
        }
        let (body, body_encoding) = match String::from_utf8(signed.body.into()) {
            Ok(text) if fits_as_text(&text) => (text, "utf-8"),
            Ok(text) => (BASE64.encode(text.as_bytes()), "base64"),
            Err(error) => (BASE64.encode(error.as_bytes()), "base64"),
        };
        Self { headers, body, body_encoding }
    }
}

impl PolledDelivery {
    pub(super) fn new(delivery: &Delivery, signed: Signed) -> Self {
        Self {
            id: delivery.id.clone(),
            object: "polled_delivery",
            created_at: delivery.created_at,
            event: delivery.event.clone(),
            event_type: delivery.event_type,
            message: signed.into(),
        }
    }
}

/// A text with many quotes takes more bytes in an answer than its base64 does.
fn fits_as_text(text: &str) -> bool {
    /// `\u0001`, whose backslash counts twice.
    const MOST_BYTES_OF_A_CHARACTER: usize = 7;
    text.len() <= (LARGEST_ANSWER - BESIDE_BODY) / MOST_BYTES_OF_A_CHARACTER
        || weight(&serde_json::to_string(text).expect("a text serialises")) <= LARGEST_ANSWER - BESIDE_BODY
}

/// A delivery in its final form. Not `Debug`, as below.
pub(super) struct Packed {
    id: DeliveryId,
    text: Box<RawValue>,
    pub(super) weight: usize,
}

impl From<PolledDelivery> for Packed {
    fn from(polled: PolledDelivery) -> Self {
        let text = to_raw_value(&polled).expect("plain data serialises");
        let weight = weight(text.get());
        Self { id: polled.id, text, weight }
    }
}

/// An answer in the making. Not `Debug`: payments are in it.
#[derive(Default)]
pub(super) struct Answer {
    data: Vec<Box<RawValue>>,
    named: Named,
    weight: usize,
    has_more: bool,
}

#[derive(Serialize)]
pub(super) struct View<'a> {
    object: &'static str,
    data: &'a [Box<RawValue>],
    /// Names what is in `data`. Also where that is nothing, so that a client can always send the last one back.
    cursor: String,
    has_more: bool,
}

impl Answer {
    pub(super) fn len(&self) -> usize {
        self.data.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Adds a delivery if there is room for it, and tells whether. For the first there always is.
    pub(super) fn takes(&mut self, packed: Packed, revision: u64) -> bool {
        if !self.is_empty() && self.weight + packed.weight > MAX_ANSWER_WEIGHT {
            return false;
        }
        self.weight += packed.weight;
        self.data.push(packed.text);
        self.named.0.push((packed.id, revision));
        true
    }

    /// Something waits that is not part of it.
    pub(super) fn and_more(self) -> Self {
        Self { has_more: true, ..self }
    }

    pub(super) fn view(&self, cursor: impl FnOnce(&str) -> String) -> View<'_> {
        View {
            object: "poll",
            data: &self.data,
            cursor: cursor(&self.named.position()),
            has_more: self.has_more,
        }
    }
}

#[cfg(test)]
mod tests;
