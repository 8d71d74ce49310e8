//! How `queue` sends, and how it answers a batch.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_lambda_events::sqs::{SqsMessage, SqsMessageAttribute};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use contracts::Clients;
use domain::{DeadLetterId, DeadLetterReason, WorkQueue};
use queue::{DeadMessage, Disposition, MAX_MESSAGE_BYTES, MAX_RECEIVE_COUNT, Outgoing, QueueError, Text};

use crate::sqs::{Queue, system};

crate::checks!["queue":
    a_message_arrives_as_it_was_sent_with_its_group,
    a_delayed_message_waits,
    more_messages_than_a_batch_takes_all_arrive,
    more_bytes_than_a_batch_takes_all_arrive,
    nothing_to_send_is_no_call,
    whatever_a_payer_typed_is_taken_and_comes_back,
    a_message_that_is_not_taken_fails_alone,
    a_message_that_is_too_large_fails_alone_and_for_good,
    a_missing_queue_is_an_error,
    a_dead_letter_tells_its_end_and_where_it_came_from,
    a_message_that_is_sent_again_says_which_dead_letter_it_is_until_it_dies_again,
    a_dead_letter_is_taken_whatever_it_holds,
    a_batch_is_answered_with_its_failures,
    without_a_dead_letter_queue_nothing_is_acknowledged,
];

fn outgoing(body: impl AsRef<str>, group: &str) -> Outgoing {
    let body = Text::verbatim(body.as_ref()).unwrap();
    Outgoing { body, delay: Duration::ZERO, group: group.to_owned() }
}

async fn send_all(ours: &queue::Queue, messages: Vec<Outgoing>) {
    ours.send_all(messages).await.into_iter().collect::<Result<(), _>>().unwrap();
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
    send_all(&ours, vec![delayed(600), outgoing("now", "g")]).await;
    assert_eq!(queue.depth().await, ["1", "0", "2"]);
    assert_eq!(queue.one().await.body(), Some("now"));
}

async fn more_messages_than_a_batch_takes_all_arrive(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let messages: Vec<Outgoing> =
        (0..25).map(|number| outgoing(number.to_string(), &format!("group-{}", number % 3))).collect();
    send_all(&ours(&clients, &queue), messages.clone()).await;
    let sent: BTreeSet<_> =
        messages.into_iter().map(|message| (message.body.to_string(), message.group)).collect();
    let taken = take(&queue, 25).await;
    let arrived = taken.iter().map(|message| {
        let group = system(message, MessageSystemAttributeName::MessageGroupId);
        (message.body().unwrap().to_owned(), group.unwrap().to_owned())
    });
    assert_eq!(arrived.collect::<BTreeSet<_>>(), sent);
}

async fn more_bytes_than_a_batch_takes_all_arrive(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let sizes = [500_000, 400_000, MAX_MESSAGE_BYTES, 148_576, 148_577, 1, 700_000];
    let messages = sizes.map(|size| outgoing("x".repeat(size), "g")).to_vec();
    send_all(&ours(&clients, &queue), messages).await;
    let mut arrived: Vec<usize> =
        take(&queue, sizes.len()).await.iter().map(|message| message.body().unwrap().len()).collect();
    arrived.sort_unstable();
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    assert_eq!(arrived, sizes);
}

async fn nothing_to_send_is_no_call(clients: Clients) {
    let nowhere = queue::Queue::new(clients.sqs.clone(), "http://127.0.0.1:9/000000000000/nowhere");
    assert!(nowhere.send_all(Vec::new()).await.is_empty());
}

async fn whatever_a_payer_typed_is_taken_and_comes_back(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let typed = "gift for \u{ffff}\u{fffe}\0\u{1b}\u{7f}\u{85}\u{1fffe}\u{feff}\u{202e}e\u{301}🛒";
    let json = || Outgoing { body: Text::json(&typed), ..outgoing("-", "g") };
    let ours = ours(&clients, &queue);
    ours.send(json()).await.unwrap();
    send_all(&ours, vec![json(), outgoing("neighbour", "g")]).await;
    let taken = take(&queue, 3).await;
    let read =
        taken.iter().filter_map(|message| serde_json::from_str::<String>(message.body().unwrap()).ok());
    assert_eq!(read.collect::<Vec<_>>(), [typed; 2]);
}

async fn a_message_that_is_not_taken_fails_alone(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    // SQS takes no spaces in the name of a group.
    let messages = vec![outgoing("one", "g"), outgoing("two", "no group"), outgoing("three", "g")];
    let outcomes = ours(&clients, &queue).send_all(messages).await;
    let [Ok(()), Err(QueueError::NotTaken { code }), Ok(())] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(code, "InvalidParameterValue");
    let taken = take(&queue, 2).await;
    let bodies: BTreeSet<_> = taken.iter().filter_map(Message::body).collect();
    assert_eq!(bodies, ["one", "three"].into());
}

async fn a_message_that_is_too_large_fails_alone_and_for_good(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let large = || outgoing("x".repeat(MAX_MESSAGE_BYTES + 1), "g");
    let ours = ours(&clients, &queue);
    let outcomes = ours.send_all(vec![outgoing("small", "g"), large(), outgoing("small", "g")]).await;
    let [Ok(()), Err(error @ QueueError::TooLarge { .. }), Ok(())] = &outcomes[..] else {
        panic!("{outcomes:?}")
    };
    assert!(error.is_lasting());
    assert!(matches!(ours.send(large()).await, Err(QueueError::TooLarge { .. })));
    assert!(take(&queue, 2).await.iter().all(|message| message.body() == Some("small")));
}

async fn a_missing_queue_is_an_error(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let missing = queue::Queue::new(clients.sqs.clone(), format!("{}-missing", queue.url));
    let sent = missing.send(outgoing("hello", "g")).await;
    assert!(matches!(sent, Err(QueueError::Unavailable { operation: "SendMessage", .. })));
    for sent in [vec![outgoing("hello", "g")], vec![outgoing("hello", "g"); 2]] {
        let outcomes = missing.send_all(sent).await;
        let is_missing = |outcome: &Result<(), QueueError>| {
            matches!(outcome, Err(QueueError::Unavailable { operation: "SendMessageBatch", .. }))
        };
        assert!(outcomes.iter().all(is_missing), "and it is not sent one by one: {outcomes:?}");
    }
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

async fn a_dead_letter_is_taken_whatever_it_holds(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let ours = ours(&clients, &queue);
    let whole = "x".repeat(MAX_MESSAGE_BYTES);
    for (body, error, kept, told) in [
        ("a\u{ffff}", "b\u{fffe}", "Ye+/vw==", "b\u{fffd}"),
        ("", "", "(empty)", "(empty)"),
        (&whole, &"é".repeat(2000), &whole, &"é".repeat(250)),
    ] {
        let dead = message("message-1", body, 1);
        ours.dead_letter(&dead, DeadLetterReason::Unreadable, error).await.unwrap();
        let letter = queue.one().await;
        assert!(letter.body() == Some(kept));
        let attributes = letter.message_attributes().unwrap();
        assert_eq!(attributes["error"].string_value(), Some(told));
        let encoding = attributes.get("body_encoding").and_then(|encoding| encoding.string_value());
        assert_eq!(encoding, (kept == "Ye+/vw==").then_some("base64"));
        let handle = letter.receipt_handle().unwrap();
        clients.sqs.delete_message().queue_url(&queue.url).receipt_handle(handle).send().await.unwrap();
    }
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
