//! Sources with their secrets, and API keys.
//!
//! **Guarantee:** a source's secret is never shown, and what is stored of it is sealed. An API key is shown in
//! the one answer that created it, and stored as a hash. Keys are the admin's business: every other scope is
//! refused, or a key could make itself a stronger one.

mod api_keys;
mod input;
mod secrets;
mod sources;

use axum::Router;
use domain::Scope;
use http::{Authenticator, Cursors, Operation, Routes};
use platform::{Aws, Clock, Entropy, Settings, Vault};
use store::Store;

/// What the function needs of the world.
#[derive(Debug, Clone)]
pub struct Deps {
    store: Store,
    vault: Vault,
    public_url: String,
    cursors: Cursors,
    auth: Authenticator,
    clock: Clock,
    entropy: Entropy,
}

impl Deps {
    /// `public_url` is what webhook URLs begin with (scheme, host, port, stage); `admin_key_hash` is the SHA-256 of
    /// the admin key in lower-case hex.
    pub fn new(
        store: Store,
        vault: Vault,
        public_url: &str,
        admin_key_hash: &str,
        clock: Clock,
        entropy: Entropy,
    ) -> Self {
        let auth = Authenticator::new(store.clone(), admin_key_hash, clock.clone());
        let public_url = public_url.trim_end_matches('/').to_owned();
        Self { store, vault, public_url, cursors: Cursors::new(admin_key_hash), auth, clock, entropy }
    }

    /// From the environment of a Lambda function. What is missing is noted in `settings`.
    pub fn from_settings(settings: &mut Settings) -> Self {
        let aws = Aws::from_settings(settings);
        let (clock, entropy) = (Clock::system(), Entropy::system());
        Self::new(
            Store::new(aws.dynamodb(), settings.required("PAYRELAY_TABLE")),
            Vault::kms(aws.kms(), settings.required("PAYRELAY_KMS_KEY_ID"), entropy.clone()),
            &settings.required("PAYRELAY_PUBLIC_URL"),
            &settings.required("PAYRELAY_ADMIN_KEY_HASH"),
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
        .get("/v1/api-keys", Scope::Admin, api_keys::list)
        .post("/v1/api-keys", Scope::Admin, api_keys::create)
        .get("/v1/api-keys/{id}", Scope::Admin, api_keys::get)
        .delete("/v1/api-keys/{id}", Scope::Admin, api_keys::delete)
}
