//! Every provider of the table, simulated: from its first webhook to the payment that the REST API shows.

use anyhow::{Context, Result};
use axum::http::StatusCode;
use journeys::{App, HOST};
use providers::{ApiMethod, ApiRequest, Covers};
use serde_json::{Value, json};
use simulators::{Message, Outcome, Simulator};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// Of the providers that have to be asked before a signature can be judged.
pub(crate) const ASKED: &[&str] = &["api.sandbox.paypal.com", "sandbox.plaid.com"];
const PAYMENTS: u64 = 2;

/// A server that answers as the providers' APIs do.
pub(crate) async fn apis() -> MockServer {
    let server = MockServer::start().await;
    let answer = |request: &Request| {
        let question = ApiRequest {
            method: ApiMethod::Get,
            url: request.url.to_string(),
            headers: Vec::new(),
            body: request.body.clone(),
        };
        let answers = ["paypal", "plaid"].into_iter().filter_map(|provider| {
            let simulator = Simulator::new(provider, [0; 32]).expect("it is on the list");
            simulator.answer(&question)
        });
        match answers.into_iter().next() {
            Some(answer) => ResponseTemplate::new(answer.status).set_body_bytes(answer.body),
            None => ResponseTemplate::new(404),
        }
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

pub(crate) async fn source(app: &App, simulator: &Simulator) -> Result<String> {
    let provider = simulator.provider().id();
    let secrets: Vec<&str> = simulator.secret().into_iter().collect();
    let mut body = json!({
        "provider": provider, "name": provider, "secrets": secrets, "settings": simulator.settings(),
    });
    if provider == "plaid" {
        body["api_credential"] = json!("client:secret");
    }
    let source = app.create("/v1/sources", body).await?;
    Ok(source["id"].as_str().context("a source has an id")?.to_owned())
}

fn outcome(payment: &Value) -> Outcome {
    let text = |field: &str| payment[field].as_str().unwrap_or("none").to_owned();
    Outcome {
        status: text("status"),
        refund_status: text("refund_status"),
        dispute_status: text("dispute_status"),
    }
}

fn nothing_known() -> Outcome {
    let none = || "none".to_owned();
    Outcome { status: "unknown".to_owned(), refund_status: none(), dispute_status: none() }
}

/// Whether what the provider signs is enough to book by.
fn proves(simulator: &Simulator) -> bool {
    let provider = simulator.provider();
    let covers = provider.schemes().next().map(|scheme| scheme.covers);
    // Without a scheme of the table the way of signing is one of code or of settings, which covers the body.
    provider.is_signed() && covers != Some(Covers::None)
}

#[tokio::test]
async fn what_every_provider_sends_becomes_the_payment_that_it_tells_of() -> Result<()> {
    let server = apis().await;
    let authority = vec![Simulator::authority().to_vec()];
    let app = App::start_with_authority(&server.uri(), ASKED, Some(authority)).await?;
    for provider in Simulator::providers() {
        let simulator = Simulator::new(provider, [3; 32]).context(provider)?;
        let source = source(&app, &simulator).await.context(provider)?;
        let now = app.clock.now();
        let url = format!("https://{HOST}/webhooks/{source}");
        let traffic: Vec<Message> = simulator.traffic(0, now - simulator.longest(), PAYMENTS);
        for message in &traffic {
            let webhook = simulator.sign(message, &url, now)?;
            let answer = app.webhook(&source, &webhook).await?;
            let event = message.event(&simulator);
            anyhow::ensure!(answer.status == StatusCode::OK, "{provider}, {event}: {}", answer.text());
            assert_eq!(answer.text(), simulator.provider().accepted().body, "{provider}");
        }
        app.stack.settle().await?;

        let payments = app.get(&format!("/v1/payments?source={source}&limit=100")).await?;
        let payments = payments["data"].as_array().context("a list")?;
        let mut got: Vec<Outcome> = payments.iter().map(outcome).collect();
        let events = app.get(&format!("/v1/events?source={source}&limit=100")).await?;
        let events = events["data"].as_array().context("a list")?;
        assert!(!events.is_empty(), "{provider}");
        if !proves(&simulator) {
            assert!(events.iter().all(|event| event["verified_by"] == "none"), "{provider}: {events:#?}");
            let unproven = ["payment.unverified", "provider.other", "source.test"];
            let is_unproven =
                |event: &Value| event["type"].as_str().is_some_and(|name| unproven.contains(&name));
            assert!(events.iter().all(is_unproven), "{provider}: a claim was told as if proven: {events:#?}");
            let moved = |outcome: &Outcome| *outcome != nothing_known();
            assert!(!got.iter().any(moved), "{provider}: money was moved without proof: {got:?}");
            continue;
        }
        assert!(events.iter().all(|event| event["verified_by"] == "signature"), "{provider}: {events:#?}");
        let mut expected: Vec<Outcome> =
            (0..PAYMENTS).filter_map(|seed| simulator.outcome(seed).cloned()).collect();
        // What only mentions a payment opens none.
        got.retain(|outcome| *outcome != nothing_known());
        expected.retain(|outcome| *outcome != nothing_known());
        let order = |outcome: &Outcome| (outcome.status.clone(), outcome.refund_status.clone());
        got.sort_by_key(order);
        expected.sort_by_key(order);
        assert_eq!(got, expected, "{provider}: {payments:#?}");
    }
    Ok(())
}
