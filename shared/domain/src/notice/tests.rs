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
        dead_letter: None,
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

fn source() -> SourceId {
    SourceId::mint([7; 16])
}

fn silence(second: i64) -> Silence {
    Silence { silent_since: at(second), silent_after_hours: 24 }
}

fn filling(requests: u64) -> Filling {
    Filling { requests, bytes: 4_096, full: false }
}

#[test]
fn a_silence_is_one_event_and_so_is_each_step_of_a_day_whatever_the_counts() {
    let day = |day| Date::new(2026, 11, day).expect("a day");
    let ids = |at, requests| {
        [
            Notice::silent(&source(), silence(0), at).id,
            Notice::silent(&source(), silence(1), at).id,
            Notice::growing(&source(), day(22), filling(requests), FillingStep::Ten, at).id,
            Notice::growing(&source(), day(22), filling(requests), FillingStep::Hundred, at).id,
            Notice::growing(&source(), day(23), filling(requests), FillingStep::Ten, at).id,
        ]
    };
    assert_eq!(ids(at(1), 100), ids(at(2), 101));
    assert_eq!(ids(at(1), 100).iter().collect::<std::collections::BTreeSet<_>>().len(), 5);
}

#[test]
fn a_notice_about_a_source_is_told_in_every_format_of_ours_and_names_its_source_as_other_events_do() {
    let day = Date::new(2026, 11, 22).expect("a day");
    let growing = Notice::growing(&source(), day, filling(12), FillingStep::Ten, at(3));
    let body = |event: &Event, format: BodyFormat| format.body(event).expect("built");
    let json = |event: &Event, format: BodyFormat| -> Value {
        serde_json::from_str(&body(event, format)).expect("JSON")
    };
    let event = json(&growing, BodyFormat::Standard)["data"]["event"].clone();
    let notice = json!({
        "source": source(), "quarantine": { "day": "2026-11-22", "requests": 12, "bytes": 4096, "full": false },
    });
    assert_eq!((&event["notice"], &event["source"]), (&notice, &json!(source())));
    assert_eq!(event.get("verified_by"), None);
    let silent = Notice::silent(&source(), silence(0), at(3));
    let notice =
        json!({ "source": source(), "silent_since": "2027-01-15T08:00:00.000Z", "silent_after_hours": 24 });
    assert_eq!(json(&silent, BodyFormat::Standard)["data"]["event"]["notice"], notice);
    assert_eq!(json(&silent, BodyFormat::Cloudevents)["source"], format!("/v1/sources/{}", source()));
    assert_eq!(json(&silent, BodyFormat::Thin)["data"], json!({ "event": silent.id, "source": source() }));
    let xml = body(&silent, BodyFormat::StandardXml);
    assert!(xml.contains("<silent_after_hours>24</silent_after_hours>"), "{xml}");
    for event in [silent, growing] {
        let stored = serde_json::to_value(&event).expect("plain data");
        assert_eq!(serde_json::from_value::<Event>(stored).expect("as it was stored"), event);
    }
}

#[test]
fn a_notice_about_a_source_is_for_endpoints_of_that_source_and_not_of_another() {
    let event = Notice::silent(&source(), silence(0), at(3));
    let wants = |sources: Value| taker(1, "source.*", sources).wants(&Candidate::event(&event));
    assert!(wants(json!([])) && wants(json!([source()])));
    assert!(!wants(json!([SourceId::mint([8; 16])])));
}

#[test]
fn a_notice_of_an_endpoint_is_read_as_it_was_written_before_sources_had_any() {
    let stored =
        json!({ "endpoint": endpoint(1), "failing_since": "2027-01-15T08:00:00.000Z", "percent": 50 });
    let notice: Notice = serde_json::from_value(stored).expect("a notice");
    assert_eq!(Some(notice), Notice::failing(&endpoint(1), &health(), Some(50), at(3)).notice);
}

fn taker(number: u8, types: &str, sources: Value) -> Endpoint {
    serde_json::from_value(json!({
        "id": endpoint(number), "destination": {"type": "http", "url": "https://shop.example/"}, "name": "",
        "event_types": [types], "sources": sources, "format": "standard", "status": "active", "secrets": [],
        "created_at": at(0), "updated_at": at(0),
    }))
    .expect("an endpoint")
}

#[test]
fn a_notice_is_for_every_endpoint_that_wants_it_but_the_one_that_it_is_about() {
    let taker = |number, sources| taker(number, "endpoint.*", sources);
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
