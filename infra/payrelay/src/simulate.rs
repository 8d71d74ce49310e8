//! `payrelay simulate`: webhooks of any provider, signed for a source, printed or sent.

use anyhow::{Context, Result, bail};
use clap::Args;
use jiff::Timestamp;
use local::loopback_egress;
use platform::{Clock, Entropy};
use providers::{Provider, Settings};
use relay::{ApiCall, Client, HeaderName, HeaderValue, Limits, Method, Resolver, Url};
use serde_json::{Map, Value, json};
use simulators::{Message, Simulator, Webhook};
use std::io::{self, Write};

#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// Name all providers, one JSON line each.
    #[arg(long, exclusive = true)]
    list: bool,
    /// Whose webhooks.
    #[arg(long, value_name = "ID", required_unless_present = "list")]
    provider: Option<String>,
    /// Print what a source is created with (the body of POST /v1/sources), with a new secret unless one is given.
    #[arg(long, conflicts_with_all = ["url", "print", "traffic"])]
    source: bool,
    /// The source's webhook URL, which some providers sign.
    #[arg(long, required_unless_present_any = ["list", "source"])]
    url: Option<Url>,
    /// The source's secret. Absent or empty: that of the variable PAYRELAY_SOURCE_SECRET, but for `--source`, whose
    /// new source has nothing to do with the one before.
    #[arg(long)]
    secret: Option<SecretArgument>,
    /// A setting of the source, if it has another value than `--source` prints.
    #[arg(long = "setting", value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// Which story, and with which ids and amounts: the same number gives the same.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many payments.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    payments: u64,
    /// Send some events twice, try some again, and mix up their order.
    #[arg(long)]
    traffic: bool,
    /// Print the requests, one JSON line each, and send nothing.
    #[arg(long)]
    print: bool,
}

/// Not shown by `Debug`, which clap's types derive.
#[derive(Clone)]
struct SecretArgument(String);

impl std::str::FromStr for SecretArgument {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Debug for SecretArgument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretArgument")
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').ok_or_else(|| "it is not NAME=VALUE".to_owned())?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

impl Simulate {
    pub(crate) async fn run(self) -> Result<()> {
        match self.write(&mut std::io::stdout()).await {
            // Who reads has seen enough (`| head`).
            Err(error) if error.downcast_ref::<io::Error>().is_some_and(is_broken_pipe) => Ok(()),
            outcome => outcome,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the URL may have a name of this machine's hosts file")]
    async fn write(self, lines: &mut impl Write) -> Result<()> {
        if self.list {
            return list(lines);
        }
        let simulator = self.simulator(&platform::Settings::from_environment())?;
        if self.source {
            return Ok(writeln!(lines, "{}", source(&simulator))?);
        }
        let url = self.url.as_ref().context("the source's webhook URL is missing")?;
        let clock = Clock::system();
        let sender = Client::new(loopback_egress(), Limits::default(), Resolver::system());
        let (mut sent, mut refused) = (0_usize, 0_usize);
        for message in self.messages(&simulator, clock.now()) {
            let webhook = simulator.sign(&message, url.as_str(), clock.now())?;
            let address = Url::parse(&webhook.address(url.as_str()))?;
            if self.print {
                writeln!(lines, "{}", printed(&webhook, &address, message.event(&simulator)))?;
                continue;
            }
            let status = send(&sender, &webhook, address).await?;
            sent += 1;
            refused += usize::from(!(200..300).contains(&status));
            let event = message.event(&simulator);
            let attempt = message.tries_before() + 1;
            writeln!(lines, "{}", json!({ "event": event, "attempt": attempt, "status": status }))?;
        }
        if refused > 0 {
            bail!("{refused} of {sent} webhooks were refused");
        }
        Ok(())
    }

    fn simulator(&self, environment: &platform::Settings) -> Result<Simulator> {
        let id = self.provider.as_deref().unwrap_or_default();
        let simulator = Simulator::new(id, Entropy::system().bytes());
        let simulator = simulator
            .with_context(|| format!("there is no provider `{id}`; `payrelay simulate --list` names all"))?;
        let given = self.secret.as_ref().map(|secret| secret.0.clone()).filter(|text| !text.is_empty());
        let secret = match given {
            None if !self.source => environment.optional("PAYRELAY_SOURCE_SECRET"),
            given => given,
        };
        if !self.source && secret.is_none() && simulator.secret().is_some() {
            bail!(
                "the source's secret is missing (--secret or PAYRELAY_SOURCE_SECRET); `--source` prints what a new \
                 source is created with"
            );
        }
        let settings: Settings = self.settings.iter().cloned().collect();
        // A provider without secrets has none, whatever is left over from another.
        let secret = secret.filter(|_| simulator.secret().is_some());
        Ok(simulator.with(secret, settings))
    }

    /// In the order of sending. Their stories end now, so that nothing they tell lies in the future.
    fn messages(&self, simulator: &Simulator, now: Timestamp) -> Vec<Message> {
        let start = now - simulator.longest();
        if self.traffic {
            return simulator.traffic(self.seed, start, self.payments);
        }
        (0..self.payments)
            .flat_map(|payment| simulator.story(self.seed.wrapping_add(payment), start))
            .collect()
    }
}

fn is_broken_pipe(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

fn list(lines: &mut impl Write) -> Result<()> {
    for id in Simulator::providers() {
        let Some(provider) = Provider::find(id) else { continue };
        let line = json!({
            "provider": id,
            "name": provider.name(),
            "experimental": provider.is_experimental(),
            "documentation": provider.documentation(),
        });
        writeln!(lines, "{line}")?;
    }
    Ok(())
}

fn source(simulator: &Simulator) -> Value {
    let secrets: Vec<&str> = simulator.secret().into_iter().collect();
    let provider = simulator.provider().id();
    let mut body = json!({
        "provider": provider, "name": format!("simulated {provider}"), "secrets": secrets, "settings": simulator.settings(),
    });
    // Its form, to be filled in: we can't make up what the provider's API would know.
    if simulator.provider().needs_api_credential(simulator.settings()) {
        body["api_credential"] = json!("client_id:secret");
    }
    body
}

fn printed(webhook: &Webhook, address: &Url, event: &str) -> Value {
    let mut headers = Map::new();
    headers.insert("content-type".to_owned(), webhook.content_type.into());
    headers.extend(webhook.headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())));
    json!({
        "provider": webhook.provider, "event": event, "method": "POST", "url": address.as_str(), "headers": headers,
        "body": webhook.body,
    })
}

/// Gives the status of the answer.
async fn send(sender: &Client, webhook: &Webhook, url: Url) -> Result<u16> {
    let mut headers =
        vec![(HeaderName::from_static("content-type"), HeaderValue::from_static(webhook.content_type))];
    for (name, value) in &webhook.headers {
        headers.push((HeaderName::from_static(name), HeaderValue::from_str(value)?));
    }
    let body = webhook.body.clone().into();
    let host = url.host_str().unwrap_or_default().to_owned();
    let answer = sender.call(ApiCall { method: Method::Post, url, headers, body }).await;
    Ok(answer.with_context(|| format!("{host} did not answer"))?.status)
}
