use super::*;
use domain::FailureKind;
use platform::AwsEndpoints;
use relay::{EgressPolicy, Limits, Resolver};
use std::net::TcpListener;

const OWN: &str = "arn:aws:sqs:us-east-1:000000000000:events,arn:aws:sqs:us-east-1:000000000000:deliveries";

pub(crate) const ABOUT: About<'static> = About {
    id: "dlv_1",
    event: None,
    event_type: EventType::PaymentCaptured,
    time: Timestamp::UNIX_EPOCH,
    replay: None,
    asked_for: None,
};

fn sender(engine: Option<&TcpListener>, own_queues: &str) -> Result<Sender, ArnError> {
    let url = engine.map(|engine| format!("http://{}", engine.local_addr().expect("it is bound")));
    let endpoints = AwsEndpoints { sqs: url.clone(), eventbridge: url, ..AwsEndpoints::default() };
    let client = Client::new(EgressPolicy::strict(), Limits::default(), Resolver::this_machine());
    Sender::new(client, &Aws::local(endpoints), own_queues, Clock::system())
}

fn sqs(name: &str) -> Destination {
    Destination::Sqs { arn: format!("arn:aws:sqs:us-east-1:000000000000:{name}") }
}

async fn send(sender: &Sender, place: &Place) -> Option<FailureKind> {
    let signed = Signed { headers: Vec::new(), body: "{}".into() };
    let answer = sender.send(place, signed, &ABOUT, Duration::from_millis(200)).await?;
    assert!(answer.latency < Duration::from_secs(5), "{:?}", answer.latency);
    answer.outcome.err().map(|error| error.kind())
}

#[test]
fn own_queues_are_no_destination_and_a_list_of_them_that_can_not_be_read_is_an_error() {
    let made = sender(None, OWN).expect("both are queues");
    for name in ["events", "deliveries"] {
        assert_eq!(made.check(&sqs(name)), Err(ArnError::Own));
    }
    assert_eq!(made.check(&sqs("events-of-others")), Ok(()));
    let elsewhere = "arn:aws:sqs:us-east-1:111111111111:events".to_owned();
    assert_eq!(made.check(&Destination::Sqs { arn: elsewhere }), Ok(()), "the same name in another account");
    assert_eq!(sender(None, "events").map(drop), Err(ArnError::NotAQueue));
    assert!(matches!(
        sender(None, &OWN.replace("us-east-1", "eu-west-1")).map(drop),
        Err(ArnError::Region(_))
    ));
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_given_up_in_time() {
    // Connections stand in its backlog, and nobody takes them.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let sender = sender(Some(&silent), OWN).expect("both are queues");
    let bus = "arn:aws:events:us-east-1:000000000000:event-bus/default".to_owned();
    for place in [
        Place::Sqs { arn: "arn:aws:sqs:us-east-1:000000000000:orders".to_owned() },
        Place::Eventbridge { arn: bus },
    ] {
        assert_eq!(send(&sender, &place).await, Some(FailureKind::Timeout));
    }
}

#[tokio::test]
async fn what_is_no_place_any_more_is_an_answer_and_who_polls_is_sent_nothing() {
    let sender = sender(None, OWN).expect("both are queues");
    let own = Place::Sqs { arn: "arn:aws:sqs:us-east-1:000000000000:events".to_owned() };
    assert_eq!(send(&sender, &own).await, Some(FailureKind::BlockedAddress));
    let elsewhere = Place::Sqs { arn: "arn:aws:sqs:eu-west-1:000000000000:orders".to_owned() };
    assert_eq!(send(&sender, &elsewhere).await, Some(FailureKind::NotSendable));
    assert_eq!(send(&sender, &Place::Poll).await, None);
}
