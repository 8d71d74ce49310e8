//! SIGKILL at random moments under load.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use simulators::StandardWebhooks;
use tempfile::TempDir;

use crate::client::Client;
use crate::process::Payrelay;
use crate::receiver::Receiver;
use crate::{set_up, texts, try_send};

const KILLS: u64 = 14;
const SENDERS: usize = 3;
/// From `ready` to the kill.
const LONGEST_LIFE_MS: u64 = 900;
/// For what is left when nobody kills any more.
const PATIENCE: Duration = Duration::from_secs(60);

/// Gives the same lives again: `PAYRELAY_SEED`, or of this process. It is printed.
fn seed() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a switch of this test")]
    let given = std::env::var("PAYRELAY_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| u64::from(std::process::id()))
}

/// splitmix64: <https://prng.di.unimi.it/splitmix64.c>
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Shared by the senders: where the process is now, if it is there, and what it acknowledged.
#[derive(Default)]
struct Load {
    client: Mutex<Option<Arc<Client>>>,
    acknowledged: Mutex<BTreeSet<String>>,
    ended: Mutex<bool>,
    number: AtomicUsize,
}

impl Load {
    fn send_until_ended(&self, source: &str, sender: &StandardWebhooks) {
        while !*self.ended.lock().unwrap() {
            let client = self.client.lock().unwrap().clone();
            let Some(client) = client else {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            };
            let id = format!("msg_{}", self.number.fetch_add(1, Ordering::Relaxed));
            if try_send(&client, source, sender, &id) {
                self.acknowledged.lock().unwrap().insert(id);
            }
            // More than it handles, so that a backlog grows; not so much that the end takes long.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn fourteen_kills_under_load_lose_nothing_and_make_no_dead_letter() {
    let (seed, started) = (seed(), Instant::now());
    println!("PAYRELAY_SEED={seed}");
    let mut state = seed;
    let data = TempDir::new().unwrap();
    let arguments = ["--data-dir", data.path().to_str().unwrap()];
    let mut payrelay = Payrelay::start(&arguments, None);
    let key = payrelay.admin_key();
    let sender = StandardWebhooks::new([7; 32]);
    let mut receiver = Receiver::start();
    let source = set_up(&payrelay.client(&key), &sender, &receiver);
    let load = Load::default();
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| load.send_until_ended(&source, &sender));
        }
        for _ in 0..KILLS {
            *load.client.lock().unwrap() = Some(Arc::new(payrelay.client(&key)));
            std::thread::sleep(Duration::from_millis(random(&mut state) % LONGEST_LIFE_MS));
            payrelay.kill();
            *load.client.lock().unwrap() = None;
            payrelay = Payrelay::start(&arguments, None);
            assert_eq!(payrelay.admin_key(), key);
            payrelay.await_ready();
        }
        *load.ended.lock().unwrap() = true;
    });
    let acknowledged = load.acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= 5, "there was no load: {}", acknowledged.len());
    receiver.wait_for(&acknowledged);
    let client = payrelay.client(&key);
    let [sqs, _] = payrelay.engines();
    let engine = Client::new(sqs.strip_prefix("http://").unwrap(), "");
    wait_until_idle(&engine);
    let recorded = recorded(&client);
    let lost: Vec<_> = acknowledged.difference(&recorded).collect();
    assert!(lost.is_empty(), "acknowledged and not recorded: {lost:?}");
    assert_eq!(DEAD_LETTER_QUEUES.map(|queue| depth(&engine, queue)), [0; 3], "dead letters");
    assert_eq!(waiting(&client), 0, "dead letters");
    let twice = receiver.arrived() - receiver.webhook_ids().len();
    println!(
        "{} acknowledged, {} recorded, 0 lost, 0 dead letters, {twice} delivered twice, {:.1} s",
        acknowledged.len(),
        recorded.len(),
        started.elapsed().as_secs_f64()
    );
    assert_eq!(payrelay.end("-INT").code, Some(0));
}

const DEAD_LETTER_QUEUES: [&str; 3] = ["events-dlq", "deliveries-dlq", "fetches-dlq"];

/// Dead letters that are recorded.
fn waiting(client: &Client) -> usize {
    client.get("/v1/dead-letters?limit=100").expect(200)["data"].as_array().unwrap().len()
}

