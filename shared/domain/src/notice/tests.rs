use super::*;
use crate::{BodyFormat, Candidate, DeliveryStatus, Endpoint};
use serde_json::{Value, json};

fn endpoint(number: u8) -> EndpointId {
    EndpointId::mint([number; 16])
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("in range")
}

fn health() -> Health {
    Health { consecutive_failures: 25, failing_since: at(0), next_probe_at: None, warned_percent: None }
}

fn delivery(event_type: EventType) -> Delivery {
    let event = Notice::recovered(&endpoint(9), &health(), at(0)).id;
    Delivery {
        id: DeliveryId::derive(&event, &endpoint(1)),
        event,
        endpoint: endpoint(1),
        event_type,
        status: DeliveryStatus::Exhausted,
        created_at: at(0),
        next_attempt_at: None,
        attempts: Vec::new(),
    }
}

#[test]
fn the_same_notice_has_the_same_id_whenever_it_is_raised_and_another_has_another() {
    let ids = |at| {
        [
            Notice::failing(&endpoint(1), &health(), None, at).id,
            Notice::failing(&endpoint(1), &health(), Some(50), at).id,
            Notice::failing(&endpoint(2), &health(), None, at).id,
            Notice::recovered(&endpoint(1), &health(), at).id,
            Notice::disabled(&endpoint(1), self::at(0), DisabledReason::Gone, at).id,
            Notice::disabled(&endpoint(1), self::at(1), DisabledReason::Gone, at).id,
        ]
    };
    assert_eq!(ids(at(1)), ids(at(2)));
    assert_eq!(ids(at(1)).iter().collect::<std::collections::BTreeSet<_>>().len(), 6);
}

#[test]
fn a_notice_is_told_in_every_format_of_ours() {
    let event = Notice::failing(&endpoint(1), &health(), Some(50), at(3));
    let json = |format: BodyFormat| -> Value {
        serde_json::from_str(&format.body(&event).expect("built")).expect("JSON")
    };
    let notice =
        json!({ "endpoint": endpoint(1), "failing_since": "2027-01-15T08:00:00.000Z", "percent": 50 });
    let standard = json(BodyFormat::Standard);
    assert_eq!(
        (&standard["type"], &standard["data"]["event"]["notice"]),
        (&json!("endpoint.failing"), &notice)
    );
    for absent in ["source", "verified_by", "payment"] {
        assert_eq!(standard["data"]["event"].get(absent), None, "{absent}");
    }
    let cloud = json(BodyFormat::Cloudevents);
    assert_eq!(cloud["source"], format!("/v1/endpoints/{}", endpoint(1)));
    assert_eq!(json(BodyFormat::Thin)["data"], json!({ "event": event.id, "endpoint": endpoint(1) }));
}

#[test]
fn a_notice_is_for_every_endpoint_that_wants_it_but_the_one_that_it_is_about() {
    let taker = |number: u8, sources: Value| -> Endpoint {
        serde_json::from_value(json!({
            "id": endpoint(number), "destination": {"type": "http", "url": "https://shop.example/"}, "name": "", "event_types": ["endpoint.*"],
            "sources": sources, "format": "standard", "status": "active", "secrets": [],
            "created_at": at(0), "updated_at": at(0),
        }))
        .expect("an endpoint")
    };
    let event = Notice::recovered(&endpoint(1), &health(), at(3));
    let candidate = Candidate::event(&event);
    assert!(taker(2, json!([])).wants(&candidate));
    assert!(!taker(1, json!([])).wants(&candidate));
    let reasons = taker(1, json!([])).judge(&candidate);
    let against: Vec<&str> = reasons.iter().filter(|r| !r.holds).map(|r| r.part.as_str()).collect();
    assert_eq!(against, ["notice"]);
    let of_one_source = json!([crate::SourceId::mint([1; 16])]);
    assert!(!taker(2, of_one_source).wants(&candidate), "it comes from no source");
}

#[test]
fn the_delivery_of_a_notice_that_is_given_up_is_not_told_of() {
    let payments = Notice::exhausted(&delivery(EventType::PaymentCaptured)).expect("told");
    assert_eq!(
        payments.notice.and_then(|notice| notice.delivery),
        Some(delivery(EventType::PaymentCaptured).id)
    );
    for event_type in EventType::ALL.iter().filter(|event_type| event_type.is_notice()) {
        assert_eq!(Notice::exhausted(&delivery(*event_type)), None, "{event_type}");
    }
}
