//! Whatever arrives, verifying and normalising it ends in a value.

use crate::support;
use jiff::Timestamp;
use proptest::prelude::*;
use providers::{Provider, Request, Secret, Settings};

const SECRETS: &[&str] = &[
    "",
    "whsec_test_3b7a9f0c1d2e4f5a6b7c8d9e0f1a2b3c",
    "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=",
    "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
    "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
];

fn header_name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("Stripe-Signature".to_owned()),
        Just("webhook-id".to_owned()),
        Just("webhook-timestamp".to_owned()),
        Just("webhook-signature".to_owned()),
        Just("svix-signature".to_owned()),
        Just("authorization".to_owned()),
        Just("openpayu-signature".to_owned()),
        Just("x-hook0-signature".to_owned()),
        Just("event-signature".to_owned()),
        Just("x-verify".to_owned()),
        Just("recurly-signature".to_owned()),
        Just("x-signature".to_owned()),
        Just("x-request-id".to_owned()),
        Just("plaid-verification".to_owned()),
        Just("paypal-cert-url".to_owned()),
        Just("paypal-transmission-time".to_owned()),
        Just("x-signature-sha256".to_owned()),
        any::<String>(),
    ]
}

fn header_value() -> impl Strategy<Value = String> {
    prop_oneof!["[tv0-9a=, .]{0,60}", "v1a?,[A-Za-z0-9+/]{86}==", "[0-9]{0,25}", any::<String>(),]
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        any_known_text().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((any_known_text(), inner), 0..10)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Names and values that lead deeper than random ones would.
fn any_known_text() -> impl Strategy<Value = String> {
    prop::sample::select(
        &[
            "id",
            "type",
            "data",
            "object",
            "created",
            "amount",
            "amount_received",
            "amount_captured",
            "status",
            "amount_refunded",
            "captured",
            "currency",
            "payment_intent",
            "charge",
            "metadata",
            "order_id",
            "refunds",
            "previous_attributes",
            "succeeded",
            "failed",
            "usd",
            "isk",
            "payment_intent.succeeded",
            "charge.refunded",
            "charge.captured",
            "refund.failed",
            "charge.dispute.closed",
            "won",
            "notificationItems",
            "NotificationRequestItem",
            "pspReference",
            "originalReference",
            "eventCode",
            "success",
            "value",
            "true",
            "AUTHORISATION",
            "CAPTURE_FAILED",
            "CANCEL_OR_REFUND",
            "additionalData",
            "hmacSignature",
            "eventDate",
            "payment.captured",
            "refund.succeeded",
            "dispute.lost",
            "timestamp",
            "payment_id",
            "funds",
            "event",
            "events",
            "event_type",
            "event_id",
            "payload",
            "payment",
            "entity",
            "refund",
            "transactions",
            "payment.updated",
            "payment.captured",
            "order.paid",
            "refund.processed",
            "payment_captured",
            "action",
            "resource_type",
            "links",
            "COMPLETED",
            "USDC",
            "12.50",
            "0.001",
            "1e400",
            "-0",
            "response",
            "order",
            "orderId",
            "refunds",
            "confirmed",
            "payments",
            "2026-11-22T12:00:00Z",
        ][..],
    )
    .prop_map(str::to_owned)
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        json().prop_map(|value| serde_json::to_vec(&value).unwrap()),
        envelope(),
        xml_in_a_form(),
    ]
}

/// Braintree's, more or less.
fn xml_in_a_form() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(
        &[
            "<notification>",
            "</notification>",
            "<kind>",
            "</kind>",
            "<subject>",
            "</subject>",
            "<transaction>",
            "</transaction>",
            "<id>",
            "</id>",
            "<amount>",
            "</amount>",
            "<currency-iso-code>",
            "</currency-iso-code>",
            "<a/>",
            "<a b=\"1\">",
            "<!DOCTYPE a [",
            "]>",
            "<!ENTITY x \"y\">",
            "&x;",
            "&amp;",
            "&#65;",
            "&#xD800;",
            "&",
            "<![CDATA[",
            "]]>",
            "<!--",
            "-->",
            "<?xml version=\"1.0\"?>",
            "transaction_settled",
            "USD",
            "1.00",
            " ",
            "<",
            ">",
            "\u{0}",
            "é",
        ][..],
    );
    let whole = "<notification><kind>transaction_settled</kind><subject><transaction><id>1</id><amount>1.00</amount>\
        <currency-iso-code>USD</currency-iso-code></transaction></subject></notification>";
    let cut = (0..whole.len()).prop_map(move |end| whole[..end].to_owned());
    let xml = prop_oneof![
        prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat()),
        cut,
        Just(whole.to_owned())
    ];
    xml.prop_map(|xml| {
        let payload = data_encoding::BASE64.encode(xml.as_bytes()).replace('+', "%2B");
        format!("bt_signature=k%7Cab&bt_payload={payload}").into_bytes()
    })
}

/// Payloads that get past the first checks.
fn envelope() -> impl Strategy<Value = Vec<u8>> {
    (any_known_text(), json(), json()).prop_map(|(kind, object, other)| {
        serde_json::to_vec(&serde_json::json!({
            "id": "evt_1",
            "type": kind,
            "data": {"object": object, "previous_attributes": other, "id": "x", "amount": 1},
            "notificationItems": [{"NotificationRequestItem": other}],
            "event": kind, "event_type": kind, "event_id": "1", "eventId": "1", "eventType": kind, "name": kind,
            "topic": kind, "events": [{"id": "1", "resource_type": "payments", "action": kind, "links": other}],
            "payload": {"payment": {"entity": object}, "refund": {"entity": other}},
            "order": object, "refund": other, "transactions": [object, other], "order_id": "o",
            "response": data_encoding::BASE64.encode(object.to_string().as_bytes()),
        }))
        .unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn verifying_never_panics(
        headers in prop::collection::vec((header_name(), header_value()), 0..6),
        body in body(),
        url in any::<String>(),
        now in -1_000_000_000_000i64..4_000_000_000_000,
    ) {
        let ids: Vec<_> = (0..5).map(support::secret_id).collect();
        let secrets: Vec<Secret<'_>> = ids.iter().zip(SECRETS).map(|(id, text)| Secret { id, text }).collect();
        let now = Timestamp::from_millisecond(now).unwrap();
        let request = Request { method: "POST", url: &url, headers: &headers, body: &body };
        for provider in Provider::all() {
            // Nothing random is genuine.
            prop_assert!(provider.verify(&request, &secrets, &Settings::new(), now).is_err());
            let settings = support::accepted(provider);
            let verified = provider.verify(&request, &secrets, &settings, now);
            prop_assert_eq!(verified.is_ok(), !provider.is_signed(), "{}", provider.id());
        }
    }

    #[test]
    fn normalising_never_panics(body in body(), automatic in any::<bool>()) {
        let capture = if automatic { "automatic" } else { "manual" };
        let settings = Settings::from([("capture".to_owned(), capture.to_owned())]);
        for provider in Provider::all() {
            let headers = [("webhook-id", "msg_1"), ("webhook-timestamp", "1")];
            let verified = support::verified(provider.id(), &headers, &body);
            for notification in verified.notifications(&settings).unwrap_or_default() {
                prop_assert!(!notification.dedupe_key.is_empty());
                prop_assert!(notification.facts.is_empty() || notification.provider_payment_id.is_some());
            }
        }
    }
}
