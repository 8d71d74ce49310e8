use super::*;
use crate::VerifiedMeta;
use crate::scheme::{Place, Shape, SignaturePrefix};
use domain::{Derived, DisputeStatus, EventId, EventType, Ledger, PaymentStatus, RefundStatus, SourceId};
use layout::Layout;
use serde_json::{Value, json};
use words::{Token, tokens};

fn settings(pairs: &[(&str, &str)]) -> Settings {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A working HMAC with some settings changed; an empty value takes one away.
fn changed(changes: &[(&str, &str)]) -> Settings {
    let mut all = settings(&[
        ("algorithm", "hmac-sha256"),
        ("signature", "header:x-signature"),
        ("encoding", "hex"),
        ("signed", "{body}"),
    ]);
    all.extend(settings(changes));
    all.retain(|_, value| !value.is_empty());
    all
}

fn provider() -> &'static Provider {
    Provider::find("generic").expect("in the table")
}

/// Which settings are refused, and why.
fn refused(settings: &Settings) -> Vec<(String, String)> {
    let invalid = provider().check_settings(settings).err().unwrap_or_default();
    invalid.iter().map(|error| (error.name().to_owned(), error.to_string())).collect()
}

fn assert_refused(settings: &Settings, name: &str, why: &str) {
    let refused = refused(settings);
    let found = refused.iter().any(|(refused, said)| refused == name && said.contains(why));
    assert!(found, "`{name}` because of `{why}`, got {refused:?} for {settings:?}");
}

#[test]
fn every_setting_that_can_not_work_is_refused_with_its_reason() {
    let stamped: [(&str, &str); 3] =
        [("timestamp", "header:x-ts"), ("signed", "{timestamp}.{body}"), ("tolerance_seconds", "300")];
    assert_eq!(refused(&changed(&stamped)), []);
    let with = |more: &[(&'static str, &'static str)]| changed(&[&stamped[..], more].concat());
    for (settings, name, why) in [
        (changed(&[("algorithm", "")]), "algorithm", "required"),
        (changed(&[("algorithm", "rsa")]), "algorithm", "must be one of: hmac-sha256"),
        (changed(&[("algoritm", "token")]), "algoritm", "no setting"),
        (changed(&[("signature", "")]), "signature", "required"),
        (changed(&[("signature", "x-signature")]), "signature", "not a place"),
        (changed(&[("signature", "json:sig")]), "signature", "not a place"),
        (changed(&[("signature", "query:")]), "signature", "not a place"),
        (changed(&[("signature", "header:X-Signature")]), "signature", "in lower case"),
        (changed(&[("signature", "header:x signature")]), "signature", "does not name a header"),
        (changed(&[("signature", "header:x-forwarded-for")]), "signature", "on the way here"),
        (changed(&[("signature", "form:sig")]), "signed", "holds the signature itself"),
        (changed(&[("signature", "query:s"), ("signed", "{url}{body}")]), "signed", "signature itself"),
        (changed(&[("signed", "{header:x-signature}{body}")]), "signed", "signature itself"),
        (changed(&[("encoding", "")]), "encoding", "required"),
        (changed(&[("encoding", "base32")]), "encoding", "must be one of"),
        (changed(&[("key_encoding", "base32")]), "key_encoding", "must be one of"),
        (changed(&[("layout", "sha256=")]), "layout", "goes on behind its last word"),
        (changed(&[("layout", "{timestamp}")]), "layout", "does not say where `{signature}` stands"),
        (changed(&[("layout", "{signature};")]), "layout", "goes on behind its last word"),
        (changed(&[("layout", "{digest}")]), "layout", "other than `{signature}`"),
        (changed(&[("layout", "a{{{signature}")]), "layout", "can't hold braces beside"),
        (changed(&[("layout", "{signature")]), "layout", "without its other half"),
        (changed(&[("layout", "t={timestamp},v1{signature}")]), "layout", "not a list of named elements"),
        (changed(&[("layout", "v0={signature},v1={signature}")]), "layout", "more than one name"),
        (changed(&[("signed", "")]), "signed", "required"),
        (changed(&[("signed", "{body")]), "signed", "without its other half"),
        (changed(&[("signed", "body}")]), "signed", "without its other half"),
        (changed(&[("signed", "{payload}")]), "signed", "none of `{body}`"),
        (changed(&[("signed", "{header:x-forwarded-for}{body}")]), "signed", "on the way here"),
        (changed(&[("signed", "{header:cookie}{body}")]), "signed", "for credentials"),
        (changed(&[("signed", "body")]), "signed", "signs nothing"),
        (changed(&[("signed", "{url}{key}")]), "signed", "signs nothing"),
        (changed(&[("signed", "{timestamp}.{body}")]), "signed", "stands nowhere"),
        (changed(&[("tolerance_seconds", "300")]), "tolerance_seconds", "needs a timestamp"),
        (changed(&[("timestamp_unit", "seconds")]), "timestamp_unit", "needs a timestamp"),
        (with(&[("tolerance_seconds", "")]), "tolerance_seconds", "required"),
        (with(&[("tolerance_seconds", "0")]), "tolerance_seconds", "from 1 to 604800"),
        (with(&[("tolerance_seconds", "+5")]), "tolerance_seconds", "from 1 to 604800"),
        (with(&[("tolerance_seconds", "604801")]), "tolerance_seconds", "from 1 to 604800"),
        (with(&[("signed", "{body}")]), "timestamp", "not signed"),
        (with(&[("timestamp", "header:authorization")]), "timestamp", "for credentials"),
        (with(&[("layout", "t={timestamp},v1={signature}")]), "timestamp", "the layout has the timestamp"),
        (
            changed(&[("layout", "t={timestamp},v1={signature}"), ("tolerance_seconds", "9")]),
            "layout",
            "not signed",
        ),
    ] {
        assert_refused(&settings, name, why);
    }
}

