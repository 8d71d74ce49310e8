//! What SQS refuses.

use aws_sdk_sqs::types::QueueAttributeName;
use contracts::Clients;

use crate::sqs::{Queue, code, entry, text};

/// 1 MiB, the largest message and the largest batch.
const MAX_BYTES: usize = 1_048_576;

crate::checks!["sqs":
    a_message_of_one_mebibyte_is_accepted_and_one_byte_more_refused,
    attributes_count_towards_the_size_of_a_message,
    a_queue_can_lower_its_message_size,
    a_batch_over_one_mebibyte_is_refused_whole,
    a_batch_needs_one_to_ten_entries_with_distinct_ids,
    a_body_with_characters_beyond_xml_is_refused,
    an_entry_with_such_characters_fails_alone,
    an_attribute_is_refused_for_its_name_or_its_value,
    more_than_ten_attributes_are_refused,
    an_unknown_queue_attribute_is_refused,
    a_delay_over_fifteen_minutes_is_refused,
    more_than_ten_messages_cannot_be_asked_for,
];

async fn a_message_of_one_mebibyte_is_accepted_and_one_byte_more_refused(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let body = "x".repeat(MAX_BYTES);
    queue.send(&body).await;
    assert_eq!(queue.one().await.body().unwrap().len(), MAX_BYTES);
    let send = clients.sqs.send_message().queue_url(&queue.url);
    assert_eq!(code(send.message_body(body + "x").send().await), "InvalidParameterValue");
}

async fn attributes_count_towards_the_size_of_a_message(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let send = clients.sqs.send_message().queue_url(&queue.url).message_attributes("name", text("value"));
    let counted = "name".len() + "String".len() + "value".len();
    let fits = "x".repeat(MAX_BYTES - counted);
    send.clone().message_body(&fits).send().await.unwrap();
    assert_eq!(code(send.message_body(fits + "x").send().await), "InvalidParameterValue");
}

async fn a_queue_can_lower_its_message_size(clients: Clients) {
    let queue = Queue::create(&clients, &[(QueueAttributeName::MaximumMessageSize, "1024")]).await;
    queue.send(&"x".repeat(1024)).await;
    let send = clients.sqs.send_message().queue_url(&queue.url);
    assert_eq!(code(send.message_body("x".repeat(1025)).send().await), "InvalidParameterValue");
}

async fn a_batch_over_one_mebibyte_is_refused_whole(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let half = "x".repeat(MAX_BYTES / 2);
    let send = clients.sqs.send_message_batch().queue_url(&queue.url).entries(entry("a", &half));
    send.clone().entries(entry("b", &half)).send().await.unwrap();
    let refused = send.entries(entry("b", &(half + "x"))).send().await;
    assert!(refused.unwrap_err().into_service_error().is_batch_request_too_long());
    assert_eq!(queue.depth().await, ["2", "0", "0"]);
}

async fn a_batch_needs_one_to_ten_entries_with_distinct_ids(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let send = || clients.sqs.send_message_batch().queue_url(&queue.url);
    let refused = send().set_entries(Some(Vec::new())).send().await.unwrap_err().into_service_error();
    assert!(refused.is_empty_batch_request());
    let eleven = (0..11).map(|number| entry(&number.to_string(), "hello")).collect();
    let refused = send().set_entries(Some(eleven)).send().await.unwrap_err().into_service_error();
    assert!(refused.is_too_many_entries_in_batch_request());
    let twice = vec![entry("a", "hello"), entry("a", "again")];
    let refused = send().set_entries(Some(twice)).send().await.unwrap_err().into_service_error();
    assert!(refused.is_batch_entry_ids_not_distinct());
    let refused = send().entries(entry("a b", "hello")).send().await.unwrap_err().into_service_error();
    assert!(refused.is_invalid_batch_entry_id());
    assert_eq!(queue.depth().await, ["0", "0", "0"]);
}

/// Outside of XML 1.0's `Char`.
const REFUSED: [&str; 5] = ["nul \u{0}", "bell \u{7}", "escape \u{1b}", "\u{fffe}", "gift for \u{ffff}"];

async fn a_body_with_characters_beyond_xml_is_refused(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    queue.send("tab\t newline\n return\r delete\u{7f} \u{85}\u{9f}\u{d7ff}\u{e000}\u{feff}\u{fffd}\u{1fffe}\u{10ffff}").await;
    for body in REFUSED {
        let sent = clients.sqs.send_message().queue_url(&queue.url).message_body(body).send().await;
        assert!(sent.unwrap_err().into_service_error().is_invalid_message_contents(), "{body:?}");
    }
    assert_eq!(queue.depth().await, ["1", "0", "0"]);
}

async fn an_entry_with_such_characters_fails_alone(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    for body in REFUSED {
        let send = clients.sqs.send_message_batch().queue_url(&queue.url);
        let answer = send.entries(entry("good", "fine")).entries(entry("bad", body)).send().await.unwrap();
        let [failed] = answer.failed() else { panic!("{answer:?}") };
        assert_eq!(
            (failed.id(), failed.code(), failed.sender_fault()),
            ("bad", "InvalidMessageContents", true)
        );
        assert_eq!(answer.successful()[0].id(), "good");
    }
    assert_eq!(queue.depth().await, [REFUSED.len().to_string().as_str(), "0", "0"]);
}

async fn an_attribute_is_refused_for_its_name_or_its_value(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let send = async |name: &str, value: &str| {
        let send = clients.sqs.send_message().queue_url(&queue.url).message_body("hello");
        send.message_attributes(name, text(value)).send().await
    };
    send("x-sign_1.a", "é\u{10ffff}").await.unwrap();
    let long = "x".repeat(257);
    for name in ["x sign", "x!sign", ".x", "x.", "x..y", "AWS.x", "amazon.x", &long] {
        assert_eq!(code(send(name, "value").await), "InvalidParameterValue", "{name}");
    }
    for value in ["", "nul \u{0}", "\u{fffe}", "\u{ffff}"] {
        assert_eq!(code(send("x", value).await), "InvalidParameterValue", "{value:?}");
    }
}

async fn more_than_ten_attributes_are_refused(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let mut send = clients.sqs.send_message().queue_url(&queue.url).message_body("hello");
    for number in 0..10 {
        send = send.message_attributes(format!("a{number}"), text("value"));
    }
    send.clone().send().await.unwrap();
    assert_eq!(code(send.message_attributes("a10", text("value")).send().await), "InvalidParameterValue");
}

async fn an_unknown_queue_attribute_is_refused(clients: Clients) {
    let create = clients.sqs.create_queue().queue_name(&clients.name);
    let refused = create.attributes(QueueAttributeName::from("Colour"), "green").send().await;
    assert_eq!(code(refused), "InvalidAttributeName");
}

async fn a_delay_over_fifteen_minutes_is_refused(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let send = clients.sqs.send_message().queue_url(&queue.url).message_body("hello");
    send.clone().delay_seconds(900).send().await.unwrap();
    assert_eq!(code(send.delay_seconds(901).send().await), "InvalidParameterValue");
    assert_eq!(queue.depth().await, ["0", "0", "1"]);
}

async fn more_than_ten_messages_cannot_be_asked_for(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let refused = queue.receive().max_number_of_messages(11).send().await;
    assert_eq!(code(refused), "InvalidParameterValue");
}
