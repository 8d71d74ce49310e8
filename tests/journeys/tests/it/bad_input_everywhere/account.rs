//! A source of a provider, a genuine request to it, and what a forger could do to that.
//!
//! Where a signature stands and how it is written is taken from the provider's row, which is data. What comes of a
//! change is not: that the tests say.

use super::further::Further;
use crate::providers::source;
use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use journeys::{App, HOST, Refusal, Sent};
use providers::Provider;
use providers::scheme::{Encoding, Place, Repeat, Scheme, Shape, SignaturePrefix};
use simulators::{Message, Simulator};
use std::cell::Cell;
use std::ops::Range;
use url::form_urlencoded;

pub(super) const MISSING: &str = "missing_signature";
pub(super) const MALFORMED: &str = "malformed_signature";
pub(super) const MISMATCH: &str = "signature_mismatch";
pub(super) const DUPLICATE: &str = "duplicate_header";
pub(super) const BODY: &str = "malformed_body";
pub(super) const STALE: &str = "timestamp_out_of_tolerance";

pub(super) const HOST_HEADER: (&str, &str) = ("host", HOST);

/// What holds the signature. In JSON it is the one member of this name, wherever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    Header(&'static str),
    Form(&'static str),
    Json(&'static str),
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    HexLower,
    HexAnyCase,
    Base64,
    Base64OfHex,
    /// The secret itself: any text can be one.
    Text,
    /// A JSON Web Token (Plaid).
    Token,
}

/// A way of signing, as far as one has to know it to spoil a signature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) carrier: Carrier,
    pub(super) shape: Shape<'static>,
    pub(super) prefix: SignaturePrefix<'static>,
    pub(super) written: Written,
    pub(super) any_line: bool,
    /// Absent for those that are no row's.
    pub(super) scheme: Option<&'static Scheme<'static>>,
}

impl Way {
    /// The usual one; `None` for a provider that signs nothing.
    fn of(provider: &'static Provider) -> Option<Self> {
        let in_header = |name, shape, written| Self {
            carrier: Carrier::Header(name),
            shape,
            prefix: SignaturePrefix::None,
            written,
            any_line: false,
            scheme: None,
        };
        match provider.id() {
            "generic" => {
                let shape = Shape::Pairs { list: ',', pair: '=', signature: "v1" };
                Some(in_header("x-signature", shape, Written::HexLower))
            }
            "paypal" => Some(in_header("paypal-transmission-sig", Shape::One, Written::Base64)),
            "plaid" => Some(in_header("plaid-verification", Shape::One, Written::Token)),
            _ => provider.schemes().next().map(Self::by),
        }
    }

    pub(super) fn by(scheme: &'static Scheme<'static>) -> Self {
        Self {
            carrier: match scheme.signature.from {
                Place::Header(name) => Carrier::Header(name),
                Place::Form(name) => Carrier::Form(name),
                Place::Json(path) => Carrier::Json(path.last().expect("a path has steps")),
                place => panic!("no signature was ever at {place:?}"),
            },
            shape: scheme.signature.shape,
            prefix: scheme.signature.prefix,
            written: match scheme.signature.encoding {
                Encoding::HexLower => Written::HexLower,
                Encoding::HexAnyCase => Written::HexAnyCase,
                Encoding::Base64 => Written::Base64,
                Encoding::Base64OfHex => Written::Base64OfHex,
                Encoding::Text => Written::Text,
            },
            any_line: scheme.signature.repeat == Repeat::AnyLine,
            scheme: Some(scheme),
        }
    }

    /// What is where the signature stands, with all that stands beside it.
    pub(super) fn value(&self, sent: &Sent) -> String {
        match self.carrier {
            Carrier::Header(name) => header(sent, name),
            Carrier::Form(name) => {
                let mut fields = form_urlencoded::parse(&sent.body);
                fields.find(|(field, _)| field == name).expect("the field is there").1.into_owned()
            }
            Carrier::Json(name) => {
                let text = std::str::from_utf8(&sent.body).expect("it is JSON");
                text[member(text, name)].trim_matches('"').to_owned()
            }
        }
    }

    /// With another value; `None`: without any.
    pub(super) fn with_value(&self, sent: &Sent, value: Option<&[u8]>) -> Sent {
        match self.carrier {
            Carrier::Header(name) => with_header(sent, name, value),
            Carrier::Form(name) => with_field(sent, name, value),
            Carrier::Json(name) => match value {
                Some(value) => with_member(sent, name, &[b"\"", value, b"\""].concat()),
                None => without_member(sent, name),
            },
        }
    }

