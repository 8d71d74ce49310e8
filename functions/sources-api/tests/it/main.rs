//! Sources and API keys, over the real engines.

mod api_keys;
mod quarantine;
mod secrets;
mod sources;
