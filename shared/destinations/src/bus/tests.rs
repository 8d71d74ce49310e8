use super::*;
use domain::{EventId, EventType, ReplayId};
use jiff::Timestamp;

fn bus() -> BusArn {
    BusArn::parse("arn:aws:events:us-east-1:000000000000:event-bus/payments", "us-east-1").expect("a bus")
}

#[test]
fn an_entry_says_what_it_is_and_names_what_repeats_are_known_by() {
    let event: EventId = format!("evt_{}", "0".repeat(40)).parse().expect("an id");
    let replay: ReplayId = format!("rpl_{}", "0".repeat(26)).parse().expect("an id");
    let about = About {
        id: "dlv_1",
        event: Some(&event),
        event_type: EventType::PaymentCaptured,
        time: Timestamp::from_millisecond(1_795_348_800_500).expect("a time"),
        replay: Some(&replay),
        asked_for: None,
    };
    let made = entry(&bus(), "{}", &about).expect("fits");
    assert_eq!(made.event_bus_name(), Some(bus().as_str()));
    assert_eq!((made.source(), made.detail_type()), (Some("payrelay"), Some("payment.captured")));
    assert_eq!(made.time().map(|time| time.as_secs_f64()), Some(1_795_348_800.5));
    assert_eq!(made.resources(), [event.as_str(), "dlv_1", replay.as_str()]);
}

#[test]
fn an_entry_may_have_one_mebibyte() {
    let about = About {
        id: "tst_1",
        event: None,
        event_type: EventType::EndpointTest,
        time: Timestamp::UNIX_EPOCH,
        replay: None,
        asked_for: None,
    };
    let room = MAX_BYTES - 14 - "payrelay".len() - "endpoint.test".len() - "tst_1".len();
    assert!(entry(&bus(), &"x".repeat(room), &about).is_ok());
    let refused = entry(&bus(), &"x".repeat(room + 1), &about).expect_err("too large");
    let expected = format!("EventBridge takes events of {MAX_BYTES} bytes, this one has {}", MAX_BYTES + 1);
    assert_eq!(refused.public_text(), expected);
}
