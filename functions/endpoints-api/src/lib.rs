//! Endpoints, and the deliveries to them.
//!
//! **Guarantee:** an endpoint's URL is checked before it is stored, and a secret of it is shown in one answer alone,
//! the one that created it. What is stored of it is sealed, as are the values of custom headers, which no answer
//! shows. Secrets are opened for one thing only: to sign a test call.

mod deliveries;
mod endpoints;
mod input;
mod poll;
mod replays;
mod secrets;
mod trial;

use axum::Router;
use destinations::{InvalidSettings, Sender};
use domain::Scope;
use http::{Authenticator, Cursors, Operation, Routes};
use platform::{AdminKeyHash, Aws, Clock, Entropy, Settings, Vault};
use queue::Queue;
use relay::{Client, EgressPolicy, Limits, Resolver};
use store::Store;

/// What the function needs of the world.
#[derive(Debug, Clone)]
pub struct Deps {
    store: Store,
    deliveries: Queue,
    vault: Vault,
    sender: Sender,
    cursors: Cursors,
    auth: Authenticator,
    clock: Clock,
    entropy: Entropy,
}

impl Deps {
    /// `admin_key_hash` is the SHA-256 of the admin key in lower-case hex; `sender` must be made as the
    /// dispatcher's is.
    pub fn new(
        store: Store,
        deliveries: Queue,
        vault: Vault,
        sender: Sender,
        admin_key_hash: AdminKeyHash,
        clock: Clock,
        entropy: Entropy,
    ) -> Self {
        let cursors = Cursors::new(admin_key_hash.as_str());
        let auth = Authenticator::new(store.clone(), admin_key_hash, clock.clone());
        Self { store, deliveries, vault, sender, cursors, auth, clock, entropy }
    }

    /// From the environment of a Lambda function. What is missing is noted in `settings`.
    ///
    /// # Errors
    /// If a setting is there and wrong.
    #[expect(clippy::disallowed_methods, reason = "a function on AWS asks AWS's resolver")]
    pub fn from_settings(settings: &mut Settings) -> Result<Self, InvalidSettings> {
        let aws = Aws::from_settings(settings);
        let (clock, entropy) = (Clock::system(), Entropy::system());
        let allowed = settings.optional("PAYRELAY_EGRESS_ALLOW").unwrap_or_default();
        let own_queues = settings.required("PAYRELAY_OWN_QUEUES");
        let policy = EgressPolicy::from_allow_list(&allowed, settings.is_local())?;
        let vault = Vault::kms(aws.kms(), settings.required("PAYRELAY_KMS_KEY_ID"), entropy.clone());
        let client =
            Client::new(policy, Limits::default(), Resolver::system()).with_via(&vault.fingerprint());
        Ok(Self::new(
            Store::new(aws.dynamodb(), settings.required("PAYRELAY_TABLE")),
            Queue::new(aws.sqs(), settings.required("PAYRELAY_DELIVERIES_QUEUE_URL")),
            vault,
            Sender::new(client, &aws, &own_queues, clock.clone())?,
            AdminKeyHash::from_settings(settings),
            clock,
            entropy,
        ))
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
    let (read, write) = (Scope::EndpointsRead, Scope::EndpointsWrite);
    Routes::new(deps.auth.clone())
        .get("/v1/endpoints", read, endpoints::list)
        .post("/v1/endpoints", write, endpoints::create)
        .get("/v1/endpoints/{id}", read, endpoints::get)
        .put("/v1/endpoints/{id}", write, endpoints::replace)
        .delete("/v1/endpoints/{id}", write, endpoints::delete)
        .get("/v1/endpoints/{id}/secrets", read, secrets::list)
        .post("/v1/endpoints/{id}/secrets", write, secrets::add)
        .delete("/v1/endpoints/{id}/secrets/{secret_id}", write, secrets::delete)
        .get("/v1/endpoints/{id}/poll", Scope::DeliveriesPoll, poll::poll)
        .post("/v1/endpoints/{id}/test", write, trial::test)
        .post("/v1/endpoints/{id}/match", read, trial::matching)
        .get("/v1/deliveries", read, deliveries::list)
        .get("/v1/deliveries/{id}", read, deliveries::get)
        .get("/v1/deliveries/{id}/attempts", read, deliveries::attempts)
        .post("/v1/deliveries/{id}/retry", write, deliveries::retry)
        .get("/v1/replays", read, replays::list)
        .post("/v1/replays", write, replays::create)
        .get("/v1/replays/{id}", read, replays::get)
        .post("/v1/replays/{id}/cancel", write, replays::cancel)
}
