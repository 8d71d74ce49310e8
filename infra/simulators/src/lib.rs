//! Providers, simulated: webhooks in the shape of each provider, signed as it signs.
//!
//! For the demo, the journeys, load, fuzzing and `payrelay simulate`. A [`Simulator`] is one provider's account: its
//! scripts (`stories/<provider>.json`) tell lives of payments as far as the provider's events can tell them, `sign`
//! reads the provider's [`providers::scheme::Scheme`] in reverse, and [`Simulator::traffic`] adds what the internet
//! adds: repeats, new tries, another order. [`Stripe`], [`Adyen`] and [`StandardWebhooks`] make single events for tests
//! that tell their own story.
//!
//! **Guarantee:** the same secret, seed and times give the same bytes; nothing here reads a clock or entropy. Plaid's
//! signature is the exception: ECDSA takes random numbers.
//!
//! That the signatures are right is not taken from here: a signer that reads the same table as the verifier repeats its
//! mistakes. The golden vectors and `tests/sdk` hold both against the providers' own SDKs.

mod coded;
mod events;
mod fill;
mod form;
mod keys;
mod random;
mod script;
mod secret;
mod sign;
mod simulator;

pub use events::{Adyen, AdyenItem, StandardWebhooks, Stripe};
pub use script::Outcome;
pub use sign::CannotSign;
pub use simulator::{Message, Simulator};

/// A webhook, ready to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub provider: &'static str,
    /// What the provider appends to the address, without the question mark; mostly empty.
    pub query: String,
    pub content_type: &'static str,
    /// All but `content-type`.
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Webhook {
    fn json(provider: &'static str, headers: Vec<(&'static str, String)>, body: String) -> Self {
        Self { provider, query: String::new(), content_type: "application/json", headers, body }
    }

    /// The address to call, given the one that the provider was told.
    pub fn address(&self, url: &str) -> String {
        if self.query.is_empty() { url.to_owned() } else { format!("{url}?{}", self.query) }
    }
}
