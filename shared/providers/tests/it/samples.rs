//! Payload samples: `tests/vectors/samples`, and those in the directories that `PAYRELAY_SAMPLES` names.

use crate::support;
use data_encoding::{BASE64, HEXLOWER};
use domain::{
    Derived, DisputeStatus, EventId, EventType, Integrity, Ledger, Notification, PaymentStatus, RefundStatus,
    SourceId,
};
use jiff::Timestamp;
use providers::{Provider, Settings};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Deserialize)]
struct Sample {
    provider: String,
    name: String,
    #[serde(default)]
    content_type: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: String,
    expected: Expected,
}

#[derive(Deserialize)]
struct Expected {
    event_id: Option<String>,
    #[serde(rename = "type")]
    provider_type: String,
    payment_id: Option<String>,
    amount_minor: Option<i64>,
    currency: Option<String>,
    status: String,
    event_time: Option<Timestamp>,
    #[serde(default)]
    object_id: Option<String>,
    dedupe_key: String,
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
            for sample in support::read::<Sample>(file) {
                report.check(sample);
            }
        }
        println!("{} samples ran, {} skipped", report.ran, report.skipped.len());
        for name in &report.skipped {
            println!("skipped, no such provider: {name}");
        }
        report
    }

    fn check(&mut self, mut sample: Sample) {
        let name = format!("{}/{}", sample.provider, sample.name);
        let provider = support::provider_id(&sample.provider).to_owned();
        if Provider::find(&provider).is_none() {
            self.skipped.push(name);
            return;
        }
        self.ran += 1;
        supply_headers(&mut sample);
        let headers: Vec<(String, String)> =
            sample.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
        let borrowed: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        // The sample is what the form holds, decoded.
        if sample.content_type.contains("bt_payload") {
            let payload = BASE64.encode(sample.body.as_bytes());
            sample.expected.dedupe_key = content_key(&payload);
            sample.body = format!("bt_signature=key%7Csignature&bt_payload={}", payload.replace('+', "%2B"));
        }
        let verified = support::verified(&provider, &borrowed, sample.body.as_bytes());
        match verified.notifications(&Settings::new()).as_deref() {
            Ok([notification]) => self.compare(&name, &sample, &headers, notification),
            Ok(several) => self.failed.push(format!("{name}: {} notifications", several.len())),
            Err(malformed) => self.failed.push(format!("{name}: {malformed}")),
        }
    }

    fn compare(&mut self, name: &str, sample: &Sample, headers: &[(String, String)], got: &Notification) {
        let expected = &sample.expected;
        let header = |wanted: &str| {
            headers.iter().find(|(name, _)| wanted.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
        };
        let event_id = expected.event_id.as_ref().map(|id| match id.strip_prefix("header:") {
            Some(name) => header(name).unwrap(),
            None => id.clone(),
        });
        let dedupe_key = expected_key(expected, &sample.body, &header, got);
        let mut same = |field: &str, wanted: String, got: String| {
            if wanted != got {
                self.failed.push(format!("{name}: {field}: expected {wanted}, got {got}"));
            }
        };
        same("event_id", format!("{event_id:?}"), format!("{:?}", got.provider_event_id));
        same("type", expected.provider_type.clone(), got.provider_type.clone());
        same("payment_id", format!("{:?}", expected.payment_id), format!("{:?}", got.provider_payment_id));
        same("amount_minor", format!("{:?}", expected.amount_minor), format!("{:?}", got.amount));
        let currency = got.currency.as_ref().map(|currency| currency.as_str().to_owned());
        same("currency", format!("{:?}", expected.currency), format!("{currency:?}"));
        same("event_time", format!("{:?}", expected.event_time), format!("{:?}", got.occurred_at));
        same("dedupe_key", dedupe_key, got.dedupe_key.clone());
        if expected.object_id.is_some() {
            same("object_id", format!("{:?}", expected.object_id), format!("{:?}", got.object_id));
        }
        let derived = fold(got);
        same("integrity", format!("{:?}", Integrity::Ok), format!("{:?}", derived.integrity));
        if !sensible(&expected.status, got, &derived) {
            self.failed.push(format!("{name}: folds into {derived:?}, which is not `{}`", expected.status));
        }
    }
}

fn content_key(body: &str) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(body)))
}

