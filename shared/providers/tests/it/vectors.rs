//! The golden vectors of `tests/vectors`, and those in the directories that `PAYRELAY_VECTORS` names.

use crate::support;
use data_encoding::BASE64;
use jiff::Timestamp;
use providers::{Provider, Rejection, Request, Secret};
use serde::Deserialize;
use std::path::PathBuf;

#[derive(Deserialize)]
struct Vector {
    id: String,
    provider: String,
    expect: Expect,
    strictness: Strictness,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    secrets: Option<Vec<String>>,
    #[serde(default)]
    extra: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    headers: Option<Vec<(String, String)>>,
    #[serde(default)]
    body: Option<String>,
    now: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expect {
    Accept,
    Reject,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Strictness {
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
        if got == vector.expect {
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
    let now = Timestamp::from_second(vector.now).unwrap();
    let verified = provider.verify(&request, &secrets, &settings, now)?;
    assert_eq!(verified.body(), body, "{}: the body is kept byte for byte", vector.id);
    assert_eq!(verified.secret().is_some(), provider.is_signed(), "{}: the secret that matched", vector.id);
    assert!(verified.secret().is_none_or(|id| ids.contains(id)), "{}: it is one of those given", vector.id);
    let wanted =
        vector.extra.as_ref().and_then(|extra| extra.get("accepted_response")).and_then(|text| text.as_str());
    if let Some(wanted) = wanted {
        let accepted = provider.accepted();
        assert_eq!(format!("{} {}", accepted.status, accepted.body), wanted, "{}: the answer", vector.id);
    }
    // Verdicts are about the signature, so what the body says is free, but reading it must not panic.
    let _ = verified.notifications(&settings);
    Ok(())
}

#[test]
fn vectors_of_our_own_hold_and_none_is_skipped() {
    let report = Report::run(&support::json_files(&support::own_directory()));
    assert!(report.ran > 0, "no vector ran");
    assert!(report.skipped.is_empty(), "a vector of ours was skipped: {:?}", report.skipped);
    assert!(report.failed.is_empty(), "{}", report.failed.join("\n"));
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
