//! What a server can do to us once we are connected.

use crate::{
    client, failure, limits, loopback, outbound, post, response, retry,
    server::{Server, read_request},
    verdict,
};
use domain::FailureKind;
use relay::{Client, HeaderName, HeaderValue, Limits, Resolver, SendError, SigningSecret, Verdict, signing};
use std::time::Duration;
use tokio::{
    io::AsyncWriteExt,
    net::TcpListener,
    sync::mpsc,
    time::{Instant, sleep},
};

#[tokio::test]
async fn the_request_arrives_as_it_was_signed() {
    let (sender, mut received) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let sender = sender.clone();
        async move {
            let request = read_request(&mut stream).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            sender.send(request).unwrap();
        }
    })
    .await;
    let mut request = outbound(&format!("{}?tenant=1", server.url()));
    let secret = SigningSecret::generate([7; 32]);
    request.headers.extend(signing::headers("dlv_1", 1_614_265_330, &request.body, &[secret], &[]).unwrap());
    request
        .headers
        .push((HeaderName::from_static("content-type"), HeaderValue::from_static("application/json")));

    let answer = client().post(request).await;

    assert_eq!((response(&answer).status, response(&answer).excerpt.as_str()), (200, "ok"));
    assert_eq!(verdict(&answer), Verdict::Succeeded);
    let text = received.recv().await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "{\"paid\":true}");
    let lines: Vec<&str> = head.lines().collect();
    assert_eq!(lines[0], "POST /hook?tenant=1 HTTP/1.1");
    for expected in [
        &format!("host: 127.0.0.1:{}", server.port),
        "content-length: 13",
        "content-type: application/json",
        "webhook-id: dlv_1",
        "webhook-timestamp: 1614265330",
        "accept: */*",
    ] {
        assert!(lines.contains(&expected), "{expected} in {head}");
    }
    assert!(head.contains("\r\nwebhook-signature: v1,"), "{head}");
    assert!(head.contains("\r\nuser-agent: Payrelay/"), "{head}");
}

#[tokio::test]
async fn an_error_status_keeps_the_beginning_of_its_body() {
    let server = Server::answering(
        "HTTP/1.1 500 Oops\r\ncontent-length: 10\r\nretry-after: 5\r\n\r\nno\r\nluck\x1b\n",
    )
    .await;
    let answer = post(&client(), &server.url()).await;
    assert_eq!((response(&answer).status, response(&answer).excerpt.as_str()), (500, "no  luck\u{FFFD} "));
    assert_eq!(verdict(&answer), retry(FailureKind::Status));
}

#[tokio::test]
async fn retry_after_reaches_the_verdict() {
    let server = Server::answering("HTTP/1.1 429 Slow\r\ncontent-length: 0\r\nretry-after: 90\r\n\r\n").await;
    let answer = post(&client(), &server.url()).await;
    let expected = Verdict::Retry { kind: FailureKind::Status, retry_after_seconds: Some(90) };
    assert_eq!(verdict(&answer), expected);
}

#[tokio::test]
async fn gone_disables_and_no_content_succeeds() {
    let gone = Server::answering("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(verdict(&post(&client(), &gone.url()).await), Verdict::Disable);
    let empty = Server::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(verdict(&post(&client(), &empty.url()).await), Verdict::Succeeded);
}

#[tokio::test]
async fn an_interim_answer_is_skipped() {
    let server = Server::answering(
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    assert_eq!(response(&post(&client(), &server.url()).await).status, 202);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let location = target.url();
    let server = Server::start(move |mut stream| {
        let answer = format!("HTTP/1.1 307 Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        async move {
            read_request(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await;
    let answer = post(&client(), &server.url()).await;
    assert_eq!(verdict(&answer), retry(FailureKind::Redirect));
    assert_eq!((server.connections(), target.connections()), (1, 0));

    // Were it followed, the guard would still refuse the address: another failure than this one.
    let metadata =
        "HTTP/1.1 301 Moved\r\nlocation: http://169.254.169.254/latest/\r\ncontent-length: 0\r\n\r\n";
    let server = Server::answering(metadata).await;
    let answer = post(&client(), &server.url()).await;
    assert_eq!((response(&answer).status, verdict(&answer)), (301, retry(FailureKind::Redirect)));
}

#[tokio::test]
async fn a_slow_body_does_not_undo_the_status() {
    let server = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nthanks, ").await.unwrap();
        sleep(Duration::from_secs(10)).await;
    })
    .await;
    let started = Instant::now();
    let answer = post(&client(), &server.url()).await;
    assert_eq!((response(&answer).status, response(&answer).excerpt.as_str()), (200, "thanks, "));
    assert!(started.elapsed() < Duration::from_millis(450), "body_timeout ends it: {:?}", started.elapsed());
    assert!(answer.latency < Duration::from_millis(200), "the latency is the header's: {:?}", answer.latency);
}

#[tokio::test]
async fn an_endless_body_is_cut_and_its_connection_closed() {
    let (sender, mut ended) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let sender = sender.clone();
        async move {
            read_request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 500 Oops\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
            let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
            while stream.write_all(chunk.as_bytes()).await.is_ok() {}
            sender.send(()).unwrap();
        }
    })
    .await;
    let patient = Duration::from_secs(20);
    let patient = Limits { total_timeout: patient, body_timeout: patient, ..limits() };
    let started = Instant::now();
    let answer = post(&Client::new(loopback(), patient, Resolver::this_machine()), &server.url()).await;
    assert!(started.elapsed() < Duration::from_secs(5), "the size ends it, not the time");
    assert_eq!(response(&answer).status, 500);
    assert_eq!(response(&answer).excerpt, "x".repeat(1024));
    ended.recv().await.unwrap();
}

#[tokio::test]
async fn a_header_that_drips_runs_into_the_total_timeout() {
    let server = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nx-drip: ").await.unwrap();
        while stream.write_all(b"a").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let started = Instant::now();
    let answer = post(&client(), &server.url()).await;
    assert!(matches!(failure(&answer), SendError::Timeout), "{answer:?}");
    assert!(started.elapsed() < Duration::from_secs(1));
    assert!(answer.latency >= limits().total_timeout);
}

#[tokio::test]
async fn a_header_without_end_is_too_large() {
    let server = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        let line = format!("x-flood: {}\r\n", "a".repeat(1000));
        while stream.write_all(line.as_bytes()).await.is_ok() {}
    })
    .await;
    let answer = post(&client(), &server.url()).await;
    assert_eq!(verdict(&answer), retry(FailureKind::ResponseTooLarge), "{answer:?}");
}

