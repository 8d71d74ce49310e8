//! The main job, shown: three providers send signed events, out of order and twice, and every step is printed.

mod client;
mod events;
mod receiver;
mod table;

use anyhow::{Context, Result, bail};
use client::Client;
use events::{Sent, Story};
use local::Stack;
use platform::{Entropy, SecretText};
use receiver::{Receipt, Receiver};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Deliveries take milliseconds here; this is for a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn run(stack: &Stack, url: &str, admin_key: &SecretText) -> Result<()> {
    let client = Client::new(stack.router(), admin_key);
    let entropy = Entropy::system();
    let now = stack.clock.now();
    let story = Story::new(&entropy, now);
    let sources = create_sources(&client, &story).await?;
    let mut receiver = Receiver::start(stack.clock.clone()).await?;
    let endpoint = client
        .post(
            "/v1/endpoints",
            json!({ "url": receiver.url(), "name": "demo receiver", "event_types": ["*"] }),
        )
        .await?;
    receiver
        .verify_with(endpoint["secret"].as_str().context("an endpoint's creation answers its secret")?)?;

    println!("\nThree providers, one endpoint. Every webhook below is signed as its provider signs it.\n");
    let mut known = BTreeSet::new();
    let mut received = 0;
    for sent in story.webhooks() {
        let source =
            sources.get(sent.webhook.provider).context("every provider of the story has a source")?;
        send(&client, source, &sent).await?;
        if sent.genuine && known.insert((sent.name, sent.key)) {
            received += receive(&mut receiver).await?;
        }
    }
    println!(
        "\n{received} deliveries, each verified by the receiver with the stock Standard Webhooks library."
    );
    show_payments(&client).await?;
    show_attempts(&client).await?;
    let payment = client.get("/v1/payments?limit=1").await?;
    let id = payment["data"][0]["id"].as_str().unwrap_or_default();
    println!(
        "\nExplore further:\n\
         \n  export KEY='{key}'\
         \n  curl -sH \"Authorization: Bearer $KEY\" {url}/v1/payments\
         \n  curl -sH \"Authorization: Bearer $KEY\" {url}/v1/payments/{id}\
         \n  curl -sH \"Authorization: Bearer $KEY\" {url}/v1/payments/{id}/timeline\
         \n  curl -sH \"Authorization: Bearer $KEY\" '{url}/v1/events?limit=5'\
         \n  curl -sH \"Authorization: Bearer $KEY\" '{url}/v1/deliveries?limit=5'\
         \n\nStill serving at {url}; Ctrl-C ends it.",
        key = admin_key.expose(),
    );
    Ok(())
}

/// The ids of the sources, by provider.
async fn create_sources(client: &Client, story: &Story) -> Result<BTreeMap<&'static str, String>> {
    let mut sources = BTreeMap::new();
    for (provider, secret) in [
        ("stripe", story.stripe.secret().to_owned()),
        ("adyen", story.adyen.secret()),
        ("standard_webhooks", story.in_house.secret()),
    ] {
        let body = json!({ "provider": provider, "name": format!("demo {provider}"), "secrets": [secret] });
        let source = client.post("/v1/sources", body).await?;
        sources.insert(provider, source["id"].as_str().context("a source has an id")?.to_owned());
    }
    Ok(sources)
}

/// Sends one webhook.
async fn send(client: &Client, source: &str, sent: &Sent) -> Result<()> {
    let status = client.webhook(source, &sent.webhook).await?;
    println!("→ {:<18} {:<28} {:<24} {status}", sent.webhook.provider, sent.name, sent.note);
    if status.is_success() != sent.genuine {
        bail!("the webhook {} of {} was answered {status}", sent.name, sent.webhook.provider);
    }
    Ok(())
}

/// Waits for the notification that follows from a webhook, and prints it and whatever came with it.
async fn receive(receiver: &mut Receiver) -> Result<usize> {
    let first = tokio::time::timeout(PATIENCE, receiver.next()).await.context("a delivery did not arrive")?;
    let mut received = 0;
    let mut next = first;
    while let Some(receipt) = next {
        println!("  ← {}", describe(&receipt));
        received += 1;
        next = receiver.waiting();
    }
    Ok(received)
}

fn describe(receipt: &Receipt) -> String {
    let data = &receipt.payload["data"];
    let (event, payment, previous) = (&data["event"], &data["payment"], &data["previous"]);
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let change = |field: &str| {
        let former = previous.get(field)?;
        Some(format!("{field} {} → {}", plain(former), plain(&payment[field])))
    };
    let fields =
        ["status", "refund_status", "dispute_status", "amount_captured", "amount_refunded", "net_amount"];
    let changes: Vec<String> = fields.into_iter().filter_map(change).collect();
    let change = match (event["effect"].as_str(), changes.is_empty(), payment.is_null()) {
        (Some("ignored"), ..) => "nothing new".to_owned(),
        (_, true, false) => format!("new: {}", plain(&payment["status"])),
        (_, true, true) => "not about a payment".to_owned(),
        (_, false, _) => changes.join(", "),
    };
    format!(
        "{:<18} {:<28} {:<24} v{:<3} {}  [200, {} ms]",
        text(&event["provider"]),
        text(&receipt.payload["type"]),
        text(&payment["provider_payment_id"]),
        payment["state_version"],
        change,
        receipt.latency_ms,
    )
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

async fn show_payments(client: &Client) -> Result<()> {
    let payments = client.get("/v1/payments").await?;
    let columns = [
        "provider",
        "provider_payment_id",
        "status",
        "refund_status",
        "dispute_status",
        "currency",
        "amount_authorized",
        "amount_captured",
        "amount_refunded",
        "net_amount",
        "state_version",
    ];
    println!("\nThe ledger:\n");
    table::print(&columns, payments["data"].as_array().into_iter().flatten());
    Ok(())
}

async fn show_attempts(client: &Client) -> Result<()> {
    let deliveries = client.get("/v1/deliveries?limit=100").await?;
    let rows: Vec<Value> = deliveries["data"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|delivery| {
            let attempts = delivery["attempts"].as_array().map_or(0, Vec::len);
            let last = &delivery["attempts"][attempts.saturating_sub(1)];
            json!({
                "type": delivery["type"],
                "status": delivery["status"],
                "attempts": attempts,
                "status_code": last["status_code"],
                "latency_ms": last["latency_ms"],
            })
        })
        .collect();
    println!("\nIts deliveries:\n");
    table::print(&["type", "status", "attempts", "status_code", "latency_ms"], rows.iter());
    Ok(())
}
