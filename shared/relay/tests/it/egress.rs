//! The guard at the moment of connecting.
//!
//! 127.0.0.1 is allowed and stands for the public internet, the rest of loopback for what is refused: so no
//! packet leaves the machine even if the guard is broken. `src/connect/tests.rs` has the real inward addresses.

use crate::{client, failure, limits, loopback, post, response, retry, server::Server, verdict};
use domain::FailureKind;
use relay::{Client, EgressPolicy, Resolver, SendError, Url, Verdict};
use std::{
    io,
    net::IpAddr,
    sync::{Arc, Mutex},
};

const OK_AND_CLOSE: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Answers the first look-up with the first list, and so on; counts down what is left.
fn scripted(answers: &[&[&str]]) -> (Resolver, Arc<Mutex<Vec<Vec<IpAddr>>>>) {
    let parse = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
    let left: Arc<Mutex<Vec<Vec<IpAddr>>>> = Arc::new(Mutex::new(answers.iter().rev().map(parse).collect()));
    let script = Arc::clone(&left);
    let resolver = Resolver::custom(move |_| {
        script.lock().unwrap().pop().ok_or_else(|| io::Error::other("unknown name"))
    });
    (resolver, left)
}

fn blocked_class(error: &SendError) -> &'static str {
    match error {
        SendError::Blocked(blocked) => blocked.class(),
        other => panic!("not blocked: {other:?}"),
    }
}

#[tokio::test]
async fn a_name_that_resolves_inward_passes_at_creation_and_is_refused_at_connection() {
    let server = Server::answering(OK_AND_CLOSE).await;
    let url = format!("https://hooks.example.com:{}/", server.port);
    let strict = EgressPolicy::strict();
    assert!(strict.parse_url(&url).is_ok());
    for address in ["127.0.0.1", "::ffff:127.0.0.1", "::1"] {
        let (resolver, _) = scripted(&[&[address]]);
        let answer = post(&Client::new(strict.clone(), limits(), resolver), &url).await;
        assert_eq!(blocked_class(failure(&answer)), "loopback", "{address}");
        assert_eq!(verdict(&answer), retry(FailureKind::BlockedAddress));
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn one_refused_address_among_allowed_ones_refuses_the_name() {
    let server = Server::answering(OK_AND_CLOSE).await;
    let url = format!("http://hooks.example.com:{}/", server.port);
    for answers in [["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"]] {
        let (resolver, _) = scripted(&[&answers]);
        let answer = post(&Client::new(loopback(), limits(), resolver), &url).await;
        assert_eq!(blocked_class(failure(&answer)), "loopback");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_that_is_rebound_between_two_attempts_is_refused_the_second_time() {
    let server = Server::answering(OK_AND_CLOSE).await;
    let url = format!("http://hooks.example.com:{}/", server.port);
    let (resolver, left) = scripted(&[&["127.0.0.1"], &["127.0.0.2"], &["::1"]]);
    let client = Client::new(loopback(), limits(), resolver);

    assert_eq!(verdict(&post(&client, &url).await), Verdict::Succeeded);
    assert_eq!(
        left.lock().unwrap().len(),
        2,
        "one look-up per connection: what was checked is what was connected"
    );
    assert_eq!(blocked_class(failure(&post(&client, &url).await)), "loopback");
    assert_eq!(blocked_class(failure(&post(&client, &url).await)), "loopback");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn the_next_checked_address_is_tried_when_one_refuses_the_connection() {
    let server = Server::answering(OK_AND_CLOSE).await;
    let url = format!("http://hooks.example.com:{}/", server.port);
    let policy = EgressPolicy::from_allow_list("127.0.0.0/8", true).unwrap();
    let (resolver, _) = scripted(&[&["127.0.0.2", "127.0.0.1"]]);
    let answer = post(&Client::new(policy, limits(), resolver), &url).await;
    assert_eq!(response(&answer).status, 200);
}

#[tokio::test]
async fn a_name_without_an_address_is_a_dns_failure() {
    for answers in [&[] as &[&[&str]], &[&[]]] {
        let (resolver, _) = scripted(answers);
        let client = Client::new(EgressPolicy::strict(), limits(), resolver);
        let answer = post(&client, "https://hooks.example.com/").await;
        assert_eq!(verdict(&answer), retry(FailureKind::Dns), "{answer:?}");
    }
}

#[tokio::test]
async fn the_url_is_checked_again_at_every_attempt() {
    let server = Server::answering(OK_AND_CLOSE).await;
    let strict = Client::new(EgressPolicy::strict(), limits(), Resolver::this_machine());
    assert_eq!(verdict(&post(&strict, &server.url()).await), retry(FailureKind::InvalidUrl));
    let literal = server.url().replace("http:", "https:");
    assert_eq!(verdict(&post(&strict, &literal).await), retry(FailureKind::BlockedAddress));
    assert_eq!(verdict(&post(&client(), "http://127.0.0.2/").await), retry(FailureKind::BlockedAddress));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the system answers this name without asking anybody")]
async fn localhost_is_resolved_by_the_system_where_loopback_is_allowed() {
    let server = Server::answering(OK_AND_CLOSE).await;
    let policy = EgressPolicy::from_allow_list("127.0.0.0/8,::1/128", true).unwrap();
    let url: Url = format!("http://localhost:{}/", server.port).parse().unwrap();
    let answer = post(&Client::new(policy, limits(), Resolver::system()), url.as_str()).await;
    assert_eq!(response(&answer).status, 200);
}
