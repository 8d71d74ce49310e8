//! Long polls and the pollers of this process: who is woken, and when.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::super::Sqs;

/// Far less than the longest sleep of a waiter, and far more than a busy machine needs to wake one.
const SOON: Duration = Duration::from_secs(10);

fn engine() -> Sqs {
    let sqs = Sqs::open(None).unwrap();
    sqs.create_queue("orders", &[]).unwrap();
    sqs.create_queue("later", &[("DelaySeconds", "1")]).unwrap();
    sqs
}

async fn one(sqs: &Sqs, queue: &'static str) -> String {
    let taken = sqs.take(queue, 1, None).await.unwrap();
    taken.into_iter().map(|message| message.body).collect()
}

#[tokio::test]
async fn each_message_reaches_one_of_many_who_wait() {
    let sqs = engine();
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let sqs = sqs.clone();
        waiting.spawn(async move { one(&sqs, "orders").await });
    }
    tokio::task::yield_now().await;
    for number in 0..8 {
        sqs.put("orders", &number.to_string()).unwrap();
    }
    let all = timeout(SOON, waiting.join_all()).await.expect("nobody sleeps on");
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_unstable();
    assert_eq!(all, ["0", "1", "2", "3", "4", "5", "6", "7"]);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "whoever waits is a task beside the test")]
async fn a_delayed_message_is_found_when_it_is_due_although_who_knew_of_it_has_left() {
    let sqs = engine();
    let (first, second) = (sqs.clone(), sqs.clone());
    let started = Instant::now();
    let first = tokio::spawn(async move { first.take("later", 1, Some(Duration::from_millis(200))).await });
    tokio::task::yield_now().await;
    let second = tokio::spawn(async move { one(&second, "later").await });
    tokio::task::yield_now().await;
    // It wakes the first alone, who sleeps until then and gives up before.
    sqs.put("later", "hello").unwrap();
    assert!(first.await.unwrap().unwrap().is_empty());
    assert_eq!(timeout(SOON, second).await.expect("it does not sleep on").unwrap(), "hello");
    assert!(started.elapsed() >= Duration::from_millis(900));
}

/// Every look asks what time it is.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "whoever waits is a task beside the test")]
async fn a_message_of_one_queue_wakes_nobody_who_waits_for_another() {
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&looks);
    let sqs = engine().with_clock(Arc::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        1_800_000_000_000
    }));
    let other = sqs.clone();
    let other = tokio::spawn(async move { other.take("later", 1, Some(Duration::from_secs(2))).await });
    for number in 0..100 {
        sqs.put("orders", &number.to_string()).unwrap();
        tokio::task::yield_now().await;
    }
    assert!(other.await.unwrap().unwrap().is_empty());
    // One for each message that was put, and two for each look: the first and the last.
    assert!(looks.load(Ordering::Relaxed) <= 100 + 2 * 3, "{looks:?}");
}
