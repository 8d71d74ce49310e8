use super::*;
use crate::{EventType, IgnoredReason};
use serde_json::json;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_348_800 + second).expect("in range")
}

fn range() -> ReplayRange {
    ReplayRange {
        endpoint: EndpointId::mint([1; 16]),
        since: at(0),
        until: at(60),
        status: None,
        event_types: Vec::new(),
        sources: Vec::new(),
    }
}

fn replay(filter: ReplayFilter, rate_per_minute: u32) -> Replay {
    Replay::new(ReplayId::mint([2; 16]), filter, rate_per_minute, at(0))
}

/// Takes as many steps at `second` as there is room for, of at most `step` deliveries each; gives the delays.
fn steps(replay: &mut Replay, second: i64, step: usize) -> Vec<Duration> {
    let mut delays = Vec::new();
    loop {
        let pace = replay.pace(at(second));
        let count = pace.room().min(step);
        if count == 0 {
            return delays;
        }
        delays.extend((0..count).map(|index| pace.delay(index)));
        replay.note_sent(count, at(second));
    }
}

#[test]
fn a_minute_is_filled_evenly_and_no_further_however_often_steps_are_taken() {
    for step in [1, 7, 100, 1000] {
        let mut replay = replay(ReplayFilter::Range(range()), 600);
        let delays = steps(&mut replay, 0, step);
        assert_eq!(delays.len(), 600, "steps of {step}");
        assert!(delays.windows(2).all(|pair| pair[1] - pair[0] == Duration::from_millis(100)));
        assert_eq!(steps(&mut replay, 0, step), [], "the minute is full");
        assert_eq!(steps(&mut replay, 30, step).len(), 300, "half of it has passed");
        assert_eq!(replay.sent, 900);
    }
}

#[test]
fn a_sweep_that_comes_early_or_late_neither_skips_a_minute_nor_doubles_one() {
    let mut replay = replay(ReplayFilter::Range(range()), 60);
    let mut sent = 0;
    for second in [0, 59, 121, 180, 239] {
        sent += steps(&mut replay, second, 100).len();
    }
    // A minute ahead of the last sweep, less the second of the one that came late, in which nothing was left to send.
    assert_eq!(sent, 239 + 60 - 2);
}

#[test]
fn what_was_sent_long_ago_leaves_no_debt_and_no_credit() {
    let mut replay = replay(ReplayFilter::Range(range()), 60);
    replay.note_sent(3, at(0));
    assert_eq!(replay.pace(at(3600)).room(), 60);
    assert_eq!(replay.pace(at(3600)).delay(0), Duration::ZERO);
}

#[test]
fn a_stored_filter_is_read_back_as_what_it_was() {
    let (event, endpoint) = (event("0"), EndpointId::mint([1; 16]));
    let delivery = DeliveryId::derive(&event.id, &endpoint);
    for filter in [
        ReplayFilter::Range(range()),
        ReplayFilter::Range(ReplayRange { status: Some(ReplayedStatus::Failed), ..range() }),
        ReplayFilter::Delivery { delivery, event: event.id.clone(), endpoint: endpoint.clone() },
        ReplayFilter::Event { event: event.id.clone(), endpoint: Some(endpoint) },
        ReplayFilter::Event { event: event.id, endpoint: None },
    ] {
        let text = serde_json::to_string(&filter).expect("plain data serialises");
        assert_eq!(serde_json::from_str::<ReplayFilter>(&text).expect("it is read back"), filter, "{text}");
    }
}

