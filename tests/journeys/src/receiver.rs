//! A client app's endpoint. It answers what it is told, and keeps only what it can verify: `v1` as the stock Standard
//! Webhooks library signs it, `v1a` by the public key.

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{MethodRouter, post};
use data_encoding::BASE64;
use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use serde_json::Value;
use standardwebhooks::Webhook;
use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A request that arrived and was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub webhook_id: String,
    pub body: String,
    /// By names in lower case.
    pub headers: BTreeMap<String, String>,
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
    public_key: Option<String>,
    answers: VecDeque<(u16, HeaderMap)>,
    receipts: Vec<Receipt>,
    refused: usize,
}

/// Serves `hook` at the URL that comes back, until the set is dropped.
pub(crate) async fn serve(hook: MethodRouter) -> Result<(String, JoinSet<()>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}/hook", listener.local_addr()?);
    let mut server = JoinSet::new();
    server.spawn(async move {
        let _ = axum::serve(listener, Router::new().route("/hook", hook).layer(DefaultBodyLimit::disable()))
            .await;
    });
    Ok((url, server))
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
        let hook = post(receive).with_state(Arc::clone(&shared));
        let (url, server) = serve(hook).await?;
        Ok(Self { url, shared, _server: server })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn verify_with(&self, secret: &str) {
        self.lock().secret = Some(secret.to_owned());
    }

    /// Besides the secret, if it has one.
    pub fn verify_with_key(&self, public_key: &str) {
        self.lock().public_key = Some(public_key.to_owned());
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

/// The library's `verify` holds the timestamp against the system's clock, which is not the test's; what the library
/// itself would sign is compared instead.
fn verified(shared: &Shared, headers: &HeaderMap, body: &[u8]) -> Result<Receipt> {
    // Where a provider's request that is passed on has these names itself.
    let prefix = if headers.contains_key("payrelay-webhook-id") { "payrelay-" } else { "" };
    let text = |name: &str| {
        let name = format!("{prefix}webhook-{name}");
        headers.get(&name).with_context(|| format!("no {name}"))?.to_str().context("not a text")
    };
    let (webhook_id, timestamp) = (text("id")?.to_owned(), text("timestamp")?.parse()?);
    let signatures: Vec<&str> = text("signature")?.split(' ').collect();
    anyhow::ensure!(shared.secret.is_some() || shared.public_key.is_some(), "nothing to verify with");
    if let Some(secret) = &shared.secret {
        let expected = Webhook::new(secret)?.sign(&webhook_id, timestamp, body)?;
        anyhow::ensure!(signatures.contains(&expected.as_str()), "no v1 signature matches");
    }
    if let Some(public_key) = &shared.public_key {
        let key: [u8; 32] = BASE64
            .decode(public_key.strip_prefix("whpk_").context("not a public key")?.as_bytes())?
            .as_slice()
            .try_into()?;
        let key = VerifyingKey::from_bytes(&key)?;
        let signed = [format!("{webhook_id}.{timestamp}.").as_bytes(), body].concat();
        let is_good = |signature: &&str| {
            let bytes = signature.strip_prefix("v1a,").and_then(|text| BASE64.decode(text.as_bytes()).ok());
            let signature = bytes.and_then(|bytes| Signature::from_slice(&bytes).ok());
            signature.is_some_and(|signature| key.verify(&signed, &signature).is_ok())
        };
        anyhow::ensure!(signatures.iter().any(is_good), "no v1a signature matches");
    }
    let kept = headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    Ok(Receipt { webhook_id, body: String::from_utf8(body.to_vec())?, headers: kept.collect(), status: 0 })
}
