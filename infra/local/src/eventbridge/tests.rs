//! What the contract suite does not see: the file, and the list of events.

use super::*;

fn open(file: Option<&Path>) -> EventBridge {
    EventBridge::open(file, Clock::system()).expect("opens")
}

fn put(buses: &EventBridge, bus: &str, number: usize) {
    let entry = json!({ "EventBusName": bus, "Source": "s", "DetailType": "t", "Detail": format!(r#"{{"n":{number}}}"#) });
    let answer = buses.act("PutEvents", json!({ "Entries": [entry] }).to_string().as_bytes()).expect("taken");
    assert_eq!(answer["FailedEntryCount"], 0);
}

#[test]
fn buses_are_there_after_a_restart_and_a_deleted_one_is_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("event-buses.json");
    let buses = open(Some(&file));
    for name in ["one", "two"] {
        buses.act("CreateEventBus", json!({ "Name": name }).to_string().as_bytes()).expect("made");
    }
    buses.act("DeleteEventBus", br#"{"Name": "one"}"#).expect("deleted");
    let again = open(Some(&file));
    let known =
        |name: &str| again.act("DescribeEventBus", json!({ "Name": name }).to_string().as_bytes()).is_ok();
    assert_eq!((known("one"), known("two"), known("default")), (false, true, true));
    std::fs::write(&file, "not a list").expect("written");
    assert!(
        EventBridge::open(Some(&file), Clock::system()).is_err(),
        "a file of another kind is not written over"
    );
}

#[test]
fn the_last_thousand_events_are_kept_and_those_for_no_bus_are_not() {
    let buses = open(None);
    put(&buses, "absent", 0);
    assert!(buses.events("absent").is_empty());
    for number in 0..=MAX_KEPT {
        put(&buses, "default", number);
    }
    let kept = buses.events("default");
    assert_eq!((kept.len(), &kept[0].detail, kept[0].time_seconds > 0), (MAX_KEPT, &json!({ "n": 1 }), true));
}
