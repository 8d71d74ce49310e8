//! Calls to a provider's API: the whole body or an error.

use crate::{
    client, limits, loopback,
    server::{Server, read_request},
};
use bytes::Bytes;
use domain::FailureKind;
use jiff::Timestamp;
use relay::{
    ApiCall, ApiResponse, Client, Detours, EgressPolicy, HeaderName, HeaderValue, Limits, Method, Resolver,
    SendError,
};
use std::time::Duration;
use tokio::{
    io::AsyncWriteExt,
    sync::mpsc,
    time::{Instant, sleep},
};

fn get(url: &str) -> ApiCall {
    ApiCall { method: Method::Get, url: url.parse().unwrap(), headers: Vec::new(), body: Bytes::new() }
}

async fn call(server: &Server) -> Result<ApiResponse, SendError> {
    client().call(get(&server.url())).await
}

#[tokio::test]
async fn the_method_the_headers_and_the_body_are_the_callers() {
    let (sender, mut received) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let sender = sender.clone();
        async move {
            while let Some(request) = read_request(&mut stream).await {
                sender.send(request).unwrap();
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"id\":1}\n";
                stream.write_all(answer).await.unwrap();
            }
        }
    })
    .await;
    let authorization = (HeaderName::from_static("authorization"), HeaderValue::from_static("Bearer k"));
    let mut request = ApiCall { headers: vec![authorization], ..get(&server.url()) };
    let answer = client().call(request.clone()).await.unwrap();
    assert_eq!(
        (answer.status, &answer.body[..]),
        (200, &b"{\"id\":1}\n"[..]),
        "the body is not made harmless"
    );
    let text = received.recv().await.unwrap();
    assert!(text.starts_with("GET /hook HTTP/1.1\r\n") && text.contains("\r\nauthorization: Bearer k\r\n"));
    assert!(text.ends_with("\r\n\r\n"), "a GET has no body: {text}");

    request.method = Method::Post;
    request.body = Bytes::from_static(b"{}");
    client().call(request).await.unwrap();
    let text = received.recv().await.unwrap();
    assert!(text.starts_with("POST /hook HTTP/1.1\r\n") && text.ends_with("\r\n\r\n{}"), "{text}");
}

#[tokio::test]
async fn every_status_is_an_answer_and_a_redirect_is_not_followed() {
    let target = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let location = target.url();
    let server = Server::start(move |mut stream| {
        let answer = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        async move {
            read_request(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await;
    assert_eq!(call(&server).await.unwrap().status, 302);
    assert_eq!(target.connections(), 0);

    let busy =
        Server::answering("HTTP/1.1 429 Slow\r\ncontent-length: 4\r\nretry-after: 7\r\n\r\nwait").await;
    let answer = call(&busy).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (429, &b"wait"[..]));
    assert_eq!(answer.retry_after_seconds(Timestamp::UNIX_EPOCH), Some(7));
}

#[tokio::test]
async fn a_body_of_the_limit_is_taken_and_one_byte_more_is_an_error() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n12345678").await;
    for (max_call_bytes, is_taken) in [(8, true), (7, false)] {
        let client = Client::new(loopback(), Limits { max_call_bytes, ..limits() }, Resolver::this_machine());
        match client.call(get(&server.url())).await {
            Ok(answer) => assert!(is_taken && answer.body.len() == 8),
            Err(error) => {
                assert!(!is_taken && matches!(error, SendError::BodyTooLarge), "{error:?}");
                assert_eq!(error.kind(), FailureKind::ResponseTooLarge);
            }
        }
    }
}

#[tokio::test]
async fn an_endless_body_ends_by_its_size() {
    let server = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        while stream.write_all(chunk.as_bytes()).await.is_ok() {}
    })
    .await;
    let patient = Limits { total_timeout: Duration::from_secs(20), ..limits() };
    let started = Instant::now();
    let error = Client::new(loopback(), patient, Resolver::this_machine())
        .call(get(&server.url()))
        .await
        .unwrap_err();
    assert!(matches!(error, SendError::BodyTooLarge), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(5), "the size ends it, not the time");
}

#[tokio::test]
async fn a_body_that_breaks_off_or_does_not_come_is_no_answer() {
    let server =
        Server::answering("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\n123").await;
    assert!(call(&server).await.is_ok());

    let broken = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\":").await.unwrap();
    })
    .await;
    let error = call(&broken).await.unwrap_err();
    assert!(matches!(error, SendError::Incomplete(_)), "{error:?}");

    let silent = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n").await.unwrap();
        sleep(Duration::from_secs(10)).await;
    })
    .await;
    let error = call(&silent).await.unwrap_err();
    assert!(matches!(error, SendError::Timeout), "{error:?}");
}

#[tokio::test]
async fn the_guard_is_the_same_as_for_deliveries() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let strict = Client::new(EgressPolicy::strict(), limits(), Resolver::this_machine());
    let literal = server.url().replace("http:", "https:");
    assert_eq!(strict.call(get(&server.url())).await.unwrap_err().kind(), FailureKind::InvalidUrl);
    assert_eq!(strict.call(get(&literal)).await.unwrap_err().kind(), FailureKind::BlockedAddress);
    let detours = Detours::new([("api.example.com".to_owned(), server.url().parse().unwrap())]);
    let detoured = strict.with_detours(detours).call(get("https://api.example.com/")).await;
    assert_eq!(detoured.unwrap_err().kind(), FailureKind::InvalidUrl, "a detour opens nothing");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_detour_keeps_path_and_query_and_leaves_other_hosts_alone() {
    let (sender, mut received) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let sender = sender.clone();
        async move {
            let request = read_request(&mut stream).await.unwrap();
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            sender.send(request).unwrap();
        }
    })
    .await;
    let detours = Detours::new([("api.example.com".to_owned(), server.url().parse().unwrap())]);
    let client = client().with_detours(detours);
    let answer = client.call(get("https://api.example.com:8443/v1/events/evt_1?expand=1")).await.unwrap();
    assert_eq!(answer.status, 204);
    let text = received.recv().await.unwrap();
    assert!(text.starts_with("GET /v1/events/evt_1?expand=1 HTTP/1.1\r\n"), "{text}");

    let other = client.call(get("https://127.0.0.2/")).await.unwrap_err();
    assert_eq!(other.kind(), FailureKind::BlockedAddress);
}

#[test]
fn debug_output_shows_neither_headers_nor_bodies_nor_path() {
    let call = ApiCall {
        method: Method::Get,
        url: "https://api.example.com/s3cret?token=s3cret".parse().unwrap(),
        headers: vec![(HeaderName::from_static("authorization"), HeaderValue::from_static("s3cret"))],
        body: Bytes::from_static(b"s3cret"),
    };
    let answer = ApiResponse { status: 200, retry_after: None, body: Bytes::from_static(b"s3cret") };
    let text = format!("{call:?} {answer:?}");
    assert_eq!(
        text,
        "ApiCall { method: Get, host: \"api.example.com\", body_bytes: 6, .. } \
         ApiResponse { status: 200, body_bytes: 6, .. }"
    );
}