/// What a sample's words on the dedupe key amount to: a header that they name, fields of the body whose names are
/// joined with `:` (one whose name is `event` or `type` also in its own right), the hash of the body, or a literal.
fn expected_key(
    expected: &Expected,
    body: &str,
    header: &dyn Fn(&str) -> Option<String>,
    got: &Notification,
) -> String {
    let words = &expected.dedupe_key;
    if words == "sha256(body)" {
        return content_key(body);
    }
    // Shopify's topic, where it is one of those that we know, under one of two headers.
    if words == "topic:sha256(body)" {
        let known = |topic: &str| matches!(topic.split('/').next(), Some("orders" | "refunds" | "disputes"));
        let topic = |name: &str| header(name).filter(|topic| known(topic)).unwrap_or_default();
        return format!("{}:{}:{}", topic("x-shopify-topic"), topic("shopify-topic"), content_key(body));
    }
    // All of a JSON Web Token but its signature; the body where the sample's is none.
    if let Some(name) = words.strip_prefix("token:") {
        let token = header(name).unwrap_or_default();
        return token.rsplit_once('.').map_or_else(|| content_key(body), |(signed, _)| signed.to_owned());
    }
    // The provider gives nothing to go by.
    if words.starts_with("none") {
        return got.dedupe_key.clone();
    }
    let fields = |word: &str| -> Option<String> {
        let values: Option<Vec<String>> = word.split(':').map(|name| field(body, name)).collect();
        values.map(|values| values.join(":"))
    };
    words
        .split(' ')
        .find_map(|word| header(word.trim_start_matches("header:")).or_else(|| fields(word)))
        .unwrap_or_else(|| words.clone())
}

/// The value of the first member of this name, however deep, or of the form's field.
fn field(body: &str, name: &str) -> Option<String> {
    fn find(value: &Value, name: &str) -> Option<String> {
        match value {
            Value::Object(members) => match members.get(name) {
                Some(Value::String(text)) => Some(text.clone()),
                Some(Value::Number(number)) => Some(number.to_string()),
                _ => members.values().find_map(|value| find(value, name)),
            },
            Value::Array(elements) => elements.iter().find_map(|value| find(value, name)),
            _ => None,
        }
    }
    match serde_json::from_str::<Value>(body) {
        Ok(value) => find(&value, name),
        Err(_) => {
            body.split('&').find_map(|pair| Some(pair.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
        }
    }
}

/// Samples leave out headers that are not part of the shape.
fn supply_headers(sample: &mut Sample) {
    if let Some(name) = sample.expected.event_id.as_deref().and_then(|id| id.strip_prefix("header:")) {
        let missing = !sample.headers.keys().any(|key| key.eq_ignore_ascii_case(name));
        if missing {
            sample.headers.insert(name.to_owned(), "msg_supplied".to_owned());
        }
    }
}

fn fold(notification: &Notification) -> Derived {
    let mut ledger = Ledger::default();
    ledger.apply(&EventId::derive(&SourceId::mint([0; 16]), None, &notification.dedupe_key), notification);
    ledger.derive()
}

/// Whether the ledger agrees with the provider-level outcome. Words that say nothing about a payment hold for
/// notifications without facts.
fn sensible(status: &str, notification: &Notification, derived: &Derived) -> bool {
    if notification.facts.is_empty() {
        return matches!(notification.event_type, EventType::ProviderOther | EventType::SourceTest);
    }
    match status {
        "succeeded" | "captured" | "paid" | "settled" => derived.status == PaymentStatus::Captured,
        "test" => notification.event_type == EventType::SourceTest,
        "authorized" => derived.status == PaymentStatus::Authorized,
        "created" => derived.status == PaymentStatus::Created,
        "canceled" => derived.status == PaymentStatus::Canceled,
        "expired" => derived.status == PaymentStatus::Expired,
        "pending" | "processing" => {
            derived.status == PaymentStatus::Processing || derived.refund_status == RefundStatus::Pending
        }
        "failed" => {
            derived.status == PaymentStatus::Failed
                || notification.event_type == EventType::RefundFailed
                || notification.event_type == EventType::PaymentFailed
        }
        "refunded" => matches!(derived.refund_status, RefundStatus::Partial | RefundStatus::Full),
        "disputed" | "chargeback" => derived.dispute_status != DisputeStatus::None,
        _ => true,
    }
}

#[test]
fn samples_of_our_own_normalise_as_expected() {
    let report = Report::run(&support::json_files(&support::own_directory().join("samples")));
    assert!(report.ran > 0, "no sample ran");
    assert!(report.skipped.is_empty(), "a sample of ours was skipped: {:?}", report.skipped);
    assert!(report.failed.is_empty(), "{}", report.failed.join("\n"));
}

/// Only these have no samples of their own, for the reasons given.
const WITHOUT_SAMPLES: &[(&str, &str)] =
    &[("generic", "its payloads say what its settings say: `src/generic/tests.rs`")];

#[test]
fn every_provider_of_the_table_has_samples() {
    let files = support::json_files(&support::own_directory().join("samples"));
    let samples: Vec<Sample> = files.iter().flat_map(|file| support::read(file)).collect();
    let has = |id: &str| samples.iter().any(|sample| support::provider_id(&sample.provider) == id);
    let lacking: Vec<_> = Provider::all().map(Provider::id).filter(|id| !has(id)).collect();
    assert_eq!(lacking, WITHOUT_SAMPLES.iter().map(|(id, _)| *id).collect::<Vec<_>>());
}

#[test]
fn samples_from_the_environment_normalise_as_expected() {
    let report = Report::run(&support::named_by("PAYRELAY_SAMPLES"));
    assert!(
        std::env::var_os("PAYRELAY_SAMPLES").is_none() || report.ran > 0,
        "PAYRELAY_SAMPLES named no sample of ours"
    );
    assert!(report.failed.is_empty(), "{}", report.failed.join("\n"));
}
