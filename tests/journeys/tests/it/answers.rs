//! Bad input, scheme by scheme: each has its documented answer, its counter, and its place in quarantine or none.
//! `App::refuses` checks all three.

use crate::bad_input::noise;
use anyhow::Result;
use axum::http::{Method, StatusCode};
use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use hmac::{Hmac, KeyInit, Mac};
use intake::Counting;
use jiff::SignedDuration;
use journeys::{App, Refusal, Sent};
use serde_json::{Value, json};
use sha2::Sha256;
use simulators::{Adyen, AdyenItem, StandardWebhooks, Stripe};

const MALFORMED: &str = "malformed_signature";
const MISMATCH: &str = "signature_mismatch";
const MISSING: &str = "missing_signature";
const STALE: &str = "timestamp_out_of_tolerance";

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// Stripe's header for a body of any bytes.
fn stripe_signed(stripe: &Stripe, t: i64, body: &[u8]) -> String {
    let tag = hmac(stripe.secret().as_bytes(), &[t.to_string().as_bytes(), b".", body]);
    format!("t={t},v1={}", HEXLOWER.encode(&tag))
}

const STRIPE_EVENT: &str = r#"{"id":"evt_1","object":"event","created":1795348800,"type":"a.b","data":{"object":{"id":"x","object":"y"}}}"#;

#[tokio::test]
async fn stripe_an_element_list_with_time_and_hex() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (now, body) = (app.clock.now().as_second(), STRIPE_EVENT);
    let signed = |t| stripe_signed(&stripe, t, body.as_bytes());
    let good = signed(now);
    let tag = good.split_once("v1=").map_or("", |(_, tag)| tag).to_owned();
    let other = stripe_signed(&Stripe::new([9; 16]), now, body.as_bytes());
    let refuses = async |what: &str, sent: Sent, reason: &str| {
        app.refuses(what, (&source, "stripe"), &sent, Refusal::rejected(reason)).await
    };
    for (what, header, reason) in [
        ("empty", String::new(), MISSING),
        ("no element list", "nonsense".to_owned(), MALFORMED),
        ("no time", format!("v1={tag}"), MISSING),
        ("empty time", format!("t=,v1={tag}"), MISSING),
        ("a time that is no number", format!("t=1e9,v1={tag}"), MALFORMED),
        ("a time with a sign", format!("t=+{now},v1={tag}"), MALFORMED),
        ("no signature", format!("t={now}"), MISSING),
        ("an empty signature", format!("t={now},v1="), MALFORMED),
        ("another algorithm's element alone", format!("t={now},v0={tag}"), MISSING),
        ("upper-case hex", good.replace(&tag, &tag.to_ascii_uppercase()), MALFORMED),
        ("half of the hex", good.replace(&tag, &tag[..32]), MISMATCH),
        ("no hex", good.replace(&tag, &"z".repeat(64)), MALFORMED),
        ("another secret", other, MISMATCH),
        ("another time than was signed", good.replace(&now.to_string(), &(now - 1).to_string()), MISMATCH),
        ("301 seconds old", signed(now - 301), STALE),
        ("301 seconds ahead", signed(now + 301), STALE),
        ("at the beginning of time", signed(0), STALE),
    ] {
        refuses(what, Sent::post(&[("stripe-signature", &header)], body), reason).await?;
    }
    refuses("missing", Sent::post(&[], body), MISSING).await?;
    let twice = Sent::post(&[("stripe-signature", &good), ("stripe-signature", &good)], body);
    refuses("repeated", twice, "duplicate_header").await?;
    let mut bytes = Sent::post(&[], body);
    bytes.headers.push(("stripe-signature", format!("t={now},v1=\u{ff}").into_bytes()));
    bytes.headers[0].1.push(0xff);
    refuses("a header that is no text", bytes, MALFORMED).await?;
    let truncated = Sent::post(&[("stripe-signature", &good)], &body[..body.len() - 1]);
    refuses("a truncated body", truncated, MISMATCH).await?;
    refuses("no body", Sent::post(&[("stripe-signature", &good)], ""), MISMATCH).await?;

    let sent = Sent::post(&[("stripe-signature", &good)], body);
    assert_eq!(app.send(&source, &sent).await?.status, StatusCode::OK, "and this is how it is right");
    assert_eq!(app.stack.counters.counted(Counting::Accepted { provider: "stripe" }), 1);
    Ok(())
}

