//! What receivers are sent: they parse it and keep it, so a change here is a change of the API.
//!
//! Here and not beside the module, because `providers` knows the `domain` that a unit test is not linked with.

#![expect(clippy::unwrap_used, reason = "tests")]

use domain::{
    Arrival, BodyFormat, Conditions, EndpointId, Event, EventId, Payment, PaymentId, SecretId, SourceId,
    StandardPayload,
};
use jiff::Timestamp;
use providers::{Provider, Request, Secret, Settings, Verified};
use std::collections::BTreeSet;

/// Trimmed to what is read of it, and then some.
const CHARGE: &str = r#"{
  "id": "evt_3Qcharge", "object": "event", "api_version": "2025-04-30.basil", "created": 1795348740,
  "data": {"object": {
    "id": "ch_3Q", "object": "charge", "amount": 4200, "amount_captured": 4200, "amount_refunded": 0,
    "captured": true, "created": 1795348739, "currency": "eur", "metadata": {"order_id": "1000"},
    "paid": true, "payment_intent": "pi_3Q", "refunded": false, "status": "succeeded"
  }},
  "livemode": true, "pending_webhooks": 1, "type": "charge.succeeded"
}"#;

const REFUND: &str = r#"{
  "id": "evt_3Qrefund", "object": "event", "api_version": "2025-04-30.basil", "created": 1795348800,
  "data": {"object": {
    "id": "re_3Q", "object": "refund", "amount": 1200, "charge": "ch_3Q", "created": 1795348799,
    "currency": "eur", "payment_intent": "pi_3Q", "reason": "requested_by_customer", "status": "succeeded"
  }},
  "livemode": true, "pending_webhooks": 1, "type": "refund.created"
}"#;

const COUPON: &str = r#"{
  "id": "evt_3Qcoupon", "object": "event", "created": 1795348740, "type": "coupon.created",
  "data": {"object": {"id": "SUMMER", "object": "coupon", "percent_off": 25}}
}"#;

fn at(second: i64) -> Timestamp {
    Timestamp::from_millisecond(1_795_348_741_250 + second * 1000).unwrap()
}

fn verified(body: &str, now: Timestamp) -> Verified {
    let stripe = simulators::Stripe::new([9; 16]);
    let webhook = stripe.sign(body.to_owned(), now);
    let headers: Vec<(String, String)> =
        webhook.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let url = "https://pay.example/webhooks";
    let request = Request { method: "POST", url, headers: &headers, body: webhook.body.as_bytes() };
    let secret = Secret { id: &SecretId::mint([2; 16]), text: stripe.secret() };
    Provider::find("stripe").unwrap().verify(&request, &[secret], &Settings::new(), now).unwrap()
}

/// Records a webhook as the consumer does, and gives its event.
fn record(payment: &mut Option<Payment>, body: &str, now: Timestamp) -> Event {
    let source = SourceId::mint([1; 16]);
    let verified = verified(body, now);
    let notification = verified.notifications(&Settings::new()).unwrap().remove(0);
    let payment_id = notification.provider_payment_id.as_deref().map(|id| PaymentId::derive(&source, id));
    let id = EventId::derive(&source, payment_id.as_ref(), &notification.dedupe_key);
    let transition = notification.provider_payment_id.clone().map(|provider_payment_id| {
        let new = || Payment::new(source.clone(), "stripe".to_owned(), provider_payment_id, id.clone(), now);
        let payment = payment.get_or_insert_with(new);
        let arrival = Arrival {
            received_at: now,
            verified_by: verified.verified_by(),
            confirmed_at: None,
            secret: verified.secret().cloned(),
        };
        payment.record(&id, &id, &notification, &arrival).transition
    });
    Event {
        id,
        source: Some(source),
        provider: "stripe".to_owned(),
        event_type: notification.event_type,
        payment: payment_id,
        received_at: now,
        verified_by: verified.verified_by(),
        confirmed_at: None,
        secret: verified.secret().cloned(),
        notification,
        transition,
        unconfirmed: None,
        notice: None,
        endpoints: vec![EndpointId::mint([3; 16])],
    }
}

#[test]
fn a_payload_tells_the_event_the_payment_after_it_and_what_changed() {
    let mut payment = None;
    let charge = record(&mut payment, CHARGE, at(0));
    let refund = record(&mut payment, REFUND, at(60));
    insta::assert_json_snapshot!("payload_of_a_new_payment", StandardPayload::from(&charge));
    insta::assert_json_snapshot!("payload_of_a_refund", StandardPayload::from(&refund));
}

#[test]
fn a_payload_without_a_payment_says_so() {
    let coupon = record(&mut None, COUPON, at(0));
    insta::assert_json_snapshot!("payload_without_a_payment", StandardPayload::from(&coupon));
}

#[test]
fn the_payload_of_a_stored_event_is_the_same_byte_for_byte() {
    let mut payment = None;
    for (second, body) in [CHARGE, REFUND].into_iter().enumerate() {
        let event = record(&mut payment, body, at(i64::try_from(second).unwrap()));
        let bytes = |event: &Event| serde_json::to_string(&StandardPayload::from(event)).unwrap();
        let mut stored: Event = serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap();
        assert_eq!(bytes(&stored), bytes(&event));
        // The store does not keep the facts: what became of them is in the transition.
        stored.notification.facts.clear();
        assert_eq!(bytes(&stored), bytes(&event));
    }
}

#[test]
fn each_format_tells_the_same_event_in_its_own_shape() {
    let mut payment = None;
    record(&mut payment, CHARGE, at(0));
    let refund = record(&mut payment, REFUND, at(60));
    let body = |format: BodyFormat| format.body(&refund).unwrap();
    let json = |format| serde_json::from_str::<serde_json::Value>(&body(format)).unwrap();
    insta::assert_json_snapshot!("cloudevent_of_a_refund", json(BodyFormat::Cloudevents));
    insta::assert_json_snapshot!("thin_payload_of_a_refund", json(BodyFormat::Thin));
    insta::assert_snapshot!("xml_payload_of_a_refund", body(BodyFormat::StandardXml));
    assert_eq!(json(BodyFormat::Standard), serde_json::to_value(StandardPayload::from(&refund)).unwrap());
    assert_eq!(json(BodyFormat::Cloudevents)["data"], json(BodyFormat::Standard)["data"]);
    assert_eq!(BodyFormat::Raw.body(&refund), None, "the request is kept beside the event");
}

#[test]
fn conditions_can_be_put_on_every_field_that_a_payload_has() {
    fn paths(value: &serde_json::Value, at: &str, found: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Object(members) => members.iter().for_each(|(name, member)| {
                let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                paths(member, &path, found);
                found.insert(path);
            }),
            serde_json::Value::Array(entries) => entries.iter().for_each(|entry| paths(entry, at, found)),
            _ => {}
        }
    }
    let mut payment = None;
    let mut found = BTreeSet::new();
    for (second, body) in [(0, CHARGE), (60, REFUND)] {
        let mut event = record(&mut payment, body, at(second));
        event.confirmed_at = Some(at(second));
        paths(&serde_json::to_value(StandardPayload::from(&event)).unwrap(), "", &mut found);
    }
    assert!(
        found.contains("data.payment.operations.kind") && found.contains("data.previous.amount_refunded")
    );
    for path in found {
        let condition = serde_json::json!({ &path: [{ "exists": true }] });
        assert!(Conditions::parse(&condition).is_ok(), "{path}: add it to FIELDS");
    }
}
