//! The golden vectors of `tests/vectors`, and those in the directories that `PAYRELAY_VECTORS` names.

use crate::support;
use data_encoding::BASE64;
use jiff::Timestamp;
use providers::{
    ApiAnswer, Evidence, Outcome, Provider, Rejection, Request, Roots, Secret, Settings, Verified,
};
use serde::Deserialize;
use std::path::PathBuf;

#[derive(Deserialize)]
pub(crate) struct Vector {
    pub(crate) id: String,
    pub(crate) provider: String,
    pub(crate) expect: Expect,
    pub(crate) strictness: Strictness,
    #[serde(default)]
    pub(crate) reason: String,
    /// The rejection's, where it is to be that one.
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    pub(crate) secrets: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) extra: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    pub(crate) url: Option<String>,
    #[serde(default)]
    pub(crate) method: Option<String>,
    #[serde(default)]
    pub(crate) headers: Option<Vec<(String, String)>>,
    #[serde(default)]
    pub(crate) body: Option<String>,
    pub(crate) now: i64,
}

impl Vector {
    pub(crate) fn extra(&self, name: &str) -> Option<&str> {
        self.extra.as_ref()?.get(name)?.as_str()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Expect {
    Accept,
    Reject,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Strictness {
    Must,
    Gateway,
    Policy,
    /// Informational: printed, never failed.
    May,
}

#[derive(Default)]
struct Report {
    ran: usize,
    skipped: Vec<String>,
    failed: Vec<String>,
}

impl Report {
    fn run(files: &[PathBuf]) -> Self {
        let mut report = Self::default();
        for file in files {
            for vector in support::read::<Vector>(file) {
                report.check(&vector);
            }
        }
        println!("{} vectors ran, {} skipped", report.ran, report.skipped.len());
        for id in &report.skipped {
            println!("skipped, no such provider: {id}");
        }
        report
    }

    fn check(&mut self, vector: &Vector) {
        let Some(provider) = Provider::find(support::provider_id(&vector.provider)) else {
            self.skipped.push(vector.id.clone());
            return;
        };
        self.ran += 1;
        let outcome = verify(provider, vector);
        let got = if outcome.is_ok() { Expect::Accept } else { Expect::Reject };
        let wrong_code = match (&vector.code, &outcome) {
            (Some(code), Err(rejection)) => code != rejection.code(),
            _ => false,
        };
        if got == vector.expect && !wrong_code {
            return;
        }
        let Vector { id, expect, strictness, reason, .. } = vector;
        let said =
            format!("{id} ({strictness:?}): expected {expect:?}, got {got:?} {:?}: {reason}", outcome.err());
        if *strictness == Strictness::May {
            println!("differs, as it may: {said}");
        } else {
            self.failed.push(said);
        }
    }
}

fn verify(provider: &'static Provider, vector: &Vector) -> Result<(), Rejection> {
    let texts = vector.secrets.clone().unwrap_or_default();
    let ids: Vec<_> =
        (0..texts.len()).map(|number| support::secret_id(u8::try_from(number).unwrap())).collect();
    let secrets: Vec<Secret<'_>> = ids.iter().zip(&texts).map(|(id, text)| Secret { id, text }).collect();
    // What a vector knows beside the request, as far as it is a setting of the provider.
    let mut settings = support::accepted(provider);
    let known = vector
        .extra
        .iter()
        .flatten()
        .filter(|(name, _)| provider.settings().iter().any(|setting| setting.name == name.as_str()))
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    settings.extend(known);
    let body = BASE64.decode(vector.body.as_deref().unwrap_or_default().as_bytes()).unwrap();
    let request = Request {
        method: vector.method.as_deref().unwrap_or("POST"),
        url: vector.url.as_deref().unwrap_or("https://gw.example.test/in"),
        headers: vector.headers.as_deref().unwrap_or_default(),
        body: &body,
    };
    if request.method == "GET" {
        return answer_challenge(provider, vector, &request, &secrets, &settings);
    }
    let verified = verify_with_evidence(provider, vector, &request, &secrets, &settings)?;
    assert_eq!(verified.body(), body, "{}: the body is kept byte for byte", vector.id);
    assert_eq!(
        verified.secret().is_some(),
        provider.takes_secrets(),
        "{}: the secret that matched",
        vector.id
    );
    assert!(verified.secret().is_none_or(|id| ids.contains(id)), "{}: it is one of those given", vector.id);
    if let Some(wanted) = vector.extra("verified_by") {
        assert_eq!(serde_json::json!(verified.verified_by()), wanted, "{}: what it proves", vector.id);
    }
    if let Some(wanted) = vector.extra("accepted_response") {
        let accepted = provider.accepted();
        assert_eq!(format!("{} {}", accepted.status, accepted.body), wanted, "{}: the answer", vector.id);
    }
    // Verdicts are about the signature, so what the body says is free, but reading it must not panic.
    let _ = verified.notifications(&settings);
    Ok(())
}

/// A request that only asks whether the address is ours.
fn answer_challenge(
    provider: &'static Provider,
    vector: &Vector,
    request: &Request<'_>,
    secrets: &[Secret<'_>],
    settings: &Settings,
) -> Result<(), Rejection> {
    let answer = provider.answer_challenge(request, secrets, settings).ok_or(Rejection::WrongMethod)??;
    assert_eq!(Some(answer.as_str()), vector.extra("expected_response_body"), "{}: the answer", vector.id);
    Ok(())
}

/// What a vector knows that a caller would fetch: PayPal's certificate, Plaid's key.
fn verify_with_evidence(
    provider: &'static Provider,
    vector: &Vector,
    request: &Request<'_>,
    secrets: &[Secret<'_>],
    settings: &Settings,
) -> Result<Verified, Rejection> {
    let now = Timestamp::from_second(vector.now).unwrap();
    let roots: Vec<Vec<u8>> = vector.extra("trust_anchor_pem").map(support::pem).into_iter().collect();
    let roots = if roots.is_empty() { Roots::Web } else { Roots::Only(&roots) };
    let mut evidence = Evidence::new(Some("client_id:secret"), roots);
    loop {
        match provider.verify_with(request, secrets, settings, &evidence, now)? {
            Outcome::Verified(verified) => return Ok(verified),
            Outcome::Needs(needed) => {
                let jwk = vector.extra.as_ref().and_then(|extra| extra.get("jwk"));
                let jwk = jwk.map(|jwk| serde_json::json!({ "key": jwk }).to_string());
                let body = vector.extra("cert_pem").map(str::to_owned).or(jwk);
                let body = body.unwrap_or_else(|| panic!("{} has no {}", vector.id, needed.id)).into_bytes();
                evidence.add(needed.id, ApiAnswer { status: 200, body });
            }
        }
    }
}

#[test]
fn vectors_of_our_own_hold_and_none_is_skipped() {
    let report = Report::run(&support::json_files(&support::own_directory()));
    assert!(report.ran > 0, "no vector ran");
    assert!(report.skipped.is_empty(), "a vector of ours was skipped: {:?}", report.skipped);
    assert!(report.failed.is_empty(), "{}", report.failed.join("\n"));
}

/// Only these have no vectors of their own, for the reasons given.
const WITHOUT_VECTORS: &[(&str, &str)] =
    &[("generic", "it signs as its settings say: `generic.rs` runs the other providers' vectors under it")];

/// Nothing can be refused of these, for the reasons given.
const NEVER_REFUSED: &[(&str, &str)] = &[("mollie", "it signs nothing")];

#[test]
fn every_provider_of_the_table_has_vectors_that_are_accepted_and_such_that_are_not() {
    let files = support::json_files(&support::own_directory());
    let vectors: Vec<Vector> = files.iter().flat_map(|file| support::read(file)).collect();
    let has = |provider: &Provider, expect: Expect| {
        vectors
            .iter()
            .any(|vector| vector.expect == expect && support::provider_id(&vector.provider) == provider.id())
    };
    let lacking = |expect| {
        let lacking = Provider::all().filter(|provider| !has(provider, expect));
        lacking.map(Provider::id).collect::<Vec<_>>()
    };
    let none: Vec<&str> = WITHOUT_VECTORS.iter().map(|(id, _)| *id).collect();
    assert_eq!(lacking(Expect::Accept), none);
    let never: Vec<&str> = NEVER_REFUSED.iter().map(|(id, _)| *id).collect();
    assert_eq!(lacking(Expect::Reject), [none, never].concat());
}

#[test]
fn vectors_from_the_environment_hold() {
    let files = support::named_by("PAYRELAY_VECTORS");
    let report = Report::run(&files);
    assert!(
        std::env::var_os("PAYRELAY_VECTORS").is_none() || report.ran > 0,
        "PAYRELAY_VECTORS named no vector of ours"
    );
    assert!(report.failed.is_empty(), "{}", report.failed.join("\n"));
}
