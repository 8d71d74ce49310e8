//! What the contract suite cannot show over the wire: time that passes in jumps, restarts, and the wire form
//! of answers that the Rust SDK does not look at.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{Code, Depth, Error, Sqs, arn, router};

mod deaths;
mod waiting;

const URL: &str = "http://localhost/000000000000/orders";
const START_MS: i64 = 1_800_000_000_000;
const DAY_MS: i64 = 86_400_000;

/// An engine with a queue `orders`, under a clock that only [`Bench::pass`] moves.
struct Bench {
    sqs: Sqs,
    clock: Arc<AtomicI64>,
}

impl Bench {
    fn new(attributes: &[(&str, &str)]) -> Self {
        Self::on(Sqs::open(None).unwrap(), attributes)
    }

    fn on(sqs: Sqs, attributes: &[(&str, &str)]) -> Self {
        let clock = Arc::new(AtomicI64::new(START_MS));
        let read = Arc::clone(&clock);
        let sqs = sqs.with_clock(Arc::new(move || read.load(Ordering::Relaxed)));
        sqs.create_queue("dead", &[]).unwrap();
        sqs.create_queue("orders", attributes).unwrap();
        Self { sqs, clock }
    }

    fn pass(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::Relaxed);
    }

    async fn call(&self, action: &str, request: Value) -> (StatusCode, HeaderMap, Value) {
        let request = Request::post("/")
            .header("host", "localhost")
            .header("x-amz-target", format!("AmazonSQS.{action}"))
            .body(Body::from(request.to_string()))
            .unwrap();
        let (parts, body) = router(self.sqs.clone()).oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status, parts.headers, serde_json::from_slice(&body).unwrap())
    }

    async fn ok(&self, action: &str, request: Value) -> Value {
        let (status, _, answer) = self.call(action, request).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    async fn send(&self, body: &str, group: Option<&str>) {
        let mut request = json!({"QueueUrl": URL, "MessageBody": body});
        if let Some(group) = group {
            request["MessageGroupId"] = json!(group);
        }
        self.ok("SendMessage", request).await;
    }

    async fn receive(&self, queue: &str, max: i64) -> Vec<Value> {
        let url = format!("http://localhost/000000000000/{queue}");
        let request = json!({"QueueUrl": url, "MaxNumberOfMessages": max, "AttributeNames": ["All"]});
        let answer = self.ok("ReceiveMessage", request).await;
        answer["Messages"].as_array().cloned().unwrap_or_default()
    }

    async fn bodies(&self, max: i64) -> Vec<String> {
        let messages = self.receive("orders", max).await;
        messages.iter().map(|message| message["Body"].as_str().unwrap().to_owned()).collect()
    }

    fn depth(&self) -> (u64, u64, u64) {
        let Depth { visible, in_flight, delayed } = self.sqs.depth("orders").unwrap();
        (visible, in_flight, delayed)
    }
}

#[tokio::test]
async fn time_makes_messages_visible_to_the_millisecond() {
    let bench = Bench::new(&[("DelaySeconds", "900"), ("VisibilityTimeout", "60")]);
    bench.send("hello", None).await;
    assert_eq!(bench.depth(), (0, 0, 1));
    assert_eq!(bench.sqs.next_visible_ms("orders").unwrap(), Some(START_MS + 900_000));
    bench.pass(899_999);
    assert_eq!(bench.bodies(1).await, [""; 0]);
    bench.pass(1);
    assert_eq!(bench.bodies(1).await, ["hello"]);
    assert_eq!(bench.depth(), (0, 1, 0));
    bench.pass(59_999);
    assert_eq!(bench.bodies(1).await, [""; 0]);
    bench.pass(1);
    assert_eq!(bench.depth(), (1, 0, 0));
    assert_eq!(bench.sqs.next_visible_ms("orders").unwrap(), None);
    assert_eq!(bench.bodies(1).await, ["hello"]);
}

