use super::*;
use crate::tests::ABOUT;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use domain::{EventId, EventType, ReplayId};
use jiff::Timestamp;
use platform::{Aws, AwsEndpoints};
use serde_json::json;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

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

/// Answers every look-up with the same status and code, confirms every event, and notes what was called.
#[derive(Debug, Clone)]
struct Engine {
    look_up: (u16, &'static str),
    calls: Arc<Mutex<Vec<String>>>,
}

impl HttpConnector for Engine {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let (status, answer) = match &*operation {
            "DescribeEventBus" => (self.look_up.0, json!({ "__type": self.look_up.1 })),
            _ => (200, json!({ "FailedEntryCount": 0, "Entries": [{ "EventId": "1" }] })),
        };
        self.calls.lock().expect("no holder of this lock panics").push(operation);
        let status = status.try_into().expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(answer.to_string()))))
    }
}

impl HttpClient for Engine {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// What is called by two attempts within a minute and one after it.
async fn calls(look_up: (u16, &'static str)) -> Vec<String> {
    let engine = Engine { look_up, calls: Arc::default() };
    let aws = Aws::local(AwsEndpoints::default())
        .without_retries()
        .with_http_client(SharedHttpClient::new(engine.clone()));
    let now_s = Arc::new(AtomicI64::new(0));
    let told = Arc::clone(&now_s);
    let clock =
        Clock::from_fn(move || Timestamp::from_second(told.load(Ordering::Relaxed)).expect("in range"));
    let buses = Buses::new(aws.eventbridge(), Some(bus().account().to_owned()), clock);
    for at in [0, 59, 60] {
        now_s.store(at, Ordering::Relaxed);
        buses.put(&bus(), b"{}", &ABOUT).await.expect("it is put");
    }
    let calls = engine.calls.lock().expect("no holder of this lock panics");
    calls.clone()
}

#[tokio::test]
async fn a_bus_is_looked_up_once_a_minute_also_where_that_is_denied() {
    for look_up in [(200, ""), (400, "AccessDeniedException"), (403, "AccessDenied")] {
        let expected = ["DescribeEventBus", "PutEvents", "PutEvents", "DescribeEventBus", "PutEvents"];
        assert_eq!(calls(look_up).await, expected, "{look_up:?}");
    }
}

#[tokio::test]
async fn a_bus_that_could_not_be_looked_up_for_another_reason_is_looked_up_again() {
    let expected = ["DescribeEventBus", "PutEvents"].repeat(3);
    assert_eq!(calls((500, "InternalException")).await, expected);
}
