//! A provider's account that sends webhooks.

use crate::fill::{Unknown, Values, compact};
use crate::random::Random;
use crate::script::{Body, Outcome, Script, Step, Story};
use crate::sign::{CannotSign, Signed, Unsigned};
use crate::{Webhook, coded, form, keys, secret};
use data_encoding::BASE64;
use jiff::{SignedDuration, Timestamp};
use providers::scheme::{
    Algorithm, Covers, Encoding, Freshness, Hash, Key, KeyEncoding, KeyPrefix, Part, Place, PublicKey,
    Repeat, Scheme, Scope, Shape, Signature, SignaturePrefix, Unit,
};
use providers::{ApiAnswer, ApiRequest, Provider, Settings};
use std::collections::BTreeMap;
use std::fmt;

/// One account at a provider: what a source is created with, and what it sends.
pub struct Simulator {
    provider: &'static Provider,
    script: &'static Script,
    /// The usual one; absent where the provider signs nothing, or in a way of its own.
    scheme: Option<&'static Scheme<'static>>,
    secret: Option<String>,
    settings: Settings,
}

/// One try to deliver one event, for the [`Simulator`] that made it or one of the same provider.
#[derive(Debug, Clone)]
pub struct Message {
    story: usize,
    step: usize,
    amount: i64,
    start: Timestamp,
    /// From the story, the event and this try.
    ids: BTreeMap<String, String>,
    try_number: u32,
}

/// How often traffic repeats itself, in percent of all events.
const REPEATED_PERCENT: u64 = 20;
const TRIED_AGAIN_PERCENT: u64 = 20;
const MOST_TRIES: u64 = 4;
/// How many others a message may overtake, or be overtaken by.
const OVERTAKEN: u64 = 6;

