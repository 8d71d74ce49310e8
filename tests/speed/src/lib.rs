//! A webhook of each provider, as its simulator makes it, with all that verification takes.

use anyhow::{Context, Result, anyhow};
use domain::SecretId;
use jiff::Timestamp;
use providers::{ApiAnswer, Evidence, Outcome, Provider, Request, Roots, Secret, Settings, Verified};
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
    /// What verification has to fetch, fetched: the cost of a warm function.
    answers: Vec<(String, ApiAnswer)>,
    roots: [Vec<u8>; 1],
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
        let mut sample = Self {
            provider: simulator.provider(),
            url: webhook.address(URL),
            headers: std::iter::once(content_type).chain(headers).collect(),
            body: webhook.body,
            secret: simulator.secret().map(str::to_owned),
            secret_id: SecretId::mint([1; 16]),
            settings: simulator.settings().clone(),
            now,
            answers: Vec::new(),
            roots: [Simulator::authority().to_vec()],
        };
        while let Outcome::Needs(needed) = sample.outcome()? {
            let answer = simulator.answer(&needed.request).context("the simulator knows no answer")?;
            sample.answers.push((needed.id, answer));
        }
        Ok(sample)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// # Errors
    /// The rejection: a sample is genuine, so that there is none.
    pub fn verify(&self) -> Result<Verified> {
        match self.outcome()? {
            Outcome::Verified(verified) => Ok(verified),
            Outcome::Needs(_) => Err(anyhow!("{}: something is still to be fetched", self.provider.id())),
        }
    }

    /// How many notifications `verified` holds.
    pub fn normalise(&self, verified: &Verified) -> Result<usize> {
        Ok(verified.notifications(&self.settings)?.len())
    }

    fn outcome(&self) -> Result<Outcome> {
        let request =
            Request { method: "POST", url: &self.url, headers: &self.headers, body: self.body.as_bytes() };
        let secret = self.secret.as_deref().map(|text| Secret { id: &self.secret_id, text });
        let mut evidence = Evidence::new(Some("client:secret"), Roots::Only(&self.roots));
        for (id, answer) in &self.answers {
            evidence.add(id.clone(), answer.clone());
        }
        Ok(self.provider.verify_with(&request, secret.as_slice(), &self.settings, &evidence, self.now)?)
    }
}
