//! What the webhook function fetches for a verification: PayPal's certificates, from a server that stands for PayPal.
//! The signatures and the authority are those of the golden vectors, made for the time at which the test clock begins.

use anyhow::{Context, Result};
use axum::http::{Method, StatusCode};
use data_encoding::BASE64;
use intake::Counting;
use jiff::SignedDuration;
use journeys::{App, Refusal, Sent};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

const UNAVAILABLE: Refusal<'_> = Refusal {
    status: 503,
    code: "unavailable",
    reason: "evidence_unavailable",
    by_provider: true,
    kept: true,
};

struct Paypal {
    app: App,
    server: MockServer,
    source: String,
    sent: Sent,
    certificate: String,
}

impl Paypal {
    /// A source of PayPal's, and a genuine request to it. The server has nothing yet.
    async fn start() -> Result<Self> {
        let vectors: Value = serde_json::from_str(include_str!("../../../vectors/paypal.json"))?;
        let vector = vectors
            .as_array()
            .and_then(|vectors| vectors.iter().find(|vector| vector["id"] == "paypal/good"))
            .context("the vectors begin with a good one")?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("a text");
        let server = MockServer::start().await;
        let root = der(&text(&vector["extra"]["trust_anchor_pem"])?)?;
        let mut sent = Sent::post(&[], BASE64.decode(text(&vector["body"])?.as_bytes())?);
        let mut host = String::new();
        for header in vector["headers"].as_array().into_iter().flatten() {
            let name = text(&header[0])?.to_ascii_lowercase();
            let value = text(&header[1])?;
            if name == "paypal-cert-url" {
                host = value.split('/').nth(2).context("an address has a host")?.to_owned();
            }
            sent.headers.push((known(&name).with_context(|| name.clone())?, value.into_bytes()));
        }
        let app = App::start_with_authority(&server.uri(), &[&host], Some(vec![root])).await?;
        let settings = json!({ "webhook_id": vector["extra"]["webhook_id"] });
        let body = json!({ "provider": "paypal", "name": "shop", "secrets": [], "settings": settings });
        let source = app.create("/v1/sources", body).await?;
        let certificate = text(&vector["extra"]["cert_pem"])?;
        Ok(Self { app, server, source: text(&source["id"])?, sent, certificate })
    }

    /// From now on every path is answered like this.
    async fn answer(&self, answer: ResponseTemplate) {
        self.server.reset().await;
        Mock::given(any()).respond_with(answer).mount(&self.server).await;
    }

    async fn answer_with_certificate(&self) {
        self.answer(ResponseTemplate::new(200).set_body_string(self.certificate.clone())).await;
    }

    async fn fetches(&self) -> Result<usize> {
        Ok(self.server.received_requests().await.context("requests are recorded")?.len())
    }

    async fn refuses(&self, what: &str, sent: &Sent, expected: Refusal<'_>) -> Result<()> {
        self.app.refuses(what, (&self.source, "paypal"), sent, expected).await
    }

    async fn accepts(&self) -> Result<()> {
        let answer = self.app.send(&self.source, &self.sent).await?;
        anyhow::ensure!(answer.status == StatusCode::OK, "{} {}", answer.status, answer.text());
        Ok(())
    }

    /// The request with the address of another certificate, which its signature does not cover.
    fn naming(&self, certificate: &str) -> Sent {
        let mut sent = self.sent.clone();
        for (name, value) in &mut sent.headers {
            if *name == "paypal-cert-url" {
                *value = certificate.as_bytes().to_vec();
            }
        }
        sent
    }
}

fn known(name: &str) -> Option<&'static str> {
    [
        "content-type",
        "paypal-auth-algo",
        "paypal-cert-url",
        "paypal-transmission-id",
        "paypal-transmission-sig",
        "paypal-transmission-time",
    ]
    .into_iter()
    .find(|known| *known == name)
}

fn der(pem: &str) -> Result<Vec<u8>> {
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    Ok(BASE64.decode(base64.as_bytes())?)
}

