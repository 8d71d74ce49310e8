//! What the formats have in common, and helpers for their own tests.

use crate::{Settings, Verified, VerifiedMeta};
use domain::{Derived, EventId, Ledger, Notification, SourceId};

/// Normalises a body as if it had been verified.
pub(super) fn normalise(
    provider: &str,
    settings: &[(&str, &str)],
    body: &str,
) -> Result<Vec<Notification>, super::Malformed> {
    let meta = serde_json::json!({
        "provider": provider,
        "scheme": "test",
        "covers": "body",
        "secret": domain::SecretId::mint([0; 16]),
        "headers": [
            ["webhook-id", "msg_1"],
            ["webhook-timestamp", "1795348800"],
            ["x-shopify-topic", "orders/updated"],
        ],
    });
    let meta: VerifiedMeta = serde_json::from_value(meta).expect("the shape of the queue");
    let settings: Settings =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Verified::from_parts(meta, body.as_bytes().to_vec()).notifications(&settings)
}

/// The payment that the notifications amount to, in every rotation of their order the same one.
pub(super) fn fold(notifications: &[Notification]) -> Derived {
    let folded = |notifications: &mut dyn Iterator<Item = &Notification>| {
        let mut ledger = Ledger::default();
        for notification in notifications {
            let source = SourceId::mint([0; 16]);
            ledger.apply(&EventId::derive(&source, None, &notification.dedupe_key), notification);
        }
        ledger
    };
    let ledger = folded(&mut notifications.iter());
    for start in 0..notifications.len() {
        let (head, tail) = notifications.split_at(start);
        assert_eq!(folded(&mut tail.iter().chain(head)), ledger, "rotated by {start}");
        assert_eq!(folded(&mut tail.iter().chain(head).rev()), ledger, "rotated by {start} and reversed");
    }
    ledger.derive()
}

#[test]
fn every_provider_calls_a_body_that_is_no_object_malformed() {
    // Forms, of which every text is one; they lack their id.
    let forms = ["mollie", "nuvei", "opennode", "braintree", "paddle_classic"];
    for provider in crate::Provider::all() {
        for body in ["", "[]", "1", "{", "{\"id\":\"\u{0}"] {
            // The generic provider reads no more than what it is told to.
            let malformed = normalise(provider.id(), &[("event_id", "id")], body).expect_err(body);
            let expected = malformed.field() == "body" || forms.contains(&provider.id());
            assert!(expected, "{}: {malformed}", provider.id());
        }
    }
}

#[test]
fn a_batch_of_nothing_and_missing_ids_are_malformed() {
    let field = |provider, body| normalise(provider, &[], body).expect_err(body).field();
    assert_eq!(field("adyen", "{}"), "notificationItems");
    assert_eq!(field("adyen", r#"{"notificationItems":[]}"#), "notificationItems");
    assert_eq!(field("stripe", r#"{"type":"x"}"#), "id");
    assert_eq!(field("stripe", r#"{"id":"evt_1"}"#), "type");
    assert_eq!(field("stripe", r#"{"id":"","type":"x"}"#), "id");
    assert_eq!(field("standard_webhooks", r#"{"data":{}}"#), "type");
}
