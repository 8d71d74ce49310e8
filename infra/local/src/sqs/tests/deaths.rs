//! Messages whose process died while it was handling them.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;

use super::super::Received;
use super::{Bench, arn};

const SECOND_MS: i64 = 1000;
const ERROR: &str = "the process died while handling it, five times";

fn bench() -> Bench {
    let policy = json!({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": 3}).to_string();
    Bench::new(&[("RedrivePolicy", &policy), ("VisibilityTimeout", "180")])
}

impl Bench {
    async fn take(&self, max: usize) -> Vec<Received> {
        self.sqs.take("orders", max, Some(Duration::ZERO)).await.unwrap()
    }

    /// Hands out one message after the other or one batch, and finishes them all. Gives their bodies.
    async fn work_off(&self) -> Vec<String> {
        let mut bodies = Vec::new();
        loop {
            let taken = self.take(10).await;
            if taken.is_empty() {
                return bodies;
            }
            self.sqs.finish("orders", &taken, &HashSet::new()).unwrap();
            bodies.extend(taken.into_iter().map(|message| message.body));
        }
    }
}

fn bodies(taken: &[Received]) -> Vec<&str> {
    taken.iter().map(|message| message.body.as_str()).collect()
}

#[tokio::test]
async fn six_kills_right_after_the_start_move_nothing_to_the_dead_letter_queue() {
    for waiting in [1, 2, 7, 60] {
        let bench = bench();
        for number in 0..waiting {
            bench.send(&number.to_string(), None).await;
        }
        for _ in 0..6 {
            bench.sqs.recover().unwrap();
            // Two pollers, killed before they finish.
            let (first, second) = (bench.take(10).await, bench.take(10).await);
            assert!(first.len() + second.len() <= 20);
            bench.pass(120);
        }
        bench.sqs.recover().unwrap();
        let mut seen = Vec::new();
        for _ in 0..20 {
            seen.extend(bench.work_off().await);
            bench.pass(2 * SECOND_MS);
        }
        assert_eq!(seen.iter().collect::<HashSet<_>>().len(), waiting, "{seen:?}");
        assert_eq!(bench.sqs.depth("dead").unwrap().visible, 0);
        assert_eq!(bench.depth(), (0, 0, 0));
    }
}

#[tokio::test]
async fn a_message_that_kills_its_process_five_times_alone_is_a_dead_letter_and_its_neighbours_are_not() {
    let bench = bench();
    for body in ["a", "b", "culprit", "c", "d"] {
        bench.send(body, None).await;
    }
    let (mut deaths, mut done) = (0, Vec::new());
    while bench.sqs.depth("dead").unwrap().visible == 0 {
        bench.sqs.recover().unwrap();
        // As long as this process lives.
        loop {
            let taken = bench.take(10).await;
            if taken.is_empty() {
                if bench.sqs.depth("dead").unwrap().visible > 0 || bench.depth() == (0, 0, 0) {
                    break;
                }
                bench.pass(SECOND_MS);
            } else if bodies(&taken).contains(&"culprit") {
                deaths += 1;
                assert!(deaths < 20, "it is never found out");
                break;
            } else {
                bench.sqs.finish("orders", &taken, &HashSet::new()).unwrap();
                done.extend(taken.into_iter().map(|message| message.body));
            }
        }
    }
    done.extend(bench.work_off().await);
    done.sort_unstable();
    assert_eq!(done, ["a", "b", "c", "d"]);
    assert_eq!(deaths, 6, "once in company, five times alone");
    let dead = bench.receive("dead", 10).await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0]["Body"], "culprit");
    assert_eq!(dead[0]["Attributes"]["DeadLetterQueueSourceArn"], arn("orders"));
    let url = "http://localhost/000000000000/dead";
    bench.pass(60 * SECOND_MS);
    let request = json!({"QueueUrl": url, "MessageAttributeNames": ["All"]});
    let dead = bench.ok("ReceiveMessage", request).await;
    let attributes = &dead["Messages"][0]["MessageAttributes"];
    assert_eq!(attributes["error"]["StringValue"], ERROR);
    assert_eq!(attributes["reason"]["StringValue"], "process_died");
}

