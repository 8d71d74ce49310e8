//! A client app's endpoint: verifies each delivery with the stock Standard Webhooks library.

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use jiff::Timestamp;
use platform::Clock;
use serde_json::Value;
use standardwebhooks::Webhook;
use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub(super) struct Receipt {
    pub(super) payload: Value,
    /// From the provider's call to this one.
    pub(super) latency_ms: i64,
}

pub(super) struct Receiver {
    url: String,
    shared: Arc<Shared>,
    receipts: mpsc::UnboundedReceiver<Receipt>,
    /// Ends with the receiver.
    _server: JoinSet<()>,
}

struct Shared {
    clock: Clock,
    webhook: OnceLock<Webhook>,
    receipts: mpsc::UnboundedSender<Receipt>,
}

impl Receiver {
    pub(super) async fn start(clock: Clock) -> Result<Self> {
        let (sender, receipts) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { clock, webhook: OnceLock::new(), receipts: sender });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}/webhook", listener.local_addr()?);
        let router = Router::new().route("/webhook", post(receive)).with_state(Arc::clone(&shared));
        let mut server = JoinSet::new();
        server.spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, shared, receipts, _server: server })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn verify_with(&self, secret: &str) -> Result<()> {
        let webhook =
            Webhook::new(secret).context("the endpoint's secret is not a Standard Webhooks secret")?;
        self.shared.webhook.set(webhook).ok().context("the secret is set once")
    }

    /// One that has arrived already.
    pub(super) fn waiting(&mut self) -> Option<Receipt> {
        self.receipts.try_recv().ok()
    }

    pub(super) async fn next(&mut self) -> Option<Receipt> {
        self.receipts.recv().await
    }
}

async fn receive(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let verified = shared.webhook.get().is_some_and(|webhook| webhook.verify(&body, &headers).is_ok());
    let Some(receipt) = verified.then(|| receipt(&shared, &body)).flatten() else {
        return StatusCode::UNAUTHORIZED;
    };
    // The demo may have ended; the delivery has arrived all the same.
    let _ = shared.receipts.send(receipt);
    StatusCode::OK
}

fn receipt(shared: &Shared, body: &[u8]) -> Option<Receipt> {
    let payload: Value = serde_json::from_slice(body).ok()?;
    let received_at: Timestamp = payload["data"]["event"]["received_at"].as_str()?.parse().ok()?;
    Some(Receipt { latency_ms: shared.clock.now().as_millisecond() - received_at.as_millisecond(), payload })
}
