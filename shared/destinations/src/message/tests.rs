use super::*;
use domain::EventType;
use jiff::Timestamp;

fn event() -> EventId {
    format!("evt_{}{}", "p".repeat(16), "0".repeat(24)).parse().expect("an id")
}

fn about(event: &EventId) -> About<'_> {
    About {
        id: "dlv_1",
        event: Some(event),
        event_type: EventType::PaymentCaptured,
        time: Timestamp::UNIX_EPOCH,
        replay: None,
        asked_for: None,
    }
}

fn signed(headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Signed {
    let header = |(name, value): &(&str, &str)| {
        (HeaderName::try_from(*name).expect("a name"), HeaderValue::try_from(*value).expect("a value"))
    };
    Signed { headers: headers.iter().map(header).collect(), body: body.into().into() }
}

fn message(headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Result<Message, String> {
    Message::new(signed(headers, body), &about(&event()), false).map_err(|error| error.public_text())
}

fn names(message: &Message) -> Vec<&str> {
    message.attributes.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn headers_become_attributes_and_the_event_type_joins_them() {
    let message =
        message(&[("content-type", "application/json"), ("webhook-id", "dlv_1")], "{}").expect("sendable");
    let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = [
        text("content-type", "application/json"),
        text("webhook-id", "dlv_1"),
        text("payrelay-event-type", "payment.captured"),
    ];
    assert_eq!((message.body.as_str(), &message.attributes[..]), ("{}", &expected[..]));
    assert_eq!((message.group.as_str(), message.deduplication), ("p".repeat(16).as_str(), None));
}

#[test]
fn the_event_type_gives_way_where_the_headers_need_ten_attributes() {
    let headers: Vec<String> = (0..10).map(|number| format!("x-signature-{number}")).collect();
    let headers: Vec<(&str, &str)> = headers.iter().map(|name| (name.as_str(), "v")).collect();
    assert!(names(&message(&headers[..9], "{}").expect("sendable")).contains(&"payrelay-event-type"));
    assert!(!names(&message(&headers, "{}").expect("sendable")).contains(&"payrelay-event-type"));
}

#[test]
fn of_more_than_ten_headers_ours_are_attributes_and_the_last_of_the_others_are_in_one() {
    let theirs: Vec<String> = (0..8).map(|number| format!("x-signature-{number}")).collect();
    let ours = ["content-type", "payrelay-webhook-id", "payrelay-webhook-signature", "payrelay-replay"];
    let headers = theirs.iter().map(String::as_str).chain(ours).map(|name| (name, "v")).collect::<Vec<_>>();
    let message = message(&headers, "{}").expect("sendable");
    let kept = theirs[..5].iter().map(String::as_str);
    let expected: Vec<&str> = ours.into_iter().chain(kept).chain(["payrelay-headers"]).collect();
    assert_eq!(names(&message), expected);
    let packed = r#"{"x-signature-5":"v","x-signature-6":"v","x-signature-7":"v"}"#;
    assert_eq!(message.attributes[9].1, packed);
}

#[test]
fn a_header_that_is_repeated_is_one_attribute() {
    let message = message(&[("x-sign", "a"), ("x-sign", "b")], "{}").expect("sendable");
    assert_eq!(message.attributes[0], ("x-sign".to_owned(), "a, b".to_owned()));
    assert_eq!(names(&message), ["x-sign", "payrelay-event-type"]);
}

#[test]
fn a_header_that_is_no_attribute_is_not_left_out() {
    let long = "x".repeat(257);
    let odd = ["x-empty", "x!sign", ".x", "x.", "x..y", "aws.x", "amazon.x", &long];
    let headers: Vec<(&str, &str)> =
        odd.iter().map(|name| (*name, if *name == "x-empty" { "" } else { "v" })).collect();
    for (name, value) in headers.into_iter().chain([("x-odd", "a\u{ffff}b"), ("x-odd", "\u{fffe}")]) {
        let message = message(&[("x-sign", "é€"), (name, value)], "{}").expect("sendable");
        assert_eq!(names(&message), ["x-sign", "payrelay-headers", "payrelay-event-type"], "{name}");
        assert_eq!(message.attributes[0].1, "é€", "text beyond ASCII is an attribute");
        let packed = &message.attributes[1].1;
        assert!(packed.chars().all(is_xml_char), "{packed}");
        let packed: BTreeMap<String, String> = serde_json::from_str(packed).expect("JSON");
        assert_eq!(packed, BTreeMap::from([(name.to_owned(), value.to_owned())]));
    }
}

#[test]
fn nine_attributes_leave_room_for_what_is_none() {
    let theirs: Vec<String> = (0..10).map(|number| format!("x-signature-{number}")).collect();
    let headers: Vec<(&str, &str)> =
        theirs.iter().map(|name| (name.as_str(), "v")).chain([("x-e", "")]).collect();
    let message = message(&headers, "{}").expect("sendable");
    assert_eq!(message.attributes.len(), MAX_ATTRIBUTES);
    assert_eq!(message.attributes[9].1, r#"{"x-e":"","x-signature-9":"v"}"#);
}

#[test]
fn what_sqs_can_not_carry_as_text_is_base64_and_says_so() {
    for body in [&b"\xff\xfe"[..], b"a\0b", "\u{FFFE}".as_bytes(), b"\x1b"] {
        let message = message(&[], body).expect("sendable");
        assert_eq!(BASE64.decode(message.body.as_bytes()).expect("base64"), body);
        assert_eq!(names(&message), ["payrelay-body-encoding", "payrelay-event-type"]);
    }
    let text = "tab\tline\r\n€ 😀";
    assert_eq!(message(&[], text).expect("sendable").body, text);
    assert_eq!(message(&[], "").expect_err("empty"), "SQS takes no empty message");
}

#[test]
fn a_message_may_have_one_mebibyte_with_its_attributes() {
    // Name, type and value of the event type.
    let room = MAX_BYTES - "payrelay-event-type".len() - "String".len() - "payment.captured".len();
    assert!(message(&[], "x".repeat(room)).is_ok());
    let refused = message(&[], "x".repeat(room + 1)).expect_err("too large");
    assert_eq!(refused, format!("SQS takes messages of {MAX_BYTES} bytes, this one has {}", MAX_BYTES + 1));
}

#[test]
fn a_fifo_queue_takes_retries_for_one_message_and_what_was_asked_for_for_another() {
    let event = event();
    let fifo = |about: About<'_>| {
        Message::new(signed(&[], "{}"), &about, true).expect("sendable").deduplication.expect("an id")
    };
    assert_eq!(fifo(about(&event)), "dlv_1");
    assert_eq!(fifo(About { asked_for: Some(3), ..about(&event) }), "dlv_1-3");
}

#[test]
fn a_test_is_a_group_of_its_own() {
    let event = event();
    let test = About { id: "tst_1", event: None, ..about(&event) };
    assert_eq!(Message::new(signed(&[], "{}"), &test, false).expect("sendable").group, "tst_1");
}
