//! Addresses inside, in every notation: refused when the endpoint is written, and refused again at every attempt.
//!
//! The second holds without the first: an address may have been let in by yesterday's rules, or a name may resolve
//! inward only now. So the attempts of these tests are made for endpoints that were put into the table past the API.
//! All sockets are on loopback. The rows that mean loopback are aimed at a server that listens there and counts.

mod targets;

use crate::failures::Servers;
use anyhow::{Context, Result};
use axum::http::{Method, StatusCode};
use domain::{Destination, Endpoint};
use jiff::SignedDuration;
use journeys::App;
use relay::{Client, EgressPolicy, Limits, Resolver, Url};
use serde_json::{Value, json};
use simulators::Stripe;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use targets::{ADDRESSES, HARMLESS, URLS};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const HARMLESS_URL: &str = "https://hooks.example.com/";

/// As the host of a URL.
fn literal(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}

async fn write(app: &App, method: Method, path: &str, url: &str) -> Result<(StatusCode, Value)> {
    let answer = app.api(method, path, Some(json!({ "url": url }))).await?;
    Ok((answer.status, answer.json()))
}

/// Refused for `reason`, in the field's own error, with nothing said that the caller did not know.
fn assert_refused((status, problem): &(StatusCode, Value), reason: &str, url: &str) {
    assert_eq!(
        (*status, &problem["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("endpoint_url_refused")),
        "{url}"
    );
    let error = &problem["errors"][0];
    assert_eq!((&error["pointer"], &error["code"]), (&json!("/url"), &json!(reason)), "{url}");
}

/// An endpoint with a URL that the API would not have taken. Gives its id.
async fn smuggled(app: &App, url: &str) -> Result<String> {
    let created = app.create("/v1/endpoints", json!({ "url": HARMLESS_URL, "timeout_seconds": 1 })).await?;
    let id = created["id"].as_str().context("an id")?.to_owned();
    let stored = app.stack.store.config::<Endpoint>(&id).await?.context("it was created")?;
    let endpoint = Endpoint { destination: Destination::Http { url: url.to_owned() }, ..stored.value };
    app.stack.store.replace_config(&endpoint, stored.revision).await?;
    Ok(id)
}

async fn one_event(app: &App) -> Result<()> {
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let now = app.clock.now();
    let webhook = stripe.event("evt_1", "coupon.created", now, &json!({ "id": "SUMMER" }), now);
    assert_eq!(app.webhook(&source, &webhook).await?.status, StatusCode::OK);
    app.stack.settle().await
}

/// The attempts of the only delivery to an endpoint.
async fn attempts(app: &App, endpoint: &str) -> Result<Vec<Value>> {
    let page = app.get(&format!("/v1/deliveries?endpoint={endpoint}")).await?;
    let [delivery] = &page["data"].as_array().context("a list")?[..] else {
        anyhow::bail!("one delivery: {page}")
    };
    Ok(delivery["attempts"].as_array().context("a list")?.clone())
}

/// A server on loopback that counts who comes.
async fn trap(servers: &mut Servers) -> Result<(u16, Arc<AtomicUsize>)> {
    let caught = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&caught);
    let port = servers
        .start(move |stream| {
            counter.fetch_add(1, Ordering::SeqCst);
            drop(stream);
            async { Ok(()) }
        })
        .await?;
    Ok((port, caught))
}

fn short() -> Limits {
    let connect_timeout = std::time::Duration::from_millis(300);
    Limits { connect_timeout, ..Limits::default() }
}

#[test]
fn the_suite_has_at_least_sixty_addresses_and_sixty_notations() {
    assert!(ADDRESSES.len() >= 60 && URLS.len() >= 60, "{} and {}", ADDRESSES.len(), URLS.len());
}

#[tokio::test]
async fn no_endpoint_is_created_or_changed_to_point_inside() -> Result<()> {
    let app = App::start_strict().await?;
    let harmless = app.create("/v1/endpoints", json!({ "url": HARMLESS_URL })).await?;
    let path = format!("/v1/endpoints/{}", harmless["id"].as_str().context("an id")?);
    let literals = ADDRESSES
        .iter()
        .map(|(address, _)| (format!("https://{}/", literal(address)), "url_address_blocked"));
    let urls = URLS.iter().map(|(url, reason)| ((*url).to_owned(), *reason));
    for (url, reason) in literals.chain(urls) {
        for (method, path) in [(Method::POST, "/v1/endpoints"), (Method::PUT, path.as_str())] {
            assert_refused(&write(&app, method, path, &url).await?, reason, &url);
        }
    }
    assert_eq!(app.get("/v1/endpoints?limit=100").await?["data"], json!([app.get(&path).await?]));
    assert_eq!(app.get(&path).await?["url"], HARMLESS_URL);
    Ok(())
}

#[tokio::test]
async fn what_only_looks_like_an_address_inside_is_taken_as_what_it_is() -> Result<()> {
    let app = App::start_strict().await?;
    for (url, stored) in HARMLESS {
        let (status, endpoint) = write(&app, Method::POST, "/v1/endpoints", url).await?;
        assert_eq!((status, &endpoint["url"]), (StatusCode::CREATED, &json!(stored)), "{url}: {endpoint}");
    }
    Ok(())
}

#[tokio::test]
async fn no_attempt_is_made_for_a_name_that_resolves_inside() -> Result<()> {
    let mut app = App::start_strict().await?;
    let mut servers = Servers::default();
    let (port, caught) = trap(&mut servers).await?;
    app.deliver_through(Client::new(EgressPolicy::strict(), short(), inward()))?;
    let mut expected = BTreeMap::new();
    for (index, (address, class)) in ADDRESSES.iter().enumerate() {
        assert!(EgressPolicy::strict().check_ip(address.parse()?).is_err(), "not one to try: {address}");
        let url = format!("https://target-{index}.example.com:{port}/");
        let (status, endpoint) = write(&app, Method::POST, "/v1/endpoints", &url).await?;
        assert_eq!(status, StatusCode::CREATED, "a name's addresses are not asked for when it is written");
        expected.insert(endpoint["id"].as_str().context("an id")?.to_owned(), (*address, *class));
    }
    one_event(&app).await?;
    for (endpoint, (address, class)) in expected {
        let [attempt] = &attempts(&app, &endpoint).await?[..] else {
            anyhow::bail!("one attempt at {address}")
        };
        assert_eq!(
            (&attempt["outcome"], &attempt["error"]),
            (&json!("failed"), &json!("blocked_address")),
            "{address}"
        );
        let detail = attempt["error_detail"].as_str().context("in words")?;
        assert!(detail.ends_with(&format!("({class})")), "{address}: {detail}");
        assert!(!attempt.to_string().contains(address), "a private zone can't be read through us: {attempt}");
        assert!(attempt.get("status_code").is_none() && attempt.get("response_excerpt").is_none());
    }
    assert_eq!((app.stack.dead_letter_counts()?, caught.load(Ordering::SeqCst)), ((0, 0), 0));
    Ok(())
}

/// `target-N.example.com` is the address of row N; public ones beside it on both sides do not help.
fn inward() -> Resolver {
    Resolver::custom(|name| {
        let index = name.strip_prefix("target-").and_then(|name| name.strip_suffix(".example.com"));
        let row = index.and_then(|index| ADDRESSES.get(index.parse::<usize>().ok()?));
        let (address, _) = row.ok_or_else(|| io::Error::other("no such name"))?;
        let inside: IpAddr = address.parse().map_err(io::Error::other)?;
        let public = IpAddr::from(Ipv4Addr::new(192, 0, 1, 1));
        Ok(vec![public, inside, public])
    })
}

#[tokio::test]
async fn no_attempt_is_made_for_a_url_that_the_api_would_not_have_taken() -> Result<()> {
    let mut app = App::start_strict().await?;
    let mut servers = Servers::default();
    let (port, caught) = trap(&mut servers).await?;
    let loopback = Resolver::custom(|_| Ok(vec![IpAddr::from(Ipv4Addr::LOCALHOST)]));
    app.deliver_through(Client::new(EgressPolicy::strict(), short(), loopback))?;
    let mut expected = BTreeMap::new();
    for (text, reason) in URLS {
        assert!(EgressPolicy::strict().parse_url(text).is_err(), "not one to try: {text}");
        // What no parser takes can't be called by anything.
        let Ok(mut url) = Url::parse(text) else { continue };
        if *reason != "url_bad_port" && matches!(url.scheme(), "http" | "https") {
            url.set_port(Some(port)).map_err(|()| anyhow::anyhow!("{text} takes no port"))?;
        }
        let error = if *reason == "url_address_blocked" { "blocked_address" } else { "invalid_url" };
        expected.insert(smuggled(&app, url.as_str()).await?, (text, error));
    }
    one_event(&app).await?;
    for (endpoint, (text, error)) in expected {
        let [attempt] = &attempts(&app, &endpoint).await?[..] else { anyhow::bail!("one attempt at {text}") };
        assert_eq!((&attempt["outcome"], &attempt["error"]), (&json!("failed"), &json!(error)), "{text}");
        let test = app.api(Method::POST, &format!("/v1/endpoints/{endpoint}/test"), Some(json!({}))).await?;
        assert_eq!(test.json()["attempt"]["error"], error, "the test call is under the same guard: {text}");
    }
    assert_eq!((app.stack.dead_letter_counts()?, caught.load(Ordering::SeqCst)), ((0, 0), 0));
    Ok(())
}

#[tokio::test]
async fn an_allow_list_opens_its_ranges_and_lets_no_name_into_others() -> Result<()> {
    let mut app = App::start().await?;
    let inside = Resolver::custom(|name| match name {
        "metadata.google.internal" => Ok(vec![IpAddr::from(Ipv4Addr::new(169, 254, 169, 254))]),
        "localhost" => Ok(vec![IpAddr::from(Ipv4Addr::LOCALHOST)]),
        _ => Err(io::Error::other("no such name")),
    });
    let policy = EgressPolicy::from_allow_list("10.20.0.0/16", false)?;
    app.deliver_through(Client::new(policy, short(), inside))?;
    for name in ["metadata.google.internal", "localhost"] {
        smuggled(&app, &format!("https://{name}/")).await?;
    }
    smuggled(&app, "https://10.21.0.1/").await?;
    one_event(&app).await?;
    let deliveries = app.get("/v1/deliveries").await?;
    let errors =
        deliveries["data"].as_array().into_iter().flatten().map(|delivery| &delivery["attempts"][0]["error"]);
    assert_eq!(errors.collect::<Vec<_>>(), [&json!("blocked_address"); 3]);
    Ok(())
}

/// Loopback stands for the public internet, as in the tests of `relay`.
fn loopback_is_public() -> Result<EgressPolicy> {
    Ok(EgressPolicy::from_allow_list("127.0.0.1/32", true)?)
}

#[tokio::test]
async fn a_name_that_is_rebound_after_the_first_attempt_is_refused_at_the_second() -> Result<()> {
    let mut app = App::start().await?;
    let mut servers = Servers::default();
    let port = servers.answering("HTTP/1.1 500 Oh\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await?;
    let look_ups = AtomicUsize::new(0);
    let rebinding = Resolver::custom(move |_| {
        let first = look_ups.fetch_add(1, Ordering::SeqCst) == 0;
        Ok(vec![IpAddr::from(if first { Ipv4Addr::LOCALHOST } else { Ipv4Addr::new(10, 0, 0, 1) })])
    });
    app.deliver_through(Client::new(loopback_is_public()?, short(), rebinding))?;
    let url = format!("http://hooks.example.com:{port}/");
    let endpoint = app.create("/v1/endpoints", json!({ "url": url })).await?;
    one_event(&app).await?;
    app.clock.advance(SignedDuration::from_secs(7));
    app.stack.settle().await?;
    let attempts = attempts(&app, endpoint["id"].as_str().context("an id")?).await?;
    let errors: Vec<&Value> = attempts.iter().map(|attempt| &attempt["error"]).collect();
    assert_eq!(errors, ["status", "blocked_address"]);
    Ok(())
}

#[tokio::test]
async fn no_redirect_is_followed_wherever_it_leads() -> Result<()> {
    let mut app = App::start().await?;
    let mut servers = Servers::default();
    let (trap, caught) = trap(&mut servers).await?;
    app.deliver_through(Client::new(loopback_is_public()?, short(), Resolver::this_machine()))?;
    let mut expected = BTreeMap::new();
    for (status, location) in [
        (301, "http://169.254.169.254/latest/meta-data/iam/security-credentials/".to_owned()),
        (301, format!("http://127.0.0.1:{trap}/")),
        (302, format!("http://127.0.0.1:{trap}/")),
        (303, format!("http://127.0.0.1:{trap}/")),
        (307, format!("http://127.0.0.1:{trap}/")),
        (308, format!("//127.0.0.1:{trap}/")),
        (300, format!("http://127.0.0.1:{trap}/")),
        (301, "file:///etc/passwd".to_owned()),
    ] {
        let port = servers
            .start(move |mut stream| {
                let answer = format!(
                    "HTTP/1.1 {status} Moved\r\nlocation: {location}\r\nrefresh: 0; url={location}\r\n\
                     content-length: 0\r\n\r\n"
                );
                async move {
                    let _ = stream.read(&mut [0; 16 * 1024]).await?;
                    stream.write_all(answer.as_bytes()).await
                }
            })
            .await?;
        let url = format!("http://127.0.0.1:{port}/");
        let endpoint = app.create("/v1/endpoints", json!({ "url": url })).await?;
        expected.insert(endpoint["id"].as_str().context("an id")?.to_owned(), status);
    }
    one_event(&app).await?;
    for (endpoint, status) in expected {
        let [attempt] = &attempts(&app, &endpoint).await?[..] else { anyhow::bail!("one attempt") };
        assert_eq!((&attempt["error"], &attempt["status_code"]), (&json!("redirect"), &json!(status)));
    }
    assert_eq!(caught.load(Ordering::SeqCst), 0);
    Ok(())
}
