//! A webhook of each provider, as its simulator makes it, with all that verification takes.

use anyhow::{Context, Result, anyhow};
use domain::SecretId;
use jiff::Timestamp;
use providers::{Evidence, Outcome, Provider, Request, Roots, Secret, Settings, Verified};
use simulators::Simulator;

const URL: &str = "https://payrelay.example/webhooks/src_1";

/// One webhook, ready to be verified again and again.
#[derive(Debug)]
pub struct Sample {
    pub provider: &'static Provider,
    pub body: String,
    pub secret: Option<String>,
    url: String,
    headers: Vec<(String, String)>,
    secret_id: SecretId,
    settings: Settings,
    now: Timestamp,
}

impl Sample {
    /// The first webhook of the provider's first story, signed at `now`.
    pub fn of(provider: &str, now: Timestamp) -> Result<Self> {
        let simulator = Simulator::new(provider, [7; 32]).context("there is no such simulator")?;
        let story = simulator.story(0, now);
        let first = story.first().context("the story is empty")?;
        let webhook = simulator.sign(first, URL, now)?;
        let content_type = ("content-type".to_owned(), webhook.content_type.to_owned());
        let headers = webhook.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Ok(Self {
            provider: simulator.provider(),
            url: webhook.address(URL),
            headers: std::iter::once(content_type).chain(headers).collect(),
            body: webhook.body,
            secret: simulator.secret().map(str::to_owned),
            secret_id: SecretId::mint([1; 16]),
            settings: simulator.settings().clone(),
            now,
        })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// # Errors
    /// The rejection: a sample is genuine, so that there is none.
    pub fn verify(&self) -> Result<Verified> {
        let request = Request {
            method: "POST",
            url: &self.url,
            headers: &self.headers,
            body: self.body.as_bytes(),
        };
        let secret = self.secret.as_deref().map(|text| Secret { id: &self.secret_id, text });
        let evidence = Evidence::new(None, Roots::Web);
        let provider = self.provider;
        match provider.verify_with(&request, secret.as_slice(), &self.settings, &evidence, self.now)? {
            Outcome::Verified(verified) => Ok(verified),
            Outcome::Needs(_) => Err(anyhow!("{}: something has to be fetched first", provider.id())),
        }
    }

    /// How many notifications `verified` holds.
    pub fn normalise(&self, verified: &Verified) -> Result<usize> {
        Ok(verified.notifications(&self.settings)?.len())
    }
}
