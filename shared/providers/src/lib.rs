//! What we know about payment providers: how each proves that a webhook is its own, and what its payloads mean.
//!
//! **Guarantee:** the only way from bytes to a [`Verified`] is [`Provider::verify`], and the only way from a
//! `Verified` to [`domain::Notification`]s is [`Verified::notifications`]. There is no default scheme: a
//! provider without a verifier does not compile ([`scheme::Schemes`] is non-empty by its type). The one other
//! door is [`Verified::from_parts`], for the queue between the function that verified and the one that records.
//!
//! This crate does no IO and reads no clock, entropy or environment; the time is passed in.
//!
//! Where to look: `table/` lists the providers and holds one file per provider, most of them nothing but data;
//! [`scheme`] is the vocabulary of how they sign, which `verify/` interprets; `normalise/format.rs` is the
//! vocabulary of what they say, which `normalise/interpret.rs` reads.

mod api;
mod evidence;
mod fetch;
mod generic;
mod json;
mod normalise;
mod provider;
mod request;
pub mod scheme;
mod table;
mod verified;
mod verify;

pub use api::{ApiAnswer, ApiMethod, ApiRequest};
pub use evidence::{Evidence, Needed, Outcome, Roots};
pub use fetch::{CredentialUse, Fetch, FetchError, Fetched, InvalidCredential, Needs};
pub use normalise::{Expressed, Expresses, Malformed};
pub use provider::{Accepted, InvalidSecret, InvalidSetting, Provider, Setting, SettingValues, Settings};
pub use request::{Request, Secret};
pub use scheme::Covers;
pub use verified::{Verified, VerifiedMeta};
pub use verify::Rejection;
