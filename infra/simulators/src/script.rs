//! The scripts: what each provider sends during the life of a payment, as data in `stories/<provider>.json`.
//!
//! A body is written as the provider writes it, with placeholders (`fill`) where ids, times and amounts stand. What
//! several steps share is a part, which `"{+name}"` puts in; what differs is said `with` the step.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// One provider's script.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'static"))]
pub(crate) struct Script {
    /// The form of a secret, where the scheme's key does not say all of it.
    #[serde(default)]
    pub(crate) secret: Option<String>,
    /// What a source of this provider is created with.
    #[serde(default)]
    pub(crate) settings: BTreeMap<String, String>,
    /// ISO 4217, and the provider's number of decimals for it.
    pub(crate) currency: String,
    pub(crate) exponent: u8,
    /// The forms of ids that a whole story shares, by name.
    #[serde(default)]
    pub(crate) ids: BTreeMap<String, String>,
    /// Those of each event.
    #[serde(default)]
    pub(crate) event_ids: BTreeMap<String, String>,
    /// Those of each try to deliver it.
    #[serde(default)]
    pub(crate) try_ids: BTreeMap<String, String>,
    /// Lower case.
    #[serde(default)]
    pub(crate) headers: BTreeMap<&'static str, String>,
    /// Only from the second try on.
    #[serde(default)]
    pub(crate) retry_headers: BTreeMap<&'static str, String>,
    /// What the signature's header holds beside the signature, in this order.
    #[serde(default)]
    pub(crate) pairs: Vec<(&'static str, String)>,
    #[serde(default)]
    pub(crate) query: String,
    /// The signature is in upper-case hex.
    #[serde(default)]
    pub(crate) upper_hex: bool,
    /// The JSON is sent in base64, as this member of another one.
    #[serde(default)]
    pub(crate) wrapped_in: Option<String>,
    /// What all steps send that have no body of their own.
    #[serde(default)]
    pub(crate) body: Option<Body>,
    #[serde(default)]
    pub(crate) parts: BTreeMap<String, &'static RawValue>,
    /// Documents that are sent in base64, line by line.
    #[serde(default)]
    pub(crate) xml: BTreeMap<String, Vec<String>>,
    pub(crate) stories: Vec<Story>,
}

/// The life of one payment.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'static"))]
pub(crate) struct Story {
    pub(crate) name: String,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) steps: Vec<Step>,
}

/// What a payment has come to, in the words of the REST API. Absent for what is not about payments.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    pub status: String,
    #[serde(default = "none")]
    pub refund_status: String,
    #[serde(default = "none")]
    pub dispute_status: String,
}

fn none() -> String {
    "none".to_owned()
}

/// One event.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'static"))]
pub(crate) struct Step {
    /// The provider's name of it; `{event}` in the body.
    pub(crate) event: String,
    /// How many seconds after the story's start it happens.
    pub(crate) after_s: i64,
    /// The part that `"{+part}"` stands for.
    #[serde(default)]
    pub(crate) part: Option<String>,
    /// Values by name.
    #[serde(default)]
    pub(crate) with: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<&'static str, String>,
    #[serde(default)]
    pub(crate) body: Option<Body>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", bound(deserialize = "'de: 'static"))]
pub(crate) enum Body {
    /// As it is written, but for the white space between its tokens.
    Json(&'static RawValue),
    /// The fields in order, not encoded yet.
    Form(Vec<(String, String)>),
}

impl Script {
    /// The script of a provider of the table.
    pub(crate) fn of(provider: &str) -> Option<&'static Script> {
        SCRIPTS.get(provider)
    }

    pub(crate) fn providers() -> impl Iterator<Item = &'static str> {
        SCRIPTS.keys().copied()
    }
}

macro_rules! scripts {
    ($($provider:literal),* $(,)?) => {
        &[$(($provider, include_str!(concat!("../stories/", $provider, ".json")))),*]
    };
}

const TEXTS: &[(&str, &str)] = scripts![
    "adyen",
    "adyen_platform",
    "airwallex",
    "authorizenet",
    "braintree",
    "btcpay",
    "cashfree",
    "chargebee",
    "checkout",
    "coinbase_cdp",
    "coinbase_commerce",
    "creem",
    "dlocal",
    "dodopayments",
    "dwolla",
    "flutterwave",
    "flutterwave_v4",
    "generic",
    "github",
    "gocardless",
    "klarna",
    "lemonsqueezy",
    "mercadopago",
    "midtrans",
    "midtrans_snap",
    "modern_treasury",
    "mollie",
    "mollie_nextgen",
    "nuvei",
    "opennode",
    "paddle",
    "paddle_classic",
    "paystack",
    "paypal",
    "payu",
    "phonepe",
    "phonepe_v1",
    "plaid",
    "polar",
    "rapyd",
    "razorpay",
    "recurly",
    "shopify",
    "square",
    "standard_webhooks",
    "stripe",
    "wise",
    "woovi",
    "worldpay",
    "xendit",
];

static SCRIPTS: LazyLock<BTreeMap<&'static str, Script>> = LazyLock::new(|| {
    let read = |(provider, text): &(&'static str, &'static str)| {
        let script = serde_json::from_str(text)
            .unwrap_or_else(|error| panic!("stories/{provider}.json is part of this crate: {error}"));
        (*provider, script)
    };
    TEXTS.iter().map(read).collect()
});
