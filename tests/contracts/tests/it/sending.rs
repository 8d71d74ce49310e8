//! What `destinations` makes of queues and event buses.

use std::time::Duration;

use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use contracts::Clients;
use destinations::{About, Sender};
use domain::{EventId, EventType, FailureKind};
use jiff::Timestamp;
use platform::Clock;
use relay::{Answer, Client, EgressPolicy, HeaderName, HeaderValue, Limits, Place, Resolver, Signed};

use crate::sqs::Queue;

crate::checks!["sending":
    a_message_has_the_body_and_the_headers_of_a_delivery,
    a_fifo_queue_has_a_repeat_once,
    a_queue_or_a_bus_that_does_not_exist_is_answered_with_its_code,
    a_queue_of_our_own_is_sent_nothing,
    an_event_that_matches_a_rule_reaches_the_rules_queue,
];

const OWN: &str = "arn:aws:sqs:us-east-1:000000000000:payrelay-own";
const BODY: &str = r#"{"type":"payment.captured","data":{"payment":{"currency":"EUR"}}}"#;

fn sender(clients: &Clients) -> Sender {
    let client = Client::new(EgressPolicy::strict(), Limits::default(), Resolver::this_machine());
    Sender::new(client, &clients.aws, OWN, Clock::system()).unwrap()
}

fn arn(name: &str) -> String {
    format!("arn:aws:sqs:us-east-1:000000000000:{name}")
}

async fn send(sender: &Sender, place: &Place, id: &str) -> Answer {
    let event: EventId = format!("evt_{}{}", "p".repeat(16), "0".repeat(24)).parse().unwrap();
    let headers = [("content-type", "application/json"), ("webhook-id", id), ("webhook-signature", "v1,abc")]
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
    let signed = Signed { headers: headers.to_vec(), body: BODY.into() };
    let about = About {
        id,
        event: Some(&event),
        event_type: EventType::PaymentCaptured,
        time: Timestamp::UNIX_EPOCH,
        replay: None,
        asked_for: None,
    };
    sender.send(place, signed, &about, Duration::from_secs(10)).await.unwrap()
}

fn excerpt(answer: &Answer) -> (u16, &str) {
    let response = answer.outcome.as_ref().unwrap();
    (response.status, &response.excerpt)
}

async fn a_message_has_the_body_and_the_headers_of_a_delivery(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let answer = send(&sender(&clients), &Place::Sqs { arn: arn(&clients.name) }, "dlv_1").await;
    let message = queue.one().await;
    assert_eq!(excerpt(&answer), (200, format!("MessageId: {}", message.message_id().unwrap()).as_str()));
    assert_eq!(message.body(), Some(BODY));
    let mut attributes: Vec<_> = message.message_attributes().unwrap().iter().collect();
    attributes.sort_by_key(|(name, _)| *name);
    let attributes: Vec<_> =
        attributes.iter().map(|(name, value)| (name.as_str(), value.string_value().unwrap())).collect();
    let expected = [
        ("content-type", "application/json"),
        ("payrelay-event-type", "payment.captured"),
        ("webhook-id", "dlv_1"),
        ("webhook-signature", "v1,abc"),
    ];
    assert_eq!(attributes, expected);
    let group = &message.attributes().unwrap()[&MessageSystemAttributeName::MessageGroupId];
    assert_eq!(*group, "p".repeat(16));
}

async fn a_fifo_queue_has_a_repeat_once(clients: Clients) {
    let name = format!("{}.fifo", clients.name);
    let queue = Queue::create_named(&clients, &name, &[(QueueAttributeName::FifoQueue, "true")]).await;
    let (sender, place) = (sender(&clients), Place::Sqs { arn: arn(&name) });
    for _ in 0..2 {
        assert_eq!(excerpt(&send(&sender, &place, "dlv_1").await).0, 200);
    }
    queue.delete(&queue.one().await).await;
    assert!(queue.messages(1).await.is_empty());
}

async fn a_queue_or_a_bus_that_does_not_exist_is_answered_with_its_code(clients: Clients) {
    let sender = sender(&clients);
    let answer = send(&sender, &Place::Sqs { arn: arn(&clients.name) }, "dlv_1").await;
    let (status, text) = excerpt(&answer);
    assert!(status == 400 && text.contains("NonExistentQueue: "), "{status} {text}");

    let bus = format!("arn:aws:events:us-east-1:000000000000:event-bus/{}", clients.name);
    let answer = send(&sender, &Place::Eventbridge { arn: bus.clone() }, "dlv_1").await;
    let (status, text) = excerpt(&answer);
    assert!(status == 400 && text.starts_with("ResourceNotFoundException: "), "{status} {text}");
    clients.eventbridge.create_event_bus().name(&clients.name).send().await.unwrap();
    let answer = send(&sender, &Place::Eventbridge { arn: bus }, "dlv_1").await;
    assert!(excerpt(&answer).1.starts_with("EventId: "), "{:?}", excerpt(&answer));
}

async fn a_queue_of_our_own_is_sent_nothing(clients: Clients) {
    let queue = Queue::create_named(&clients, "payrelay-own", &[]).await;
    let answer = send(&sender(&clients), &Place::Sqs { arn: OWN.to_owned() }, "dlv_1").await;
    assert_eq!(answer.outcome.unwrap_err().kind(), FailureKind::BlockedAddress);
    assert!(queue.messages(0).await.is_empty());
}

async fn an_event_that_matches_a_rule_reaches_the_rules_queue(clients: Clients) {
    let (queue, client) = (Queue::create(&clients, &[]).await, &clients.eventbridge);
    client.create_event_bus().name(&clients.name).send().await.unwrap();
    let rules = [("matching", r#"["payment.captured"]"#), ("other", r#"["payment.failed"]"#)];
    for (rule, wanted) in rules {
        let pattern = format!(r#"{{"source":["payrelay"],"detail":{{"type":{wanted}}}}}"#);
        let put = client.put_rule().name(format!("{}-{rule}", clients.name)).event_bus_name(&clients.name);
        put.event_pattern(pattern).send().await.unwrap();
        let target = Target::builder().id(rule).arn(arn(&clients.name)).build().unwrap();
        let put = client.put_targets().rule(format!("{}-{rule}", clients.name)).event_bus_name(&clients.name);
        put.targets(target).send().await.unwrap();
    }
    let place = Place::Eventbridge {
        arn: format!("arn:aws:events:us-east-1:000000000000:event-bus/{}", clients.name),
    };
    assert_eq!(excerpt(&send(&sender(&clients), &place, "dlv_1").await).0, 200);
    let message = queue.one().await;
    let text = message.body().unwrap();
    for part in
        [r#""detail-type":"payment.captured""#, r#""source":"payrelay""#, r#""currency":"EUR""#, r#""dlv_1""#]
    {
        let without_spaces = text.replace(' ', "");
        assert!(without_spaces.contains(part), "{part} in {text}");
    }
    queue.delete(&message).await;
    assert!(queue.messages(1).await.is_empty(), "the other rule does not match");
}