    pub(super) fn twice(&self, sent: &Sent) -> Sent {
        match self.carrier {
            Carrier::Header(name) => header_twice(sent, name),
            Carrier::Form(name) => field_twice(sent, name),
            Carrier::Json(name) => member_twice(sent, name),
        }
    }

    /// Where in the value the signature itself is.
    pub(super) fn span(&self, value: &str) -> Range<usize> {
        let element = match self.shape {
            Shape::One => 0..value.len(),
            Shape::Pairs { list, pair, signature } => {
                let mut at = 0;
                let found = value.split(list).find_map(|element| {
                    let start = at;
                    at += element.len() + 1;
                    let (name, text) = element.split_once(pair)?;
                    (name == signature).then(|| start + element.len() - text.len()..start + element.len())
                });
                found.expect("the signature is there")
            }
            Shape::First { list, .. } => value.find(list).expect("something comes first") + 1..value.len(),
            Shape::Fields { field, fields, .. } => {
                let place = fields.iter().position(Option::is_none).expect("one is the signature");
                let before: usize = value.split(field).take(place).map(|text| text.len() + 1).sum();
                let length = value[before..].find(field).unwrap_or(value.len() - before);
                before..before + length
            }
        };
        let text = &value[element.clone()];
        match self.prefix {
            SignaturePrefix::Required(prefix) | SignaturePrefix::Optional(prefix)
                if text.starts_with(prefix) =>
            {
                element.start + prefix.len()..element.end
            }
            _ => element,
        }
    }

    pub(super) fn signature(&self, sent: &Sent) -> String {
        let value = self.value(sent);
        value[self.span(&value)].to_owned()
    }

    /// With another signature, among all that stands beside it.
    pub(super) fn with_signature(&self, sent: &Sent, signature: impl AsRef<[u8]>) -> Sent {
        let value = self.value(sent);
        let span = self.span(&value);
        let (before, after) = (&value.as_bytes()[..span.start], &value.as_bytes()[span.end..]);
        self.with_value(sent, Some(&[before, signature.as_ref(), after].concat()))
    }

    /// With another text for an element beside the signature; `None`: without it.
    pub(super) fn with_element(&self, sent: &Sent, name: &str, text: Option<&str>) -> Sent {
        let value = self.value(sent);
        let value = match self.shape {
            Shape::Pairs { list, pair, .. } => {
                let start = format!("{name}{pair}");
                let elements = value.split(list).filter_map(|element| match text {
                    _ if !element.starts_with(&start) => Some(element.to_owned()),
                    Some(text) => Some(format!("{start}{text}")),
                    None => None,
                });
                elements.collect::<Vec<_>>().join(list.encode_utf8(&mut [0; 4]))
            }
            Shape::First { list, .. } => {
                let (_, rest) = value.split_once(list).expect("something comes first");
                text.map_or_else(|| rest.to_owned(), |text| format!("{text}{list}{rest}"))
            }
            _ => panic!("nothing stands beside it"),
        };
        self.with_value(sent, Some(value.as_bytes()))
    }

    pub(super) fn element(&self, sent: &Sent, name: &str) -> String {
        let value = self.value(sent);
        match self.shape {
            Shape::Pairs { list, pair, .. } => {
                let mut pairs = value.split(list).filter_map(|element| element.split_once(pair));
                pairs.find(|(found, _)| *found == name).expect("the element is there").1.to_owned()
            }
            Shape::First { list, .. } => value.split(list).next().unwrap_or_default().to_owned(),
            _ => panic!("nothing stands beside it"),
        }
    }
}

/// One source with a genuine request to it.
pub(super) struct Account {
    /// The provider, and the scheme where it is not the usual one.
    pub(super) name: String,
    pub(super) provider: &'static Provider,
    pub(super) source: String,
    /// `None`: nothing is signed.
    pub(super) way: Option<Way>,
    pub(super) genuine: Sent,
    /// Absent where the request is not simulated.
    pub(super) simulated: Option<(Simulator, Message)>,
    /// Those of the source, where the request is not simulated.
    pub(super) secrets: Vec<String>,
    /// How many requests must be in quarantine by now.
    kept: Cell<usize>,
}

