//! What the fuzz targets share: how a fuzzer's bytes become a request to a source, and what must be true of all
//! that is read from one.
//!
//! The input of the targets is text, much like an HTTP message, so that golden vectors become a corpus by writing
//! them down (`tests/fuzz/corpus`), and a crash reads as what it is:
//!
//! ```text
//! stripe https://payrelay.example/webhooks/src_1 1795348800
//! !whsec_secret
//! ~setting: value
//! Header: value
//!
//! the body
//! ```

use domain::{Arrival, EventId, Notification, Payment, PaymentId, SecretId, SourceId, VerifiedBy};
use jiff::Timestamp;
use providers::{Provider, Settings};

/// A request to a source, as the fuzzer wants it.
#[derive(Debug)]
pub struct Input<'a> {
    pub provider: &'static Provider,
    pub url: &'a str,
    pub now: Timestamp,
    pub secrets: Vec<&'a str>,
    pub settings: Settings,
    pub headers: Vec<(String, String)>,
    pub body: &'a [u8],
}

impl<'a> Input<'a> {
    /// `None` where the head is not in the form above: the fuzzer learns to leave it alone.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let end = bytes.windows(2).position(|pair| pair == b"\n\n")?;
        let (head, body) = (std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 2..]);
        let mut lines = head.split('\n');
        let mut first = lines.next()?.split(' ');
        let provider = Provider::find(first.next()?)?;
        let url = first.next()?;
        let now = Timestamp::from_second(first.next()?.parse().ok()?).ok()?;
        let mut input = Self {
            provider,
            url,
            now,
            secrets: Vec::new(),
            settings: Settings::new(),
            headers: Vec::new(),
            body,
        };
        for line in lines {
            if let Some(secret) = line.strip_prefix('!') {
                input.secrets.push(secret);
            } else if let Some((name, value)) = line.strip_prefix('~').and_then(|rest| rest.split_once(": ")) {
                // A value of several lines (a key in PEM) is written with `\n`.
                input.settings.insert(name.to_owned(), value.replace("\\n", "\n"));
            } else {
                let (name, value) = line.split_once(": ")?;
                input.headers.push((name.to_owned(), value.to_owned()));
            }
        }
        Some(input)
    }

    /// An id for each of the secrets.
    pub fn secret_ids(&self) -> Vec<SecretId> {
        (0..self.secrets.len()).map(|index| SecretId::mint([index as u8; 16])).collect()
    }
}

/// Whatever a payload said, it can be recorded, derived from and shown.
pub fn record(provider: &Provider, notifications: &[Notification], now: Timestamp) {
    let source = SourceId::mint([1; 16]);
    let arrival = Arrival { received_at: now, verified_by: VerifiedBy::Signature, secret: None, confirmed_at: None };
    for notification in notifications {
        assert!(!notification.dedupe_key.is_empty(), "a notification without a dedupe key");
        let digest = notification.digest();
        assert_eq!(digest, notification.clone().digest());
        let Some(id) = notification.provider_payment_id.as_deref() else { continue };
        let payment_id = PaymentId::derive(&source, id);
        let event = EventId::derive(&source, Some(&payment_id), &notification.dedupe_key);
        let mut payment =
            Payment::new(source.clone(), provider.id().to_owned(), id.to_owned(), event.clone(), now);
        let first = payment.record(&event, &event, notification, &arrival);
        assert_eq!(payment.state_version, first.transition.state_version);
        let derived = payment.ledger.derive();
        // A repeat changes nothing, however odd the event.
        payment.outbox.clear();
        payment.record(&event, &event, notification, &arrival);
        assert_eq!(payment.ledger.derive(), derived, "a repeat changed the payment");
    }
}
