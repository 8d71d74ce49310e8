//! A shop whose payments come in through Stripe: a source of the whole stack, its webhooks, and the admin's calls.

use crate::{stripe_charge, token};
use anyhow::{Context, Result, ensure};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use local::{Options, Stack};
use platform::{Clock, SecretText};
use serde_json::{Value, json};
use simulators::Stripe;
use std::sync::Arc;
use std::time::Instant;
use tower::ServiceExt;

const ADMIN_KEY: &str = "prk_admin_for_the_benches_alone_only";

/// A stack in memory, in real time, that delivers to this machine.
pub fn options() -> Options {
    Options::for_tests(SecretText::new(ADMIN_KEY), Clock::system())
}

/// A source of a stack.
#[derive(Debug)]
pub struct Shop {
    pub stack: Arc<Stack>,
    stripe: Stripe,
    source: String,
}

impl Shop {
    pub async fn open(stack: Arc<Stack>) -> Result<Self> {
        let stripe = Stripe::new([1; 16]);
        let source = json!({ "provider": "stripe", "name": "shop", "secrets": [stripe.secret()] });
        let source = call(&stack, Method::POST, "/v1/sources", Some(source)).await?;
        let source = source["id"].as_str().context("an id")?.to_owned();
        Ok(Self { stack, stripe, source })
    }

    /// Sends the event of this number; gives its id and when it was accepted.
    pub async fn webhook(&self, number: usize) -> Result<(String, Instant)> {
        let payment = format!("pi_{}", token(&number.to_string()));
        let id = format!("evt_{}", token(&payment));
        let now = self.stack.clock.now();
        let charge = stripe_charge(&payment, 0, false);
        let webhook = self.stripe.event(&id, "charge.succeeded", now, &charge, now);
        let mut request = Request::post(format!("/webhooks/{}", self.source))
            .header(header::CONTENT_TYPE, "application/json");
        for (name, value) in &webhook.headers {
            request = request.header(*name, value);
        }
        let answer = self.stack.router().oneshot(request.body(Body::from(webhook.body.clone()))?).await?;
        ensure!(answer.status() == StatusCode::OK, "{}", answer.status());
        Ok((id, Instant::now()))
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        call(&self.stack, method, path, body).await
    }
}

async fn call(stack: &Stack, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {ADMIN_KEY}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))?;
    let answer = stack.router().oneshot(request).await?;
    let status = answer.status();
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await?;
    ensure!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&body));
    Ok(serde_json::from_slice(&body)?)
}

/// Zero where nothing was measured.
pub fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}
