//! Endpoints whose URL is Payrelay's own webhook.

use crate::stories::StripeStory;
use anyhow::{Context, Result};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use intake::Counting;
use jiff::SignedDuration;
use journeys::{App, HOST};
use relay::{Client, Limits, Resolver, VIA};
use serde_json::{Value, json};
use simulators::{StandardWebhooks, Stripe};
use std::net::Ipv4Addr;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Payrelay at an address that its own deliveries can reach.
struct Own {
    app: App,
    url: String,
    _server: JoinSet<()>,
}

impl Own {
    async fn start() -> Result<Self> {
        let app = App::start().await?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = app.stack.router();
        let mut server = JoinSet::new();
        server.spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { app, url, _server: server })
    }

    /// An endpoint whose URL is the webhook of `source`.
    async fn endpoint(&self, source: &str, mut settings: Value) -> Result<String> {
        settings["url"] = json!(format!("{}/webhooks/{source}", self.url));
        let endpoint = self.app.create("/v1/endpoints", settings).await?;
        Ok(endpoint["id"].as_str().context("an id")?.to_owned())
    }

    /// As if nobody said where a delivery comes from.
    fn deliver_anonymously(&mut self) -> Result<()> {
        self.app.deliver_through(Client::new(
            local::loopback_egress(),
            Limits::default(),
            Resolver::this_machine(),
        ))
    }

    async fn payment(&self, source: &str) -> Result<()> {
        let stripe = Stripe::new([1; 16]);
        let story = StripeStory { stripe: &stripe, payment: "pi_1", now: self.app.clock.now() };
        let answer = self.app.webhook(source, &story.created()).await?;
        anyhow::ensure!(answer.status == StatusCode::OK, "{}", answer.text());
        Ok(())
    }

    async fn types(&self) -> Result<Vec<String>> {
        let events = self.app.get("/v1/events?limit=100").await?;
        let events = events["data"].as_array().context("a list")?;
        Ok(events.iter().map(|event| event["type"].as_str().unwrap_or_default().to_owned()).collect())
    }

    /// The delivery ended at its first attempt, and says why; and nothing of it was kept on our other side.
    async fn ended_at_once(&self, endpoint: &str) -> Result<()> {
        let deliveries = self.app.get(&format!("/v1/deliveries?endpoint={endpoint}&limit=100")).await?;
        let deliveries = deliveries["data"].as_array().context("a list")?;
        assert_eq!(deliveries.len(), 1, "{deliveries:?}");
        assert_eq!(deliveries[0]["status"], "exhausted");
        let attempts = deliveries[0]["attempts"].as_array().context("attempts")?;
        assert_eq!(attempts.len(), 1, "{attempts:?}");
        assert_eq!((&attempts[0]["status_code"], &attempts[0]["error"]), (&json!(508), &json!("rejected")));
        let excerpt = attempts[0]["response_excerpt"].as_str().unwrap_or_default();
        assert!(excerpt.contains("delivery_loop"), "{excerpt}");
        assert_eq!(self.refused(), 1);
        assert_eq!(self.app.get("/v1/quarantine").await?["data"], json!([]));
        assert_eq!(self.app.stack.dead_letter_counts()?, (0, 0));
        Ok(())
    }

    fn refused(&self) -> u64 {
        self.app.stack.counters.counted(Counting::Rejected { provider: None, reason: "delivery_loop" })
    }
}

/// A source and an endpoint that is its webhook, with one secret.
async fn looped(own: &Own) -> Result<String> {
    let secret = StandardWebhooks::new([3; 32]).secret();
    let source = own.app.source("standard_webhooks", &secret).await?;
    own.endpoint(&source, json!({ "secret": secret, "event_types": ["payment.*", "provider.*"] })).await
}

#[tokio::test]
async fn a_loop_through_our_own_webhook_ends_after_one_hop() -> Result<()> {
    let own = Own::start().await?;
    let endpoint = looped(&own).await?;
    let (_, watcher) = own.app.endpoint_with(json!({ "event_types": ["delivery.exhausted"] })).await?;
    let stripe = own.app.source("stripe", Stripe::new([1; 16]).secret()).await?;
    own.payment(&stripe).await?;
    own.app.stack.settle().await?;
    own.ended_at_once(&endpoint).await?;
    for _ in 0..3 {
        own.app.clock.advance(SignedDuration::from_hours(1));
        sweeper::handle(&own.app.stack.sweeper).await?;
        own.app.stack.settle().await?;
    }
    own.ended_at_once(&endpoint).await?;
    let mut types = own.types().await?;
    types.sort_unstable();
    assert_eq!(types, ["delivery.exhausted", "payment.created"]);
    assert_eq!(watcher.receipts().len(), 1, "somebody else is told");
    assert_eq!(own.app.get(&format!("/v1/endpoints/{endpoint}")).await?["status"], "active");
    Ok(())
}

