//! Bad input for every provider of the table, and every way of signing of each.
//!
//! What is expected is said here and not asked of the code: each answer is that of the table in
//! `functions/webhook/src/lib.rs`, each exemption is named with its reason. That nothing is queued, that the counter
//! went up by one and that the request was kept is checked at every one of them (`App::refuses_unlisted`); that it is in
//! quarantine, at the end of each account.

mod account;
mod bodies;
mod further;
mod named;
mod signatures;

use crate::providers::{ASKED, apis};
use account::{Account, MISMATCH, STALE, with_header};
use anyhow::{Context, Result};
use axum::http::{Method, StatusCode};
use bodies::Reads;
use jiff::SignedDuration;
use journeys::{App, Refusal, Sent};
use providers::Provider;
use providers::scheme::{Algorithm, KeyPrefix, Unit};
use serde_json::{Value, json};
use signatures::{ANY_CASE, Case, MAY_BE_JOINED, MAY_REPEAT};
use simulators::Simulator;
use std::collections::BTreeSet;
use wiremock::MockServer;

async fn start() -> Result<(App, MockServer)> {
    let server = apis().await;
    let authority = vec![Simulator::authority().to_vec()];
    let app = App::start_with_authority(&server.uri(), ASKED, Some(authority)).await?;
    Ok((app, server))
}

/// All that went otherwise, so that one look shows whether it is a case or a provider.
#[derive(Default)]
struct Report(Vec<String>);

impl Report {
    fn note(&mut self, outcome: Result<()>) {
        self.0.extend(outcome.err().map(|error| format!("{error:#}")));
    }

    fn end(self) -> Result<()> {
        anyhow::ensure!(self.0.is_empty(), "{}", self.0.join("\n"));
        Ok(())
    }
}

/// Each of these requests is refused for its reason, and kept.
async fn refuse_all(app: &App, report: &mut Report, account: &Account, cases: Vec<Case>) {
    for case in cases {
        report.note(account.refuses(app, &case.what, &case.sent, Refusal::rejected(case.reason)).await);
    }
    report.note(account.end(app).await);
}

async fn accounts(app: &App) -> Result<Vec<Account>> {
    let mut accounts = Vec::new();
    for provider in Simulator::providers() {
        accounts.push(Account::open(app, provider).await?);
    }
    Ok(accounts)
}

async fn further_accounts(app: &App) -> Result<Vec<Account>> {
    let mut accounts = Vec::new();
    for further in further::all(app.clock.now().as_second())? {
        accounts.push(Account::open_further(app, further).await?);
    }
    Ok(accounts)
}

/// Those that sign nothing, with the reason why nothing can be wrong with a signature of theirs.
const UNSIGNED: &[(&str, &str)] =
    &[("mollie", "the webhook holds an id, and what there is to know is asked of the API")];

#[tokio::test]
async fn a_signature_that_is_not_right_is_refused_whatever_is_wrong_with_it() -> Result<()> {
    let (app, _server) = start().await?;
    let mut report = Report::default();
    let mut unsigned = Vec::new();
    for account in accounts(&app).await? {
        let Some(way) = account.way else {
            unsigned.push(account.id());
            continue;
        };
        report.note(account.accepts(&app, "as it is right", &account.genuine).await);
        refuse_all(&app, &mut report, &account, signatures::of(&account, &way)).await;
    }
    assert_eq!(unsigned, UNSIGNED.iter().map(|(provider, _)| *provider).collect::<Vec<_>>());
    report.end()
}

#[tokio::test]
async fn the_less_usual_ways_of_signing_are_no_weaker() -> Result<()> {
    let (app, _server) = start().await?;
    let mut report = Report::default();
    let accounts = further_accounts(&app).await?;
    for account in &accounts {
        let way = account.way.context("it is signed")?;
        report.note(account.accepts(&app, "as it is right", &account.genuine).await);
        let mut cases = signatures::of(account, &way);
        cases.extend(bodies::altered(account));
        refuse_all(&app, &mut report, account, cases).await;
    }
    let tried: BTreeSet<String> = accounts.into_iter().map(|account| account.name).collect();
    let all = Provider::all().flat_map(|provider| {
        let further = provider.schemes().skip(1);
        further.map(|scheme| format!("{}, {}", provider.id(), scheme.name))
    });
    assert_eq!(tried, all.collect(), "no scheme of the table is left out");
    report.end()
}