#[test]
fn failed_are_those_that_have_not_succeeded_and_were_meant_for_the_endpoint() {
    let failed = ReplayRange { status: Some(ReplayedStatus::Failed), ..range() };
    let event = event("0");
    for (status, is_failed) in [
        (DeliveryStatus::Succeeded, false),
        (DeliveryStatus::Retrying, true),
        (DeliveryStatus::Exhausted, true),
        (DeliveryStatus::Canceled, true),
    ] {
        let delivery = delivery(&event, status);
        assert_eq!(failed.takes(&event, Some(&delivery), at(1)), is_failed, "{status:?}");
        assert!(range().takes(&event, Some(&delivery), at(1)), "asked for whatever became of it");
    }
    let fetched = delivery(&event, DeliveryStatus::Pending);
    assert!(!failed.takes(&event, Some(&fetched), at(1)), "it waits for its client");
    let parked = Delivery { next_attempt_at: Some(at(7200)), ..fetched };
    assert!(failed.takes(&event, Some(&parked), at(1)), "it waits for its endpoint, up to two hours");
    assert!(!failed.takes(&event, None, at(3599)), "it is on its way");
    assert!(failed.takes(&event, None, at(3600)), "it got lost");
    let meant_for_another = Event { endpoints: Vec::new(), ..event };
    assert!(!failed.takes(&meant_for_another, None, at(3600)), "there is no delivery that failed");
    assert!(range().takes(&meant_for_another, None, at(1)), "a replay may bring one into being");
}

#[test]
fn a_range_is_narrowed_by_types_and_sources_and_by_what_the_endpoint_wants() {
    let (endpoint, event) = (endpoint(), event("0"));
    assert!(range().wants(&endpoint, &event));
    let of_type =
        |pattern: &str| ReplayRange { event_types: vec![pattern.parse().expect("a pattern")], ..range() };
    assert!(of_type("payment.*").wants(&endpoint, &event));
    assert!(!of_type("refund.*").wants(&endpoint, &event));
    let of_source = |number| ReplayRange { sources: vec![SourceId::mint([number; 16])], ..range() };
    assert!(of_source(3).wants(&endpoint, &event));
    assert!(!of_source(4).wants(&endpoint, &event));
    let refund = Event { event_type: EventType::RefundFailed, ..event.clone() };
    assert!(!range().wants(&endpoint, &refund), "the endpoint wants payments");
    let unconfirmed = |reason| Event { unconfirmed: Some(reason), ..event.clone() };
    for reason in [
        IgnoredReason::AwaitingConfirmation,
        IgnoredReason::UnknownToProvider,
        IgnoredReason::ConfirmationFailed,
        IgnoredReason::RecordedWithPayment,
    ] {
        assert!(!range().wants(&endpoint, &unconfirmed(reason)), "{reason:?}: nothing proves it");
    }
    assert!(range().wants(&endpoint, &unconfirmed(IgnoredReason::NoCredential)), "it was relayed as a claim");
}

fn endpoint() -> Endpoint {
    serde_json::from_value(json!({
        "id": EndpointId::mint([1; 16]), "destination": {"type": "http", "url": "https://shop.example/"}, "name": "",
        "event_types": ["payment.*"], "sources": [], "format": "standard", "status": "active",
        "secrets": [], "created_at": at(0), "updated_at": at(0),
    }))
    .expect("an endpoint")
}

fn event(dedupe_key: &str) -> Event {
    let source = SourceId::mint([3; 16]);
    serde_json::from_value(json!({
        "id": EventId::derive(&source, None, dedupe_key), "source": source, "provider": "stripe",
        "event_type": "payment.captured", "received_at": at(0), "verified_by": "signature",
        "notification": {
            "dedupe_key": dedupe_key, "provider_type": "charge.captured", "event_type": "payment.captured",
        },
        "endpoints": [EndpointId::mint([1; 16])],
    }))
    .expect("an event")
}

fn delivery(event: &Event, status: DeliveryStatus) -> Delivery {
    let endpoint = EndpointId::mint([1; 16]);
    Delivery {
        id: DeliveryId::derive(&event.id, &endpoint),
        event: event.id.clone(),
        endpoint,
        event_type: event.event_type,
        status,
        created_at: event.received_at,
        next_attempt_at: None,
        dead_letter: None,
        attempts: Vec::new(),
    }
}