#[tokio::test]
async fn a_message_expires_after_the_retention_period_wherever_it_is() {
    let bench = Bench::new(&[("MessageRetentionPeriod", "60")]);
    bench.send("visible", None).await;
    bench.pass(59_999);
    assert_eq!(bench.depth(), (1, 0, 0));
    bench.pass(1);
    assert_eq!(bench.depth(), (0, 0, 0));

    let policy = json!({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": "1"}).to_string();
    let bench = Bench::new(&[("RedrivePolicy", &policy), ("VisibilityTimeout", "0")]);
    bench.send("dead", None).await;
    bench.pass(DAY_MS);
    assert_eq!(bench.bodies(1).await, ["dead"]);
    assert_eq!(bench.bodies(1).await, [""; 0]);
    assert_eq!(bench.sqs.depth("dead").unwrap().visible, 1);
    bench.pass(3 * DAY_MS - 1);
    assert_eq!(bench.sqs.depth("dead").unwrap().visible, 1);
    bench.pass(1);
    assert_eq!(bench.sqs.depth("dead").unwrap().visible, 0, "its age counts from the first send");
}

#[tokio::test]
async fn a_handle_of_the_source_queue_is_no_handle_of_the_dead_letter_queue() {
    let policy = json!({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": 1}).to_string();
    let bench = Bench::new(&[("RedrivePolicy", &policy)]);
    bench.send("hello", None).await;
    let live = bench.receive("orders", 1).await.remove(0);
    bench.pass(30_000);
    assert!(bench.receive("orders", 1).await.is_empty());
    let dead = bench.receive("dead", 1).await.remove(0);
    assert_eq!(dead["MessageId"], live["MessageId"]);
    assert_eq!(dead["Attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(dead["Attributes"]["SentTimestamp"], live["Attributes"]["SentTimestamp"]);

    let late = json!({"QueueUrl": URL, "ReceiptHandle": live["ReceiptHandle"]});
    bench.ok("DeleteMessage", late).await;
    assert_eq!(
        bench.sqs.depth("dead").unwrap().in_flight,
        1,
        "a late delete does not reach the moved message"
    );
    let crossed = json!({"QueueUrl": URL, "ReceiptHandle": dead["ReceiptHandle"]});
    let (status, _, answer) = bench.call("DeleteMessage", crossed).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(answer["__type"], "com.amazonaws.sqs#ReceiptHandleIsInvalid");
}

#[tokio::test]
async fn messages_of_one_group_come_in_the_order_in_which_they_became_visible() {
    let bench = Bench::new(&[]);
    for number in 0..5 {
        bench.send(&number.to_string(), None).await;
        bench.pass(1);
    }
    assert_eq!(bench.bodies(3).await, ["0", "1", "2"]);
    assert_eq!(bench.bodies(3).await, ["3", "4"]);
}

#[tokio::test]
async fn groups_take_turns_and_a_busy_group_waits() {
    let bench = Bench::new(&[]);
    for number in 0..20 {
        bench.send(&format!("a{number}"), Some("a")).await;
    }
    for (body, group) in [("b0", "b"), ("b1", "b"), ("c0", "c")] {
        bench.pass(1);
        bench.send(body, Some(group)).await;
    }
    assert_eq!(bench.bodies(5).await, ["a0", "b0", "c0", "a1", "b1"]);
    assert_eq!(bench.bodies(2).await, ["a2", "a3"], "nobody else waits");
    bench.pass(1);
    bench.send("c1", Some("c")).await;
    bench.send("d0", Some("d")).await;
    assert_eq!(bench.bodies(3).await, ["d0", "c1", "a4"]);
}

#[tokio::test]
async fn queues_and_messages_survive_a_process_that_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("queues.db");
    let bench = Bench::on(Sqs::open(Some(&path)).unwrap(), &[("VisibilityTimeout", "60")]);
    bench.send("in flight", None).await;
    let before = bench.receive("orders", 1).await.remove(0);
    bench.send("visible", None).await;
    // Not closed, as after SIGKILL: what was answered is in the file or its log.
    std::mem::forget(bench);

    let bench = Bench::on(Sqs::open(Some(&path)).unwrap(), &[("VisibilityTimeout", "60")]);
    assert_eq!(bench.depth(), (1, 1, 0));
    bench.pass(60_000);
    let after = bench.receive("orders", 10).await;
    assert_eq!(after.len(), 2);
    let same = after.iter().find(|message| message["MessageId"] == before["MessageId"]).unwrap();
    assert_eq!(same["Attributes"]["ApproximateReceiveCount"], "2");
}

#[tokio::test]
async fn errors_have_the_shape_and_the_query_code_that_sdks_look_at() {
    let bench = Bench::new(&[]);
    let missing = json!({"QueueUrl": "http://localhost/000000000000/missing", "MessageBody": "x"});
    let (status, headers, answer) = bench.call("SendMessage", missing).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(headers["content-type"], "application/x-amz-json-1.0");
    assert_eq!(headers["x-amzn-query-error"], "AWS.SimpleQueueService.NonExistentQueue;Sender");
    let expected = json!({
        "__type": "com.amazonaws.sqs#QueueDoesNotExist",
        "message": "The specified queue does not exist.",
    });
    assert_eq!(answer, expected);
    for (action, request, code) in [
        ("StartMessageMoveTask", json!({}), "InvalidAction"),
        ("SendMessage", json!({"MessageBody": "x"}), "MissingParameter"),
        ("SendMessage", json!({"QueueUrl": URL}), "MissingParameter"),
        ("SendMessage", json!({"QueueUrl": "orders", "MessageBody": "x"}), "InvalidAddress"),
        ("SendMessage", json!({"QueueUrl": URL, "MessageBody": 1}), "SerializationException"),
        ("ReceiveMessage", json!({"QueueUrl": URL, "WaitTimeSeconds": 21}), "InvalidParameterValue"),
        ("ReceiveMessage", json!({"QueueUrl": URL, "MaxNumberOfMessages": 0}), "InvalidParameterValue"),
        ("ChangeMessageVisibility", json!({"QueueUrl": URL, "ReceiptHandle": "x"}), "MissingParameter"),
        ("CreateQueue", json!({"QueueName": "a b"}), "InvalidParameterValue"),
        (
            "CreateQueue",
            json!({"QueueName": "x", "Attributes": {"DelaySeconds": "901"}}),
            "InvalidAttributeValue",
        ),
    ] {
        let (status, headers, answer) = bench.call(action, request).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{action}: {answer}");
        assert_eq!(headers["x-amzn-query-error"], format!("{code};Sender"), "{action}: {answer}");
    }
}

#[tokio::test]
async fn a_message_that_is_visible_again_is_not_in_flight() {
    let bench = Bench::new(&[]);
    bench.send("hello", None).await;
    let message = bench.receive("orders", 1).await.remove(0);
    bench.pass(30_000);
    let handle = &message["ReceiptHandle"];
    let change = json!({"QueueUrl": URL, "ReceiptHandle": handle, "VisibilityTimeout": 60});
    let (_, _, answer) = bench.call("ChangeMessageVisibility", change).await;
    assert_eq!(answer["__type"], "com.amazonaws.sqs#MessageNotInflight");
    bench.ok("DeleteMessage", json!({"QueueUrl": URL, "ReceiptHandle": handle})).await;
    assert_eq!(bench.depth(), (0, 0, 0), "the latest handle deletes even after its time");
}

#[tokio::test]
async fn queues_are_listed_by_prefix_in_pages() {
    let bench = Bench::new(&[]);
    bench.sqs.create_queue("orders-dlq", &[]).unwrap();
    let all = bench.ok("ListQueues", json!({"QueueNamePrefix": "orders"})).await;
    assert_eq!(all, json!({"QueueUrls": [URL, format!("{URL}-dlq")]}));
    let first = bench.ok("ListQueues", json!({"MaxResults": 1})).await;
    assert_eq!(first["QueueUrls"], json!(["http://localhost/000000000000/dead"]));
    let rest = bench.ok("ListQueues", json!({"MaxResults": 9, "NextToken": first["NextToken"]})).await;
    assert_eq!(rest, json!({"QueueUrls": [URL, format!("{URL}-dlq")]}));
}

#[tokio::test]
async fn attributes_change_one_by_one_and_an_empty_value_removes() {
    let bench = Bench::new(&[("VisibilityTimeout", "60"), ("SqsManagedSseEnabled", "true")]);
    let policy = json!({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": 5}).to_string();
    let set = |attributes: Value| json!({"QueueUrl": URL, "Attributes": attributes});
    bench.ok("SetQueueAttributes", set(json!({"RedrivePolicy": policy}))).await;
    let names = json!(["RedrivePolicy", "VisibilityTimeout", "SqsManagedSseEnabled", "QueueArn"]);
    let get = json!({"QueueUrl": URL, "AttributeNames": names});
    let expected = json!({
        "QueueArn": arn("orders"),
        "RedrivePolicy": policy,
        "SqsManagedSseEnabled": "true",
        "VisibilityTimeout": "60",
    });
    assert_eq!(bench.ok("GetQueueAttributes", get.clone()).await["Attributes"], expected);
    bench.ok("SetQueueAttributes", set(json!({"RedrivePolicy": ""}))).await;
    assert_eq!(bench.ok("GetQueueAttributes", get).await["Attributes"]["RedrivePolicy"], Value::Null);
}

#[test]
fn a_queue_exists_once() {
    let sqs = Sqs::open(None).unwrap();
    sqs.create_queue("orders", &[("DelaySeconds", "5")]).unwrap();
    sqs.create_queue("orders", &[("DelaySeconds", "5")]).unwrap();
    sqs.create_queue("orders", &[("VisibilityTimeout", "30")]).unwrap();
    let refused = sqs.create_queue("orders", &[("DelaySeconds", "6")]);
    assert!(matches!(refused, Err(Error::Refused { code: Code::QueueNameExists, .. })));
    let missing = sqs.depth("missing");
    assert!(matches!(missing, Err(Error::Refused { code: Code::QueueDoesNotExist, .. })));
}

#[test]
fn a_database_of_a_newer_version_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("queues.db");
    drop(Sqs::open(Some(&path)).unwrap());
    rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 4").unwrap();
    assert!(matches!(Sqs::open(Some(&path)), Err(Error::Schema { found: 4, known: 3 })));
}

#[test]
fn a_database_from_before_fifo_queues_is_brought_up_to_date_with_its_messages() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("queues.db");
    let sqs = Sqs::open(Some(&path)).unwrap();
    sqs.create_queue("orders", &[]).unwrap();
    drop(sqs);
    let before =
        "DROP TABLE handed; DROP INDEX messages_by_time; DROP TABLE deduplications; ALTER TABLE messages DROP COLUMN deduplication; PRAGMA user_version = 1;
                  INSERT INTO messages (queue, tenant, body, attributes, sent_ms, visible_ms, receives)
                      SELECT id, '', 'kept', '{}', 9000000000000, 0, 0 FROM queues;";
    rusqlite::Connection::open(&path).unwrap().execute_batch(before).unwrap();
    let sqs = Sqs::open(Some(&path)).unwrap();
    assert_eq!(sqs.depth("orders").unwrap().visible, 1);
    sqs.create_queue("orders.fifo", &[("FifoQueue", "true")]).unwrap();
}