#[tokio::test]
async fn a_receive_that_ended_with_the_process_is_not_counted_but_the_function_sees_that_it_is_a_repeat() {
    let bench = bench();
    bench.send("hello", None).await;
    bench.send("later", None).await;
    let taken = bench.take(10).await;
    assert_eq!(taken[0].system_attributes()["ApproximateReceiveCount"], "1");
    assert_eq!(bench.sqs.recover().unwrap(), 2);
    assert_eq!(bench.depth(), (2, 0, 0), "at once, not after the visibility timeout");
    let again = bench.take(10).await;
    assert_eq!(again.len(), 1, "suspects come alone");
    assert_eq!(again[0].system_attributes()["ApproximateReceiveCount"], "2");
    // Having failed it is no suspect any more, and this receive was its first that counts.
    let failed = HashSet::from([again[0].id.clone()]);
    bench.sqs.finish("orders", &again, &failed).unwrap();
    bench.work_off().await;
    for count in ["2", "3"] {
        bench.pass(180 * SECOND_MS);
        let again = bench.take(10).await;
        assert_eq!(again[0].system_attributes()["ApproximateReceiveCount"], count);
        bench.sqs.finish("orders", &again, &failed).unwrap();
    }
    bench.pass(180 * SECOND_MS);
    assert_eq!(bodies(&bench.take(10).await), [""; 0], "three receives are the queue's limit");
    assert_eq!(bench.sqs.depth("dead").unwrap().visible, 1);
}

#[tokio::test]
async fn what_failed_before_the_process_died_keeps_its_wait_and_its_count() {
    let bench = bench();
    bench.send("hello", None).await;
    let taken = bench.take(10).await;
    bench.sqs.finish("orders", &taken, &HashSet::from([taken[0].id.clone()])).unwrap();
    assert_eq!(bench.sqs.recover().unwrap(), 0);
    assert_eq!(bench.depth(), (0, 1, 0));
    bench.pass(180 * SECOND_MS);
    let again = bench.take(10).await;
    assert_eq!(again[0].system_attributes()["ApproximateReceiveCount"], "2");
}

#[tokio::test]
async fn one_suspect_is_handled_at_a_time_and_others_pass_it() {
    let bench = bench();
    bench.send("first", None).await;
    bench.send("second", None).await;
    bench.take(10).await;
    bench.sqs.recover().unwrap();
    bench.send("unsuspected", None).await;
    assert_eq!(bodies(&bench.take(10).await), ["first"]);
    assert_eq!(bodies(&bench.take(10).await), ["unsuspected"]);
    assert_eq!(bodies(&bench.take(10).await), [""; 0]);
    // The first takes long, as a delivery to a slow endpoint may.
    bench.pass(SECOND_MS);
    assert_eq!(bodies(&bench.take(10).await), ["second"]);
}

#[tokio::test]
async fn the_messages_of_a_function_that_panics_are_suspects_too() {
    let bench = bench();
    for body in ["a", "culprit"] {
        bench.send(body, None).await;
    }
    let mut panics = 0;
    while bench.sqs.depth("dead").unwrap().visible == 0 {
        let taken = bench.take(10).await;
        if taken.is_empty() {
            bench.pass(SECOND_MS);
        } else if bodies(&taken).contains(&"culprit") {
            panics += 1;
            assert!(panics < 20, "it is never found out");
            bench.sqs.died("orders", &taken).unwrap();
        } else {
            bench.sqs.finish("orders", &taken, &HashSet::new()).unwrap();
        }
    }
    assert_eq!((panics, bench.depth()), (6, (0, 0, 0)));
}

#[tokio::test]
async fn a_message_that_is_moved_by_the_redrive_policy_is_no_suspect_of_a_later_start() {
    let bench = bench();
    bench.send("hello", None).await;
    for _ in 0..3 {
        // Never finished: the process lives, its function is lost.
        assert_eq!(bench.take(10).await.len(), 1);
        bench.pass(180 * SECOND_MS);
    }
    assert_eq!(bench.take(10).await.len(), 0);
    assert_eq!(bench.sqs.depth("dead").unwrap().visible, 1);
    assert_eq!(bench.sqs.recover().unwrap(), 0);
}
