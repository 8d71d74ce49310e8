//! Deliveries to queues and event buses: the same schedule, filters and attempt log, in another place.

use crate::providers::{ASKED, apis, source};
use crate::stories::StripeStory;
use anyhow::{Context, Result};
use axum::http::{Method, StatusCode};
use jiff::SignedDuration;
use journeys::{App, ClientQueue, HOST, create_bus};
use serde_json::{Value, json};
use simulators::{Simulator, Stripe};
use std::collections::{BTreeMap, BTreeSet};

/// Enough for the first retry.
const SOON: SignedDuration = SignedDuration::from_secs(7);

async fn webhooks(app: &App) -> Result<()> {
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let story = StripeStory { stripe: &stripe, payment: "pi_1", now: app.clock.now() };
    for webhook in [story.created(), story.succeeded()] {
        app.webhook(&source, &webhook).await?;
        app.stack.settle().await?;
    }
    Ok(())
}

/// A new endpoint: its id, and its secret if it has one.
async fn endpoint(app: &App, settings: Value) -> Result<(String, Option<String>)> {
    let endpoint = app.create("/v1/endpoints", settings).await?;
    let text = |name: &str| endpoint[name].as_str().map(str::to_owned);
    Ok((text("id").context("an id")?, text("secret")))
}

async fn deliveries(app: &App) -> Result<Vec<Value>> {
    Ok(app.get("/v1/deliveries").await?["data"].as_array().context("a list")?.clone())
}

#[tokio::test]
async fn a_queue_gets_what_a_url_would_get_with_the_headers_as_attributes() -> Result<()> {
    let app = App::start().await?;
    let queue = ClientQueue::create(&app.stack, "orders")?;
    let settings = json!({ "type": "sqs", "arn": queue.arn(), "event_types": ["payment.captured"] });
    let (id, secret) = endpoint(&app, settings).await?;
    webhooks(&app).await?;

    let [message] = &queue.take(&app.stack).await?[..] else {
        anyhow::bail!("one message: the filter holds")
    };
    message.verify(&secret.context("a secret")?)?;
    let payload: Value = serde_json::from_str(&message.body)?;
    assert_eq!(
        (&payload["type"], &payload["data"]["payment"]["status"]),
        (&json!("payment.captured"), &json!("captured"))
    );
    assert_eq!(message.attributes["content-type"], "application/json");
    assert_eq!(message.attributes["payrelay-event-type"], "payment.captured");
    let payment = payload["data"]["payment"]["id"].as_str().context("an id")?;
    assert!(
        payment.contains(&message.system["MessageGroupId"]),
        "what a payment's events share: {message:?}"
    );

    let delivery = &deliveries(&app).await?[0];
    assert_eq!((&delivery["endpoint"], &delivery["status"]), (&json!(id), &json!("succeeded")));
    assert_eq!(delivery["id"], message.attributes["webhook-id"]);
    let attempt = &delivery["attempts"][0];
    assert_eq!((&attempt["outcome"], &attempt["status_code"]), (&json!("succeeded"), &json!(200)));
    assert!(
        attempt["response_excerpt"].as_str().is_some_and(|text| text.starts_with("MessageId: ")),
        "{attempt}"
    );
    Ok(())
}