#[tokio::test]
async fn what_is_genuine_but_can_not_be_read_is_malformed_whatever_it_is() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let now = app.clock.now().as_second();
    let mut not_utf8 = STRIPE_EVENT.as_bytes().to_vec();
    let position = STRIPE_EVENT.find("evt_1").expect("it is there");
    not_utf8[position] = 0xff;
    for (what, body) in [
        ("empty", Vec::new()),
        ("not JSON", b"id=evt_1".to_vec()),
        ("truncated", STRIPE_EVENT.as_bytes()[..STRIPE_EVENT.len() - 1].to_vec()),
        ("not UTF-8", not_utf8),
        ("a null byte", STRIPE_EVENT.replace("evt_1", "evt\0").into_bytes()),
        ("lone surrogate", STRIPE_EVENT.replace("evt_1", r"\ud800").into_bytes()),
        ("a list", b"[]".to_vec()),
        ("no id", STRIPE_EVENT.replace(r#""id":"evt_1","#, "").into_bytes()),
        ("an id that is no text", STRIPE_EVENT.replace(r#""evt_1""#, "{}").into_bytes()),
        ("lists without end", "[".repeat(100_000).into_bytes()),
        ("objects without end", r#"{"a":"#.repeat(100_000).into_bytes()),
        ("deep where it is read", STRIPE_EVENT.replace(r#""evt_1""#, &nested(100_000)).into_bytes()),
    ] {
        let header = stripe_signed(&stripe, now, &body);
        let sent = Sent::post(&[("stripe-signature", &header)], body);
        app.refuses(what, (&source, "stripe"), &sent, Refusal::malformed()).await?;
    }
    Ok(())
}

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

#[tokio::test]
async fn depth_that_nobody_looks_into_harms_nobody() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (_, receiver) = app.endpoint().await?;
    let body = STRIPE_EVENT.replace(r#"{"id":"x""#, &format!(r#"{{"n":{},"id":"x""#, nested(100_000)));
    let header = stripe_signed(&stripe, app.clock.now().as_second(), body.as_bytes());
    let sent = Sent::post(&[("stripe-signature", &header)], body.clone());
    assert_eq!(app.send(&source, &sent).await?.status, StatusCode::OK);
    app.stack.settle().await?;
    assert_eq!(receiver.receipts().len(), 1);
    let events = app.get("/v1/events").await?;
    let id = events["data"][0]["id"].as_str().unwrap_or_default();
    let raw = app.api(Method::GET, &format!("/v1/events/{id}/raw"), None).await?;
    assert_eq!(raw.text(), body);
    Ok(())
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_or_after_it_is_judged() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let unread = Refusal {
        status: 413,
        code: "payload_too_large",
        reason: "too_large",
        by_provider: false,
        kept: false,
    };
    let larger = Sent::post(&[], vec![b'x'; 6 * 1024 * 1024 + 1]);
    app.refuses("a byte more than 6 MiB", (&source, "stripe"), &larger, unread).await?;
    let declared = Sent::post(&[("content-length", "6291457")], "{}");
    app.refuses("declared so", (&source, "stripe"), &declared, unread).await?;
    let kept = Refusal { by_provider: true, kept: true, ..unread };
    let larger = Sent::post(&[], vec![b'x'; queue::MAX_BODY_BYTES + 1]);
    app.refuses("a byte more than 4,560 KiB", (&source, "stripe"), &larger, kept).await?;
    let sent = stripe_filled(&app, &stripe, "x", &noise(1_050_000));
    app.refuses("genuine noise", (&source, "stripe"), &sent, kept).await
}

/// A genuine event of Stripe with `filling` in it.
fn stripe_filled(app: &App, stripe: &Stripe, id: &str, filling: &str) -> Sent {
    let body = STRIPE_EVENT
        .replace("evt_1", &format!("evt_{id}"))
        .replace(r#"{"id":"x""#, &format!(r#"{{"n":"{filling}","id":"x""#));
    let header = stripe_signed(stripe, app.clock.now().as_second(), body.as_bytes());
    Sent::post(&[("stripe-signature", &header), ("content-type", "application/json")], body)
}

#[tokio::test]
async fn what_lambda_can_carry_is_taken_recorded_and_relayed_byte_for_byte() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (_, receiver) = app.endpoint_with(json!({ "format": "raw" })).await?;
    // Noise that is larger than an item of the table, and text that is as large as a body can be.
    let hard = stripe_filled(&app, &stripe, "hard", &noise(700_000));
    let room = queue::MAX_BODY_BYTES - stripe_filled(&app, &stripe, "largest", "").body.len();
    let line = r#"{\"sku\": 1, \"name\": \"a thing\"}, "#;
    let filling = line.repeat(room / line.len()) + &"_".repeat(room % line.len());
    let largest = stripe_filled(&app, &stripe, "largest", &filling);
    assert_eq!(largest.body.len(), queue::MAX_BODY_BYTES);
    for (number, sent) in [&hard, &largest].into_iter().enumerate() {
        let answer = app.send(&source, sent).await?;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        app.stack.settle().await?;
        // A body that does not travel with its message is sent once its event is committed.
        app.clock.advance(SignedDuration::from_secs(2));
        app.stack.settle().await?;
        let received = receiver.receipts();
        assert_eq!(received.len(), number + 1);
        assert!(received[number].body.as_bytes() == sent.body, "byte for byte");
        let listed = app.get("/v1/events?limit=1").await?;
        let id = listed["data"][0]["id"].as_str().unwrap_or_default();
        let raw = app.api(Method::GET, &format!("/v1/events/{id}/raw"), None).await?;
        assert!(raw.body == sent.body, "byte for byte");
    }
    assert_eq!(app.stack.dead_letter_counts()?, (0, 0));
    Ok(())
}

#[tokio::test]
async fn a_large_request_comes_out_of_quarantine_and_is_recorded() -> Result<()> {
    let app = App::start().await?;
    let (stripe, other) = (Stripe::new([1; 16]), Stripe::new([2; 16]));
    let source = app.source("stripe", other.secret()).await?;
    let sent = stripe_filled(&app, &stripe, "hard", &noise(700_000));
    app.refuses("of another secret", (&source, "stripe"), &sent, Refusal::rejected(MISMATCH)).await?;
    let secret = json!({ "secret": stripe.secret() });
    app.api(Method::POST, &format!("/v1/sources/{source}/secrets"), Some(secret)).await?;
    let verified =
        app.api(Method::POST, "/v1/quarantine/verify", Some(json!({ "source": source }))).await?.json();
    assert_eq!(verified["accepted"], 1, "{verified}");
    app.stack.settle().await?;
    let listed = app.get("/v1/events").await?;
    let id = listed["data"][0]["id"].as_str().unwrap_or_default();
    let raw = app.api(Method::GET, &format!("/v1/events/{id}/raw"), None).await?;
    assert!(raw.body == sent.body, "byte for byte");
    assert_eq!(app.quarantined(&source).await?, 0);
    Ok(())
}

#[tokio::test]
async fn standard_webhooks_three_headers_and_base64() -> Result<()> {
    let app = App::start().await?;
    let signer = StandardWebhooks::new([1; 32]);
    let source = app.source("standard_webhooks", &signer.secret()).await?;
    let now = app.clock.now();
    let made = signer.event("msg_1", "payment.captured", now, &json!({ "id": "p1" }), now);
    let value = |name: &str| {
        made.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let (id, at, signature) = (value("webhook-id"), value("webhook-timestamp"), value("webhook-signature"));
    let sent = |id: &str, at: &str, signature: &str| {
        let headers = [("webhook-id", id), ("webhook-timestamp", at), ("webhook-signature", signature)];
        Sent::post(&headers, made.body.clone())
    };
    let hex = HEXLOWER.encode(&BASE64.decode(&signature.as_bytes()["v1,".len()..])?);
    for (what, sent, reason) in [
        ("no headers", Sent::post(&[], made.body.clone()), MISSING),
        ("an empty signature", sent(&id, &at, ""), MISSING),
        ("an empty id", sent("", &at, &signature), MISSING),
        ("an empty time", sent(&id, "", &signature), MISSING),
        ("a time that is no number", sent(&id, "now", &signature), MALFORMED),
        ("another id", sent("msg_2", &at, &signature), MISMATCH),
        ("hex", sent(&id, &at, &format!("v1,{hex}")), MISMATCH),
        ("no base64", sent(&id, &at, "v1,%%%"), MALFORMED),
        ("another version", sent(&id, &at, &signature.replace("v1,", "v9,")), MISSING),
        (
            "301 seconds old",
            {
                let old = now.as_second() - 301;
                let parts = format!("{id}.{old}.{}", made.body);
                let tag = BASE64.encode(&hmac(&[1; 32], &[parts.as_bytes()]));
                sent(&id, &old.to_string(), &format!("v1,{tag}"))
            },
            STALE,
        ),
    ] {
        let expected = Refusal::rejected(reason);
        app.refuses(what, (&source, "standard_webhooks"), &sent, expected).await?;
    }
    let mut twice = sent(&id, &at, &signature);
    twice.headers.push(("webhook-id", b"msg_1".to_vec()));
    let expected = Refusal::rejected("duplicate_header");
    app.refuses("a repeated id", (&source, "standard_webhooks"), &twice, expected).await?;
    let good = app.send(&source, &sent(&id, &at, &signature)).await?;
    assert!(good.status.is_success(), "{}", good.text());
    Ok(())
}

#[tokio::test]
async fn adyen_a_signature_in_each_item_of_the_body() -> Result<()> {
    let app = App::start().await?;
    let adyen = Adyen::new([1; 32]);
    let source = app.source("adyen", &adyen.secret()).await?;
    let item = AdyenItem {
        psp_reference: "7914073381342284",
        original_reference: None,
        merchant_reference: "order-1",
        event_code: "AUTHORISATION",
        value: 1130,
        currency: "EUR",
        success: true,
        event_date: app.clock.now(),
    };
    let good = adyen.notification(&[item.clone(), item.clone()]).body;
    let edited = |edit: &dyn Fn(&mut Value)| -> Result<String> {
        let mut body: Value = serde_json::from_str(&good)?;
        edit(&mut body["notificationItems"][1]["NotificationRequestItem"]);
        Ok(body.to_string())
    };
    let signature = |text: &str| {
        let text = text.to_owned();
        edited(&move |item: &mut Value| item["additionalData"]["hmacSignature"] = text.clone().into())
    };
    for (what, body, reason) in [
        ("another amount in one item", edited(&|item| item["amount"]["value"] = 1131.into())?, MISMATCH),
        ("one item without a signature", edited(&|item| item["additionalData"] = json!({}))?, MISSING),
        ("an empty signature", signature("")?, MISSING),
        ("hex", signature(&HEXUPPER.encode(&[7; 32]))?, MISMATCH),
        ("no base64", signature("%%%")?, MALFORMED),
        ("no items", r#"{"live":"false","notificationItems":[]}"#.to_owned(), MISSING),
        ("items that are none", r#"{"live":"false","notificationItems":[1]}"#.to_owned(), "malformed_body"),
        ("no JSON", "live=false".to_owned(), "malformed_body"),
        ("truncated", good[..good.len() - 1].to_owned(), "malformed_body"),
        ("nothing", String::new(), "malformed_body"),
        ("lists without end", "[".repeat(100_000), "malformed_body"),
    ] {
        app.refuses(what, (&source, "adyen"), &Sent::post(&[], body), Refusal::rejected(reason)).await?;
    }
    assert_eq!(app.send(&source, &Sent::post(&[], good)).await?.text(), "[accepted]");
    Ok(())
}

#[tokio::test]
async fn github_a_prefix_and_hex_over_the_body_alone() -> Result<()> {
    let app = App::start().await?;
    let secret = "a secret of many words";
    let source = app.source("github", secret).await?;
    let body = r#"{"zen":"Design for failure."}"#;
    let tag = HEXLOWER.encode(&hmac(secret.as_bytes(), &[body.as_bytes()]));
    let sent = |name: &'static str, value: &str| {
        Sent::post(&[(name, value), ("x-github-event", "ping"), ("x-github-delivery", "d1")], body)
    };
    let name = "x-hub-signature-256";
    for (what, sent, reason) in [
        ("without its prefix", sent(name, &tag), MALFORMED),
        ("the prefix alone", sent(name, "sha256="), MALFORMED),
        ("another algorithm's name", sent(name, &format!("sha1={tag}")), MALFORMED),
        (
            "the header of another algorithm",
            sent("x-hub-signature", &format!("sha1={}", &tag[..40])),
            MISSING,
        ),
        ("upper-case hex", sent(name, &format!("sha256={}", tag.to_ascii_uppercase())), MALFORMED),
        ("white space", sent(name, &format!("sha256= {tag}")), MALFORMED),
    ] {
        app.refuses(what, (&source, "github"), &sent, Refusal::rejected(reason)).await?;
    }
    assert_eq!(app.send(&source, &sent(name, &format!("sha256={tag}"))).await?.status, StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn braintree_asks_first_and_is_answered_as_its_sdk_would() -> Result<()> {
    let app = App::start().await?;
    let body = json!({
        "provider": "braintree",
        "secrets": ["integration_private_key"],
        "settings": { "public_key": "integration_public_key" },
    });
    let source = app.create("/v1/sources", body).await?["id"].as_str().unwrap_or_default().to_owned();
    let get = |query: &str| Sent { method: Method::GET, query: query.to_owned(), ..Sent::post(&[], "") };
    // The pair of braintree_python's own test (tests/unit/test_webhooks.py).
    let answer = app.send(&source, &get("?bt_challenge=20f9f8ed05f77439fe955c977e4c8a53")).await?;
    assert_eq!(answer.text(), "integration_public_key|d9b899556c966b3f06945ec21311865d35df3ce4");
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.headers["content-type"].to_str()?.starts_with("text/plain"));
    for (what, query, reason) in [
        ("no challenge", "", MISSING),
        ("an empty one", "?bt_challenge=", MISSING),
        ("what could be a webhook's payload", "?bt_challenge=PG5vdGlmaWNhdGlvbj4=", MALFORMED),
        ("two", "?bt_challenge=20f9f8ed05f77439fe955c977e4c8a53&bt_challenge=2", MALFORMED),
    ] {
        let expected = Refusal { kept: false, ..Refusal::rejected(reason) };
        app.refuses(what, (&source, "braintree"), &get(query), expected).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_source_and_a_get_are_counted_and_leave_nothing() -> Result<()> {
    let app = App::start().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let unknown =
        Refusal { status: 404, code: "not_found", reason: "unknown_source", by_provider: false, kept: false };
    let get = Sent { method: Method::GET, query: "?bt_challenge=x".to_owned(), ..Sent::post(&[], "") };
    for source in ["src_00000000000000000000000000", "nonsense"] {
        app.refuses(source, (source, "stripe"), &Sent::post(&[], "{}"), unknown).await?;
        app.refuses(source, (source, "stripe"), &get, unknown).await?;
    }
    let not_allowed = Refusal {
        status: 405,
        code: "method_not_allowed",
        reason: "method_not_allowed",
        by_provider: true,
        kept: false,
    };
    app.refuses("a challenge to Stripe", (&source, "stripe"), &get, not_allowed).await?;
    assert_eq!(app.send(&source, &get).await?.headers["allow"], "POST");
    Ok(())
}

#[tokio::test]
async fn what_the_services_fail_at_is_counted_too() -> Result<()> {
    let app = App::start_as_deployed().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let header = stripe_signed(&stripe, app.clock.now().as_second(), STRIPE_EVENT.as_bytes());
    let sent = Sent::post(&[("stripe-signature", &header)], STRIPE_EVENT);
    let rejected = |provider, reason| app.stack.counters.counted(Counting::Rejected { provider, reason });
    app.faults.take_down("DynamoDB");
    assert_eq!(app.send(&source, &sent).await?.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(rejected(None, "source_unavailable"), 1);
    app.faults.disarm();
    assert_eq!(app.send(&source, &sent).await?.status, StatusCode::OK);
    app.faults.take_down("AmazonSQS");
    assert_eq!(app.send(&source, &sent).await?.status, StatusCode::SERVICE_UNAVAILABLE);
    app.faults.disarm();
    assert_eq!(rejected(Some("stripe"), "queue_unavailable"), 1);
    assert_eq!(app.quarantined(&source).await?, 0, "what is genuine comes again");
    Ok(())
}
