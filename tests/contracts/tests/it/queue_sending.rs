//! How `queue` sends, and how it answers a batch.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_lambda_events::sqs::{SqsMessage, SqsMessageAttribute};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use contracts::Clients;
use domain::{DeadLetterId, DeadLetterReason, WorkQueue};
use queue::{DeadMessage, Disposition, MAX_RECEIVE_COUNT, Outgoing, QueueError};

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
    a_dead_letter_tells_its_end_and_where_it_came_from,
    a_message_that_is_sent_again_says_which_dead_letter_it_is_until_it_dies_again,
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
    assert!(
        missing.dead_letter(&message("1", "hello", 1), DeadLetterReason::Unreadable, "why").await.is_err()
    );
}

async fn a_dead_letter_tells_its_end_and_where_it_came_from(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let mut dead = message("message-1", "not JSON", 3);
    dead.event_source_arn = Some("arn:aws:sqs:us-east-1:000000000000:events".to_owned());
    dead.attributes.insert("SentTimestamp".to_owned(), "1795348800123".to_owned());
    dead.attributes.insert("MessageGroupId".to_owned(), "src_1".to_owned());
    let why = DeadLetterReason::Unreadable;
    ours(&clients, &queue).dead_letter(&dead, why, "the message is not JSON").await.unwrap();
    let expected = DeadMessage {
        reason: why,
        error: Some("the message is not JSON".to_owned()),
        received_count: 3,
        message_id: "message-1".to_owned(),
        group: Some("src_1".to_owned()),
        sent_at: Some("2026-11-22T12:00:00.123Z".parse().unwrap()),
        origin: dead.event_source_arn,
        dead_letter: None,
        body: "not JSON".to_owned(),
    };
    assert_eq!(DeadMessage::read(&as_lambda(&queue.one().await)), expected);
}

async fn a_message_that_is_sent_again_says_which_dead_letter_it_is_until_it_dies_again(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let id = DeadLetterId::derive(WorkQueue::Events, "message-1");
    let group = Some("src_1".to_owned());
    ours(&clients, &queue).redrive(&id, "{}".to_owned(), group.clone(), Duration::ZERO).await.unwrap();
    let again = as_lambda(&queue.one().await);
    assert_eq!((again.body.as_deref(), queue::dead_letter_of(&again)), (Some("{}"), Some(id.clone())));
    assert_eq!(again.attributes.get("MessageGroupId"), group.as_ref());

    let dead_letters = Queue::create_named(&clients, &format!("{}-dlq", clients.name), &[]).await;
    ours(&clients, &dead_letters).dead_letter(&again, DeadLetterReason::TriesUsedUp, "no").await.unwrap();
    let dead = DeadMessage::read(&as_lambda(&dead_letters.one().await));
    assert_eq!((dead.dead_letter, Some(dead.message_id)), (Some(id), again.message_id));
}

/// As Lambda's mapping hands it to a function.
fn as_lambda(received: &Message) -> SqsMessage {
    let mut message = SqsMessage::default();
    message.message_id = received.message_id().map(str::to_owned);
    message.body = received.body().map(str::to_owned);
    for (name, value) in received.attributes().unwrap() {
        message.attributes.insert(name.as_str().to_owned(), value.clone());
    }
    for (name, value) in received.message_attributes().unwrap() {
        let mut attribute = SqsMessageAttribute::default();
        attribute.string_value = value.string_value().map(str::to_owned);
        message.message_attributes.insert(name.clone(), attribute);
    }
    message
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
    let dead = |error: &str| {
        let (reason, error) = (DeadLetterReason::Unreadable, error.to_owned());
        Disposition::DeadLetter { reason, error }
    };
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
    let told: BTreeMap<_, _> = letters
        .iter()
        .map(|letter| DeadMessage::read(&as_lambda(letter)))
        .map(|dead| (dead.body, (dead.reason, dead.error.unwrap(), dead.received_count)))
        .collect();
    let expected = [
        ("{}", (DeadLetterReason::TriesUsedUp, "no answer", MAX_RECEIVE_COUNT)),
        ("not JSON", (DeadLetterReason::Unreadable, "not an object", 1)),
        ("(empty)", (DeadLetterReason::Unreadable, "nothing in it", 1)),
    ];
    let expected =
        expected.map(|(body, (reason, error, count))| (body.to_owned(), (reason, error.to_owned(), count)));
    assert_eq!(told, expected.into());
}

async fn without_a_dead_letter_queue_nothing_is_acknowledged(clients: Clients) {
    let queue = Queue::create(&clients, &[(QueueAttributeName::VisibilityTimeout, "30")]).await;
    let missing = queue::Queue::new(clients.sqs.clone(), format!("{}-missing", queue.url));
    assert_eq!(failures(&missing).await, ["again", "once more", "tried", "dead", "empty"]);
}