/// All events, page by page, by their provider's ids.
fn recorded(client: &Client) -> BTreeSet<String> {
    let (mut all, mut path) = (BTreeSet::new(), "/v1/events?limit=100".to_owned());
    loop {
        let page = client.get(&path).expect(200);
        let count = page["data"].as_array().unwrap().len();
        let ids = texts(&page["data"], "provider_event_id");
        assert_eq!(ids.len(), count, "each is recorded once");
        all.extend(ids);
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/events?limit=100&cursor={cursor}"),
            None => return all,
        }
    }
}

/// Visible, in flight and delayed messages of a queue.
fn depth(engine: &Client, queue: &str) -> u64 {
    let url = format!("http://localhost/000000000000/{queue}");
    let request = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
    let answer = engine.action("AmazonSQS.GetQueueAttributes", &request).expect(200);
    let number = |name: &str| -> u64 {
        answer["Attributes"][name].as_str().and_then(|number| number.parse().ok()).unwrap()
    };
    ["", "NotVisible", "Delayed"]
        .map(|state| number(&format!("ApproximateNumberOfMessages{state}")))
        .iter()
        .sum()
}

fn wait_until_idle(engine: &Client) {
    let started = Instant::now();
    loop {
        let left: Vec<Value> = ["events", "deliveries", "slow-deliveries", "fetches"]
            .into_iter()
            .filter_map(|queue| {
                Some(depth(engine, queue)).filter(|depth| *depth > 0).map(|depth| json!([queue, depth]))
            })
            .collect();
        if left.is_empty() {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "still queued: {left:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// As many webhooks wait as two batches hold; the process is killed as soon as it has begun with them, six times.
#[test]
fn six_kills_right_after_the_start_move_nothing_to_the_dead_letter_queue() {
    let data = TempDir::new().unwrap();
    let arguments = ["--data-dir", data.path().to_str().unwrap()];
    let mut payrelay = Payrelay::start(&arguments, None);
    let key = payrelay.admin_key();
    let sender = StandardWebhooks::new([7; 32]);
    let mut receiver = Receiver::start();
    let client = payrelay.client(&key);
    let source = set_up(&client, &sender, &receiver);
    let mut acknowledged = BTreeSet::new();
    std::thread::scope(|scope| {
        let (client, source, sender) = (&client, &source, &sender);
        let sending = (0..4).map(|thread| {
            scope.spawn(move || {
                (0..15)
                    .map(|number| format!("msg_{thread}_{number}"))
                    .filter(|id| try_send(client, source, sender, id))
                    .collect::<Vec<_>>()
            })
        });
        let sending: Vec<_> = sending.collect();
        for sent in sending {
            acknowledged.extend(sent.join().unwrap());
        }
    });
    assert_eq!(acknowledged.len(), 60);
    for _ in 0..6 {
        payrelay.kill();
        payrelay = Payrelay::start(&arguments, None);
        payrelay.admin_key();
        payrelay.await_ready();
        std::thread::sleep(Duration::from_millis(60));
    }
    receiver.wait_for(&acknowledged);
    let [sqs, _] = payrelay.engines();
    let engine = Client::new(sqs.strip_prefix("http://").unwrap(), "");
    wait_until_idle(&engine);
    assert_eq!(DEAD_LETTER_QUEUES.map(|queue| depth(&engine, queue)), [0; 3]);
    assert_eq!(waiting(&payrelay.client(&key)), 0);
    let ended = payrelay.end("-INT");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_start_says_how_many_dead_letters_wait() {
    let data = TempDir::new().unwrap();
    let arguments = ["--data-dir", data.path().to_str().unwrap()];
    let mut payrelay = Payrelay::start(&arguments, None);
    let key = payrelay.admin_key();
    let [sqs, _] = payrelay.engines();
    let engine = Client::new(sqs.strip_prefix("http://").unwrap(), "");
    for queue in ["events-dlq", "deliveries-dlq", "deliveries-dlq"] {
        let url = format!("http://localhost/000000000000/{queue}");
        engine.action("AmazonSQS.SendMessage", &json!({ "QueueUrl": url, "MessageBody": "x" })).expect(200);
    }
    // Recorded as one, and gone from the queue: until then it would count twice.
    let started = Instant::now();
    while waiting(&payrelay.client(&key)) < 3
        || DEAD_LETTER_QUEUES.iter().any(|queue| depth(&engine, queue) > 0)
    {
        assert!(started.elapsed() < PATIENCE, "they are not recorded");
        std::thread::sleep(Duration::from_millis(50));
    }
    payrelay.kill();
    let mut payrelay = Payrelay::start(&arguments, None);
    payrelay.admin_key();
    payrelay.await_ready();
    assert_eq!(payrelay.line(), "dead letters waiting: 3 (GET /v1/dead-letters)");
}
