//! What is in the queues: releases that run side by side during a deployment read each other's messages, so a
//! change here needs a thought about both directions.

#![expect(clippy::unwrap_used, reason = "tests")]

use aws_lambda_events::sqs::SqsMessage;
use data_encoding::BASE64;
use domain::{
    BodyFormat, Delivery, DeliveryId, DeliveryStatus, EndpointId, EventId, EventType, MessageSubject,
    PaymentId, ReplayId, SecretId, SourceId,
};
use jiff::Timestamp;
use providers::{Provider, Request, Secret, Settings, VerifiedMeta};
use queue::{Carried, Confirmation, DeadMessage, DeliveryMessage, EventMessage, FetchMessage, Reply};
use serde_json::Value;
use std::time::Duration;

const BODY: &str = r#"{ "id": "evt_1", "spaces":  "as they came" }"#;

fn at() -> Timestamp {
    "2026-11-22T12:00:00.123Z".parse().unwrap()
}

fn meta() -> VerifiedMeta {
    let stripe = simulators::Stripe::new([9; 16]);
    let webhook = stripe.sign(BODY.to_owned(), at());
    let headers = webhook.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let headers: Vec<_> =
        headers.chain([("content-type".to_owned(), "application/json".to_owned())]).collect();
    let url = "https://pay.example/webhooks";
    let request = Request { method: "POST", url, headers: &headers, body: BODY.as_bytes() };
    let secret = Secret { id: &SecretId::mint([2; 16]), text: stripe.secret() };
    let provider = Provider::find("stripe").unwrap();
    provider.verify(&request, &[secret], &Settings::new(), at()).unwrap().into_parts().0
}

fn event_message(settings: &[(&str, &str)]) -> EventMessage {
    EventMessage {
        source: SourceId::mint([1; 16]),
        provider: "stripe".to_owned(),
        received_at: at(),
        settings: settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
        meta: meta(),
        body: BODY.into(),
        fetch: false,
        confirmation: None,
    }
}

/// The message with its body in clear: the compressed bytes may differ from one release of zstd to the next.
fn readable(message: &EventMessage) -> Value {
    let mut json: Value = serde_json::from_str(&message.encode()).unwrap();
    let compressed = BASE64.decode(json["body"].as_str().unwrap().as_bytes()).unwrap();
    let body = zstd::bulk::decompress(&compressed, 1000).unwrap();
    json["body"] = format!("base64 of zstd of: {}", String::from_utf8(body).unwrap()).into();
    json
}

fn event_id() -> EventId {
    let source = SourceId::mint([1; 16]);
    EventId::derive(&source, Some(&PaymentId::derive(&source, "pi_1")), "evt_1")
}

#[test]
fn an_event_message_carries_the_request_as_it_was_verified() {
    insta::assert_json_snapshot!("event_message", readable(&event_message(&[])));
    let with_settings = event_message(&[("id_header", "x-id"), ("account", "a")]);
    insta::assert_json_snapshot!("event_message_with_settings", readable(&with_settings));
}

#[test]
fn a_delivery_message_carries_what_its_attempt_needs() {
    let payload = r#"{"type":"payment.captured"}"#.to_owned();
    let endpoint = EndpointId::mint([3; 16]);
    let first = DeliveryMessage::first(
        event_id(),
        endpoint.clone(),
        EventType::PaymentCaptured,
        at(),
        Some(Carried::new(BodyFormat::Standard, payload.clone())),
    );
    let delivery = Delivery {
        id: DeliveryId::derive(&event_id(), &endpoint),
        event: event_id(),
        endpoint,
        event_type: EventType::PaymentCaptured,
        status: DeliveryStatus::Retrying,
        created_at: at(),
        next_attempt_at: None,
        dead_letter: None,
        attempts: Vec::new(),
    };
    let json = |message: &DeliveryMessage| serde_json::from_str::<Value>(&message.encode()).unwrap();
    insta::assert_json_snapshot!("delivery_message_first", json(&first));
    insta::assert_json_snapshot!("delivery_message_retry", json(&DeliveryMessage::retry(&delivery, 2, None)));
    let replayed = DeliveryMessage::retry(&delivery, 2, None).for_replay(ReplayId::mint([4; 16]));
    insta::assert_json_snapshot!("delivery_message_replay", json(&replayed));
    let headers = vec![("stripe-signature".to_owned(), "t=1".to_owned())];
    let raw = Carried { payload, format: BodyFormat::Raw, headers };
    let early = DeliveryMessage::retry(&delivery, 2, Some(raw));
    insta::assert_json_snapshot!("delivery_message_raw", json(&early));
    for message in [&first, &early, &replayed, &DeliveryMessage::retry(&delivery, 2, None)] {
        assert_eq!(DeliveryMessage::decode(&message.encode()).unwrap(), *message);
    }
    assert_eq!((early.delivery, early.created_at), (first.delivery, first.created_at));
}

#[test]
fn messages_that_the_dispatcher_sends_to_itself_count_themselves() {
    let endpoint = EndpointId::mint([3; 16]);
    let first = DeliveryMessage::first(event_id(), endpoint, EventType::PaymentCaptured, at(), None);
    assert!(!first.encode().contains("hops"), "what others send says nothing of it");
    let third = first.clone().because_of(&first.clone().because_of(&first));
    assert_eq!((third.hops, DeliveryMessage::decode(&third.encode()).unwrap()), (2, third.clone()));
}

