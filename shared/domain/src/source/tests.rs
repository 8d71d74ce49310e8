use super::*;
use serde_json::json;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + 60 * minutes).expect("in range")
}

fn source(status: &str, silent_after_hours: Option<u16>) -> Source {
    let mut source = json!({
        "id": SourceId::mint([1; 16]), "provider": "stripe", "name": "", "status": status, "secrets": [], "settings": {},
        "created_at": at(-600), "updated_at": at(0),
    });
    if let Some(hours) = silent_after_hours {
        source["silent_after_hours"] = json!(hours);
    }
    serde_json::from_value(source).expect("a source")
}

#[test]
fn a_source_is_silent_once_its_hours_are_over_and_the_accuracy_of_its_last_event_with_them() {
    let source = source("active", Some(2));
    let silence = |last_event_at, now| source.silence(last_event_at, now).map(|silence| silence.silent_since);
    assert_eq!(silence(Some(at(30)), at(30 + 129)), None);
    assert_eq!(silence(Some(at(30)), at(30 + 130)), Some(at(30)));
    assert_eq!(silence(Some(at(30)), at(9_000)), Some(at(30)), "the same silence, however long it lasts");
}

#[test]
fn a_source_from_which_nothing_has_come_is_silent_since_it_was_made_or_changed() {
    let silence = source("active", Some(2)).silence(None, at(130)).expect("silent");
    assert_eq!(silence, Silence { silent_since: at(0), silent_after_hours: 2 });
    let silence = source("active", Some(2)).silence(Some(at(-300)), at(130)).expect("silent");
    assert_eq!(silence.silent_since, at(0), "a change begins it anew");
}

#[test]
fn a_source_without_the_setting_or_disabled_is_never_silent() {
    assert_eq!(source("active", None).silence(None, at(90_000)), None);
    assert_eq!(source("disabled", Some(1)).silence(None, at(90_000)), None);
}
