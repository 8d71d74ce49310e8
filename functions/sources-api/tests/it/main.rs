//! Sources and API keys, over the real engines.

mod api_keys;
mod secrets;
mod sources;
