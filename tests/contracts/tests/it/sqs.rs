//! Sending, receiving and deleting.

use std::collections::HashMap;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageFluentBuilder;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    Message, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName,
    SendMessageBatchRequestEntry,
};
use contracts::Clients;

crate::checks!["sqs":
    a_queue_that_does_not_exist_is_named_so,
    a_queue_can_be_created_twice_with_the_same_attributes,
    a_sent_message_is_received_until_it_is_deleted,
    a_second_delete_succeeds,
    attributes_of_all_types_come_back_with_their_digest,
    only_the_requested_attributes_come_back,
    a_group_id_on_a_standard_queue_comes_back,
    a_quiet_group_is_received_before_the_backlog_of_a_busy_one,
    a_batch_stores_its_entries_and_names_the_one_that_failed,
    a_batch_delete_names_the_handle_that_is_invalid,
    a_purge_deletes_everything,
    a_long_poll_ends_when_a_message_arrives,
    a_long_poll_without_messages_ends_in_time_and_empty,
    a_deleted_queue_is_gone,
];

/// One queue and the few calls that most checks make on it.
pub(crate) struct Queue<'a> {
    clients: &'a Clients,
    pub(crate) url: String,
}

impl<'a> Queue<'a> {
    pub(crate) async fn create(clients: &'a Clients, attributes: &[(QueueAttributeName, &str)]) -> Self {
        Self::create_named(clients, &clients.name, attributes).await
    }

    pub(crate) async fn create_named(
        clients: &'a Clients,
        name: &str,
        attributes: &[(QueueAttributeName, &str)],
    ) -> Self {
        let attributes: HashMap<_, _> =
            attributes.iter().map(|(name, value)| (name.clone(), (*value).to_owned())).collect();
        let created = clients
            .sqs
            .create_queue()
            .queue_name(name)
            .set_attributes(Some(attributes))
            .send()
            .await
            .unwrap();
        Self { clients, url: created.queue_url.unwrap() }
    }

    pub(crate) async fn send(&self, body: &str) -> String {
        let sent =
            self.clients.sqs.send_message().queue_url(&self.url).message_body(body).send().await.unwrap();
        sent.message_id.unwrap()
    }

    /// A receive of up to ten messages with all that can be asked for; 10 s to handle them.
    pub(crate) fn receive(&self) -> ReceiveMessageFluentBuilder {
        self.clients
            .sqs
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .visibility_timeout(10)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
    }

    /// Receives and waits up to `wait_s` seconds for the first message.
    pub(crate) async fn messages(&self, wait_s: i32) -> Vec<Message> {
        self.receive().wait_time_seconds(wait_s).send().await.unwrap().messages.unwrap_or_default()
    }

    pub(crate) async fn one(&self) -> Message {
        let mut messages = self.messages(5).await;
        assert_eq!(messages.len(), 1);
        messages.remove(0)
    }

    pub(crate) async fn delete(&self, message: &Message) {
        let handle = message.receipt_handle().unwrap();
        self.clients.sqs.delete_message().queue_url(&self.url).receipt_handle(handle).send().await.unwrap();
    }

    pub(crate) async fn attribute(&self, name: QueueAttributeName) -> String {
        let request = self.clients.sqs.get_queue_attributes().queue_url(&self.url);
        let answer = request.attribute_names(name.clone()).send().await.unwrap();
        answer.attributes.unwrap().remove(&name).unwrap()
    }

    /// Visible, in flight, delayed.
    pub(crate) async fn depth(&self) -> [String; 3] {
        [
            self.attribute(QueueAttributeName::ApproximateNumberOfMessages).await,
            self.attribute(QueueAttributeName::ApproximateNumberOfMessagesNotVisible).await,
            self.attribute(QueueAttributeName::ApproximateNumberOfMessagesDelayed).await,
        ]
    }
}

pub(crate) fn system(message: &Message, name: MessageSystemAttributeName) -> Option<&str> {
    message.attributes()?.get(&name).map(String::as_str)
}

/// The code under which a call was refused.
pub(crate) fn code<T: Debug, E: ProvideErrorMetadata + Debug>(result: Result<T, SdkError<E>>) -> String {
    result.unwrap_err().code().unwrap().to_owned()
}

pub(crate) fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
}

pub(crate) fn text(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type("String").string_value(value).build().unwrap()
}

