//! A client app's endpoint. It answers what it is told, and keeps only what the stock Standard Webhooks library
//! verifies.

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use standardwebhooks::Webhook;
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A request that arrived and was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub webhook_id: String,
    pub body: String,
    /// What it was answered with.
    pub status: u16,
}

impl Receipt {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("deliveries are JSON")
    }
}

#[derive(Debug, Default)]
struct Shared {
    secret: Option<String>,
    answers: VecDeque<(u16, HeaderMap)>,
    receipts: Vec<Receipt>,
    refused: usize,
}

/// Ends when it is dropped.
#[derive(Debug)]
pub struct Receiver {
    url: String,
    shared: Arc<Mutex<Shared>>,
    _server: JoinSet<()>,
}

impl Receiver {
    pub async fn start() -> Result<Self> {
        let shared: Arc<Mutex<Shared>> = Arc::default();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}/hook", listener.local_addr()?);
        let router = Router::new().route("/hook", post(receive)).with_state(Arc::clone(&shared));
        let mut server = JoinSet::new();
        server.spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, shared, _server: server })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn verify_with(&self, secret: &str) {
        self.lock().secret = Some(secret.to_owned());
    }

    pub fn secret(&self) -> String {
        self.lock().secret.clone().unwrap_or_default()
    }

    /// The statuses of the next answers; 200 after that.
    pub fn answer_next(&self, statuses: impl IntoIterator<Item = u16>) {
        self.lock().answers.extend(statuses.into_iter().map(|status| (status, HeaderMap::new())));
    }

    /// 200 from now on.
    pub fn recover(&self) {
        self.lock().answers.clear();
    }

    /// The next answer, with a header.
    pub fn answer_next_with(&self, status: u16, name: &'static str, value: &str) -> Result<()> {
        let headers = HeaderMap::from_iter([(name.parse()?, value.parse()?)]);
        self.lock().answers.push_back((status, headers));
        Ok(())
    }

    pub fn receipts(&self) -> Vec<Receipt> {
        self.lock().receipts.clone()
    }

    /// How many requests were not signed as they must be.
    pub fn refused(&self) -> usize {
        self.lock().refused
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().expect("no holder of this lock panics")
    }
}

async fn receive(
    State(shared): State<Arc<Mutex<Shared>>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap) {
    let mut shared = shared.lock().expect("no holder of this lock panics");
    match verified(&shared, &headers, &body) {
        Ok(mut receipt) => {
            let (status, answer_headers) = shared.answers.pop_front().unwrap_or((200, HeaderMap::new()));
            receipt.status = status;
            shared.receipts.push(receipt);
            (StatusCode::from_u16(status).unwrap_or(StatusCode::OK), answer_headers)
        }
        Err(_) => {
            shared.refused += 1;
            (StatusCode::UNAUTHORIZED, HeaderMap::new())
        }
    }
}

fn verified(shared: &Shared, headers: &HeaderMap, body: &[u8]) -> Result<Receipt> {
    let webhook = Webhook::new(shared.secret.as_deref().context("no secret")?)?;
    let webhook_id = headers.get("webhook-id").context("no webhook-id")?.to_str()?.to_owned();
    let timestamp = headers.get("webhook-timestamp").context("no webhook-timestamp")?.to_str()?.parse()?;
    // The library's `verify` holds the timestamp against the system's clock, which is not the test's; what the
    // library itself would sign is compared instead.
    let expected = webhook.sign(&webhook_id, timestamp, body)?;
    let signatures = headers.get("webhook-signature").context("no webhook-signature")?.to_str()?;
    anyhow::ensure!(
        signatures.split(' ').any(|signature| signature == expected),
        "the signature does not match"
    );
    Ok(Receipt { webhook_id, body: String::from_utf8(body.to_vec())?, status: 0 })
}
