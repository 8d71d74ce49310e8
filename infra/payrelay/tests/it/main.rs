//! The program as a user starts it: what it prints, which signals end it, and what survives SIGKILL.

#![expect(clippy::unwrap_used, reason = "tests")]

mod client;
mod data_directory;
mod kills;
mod process;
mod receiver;
mod simulate;

use std::collections::BTreeSet;
use std::net::TcpListener;

use client::Client;
use jiff::Timestamp;
use process::{Ended, Payrelay};
use receiver::Receiver;
use serde_json::{Value, json};
use simulators::StandardWebhooks;
use tempfile::TempDir;

#[test]
fn dev_prints_its_key_and_address_and_ends_with_status_zero_on_sigint() {
    let data = TempDir::new().unwrap();
    let mut payrelay = Payrelay::start(&["--data-dir", data.path().to_str().unwrap()], None);
    let key = payrelay.admin_key();
    assert!(key.starts_with("prk_admin_"), "{key}");
    let client = payrelay.client(&key);
    assert_eq!(client.get("/v1/payments").expect(200)["data"], json!([]));
    client.with_key("prk_admin_wrong_of_32_characters_too").get("/v1/payments").expect(401);

    let ended = payrelay.end("-INT");
    assert_eq!(ended, Ended { code: Some(0), stdout: Vec::new(), stderr: String::new() });
    // The key is the data directory's: another start has it again.
    let mut again = Payrelay::start(&["--data-dir", data.path().to_str().unwrap()], None);
    assert_eq!(again.admin_key(), key);
    assert_eq!(again.end("-TERM").code, Some(0));
}

#[test]
fn a_key_from_the_environment_is_accepted_and_not_printed() {
    let data = TempDir::new().unwrap();
    let key = "prk_admin_from_the_environment_of_tests";
    let mut payrelay = Payrelay::start(&["--data-dir", data.path().to_str().unwrap()], Some(key));
    // `ready` is the first line: no key came before it.
    let client = payrelay.client(key);
    client.get("/v1/payments").expect(200);
    client.with_key("prk_admin_another_of_32_characters_").get("/v1/payments").expect(401);
    let ended = payrelay.end("-INT");
    assert_eq!((ended.code, ended.stdout), (Some(0), Vec::new()));
    assert!(!ended.stderr.contains(key));
    assert!(!data.path().join("admin.key").exists(), "a given key is not stored");
}

#[test]
fn strict_egress_refuses_endpoints_on_this_machine() {
    let data = TempDir::new().unwrap();
    let arguments = ["--strict-egress", "--data-dir", data.path().to_str().unwrap()];
    let mut payrelay = Payrelay::start(&arguments, None);
    let key = payrelay.admin_key();
    let client = payrelay.client(&key);
    for url in ["http://127.0.0.1:8443/hook", "https://127.0.0.1:8443/hook", "https://[::1]/hook"] {
        let refused = client.post("/v1/endpoints", &json!({ "url": url, "name": "here" })).expect(422);
        assert_eq!(refused["errors"][0]["pointer"], "/url", "{refused}");
    }
    client.post("/v1/endpoints", &json!({ "url": "https://shop.example/hook", "name": "there" })).expect(201);
}

#[test]
fn the_demo_runs_to_its_end_and_serves_until_it_is_ended() {
    let mut payrelay = Payrelay::start(&["--demo"], None);
    let key = payrelay.admin_key();
    let client = payrelay.client(&key);
    let mut shown = Vec::new();
    while !shown.last().is_some_and(|line: &String| line.starts_with("Still serving at ")) {
        shown.push(payrelay.line());
    }
    let verified = "deliveries, each verified by the receiver with the stock Standard Webhooks library.";
    assert!(shown.iter().any(|line| line.ends_with(verified)), "{shown:#?}");
    let payments = client.get("/v1/payments").expect(200);
    assert!(!payments["data"].as_array().unwrap().is_empty());
    let ended = payrelay.end("-TERM");
    assert_eq!((ended.code, ended.stdout), (Some(0), Vec::new()));
}