#[tokio::test]
async fn a_fifo_queue_takes_a_delivery_once_unless_somebody_asks_for_it_again() -> Result<()> {
    let app = App::start().await?;
    let queue = ClientQueue::create(&app.stack, "orders.fifo")?;
    let (_, secret) = endpoint(&app, json!({ "type": "sqs", "arn": queue.arn() })).await?;
    webhooks(&app).await?;
    let messages = queue.take(&app.stack).await?;
    assert_eq!(messages.len(), 2);
    let groups: BTreeSet<&String> =
        messages.iter().map(|message| &message.system["MessageGroupId"]).collect();
    assert_eq!(groups.len(), 1, "both are about one payment");
    for message in &messages {
        message.verify(secret.as_deref().context("a secret")?)?;
        assert_eq!(message.system["MessageDeduplicationId"], message.attributes["webhook-id"]);
    }
    let again = &messages[0].attributes["webhook-id"];
    let retry = app.api(Method::POST, &format!("/v1/deliveries/{again}/retry"), None).await?;
    assert_eq!(retry.status, StatusCode::ACCEPTED, "{}", retry.text());
    app.stack.settle().await?;
    let [message] = &queue.take(&app.stack).await?[..] else { anyhow::bail!("asked for, so sent") };
    assert_eq!((&message.attributes["webhook-id"], &message.body), (again, &messages[0].body));
    Ok(())
}

#[tokio::test]
async fn an_event_bus_gets_the_body_as_detail_and_no_signature() -> Result<()> {
    let app = App::start().await?;
    let arn = create_bus(&app.stack, "payments").await?;
    for format in ["standard", "cloudevents", "thin"] {
        let (id, secret) =
            endpoint(&app, json!({ "type": "eventbridge", "arn": arn, "format": format })).await?;
        let shown = app.get(&format!("/v1/endpoints/{id}")).await?;
        assert_eq!((secret, &shown["secrets"], &shown["signing"]), (None, &json!([]), &json!([])));
    }
    webhooks(&app).await?;
    let events = app.stack.buses.events("payments");
    assert_eq!(events.len(), 6);
    for event in &events {
        assert_eq!(event.source, "payrelay");
        let own_type = event.detail["type"].as_str().context("a type")?;
        assert_eq!(own_type.strip_prefix("payrelay.").unwrap_or(own_type), event.detail_type);
    }
    let captured: Vec<_> = events.iter().filter(|event| event.detail_type == "payment.captured").collect();
    let [standard] = &captured
        .iter()
        .filter(|event| {
            event.detail["data"]["payment"]["status"] == "captured"
                && event.detail.get("specversion").is_none()
        })
        .collect::<Vec<_>>()[..]
    else {
        anyhow::bail!("one of each format: {captured:?}")
    };
    let id = standard.detail["data"]["event"]["id"].as_str().context("an id")?;
    assert_eq!(standard.resources[0], id);
    for delivery in deliveries(&app).await? {
        assert_eq!(delivery["status"], "succeeded", "{delivery}");
        let id = delivery["id"].as_str().context("an id")?;
        assert_eq!(events.iter().filter(|event| event.resources[1] == id).count(), 1);
        let excerpt = delivery["attempts"][0]["response_excerpt"].as_str().context("a text")?;
        assert!(excerpt.starts_with("EventId: "), "{excerpt}");
    }
    Ok(())
}

/// What is not there is an answer like any other, and is tried again by the schedule.
async fn comes_into_being(
    settings: Value,
    code: &str,
    make: impl AsyncFnOnce(&App) -> Result<()>,
) -> Result<App> {
    let app = App::start().await?;
    let (_, _) = endpoint(&app, settings).await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let story = StripeStory { stripe: &stripe, payment: "pi_1", now: app.clock.now() };
    app.webhook(&source, &story.created()).await?;
    app.stack.settle().await?;
    let waiting = &deliveries(&app).await?[0];
    assert_eq!(waiting["status"], "retrying", "{waiting}");
    let attempt = &waiting["attempts"][0];
    assert_eq!((&attempt["error"], &attempt["status_code"]), (&json!("status"), &json!(400)));
    assert!(attempt["response_excerpt"].as_str().is_some_and(|text| text.starts_with(code)), "{attempt}");
    make(&app).await?;
    app.clock.advance(SOON);
    app.stack.settle().await?;
    let delivered = &deliveries(&app).await?[0];
    assert_eq!(delivered["status"], "succeeded", "{delivered}");
    assert_eq!(delivered["attempts"].as_array().map(Vec::len), Some(2));
    Ok(app)
}

