//! AWS clients, built by hand: `aws-config` would add a second HTTP stack and a credentials chain that a Lambda
//! function never uses (region, credentials and names come from its environment).
//!
//! All clients share one HTTP client, and that is the only seam for faults: a test passes its own
//! [`HttpClient`], which can fail a call before or after its effect.

use crate::Settings;
use aws_credential_types::Credentials;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use std::{fmt, time::Duration};

pub use aws_smithy_runtime_api::client::http::SharedHttpClient as HttpClient;

/// The roots that AWS's own endpoints chain to (<https://www.amazontrust.com/repository/>). Parsing the system's
/// hundred and more costs most of a cold start's CPU.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// Three attempts within the timeouts below stay under the 30 s that API Gateway waits.
const MAX_ATTEMPTS: u32 = 3;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(8);

/// No service has this port: every connection is refused at once.
const NOWHERE: &str = "http://127.0.0.1:2";

/// Where the services are, when it is not AWS. The names are the AWS SDKs' own
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsEndpoints {
    pub dynamodb: Option<String>,
    pub eventbridge: Option<String>,
    pub kms: Option<String>,
    pub sqs: Option<String>,
}

/// What every client needs.
#[derive(Clone)]
pub struct Aws {
    region: String,
    credentials: Credentials,
    endpoints: AwsEndpoints,
    http_client: HttpClient,
    max_attempts: u32,
    is_timed: bool,
}

impl Aws {
    /// From the environment that Lambda gives a function. What is missing is noted in `settings`.
    pub fn from_settings(settings: &mut Settings) -> Self {
        let region = settings.required("AWS_REGION");
        let credentials = Credentials::new(
            settings.required("AWS_ACCESS_KEY_ID"),
            settings.required("AWS_SECRET_ACCESS_KEY"),
            settings.optional("AWS_SESSION_TOKEN"),
            None,
            "lambda-environment",
        );
        let endpoint = |name: &str| settings.optional(name).or_else(|| settings.optional("AWS_ENDPOINT_URL"));
        let endpoints = AwsEndpoints {
            dynamodb: endpoint("AWS_ENDPOINT_URL_DYNAMODB"),
            eventbridge: endpoint("AWS_ENDPOINT_URL_EVENTBRIDGE"),
            kms: endpoint("AWS_ENDPOINT_URL_KMS"),
            sqs: endpoint("AWS_ENDPOINT_URL_SQS"),
        };
        Self {
            region,
            credentials,
            endpoints,
            http_client: https_client(),
            max_attempts: MAX_ATTEMPTS,
            is_timed: true,
        }
    }

    /// For engines on this machine, which check neither region nor credentials. A service without an engine is
    /// [`NOWHERE`], never AWS.
    #[expect(clippy::disallowed_methods, reason = "no address is a name")]
    pub fn local(endpoints: AwsEndpoints) -> Self {
        let here = |endpoint: Option<String>| endpoint.or_else(|| Some(NOWHERE.to_owned()));
        let AwsEndpoints { dynamodb, eventbridge, kms, sqs } = endpoints;
        let endpoints = AwsEndpoints {
            dynamodb: here(dynamodb),
            eventbridge: here(eventbridge),
            kms: here(kms),
            sqs: here(sqs),
        };
        Self {
            region: "us-east-1".to_owned(),
            credentials: Credentials::new("local", "local", None, None, "local"),
            endpoints,
            http_client: Builder::new().build_http(),
            max_attempts: MAX_ATTEMPTS,
            is_timed: true,
        }
    }

    pub fn http_client(&self) -> &HttpClient {
        &self.http_client
    }

    /// Without the SDK's own retries, so that a test sees each fault that it injects.
    #[must_use]
    pub fn without_retries(mut self) -> Self {
        self.max_attempts = 1;
        self
    }

    /// One attempt, whose time the caller bounds (connecting has its own bound still): for calls that have a schedule
    /// and a timeout of their own.
    #[must_use]
    pub fn untimed(mut self) -> Self {
        self.is_timed = false;
        self.without_retries()
    }

    pub fn region(&self) -> &str {
        &self.region
    }

    fn timeouts(&self) -> TimeoutConfig {
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT);
        if self.is_timed {
            timeouts.operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(OPERATION_TIMEOUT).build()
        } else {
            timeouts.build()
        }
    }

    #[must_use]
    pub fn with_http_client(mut self, http_client: HttpClient) -> Self {
        self.http_client = http_client;
        self
    }
}

macro_rules! clients {
    ($($name:ident $sdk:ident)*) => {
        impl Aws {
            $(
                pub fn $name(&self) -> $sdk::Client {
                    let mut config = $sdk::Config::builder()
                        .behavior_version($sdk::config::BehaviorVersion::v2026_01_12())
                        .region($sdk::config::Region::new(self.region.clone()))
                        .credentials_provider(self.credentials.clone())
                        .http_client(self.http_client.clone())
                        .retry_config(RetryConfig::standard().with_max_attempts(self.max_attempts))
                        .timeout_config(self.timeouts());
                    if let Some(endpoint) = &self.endpoints.$name {
                        config = config.endpoint_url(endpoint);
                    }
                    $sdk::Client::from_conf(config.build())
                }
            )*
        }
    };
}

clients! {
    dynamodb aws_sdk_dynamodb
    eventbridge aws_sdk_eventbridge
    kms aws_sdk_kms
    sqs aws_sdk_sqs
}

#[expect(
    clippy::disallowed_methods,
    reason = "the names are AWS's, or those that a function's environment gives"
)]
fn https_client() -> HttpClient {
    let trust_store = TrustStore::empty().with_pem_certificate(AMAZON_ROOTS);
    let context = TlsContext::builder()
        .with_trust_store(trust_store)
        .build()
        .expect("the roots are part of the program");
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context).build_https()
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws")
            .field("region", &self.region)
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sqs::error::DisplayErrorContext;

    /// Refused by this machine, at once: nobody was asked for a name.
    #[tokio::test]
    async fn a_local_client_without_an_engine_asks_nobody() {
        let aws = Aws::local(AwsEndpoints::default()).without_retries();
        let dynamodb =
            aws.dynamodb().list_tables().send().await.map_err(|e| DisplayErrorContext(e).to_string());
        let kms = aws.kms().list_keys().send().await.map_err(|e| DisplayErrorContext(e).to_string());
        let sqs = aws.sqs().list_queues().send().await.map_err(|e| DisplayErrorContext(e).to_string());
        let buses = aws.eventbridge().list_event_buses().send().await;
        let eventbridge = buses.map_err(|e| DisplayErrorContext(e).to_string());
        for error in [dynamodb.unwrap_err(), kms.unwrap_err(), sqs.unwrap_err(), eventbridge.unwrap_err()] {
            assert!(error.contains("Connection refused"), "{error}");
        }
    }
}
