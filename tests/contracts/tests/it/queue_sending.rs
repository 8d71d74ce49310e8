//! How `queue` sends, and how it answers a batch.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_lambda_events::sqs::SqsMessage;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use contracts::Clients;
use queue::{Disposition, MAX_RECEIVE_COUNT, Outgoing, QueueError};

use crate::sqs::{Queue, system};

crate::checks!["queue":
    a_message_arrives_as_it_was_sent_with_its_group,
    a_delayed_message_waits,
    more_messages_than_a_batch_takes_all_arrive,
    more_bytes_than_a_batch_takes_all_arrive,
    nothing_to_send_is_no_call,
    messages_that_were_not_taken_are_reported,
    a_message_that_no_batch_takes_is_an_error,
    a_missing_queue_is_an_error,
    a_dead_letter_has_its_reason_beside_it,
    a_batch_is_answered_with_its_failures,
    without_a_dead_letter_queue_nothing_is_acknowledged,
];

fn outgoing(body: impl Into<String>, group: &str) -> Outgoing {
    Outgoing { body: body.into(), delay: Duration::ZERO, group: group.to_owned() }
}

fn ours(clients: &Clients, queue: &Queue<'_>) -> queue::Queue {
    queue::Queue::new(clients.sqs.clone(), &queue.url)
}

/// Receives `count` messages and no more.
async fn take(queue: &Queue<'_>, count: usize) -> Vec<Message> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let messages = queue.messages(5).await;
        assert!(!messages.is_empty(), "{} of {count} messages arrived", taken.len());
        taken.extend(messages);
    }
    assert_eq!(taken.len(), count);
    assert!(queue.messages(0).await.is_empty());
    taken
}

async fn a_message_arrives_as_it_was_sent_with_its_group(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let body = "{\"text\":\"tab\\t, new line\\n, 注文 🛒\"}";
    ours(&clients, &queue).send(outgoing(body, "src_1")).await.unwrap();
    let message = queue.one().await;
    assert_eq!(message.body(), Some(body));
    assert_eq!(system(&message, MessageSystemAttributeName::MessageGroupId), Some("src_1"));
}

async fn a_delayed_message_waits(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let ours = ours(&clients, &queue);
    let delayed = |seconds| Outgoing { delay: Duration::from_secs(seconds), ..outgoing("later", "g") };
    // More than SQS's fifteen minutes is cut to these.
    ours.send(delayed(7200)).await.unwrap();
    ours.send_all(vec![delayed(600), outgoing("now", "g")]).await.unwrap();
    assert_eq!(queue.depth().await, ["1", "0", "2"]);
    assert_eq!(queue.one().await.body(), Some("now"));
}

async fn more_messages_than_a_batch_takes_all_arrive(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let messages: Vec<Outgoing> =
        (0..25).map(|number| outgoing(number.to_string(), &format!("group-{}", number % 3))).collect();
    ours(&clients, &queue).send_all(messages.clone()).await.unwrap();
    let sent: BTreeSet<_> = messages.into_iter().map(|message| (message.body, message.group)).collect();
    let taken = take(&queue, 25).await;
    let arrived = taken.iter().map(|message| {
        let group = system(message, MessageSystemAttributeName::MessageGroupId);
        (message.body().unwrap().to_owned(), group.unwrap().to_owned())
    });
    assert_eq!(arrived.collect::<BTreeSet<_>>(), sent);
}

async fn more_bytes_than_a_batch_takes_all_arrive(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let sizes = [500_000, 400_000, 1_048_576, 148_576, 148_577, 1, 700_000];
    let messages = sizes.map(|size| outgoing("x".repeat(size), "g")).to_vec();
    ours(&clients, &queue).send_all(messages).await.unwrap();
    let mut arrived: Vec<usize> =
        take(&queue, sizes.len()).await.iter().map(|message| message.body().unwrap().len()).collect();
    arrived.sort_unstable();
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    assert_eq!(arrived, sizes);
}

async fn nothing_to_send_is_no_call(clients: Clients) {
    let nowhere = queue::Queue::new(clients.sqs.clone(), "http://127.0.0.1:9/000000000000/nowhere");
    nowhere.send_all(Vec::new()).await.unwrap();
}

