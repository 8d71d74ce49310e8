//! The journeys: what a provider sends, what the ledger shows, what a client receives.

mod bad_input;
mod crashes;
mod retries;
mod spine;
mod stories;
