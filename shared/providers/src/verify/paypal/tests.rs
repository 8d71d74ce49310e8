use super::*;

fn sent<'a>(id: &'a str, signature: &'a str) -> Sent<'a> {
    let certificate = "https://api.paypal.com/v1/notifications/certs/CERT-1";
    Sent { id, time: "2026-11-22T12:00:00Z", at: Timestamp::UNIX_EPOCH, signature, certificate }
}

#[test]
fn the_event_goes_into_the_question_byte_for_byte() {
    let body = " {\"id\" : \"WH-1\", \"n\":1.10, \"s\":\"\\u00e9\\/é\", \"n\":2e400 }\n".as_bytes();
    let question = question(&sent("t", "c2ln"), "W1", body).expect("one object");
    let at = question.windows(body.len()).position(|window| window == body).expect("as it came");
    let head = question[..at].strip_suffix(b",\"webhook_event\":").expect("beside the event");
    assert_eq!(&question[at + body.len()..], b"}");
    let head: serde_json::Value = serde_json::from_slice(&[head, b"}"].concat()).expect("JSON");
    let expected = serde_json::json!({
        "auth_algo": "SHA256withRSA", "cert_url": "https://api.paypal.com/v1/notifications/certs/CERT-1",
        "transmission_id": "t", "transmission_sig": "c2ln", "transmission_time": "2026-11-22T12:00:00Z",
        "webhook_id": "W1",
    });
    assert_eq!(head, expected);
}

#[test]
fn a_body_can_not_end_the_question_early() {
    for body in [
        r#"{"id":1},"webhook_id":"MINE""#,
        r#"{"id":1},"webhook_id":"MINE","x":{}"#,
        r#"{"id":1}}"#,
        "{} {}",
        "[]",
        "\"x\"",
        "",
        "{",
        "\u{feff}{}",
    ] {
        let outcome = question(&sent("t", "c2ln"), "W1", body.as_bytes());
        assert_eq!(outcome.unwrap_err(), Rejection::MalformedBody, "{body}");
    }
    assert_eq!(
        question(&sent("t", "c2ln"), "W1", b"{\"a\":\"\xff\"}").unwrap_err(),
        Rejection::MalformedBody
    );
}

#[test]
fn what_is_put_beside_the_event_is_escaped() {
    let question = question(&sent("\",\"webhook_id\":\"MINE", "x"), "W1", b"{}").expect("one object");
    let parsed: serde_json::Value = serde_json::from_slice(&question).expect("JSON");
    assert_eq!(parsed["webhook_id"], "W1");
    assert_eq!(parsed["transmission_id"], "\",\"webhook_id\":\"MINE");
}

#[test]
fn a_token_is_shared_by_those_who_have_the_same_credential() {
    let id = |environment, credential| token_needed(environment, credential).id;
    let live = id(Environment::Live, "id:secret");
    assert_eq!(live, id(Environment::Live, "id:secret"));
    assert_ne!(live, id(Environment::Sandbox, "id:secret"));
    assert_ne!(live, id(Environment::Live, "id:other"));
    assert!(!live.contains("secret"));
}