impl Simulator {
    /// Those that can be simulated, by id.
    pub fn providers() -> impl Iterator<Item = &'static str> {
        Script::providers()
    }

    /// An account with a new secret, made of `random` in the form that the provider gives out. `None`: there is no
    /// such provider.
    pub fn new(provider: &str, random: [u8; 32]) -> Option<Self> {
        let (provider, script) = (Provider::find(provider)?, Script::of(provider)?);
        let scheme = scheme_of(provider);
        let secret = scheme
            .filter(|_| provider.takes_secrets())
            .map(|scheme| secret::from_random(&scheme.key, script.secret.as_deref(), random));
        let mut settings = script.settings.clone();
        if let Some(Scheme { algorithm: Algorithm::Rsa { key, .. }, .. }) = scheme {
            trust_our_key(*key, &mut settings);
        }
        Some(Self { provider, script, scheme, secret, settings })
    }

    /// An account whose secret and settings are known, in whole or in part; what is not given stays.
    #[must_use]
    pub fn with(mut self, secret: Option<String>, settings: Settings) -> Self {
        self.secret = secret.or(self.secret);
        self.settings.extend(settings);
        self
    }

    pub fn provider(&self) -> &'static Provider {
        self.provider
    }

    /// What the source has to know; `None` where the provider signs nothing.
    pub fn secret(&self) -> Option<&str> {
        self.secret.as_deref()
    }

    /// What the source has to be created with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the provider's API answers to a verifier's question; `None` where it is not asked that.
    pub fn answer(&self, request: &ApiRequest) -> Option<ApiAnswer> {
        coded::answer(self.provider.id(), request)
    }

    /// The authority, in DER, that issued the certificate of the one provider that has one (PayPal).
    pub fn authority() -> &'static [u8] {
        keys::PAYPAL_AUTHORITY
    }

    /// How many different stories the provider's script has.
    pub fn stories(&self) -> usize {
        self.script.stories.len()
    }

    /// The life of one payment, each event once and in order. Seeds below [`Simulator::stories`] give each of the
    /// stories; any other one of them with other ids and amounts.
    pub fn story(&self, seed: u64, start: Timestamp) -> Vec<Message> {
        let stories = self.script.stories.len() as u64;
        let story = usize::try_from(seed % stories.max(1)).expect("less than the number of stories");
        let mut random = Random::new(seed);
        let amount = 1000 + i64::try_from(random.below(49_000)).expect("less than 49,000");
        let shared = new_ids(&self.script.ids, &mut random);
        let Some(Story { steps, .. }) = self.script.stories.get(story) else { return Vec::new() };
        let message = |step| {
            let mut ids = shared.clone();
            ids.extend(new_ids(&self.script.event_ids, &mut random));
            let first = new_ids(&self.script.try_ids, &mut random);
            ids.extend(first.iter().map(|(name, id)| (format!("first_{name}"), id.clone())));
            ids.extend(first);
            Message { story, step, amount, start, ids, try_number: 0 }
        };
        (0..steps.len()).map(message).collect()
    }

    /// From the first event of the longest story to its last one.
    pub fn longest(&self) -> SignedDuration {
        let steps = self.script.stories.iter().flat_map(|story| &story.steps);
        SignedDuration::from_secs(steps.map(|step| step.after_s).max().unwrap_or(0))
    }

    /// What the story that `seed` gives amounts to; `None` where it is not about a payment.
    pub fn outcome(&self, seed: u64) -> Option<&Outcome> {
        let stories = self.script.stories.len() as u64;
        let story = usize::try_from(seed % stories.max(1)).ok()?;
        self.script.stories.get(story)?.outcome.as_ref()
    }

    /// The name of the story that `message` is from.
    pub fn story_name(&self, message: &Message) -> &str {
        self.script.stories.get(message.story).map_or("", |story| story.name.as_str())
    }

    /// The lives of several payments as they arrive: mixed, some events twice, some tried again, out of order.
    pub fn traffic(&self, seed: u64, start: Timestamp, payments: u64) -> Vec<Message> {
        let mut random = Random::new(!seed);
        let mut sent: Vec<(u64, Message)> = Vec::new();
        for payment in 0..payments {
            let start = start + SignedDuration::from_secs(i64::try_from(payment).unwrap_or(0));
            for (place, message) in self.story(seed.wrapping_add(payment), start).into_iter().enumerate() {
                let place = 3 * place as u64;
                let mut again = message.clone();
                sent.push((place + random.below(OVERTAKEN), message));
                if random.percent(REPEATED_PERCENT) {
                    sent.push((place + random.below(2 * OVERTAKEN), again.clone()));
                }
                if random.percent(TRIED_AGAIN_PERCENT) {
                    for _ in 1..random.below(MOST_TRIES) {
                        again = self.try_again(&again, random.next());
                        sent.push((place + random.below(3 * OVERTAKEN), again.clone()));
                    }
                }
            }
        }
        sent.sort_by_key(|(place, _)| *place);
        sent.into_iter().map(|(_, message)| message).collect()
    }

    /// The provider's next try to deliver the same event.
    pub fn try_again(&self, message: &Message, seed: u64) -> Message {
        let mut next = message.clone();
        next.try_number += 1;
        next.ids.extend(new_ids(&self.script.try_ids, &mut Random::new(seed)));
        next
    }

    /// The webhook for `url`, signed now.
    ///
    /// # Errors
    /// [`CannotSign`], which for a secret of our own making can't be.
    ///
    /// # Panics
    /// Where another provider's simulator made the message.
    pub fn sign(&self, message: &Message, url: &str, now: Timestamp) -> Result<Webhook, CannotSign> {
        self.signed(message, url, now, None)
    }

    /// The headers, `content-type` not among them, that would make the webhook genuine if `body` stood in the place of
    /// its own: any bytes, so that readers can be tried with what no provider sends.
    ///
    /// # Errors
    /// [`CannotSign::Body`] where the signature stands in the body.
    ///
    /// # Panics
    /// As [`Simulator::sign`].
    pub fn headers_for(
        &self,
        message: &Message,
        url: &str,
        now: Timestamp,
        body: &[u8],
    ) -> Result<Vec<(&'static str, String)>, CannotSign> {
        self.signed(message, url, now, Some(body)).map(|webhook| webhook.headers)
    }

    fn signed(
        &self,
        message: &Message,
        url: &str,
        now: Timestamp,
        other_body: Option<&[u8]>,
    ) -> Result<Webhook, CannotSign> {
        let script = self.script;
        let step = &script.stories[message.story].steps[message.step];
        let mut values = Values {
            script,
            event: &step.event,
            part: step.part.as_deref(),
            with: &step.with,
            ids: &message.ids,
            amount: message.amount,
            start: message.start,
            at: message.occurred_at(self),
            now,
            try_number: message.try_number,
            signatures: &[],
        };
        let (content_type, body) = self.body(step, &values)?;
        let mut headers = Vec::new();
        let retry = if message.try_number > 0 { Some(&script.retry_headers) } else { None };
        for (name, text) in script.headers.iter().chain(&step.headers).chain(retry.into_iter().flatten()) {
            headers.push((*name, values.fill(text)?));
        }
        let query = values.fill(&script.query)?;
        let provider = self.provider.id();
        let webhook = Webhook { provider, query, content_type, headers, body };
        let Some(scheme) = self.scheme else {
            let body = other_body.unwrap_or(webhook.body.as_bytes());
            return match coded::sign(&webhook, body, &self.settings, now) {
                Some(header) => {
                    let header = header?;
                    let mut webhook = webhook;
                    webhook.headers.push(header);
                    Ok(webhook)
                }
                None => Ok(webhook),
            };
        };
        let pairs = script.pairs.iter().map(|(name, text)| Ok((*name, values.fill(text)?)));
        let mut unsigned = Unsigned {
            url: webhook.address(url),
            webhook,
            other_body,
            pairs: pairs.collect::<Result<_, Unknown>>()?,
            settings: &self.settings,
            upper_hex: script.upper_hex,
        };
        match unsigned.sign(scheme, self.secret.as_deref().unwrap_or_default())? {
            Signed::Header(name, value) => unsigned.webhook.headers.push((name, value)),
            Signed::InBody(_) if other_body.is_some() => return Err(CannotSign::Body),
            Signed::InBody(signatures) => {
                values.signatures = &signatures;
                unsigned.webhook.body = values.fill(&unsigned.webhook.body)?;
            }
        }
        Ok(unsigned.webhook)
    }

    fn body(&self, step: &Step, values: &Values<'_>) -> Result<(&'static str, String), Unknown> {
        let body = step.body.as_ref().or(self.script.body.as_ref());
        match body.ok_or_else(|| Unknown("body".to_owned()))? {
            Body::Json(json) => {
                let json = values.fill(&compact(json.get()))?;
                let json = match &self.script.wrapped_in {
                    Some(member) => format!(r#"{{"{member}":"{}"}}"#, BASE64.encode(json.as_bytes())),
                    None => json,
                };
                Ok(("application/json", json))
            }
            Body::Form(fields) => {
                let field = |(name, value): &(String, String)| {
                    // The signature's place stays readable until there is one.
                    let value = values.fill(value)?;
                    let value = if value == "{signature}" { value } else { form::encoded(&value) };
                    Ok(format!("{}={value}", form::encoded(name)))
                };
                let fields: Result<Vec<String>, Unknown> = fields.iter().map(field).collect();
                Ok(("application/x-www-form-urlencoded", fields?.join("&")))
            }
        }
    }

    fn step(&self, message: &Message) -> &Step {
        &self.script.stories[message.story].steps[message.step]
    }
}

