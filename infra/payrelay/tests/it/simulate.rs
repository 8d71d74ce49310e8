//! `payrelay simulate` against `payrelay dev`.

use crate::client::Client;
use crate::process::Payrelay;
use serde_json::Value;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// From the last webhook to the last payment.
const PATIENCE: Duration = Duration::from_secs(60);

fn simulate(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn simulate_with_secret_in_environment(arguments: &[&str], secret: &str) -> Output {
    command(arguments).env("PAYRELAY_SOURCE_SECRET", secret).output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_payrelay"));
    command.arg("simulate").args(arguments).env_remove("PAYRELAY_SOURCE_SECRET").stdin(Stdio::null());
    command
}

fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A source of the provider: its webhook URL and its secret.
fn source(client: &Client, provider: &str) -> (String, String) {
    let wanted = lines(&simulate(&["--provider", provider, "--source"])).remove(0);
    let created = client.post("/v1/sources", &wanted).expect(201);
    (
        created["webhook_url"].as_str().unwrap().to_owned(),
        wanted["secrets"][0].as_str().unwrap_or_default().to_owned(),
    )
}

/// Square signs the address too, and says which try it is.
#[test]
fn simulated_traffic_becomes_payments_each_of_which_has_happened_once() {
    const PAYMENTS: usize = 9;
    let data = TempDir::new().unwrap();
    let mut payrelay = Payrelay::start(
        &["--data-dir", data.path().to_str().unwrap()],
        Some("prk_admin_of_the_test_that_simulates"),
    );
    let client = payrelay.client("prk_admin_of_the_test_that_simulates");
    let (url, secret) = source(&client, "square");
    let payments = PAYMENTS.to_string();
    let arguments =
        ["--provider", "square", "--url", &url, "--secret", &secret, "--payments", &payments, "--traffic"];

    let sent = lines(&simulate(&arguments));
    assert!(sent.iter().all(|line| line["status"] == 200), "{sent:#?}");
    assert!(sent.iter().any(|line| line["attempt"] == 2), "nothing was tried again: {sent:#?}");

    let started = Instant::now();
    let settled = |payment: &Value| matches!(payment["status"].as_str(), Some("captured" | "failed"));
    let payments = loop {
        let payments = client.get("/v1/payments?limit=100").expect(200)["data"].as_array().unwrap().clone();
        if payments.len() == PAYMENTS && payments.iter().all(settled) {
            break payments;
        }
        assert!(started.elapsed() < PATIENCE, "{payments:#?}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(payments.iter().all(|payment| payment["integrity"] == "ok"), "{payments:#?}");

    let refused = simulate(&["--provider", "square", "--url", &url, "--secret", "not-the-sources-secret"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "{told}");
    let count = String::from_utf8_lossy(&refused.stdout).lines().count();
    assert!(told.contains(&format!("{count} of {count} webhooks were refused")), "{told}");
    assert_eq!(payrelay.end("-INT").code, Some(0));
}

#[test]
fn what_is_printed_is_signed_with_the_secret_and_is_the_same_for_the_same_seed() {
    let url = "http://127.0.0.1:9/webhooks/src_1";
    let print = |seed: &str| {
        lines(&simulate(&[
            "--provider",
            "razorpay",
            "--url",
            url,
            "--secret",
            "a secret of mine",
            "--seed",
            seed,
            "--print",
        ]))
    };
    let (once, again, other) = (print("4"), print("4"), print("5"));
    let ids = |printed: &[Value]| -> Vec<Value> {
        printed.iter().map(|line| line["headers"]["x-razorpay-event-id"].clone()).collect()
    };
    assert_eq!(ids(&once), ids(&again));
    assert_ne!(ids(&once), ids(&other));
    assert!(
        once.iter().all(|line| line["url"] == url && line["headers"]["x-razorpay-signature"].is_string())
    );
}

#[test]
fn a_new_source_does_not_take_the_secret_that_the_environment_has_from_the_one_before() {
    for stale in ["stale-secret-of-another-source", ""] {
        let made = lines(&simulate_with_secret_in_environment(&["--provider", "square", "--source"], stale));
        let secret = made[0]["secrets"][0].as_str().unwrap();
        assert!(secret != stale && secret.len() >= 16, "a new one");
        // Mollie has none.
        let made = lines(&simulate_with_secret_in_environment(&["--provider", "mollie", "--source"], stale));
        assert_eq!(made[0]["secrets"], serde_json::json!([]));
    }
    let url = "http://127.0.0.1:9/";
    let print = ["--provider", "square", "--url", url, "--print"];
    assert!(!lines(&simulate_with_secret_in_environment(&print, "a-secret-of-mine")).is_empty());
    assert!(!simulate_with_secret_in_environment(&print, "").status.success(), "empty is absent");
    let own = lines(&simulate(&["--provider", "square", "--source", "--secret", "a-secret-of-mine"]));
    assert_eq!(own[0]["secrets"][0], "a-secret-of-mine");
}

#[test]
fn a_missing_secret_and_an_unknown_provider_are_named() {
    let refused = simulate(&["--provider", "square", "--url", "http://127.0.0.1:9/", "--print"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--secret"));
    let refused = simulate(&["--provider", "nobody", "--url", "http://127.0.0.1:9/", "--print"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("`nobody`"));
    let listed = lines(&simulate(&["--list"]));
    assert!(listed.iter().any(|line| line["provider"] == "square"));
}
