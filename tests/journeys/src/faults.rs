//! Faults at the one seam: the SDK's HTTP connector.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use std::fmt;
use std::sync::{Arc, Mutex};

/// Which side of a call's effect the process stops on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The call never reaches the service.
    Before,
    /// The service does it; the answer is lost.
    After,
}

/// The process stops at its `call`th call to AWS (0 for the first).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash {
    pub call: usize,
    pub side: Side,
}

/// A call to AWS as a rule sees it.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// `DynamoDB_20120810.PutItem`, `AmazonSQS.SendMessage`.
    pub operation: &'a str,
    pub body: &'a str,
}

/// What becomes of a call instead of what was meant to.
#[derive(Debug, Clone)]
pub enum Failure {
    /// No connection.
    Io,
    Timeout,
    /// An error of the service's: its status and its code.
    Refused(u16, &'static str),
    /// This answer, and the service never hears of the call.
    Answered(String),
    /// The service gets another request.
    Altered(String),
    /// A defect of ours.
    Panic,
}

struct Rule(Box<dyn FnMut(Call<'_>) -> Option<Failure> + Send>);

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rule")
    }
}

#[derive(Debug, Default)]
struct State {
    rule: Option<Rule>,
    calls: Vec<String>,
    crash: Option<Crash>,
    crashed: bool,
    /// The service that does not answer, by the beginning of its operations' names.
    down: Option<&'static str>,
}

/// Fails calls as told. From the moment of a crash on every call fails: the process is gone.
#[derive(Debug, Clone)]
pub struct Faults {
    inner: SharedHttpClient,
    state: Arc<Mutex<State>>,
}

impl Faults {
    pub fn over(inner: SharedHttpClient) -> Self {
        Self { inner, state: Arc::default() }
    }

    pub fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// From now on calls are counted, and the one that `crash` names is the last.
    pub fn arm(&self, crash: Crash) {
        *self.lock() = State { crash: Some(crash), ..State::default() };
    }

    /// From now on no call to `service` (`DynamoDB`, `AmazonSQS`) gets through.
    pub fn take_down(&self, service: &'static str) {
        *self.lock() = State { down: Some(service), ..State::default() };
    }

    /// From now on calls fail as `rule` says, and the process goes on.
    pub fn sabotage(&self, rule: impl FnMut(Call<'_>) -> Option<Failure> + Send + 'static) {
        *self.lock() = State { rule: Some(Rule(Box::new(rule))), ..State::default() };
    }

    fn sabotaged(&self, request: &HttpRequest) -> Option<Failure> {
        let mut state = self.lock();
        let rule = state.rule.as_mut()?;
        let operation = request.headers().get("x-amz-target").unwrap_or("?");
        let body = str::from_utf8(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        (rule.0)(Call { operation, body })
    }

    /// Whether the process stopped. Heals everything.
    pub fn disarm(&self) -> bool {
        std::mem::take(&mut *self.lock()).crashed
    }

    /// The operations that were called since the last [`Faults::arm`] or [`Faults::disarm`].
    pub fn calls(&self) -> Vec<String> {
        self.lock().calls.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }

    /// Decides about one call.
    fn decide(&self, request: &HttpRequest) -> Option<Side> {
        let mut state = self.lock();
        if state.crashed {
            return Some(Side::Before);
        }
        let number = state.calls.len();
        let operation = request.headers().get("x-amz-target").unwrap_or("?").to_owned();
        let is_down = state.down.is_some_and(|service| operation.starts_with(service));
        state.calls.push(operation);
        if is_down {
            return Some(Side::Before);
        }
        let crash = state.crash.filter(|crash| crash.call == number)?;
        state.crashed = true;
        Some(crash.side)
    }
}

impl HttpClient for Faults {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Connector { inner, faults: self.clone() })
    }
}

impl Failure {
    fn outcome(self) -> Result<HttpResponse, ConnectorError> {
        let answer = |status: u16, body: String| {
            let status = status.try_into().expect("a status");
            let mut response = HttpResponse::new(status, SdkBody::from(body));
            response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
            response
        };
        match self {
            Self::Io => Err(ConnectorError::io("no connection".into())),
            Self::Timeout => Err(ConnectorError::timeout("no answer in time".into())),
            Self::Refused(status, code) => Ok(answer(status, format!(r#"{{"__type":"{code}"}}"#))),
            Self::Answered(body) | Self::Altered(body) => Ok(answer(200, body)),
            Self::Panic => panic!("a defect, as the test wants it"),
        }
    }
}

#[derive(Debug, Clone)]
struct Connector {
    inner: SharedHttpConnector,
    faults: Faults,
}

impl HttpConnector for Connector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        match self.faults.sabotaged(&request) {
            None => {}
            Some(Failure::Altered(body)) => {
                request.headers_mut().insert("content-length", body.len().to_string());
                *request.body_mut() = SdkBody::from(body);
            }
            Some(failure) => return HttpConnectorFuture::ready(failure.outcome()),
        }
        let failure = || ConnectorError::io("the process stopped here".into());
        match self.faults.decide(&request) {
            None => self.inner.call(request),
            Some(Side::Before) => HttpConnectorFuture::ready(Err(failure())),
            Some(Side::After) => {
                let call = self.inner.call(request);
                HttpConnectorFuture::new(async move {
                    call.await?;
                    Err(failure())
                })
            }
        }
    }
}
