//! Event buses: what is put on them, and what is refused.

use std::fmt::Debug;

use aws_sdk_eventbridge::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_eventbridge::operation::put_events::PutEventsOutput;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use contracts::Clients;

crate::checks!["eventbridge":
    an_event_gets_an_id_on_the_default_bus_and_on_one_by_name_or_arn,
    a_bus_is_made_once_described_and_deleted,
    a_bus_that_does_not_exist_is_named_so,
    an_event_for_a_bus_that_does_not_exist_is_confirmed,
    an_entry_fails_alone_if_its_source_is_reserved,
    an_entry_fails_alone_if_its_detail_is_no_object,
    an_entry_fails_alone_if_something_is_missing,
    a_request_has_at_most_ten_entries,
    a_request_has_at_most_one_mebibyte,
];

fn entry(bus: &str) -> PutEventsRequestEntry {
    PutEventsRequestEntry::builder()
        .event_bus_name(bus)
        .source("contracts")
        .detail_type("check")
        .detail(r#"{"n":1}"#)
        .build()
}

async fn put(clients: &Clients, entries: Vec<PutEventsRequestEntry>) -> PutEventsOutput {
    clients.eventbridge.put_events().set_entries(Some(entries)).send().await.unwrap()
}

fn code<T: Debug, E: ProvideErrorMetadata + Debug, R: Debug>(answer: Result<T, SdkError<E, R>>) -> String {
    answer.unwrap_err().code().unwrap_or_default().to_owned()
}

/// Of each entry: its code, or none if it was taken.
fn codes(answer: &PutEventsOutput) -> Vec<Option<&str>> {
    let codes: Vec<_> = answer.entries().iter().map(|entry| entry.error_code()).collect();
    let failed = codes.iter().filter(|code| code.is_some()).count();
    assert_eq!(usize::try_from(answer.failed_entry_count()).unwrap(), failed);
    for entry in answer.entries() {
        assert_ne!(entry.error_code().is_some(), entry.event_id().is_some(), "either an id or a code");
    }
    codes
}

async fn an_event_gets_an_id_on_the_default_bus_and_on_one_by_name_or_arn(clients: Clients) {
    let made = clients.eventbridge.create_event_bus().name(&clients.name).send().await.unwrap();
    let arn = made.event_bus_arn().unwrap();
    assert_eq!(arn, format!("arn:aws:events:us-east-1:000000000000:event-bus/{}", clients.name));
    let answer = put(&clients, vec![entry("default"), entry(&clients.name), entry(arn)]).await;
    assert_eq!(codes(&answer), [None; 3]);
}

async fn a_bus_is_made_once_described_and_deleted(clients: Clients) {
    let client = &clients.eventbridge;
    client.create_event_bus().name(&clients.name).send().await.unwrap();
    let again = client.create_event_bus().name(&clients.name).send().await;
    assert_eq!(code(again), "ResourceAlreadyExistsException");
    let described = client.describe_event_bus().name(&clients.name).send().await.unwrap();
    assert_eq!(described.name(), Some(clients.name.as_str()));
    client.delete_event_bus().name(&clients.name).send().await.unwrap();
    let gone = client.describe_event_bus().name(&clients.name).send().await;
    assert_eq!(code(gone), "ResourceNotFoundException");
}

async fn a_bus_that_does_not_exist_is_named_so(clients: Clients) {
    let described = clients.eventbridge.describe_event_bus().name(&clients.name).send().await;
    assert_eq!(code(described), "ResourceNotFoundException");
    clients.eventbridge.describe_event_bus().name("default").send().await.unwrap();
}

/// Which is why `destinations` looks a bus up: <https://github.com/aws/aws-cli/issues/9186>.
async fn an_event_for_a_bus_that_does_not_exist_is_confirmed(clients: Clients) {
    assert_eq!(codes(&put(&clients, vec![entry(&clients.name)]).await), [None]);
}

async fn an_entry_fails_alone_if_its_source_is_reserved(clients: Clients) {
    let mut reserved = entry("default");
    reserved.source = Some("aws.payrelay".to_owned());
    let answer = put(&clients, vec![reserved, entry("default")]).await;
    assert_eq!(codes(&answer), [Some("NotAuthorizedForSourceException"), None]);
}

async fn an_entry_fails_alone_if_its_detail_is_no_object(clients: Clients) {
    let with = |detail: &str| {
        let mut entry = entry("default");
        entry.detail = Some(detail.to_owned());
        entry
    };
    let answer = put(&clients, vec![with("<xml/>"), with("[1]"), with("{}")]).await;
    assert_eq!(codes(&answer), [Some("MalformedDetail"), Some("MalformedDetail"), None]);
}

async fn an_entry_fails_alone_if_something_is_missing(clients: Clients) {
    let (mut source, mut detail_type, mut detail) = (entry("default"), entry("default"), entry("default"));
    (source.source, detail_type.detail_type, detail.detail) = (None, None, None);
    let answer = put(&clients, vec![source, detail_type, detail, entry("default")]).await;
    let invalid = Some("InvalidArgument");
    assert_eq!(codes(&answer), [invalid, invalid, invalid, None]);
}

async fn a_request_has_at_most_ten_entries(clients: Clients) {
    assert_eq!(codes(&put(&clients, vec![entry("default"); 10]).await), [None; 10]);
    let eleven = clients.eventbridge.put_events().set_entries(Some(vec![entry("default"); 11])).send().await;
    assert_eq!(code(eleven), "ValidationException");
}

async fn a_request_has_at_most_one_mebibyte(clients: Clients) {
    let mut large = entry("default");
    large.detail = Some(format!(r#"{{"n":"{}"}}"#, "x".repeat(1024 * 1024)));
    let answer = clients.eventbridge.put_events().entries(large).send().await;
    assert_eq!(code(answer), "ValidationException");
}
