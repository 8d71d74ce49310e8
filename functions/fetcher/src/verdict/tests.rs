use super::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn response(status: u16, retry_after: Option<&'static str>) -> Result<ApiResponse, SendError> {
    let retry_after = retry_after.map(relay::HeaderValue::from_static);
    Ok(ApiResponse { status, retry_after, body: Vec::new().into() })
}

fn of_status(status: u16, attempt: u32) -> Verdict {
    judge(&response(status, None), |_| panic!("only the body of a 2xx is read"), attempt, NOW)
}

#[test]
fn a_refused_credential_is_a_dead_letter_that_says_so() {
    for status in [401, 403] {
        let Verdict::Refused { reason } = of_status(status, 1) else {
            panic!("{status} was taken for another")
        };
        assert_eq!(reason, format!("credential refused: the API answered {status}"));
    }
}

#[test]
fn what_is_not_there_is_asked_about_twice_more_and_what_is_gone_is_not() {
    assert!(matches!(of_status(404, 1), Verdict::Again { .. }));
    assert!(matches!(of_status(404, 2), Verdict::Again { .. }));
    assert_eq!(of_status(404, 3), Verdict::Unknown);
    assert_eq!(of_status(410, 1), Verdict::Unknown);
}

#[test]
fn an_api_that_is_busy_or_broken_is_asked_again_when_it_says_so() {
    for status in [408, 429, 500, 502, 503, 504] {
        assert!(matches!(of_status(status, 1), Verdict::Again { after: None, .. }), "{status}");
    }
    let verdict = judge(&response(429, Some("17")), |_| panic!("not read"), 1, NOW);
    let after = Some(Duration::from_secs(17));
    assert_eq!(verdict, Verdict::Again { reason: "the API answered 429".to_owned(), after });
}

#[test]
fn other_answers_and_forbidden_addresses_are_final() {
    for status in [301, 302, 400, 402, 405, 422] {
        assert!(matches!(of_status(status, 1), Verdict::Hopeless { .. }), "{status}");
    }
    for error in [SendError::Url(relay::UrlError::NotSendable), SendError::BodyTooLarge] {
        let verdict = judge(&Err(error), |_| panic!("not read"), 1, NOW);
        assert!(matches!(verdict, Verdict::Hopeless { .. }), "{verdict:?}");
    }
    let late = judge(&Err(SendError::Timeout), |_| panic!("not read"), 1, NOW);
    assert!(matches!(late, Verdict::Again { .. }));
}

#[test]
fn an_answer_that_cant_be_read_is_asked_for_again() {
    let verdict = judge(&response(200, None), |_| Err(FetchError::OtherObject), 1, NOW);
    assert!(matches!(verdict, Verdict::Again { .. }), "{verdict:?}");
    assert_eq!(judge(&response(200, None), |_| Ok(Fetched::Unknown), 3, NOW), Verdict::Unknown);
}
