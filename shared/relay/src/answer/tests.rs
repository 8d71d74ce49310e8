use super::*;

fn now() -> Timestamp {
    "2026-11-22T12:00:00.250Z".parse().unwrap()
}

fn answered(status: u16, retry_after: Option<&str>) -> Answer {
    let retry_after = retry_after.map(|text| HeaderValue::from_bytes(text.as_bytes()).unwrap());
    let response = Response { status, retry_after, rejects: false, excerpt: String::new() };
    Answer { outcome: Ok(response), latency: Duration::ZERO }
}

fn failed(kind: FailureKind) -> Verdict {
    Verdict::Retry { kind, retry_after_seconds: None }
}

#[test]
fn the_status_decides() {
    for status in [200, 201, 202, 204, 299] {
        assert_eq!(classify(&answered(status, None), now()), Verdict::Succeeded, "{status}");
    }
    for status in [300, 301, 302, 304, 307, 308, 399] {
        assert_eq!(classify(&answered(status, None), now()), failed(FailureKind::Redirect), "{status}");
    }
    for status in [101, 400, 401, 404, 409, 411, 429, 500, 502, 503, 504, 599, 999] {
        assert_eq!(classify(&answered(status, None), now()), failed(FailureKind::Status), "{status}");
    }
    assert_eq!(classify(&answered(410, None), now()), Verdict::Disable);
}

#[test]
fn an_endpoint_that_does_not_succeed_can_ask_for_no_more() {
    let verdict = |status: u16, wish: &'static str| {
        let headers = HeaderMap::from_iter([(RETRY, HeaderValue::from_static(wish))]);
        let response = Response::new(StatusCode::from_u16(status).unwrap(), &headers, String::new());
        classify(&Answer { outcome: Ok(response), latency: Duration::ZERO }, now())
    };
    let stop = Verdict::Stop { kind: FailureKind::Rejected };
    for status in [302, 400, 422, 429, 500, 503] {
        assert_eq!(verdict(status, "no"), stop, "{status}");
        assert_eq!(verdict(status, " No "), stop, "{status}");
    }
    assert_eq!(verdict(200, "no"), Verdict::Succeeded);
    assert_eq!(verdict(410, "no"), Verdict::Disable, "it is gone for all deliveries");
    for wish in ["", "yes", "false", "0", "no, please"] {
        assert_eq!(verdict(500, wish), failed(FailureKind::Status), "{wish:?}");
    }
}

#[test]
fn an_attempt_without_an_answer_is_retried_unless_no_later_one_can_end_otherwise() {
    let verdict = |error| classify(&Answer { outcome: Err(error), latency: Duration::ZERO }, now());
    assert_eq!(verdict(SendError::Timeout), failed(FailureKind::Timeout));
    assert_eq!(verdict(SendError::NoPlace(String::new())), failed(FailureKind::NotSendable));
    for (error, kind) in [
        (SendError::TooLarge(String::new()), FailureKind::TooLarge),
        (SendError::NotSendable(String::new()), FailureKind::NotSendable),
    ] {
        assert_eq!(verdict(error), Verdict::Stop { kind });
    }
}

#[rustfmt::skip]
const RETRY_AFTER: &[(&str, Option<u32>)] = &[
    ("0", Some(0)), ("120", Some(120)), (" 120 ", Some(120)), ("86400", Some(86_400)), ("86401", Some(86_400)), ("99999999999999999999", Some(86_400)),
    // The three forms of an HTTP date, two minutes from now; the odd quarter of a second is rounded up.
    ("Sun, 22 Nov 2026 12:02:00 GMT", Some(120)), ("Sunday, 22-Nov-26 12:02:00 GMT", Some(120)), ("Sun Nov 22 12:02:00 2026", Some(120)),
    ("Sun, 22 Nov 2026 12:00:00 GMT", Some(0)), ("Sat, 21 Nov 2026 12:00:00 GMT", Some(0)), ("Tue, 01 Dec 2026 12:00:00 GMT", Some(86_400)),
    ("Fri, 31 Dec 9999 23:59:59 GMT", Some(86_400)), ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
    ("", None), ("-1", None), ("+5", None), ("1.5", None), ("soon", None), ("12 0", None), ("2026-11-22T12:02:00Z", None),
    ("Mon, 22 Nov 2026 12:02:00 GMT", None), ("Sun, 22 Nov 2026 12:02:00 +0100", None), ("Sun, 32 Nov 2026 12:02:00 GMT", None), ("\u{661}\u{662}", None),
];

#[test]
fn retry_after_is_read_as_seconds_or_as_a_date_and_capped_at_a_day() {
    for (text, expected) in RETRY_AFTER {
        for status in [429, 503] {
            let verdict = classify(&answered(status, Some(text)), now());
            let expected = Verdict::Retry { kind: FailureKind::Status, retry_after_seconds: *expected };
            assert_eq!(verdict, expected, "{status} {text:?}");
        }
    }
}

#[test]
fn retry_after_is_ignored_where_it_has_no_meaning() {
    assert_eq!(classify(&answered(500, Some("120")), now()), failed(FailureKind::Status));
    assert_eq!(classify(&answered(301, Some("120")), now()), failed(FailureKind::Redirect));
}

fn excerpt(body: &[u8]) -> String {
    let mut excerpt = Excerpt::new(8);
    body.chunks(3).for_each(|chunk| excerpt.push(chunk));
    excerpt.into_text()
}

#[test]
fn an_excerpt_is_one_harmless_line_that_ends_between_characters() {
    assert_eq!(excerpt(b"ok"), "ok");
    assert_eq!(excerpt(b"a\r\n\tb\x1b[2J"), "a   b\u{FFFD}");
    assert_eq!(excerpt("\u{202E}live".as_bytes()), "\u{FFFD}live");
    assert_eq!(excerpt(b"12345678"), "12345678");
    assert_eq!(excerpt(b"1234567890123456"), "12345678");
    assert_eq!(excerpt("12345é78".as_bytes()), "12345é7");
    assert_eq!(excerpt("1234567é".as_bytes()), "1234567");
    assert_eq!(excerpt("12345😀".as_bytes()), "12345");
    assert_eq!(excerpt(b"\xff\xfe ok"), "\u{FFFD}\u{FFFD} o");
    assert_eq!(excerpt(b""), "");
}

#[test]
fn the_public_text_explains_the_endpoint_and_hides_our_machine() {
    let inner = io::Error::other("nameserver 10.0.0.2 unreachable");
    assert_eq!(SendError::Dns(Arc::new(inner)).public_text(), "the name could not be resolved");
    let blocked = crate::EgressPolicy::strict().check_ip("10.0.0.1".parse().unwrap()).unwrap_err();
    let text = SendError::Blocked(blocked.clone()).public_text();
    assert_eq!(
        text,
        "the name resolves to an address that deliveries must not reach: not a public address (private_use)"
    );
    let error = SendError::Url(UrlError::Blocked(blocked));
    assert_eq!(error.kind(), FailureKind::BlockedAddress);
    assert_eq!(error.public_text(), "the URL is not acceptable: not a public address (private_use)");
    assert_eq!(SendError::Url(UrlError::Scheme).kind(), FailureKind::InvalidUrl);
}
