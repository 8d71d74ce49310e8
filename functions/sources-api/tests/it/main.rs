//! Sources, providers and API keys, over the real engines.

mod api_keys;
mod dead_letters;
mod providers;
mod quarantine;
mod secrets;
mod sources;
