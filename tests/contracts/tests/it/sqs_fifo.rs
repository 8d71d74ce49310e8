//! FIFO queues, which may be destinations.

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use contracts::Clients;

use crate::sqs::{Queue, code};

crate::checks!["sqs":
    a_fifo_queue_has_a_name_of_its_own,
    a_fifo_queue_takes_a_deduplication_id_once,
    a_fifo_queue_gives_out_a_group_in_order_and_none_of_it_while_one_is_in_flight,
    a_message_to_a_fifo_queue_needs_a_group_and_a_deduplication_id,
    a_deduplication_id_is_not_for_a_standard_queue,
];

async fn fifo(clients: &Clients) -> Queue<'_> {
    let name = format!("{}.fifo", clients.name);
    Queue::create_named(clients, &name, &[(QueueAttributeName::FifoQueue, "true")]).await
}

impl Queue<'_> {
    /// Gives the message's id.
    async fn send_in(&self, clients: &Clients, group: &str, id: &str, body: &str) -> String {
        let message = clients.sqs.send_message().queue_url(&self.url).message_body(body);
        let message = message.message_group_id(group).message_deduplication_id(id);
        message.send().await.unwrap().message_id.unwrap()
    }
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().filter_map(Message::body).collect()
}

async fn a_fifo_queue_has_a_name_of_its_own(clients: Clients) {
    for (name, is_fifo) in [("", true), (".fifo", false)] {
        let create = clients.sqs.create_queue().queue_name(format!("{}{name}", clients.name));
        let create = if is_fifo { create.attributes(QueueAttributeName::FifoQueue, "true") } else { create };
        assert_eq!(code(create.send().await), "InvalidParameterValue", "{name}");
    }
}

async fn a_fifo_queue_takes_a_deduplication_id_once(clients: Clients) {
    let queue = fifo(&clients).await;
    let first = queue.send_in(&clients, "g", "d1", "one").await;
    assert_eq!(queue.send_in(&clients, "g", "d1", "one").await, first, "confirmed like the first");
    let message = queue.one().await;
    let system = message.attributes().unwrap();
    assert_eq!(system[&MessageSystemAttributeName::MessageDeduplicationId], "d1");
    assert_eq!(system[&MessageSystemAttributeName::MessageGroupId], "g");
    queue.delete(&message).await;
    queue.send_in(&clients, "g", "d1", "one").await;
    assert!(queue.messages(1).await.is_empty(), "also after the message is gone");
}

async fn a_fifo_queue_gives_out_a_group_in_order_and_none_of_it_while_one_is_in_flight(clients: Clients) {
    let queue = fifo(&clients).await;
    for (group, body) in [("a", "a1"), ("b", "b1"), ("a", "a2")] {
        queue.send_in(&clients, group, body, body).await;
    }
    let first = queue.receive().max_number_of_messages(1).send().await.unwrap().messages.unwrap();
    assert_eq!(bodies(&first), ["a1"]);
    let other = queue.messages(1).await;
    assert_eq!(bodies(&other), ["b1"], "the other group does not wait");
    assert!(queue.messages(1).await.is_empty());
    queue.delete(&first[0]).await;
    assert_eq!(bodies(&queue.messages(1).await), ["a2"]);
}

async fn a_message_to_a_fifo_queue_needs_a_group_and_a_deduplication_id(clients: Clients) {
    let queue = fifo(&clients).await;
    let message = || clients.sqs.send_message().queue_url(&queue.url).message_body("x");
    assert_eq!(code(message().message_deduplication_id("d").send().await), "MissingParameter");
    assert_eq!(code(message().message_group_id("g").send().await), "InvalidParameterValue");
}

async fn a_deduplication_id_is_not_for_a_standard_queue(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let message = clients.sqs.send_message().queue_url(&queue.url).message_body("x");
    assert_eq!(code(message.message_deduplication_id("d").send().await), "InvalidParameterValue");
}