#[tokio::test]
async fn without_the_fingerprint_the_loop_would_go_on() -> Result<()> {
    let mut own = Own::start().await?;
    looped(&own).await?;
    own.deliver_anonymously()?;
    let stripe = own.app.source("stripe", Stripe::new([1; 16]).secret()).await?;
    own.payment(&stripe).await?;
    for round in 1..4 {
        own.app.stack.consume().await?;
        assert_eq!(own.types().await?.len(), round);
        own.app.stack.dispatch().await?;
        own.app.clock.advance(SignedDuration::from_secs(1));
    }
    Ok(())
}

#[tokio::test]
async fn a_raw_delivery_to_the_webhook_that_it_came_in_ends_as_well() -> Result<()> {
    let own = Own::start().await?;
    let source = own.app.source("stripe", Stripe::new([1; 16]).secret()).await?;
    let endpoint = own.endpoint(&source, json!({ "format": "raw" })).await?;
    own.payment(&source).await?;
    own.app.stack.settle().await?;
    own.ended_at_once(&endpoint).await?;
    assert!(own.types().await?.contains(&"payment.created".to_owned()));
    Ok(())
}

#[tokio::test]
async fn a_raw_delivery_that_reached_our_webhook_all_the_same_would_be_a_repeat() -> Result<()> {
    let mut own = Own::start().await?;
    let source = own.app.source("stripe", Stripe::new([1; 16]).secret()).await?;
    own.endpoint(&source, json!({ "format": "raw" })).await?;
    own.deliver_anonymously()?;
    own.payment(&source).await?;
    own.app.stack.settle().await?;
    assert_eq!(
        own.types().await?,
        ["payment.created"],
        "the provider's signature is right, the event is known"
    );
    assert_eq!(own.app.get("/v1/deliveries").await?["data"][0]["status"], "succeeded");
    Ok(())
}

#[tokio::test]
async fn a_test_call_shows_that_the_endpoint_is_our_own_webhook() -> Result<()> {
    let own = Own::start().await?;
    let endpoint = looped(&own).await?;
    let answer = own.app.api(Method::POST, &format!("/v1/endpoints/{endpoint}/test"), None).await?;
    let attempt = &answer.json()["attempt"];
    assert_eq!((&attempt["status_code"], &attempt["error"]), (&json!(508), &json!("rejected")));
    assert_eq!((own.refused(), own.types().await?), (1, Vec::new()));
    Ok(())
}

#[tokio::test]
async fn what_another_stack_sends_is_taken_and_what_ours_sent_is_not_whoever_passes_it_on() -> Result<()> {
    let own = Own::start().await?;
    let sender = StandardWebhooks::new([3; 32]);
    let source = own.app.source("standard_webhooks", &sender.secret()).await?;
    let ours = own.app.stack.vault.fingerprint();
    let others = "0123456789abcdef0123456789abcdef";
    for (via, status) in [
        (others.to_owned(), StatusCode::OK),
        (String::new(), StatusCode::OK),
        (ours.clone(), StatusCode::LOOP_DETECTED),
        (format!("{others}, {ours}"), StatusCode::LOOP_DETECTED),
    ] {
        let now = own.app.clock.now();
        let webhook = sender.event("msg_1", "payment.created", now, &json!({}), now);
        let mut request = Request::post(format!("/webhooks/{source}"))
            .header(header::HOST, HOST)
            .header(header::CONTENT_TYPE, webhook.content_type)
            .header(VIA, &via);
        for (name, value) in &webhook.headers {
            request = request.header(*name, value);
        }
        let answer = own.app.call(request.body(Body::from(webhook.body.clone()))?).await?;
        assert_eq!(answer.status, status, "{via}: {}", answer.text());
        if status == StatusCode::LOOP_DETECTED {
            assert_eq!(answer.json()["code"], "delivery_loop");
            assert_eq!(answer.headers["webhook-retry"], "no");
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_endpoint_can_not_set_the_fingerprint_itself() -> Result<()> {
    let app = App::start().await?;
    let body = json!({ "url": "https://shop.example/", "headers": { "Payrelay-Via": "0123" } });
    let answer = app.api(Method::POST, "/v1/endpoints", Some(body)).await?;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["errors"][0]["pointer"], "/headers/Payrelay-Via");
    Ok(())
}
