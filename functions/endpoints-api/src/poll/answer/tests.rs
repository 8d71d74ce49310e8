use super::*;
use domain::{EndpointId, SourceId};
use relay::{HeaderName, HeaderValue};

fn polled(number: usize, body: Vec<u8>) -> PolledDelivery {
    let event = EventId::derive(&SourceId::mint([1; 16]), None, &number.to_string());
    PolledDelivery {
        id: DeliveryId::derive(&event, &EndpointId::mint([2; 16])),
        object: "polled_delivery",
        created_at: Timestamp::UNIX_EPOCH,
        event,
        event_type: EventType::PaymentCaptured,
        message: Signed { headers: Vec::new(), body: body.into() }.into(),
    }
}

#[test]
fn an_answer_stays_under_what_lambda_takes_whatever_is_in_it() {
    // Six megabytes, as Lambda counts them: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    const LAMBDA: usize = 6 * 1024 * 1024;
    for body in [vec![b'x'; 512 * 1024], vec![b'"'; 512 * 1024], vec![1; 512 * 1024], vec![0xff; 512 * 1024]]
    {
        let mut answer = Answer::default();
        let taken =
            (0..50).take_while(|number| answer.takes(polled(*number, body.clone()).into(), 1)).count();
        assert!((1..50).contains(&taken));
        assert_eq!((answer.len(), answer.named.0.len()), (taken, taken), "no more is named than is there");
        let text = serde_json::to_string(&answer.view(str::to_owned)).expect("serialises");
        let escaped = serde_json::to_string(&text).expect("serialises");
        assert!(escaped.len() < LAMBDA, "{taken} of byte {}: {}", body[0], escaped.len());
    }
}

#[test]
fn the_largest_body_of_a_webhook_can_be_answered_whatever_it_is() {
    for (byte, encoding) in [(b'x', "utf-8"), (b'"', "base64"), (1, "base64"), (0xff, "base64")] {
        let polled = polled(1, vec![byte; queue::MAX_BODY_BYTES]);
        assert_eq!(polled.message.body_encoding, encoding);
        assert!(Packed::from(polled).weight <= LARGEST_ANSWER, "{byte}");
    }
    assert!(Packed::from(polled(1, vec![0xff; queue::MAX_BODY_BYTES + 64 * 1024])).weight > LARGEST_ANSWER);
    // The provider's bytes by themselves, `/v1/events/{id}/raw`, are base64 as well.
    assert!(queue::MAX_BODY_BYTES.div_ceil(3) * 4 <= LARGEST_ANSWER);
}

#[test]
fn a_delivery_of_the_largest_size_is_an_answer_that_lambda_takes() {
    for byte in [b'x', b'"', b'\\', 1, 0xff] {
        let body = vec![byte; queue::MAX_BODY_BYTES];
        let mut answer = Answer::default();
        assert!(answer.takes(polled(1, body).into(), 1));
        let text = serde_json::to_string(&answer.view(str::to_owned)).expect("serialises");
        let escaped = serde_json::to_string(&text).expect("serialises");
        assert!(escaped.len() < 6 * 1024 * 1024 - 32 * 1024, "of byte {byte}: {}", escaped.len());
    }
}

#[test]
fn bytes_that_are_no_text_are_base64_and_say_so() {
    let message = |body: &[u8]| Message::from(Signed { headers: Vec::new(), body: body.to_vec().into() });
    let text = message("näive".as_bytes());
    assert_eq!((text.body.as_str(), text.body_encoding), ("näive", "utf-8"));
    let bytes = message(b"na\xefve");
    assert_eq!((bytes.body.as_str(), bytes.body_encoding), ("bmHvdmU=", "base64"));
}

#[test]
fn headers_that_were_set_as_credentials_are_not_shown() {
    let mut secret = HeaderValue::from_static("Bearer s3cret");
    secret.set_sensitive(true);
    let signature = HeaderName::from_static("x-signature");
    let headers = vec![
        (HeaderName::from_static("authorization"), secret),
        (signature.clone(), HeaderValue::from_static("a")),
        (signature, HeaderValue::from_static("b")),
    ];
    let message = Message::from(Signed { headers, body: Vec::new().into() });
    assert_eq!(
        message.headers.into_iter().collect::<Vec<_>>(),
        [("x-signature".to_owned(), "a, b".to_owned())]
    );
}