impl Account {
    /// Of the usual scheme, with the first event of the provider's first story.
    pub(super) async fn open(app: &App, provider: &'static str) -> Result<Self> {
        let simulator = Simulator::new(provider, [3; 32]).context(provider)?;
        let source = source(app, &simulator).await.context(provider)?;
        let mut story = simulator.story(0, app.clock.now() - simulator.longest());
        ensure!(!story.is_empty(), "{provider} has a story");
        let message = story.swap_remove(0);
        let provider = simulator.provider();
        let genuine = sent(&simulator, &message, &source, app.clock.now())?;
        let way = Way::of(provider);
        let simulated = Some((simulator, message));
        Ok(Self {
            name: provider.id().to_owned(),
            provider,
            source,
            way,
            genuine,
            simulated,
            secrets: Vec::new(),
            kept: Cell::default(),
        })
    }

    /// Of a scheme that is not the usual one.
    pub(super) async fn open_further(app: &App, further: Further) -> Result<Self> {
        let Further { provider, scheme, secrets, settings, sent } = further;
        let name = format!("{provider}, {scheme}");
        let body = serde_json::json!({ "provider": provider, "secrets": secrets, "settings": settings });
        let created = app.create("/v1/sources", body).await.context(name.clone())?;
        let source = created["id"].as_str().context("a source has an id")?.to_owned();
        let provider = Provider::find(provider).context("there is such a provider")?;
        let row = provider.schemes().find(|row| row.name == scheme).with_context(|| name.clone())?;
        Ok(Self {
            name,
            provider,
            source,
            way: Some(Way::by(row)),
            genuine: sent,
            simulated: None,
            secrets,
            kept: Cell::default(),
        })
    }

    pub(super) fn id(&self) -> &'static str {
        self.provider.id()
    }

    /// The genuine request, had it been signed then.
    pub(super) fn signed_at(&self, at: Timestamp) -> Result<Sent> {
        let (simulator, message) = self.simulated.as_ref().context("it is simulated")?;
        sent(simulator, message, &self.source, at)
    }

    /// The same webhook, signed with another secret.
    pub(super) fn signed_with(&self, secret: &str, at: Timestamp) -> Result<Sent> {
        let (simulator, message) = self.simulated.as_ref().context("it is simulated")?;
        let other = Simulator::new(self.id(), [3; 32]).context("there is such a provider")?;
        let other = other.with(Some(secret.to_owned()), simulator.settings().clone());
        sent(&other, message, &self.source, at)
    }

    /// A genuine request with this body. Not for those whose signature stands in the body.
    pub(super) fn signed_over(&self, body: &[u8], at: Timestamp) -> Result<Sent> {
        let (simulator, message) = self.simulated.as_ref().context("it is simulated")?;
        let made = simulator.headers_for(message, &address(&self.source), at, body)?;
        let mut sent = Sent { body: body.to_vec(), ..self.genuine.clone() };
        for (name, value) in made {
            sent = with_header(&sent, name, Some(value.as_bytes()));
        }
        Ok(sent)
    }

    pub(super) async fn refuses(
        &self,
        app: &App,
        what: &str,
        sent: &Sent,
        expected: Refusal<'_>,
    ) -> Result<()> {
        let what = format!("{}: {what}", self.name);
        self.kept.set(self.kept.get() + usize::from(expected.kept));
        app.refuses_unlisted(&what, (&self.source, self.id()), sent, expected).await
    }

    /// That what was to be kept is in quarantine, and nothing else. To be called last.
    pub(super) async fn end(&self, app: &App) -> Result<()> {
        let (listed, kept) = (app.quarantined(&self.source).await?, self.kept.get());
        ensure!(kept <= 100, "{}: more was kept than a page of the list can show", self.name);
        ensure!(listed == kept, "{}: {listed} requests are in quarantine, not {kept}", self.name);
        Ok(())
    }

    pub(super) async fn accepts(&self, app: &App, what: &str, sent: &Sent) -> Result<()> {
        let queued = app.stack.sqs.depth("events")?.visible;
        let answer = app.send(&self.source, sent).await?;
        let accepted = self.provider.accepted();
        ensure!(
            (answer.status.as_u16(), answer.text().as_str()) == (accepted.status, accepted.body),
            "{}: {what}: {} {}",
            self.name,
            answer.status,
            answer.text()
        );
        ensure!(app.stack.sqs.depth("events")?.visible == queued + 1, "{}: {what}: not queued", self.name);
        Ok(())
    }
}

