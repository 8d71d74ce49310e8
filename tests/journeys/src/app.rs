//! Payrelay under test.

use crate::{Faults, Receiver};
use anyhow::{Context, Result};
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use local::{Options, Stack, Storage};
use platform::{Aws, AwsEndpoints, Clock, SecretText};
use relay::{Client, Detours, EgressPolicy, Url};
use serde_json::{Value, json};
use simulators::Webhook;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tower::ServiceExt;

pub const ADMIN_KEY: &str = "prk_admin_for_the_journeys_alone_only";
/// Where providers call, for those that sign the address.
pub const HOST: &str = "payrelay.test";
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// A clock that stands still until it is moved.
#[derive(Debug, Clone)]
pub struct TestClock(Arc<AtomicI64>);

impl TestClock {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_795_348_800_000))) // 2026-11-22T12:00:00Z
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).expect("in range")
    }

    /// Moves it to `at`, which is not in its past.
    pub fn advance_to(&self, at: Timestamp) {
        self.0.fetch_max(at.as_millisecond(), Ordering::SeqCst);
    }

    pub fn advance(&self, by: SignedDuration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).expect("in range"), Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let clock = self.clone();
        Clock::from_fn(move || clock.now())
    }
}

/// An answer of the REST API or the webhook.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the answer is JSON")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The whole of Payrelay, in memory, at rest.
#[derive(Debug)]
pub struct App {
    pub stack: Arc<Stack>,
    pub clock: TestClock,
    pub faults: Faults,
}

impl App {
    pub async fn start() -> Result<Self> {
        Self::start_with(SignedDuration::ZERO, Detours::default(), None).await
    }

    /// With configuration cached as on AWS.
    pub async fn start_as_deployed() -> Result<Self> {
        Self::start_with(Options::DEPLOYED_MAX_AGE, Detours::default(), None).await
    }

    /// With deliveries as on AWS: over https, and to public addresses alone.
    pub async fn start_strict() -> Result<Self> {
        Self::start_as(|options| options.egress = EgressPolicy::strict()).await
    }

    /// Makes the deliveries from now on through `client`, which may resolve names as it likes. The REST API's own test
    /// call keeps the stack's.
    pub fn deliver_through(&mut self, client: Client) -> Result<()> {
        let stack = Arc::get_mut(&mut self.stack).context("the stack is at work")?;
        stack.dispatcher.sender = stack.dispatcher.sender.clone().with_client(client);
        Ok(())
    }

    /// With a server that stands for the providers' APIs by these hosts.
    pub async fn start_with_apis(server: &str, hosts: &[&str]) -> Result<Self> {
        Self::start_with_authority(server, hosts, None).await
    }

    /// The same, and with certificates (DER) that the providers' chains end in.
    pub async fn start_with_authority(
        server: &str,
        hosts: &[&str],
        roots: Option<Vec<Vec<u8>>>,
    ) -> Result<Self> {
        let server: Url = server.parse()?;
        let detours = Detours::new(hosts.iter().map(|host| ((*host).to_owned(), server.clone())));
        Self::start_with(SignedDuration::ZERO, detours, roots).await
    }

    /// With its state in a directory, for [`App::restart_in`].
    pub async fn start_in(directory: &Path) -> Result<Self> {
        Self::open_in(directory, TestClock::new()).await
    }

    /// As after SIGKILL: the process is gone, its messages in flight are handed out again, the clock went on.
    pub async fn restart_in(self, directory: &Path) -> Result<Self> {
        let clock = self.clock.clone();
        drop(self);
        Self::open_in(directory, clock).await
    }

    async fn open_in(directory: &Path, clock: TestClock) -> Result<Self> {
        let faults = Faults::over(Aws::local(AwsEndpoints::default()).http_client().clone());
        let mut options = Options::for_tests(SecretText::new(ADMIN_KEY), clock.clock());
        options.storage = Storage::directory(directory)?;
        options.http_client = Some(faults.client());
        let stack = Arc::new(Stack::open(options).await?);
        Ok(Self { stack, clock, faults })
    }

