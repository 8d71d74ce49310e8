//! Calls to the stack's own HTTP front, without a socket.

use anyhow::{Context, Result, bail};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use platform::SecretText;
use serde_json::Value;
use simulators::Webhook;
use tower::ServiceExt;

const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

pub(super) struct Client {
    router: Router,
    authorization: String,
}

impl Client {
    pub(super) fn new(router: Router, key: &SecretText) -> Self {
        Self { router, authorization: format!("Bearer {}", key.expose()) }
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        self.call(Request::get(path).body(Body::empty())?).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Result<Value> {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.call(request.body(Body::from(body.to_string()))?).await
    }

    /// Calls a source's webhook, as its provider does.
    pub(super) async fn webhook(&self, source: &str, webhook: &Webhook) -> Result<StatusCode> {
        let mut request =
            Request::post(format!("/webhooks/{source}")).header(header::CONTENT_TYPE, webhook.content_type);
        for (name, value) in &webhook.headers {
            request = request.header(*name, value);
        }
        let answer = self.router.clone().oneshot(request.body(Body::from(webhook.body.clone()))?).await?;
        Ok(answer.status())
    }

    async fn call(&self, mut request: Request<Body>) -> Result<Value> {
        request.headers_mut().insert(header::AUTHORIZATION, self.authorization.parse()?);
        let path = request.uri().clone();
        let answer = self.router.clone().oneshot(request).await?;
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), MAX_ANSWER_BYTES).await?;
        if !status.is_success() {
            bail!("{path} answered {status}: {}", String::from_utf8_lossy(&body));
        }
        serde_json::from_slice(&body).with_context(|| format!("{path} did not answer JSON"))
    }
}
