//! The client against real sockets. Every address is on loopback, also those that must be refused.
#![expect(clippy::unwrap_used, reason = "tests")]

mod calls;
mod conformance;
mod egress;
mod exchange;
mod server;

use bytes::Bytes;
use domain::FailureKind;
use jiff::Timestamp;
use relay::{
    Answer, Client, EgressPolicy, Limits, Outbound, Resolver, Response, SendError, Verdict, classify,
};
use std::time::Duration;

fn limits() -> Limits {
    Limits {
        connect_timeout: Duration::from_millis(300),
        total_timeout: Duration::from_millis(500),
        body_timeout: Duration::from_millis(200),
        ..Limits::default()
    }
}

/// Loopback stands for the public internet.
fn loopback() -> EgressPolicy {
    EgressPolicy::from_allow_list("127.0.0.1/32", true).unwrap()
}

fn client() -> Client {
    Client::new(loopback(), limits(), Resolver::this_machine())
}

fn outbound(url: &str) -> Outbound {
    Outbound { url: url.parse().unwrap(), headers: Vec::new(), body: Bytes::from_static(b"{\"paid\":true}") }
}

async fn post(client: &Client, url: &str) -> Answer {
    client.post(outbound(url)).await
}

fn response(answer: &Answer) -> &Response {
    answer.outcome.as_ref().unwrap()
}

fn failure(answer: &Answer) -> &SendError {
    answer.outcome.as_ref().unwrap_err()
}

fn verdict(answer: &Answer) -> Verdict {
    classify(answer, Timestamp::UNIX_EPOCH)
}

fn retry(kind: FailureKind) -> Verdict {
    Verdict::Retry { kind, retry_after_seconds: None }
}