#[tokio::test]
async fn a_certificate_is_fetched_once_a_day() -> Result<()> {
    let paypal = Paypal::start().await?;
    paypal.answer_with_certificate().await;
    for _ in 0..3 {
        paypal.accepts().await?;
    }
    assert_eq!(paypal.fetches().await?, 1);
    let requests = paypal.server.received_requests().await.context("requests are recorded")?;
    assert_eq!(requests[0].method.as_str(), "GET");
    assert!(requests[0].url.path().starts_with("/v1/notifications/certs/"));
    assert!(!requests[0].headers.contains_key("authorization"), "certificates are public");
    // PayPal's signatures are good for three days.
    paypal.app.clock.advance(SignedDuration::from_hours(24));
    paypal.accepts().await?;
    assert_eq!(paypal.fetches().await?, 2);
    assert_eq!(paypal.app.stack.counters.counted(Counting::Accepted { provider: "paypal" }), 4);
    Ok(())
}

#[tokio::test]
async fn while_a_certificate_is_out_of_reach_paypal_is_told_to_try_again_and_nothing_is_lost() -> Result<()> {
    let paypal = Paypal::start().await?;
    paypal.answer(ResponseTemplate::new(500)).await;
    for what in ["down", "still down"] {
        paypal.refuses(what, &paypal.sent, UNAVAILABLE).await?;
    }
    assert_eq!(paypal.fetches().await?, 1, "for ten seconds it is believed");
    paypal.app.clock.advance(SignedDuration::from_secs(10));
    paypal.answer(ResponseTemplate::new(302).insert_header("location", "https://paypal.example/")).await;
    paypal.refuses("a redirect is not followed", &paypal.sent, UNAVAILABLE).await?;
    paypal.app.clock.advance(SignedDuration::from_secs(10));
    let endless = ResponseTemplate::new(200).set_body_bytes(vec![b'x'; 64 * 1024 + 1]);
    paypal.answer(endless).await;
    paypal.refuses("too much to be a certificate", &paypal.sent, UNAVAILABLE).await?;

    paypal.app.clock.advance(SignedDuration::from_secs(10));
    paypal.answer_with_certificate().await;
    let body = json!({ "source": paypal.source });
    let verified = paypal.app.api(Method::POST, "/v1/quarantine/verify", Some(body)).await?.json();
    assert_eq!((&verified["accepted"], &verified["rejected"]), (&json!(4), &json!(0)), "{verified}");
    paypal.accepts().await?;
    paypal.app.stack.settle().await?;
    let events = paypal.app.get("/v1/events").await?;
    assert_eq!(events["data"].as_array().map(Vec::len), Some(1), "all were the same event");
    Ok(())
}

#[tokio::test]
async fn a_server_that_does_not_answer_holds_a_webhook_up_for_seconds_only() -> Result<()> {
    let paypal = Paypal::start().await?;
    let slow = ResponseTemplate::new(200).set_delay(std::time::Duration::from_secs(60));
    paypal.answer(slow).await;
    let started = tokio::time::Instant::now();
    paypal.refuses("slow", &paypal.sent, UNAVAILABLE).await?;
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
    Ok(())
}

#[tokio::test]
async fn nothing_is_fetched_from_where_a_forger_would_have_it() -> Result<()> {
    let paypal = Paypal::start().await?;
    paypal.answer_with_certificate().await;
    for address in [
        "https://paypal.example/v1/notifications/certs/CERT-1",
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://169.254.169.254/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/other/CERT-1",
        "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
    ] {
        paypal.refuses(address, &paypal.naming(address), Refusal::rejected("untrusted_key")).await?;
    }
    assert_eq!(paypal.fetches().await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_flood_of_certificates_that_do_not_exist_becomes_ten_fetches_a_second() -> Result<()> {
    let paypal = Paypal::start().await?;
    paypal.answer(ResponseTemplate::new(404)).await;
    let address = |number: usize| format!("https://api.paypal.com/v1/notifications/certs/CERT-{number}");
    for number in 0..10 {
        let sent = paypal.naming(&address(number));
        paypal.refuses("no such certificate", &sent, Refusal::rejected("untrusted_key")).await?;
    }
    for number in 10..20 {
        paypal.refuses("too many", &paypal.naming(&address(number)), UNAVAILABLE).await?;
    }
    assert_eq!(paypal.fetches().await?, 10);
    paypal.app.clock.advance(SignedDuration::from_secs(1));
    let sent = paypal.naming(&address(10));
    paypal.refuses("a second later", &sent, Refusal::rejected("untrusted_key")).await?;
    assert_eq!(paypal.fetches().await?, 11);
    Ok(())
}