async fn messages_that_were_not_taken_are_reported(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    // SQS refuses the one character and takes the neighbours of its message.
    let messages = ["one", "nul \u{0}", "three", "nul \u{0} again"].map(|body| outgoing(body, "g")).to_vec();
    let refused = ours(&clients, &queue).send_all(messages).await;
    let Err(QueueError::NotTaken { failed: 2, sent: 4, code }) = refused else { panic!("{refused:?}") };
    assert_eq!(code, "InvalidMessageContents");
    let taken = take(&queue, 2).await;
    let bodies: BTreeSet<_> = taken.iter().filter_map(Message::body).collect();
    assert_eq!(bodies, ["one", "three"].into());
}

async fn a_message_that_no_batch_takes_is_an_error(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let messages = vec![outgoing("small", "g"), outgoing("x".repeat(1_048_577), "g"), outgoing("small", "g")];
    let refused = ours(&clients, &queue).send_all(messages).await;
    assert!(matches!(refused, Err(QueueError::Unavailable { operation: "SendMessageBatch", .. })));
    assert!(queue.messages(0).await.iter().all(|message| message.body() == Some("small")));
}

async fn a_missing_queue_is_an_error(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let missing = queue::Queue::new(clients.sqs.clone(), format!("{}-missing", queue.url));
    let sent = missing.send(outgoing("hello", "g")).await;
    assert!(matches!(sent, Err(QueueError::Unavailable { operation: "SendMessage", .. })));
    assert!(missing.send_all(vec![outgoing("hello", "g")]).await.is_err());
    assert!(missing.dead_letter("hello", "why", "1").await.is_err());
}

async fn a_dead_letter_has_its_reason_beside_it(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    ours(&clients, &queue).dead_letter("not JSON", "the message is not JSON", "message-1").await.unwrap();
    let letter = queue.one().await;
    assert_eq!(letter.body(), Some("not JSON"));
    let attributes = letter.message_attributes().unwrap();
    assert_eq!(attributes["reason"].string_value(), Some("the message is not JSON"));
    assert_eq!(attributes["original_message_id"].string_value(), Some("message-1"));
    assert_eq!(attributes.len(), 2);
}

fn message(id: &str, body: &str, receive_count: u32) -> SqsMessage {
    let mut message = SqsMessage::default();
    message.message_id = Some(id.to_owned());
    message.body = Some(body.to_owned());
    message.attributes.insert("ApproximateReceiveCount".to_owned(), receive_count.to_string());
    message
}

/// What Lambda is told to hand out again.
async fn failures(dead_letters: &queue::Queue) -> Vec<String> {
    let retry = || Disposition::Retry { reason: "no answer".to_owned() };
    let dead = |reason: &str| Disposition::DeadLetter { reason: reason.to_owned() };
    let outcomes = [
        (message("done", "{}", 1), Disposition::Done),
        (message("again", "{}", 1), retry()),
        (message("once more", "{}", MAX_RECEIVE_COUNT - 1), retry()),
        (message("tried", "{}", MAX_RECEIVE_COUNT), retry()),
        (message("dead", "not JSON", 1), dead("not an object")),
        (message("empty", "", 1), dead("nothing in it")),
    ];
    let response = queue::respond(dead_letters, outcomes).await;
    response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

async fn a_batch_is_answered_with_its_failures(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    assert_eq!(failures(&ours(&clients, &queue)).await, ["again", "once more"]);
    let letters = take(&queue, 3).await;
    let reasons: BTreeMap<_, _> = letters
        .iter()
        .map(|letter| (letter.body().unwrap(), letter.message_attributes().unwrap()["reason"].string_value()))
        .collect();
    let expected = [
        ("{}", Some("given up after 5 tries: no answer")),
        ("not JSON", Some("not an object")),
        ("(empty)", Some("nothing in it")),
    ];
    assert_eq!(reasons, expected.into());
}

async fn without_a_dead_letter_queue_nothing_is_acknowledged(clients: Clients) {
    let queue = Queue::create(&clients, &[(QueueAttributeName::VisibilityTimeout, "30")]).await;
    let missing = queue::Queue::new(clients.sqs.clone(), format!("{}-missing", queue.url));
    assert_eq!(failures(&missing).await, ["again", "once more", "tried", "dead", "empty"]);
}
