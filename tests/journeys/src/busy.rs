//! A client app's endpoint that takes its time, and counts what it has in hand. It verifies nothing.

use crate::receiver::serve;
use anyhow::Result;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;

#[derive(Debug, Default)]
struct Shared {
    answers_after: Duration,
    status: u16,
    in_hand: usize,
    most_in_hand: usize,
    webhook_ids: Vec<String>,
}

/// Ends when it is dropped.
#[derive(Debug)]
pub struct BusyReceiver {
    url: String,
    shared: Arc<Mutex<Shared>>,
    _server: JoinSet<()>,
}

impl BusyReceiver {
    pub async fn start(answers_after: Duration) -> Result<Self> {
        let shared = Arc::new(Mutex::new(Shared { answers_after, status: 200, ..Shared::default() }));
        let hook = post(receive).with_state(Arc::clone(&shared));
        let (url, server) = serve(hook).await?;
        Ok(Self { url, shared, _server: server })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on.
    pub fn answer(&self, status: u16, after: Duration) {
        let mut shared = self.lock();
        (shared.status, shared.answers_after) = (status, after);
    }

    /// The `webhook-id`s of all requests that have arrived, in their order.
    pub fn arrived(&self) -> Vec<String> {
        self.lock().webhook_ids.clone()
    }

    /// How many requests were waiting for their answer at the same time, at most.
    pub fn most_in_hand(&self) -> usize {
        self.lock().most_in_hand
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().expect("no holder of this lock panics")
    }
}

async fn receive(State(shared): State<Arc<Mutex<Shared>>>, headers: HeaderMap) -> StatusCode {
    let lock = || shared.lock().expect("no holder of this lock panics");
    let (status, after) = {
        let mut shared = lock();
        let id = headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
        shared.webhook_ids.push(id.to_owned());
        shared.in_hand += 1;
        shared.most_in_hand = shared.most_in_hand.max(shared.in_hand);
        (shared.status, shared.answers_after)
    };
    tokio::time::sleep(after).await;
    lock().in_hand -= 1;
    StatusCode::from_u16(status).unwrap_or(StatusCode::OK)
}
