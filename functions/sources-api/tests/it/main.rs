//! Sources, providers and API keys, over the real engines.

mod api_keys;
mod providers;
mod quarantine;
mod secrets;
mod sources;
