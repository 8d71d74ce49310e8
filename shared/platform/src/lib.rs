//! Where Payrelay touches the world: environment, clock, entropy, AWS clients, encryption, logs, counters.
//!
//! **Guarantee:** no other crate reads an environment variable, a clock or a random number (`clippy.toml` bans
//! the calls), so that tests decide all three.

mod admin_key;
mod aws;
mod cache;
mod clock;
mod entropy;
mod logs;
mod metrics;
mod secret_text;
mod settings;
mod vault;

pub use admin_key::{AdminKeyHash, InvalidAdminKey, MIN_ADMIN_KEY_CHARS};
pub use aws::{Aws, AwsEndpoints, HttpClient};
pub use cache::Cache;
pub use clock::Clock;
pub use entropy::Entropy;
pub use logs::init_logs;
pub use metrics::Metrics;
pub use secret_text::SecretText;
pub use settings::{InvalidSettings, Settings};
pub use vault::{SEALED_OVERHEAD_BYTES, Vault, VaultError};