#[tokio::test]
async fn a_queue_that_does_not_exist_fails_attempts_until_it_does() -> Result<()> {
    let settings = json!({ "type": "sqs", "arn": local::sqs::arn("later") });
    let make = async |app: &App| ClientQueue::create(&app.stack, "later").map(drop);
    let app = comes_into_being(settings, "AWS.SimpleQueueService.NonExistentQueue: ", make).await?;
    assert_eq!(ClientQueue { name: "later".to_owned() }.take(&app.stack).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_bus_that_does_not_exist_fails_attempts_until_it_does() -> Result<()> {
    let settings = json!({ "type": "eventbridge", "arn": local::eventbridge::arn("later") });
    let make = async |app: &App| create_bus(&app.stack, "later").await.map(drop);
    let app = comes_into_being(settings, "ResourceNotFoundException: ", make).await?;
    assert_eq!(app.stack.buses.events("later").len(), 1);
    Ok(())
}

#[tokio::test]
async fn the_test_call_tells_what_the_service_answers() -> Result<()> {
    let app = App::start().await?;
    let queue = ClientQueue::create(&app.stack, "orders")?;
    let absent = local::sqs::arn("absent");
    let bus = local::eventbridge::arn("default");
    for (kind, arn, outcome) in
        [("sqs", queue.arn(), "succeeded"), ("sqs", absent, "failed"), ("eventbridge", bus, "succeeded")]
    {
        let (id, _) = endpoint(&app, json!({ "type": kind, "arn": arn })).await?;
        let test = app.api(Method::POST, &format!("/v1/endpoints/{id}/test"), None).await?.json();
        assert_eq!(test["attempt"]["outcome"], outcome, "{test}");
    }
    let [message] = &queue.take(&app.stack).await?[..] else { anyhow::bail!("one test") };
    assert_eq!(message.attributes["payrelay-event-type"], "endpoint.test");
    assert_eq!(app.stack.buses.events("default")[0].detail["type"], "endpoint.test");
    Ok(())
}

#[tokio::test]
async fn what_every_provider_signs_fits_a_message_in_raw_format() -> Result<()> {
    let server = apis().await;
    let authority = vec![Simulator::authority().to_vec()];
    let app = App::start_with_authority(&server.uri(), ASKED, Some(authority)).await?;
    let queue = ClientQueue::create(&app.stack, "raw")?;
    let settings = json!({ "type": "sqs", "arn": queue.arn(), "format": "raw" });
    endpoint(&app, settings).await?;
    for provider in Simulator::providers() {
        let simulator = Simulator::new(provider, [3; 32]).context(provider)?;
        let source = source(&app, &simulator).await.context(provider)?;
        let now = app.clock.now();
        let url = format!("https://{HOST}/webhooks/{source}");
        let traffic = simulator.traffic(0, now - simulator.longest(), 1);
        let webhook = simulator.sign(traffic.first().context(provider)?, &url, now)?;
        app.webhook(&source, &webhook).await?;
        app.stack.settle().await?;
        let messages = queue.take(&app.stack).await?;
        assert!(!messages.is_empty(), "{provider}: {:?}", deliveries(&app).await?[0]);
        for message in messages {
            assert_eq!(message.body, webhook.body, "{provider}");
            let packed = message.attributes.get("payrelay-headers").map_or("{}", String::as_str);
            let packed: BTreeMap<String, String> = serde_json::from_str(packed)?;
            for (name, value) in webhook.headers.iter().filter(|(name, _)| name.contains("sign")) {
                let got = message.attributes.get(*name).or_else(|| packed.get(*name));
                assert_eq!(got, Some(value), "{provider}: {name} in {:?}", message.attributes);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_no_delivery_could_be_sent_to_is_refused_at_creation() -> Result<()> {
    let app = App::start().await?;
    let (queue, bus) = (local::sqs::arn("orders"), local::eventbridge::arn("default"));
    let sqs = |more: Value| with(json!({ "type": "sqs", "arn": queue }), more);
    let eventbridge = |more: Value| with(json!({ "type": "eventbridge", "arn": bus }), more);
    let own =
        ["events", "events-dlq", "deliveries", "slow-deliveries", "deliveries-dlq", "fetches", "fetches-dlq"];
    let own = own.map(|name| (sqs(json!({ "arn": local::sqs::arn(name) })), "/arn"));
    for (settings, pointer) in own.into_iter().chain([
        (json!({ "type": "sqs" }), "/arn"),
        (sqs(json!({ "url": "https://example.com/" })), "/url"),
        (sqs(json!({ "arn": "orders" })), "/arn"),
        (sqs(json!({ "arn": bus })), "/arn"),
        (sqs(json!({ "arn": "arn:aws:sqs:eu-west-1:000000000000:orders" })), "/arn"),
        (sqs(json!({ "headers": { "authorization": "Bearer x" } })), "/headers"),
        (sqs(json!({ "signing": [] })), "/signing"),
        (eventbridge(json!({ "arn": queue })), "/arn"),
        (eventbridge(json!({ "arn": "arn:aws:events:eu-west-1:000000000000:event-bus/default" })), "/arn"),
        (eventbridge(json!({ "headers": { "x-tenant": "1" } })), "/headers"),
        (eventbridge(json!({ "format": "raw" })), "/format"),
        (eventbridge(json!({ "encoding": "xml" })), "/encoding"),
        (eventbridge(json!({ "signing": ["v1"] })), "/signing"),
        (eventbridge(json!({ "secret": "whsec_x" })), "/secret"),
    ]) {
        let answer = app.api(Method::POST, "/v1/endpoints", Some(settings.clone())).await?;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{settings}: {}", answer.text());
        let errors = answer.json()["errors"].clone();
        assert_eq!(errors[0]["pointer"], pointer, "{settings}: {errors}");
    }
    assert_eq!(app.get("/v1/endpoints").await?["data"], json!([]));
    Ok(())
}

#[tokio::test]
async fn an_endpoint_may_change_its_kind_if_it_has_what_the_other_needs() -> Result<()> {
    let app = App::start().await?;
    let http = json!({ "url": "http://127.0.0.1:2/", "headers": { "authorization": "Bearer x" } });
    let (id, _) = endpoint(&app, http.clone()).await?;
    let path = format!("/v1/endpoints/{id}");
    let bus = json!({ "type": "eventbridge", "arn": local::eventbridge::arn("default") });
    let replaced = app.api(Method::PUT, &path, Some(bus.clone())).await?;
    assert_eq!(replaced.status, StatusCode::OK, "{}", replaced.text());
    assert_eq!((&replaced.json()["headers"], &replaced.json()["signing"]), (&json!([]), &json!([])));
    let back = app.api(Method::PUT, &path, Some(json!({ "url": "http://127.0.0.1:2/" }))).await?;
    assert_eq!(back.status, StatusCode::OK, "its secret was kept: {}", back.text());
    assert_eq!(back.json()["headers"], json!([]), "its headers were not");

    let (id, _) = endpoint(&app, bus).await?;
    let path = format!("/v1/endpoints/{id}");
    let refused = app.api(Method::PUT, &path, Some(http.clone())).await?;
    assert_eq!(refused.json()["errors"][0]["pointer"], "/signing/0", "{}", refused.text());
    app.create(&format!("{path}/secrets"), json!({})).await?;
    assert_eq!(app.api(Method::PUT, &path, Some(http)).await?.status, StatusCode::OK);
    Ok(())
}

fn with(mut settings: Value, more: Value) -> Value {
    if let (Some(settings), Value::Object(more)) = (settings.as_object_mut(), more) {
        settings.extend(more);
    }
    settings
}
