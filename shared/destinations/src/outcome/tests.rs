use super::*;
use aws_sdk_sqs::error::{ConnectorError, ErrorMetadata};
use aws_sdk_sqs::operation::send_message::SendMessageError;
use aws_smithy_runtime_api::http::{Response as HttpResponse, StatusCode};
use aws_smithy_types::body::SdkBody;
use domain::FailureKind;

type Failed = SdkError<SendMessageError>;

fn refused(status: u16, code: Option<&str>, message: Option<&str>) -> Failed {
    let mut metadata = ErrorMetadata::builder();
    if let Some(code) = code {
        metadata = metadata.code(code);
    }
    if let Some(message) = message {
        metadata = metadata.message(message);
    }
    let response = HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::empty());
    SdkError::service_error(SendMessageError::generic(metadata.build()), response)
}

#[test]
fn a_refusal_is_an_answer_with_its_status_and_its_words() {
    for (error, status, text) in [
        (refused(403, Some("AccessDenied"), Some("User x may not")), 403, "AccessDenied: User x may not"),
        (refused(400, Some("QueueDoesNotExist"), None), 400, "QueueDoesNotExist"),
        (refused(503, None, None), 503, "Unknown"),
        (refused(403, Some("A"), Some("two\nlines")), 403, "A: two lines"),
    ] {
        let answer = of_error(error).expect("an answer");
        assert_eq!((answer.status, answer.excerpt.as_str()), (status, text));
        assert!(!answer.rejects && answer.retry_after.is_none());
    }
    let long = of_error(refused(400, Some("X"), Some(&"y".repeat(5000)))).expect("an answer");
    assert_eq!(long.excerpt.len(), 1024);
}

#[test]
fn without_an_answer_it_is_told_what_broke() {
    let timed_out = || ConnectorError::timeout("late".into());
    for (error, kind) in [
        (Failed::timeout_error("late"), FailureKind::Timeout),
        (Failed::dispatch_failure(timed_out()), FailureKind::ConnectTimeout),
        (Failed::dispatch_failure(ConnectorError::io("reset".into())), FailureKind::ConnectionReset),
        (Failed::construction_failure("nonsense"), FailureKind::Protocol),
    ] {
        assert_eq!(of_error(error).expect_err("no answer").kind(), kind);
    }
}
