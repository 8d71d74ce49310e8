//! What it costs to read a source again, over a table and a KMS that answer from memory and count.

use crate::{Counters, Intake, Parts};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use data_encoding::BASE64;
use domain::{SealedSecret, SecretId, Source, SourceId, SourceStatus};
use jiff::{SignedDuration, Timestamp};
use platform::{Aws, AwsEndpoints, Clock, Entropy, Metrics, SecretText, Vault};
use queue::Queue;
use relay::{Client, EgressPolicy, Limits, Resolver};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use store::Store;

/// Keeps the item that was put last, and wraps every data key as itself.
#[derive(Debug, Clone, Default)]
struct Engine(Arc<Mutex<(Value, HashMap<String, usize>)>>);

impl Engine {
    fn calls(&self, operation: &str) -> usize {
        let state = self.0.lock().expect("no holder of this lock panics");
        state.1.get(operation).copied().unwrap_or_default()
    }
}

impl HttpConnector for Engine {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = request.body().bytes().unwrap_or_default();
        let said: Value = serde_json::from_slice(body).expect("it is JSON");
        let mut state = self.0.lock().expect("no holder of this lock panics");
        let key = BASE64.encode(&[7; 32]);
        let answer = match &*operation {
            "PutItem" => {
                state.0 = said["Item"].clone();
                json!({})
            }
            "GetItem" => json!({ "Item": state.0 }),
            "GenerateDataKey" | "Decrypt" => json!({ "KeyId": "k", "Plaintext": key, "CiphertextBlob": key }),
            other => panic!("{other} is not expected"),
        };
        *state.1.entry(operation).or_default() += 1;
        let status = 200.try_into().expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(answer.to_string()))))
    }
}

impl HttpClient for Engine {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

struct Fixture {
    engine: Engine,
    intake: Intake,
    source: Source,
    now_s: Arc<AtomicI64>,
}

impl Fixture {
    async fn start(source_max_age: SignedDuration) -> Self {
        let engine = Engine::default();
        let aws = Aws::local(AwsEndpoints::default()).with_http_client(SharedHttpClient::new(engine.clone()));
        let now_s = Arc::new(AtomicI64::new(0));
        let told = Arc::clone(&now_s);
        let clock =
            Clock::from_fn(move || Timestamp::from_second(told.load(Ordering::Relaxed)).expect("in range"));
        let parts = Parts {
            store: Store::new(aws.dynamodb(), "table"),
            events: Queue::new(aws.sqs(), "queue"),
            vault: Vault::kms(aws.kms(), "key", Entropy::system()),
            client: Client::new(EgressPolicy::strict(), Limits::default(), Resolver::this_machine()),
            counters: Counters::new(Metrics::in_memory(clock.clone())),
            clock: clock.clone(),
            entropy: Entropy::system(),
        };
        let at = clock.now();
        let source = Source {
            id: SourceId::mint([1; 16]),
            provider: "stripe".to_owned(),
            name: String::new(),
            status: SourceStatus::Active,
            secrets: Vec::new(),
            settings: Default::default(),
            api_credential: None,
            silent_after_hours: None,
            created_at: at,
            updated_at: at,
        };
        Self { engine, intake: Intake::new(parts, source_max_age), source, now_s }
    }

    async fn seal(&self, number: u8, text: &str) -> SealedSecret {
        let owner = self.source.id.as_str();
        let sealed = self.intake.parts.vault.seal(owner, &SecretText::new(text)).await.expect("it seals");
        let created_at = self.intake.parts.clock.now();
        SealedSecret {
            id: SecretId::mint([number; 16]),
            hint: String::new(),
            sealed,
            created_at,
            expires_at: None,
        }
    }

    async fn write(&self) {
        self.intake.parts.store.create_config(&self.source).await.expect("it is written");
    }

    /// Reads the source again, and gives its secrets and how often KMS was called in all.
    async fn read(&self) -> (Vec<String>, usize) {
        let loaded = self.intake.fresh_source(&self.source.id).await.expect("it is there");
        let mut texts: Vec<String> = loaded.opened.iter().map(|text| text.expose().to_owned()).collect();
        texts.extend(loaded.credential().map(str::to_owned));
        (texts, self.engine.calls("Decrypt"))
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn a_source_that_is_read_again_costs_kms_what_is_new_in_it_alone() {
    let mut fixture = Fixture::start(SignedDuration::from_secs(60)).await;
    fixture.source.secrets = vec![fixture.seal(1, "first").await, fixture.seal(2, "second").await];
    fixture.source.api_credential = Some(fixture.seal(3, "credential").await);
    fixture.write().await;
    for _ in 0..30 {
        assert_eq!(fixture.read().await, (texts(&["first", "second", "credential"]), 3));
        fixture.now_s.fetch_add(1, Ordering::Relaxed);
    }
    assert_eq!(fixture.engine.calls("GetItem"), 30);
    // A secret that takes another's place, in another's order.
    let third = fixture.seal(4, "third").await;
    fixture.source.secrets = vec![fixture.source.secrets[1].clone(), third];
    fixture.source.api_credential = None;
    fixture.write().await;
    assert_eq!(fixture.read().await, (texts(&["second", "third"]), 4));
    // What is as old as the oldest may be is opened again, however often the source was read since.
    fixture.now_s.store(60, Ordering::Relaxed);
    assert_eq!(fixture.read().await, (texts(&["second", "third"]), 6));
}

#[tokio::test]
async fn without_a_cache_everything_is_opened_each_time() {
    let mut fixture = Fixture::start(SignedDuration::ZERO).await;
    fixture.source.secrets = vec![fixture.seal(1, "first").await];
    fixture.write().await;
    for calls in 1..3 {
        assert_eq!(fixture.read().await, (texts(&["first"]), calls));
    }
}