#[tokio::test]
async fn an_unused_port_is_a_refused_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(verdict(&post(&client(), &url).await), retry(FailureKind::ConnectionRefused));
}

#[tokio::test]
async fn a_connection_that_dies_before_the_answer_is_a_reset() {
    let closing = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
    })
    .await;
    let answer = post(&client(), &closing.url()).await;
    assert_eq!(verdict(&answer), retry(FailureKind::ConnectionReset), "{answer:?}");

    // Closed with the request unread, so that the kernel sends RST instead of FIN.
    let resetting = Server::start(|stream| async move {
        stream.readable().await.unwrap();
    })
    .await;
    let answer = post(&client(), &resetting.url()).await;
    assert_eq!(verdict(&answer), retry(FailureKind::ConnectionReset), "{answer:?}");
}

#[tokio::test]
async fn what_is_not_http_is_a_protocol_failure() {
    let server = Server::answering("SSH-2.0-OpenSSH_9.2p1\r\n\r\n").await;
    let answer = post(&client(), &server.url()).await;
    assert_eq!(verdict(&answer), retry(FailureKind::Protocol), "{answer:?}");
}

#[tokio::test]
async fn https_to_a_plain_port_is_a_tls_failure() {
    let server = Server::start(|mut stream| async move {
        stream.readable().await.unwrap();
        // It may have gone away as soon as the first bytes made no sense to it.
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok();
    })
    .await;
    let answer = post(&client(), &server.url().replace("http:", "https:")).await;
    assert_eq!(verdict(&answer), retry(FailureKind::Tls), "{answer:?}");
}

#[tokio::test]
async fn a_handshake_that_never_comes_is_a_connect_timeout() {
    let server = Server::start(|stream| async move {
        sleep(Duration::from_secs(10)).await;
        drop(stream);
    })
    .await;
    let answer = post(&client(), &server.url().replace("http:", "https:")).await;
    assert_eq!(verdict(&answer), retry(FailureKind::ConnectTimeout), "{answer:?}");
}

#[tokio::test]
async fn a_connection_is_used_again_and_replaced_once_the_server_has_closed_it() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let client = client();
    for _ in 0..3 {
        assert_eq!(verdict(&post(&client, &server.url()).await), Verdict::Succeeded);
    }
    assert_eq!(server.connections(), 1);

    let once = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    })
    .await;
    for _ in 0..3 {
        assert_eq!(verdict(&post(&client, &once.url()).await), Verdict::Succeeded);
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(once.connections(), 3);
}

#[tokio::test]
async fn a_header_that_belongs_to_the_library_is_refused_before_anything_is_sent() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    for name in ["host", "content-length", "transfer-encoding", "connection"] {
        let mut request = outbound(&server.url());
        request.headers.push((HeaderName::from_static(name), HeaderValue::from_static("x")));
        let answer = client().post(request).await;
        assert!(matches!(failure(&answer), SendError::ReservedHeader(_)), "{answer:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn attempts_run_side_by_side_on_clones_of_one_client() {
    let slow = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        sleep(Duration::from_secs(10)).await;
    })
    .await;
    let fast = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let client = client();
    let clone = client.clone();
    let (slow_url, fast_url) = (slow.url(), fast.url());
    let (slow_answer, fast_answer) = tokio::join!(post(&client, &slow_url), post(&clone, &fast_url));
    assert_eq!(verdict(&slow_answer), retry(FailureKind::Timeout));
    assert_eq!(verdict(&fast_answer), Verdict::Succeeded);
    assert!(fast_answer.latency < limits().total_timeout);
}