async fn a_queue_that_does_not_exist_is_named_so(clients: Clients) {
    let found = clients.sqs.get_queue_url().queue_name(&clients.name).send().await;
    assert!(found.unwrap_err().into_service_error().is_queue_does_not_exist());
    let queue = Queue::create(&clients, &[]).await;
    let url = format!("{}-other", queue.url);
    let sent = clients.sqs.send_message().queue_url(url).message_body("lost").send().await;
    assert!(sent.unwrap_err().into_service_error().is_queue_does_not_exist());
    let found = clients.sqs.get_queue_url().queue_name(&clients.name).send().await.unwrap();
    assert_eq!(found.queue_url.unwrap(), queue.url);
}

async fn a_queue_can_be_created_twice_with_the_same_attributes(clients: Clients) {
    let attributes = [(QueueAttributeName::VisibilityTimeout, "60")];
    let first = Queue::create(&clients, &attributes).await;
    let second = Queue::create(&clients, &attributes).await;
    assert_eq!(first.url, second.url);
    assert_eq!(first.attribute(QueueAttributeName::VisibilityTimeout).await, "60");
    let create = clients.sqs.create_queue().queue_name(&clients.name);
    let refused = create.attributes(QueueAttributeName::VisibilityTimeout, "61").send().await;
    assert!(refused.unwrap_err().into_service_error().is_queue_name_exists());
}

async fn a_sent_message_is_received_until_it_is_deleted(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let sent = clients.sqs.send_message().queue_url(&queue.url).message_body("hello").send().await.unwrap();
    assert_eq!(sent.md5_of_message_body(), Some("5d41402abc4b2a76b9719d911017c592"));
    assert_eq!(sent.md5_of_message_attributes(), None);
    assert_eq!(queue.depth().await, ["1", "0", "0"]);

    let message = queue.one().await;
    assert_eq!(message.body(), Some("hello"));
    assert_eq!(message.message_id(), sent.message_id());
    assert_eq!(message.md5_of_body(), sent.md5_of_message_body());
    assert_eq!(system(&message, MessageSystemAttributeName::ApproximateReceiveCount), Some("1"));
    let time_ms = |name| system(&message, name).unwrap().parse::<i64>().unwrap();
    let sent_ms = time_ms(MessageSystemAttributeName::SentTimestamp);
    assert!(sent_ms > 1_700_000_000_000, "milliseconds");
    assert!(time_ms(MessageSystemAttributeName::ApproximateFirstReceiveTimestamp) >= sent_ms);
    assert!(system(&message, MessageSystemAttributeName::SenderId).is_some());
    assert!(queue.messages(0).await.is_empty(), "in flight");
    assert_eq!(queue.depth().await, ["0", "1", "0"]);

    queue.delete(&message).await;
    assert_eq!(queue.depth().await, ["0", "0", "0"]);
}

async fn a_second_delete_succeeds(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    queue.send("hello").await;
    let message = queue.one().await;
    queue.delete(&message).await;
    queue.delete(&message).await;
}

async fn attributes_of_all_types_come_back_with_their_digest(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let number = MessageAttributeValue::builder().data_type("Number.minor_units").string_value("-12").build();
    let bytes =
        MessageAttributeValue::builder().data_type("Binary").binary_value(Blob::new([0, 159, 255])).build();
    let attributes = HashMap::from([
        ("text".to_owned(), text("grün")),
        ("number".to_owned(), number.unwrap()),
        ("bytes".to_owned(), bytes.unwrap()),
    ]);
    let send = clients.sqs.send_message().queue_url(&queue.url).message_body("hello");
    let sent = send.set_message_attributes(Some(attributes.clone())).send().await.unwrap();
    // Computed apart from any engine, by the rule in the SQS developer guide.
    assert_eq!(sent.md5_of_message_attributes(), Some("21c1449124cfea4a7e20e32e3a249819"));
    let message = queue.one().await;
    assert_eq!(message.message_attributes(), Some(&attributes));
    assert_eq!(message.md5_of_message_attributes(), sent.md5_of_message_attributes());
}

