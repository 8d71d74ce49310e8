//! Sources with their secrets, dead letters, and API keys.
//!
//! **Guarantee:** a source's secret is never shown, and what is stored of it is sealed. An API key is shown in
//! the one answer that created it, and stored as a hash. Keys are the admin's business: every other scope is
//! refused, or a key could make itself a stronger one. Of a request in quarantine neither the address nor a header's
//! value nor the body is ever shown, and of a dead letter nothing of its message but what it is about.

mod api_keys;
mod dead_letters;
mod input;
mod providers;
mod quarantine;
mod secrets;
mod sources;

use axum::Router;
use domain::Scope;
use http::{Authenticator, Cursors, Operation, Routes};
use intake::{Counters, Intake};
use jiff::SignedDuration;
use platform::{AdminKeyHash, Aws, Clock, Entropy, Metrics, Settings, Vault};
use queue::Queue;
use redrive::{Queues, Redriver};
use relay::{Client, EgressPolicy, Resolver};
use std::sync::Arc;
use store::Store;

/// What the function needs of the world.
#[derive(Debug, Clone)]
pub struct Deps {
    store: Store,
    vault: Vault,
    intake: Arc<Intake>,
    redriver: Redriver,
    public_url: String,
    cursors: Cursors,
    auth: Authenticator,
    clock: Clock,
    entropy: Entropy,
}

impl Deps {
    /// `public_url` is what webhook URLs begin with (scheme, host, port, stage); `admin_key_hash` is the SHA-256 of
    /// the admin key in lower-case hex. `intake` judges what is in quarantine, by sources that it must not keep: they
    /// have just been corrected. `queues` are where dead letters go back to.
    #[expect(clippy::too_many_arguments, reason = "each is a part of the world of its own")]
    pub fn new(
        store: Store,
        vault: Vault,
        intake: Intake,
        queues: Queues,
        public_url: &str,
        admin_key_hash: AdminKeyHash,
        clock: Clock,
        entropy: Entropy,
    ) -> Self {
        let cursors = Cursors::new(admin_key_hash.as_str());
        let auth = Authenticator::new(store.clone(), admin_key_hash, clock.clone());
        let public_url = public_url.trim_end_matches('/').to_owned();
        let intake = Arc::new(intake);
        let redriver = Redriver::new(store.clone(), vault.clone(), queues, clock.clone());
        Self { store, vault, intake, redriver, public_url, cursors, auth, clock, entropy }
    }

    /// From the environment of a Lambda function. What is missing is noted in `settings`.
    #[expect(clippy::disallowed_methods, reason = "a function on AWS asks AWS's resolver")]
    pub fn from_settings(settings: &mut Settings) -> Self {
        let aws = Aws::from_settings(settings);
        let (clock, entropy) = (Clock::system(), Entropy::system());
        let store = Store::new(aws.dynamodb(), settings.required("PAYRELAY_TABLE"));
        let vault = Vault::kms(aws.kms(), settings.required("PAYRELAY_KMS_KEY_ID"), entropy.clone());
        let metrics = Metrics::stdout(settings.required("PAYRELAY_SERVICE"), clock.clone());
        let queues = Queues {
            events: Queue::new(aws.sqs(), settings.required("PAYRELAY_EVENTS_QUEUE_URL")),
            deliveries: Queue::new(aws.sqs(), settings.required("PAYRELAY_DELIVERIES_QUEUE_URL")),
            slow_deliveries: Queue::new(aws.sqs(), settings.required("PAYRELAY_SLOW_DELIVERIES_QUEUE_URL")),
            fetches: Queue::new(aws.sqs(), settings.required("PAYRELAY_FETCHES_QUEUE_URL")),
        };
        let parts = intake::Parts {
            store: store.clone(),
            events: queues.events.clone(),
            vault: vault.clone(),
            client: Client::new(EgressPolicy::strict(), intake::limits(), Resolver::system()),
            counters: Counters::new(metrics),
            clock: clock.clone(),
            entropy: entropy.clone(),
        };
        Self::new(
            store,
            vault,
            Intake::new(parts, SignedDuration::ZERO),
            queues,
            &settings.required("PAYRELAY_PUBLIC_URL"),
            AdminKeyHash::from_settings(settings),
            clock,
            entropy,
        )
    }
}

/// The function, as Lambda, the local runner and the tests call it.
pub fn service(deps: Deps) -> Router {
    let entropy = deps.entropy.clone();
    routes(&deps).into_service(deps, entropy)
}

/// The operations that [`service`] answers.
pub fn operations(deps: &Deps) -> Vec<Operation> {
    routes(deps).operations().to_vec()
}

fn routes(deps: &Deps) -> Routes<Deps> {
    let (read, write) = (Scope::SourcesRead, Scope::SourcesWrite);
    Routes::new(deps.auth.clone())
        .get("/v1/sources", read, sources::list)
        .post("/v1/sources", write, sources::create)
        .get("/v1/sources/{id}", read, sources::get)
        .put("/v1/sources/{id}", write, sources::replace)
        .delete("/v1/sources/{id}", write, sources::delete)
        .get("/v1/sources/{id}/secrets", read, secrets::list)
        .post("/v1/sources/{id}/secrets", write, secrets::add)
        .delete("/v1/sources/{id}/secrets/{secret_id}", write, secrets::delete)
        .get("/v1/providers", read, providers::list)
        .get("/v1/providers/{id}", read, providers::get)
        .get("/v1/quarantine", read, quarantine::list)
        .post("/v1/quarantine/verify", write, quarantine::verify_all)
        .get("/v1/quarantine/{id}", read, quarantine::get)
        .delete("/v1/quarantine/{id}", write, quarantine::delete)
        .post("/v1/quarantine/{id}/verify", write, quarantine::verify)
        .get("/v1/dead-letters", Scope::DeadLettersRead, dead_letters::list)
        .post("/v1/dead-letters/redrive", Scope::DeadLettersWrite, dead_letters::redrive_all)
        .get("/v1/dead-letters/{id}", Scope::DeadLettersRead, dead_letters::get)
        .delete("/v1/dead-letters/{id}", Scope::DeadLettersWrite, dead_letters::delete)
        .post("/v1/dead-letters/{id}/redrive", Scope::DeadLettersWrite, dead_letters::redrive)
        .get("/v1/api-keys", Scope::Admin, api_keys::list)
        .post("/v1/api-keys", Scope::Admin, api_keys::create)
        .get("/v1/api-keys/{id}", Scope::Admin, api_keys::get)
        .delete("/v1/api-keys/{id}", Scope::Admin, api_keys::delete)
}