#[test]
fn a_token_and_http_basic_take_nothing_that_belongs_to_an_hmac() {
    let token = settings(&[
        ("algorithm", "token"),
        ("signature", "header:authorization"),
        ("layout", "Bearer {signature}"),
    ]);
    assert_eq!(refused(&token), []);
    let basic = settings(&[("algorithm", "basic")]);
    assert_eq!(refused(&basic), []);
    for name in [
        "encoding",
        "key_encoding",
        "key_prefix",
        "signed",
        "timestamp",
        "timestamp_unit",
        "tolerance_seconds",
    ] {
        for mut settings in [token.clone(), basic.clone()] {
            let value = match name {
                "encoding" | "key_encoding" => "base64",
                "timestamp_unit" => "seconds",
                _ => "{body}",
            };
            settings.insert(name.to_owned(), value.to_owned());
            assert_refused(&settings, name, "signs nothing");
        }
    }
    let mut settings = basic;
    settings.insert("signature".to_owned(), "header:authorization".to_owned());
    assert_refused(&settings, "signature", "always in `authorization`");
    for (name, value, why) in [
        ("signature", "form:token", "kept and relayed"),
        ("layout", "t={timestamp},v1={signature}", "more than a token"),
        ("event_id", "header:authorization", "for credentials"),
    ] {
        let mut settings = token.clone();
        settings.insert(name.to_owned(), value.to_owned());
        assert_refused(&settings, name, why);
    }
    let mut settings = token;
    settings.insert("signature".to_owned(), "header:x-token".to_owned());
    settings.insert("type".to_owned(), "type,header:x-token".to_owned());
    assert_refused(&settings, "type", "the token's header");
}

#[test]
fn what_payloads_say_is_refused_where_it_contradicts_itself() {
    for (settings, name, why) in [
        (changed(&[("event_id", "id,")]), "event_id", "empty path"),
        (changed(&[("event_id", "header:")]), "event_id", "does not name a header"),
        (changed(&[("payment", "data..id")]), "payment", "empty step"),
        (changed(&[("payment", "header:x-payment.")]), "payment", "empty step"),
        (changed(&[("amount", "amount")]), "amount", "needs its currency"),
        (changed(&[("amount_unit", "major")]), "amount_unit", "without `amount`"),
        (changed(&[("time_format", "seconds")]), "time_format", "without `time`"),
        (changed(&[("fixed_currency", "dollars")]), "fixed_currency", "not a currency"),
        (changed(&[("fixed_currency", "USD"), ("currency", "c")]), "fixed_currency", "contradicts"),
        (changed(&[("meanings", "paid")]), "meanings", "lacks a meaning in rule 1"),
        (changed(&[("meanings", "a=test,=paid")]), "meanings", "in rule 2"),
        (changed(&[("meanings", "a|=paid")]), "meanings", "lacks the type"),
        (changed(&[("meanings", "a=bought")]), "meanings", "a meaning that we don't know in rule 1"),
        (changed(&[("meanings", "a=test,a|x=test")]), "meanings", "an earlier rule for the same in rule 2"),
        (changed(&[("meanings", "*=test,a=test")]), "meanings", "an earlier rule"),
        (changed(&[("meanings", "a=paid"), ("type", "t")]), "meanings", "needs the setting `payment`"),
        (changed(&[("meanings", "a=test")]), "meanings", "needs the setting `type`"),
        (changed(&[("meanings", "*|a=test")]), "meanings", "needs the setting `status`"),
        (
            changed(&[("meanings", "a=refunded"), ("type", "t"), ("payment", "p")]),
            "meanings",
            "needs the setting `operation`",
        ),
    ] {
        assert_refused(&settings, name, why);
    }
    let form = changed(&[("body_format", "form"), ("payment", "data..id")]);
    assert_eq!(refused(&form), [], "a form's field may have any name");
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let wrong =
        changed(&[("signature", "x"), ("encoding", ""), ("signed", "x"), ("amount", "a"), ("payment", ".")]);
    let names: Vec<String> = refused(&wrong).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["signature", "encoding", "signed", "payment", "amount"]);
}

