//! Payments, their timelines, and events with the provider's own bytes: everything that is only read.
//!
//! **Guarantee:** nothing here writes, so this function has no write permission (its IAM role says so).

mod documents;
mod events;
mod operations;
mod payments;
mod timeline;

use axum::Router;
use domain::Scope;
use http::{Authenticator, Cursors, Operation, Routes};
use platform::{AdminKeyHash, Aws, Clock, Entropy, Settings};
use store::Store;

/// What the function needs of the world.
#[derive(Debug, Clone)]
pub struct Deps {
    store: Store,
    cursors: Cursors,
    auth: Authenticator,
    entropy: Entropy,
}

impl Deps {
    /// `admin_key_hash` is the SHA-256 of the admin key in lower-case hex.
    pub fn new(store: Store, admin_key_hash: AdminKeyHash, clock: Clock, entropy: Entropy) -> Self {
        let cursors = Cursors::new(admin_key_hash.as_str());
        let auth = Authenticator::new(store.clone(), admin_key_hash, clock);
        Self { store, cursors, auth, entropy }
    }

    /// From the environment of a Lambda function. What is missing is noted in `settings`.
    pub fn from_settings(settings: &mut Settings) -> Self {
        let aws = Aws::from_settings(settings);
        let store = Store::new(aws.dynamodb(), settings.required("PAYRELAY_TABLE"));
        let admin_key_hash = AdminKeyHash::from_settings(settings);
        Self::new(store, admin_key_hash, Clock::system(), Entropy::system())
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
    let read = Scope::PaymentsRead;
    Routes::new(deps.auth.clone())
        .get("/v1/payments", read, payments::list)
        .get("/v1/payments/{id}", read, payments::get)
        .get("/v1/payments/{id}/operations", read, operations::list)
        .get("/v1/payments/{id}/timeline", read, timeline::list)
        .get("/v1/events", read, events::list)
        .get("/v1/events/{id}", read, events::get)
        .get_any_format("/v1/events/{id}/raw", read, events::raw)
        .get_public("/openapi.json", documents::openapi)
        .get_public("/errors", documents::errors)
        .get_public("/errors/{code}", documents::error)
}