async fn only_the_requested_attributes_come_back(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let mut send = clients.sqs.send_message().queue_url(&queue.url).message_body("hello");
    for name in ["trace.id", "trace.span", "other"] {
        send = send.message_attributes(name, text("x"));
    }
    send.send().await.unwrap();
    let receive = || clients.sqs.receive_message().queue_url(&queue.url).visibility_timeout(0);
    let names = |message: &Message| {
        let mut names: Vec<_> =
            message.message_attributes().into_iter().flat_map(HashMap::keys).cloned().collect();
        names.sort();
        names
    };
    let bare = receive().send().await.unwrap().messages.unwrap().remove(0);
    assert_eq!(names(&bare), [""; 0]);
    assert_eq!(system(&bare, MessageSystemAttributeName::ApproximateReceiveCount), None);
    let prefixed =
        receive().message_attribute_names("trace.*").send().await.unwrap().messages.unwrap().remove(0);
    assert_eq!(names(&prefixed), ["trace.id", "trace.span"]);
    let named = receive().message_attribute_names("other").send().await.unwrap().messages.unwrap().remove(0);
    assert_eq!(names(&named), ["other"]);
}

async fn a_group_id_on_a_standard_queue_comes_back(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let send = clients.sqs.send_message().queue_url(&queue.url).message_body("hello");
    send.message_group_id("ep_1").send().await.unwrap();
    let message = queue.one().await;
    assert_eq!(system(&message, MessageSystemAttributeName::MessageGroupId), Some("ep_1"));
}

async fn a_quiet_group_is_received_before_the_backlog_of_a_busy_one(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    for number in 0..12 {
        let send = clients.sqs.send_message().queue_url(&queue.url).message_body(format!("busy {number}"));
        send.message_group_id("busy").send().await.unwrap();
    }
    assert_eq!(queue.messages(0).await.len(), 10);
    let send = clients.sqs.send_message().queue_url(&queue.url).message_body("quiet");
    send.message_group_id("quiet").send().await.unwrap();
    let next = queue.receive().max_number_of_messages(1).send().await.unwrap();
    assert_eq!(next.messages()[0].body(), Some("quiet"));
}

async fn a_batch_stores_its_entries_and_names_the_one_that_failed(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let send = clients.sqs.send_message_batch().queue_url(&queue.url);
    let answer =
        send.entries(entry("a", "first")).entries(entry("b", "bad \u{1}")).entries(entry("c", "third"));
    let answer = answer.send().await.unwrap();
    let ids: Vec<_> = answer.successful().iter().map(|entry| entry.id()).collect();
    assert_eq!(ids, ["a", "c"]);
    let [failed] = answer.failed() else { panic!("one entry fails") };
    assert_eq!((failed.id(), failed.sender_fault()), ("b", true));
    assert_eq!(failed.code(), "InvalidMessageContents");
    assert_eq!(queue.depth().await, ["2", "0", "0"]);
}

async fn a_batch_delete_names_the_handle_that_is_invalid(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    queue.send("hello").await;
    let message = queue.one().await;
    let entry = |id: &str, handle: &str| {
        let entry = aws_sdk_sqs::types::DeleteMessageBatchRequestEntry::builder().id(id);
        entry.receipt_handle(handle).build().unwrap()
    };
    let delete = clients.sqs.delete_message_batch().queue_url(&queue.url);
    let delete =
        delete.entries(entry("bad", "no handle")).entries(entry("good", message.receipt_handle().unwrap()));
    let answer = delete.send().await.unwrap();
    assert_eq!(answer.successful()[0].id(), "good");
    assert_eq!((answer.failed()[0].id(), answer.failed()[0].code()), ("bad", "ReceiptHandleIsInvalid"));
    assert_eq!(queue.depth().await, ["0", "0", "0"]);
}

async fn a_purge_deletes_everything(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    queue.send("in flight").await;
    queue.one().await;
    queue.send("visible").await;
    clients.sqs.purge_queue().queue_url(&queue.url).send().await.unwrap();
    assert_eq!(queue.depth().await, ["0", "0", "0"]);
}

async fn a_long_poll_ends_when_a_message_arrives(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let start = Instant::now();
    let send_later = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        queue.send("hello").await;
    };
    let (messages, ()) = tokio::join!(queue.messages(20), send_later);
    assert_eq!(messages[0].body(), Some("hello"));
    assert!(start.elapsed() < Duration::from_secs(15));
}

async fn a_long_poll_without_messages_ends_in_time_and_empty(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    let start = Instant::now();
    assert!(queue.messages(1).await.is_empty());
    assert!(start.elapsed() >= Duration::from_millis(900));
}

async fn a_deleted_queue_is_gone(clients: Clients) {
    let queue = Queue::create(&clients, &[]).await;
    clients.sqs.delete_queue().queue_url(&queue.url).send().await.unwrap();
    let sent = clients.sqs.send_message().queue_url(&queue.url).message_body("lost").send().await;
    assert_eq!(code(sent), "AWS.SimpleQueueService.NonExistentQueue");
}