#[test]
fn a_message_of_a_replay_comes_in_a_group_of_its_own() {
    let endpoint = EndpointId::mint([3; 16]);
    let first = DeliveryMessage::first(event_id(), endpoint.clone(), EventType::PaymentCaptured, at(), None);
    let live = first.clone().after(Duration::from_secs(2));
    assert_eq!(
        (live.delay, live.group, live.body),
        (Duration::from_secs(2), endpoint.to_string(), first.encode())
    );
    let replay = ReplayId::mint([4; 16]);
    let replayed = first.for_replay(replay.clone()).after(Duration::from_secs(7));
    assert_eq!((replayed.delay, replayed.group), (Duration::from_secs(7), format!("{endpoint}/{replay}")));
}

#[test]
fn an_event_message_comes_back_byte_for_byte() {
    for body in [BODY.as_bytes().to_vec(), Vec::new(), (0..=255).cycle().take(512 * 1024).collect()] {
        let sent = EventMessage { body, ..event_message(&[("account", "a")]) };
        let read = EventMessage::decode(&sent.encode()).unwrap();
        assert!(read.body == sent.body);
        assert_eq!((read.source, read.provider, read.received_at), (sent.source, sent.provider, at()));
        assert_eq!((read.settings, read.meta), (sent.settings, sent.meta));
    }
}

#[test]
fn a_question_and_its_answer_carry_the_webhook_as_it_was_verified() {
    let webhook = EventMessage { fetch: true, ..event_message(&[("account", "a")]) };
    let question = FetchMessage { event: event_id(), attempt: 3, deferred: 2, webhook };
    let read = FetchMessage::decode(&question.encode()).unwrap();
    assert_eq!((&read.event, read.attempt, read.webhook.fetch), (&event_id(), 3, true));
    assert_eq!((&read.webhook.body, &read.webhook.meta), (&question.webhook.body, &question.webhook.meta));
    for reply in [Reply::Answer(vec![0, 159, 146, 150]), Reply::Unknown, Reply::Unusable] {
        let confirmation = Some(Confirmation { event: event_id(), at: at(), reply });
        let sent = EventMessage { confirmation: confirmation.clone(), ..question.webhook.clone() };
        let read = EventMessage::decode(&sent.encode()).unwrap();
        assert_eq!((read.confirmation, read.body), (confirmation, sent.body));
    }
    let mut json: Value = serde_json::from_str(&question.encode()).unwrap();
    json["webhook"] = readable(&question.webhook);
    insta::assert_json_snapshot!("fetch_message", json);
    let confirmation = Some(Confirmation { event: event_id(), at: at(), reply: Reply::Unknown });
    insta::assert_json_snapshot!(
        "event_message_of_what_the_api_does_not_know",
        readable(&EventMessage { confirmation, ..event_message(&[]) })
    );
}

#[test]
fn what_can_not_be_read_is_refused_without_a_word_of_it() {
    let message = event_message(&[]).encode();
    let delivery =
        DeliveryMessage::first(event_id(), EndpointId::mint([3; 16]), EventType::PaymentCaptured, at(), None);
    let later = |text: &str| text.replacen("\"v\":1", "\"v\":2", 1);
    let complaints = [
        EventMessage::decode("secret").unwrap_err(),
        EventMessage::decode(&message[..message.len() - 1]).unwrap_err(),
        EventMessage::decode(&later(&message)).unwrap_err(),
        EventMessage::decode(&message.replacen("\"body\":\"", "\"body\":\"AAAA", 1)).unwrap_err(),
        EventMessage::decode(&message.replacen("\"body\":\"", "\"body\":\"%", 1)).unwrap_err(),
        DeliveryMessage::decode(&later(&delivery.encode())).unwrap_err(),
        DeliveryMessage::decode(&message).unwrap_err(),
    ];
    let complaints: Vec<String> = complaints.iter().map(ToString::to_string).collect();
    insta::assert_json_snapshot!("complaints", complaints);
}

#[test]
fn what_a_dead_message_is_about_is_told_by_its_envelope_alone() {
    let subject = |body: String| {
        let mut message = SqsMessage::default();
        message.body = Some(body);
        DeadMessage::read(&message).subject()
    };
    let source = Some(SourceId::mint([1; 16]));
    // Not even base64: nobody looks.
    let spoilt = event_message(&[]).encode().replacen("\"body\":\"", "\"body\":\"%", 1);
    let of_source = MessageSubject { source: source.clone(), ..MessageSubject::default() };
    assert_eq!(subject(spoilt), of_source);
    let confirmation = Some(Confirmation { event: event_id(), at: at(), reply: Reply::Unknown });
    let answer = EventMessage { confirmation, ..event_message(&[]) };
    let question = FetchMessage { event: event_id(), attempt: 3, deferred: 0, webhook: event_message(&[]) };
    let of_event = MessageSubject { event: Some(event_id()), ..of_source };
    assert_eq!(subject(answer.encode()), of_event);
    assert_eq!(subject(question.encode()), of_event);
    let endpoint = EndpointId::mint([3; 16]);
    let delivery =
        DeliveryMessage::first(event_id(), endpoint.clone(), EventType::PaymentCaptured, at(), None);
    let of_delivery = MessageSubject {
        source: None,
        endpoint: Some(endpoint.clone()),
        event: Some(event_id()),
        delivery: Some(DeliveryId::derive(&event_id(), &endpoint)),
    };
    assert_eq!(subject(delivery.encode()), of_delivery);
    for stranger in ["", "not json", "[]", "7", r#"{"source": "src_1", "event": "x"}"#, r#"{"source": 5}"#] {
        assert_eq!(subject(stranger.to_owned()), MessageSubject::default(), "{stranger}");
    }
}
