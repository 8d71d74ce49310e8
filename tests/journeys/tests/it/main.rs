//! The journeys: what a provider sends, what the ledger shows, what a client receives.

mod answers;
mod apis;
mod bad_input;
mod bad_input_everywhere;
mod claims;
mod crashes;
mod crashes_fetch_back;
mod crashes_isolation;
mod evidence;
mod failures;
mod faults;
mod fetch_back;
mod formats;
mod isolation;
mod proof;
mod providers;
mod quarantine;
mod replays;
mod retries;
mod schedule;
mod spine;
mod ssrf;
mod stories;