#[test]
fn a_text_is_split_at_its_words_and_double_braces_are_braces() {
    let split = tokens("{{a}}{b}c{d:e}").expect("a text");
    let (text, word) = (Token::Text, Token::Word);
    assert_eq!(split, [text("{"), text("a"), text("}"), word("b"), text("c"), word("d:e")]);
    assert_eq!(tokens("").expect("nothing"), []);
    for wrong in ["{", "}", "{a", "a}", "{a{b}", "{}}", "{{}"] {
        let fine = tokens(wrong).is_ok();
        assert!(!fine, "{wrong}");
    }
}

#[test]
fn a_layout_is_one_value_a_list_behind_a_timestamp_or_a_list_of_pairs() {
    let prefixed = Layout::parse("sha256={signature}").expect("a prefix");
    assert!(matches!(prefixed.shape, Shape::One));
    assert!(matches!(prefixed.prefix, SignaturePrefix::Required("sha256=")));
    let first = Layout::parse("{timestamp},{signature},{signature}").expect("a list");
    assert!(matches!(first.shape, Shape::First { list: ',', first: "timestamp" }));
    assert!(matches!(first.timestamp, Some(Place::Pair("timestamp"))));
    let pairs = Layout::parse("h1:{signature};ts:{timestamp}").expect("pairs");
    assert!(matches!(pairs.shape, Shape::Pairs { list: ';', pair: ':', signature: "h1" }));
    assert!(matches!(pairs.timestamp, Some(Place::Pair("ts"))));
    let alone = Layout::parse("v1,{signature} v1,{signature}").expect("signatures alone");
    assert!(matches!(alone.shape, Shape::Pairs { list: ' ', pair: ',', signature: "v1" }));
    assert!(alone.timestamp.is_none());
    for wrong in [
        "{timestamp}{signature}",
        "{timestamp}, {signature}",
        "{timestamp},{signature};{signature}",
        "{signature}{signature}",
        "{signature},{signature}",
        "t={timestamp},t={signature}",
        "t={timestamp}=v1={signature}",
        "t={timestamp},t={timestamp},v1={signature}",
        "={timestamp},v1={signature}",
        "",
    ] {
        assert!(Layout::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_secret_is_checked_as_the_key_that_it_becomes() {
    let check = |changes: &[(&str, &str)], text: &str| provider().check_secret(text, &changed(changes));
    assert_eq!(check(&[], "It's a Secret to Everybody"), Ok(()));
    assert_eq!(check(&[], ""), Err(InvalidSecret::Empty));
    assert_eq!(check(&[], "1234567"), Err(InvalidSecret::TooShort));
    assert_eq!(check(&[], " 12345678"), Err(InvalidSecret::Spaces));
    let hex = [("key_encoding", "hex")];
    assert_eq!(check(&hex, "0123456789abcdef"), Ok(()));
    assert_eq!(check(&hex, "0123456789abcde"), Err(InvalidSecret::Form));
    assert_eq!(check(&hex, "0123456789ab"), Err(InvalidSecret::TooShort));
    let base64 = [("key_encoding", "base64"), ("key_prefix", "whsec_")];
    assert_eq!(check(&base64, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Ok(()));
    assert_eq!(check(&base64, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Ok(()));
    assert_eq!(check(&base64, "whsec_no-base64-at-all"), Err(InvalidSecret::Form));
    let basic = settings(&[("algorithm", "basic")]);
    assert_eq!(provider().check_secret("user:s3cr:et pass", &basic), Ok(()));
    assert_eq!(provider().check_secret("only-a-password", &basic), Err(InvalidSecret::Form));
    // A token may begin like HTTP Basic, and its settings are complained about, not its secret.
    assert_eq!(provider().check_secret("x", &settings(&[("algorithm", "nothing")])), Ok(()));
}

#[test]
fn settings_that_are_no_longer_right_verify_nothing() {
    let request = Request { method: "POST", url: "https://x", headers: &[], body: b"{}" };
    for settings in [Settings::new(), changed(&[("signed", "{nothing}")]), changed(&[("encoding", "")])] {
        let outcome = provider().verify(&request, &[], &settings, Timestamp::UNIX_EPOCH);
        assert_eq!(outcome, Err(Rejection::MissingSetting));
    }
}

fn read(settings: &Settings, headers: &[(&str, &str)], body: &str) -> Result<Notification, Malformed> {
    let meta = json!({
        "provider": "generic", "scheme": "hmac-sha256", "covers": "body",
        "secret": domain::SecretId::mint([0; 16]), "headers": headers,
    });
    let meta: VerifiedMeta = serde_json::from_value(meta).expect("the shape of the queue");
    let mut notifications = Verified::from_parts(meta, body.as_bytes().to_vec()).notifications(settings)?;
    assert_eq!(notifications.len(), 1);
    Ok(notifications.remove(0))
}

fn shop() -> Settings {
    changed(&[
        ("event_id", "header:x-event, id"),
        ("type", "event"),
        ("status", "data.status"),
        ("time", "created"),
        ("time_format", "seconds"),
        ("payment", "data.payment_id,data.id"),
        ("operation", "data.refund.id,data.case.id"),
        ("amount", "data.refund.total, data.total"),
        ("amount_unit", "major"),
        ("currency", "data.currency"),
        ("merchant_reference", "data.order"),
        (
            "meanings",
            "payment|open=processing, payment|reserved=authorized, payment|done=paid, refund=refunded,\n\
             case=dispute_open, ping=test, note=mention",
        ),
    ])
}

fn fold(bodies: &[Value]) -> Derived {
    let mut ledger = Ledger::default();
    for body in bodies {
        let notification = read(&shop(), &[], &body.to_string()).expect("a payload");
        assert_eq!(notification.provider_payment_id.as_deref(), Some("p"));
        let id = EventId::derive(&SourceId::mint([0; 16]), None, &notification.dedupe_key);
        ledger.apply(&id, &notification);
    }
    ledger.derive()
}

#[test]
fn payments_refunds_and_disputes_are_told_by_the_paths_and_meanings() {
    assert_eq!(refused(&shop()), []);
    let payment = |id: &str, status: &str| {
        json!({"id": id, "event": "payment", "created": 1_795_348_800,
        "data": {"id": "p", "status": status, "total": "10.00", "currency": "eur", "order": "o-1"}})
    };
    let refund = json!({"id": "3", "event": "refund", "created": 1_795_348_900, "data": {"payment_id": "p",
        "refund": {"id": "r", "total": 4.00}, "currency": "EUR"}});
    let case = json!({"id": "4", "event": "case", "created": 1_795_348_990, "data": {"payment_id": "p",
        "case": {"id": "c"}, "total": "10", "currency": "EUR"}});
    let opened = fold(&[payment("1", "open")]);
    assert_eq!(opened.status, PaymentStatus::Processing);
    assert_eq!(fold(&[payment("1", "reserved")]).amount_authorized, Some(1000));
    let derived = fold(&[payment("1", "open"), payment("2", "done"), refund, case]);
    assert_eq!((derived.status, derived.amount_captured), (PaymentStatus::Captured, Some(1000)));
    assert_eq!((derived.refund_status, derived.amount_refunded), (RefundStatus::Partial, Some(400)));
    assert_eq!(derived.dispute_status, DisputeStatus::Open);
    assert_eq!(derived.merchant_reference.as_deref(), Some("o-1"));

    let done = read(&shop(), &[("x-event", "e-1")], &payment("2", "done").to_string()).expect("a payload");
    // The header is not signed: it is shown, and does not tell one from another.
    assert_eq!((done.dedupe_key.as_str(), done.provider_event_id.as_deref()), ("2", Some("e-1")));
    assert_eq!(done.occurred_at, Timestamp::from_second(1_795_348_800).ok());
    assert_eq!((done.provider_type.as_str(), done.event_type), ("payment", EventType::PaymentCaptured));
}

#[test]
fn what_has_no_meaning_is_recorded_without_facts() {
    let other =
        read(&shop(), &[], r#"{"id":"1","event":"payment","data":{"id":"p","status":"?"}}"#).expect("read");
    assert_eq!((other.event_type, other.facts.len()), (EventType::ProviderOther, 0));
    assert_eq!((other.object_id.as_deref(), other.provider_payment_id), (Some("p"), None));
    let ping = read(&shop(), &[], r#"{"id":"1","event":"ping"}"#).expect("read");
    assert_eq!(ping.event_type, EventType::SourceTest);
    let untyped = read(&shop(), &[], "{}").expect("read");
    assert_eq!(untyped.provider_type, "unknown");
    assert_eq!(untyped.dedupe_key.len(), "sha256:".len() + 64, "the body's SHA-256");
    let note = read(&shop(), &[], r#"{"id":"1","event":"note","data":{"id":"p"}}"#).expect("read");
    assert_eq!((note.provider_payment_id.as_deref(), note.facts.len()), (Some("p"), 0));
}

#[test]
fn an_amount_that_can_not_be_read_is_an_error_and_names_its_path() {
    let body = r#"{"event":"payment","data":{"id":"p","status":"done","total":"10.001","currency":"EUR"}}"#;
    let malformed = read(&shop(), &[], body).expect_err("a thousandth");
    assert_eq!(malformed.to_string(), "`data.total` is not an amount of its currency");
    let nested = read(&shop(), &[], r#"{"data":{"id":1,"id":2}}"#).expect_err("twice");
    assert_eq!(nested.field(), "data");
}

#[test]
fn a_body_of_any_kind_passes_where_nothing_is_read_from_it() {
    let blind = changed(&[("type", "header:x-kind")]);
    let read_blind = read(&blind, &[("x-kind", "sold")], "<xml/>\u{0}").expect("not read");
    assert_eq!(
        (read_blind.provider_type.as_str(), read_blind.event_type),
        ("sold", EventType::ProviderOther)
    );
    assert_eq!(read(&changed(&[("type", "t")]), &[], "<xml/>").expect_err("not JSON").field(), "body");
}

#[test]
fn forms_are_read_by_their_fields_and_a_currency_may_be_fixed() {
    let form = changed(&[
        ("body_format", "form"),
        ("type", "kind"),
        ("payment", "order[id]"),
        ("amount", "cents"),
        ("fixed_currency", "jpy"),
        ("meanings", "a=b=paid"),
    ]);
    assert_eq!(refused(&form), []);
    let paid = read(&form, &[], "kind=a%3Db&order%5Bid%5D=7&cents=500").expect("a form");
    assert_eq!(paid.provider_payment_id.as_deref(), Some("7"));
    assert_eq!((paid.amount, paid.exponent), (Some(500), Some(0)));
    assert_eq!(paid.currency.map(|currency| currency.to_string()).as_deref(), Some("JPY"));
}

#[test]
fn every_meaning_has_a_name_of_its_own() {
    let mut names: Vec<&str> = reading::MEANINGS.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), reading::MEANINGS.len());
    for (at, (name, meaning)) in reading::MEANINGS.iter().enumerate() {
        let same = reading::MEANINGS[..at].iter().find(|(_, other)| other == meaning);
        assert!(same.is_none(), "{name}");
        let readme = include_str!("../../README.md");
        assert!(readme.contains(&format!("`{name}`")), "the README explains `{name}`");
    }
}

#[test]
fn the_readmes_example_is_accepted() {
    let readme = include_str!("../../README.md");
    let (_, example) = readme.split_once("```json\n").expect("the README has an example");
    let (example, _) = example.split_once("```").expect("which ends");
    let example: Value = serde_json::from_str(example).expect("an example is JSON");
    let settings: Settings = serde_json::from_value(example["settings"].clone()).expect("texts by name");
    assert_eq!(provider().check_settings(&settings), Ok(()));
    let secret = example["secrets"][0].as_str().expect("a text");
    assert_eq!(provider().check_secret(secret, &settings), Ok(()));
}