#[tokio::test]
async fn what_may_be_repeated_joined_or_in_another_case_is_on_a_list() -> Result<()> {
    let (app, _server) = start().await?;
    let mut report = Report::default();
    let mut accounts = accounts(&app).await?;
    accounts.extend(further_accounts(&app).await?);
    for account in accounts {
        let Some(way) = account.way else { continue };
        let on = |list: &[(&str, &str)]| list.iter().any(|(name, _)| *name == account.name);
        let (genuine, value) = (&account.genuine, way.value(&account.genuine));
        assert_eq!(way.any_line, on(MAY_REPEAT), "{}", account.name);
        assert_eq!(way.written == account::Written::HexAnyCase, on(ANY_CASE), "{}", account.name);
        if on(MAY_REPEAT) {
            report.note(account.accepts(&app, "twice", &way.twice(genuine)).await);
        }
        if on(MAY_BE_JOINED) {
            let joined = way.with_value(genuine, Some(format!("{value},{value}").as_bytes()));
            report.note(account.accepts(&app, "joined", &joined).await);
        }
        if on(ANY_CASE) {
            for hex in
                [way.signature(genuine).to_ascii_uppercase(), way.signature(genuine).to_ascii_lowercase()]
            {
                report
                    .note(account.accepts(&app, "in either case", &way.with_signature(genuine, &hex)).await);
            }
        }
    }
    report.end()
}

/// How old and how far ahead of us a signature may be, in seconds, and the unit in which it says so.
const TOLERANCES: &[(&str, i64, i64, Unit)] = &[
    ("airwallex", 300, 300, Unit::Milliseconds),
    ("coinbase_cdp", 300, 300, Unit::Seconds),
    ("creem", 300, 300, Unit::Seconds),
    ("dodopayments", 300, 300, Unit::Seconds),
    ("generic", 300, 300, Unit::Seconds),
    ("paddle", 5, 30, Unit::Seconds),
    ("paypal", 73 * 3600, 300, Unit::Seconds),
    ("plaid", 300, 300, Unit::Seconds),
    ("polar", 300, 300, Unit::Seconds),
    ("recurly", 300, 300, Unit::Milliseconds),
    ("standard_webhooks", 300, 300, Unit::Seconds),
    ("stripe", 300, 300, Unit::Seconds),
];

/// Those that sign a time which is not judged, because no age of it is documented and a later try may come with the
/// first one's. All others sign no time.
const TIMES_NOT_JUDGED: &[&str] = &["cashfree", "dlocal", "mercadopago", "midtrans_snap", "nuvei", "rapyd"];

#[tokio::test]
async fn a_signature_that_is_too_old_or_from_the_future_is_refused() -> Result<()> {
    let (app, _server) = start().await?;
    let mut report = Report::default();
    let now = app.clock.now();
    for account in accounts(&app).await? {
        let Some((_, past_s, future_s, unit)) = TOLERANCES.iter().find(|(id, ..)| *id == account.id()) else {
            assert!(account.provider.schemes().all(|scheme| scheme.freshness.is_none()), "{}", account.name);
            continue;
        };
        let least = match unit {
            Unit::Seconds => SignedDuration::from_secs(1),
            Unit::Milliseconds => SignedDuration::from_millis(1),
        };
        let (past, future) = (SignedDuration::from_secs(*past_s), SignedDuration::from_secs(*future_s));
        report.note(account.accepts(&app, "as old as may be", &account.signed_at(now - past)?).await);
        report.note(account.accepts(&app, "as far ahead as may be", &account.signed_at(now + future)?).await);
        for (what, at) in [
            ("too old", now - past - least),
            ("from the future", now + future + least),
            ("ten days old", now - SignedDuration::from_hours(240)),
            ("ten days ahead", now + SignedDuration::from_hours(240)),
        ] {
            let sent = account.signed_at(at)?;
            report.note(account.refuses(&app, what, &sent, Refusal::rejected(STALE)).await);
        }
        refuse_all(&app, &mut report, &account, named::times(&account, now)).await;
    }
    for provider in TIMES_NOT_JUDGED {
        let account = Account::open(&app, provider).await?;
        let old = account.signed_at(now - SignedDuration::from_hours(24))?;
        report.note(account.accepts(&app, "a day old", &old).await);
    }
    report.end()
}

