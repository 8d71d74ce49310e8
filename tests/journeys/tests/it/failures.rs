//! Why an attempt failed, as its record tells it.

use anyhow::{Context, Result};
use axum::http::StatusCode;
use journeys::App;
use relay::{Client, EgressPolicy, Limits, Resolver};
use serde_json::{Value, json};
use simulators::Stripe;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Servers that misbehave, each in its way; they end with this.
#[derive(Default)]
pub(crate) struct Servers(JoinSet<()>);

impl Servers {
    /// Gives the port of a server that does `behave` with each connection.
    pub(crate) async fn start<F>(
        &mut self,
        behave: impl Fn(TcpStream) -> F + Send + Sync + 'static,
    ) -> Result<u16>
    where
        F: Future<Output = io::Result<()>> + Send,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        self.0.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // How a connection ends is what the other side is asked about.
                let _ = behave(stream).await;
            }
        });
        Ok(port)
    }

    pub(crate) async fn answering(&mut self, answer: &'static str) -> Result<u16> {
        self.start(move |mut stream| async move {
            let mut request = [0; 16 * 1024];
            let _ = stream.read(&mut request).await?;
            stream.write_all(answer.as_bytes()).await
        })
        .await
    }
}

/// `hooks.test` is this machine, `inside.test` a private address; no other name is known.
fn resolver() -> Resolver {
    Resolver::custom(|name| match name {
        "hooks.test" => Ok(vec![IpAddr::from(Ipv4Addr::LOCALHOST)]),
        "inside.test" => Ok(vec![IpAddr::from(Ipv4Addr::new(10, 0, 0, 1))]),
        _ => Err(io::Error::other("no such name")),
    })
}

#[tokio::test]
async fn each_way_of_failing_is_told_apart_in_the_record() -> Result<()> {
    let mut app = App::start().await?;
    let limits = Limits { connect_timeout: Duration::from_millis(300), ..Limits::default() };
    let policy = EgressPolicy::from_allow_list("127.0.0.1/32", true)?;
    app.deliver_through(Client::new(policy, limits, resolver()))?;
    let mut servers = Servers::default();
    let silent = servers
        .start(|stream| async move {
            tokio::time::sleep(Duration::from_secs(20)).await;
            drop(stream);
            Ok(())
        })
        .await?;
    let flooding = servers
        .start(|mut stream| async move {
            let mut request = [0; 16 * 1024];
            let _ = stream.read(&mut request).await?;
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            loop {
                stream.write_all(format!("x-flood: {}\r\n", "a".repeat(1000)).as_bytes()).await?;
            }
        })
        .await?;
    let closing = servers.start(|_| async { Ok(()) }).await?;
    let plain = servers.answering("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await?;
    let ssh = servers.answering("SSH-2.0-OpenSSH_9.2p1\r\n\r\n").await?;
    let moved = servers
        .answering("HTTP/1.1 301 Moved\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n")
        .await?;
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port();

    let mut expected = BTreeMap::new();
    for (url, error) in [
        (format!("http://hooks.test:{silent}/"), "timeout"),
        (format!("https://hooks.test:{silent}/"), "connect_timeout"),
        ("http://unknown.test/".to_owned(), "dns"),
        ("https://inside.test/".to_owned(), "blocked_address"),
        (format!("http://hooks.test:{closed}/"), "connection_refused"),
        (format!("http://hooks.test:{closing}/"), "connection_reset"),
        (format!("https://hooks.test:{plain}/"), "tls"),
        (format!("http://hooks.test:{ssh}/"), "protocol"),
        (format!("http://hooks.test:{flooding}/"), "response_too_large"),
        (format!("http://hooks.test:{moved}/"), "redirect"),
        (format!("http://hooks.test:{plain}/"), "status"),
    ] {
        let endpoint = app.create("/v1/endpoints", json!({ "url": url, "timeout_seconds": 1 })).await?;
        expected.insert(endpoint["id"].as_str().context("an id")?.to_owned(), error);
    }
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let now = app.clock.now();
    let webhook = stripe.event("evt_1", "coupon.created", now, &json!({ "id": "SUMMER" }), now);
    assert_eq!(app.webhook(&source, &webhook).await?.status, StatusCode::OK);
    app.stack.settle().await?;

    let deliveries = app.get("/v1/deliveries").await?;
    let mut told = BTreeMap::new();
    for delivery in deliveries["data"].as_array().context("a list")? {
        let attempt = &delivery["attempts"][0];
        let error = attempt["error"].as_str().context("an error")?;
        told.insert(delivery["endpoint"].as_str().context("an id")?.to_owned(), error);
        assert_eq!(delivery["status"], "retrying", "{error}");
        let has_answer = matches!(error, "status" | "redirect");
        assert_eq!(attempt["status_code"].is_u64(), has_answer, "{attempt}");
        assert_eq!(attempt["error_detail"].is_string(), !has_answer, "{attempt}");
    }
    assert_eq!(told, expected);
    assert!(!deliveries.to_string().contains("10.0.0.1"), "the owner learns the class and not the address");
    Ok(())
}

#[tokio::test]
async fn an_attempt_takes_as_long_as_its_endpoint_allows_and_no_longer() -> Result<()> {
    let app = App::start().await?;
    let mut servers = Servers::default();
    for seconds in [1, 30] {
        let slow = servers
            .start(|mut stream| async move {
                tokio::time::sleep(Duration::from_millis(1500)).await;
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await
            })
            .await?;
        let url = format!("http://127.0.0.1:{slow}/");
        app.create("/v1/endpoints", json!({ "url": url, "timeout_seconds": seconds})).await?;
    }
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let now = app.clock.now();
    let webhook = stripe.event("evt_1", "coupon.created", now, &json!({ "id": "SUMMER" }), now);
    app.webhook(&source, &webhook).await?;
    app.stack.settle().await?;
    let deliveries = app.get("/v1/deliveries").await?;
    let mut outcomes: Vec<Value> = Vec::new();
    for delivery in deliveries["data"].as_array().context("a list")? {
        outcomes.push(json!([delivery["status"], delivery["attempts"][0]["error"]]));
    }
    outcomes.sort_by_key(ToString::to_string);
    assert_eq!(outcomes, [json!(["retrying", "timeout"]), json!(["succeeded", null])]);
    Ok(())
}