fn new_ids(forms: &BTreeMap<String, String>, random: &mut Random) -> BTreeMap<String, String> {
    let id = |(name, form): (&String, &String)| {
        (name.clone(), random.id(form).expect("the forms are this crate's, and its tests fill them all"))
    };
    forms.iter().map(id).collect()
}

impl Message {
    /// The provider's name of the event.
    pub fn event<'a>(&self, simulator: &'a Simulator) -> &'a str {
        &simulator.step(self).event
    }

    /// When it happened, by the provider's clock.
    pub fn occurred_at(&self, simulator: &Simulator) -> Timestamp {
        self.start + SignedDuration::from_secs(simulator.step(self).after_s)
    }

    /// How many tries came before this one.
    pub fn tries_before(&self) -> u32 {
        self.try_number
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").field("provider", &self.provider.id()).finish_non_exhaustive()
    }
}

fn scheme_of(provider: &'static Provider) -> Option<&'static Scheme<'static>> {
    if provider.id() == GENERIC_PROVIDER { Some(&GENERIC) } else { provider.schemes().next() }
}

const GENERIC_PROVIDER: &str = "generic";

/// What the settings in `stories/generic.json` say in words.
static GENERIC: Scheme<'static> = Scheme {
    name: "generic",
    covers: Covers::Body,
    scope: Scope::Request,
    algorithm: Algorithm::Hmac(Hash::Sha256),
    key: Key { prefix: KeyPrefix::None, encoding: KeyEncoding::Utf8, min_bytes: 8 },
    signature: Signature {
        from: Place::Header("x-signature"),
        repeat: Repeat::Refused,
        shape: Shape::Pairs { list: ',', pair: '=', signature: "v1" },
        prefix: SignaturePrefix::None,
        encoding: Encoding::HexLower,
    },
    signed: &[&[Part::From(Place::Pair("t")), Part::Text("."), Part::Body]],
    freshness: Some(Freshness { from: Place::Pair("t"), unit: Unit::Seconds, past_s: 300, future_s: 300 }),
    conditions: &[],
    keeps: &[],
};

/// Lets the source's settings name our key in the place of the provider's.
fn trust_our_key(key: PublicKey<'_>, settings: &mut Settings) {
    let setting = match key {
        PublicKey::Setting(setting) => setting,
        PublicKey::Fixed { by, custom: (value, setting), .. } => {
            settings.insert(by.to_owned(), value.to_owned());
            setting
        }
    };
    settings.insert(setting.to_owned(), keys::RSA_PUBLIC_PEM.to_owned());
}