#[tokio::test]
async fn no_algorithm_that_the_sender_names_is_obeyed() -> Result<()> {
    let (app, _server) = start().await?;
    let mut report = Report::default();
    let mut tried = BTreeSet::new();
    for account in accounts(&app).await?.into_iter().chain(further_accounts(&app).await?) {
        let cases = named::algorithms(&account);
        if !cases.is_empty() {
            tried.insert(account.name.clone());
        }
        refuse_all(&app, &mut report, &account, cases).await;
    }
    assert_eq!(tried, named::NAME_AN_ALGORITHM.iter().map(|name| (*name).to_owned()).collect());
    report.end()
}

#[tokio::test]
async fn a_body_that_is_not_what_was_signed_is_refused() -> Result<()> {
    let (app, _server) = start().await?;
    let mut report = Report::default();
    for account in accounts(&app).await? {
        refuse_all(&app, &mut report, &account, bodies::altered(&account)).await;
    }
    report.end()
}

/// Genuine, and something that the provider never sends. Where the signature is made over a body that has to be read
/// first, it is refused before (`a_body_that_is_not_what_was_signed_is_refused`).
#[tokio::test]
async fn a_genuine_body_that_can_not_be_read_is_malformed() -> Result<()> {
    let (app, _server) = start().await?;
    let mut report = Report::default();
    for account in accounts(&app).await? {
        if matches!(bodies::reads(&account), Reads::Json | Reads::Form) {
            continue;
        }
        for (what, sent) in bodies::unreadable(&account, app.clock.now())? {
            // Mollie's is a form, and this one has an id.
            if account.id() == "mollie" && matches!(what, "a form" | "half of it" | "it and more") {
                continue;
            }
            // Shopify's SDK takes no empty body, whatever is signed.
            if account.id() == "shopify" && what == "nothing" {
                report.note(account.refuses(&app, what, &sent, Refusal::rejected(MISMATCH)).await);
                continue;
            }
            report.note(account.refuses(&app, what, &sent, Refusal::malformed()).await);
        }
        report.note(account.end(&app).await);
    }
    report.end()
}

#[tokio::test]
async fn depth_in_a_genuine_body_harms_nobody() -> Result<()> {
    let (app, _server) = start().await?;
    let mut report = Report::default();
    let mut accepted = 0;
    for account in accounts(&app).await? {
        if account.genuine.body.starts_with(b"{") {
            report.note(account.accepts(&app, "deep", &bodies::deep(&account, app.clock.now())?).await);
            accepted += 1;
        }
    }
    assert!(accepted > 40, "{accepted}");
    app.stack.settle().await?;
    assert_eq!(app.stack.dead_letter_counts()?, (0, 0));
    report.end()
}

#[tokio::test]
async fn what_is_too_large_or_comes_by_another_method_is_refused_before_it_is_judged() -> Result<()> {
    let (app, _server) = start().await?;
    let mut report = Report::default();
    let unread = Refusal {
        status: 413,
        code: "payload_too_large",
        reason: "too_large",
        by_provider: false,
        kept: false,
    };
    let too_large = Refusal { by_provider: true, kept: true, ..unread };
    for account in accounts(&app).await? {
        let mut larger = account.genuine.clone();
        larger.body.resize(queue::MAX_BODY_BYTES + 1, b' ');
        report.note(account.refuses(&app, "more than 4,560 KiB", &larger, too_large).await);
        let declared = Sent { body: Vec::new(), ..account.genuine.clone() };
        let declared = with_header(&declared, "content-length", Some(b"99999999999"));
        report.note(account.refuses(&app, "declared as more", &declared, unread).await);

        let get = Sent { method: Method::GET, ..account.genuine.clone() };
        let expected = if account.id() == "braintree" {
            // It asks by GET, and this is no question.
            Refusal { kept: false, ..Refusal::rejected("missing_signature") }
        } else {
            let code = "method_not_allowed";
            Refusal { status: 405, code, reason: code, by_provider: true, kept: false }
        };
        report.note(account.refuses(&app, "by GET", &get, expected).await);
        // Has no route at the gateway, so that nobody is there to count it.
        for method in [Method::PUT, Method::PATCH, Method::DELETE] {
            let answer = app.send(&account.source, &Sent { method, ..account.genuine.clone() }).await?;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{}", account.name);
            assert_eq!(answer.json()["code"], "method_not_allowed");
        }
    }
    assert_eq!(app.stack.sqs.depth("events")?.visible, 0);
    report.end()
}

