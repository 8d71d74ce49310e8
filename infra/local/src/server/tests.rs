//! Connections over a real socket: which end, and when.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::serve;

const IDLE: Duration = Duration::from_millis(1500);
/// Far more than [`IDLE`]: by then a connection has ended on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);
/// What does not fit into the buffers of a connection.
const LARGE: usize = 32 * 1024 * 1024;

#[expect(clippy::disallowed_methods, reason = "a test's server is a task beside it")]
async fn start(idle: Duration) -> (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let router = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/slow", get(async || sleep(2 * IDLE).await))
        .route("/large", get(|| async { vec![b'x'; LARGE] }))
        .route("/count", post(|body: Bytes| async move { body.len().to_string() }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(serve(listener, router, idle, async move {
        let _ = stopped.await;
    }));
    (address, stop, server)
}

async fn dial(address: SocketAddr) -> TcpStream {
    TcpSocket::new_v4().unwrap().connect(address).await.unwrap()
}

async fn connect() -> (TcpStream, oneshot::Sender<()>) {
    let (address, stop, _) = start(IDLE).await;
    (dial(address).await, stop)
}

/// What comes until the server ends the connection.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    // A reset is an end too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut all)).await.expect("the connection ends");
    all
}

/// Reads an answer with a short body, which ends with `end`.
async fn answer(stream: &mut TcpStream, end: &str) -> String {
    let mut all = Vec::new();
    while !all.ends_with(end.as_bytes()) {
        let read = timeout(PATIENCE, stream.read_buf(&mut all)).await.expect("an answer").unwrap();
        assert!(read > 0, "it ended after {}", String::from_utf8_lossy(&all));
    }
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn a_connection_that_says_nothing_or_half_a_header_is_closed() {
    for said in ["", "GET / HT", "GET / HTTP/1.1\r\nhost: x\r\nx-half", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let (mut stream, _stop) = connect().await;
        let started = Instant::now();
        stream.write_all(said.as_bytes()).await.unwrap();
        rest(&mut stream).await;
        assert!(started.elapsed() >= IDLE, "{said:?}");
    }
}

#[tokio::test]
async fn headers_that_drip_do_not_keep_a_connection_open() {
    let (mut stream, _stop) = connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
    let dripping = async {
        while stream.write_all(b"x").await.is_ok() {
            sleep(IDLE / 10).await;
        }
    };
    timeout(PATIENCE, dripping).await.expect("the connection ends");
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request_and_closed_when_none_comes() {
    let (mut stream, _stop) = connect().await;
    for _ in 0..4 {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert!(answer(&mut stream, "hello").await.starts_with("HTTP/1.1 200"));
        sleep(IDLE / 2).await;
    }
    assert_eq!(rest(&mut stream).await, b"");
}

#[tokio::test]
async fn a_request_may_take_longer_than_a_connection_may_be_idle() {
    let (mut stream, _stop) = connect().await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(answer(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_slow_upload_goes_on_while_it_moves_and_ends_when_it_stalls() {
    for (sent, expected) in [(8, "HTTP/1.1 200"), (4, "HTTP/1.1 400")] {
        let (mut stream, _stop) = connect().await;
        stream.write_all(b"POST /count HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\n").await.unwrap();
        for _ in 0..sent {
            sleep(IDLE / 4).await;
            stream.write_all(b"x").await.unwrap();
        }
        let answered = String::from_utf8(rest(&mut stream).await).unwrap();
        assert!(answered.starts_with(expected), "{sent}: {answered}");
    }
}

#[tokio::test]
async fn a_slow_download_goes_on_while_it_moves_and_ends_when_nothing_is_taken() {
    let (mut stream, _stop) = connect().await;
    stream.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let (mut all, mut part) = (0, vec![0; LARGE / 12]);
    let started = Instant::now();
    while all < LARGE {
        let read = timeout(PATIENCE, stream.read_exact(&mut part[..(LARGE / 12).min(LARGE - all)])).await;
        all += read.expect("it goes on").expect("it is not cut");
        sleep(IDLE / 4).await;
    }
    assert!(started.elapsed() > IDLE);

    let (mut stream, _stop) = connect().await;
    stream.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    sleep(4 * IDLE).await;
    assert!(rest(&mut stream).await.len() < LARGE, "it was cut");
}

#[tokio::test]
async fn http_2_with_prior_knowledge_is_served_and_closed_when_it_is_idle() {
    let (address, _stop, _) = start(IDLE).await;
    let connector = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .http2_only(true)
        .build_http::<axum::body::Body>();
    let answer = connector.get(format!("http://{address}/").parse().unwrap()).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, hyper::Version::HTTP_2));
    // By hand, to see the end: preface and empty settings.
    let mut stream = dial(address).await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    rest(&mut stream).await;
}

#[tokio::test]
async fn a_stop_finishes_requests_and_does_not_wait_for_idle_connections() {
    let (address, stop, server) = start(Duration::from_secs(600)).await;
    let mut idle = dial(address).await;
    idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\nGET /half").await.unwrap();
    answer(&mut idle, "hello").await;
    let mut busy = dial(address).await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    sleep(IDLE / 4).await;
    stop.send(()).unwrap();
    assert!(answer(&mut busy, "\r\n\r\n").await.starts_with("HTTP/1.1 200"));
    timeout(PATIENCE, server).await.expect("it ends").unwrap();
    assert_eq!(rest(&mut idle).await, b"");
}