#[test]
fn the_engines_say_where_they_are_so_that_queues_and_buses_can_be_made() {
    let data = TempDir::new().unwrap();
    let mut payrelay = Payrelay::start(&["--data-dir", data.path().to_str().unwrap()], None);
    let key = payrelay.admin_key();
    let [sqs, eventbridge] = payrelay.engines();
    for (url, target, body) in [
        (sqs, "AmazonSQS.CreateQueue", json!({ "QueueName": "orders" })),
        (eventbridge, "AWSEvents.CreateEventBus", json!({ "Name": "payments" })),
    ] {
        let engine = Client::new(url.strip_prefix("http://").expect("the address is a URL"), "");
        engine.action(target, &body).expect(200);
    }
    let client = payrelay.client(&key);
    for endpoint in [
        json!({ "type": "sqs", "arn": "arn:aws:sqs:us-east-1:000000000000:orders" }),
        json!({ "type": "eventbridge", "arn": "arn:aws:events:us-east-1:000000000000:event-bus/payments" }),
    ] {
        let created = client.post("/v1/endpoints", &endpoint).expect(201);
        let path = format!("/v1/endpoints/{}/test", created["id"].as_str().unwrap());
        let test = client.post(&path, &json!({})).expect(200);
        assert_eq!(test["attempt"]["outcome"], "succeeded", "{test}");
    }
    assert_eq!(payrelay.end("-INT").code, Some(0));
}

#[test]
fn a_port_in_use_is_named_and_the_status_is_not_zero() {
    let data = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let arguments = ["--listen", &address, "--data-dir", data.path().to_str().unwrap()];
    let ended = Payrelay::spawn(&arguments, None).wait();
    assert_eq!((ended.code, ended.stdout), (Some(1), Vec::new()));
    assert!(ended.stderr.contains(&address), "{}", ended.stderr);
    assert!(ended.stderr.contains("in use"), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

/// Three rounds: webhooks are sent one after the other, and the process is killed the moment it has answered the
/// last, while it records and delivers those before.
#[test]
fn what_was_acknowledged_survives_sigkill_and_is_delivered() {
    const ROUNDS: usize = 3;
    const WEBHOOKS: usize = 8;
    let data = TempDir::new().unwrap();
    let arguments = ["--data-dir", data.path().to_str().unwrap()];
    let mut payrelay = Payrelay::start(&arguments, None);
    let key = payrelay.admin_key();
    let sender = StandardWebhooks::new([7; 32]);
    let mut receiver = Receiver::start();
    let source = set_up(&payrelay.client(&key), &sender, &receiver);

    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        for number in 0..WEBHOOKS {
            let id = format!("msg_{round}_{number}");
            send(&payrelay.client(&key), &source, &sender, &id);
            acknowledged.insert(id);
        }
        payrelay.kill();
        payrelay = Payrelay::start(&arguments, None);
        assert_eq!(payrelay.admin_key(), key);
        payrelay.await_ready();
    }

    receiver.wait_for(&acknowledged);
    let client = payrelay.client(&key);
    let payments = client.get("/v1/payments?limit=100").expect(200);
    let recorded: BTreeSet<String> = texts(&payments["data"], "provider_payment_id");
    assert_eq!(recorded, acknowledged.iter().map(|id| format!("order_{id}")).collect());
    let payments = payments["data"].as_array().unwrap();
    assert!(payments.iter().all(|payment| payment["amount_captured"] == 1999), "{payments:#?}");
    let events = client.get("/v1/events?limit=100").expect(200);
    assert_eq!(texts(&events["data"], "provider_event_id"), acknowledged);
    assert_eq!(events["data"].as_array().unwrap().len(), acknowledged.len(), "each is recorded once");
    // Those that were under way at a kill were delivered twice, under the same id.
    assert_eq!(receiver.webhook_ids().len(), acknowledged.len());
    assert_eq!(payrelay.end("-INT").code, Some(0));
}

/// A source and an endpoint. Gives the source's id.
fn set_up(client: &Client, sender: &StandardWebhooks, receiver: &Receiver) -> String {
    let source = json!({"provider": "standard_webhooks", "name": "shop", "secrets": [sender.secret()]});
    let source = client.post("/v1/sources", &source).expect(201);
    client.post("/v1/endpoints", &json!({ "url": receiver.url(), "name": "app" })).expect(201);
    source["id"].as_str().unwrap().to_owned()
}

/// Sends the capture of a payment of its own, and returns when it is acknowledged.
fn send(client: &Client, source: &str, sender: &StandardWebhooks, id: &str) {
    assert!(try_send(client, source, sender, id), "it is not acknowledged");
}

/// Tells whether it was acknowledged; the process may be gone.
fn try_send(client: &Client, source: &str, sender: &StandardWebhooks, id: &str) -> bool {
    #[expect(clippy::disallowed_methods, reason = "the program under test has the system's clock")]
    let now = Timestamp::now();
    let data = json!({"id": format!("order_{id}"), "amount": 1999, "currency": "EUR"});
    let webhook = sender.event(id, "payment.captured", now, &data, now);
    client.try_webhook(source, &webhook).is_some_and(|answer| (200..300).contains(&answer.status))
}

fn texts(list: &Value, field: &str) -> BTreeSet<String> {
    let items = list.as_array().unwrap().iter();
    items.map(|item| item[field].as_str().unwrap_or_default().to_owned()).collect()
}
