//! What a client and an operator see while DynamoDB is away.

use axum::body::{Body, to_bytes};
use axum::http::Request;
use platform::{AdminKeyHash, Aws, AwsEndpoints, Clock, Entropy, SecretText};
use serde_json::Value;
use std::io;
use std::sync::{Arc, Mutex};
use store::Store;
use tower::ServiceExt;

const ADMIN_KEY: &str = "prk_admin_while_the_table_is_away";

/// Collects what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no holder panics").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no holder panics")).into_owned()
    }
}

#[tokio::test]
async fn the_client_is_told_to_come_back_and_the_log_why() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(tracing::Level::INFO)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    // Nothing listens at the discard port.
    let dynamodb = Some("http://127.0.0.1:9".to_owned());
    let aws = Aws::local(AwsEndpoints { dynamodb, ..AwsEndpoints::default() }).without_retries();
    let hash = AdminKeyHash::of(&SecretText::new(ADMIN_KEY)).expect("long enough");
    let store = Store::new(aws.dynamodb(), "table");
    let deps = payments_api::Deps::new(store, hash, Clock::system(), Entropy::system());
    let request = Request::get("/v1/payments?merchant_reference=order-1")
        .header("authorization", format!("Bearer {ADMIN_KEY}"));
    let request = request.body(Body::empty()).expect("a valid request");

    let response = payments_api::service(deps).oneshot(request).await.expect("infallible");
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "2");
    let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("in memory");
    let problem: Value = serde_json::from_slice(&bytes).expect("a problem");
    assert_eq!(problem["code"], "unavailable");
    assert!(!problem.to_string().contains("DynamoDB"), "{problem}");

    let text = lines.text();
    let logged: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let ours: Vec<&Value> = logged.iter().filter(|line| line["target"] == "http::edge").collect();
    let [line] = ours.as_slice() else { panic!("one line was expected: {text}") };
    assert_eq!((&line["level"], &line["path"]), (&Value::from("ERROR"), &Value::from("/v1/payments")));
    assert_eq!(line["request_id"], problem["request_id"]);
    assert!(
        line["error"].as_str().is_some_and(|chain| chain.starts_with("DynamoDB Query failed: ")),
        "{line}"
    );
    assert!(!text.contains("Bearer") && !text.contains("order-1"), "{text}");
}
