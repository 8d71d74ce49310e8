//! What a refused webhook is answered with, and what it leaves behind.

use crate::App;
use anyhow::{Context, Result, ensure};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request};
use intake::Counting;

/// A request to a source's address, whatever is in it. Header values are bytes: not all that arrives is text.
#[derive(Debug, Clone)]
pub struct Sent {
    pub method: Method,
    /// With the question mark; mostly empty.
    pub query: String,
    pub headers: Vec<(&'static str, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// The documented answer; the table is at the top of `functions/webhook/src/lib.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal<'a> {
    pub status: u16,
    /// The problem's.
    pub code: &'a str,
    /// What the refusal is counted as.
    pub reason: &'a str,
    /// Whether the counter has a provider.
    pub by_provider: bool,
    /// Whether the request is in quarantine afterwards.
    pub kept: bool,
}

impl<'a> Refusal<'a> {
    /// 401, counted by provider, and kept: by far the most.
    pub fn rejected(reason: &'a str) -> Self {
        Self { status: 401, code: "signature_rejected", reason, by_provider: true, kept: true }
    }

    /// Genuine, but it can't be read.
    pub fn malformed() -> Self {
        Self {
            status: 400,
            code: "malformed_webhook",
            reason: "malformed_webhook",
            by_provider: true,
            kept: true,
        }
    }
}

impl Sent {
    pub fn post(headers: &[(&'static str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes().to_vec())).collect();
        Self { method: Method::POST, query: String::new(), headers, body: body.into() }
    }
}

impl App {
    /// Sends a request to a source and gives the answer.
    pub async fn send(&self, source: &str, sent: &Sent) -> Result<crate::Answer> {
        let mut request =
            Request::builder().method(sent.method.clone()).uri(format!("/webhooks/{source}{}", sent.query));
        for (name, value) in &sent.headers {
            request = request.header(HeaderName::from_static(name), HeaderValue::from_bytes(value)?);
        }
        self.call(request.body(Body::from(sent.body.clone()))?).await
    }

    /// Sends a request that has to be refused, and checks all that is promised of that: status and problem, one more
    /// in its counter, none in that of what was accepted, nothing in the queue, and whether it is in quarantine.
    /// `what` names the case in the error.
    pub async fn refuses(
        &self,
        what: &str,
        (source, provider): (&str, &str),
        sent: &Sent,
        expected: Refusal<'_>,
    ) -> Result<()> {
        let before = self.quarantined(source).await?;
        self.refuses_unlisted(what, (source, provider), sent, expected).await?;
        let after = self.quarantined(source).await?;
        ensure!(
            after == before + usize::from(expected.kept),
            "{what}: {after} in quarantine, after {before}"
        );
        Ok(())
    }

    /// The same, but that it is in quarantine is only told by the counter: for tables of cases, who look at the list
    /// when they are through.
    pub async fn refuses_unlisted(
        &self,
        what: &str,
        (source, provider): (&str, &str),
        sent: &Sent,
        expected: Refusal<'_>,
    ) -> Result<()> {
        let rejected = Counting::Rejected {
            provider: expected.by_provider.then_some(provider),
            reason: expected.reason,
        };
        let accepted = Counting::Accepted { provider };
        let kept = Counting::Quarantined { provider, outcome: "kept" };
        let counted = |counting| self.stack.counters.counted(counting);
        let before = (counted(rejected), counted(accepted), counted(kept), self.queued()?);
        let answer = self.send(source, sent).await?;
        let problem = answer.text();
        ensure!(answer.status.as_u16() == expected.status, "{what}: {} {problem}", answer.status);
        let code = answer.json()["code"].as_str().map(str::to_owned).context("a problem has a code")?;
        ensure!(code == expected.code, "{what}: {problem}");
        ensure!(answer.headers["content-type"] == "application/problem+json", "{what}: not a problem");
        let after = (counted(rejected), counted(accepted), counted(kept), self.queued()?);
        let expected = (before.0 + 1, before.1, before.2 + u64::from(expected.kept), before.3);
        ensure!(
            after == expected,
            "{what}: of this reason, accepted, kept, queued: {after:?}, not {expected:?}; {problem}"
        );
        Ok(())
    }

    /// How many requests to a source are in quarantine (a hundred at most).
    pub async fn quarantined(&self, source: &str) -> Result<usize> {
        if source.parse::<domain::SourceId>().is_err() {
            return Ok(0);
        }
        let listed = self.get(&format!("/v1/quarantine?source={source}&limit=100")).await?;
        Ok(listed["data"].as_array().context("a list")?.len())
    }

    fn queued(&self) -> Result<u64> {
        Ok(self.stack.sqs.depth("events")?.visible)
    }
}