#[tokio::test]
async fn an_empty_secret_can_not_be_configured() -> Result<()> {
    let (app, _server) = start().await?;
    for account in accounts(&app).await? {
        let (simulator, _) = account.simulated.as_ref().context("it is simulated")?;
        let provider = account.id();
        let body = |secrets: Value| json!({ "provider": provider, "secrets": secrets, "settings": simulator.settings() });
        let mut refused = vec![json!([""]), json!([" "]), json!(["\t\n"]), json!(["\0"])];
        refused.extend(simulator.secret().map(|secret| json!([secret, ""])));
        if simulator.secret().is_some() {
            refused.push(json!([]));
            let first = account.provider.schemes().next();
            let prefix = match first.map(|scheme| scheme.key.prefix) {
                Some(KeyPrefix::Kept(prefix) | KeyPrefix::Cut(prefix) | KeyPrefix::CutRequired(prefix)) => {
                    prefix
                }
                _ => "",
            };
            refused.push(json!([prefix]));
        } else {
            refused.push(json!(["a secret that nothing is signed with"]));
        }
        for secrets in refused {
            let answer = app.api(Method::POST, "/v1/sources", Some(body(secrets.clone()))).await?;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{provider}: {secrets}: {}", answer.text());
            assert_eq!(answer.json()["code"], "invalid_field", "{provider}: {secrets}");
            let pointer = answer.json()["errors"][0]["pointer"].as_str().map(str::to_owned);
            assert!(pointer.is_some_and(|pointer| pointer.starts_with("/secrets")), "{provider}: {secrets}");
        }
        let path = format!("/v1/sources/{}", account.source);
        let added = app.api(Method::POST, &format!("{path}/secrets"), Some(json!({ "secret": "" }))).await?;
        assert_eq!(added.status, StatusCode::BAD_REQUEST, "{provider}: {}", added.text());
        let put = app.api(Method::PUT, &path, Some(body(json!([""])))).await?;
        assert_eq!(put.status, StatusCode::BAD_REQUEST, "{provider}: {}", put.text());
    }
    Ok(())
}

/// Those that send the secret itself: an empty one is an empty header, which is refused like every other.
const SEND_THE_SECRET: &[&str] = &["chargebee", "flutterwave", "xendit"];

#[tokio::test]
async fn what_was_signed_with_an_empty_or_another_secret_never_matches() -> Result<()> {
    let (app, _server) = start().await?;
    let mut report = Report::default();
    let now = app.clock.now();
    let mut tokens = Vec::new();
    for account in accounts(&app).await? {
        let Some(other) =
            Simulator::new(account.id(), [9; 32]).and_then(|other| other.secret().map(str::to_owned))
        else {
            continue;
        };
        let signed = account.signed_with(&other, now)?;
        report.note(account.refuses(&app, "of another secret", &signed, Refusal::rejected(MISMATCH)).await);
        let scheme = account.provider.schemes().next();
        if scheme.is_some_and(|scheme| matches!(scheme.algorithm, Algorithm::Token)) {
            tokens.push(account.id());
            continue;
        }
        let signed = account.signed_with("", now)?;
        report.note(account.refuses(&app, "of an empty secret", &signed, Refusal::rejected(MISMATCH)).await);
        if let Some(KeyPrefix::Kept(prefix) | KeyPrefix::Cut(prefix)) = scheme.map(|scheme| scheme.key.prefix)
        {
            let signed = account.signed_with(prefix, now)?;
            report
                .note(account.refuses(&app, "of a prefix alone", &signed, Refusal::rejected(MISMATCH)).await);
        }
    }
    assert_eq!(tokens, SEND_THE_SECRET);
    report.end()
}

