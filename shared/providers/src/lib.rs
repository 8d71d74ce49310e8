//! What we know about payment providers: how each proves that a webhook is its own, and what its payloads mean.
//!
//! **Guarantee:** the only way from bytes to a [`Verified`] is [`Provider::verify`], and the only way from a
//! `Verified` to [`domain::Notification`]s is [`Verified::notifications`]. There is no default scheme: a
//! provider without a verifier does not compile ([`scheme::Schemes`] is non-empty by its type). The one other
//! door is [`Verified::from_parts`], for the queue between the function that verified and the one that records.
//!
//! This crate does no IO and reads no clock, entropy or environment; the time is passed in.
//!
//! Where to look: `table.rs` holds one row per provider, to be read top to bottom; [`scheme`] is the vocabulary
//! of those rows; `verify/` interprets them; `normalise/` has one module per payload format.

mod json;
mod normalise;
mod provider;
mod request;
pub mod scheme;
mod table;
mod verified;
mod verify;

pub use normalise::Malformed;
pub use provider::{Accepted, InvalidSecret, InvalidSetting, Provider, Setting, SettingValues, Settings};
pub use request::{Request, Secret};
pub use scheme::Covers;
pub use verified::{Verified, VerifiedMeta};
pub use verify::Rejection;