    async fn start_with(
        config_max_age: SignedDuration,
        detours: Detours,
        roots: Option<Vec<Vec<u8>>>,
    ) -> Result<Self> {
        Self::start_as(|options| {
            options.config_max_age = config_max_age;
            options.detours = detours;
            options.roots = roots;
        })
        .await
    }

    async fn start_as(set: impl FnOnce(&mut Options)) -> Result<Self> {
        let clock = TestClock::new();
        let plain = Aws::local(AwsEndpoints::default());
        let faults = Faults::over(plain.http_client().clone());
        let mut options = Options::for_tests(SecretText::new(ADMIN_KEY), clock.clock());
        options.http_client = Some(faults.client());
        set(&mut options);
        let stack = Arc::new(Stack::open(options).await?);
        Ok(Self { stack, clock, faults })
    }

    pub async fn call(&self, request: Request<Body>) -> Result<Answer> {
        let response = self.stack.router().oneshot(request).await?;
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, MAX_ANSWER_BYTES).await?.to_vec();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    /// A call with the admin key.
    pub async fn api(&self, method: Method, path: &str, body: Option<Value>) -> Result<Answer> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {ADMIN_KEY}"))
            .header(header::CONTENT_TYPE, "application/json");
        self.call(request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))?).await
    }

    pub async fn get(&self, path: &str) -> Result<Value> {
        let answer = self.api(Method::GET, path, None).await?;
        anyhow::ensure!(answer.status == StatusCode::OK, "{path}: {} {}", answer.status, answer.text());
        Ok(answer.json())
    }

    /// All pages of a list; `path` has a query.
    pub async fn all(&self, path: &str) -> Result<Vec<Value>> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}{cursor}")).await?;
            all.extend(page["data"].as_array().context("a list")?.iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }

    pub async fn create(&self, path: &str, body: Value) -> Result<Value> {
        let answer = self.api(Method::POST, path, Some(body)).await?;
        anyhow::ensure!(answer.status == StatusCode::CREATED, "{path}: {} {}", answer.status, answer.text());
        Ok(answer.json())
    }

    /// Gives the new source's id.
    pub async fn source(&self, provider: &str, secret: &str) -> Result<String> {
        let source = self
            .create("/v1/sources", json!({ "provider": provider, "name": provider, "secrets": [secret] }))
            .await?;
        Ok(source["id"].as_str().context("a source has an id")?.to_owned())
    }

    /// An endpoint for everything, with a receiver that verifies it. Gives the endpoint's id.
    pub async fn endpoint(&self) -> Result<(String, Receiver)> {
        self.endpoint_with(json!({ "name": "receiver" })).await
    }

    /// The same, with these settings.
    pub async fn endpoint_with(&self, mut settings: Value) -> Result<(String, Receiver)> {
        let receiver = Receiver::start().await?;
        settings["url"] = json!(receiver.url());
        let endpoint = self.create("/v1/endpoints", settings).await?;
        if let Some(secret) = endpoint["secret"].as_str() {
            receiver.verify_with(secret);
        }
        for secret in endpoint["secrets"].as_array().into_iter().flatten() {
            if let Some(public_key) = secret["public_key"].as_str() {
                receiver.verify_with_key(public_key);
            }
        }
        Ok((endpoint["id"].as_str().context("an endpoint has an id")?.to_owned(), receiver))
    }

    pub async fn webhook(&self, source: &str, webhook: &Webhook) -> Result<Answer> {
        let mut request = Request::post(webhook.address(&format!("/webhooks/{source}")))
            .header(header::HOST, HOST)
            .header(header::CONTENT_TYPE, webhook.content_type);
        for (name, value) in &webhook.headers {
            request = request.header(*name, value);
        }
        self.call(request.body(Body::from(webhook.body.clone()))?).await
    }

    /// Moves the clock past every visibility timeout.
    pub fn pass_visibility_timeout(&self) {
        self.clock.advance(SignedDuration::from_secs(400));
    }
}