fn address(source: &str) -> String {
    format!("https://{HOST}/webhooks/{source}")
}

fn sent(simulator: &Simulator, message: &Message, source: &str, at: Timestamp) -> Result<Sent> {
    let webhook = simulator.sign(message, &address(source), at)?;
    let mut headers: Vec<(&'static str, &str)> =
        webhook.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    headers.extend([HOST_HEADER, ("content-type", webhook.content_type)]);
    let query = if webhook.query.is_empty() { String::new() } else { format!("?{}", webhook.query) };
    Ok(Sent { query, ..Sent::post(&headers, webhook.body.clone()) })
}

pub(super) fn header(sent: &Sent, name: &str) -> String {
    let (_, value) = sent.headers.iter().find(|(header, _)| *header == name).expect("the header is there");
    String::from_utf8(value.clone()).expect("it is text")
}

/// In its place, where it was there.
pub(super) fn with_header(sent: &Sent, name: &'static str, value: Option<&[u8]>) -> Sent {
    let mut sent = sent.clone();
    let place = sent.headers.iter().position(|(header, _)| *header == name);
    sent.headers.retain(|(header, _)| *header != name);
    if let Some(value) = value {
        let place = place.unwrap_or(sent.headers.len());
        sent.headers.insert(place, (name, value.to_vec()));
    }
    sent
}

pub(super) fn header_twice(sent: &Sent, name: &'static str) -> Sent {
    let mut sent = sent.clone();
    let value = header(&sent, name).into_bytes();
    sent.headers.push((name, value));
    sent
}

pub(super) fn with_field(sent: &Sent, name: &str, value: Option<&[u8]>) -> Sent {
    let start = format!("{name}=");
    let body = String::from_utf8(sent.body.clone()).expect("a form is text");
    assert!(body.split('&').any(|field| field.starts_with(&start)), "{name} is in {body}");
    let fields = body.split('&').filter_map(|field| match value {
        _ if !field.starts_with(&start) => Some(field.to_owned()),
        Some(value) => Some(start.clone() + &form_urlencoded::byte_serialize(value).collect::<String>()),
        None => None,
    });
    Sent { body: fields.collect::<Vec<_>>().join("&").into_bytes(), ..sent.clone() }
}

pub(super) fn field_twice(sent: &Sent, name: &str) -> Sent {
    let body = String::from_utf8(sent.body.clone()).expect("a form is text");
    let start = format!("{name}=");
    let field = body.split('&').find(|field| field.starts_with(&start)).expect("the field is there");
    Sent { body: format!("{body}&{field}").into_bytes(), ..sent.clone() }
}

/// Where the value of the one member of this name is; a text with its quotes.
pub(super) fn member(json: &str, name: &str) -> Range<usize> {
    let key = format!("\"{name}\":");
    let start = json.find(&key).unwrap_or_else(|| panic!("{name} is in {json}")) + key.len();
    let rest = &json[start..];
    let length = match rest.strip_prefix('"') {
        Some(text) => text.find('"').map(|end| end + 2),
        None => rest.find([',', '}']),
    };
    start..start + length.expect("a value ends")
}

pub(super) fn with_member(sent: &Sent, name: &str, value: &[u8]) -> Sent {
    let text = std::str::from_utf8(&sent.body).expect("it is JSON");
    let span = member(text, name);
    let (before, after) = (&sent.body[..span.start], &sent.body[span.end..]);
    Sent { body: [before, value, after].concat(), ..sent.clone() }
}

/// The member goes by another name.
pub(super) fn without_member(sent: &Sent, name: &str) -> Sent {
    let text = std::str::from_utf8(&sent.body).expect("it is JSON");
    let renamed = text.replacen(&format!("\"{name}\":"), "\"renamed\":", 1);
    assert_ne!(renamed, text);
    Sent { body: renamed.into_bytes(), ..sent.clone() }
}

pub(super) fn member_twice(sent: &Sent, name: &str) -> Sent {
    let text = std::str::from_utf8(&sent.body).expect("it is JSON");
    let value = text[member(text, name)].to_owned();
    with_member(sent, name, format!("{value},\"{name}\":{value}").as_bytes())
}