#[tokio::test]
async fn xml_defines_nothing_fetches_nothing_and_nests_to_no_depth() -> Result<()> {
    let (app, _server) = start().await?;
    let mut report = Report::default();
    let account = Account::open(&app, "braintree").await?;
    let (simulator, _) = account.simulated.as_ref().context("it is simulated")?;
    let secret = simulator.secret().context("it takes a secret")?;
    let good = "<notification><kind>check</kind><timestamp type=\"datetime\">2026-11-22T12:00:00Z</timestamp>\
                <subject><check type=\"boolean\">true</check></subject></notification>";
    report.note(account.accepts(&app, "the same, by hand", &named::braintree(secret, good.as_bytes())).await);
    let entity =
        |definition: &str| good.replacen("<notification>", &format!("{definition}<notification>"), 1);
    let laughs: String = (1..10)
        .map(|level| format!("<!ENTITY l{level} \"{}\">", format!("&l{};", level - 1).repeat(10)))
        .collect();
    let deep = format!("{}{}", "<a>".repeat(50_000), "</a>".repeat(50_000));
    for (what, document) in [
        ("white space", " \n".to_owned()),
        ("no XML", "kind=check".to_owned()),
        ("a document type", entity("<!DOCTYPE notification>")),
        ("an external document type", entity("<!DOCTYPE a SYSTEM \"http://127.0.0.1/a.dtd\">")),
        (
            "an entity of its own",
            entity("<!DOCTYPE a [<!ENTITY e \"check\">]>").replacen(">check<", ">&e;<", 1),
        ),
        (
            "an entity of a file",
            entity("<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>")
                .replacen(">check<", ">&e;<", 1),
        ),
        ("a parameter entity", entity("<!DOCTYPE a [<!ENTITY % e SYSTEM \"http://127.0.0.1/\"> %e;]>")),
        (
            "a billion laughs",
            entity(&format!("<!DOCTYPE a [<!ENTITY l0 \"ha\">{laughs}]>")).replacen(">check<", ">&l9;<", 1),
        ),
        ("an entity that nobody defined", good.replacen(">check<", ">&e;<", 1)),
        ("a character that there is not", good.replacen(">check<", ">&#0;<", 1)),
        ("depth", good.replacen("<subject>", &format!("<subject>{deep}"), 1)),
        ("depth without end", "<a>".repeat(60_000)),
        ("breadth", good.replacen("<subject>", &format!("<subject>{}", "<a/>".repeat(80_000)), 1)),
        ("half of it", good[..good.len() / 2].to_owned()),
        ("more of it", format!("{good}{good}")),
        ("two kinds", good.replacen("<kind>", "<kind>check</kind><kind>", 1)),
    ] {
        let sent = named::braintree(secret, document.as_bytes());
        report.note(account.refuses(&app, what, &sent, Refusal::malformed()).await);
    }
    let position = good.find("check").context("it is there")?;
    let mut not_utf8 = good.as_bytes().to_vec();
    not_utf8[position] = 0xff;
    report.note(
        account.refuses(&app, "no UTF-8", &named::braintree(secret, &not_utf8), Refusal::malformed()).await,
    );
    // Signed, and no base64 to any decoder: what one passes over must not be signed unseen.
    let sent = named::braintree_payload(secret, "PG5v*dGlm");
    report.note(account.refuses(&app, "no base64", &sent, Refusal::rejected("malformed_body")).await);
    let sent = named::braintree_payload(secret, "PG5vd");
    report.note(account.refuses(&app, "base64 that ends early", &sent, Refusal::malformed()).await);
    report.note(account.end(&app).await);
    report.end()
}

#[test]
fn the_api_s_description_has_every_answer_to_a_webhook() {
    let document: Value =
        serde_json::from_str(include_str!("../../../../infra/openapi.json")).expect("the document is JSON");
    let operations = &document["paths"]["/webhooks/{source_id}"];
    let answers = |method: &str| -> BTreeSet<String> {
        let responses = operations[method]["responses"].as_object().expect("an object");
        responses.keys().cloned().collect()
    };
    let expected = |statuses: &[&str]| statuses.iter().map(|status| (*status).to_owned()).collect();
    assert_eq!(answers("post"), expected(&["2XX", "400", "401", "404", "413", "503", "508"]));
    assert_eq!(answers("get"), expected(&["200", "401", "404", "405", "503"]));
    // What is not refused by the function is refused by the gateway, where only these two are routed.
    let methods: Vec<&String> = operations.as_object().expect("an object").keys().collect();
    assert_eq!(methods, ["get", "post"]);
}
