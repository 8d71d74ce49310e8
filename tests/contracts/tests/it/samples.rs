//! Payments, events and the like, made from small numbers.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use contracts::Clients;
use domain::{
    Arrival, Conditions, DEFAULT_TIMEOUT_SECONDS, Delivery, DeliveryId, DeliveryStatus, Destination,
    Encoding, Endpoint, EndpointFormat, EndpointId, EndpointLimits, EndpointStatus, Event, EventId,
    EventType, EventTypePattern, Fact, Notification, OperationKind, OperationState, Payment, PaymentId,
    SecretId, Signing, Source, SourceId, SourceStatus, VerifiedBy,
};
use jiff::Timestamp;
use providers::{Provider, Request, Secret, Settings, VerifiedMeta};
use store::{Page, PageRequest, Positioned, RawEvent, Read, Store, StoredPayment};

/// 2100-01-01: so far ahead that no engine's TTL takes an item away, this year or in many.
const BASE_MS: i64 = 4_102_444_800_000;

pub(crate) fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(BASE_MS + milliseconds).unwrap()
}

/// A store over a table of its own.
pub(crate) async fn store(clients: &Clients) -> Store {
    let store = Store::new(clients.dynamodb.clone(), &clients.name);
    store.create_table().await.unwrap();
    store
}

fn uuid(number: u64) -> [u8; 16] {
    u128::from(number).to_be_bytes()
}

pub(crate) fn source_id(number: u64) -> SourceId {
    SourceId::mint(uuid(number))
}

pub(crate) fn endpoint_id(number: u64) -> EndpointId {
    EndpointId::mint(uuid(number))
}

pub(crate) fn source(number: u64) -> Source {
    Source {
        id: source_id(number),
        provider: "stripe".to_owned(),
        name: format!("source {number}"),
        status: SourceStatus::Active,
        secrets: Vec::new(),
        settings: Settings::new(),
        api_credential: None,
        silent_after_hours: None,
        created_at: at(0),
        updated_at: at(0),
    }
}

pub(crate) fn endpoint(number: u64) -> Endpoint {
    Endpoint {
        id: endpoint_id(number),
        destination: Destination::Http { url: "https://shop.example/hooks".to_owned() },
        name: format!("endpoint {number}"),
        event_types: vec![EventTypePattern::everything()],
        sources: Vec::new(),
        conditions: Conditions::default(),
        format: EndpointFormat::Standard,
        encoding: Encoding::Json,
        signing: vec![Signing::V1],
        headers: None,
        retry_schedule: None,
        timeout_seconds: DEFAULT_TIMEOUT_SECONDS,
        limits: EndpointLimits::default(),
        status: EndpointStatus::Active,
        secrets: Vec::new(),
        created_at: at(0),
        updated_at: at(0),
    }
}

pub(crate) fn payment_id(number: u64) -> PaymentId {
    PaymentId::derive(&source_id(1), &provider_payment_id(number))
}

fn provider_payment_id(number: u64) -> String {
    format!("pi_{number}")
}

/// A capture of `amount`, as the event `key` of a payment says it.
pub(crate) fn notification(payment: u64, key: &str, amount: i64) -> Notification {
    Notification {
        dedupe_key: key.to_owned(),
        provider_event_id: None,
        provider_type: "charge.captured".to_owned(),
        event_type: EventType::PaymentCaptured,
        occurred_at: None,
        version: Some(amount),
        provider_payment_id: Some(provider_payment_id(payment)),
        object_id: None,
        amount: Some(amount),
        currency: "EUR".parse().ok(),
        exponent: None,
        facts: vec![Fact::Operation {
            kind: OperationKind::Capture,
            id: "ch_1".to_owned(),
            state: OperationState::Succeeded,
            amount: Some(amount),
            cause: None,
        }],
    }
}

/// The event `key` of a payment, as the store gives it back: without the notification's facts, which it
/// does not keep.
pub(crate) fn event(payment: u64, key: &str, received_at: Timestamp) -> Event {
    let key = dedupe_key(&provider_payment_id(payment), key);
    let id = EventId::derive(&source_id(1), Some(&payment_id(payment)), &key);
    Event { id, payment: Some(payment_id(payment)), ..event_without_payment(&key, received_at) }
}

/// Unique within the source, as the providers' own are.
fn dedupe_key(provider_payment_id: &str, key: &str) -> String {
    format!("{provider_payment_id}/{key}")
}

pub(crate) fn event_without_payment(key: &str, received_at: Timestamp) -> Event {
    Event {
        id: EventId::derive(&source_id(1), None, key),
        source: Some(source_id(1)),
        provider: "stripe".to_owned(),
        event_type: EventType::PaymentCaptured,
        payment: None,
        received_at,
        verified_by: VerifiedBy::Signature,
        confirmed_at: None,
        secret: Some(SecretId::mint(uuid(1))),
        notification: Notification { facts: Vec::new(), ..notification(1, key, 100) },
        transition: None,
        unconfirmed: None,
        notice: None,
        endpoints: Vec::new(),
    }
}

/// A payment that its event `first` has opened.
pub(crate) fn payment(number: u64, created_at: Timestamp) -> Payment {
    let first = event(number, "first", created_at);
    let mut payment = Payment::new(
        source_id(1),
        "stripe".to_owned(),
        provider_payment_id(number),
        first.id.clone(),
        created_at,
    );
    learn(&mut payment, "first", 100);
    payment
}

/// Folds the event `key` into a payment.
pub(crate) fn learn(payment: &mut Payment, key: &str, amount: i64) {
    let key = dedupe_key(&payment.provider_payment_id, key);
    let id = EventId::derive(&source_id(1), Some(&payment.id), &key);
    let arrival = Arrival {
        received_at: payment.created_at,
        verified_by: VerifiedBy::Signature,
        confirmed_at: None,
        secret: None,
    };
    payment.record(&id, &id, &notification(1, &key, amount), &arrival);
}

/// A payment as it was read at `revision`.
pub(crate) fn stored(payment: Payment, revision: u64) -> StoredPayment {
    let mut stored = StoredPayment::new(payment);
    stored.revision = revision;
    stored
}

/// A payment with the merchant's own reference.
pub(crate) fn payment_with_reference(number: u64, reference: &str, created_at: Timestamp) -> Payment {
    let mut payment = payment(number, created_at);
    let mut said = notification(number, "reference", 100);
    said.facts = vec![Fact::MerchantReference { reference: reference.to_owned() }];
    payment.ledger.apply(&payment.first_event.clone(), &said);
    payment
}

/// What verification finds in a webhook of Stripe's.
pub(crate) fn meta() -> VerifiedMeta {
    let stripe = simulators::Stripe::new([7; 16]);
    let webhook = stripe.sign("{}".to_owned(), at(0));
    let headers: Vec<(String, String)> =
        webhook.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let url = "https://pay.example/webhooks/src_1";
    let request = Request { method: "POST", url, headers: &headers, body: webhook.body.as_bytes() };
    let secret = Secret { id: &SecretId::mint(uuid(1)), text: stripe.secret() };
    let provider = Provider::find("stripe").unwrap();
    let verified = provider.verify(&request, &[secret], &Settings::new(), at(0)).unwrap();
    verified.into_parts().0
}

pub(crate) fn raw(body: impl Into<Vec<u8>>) -> RawEvent {
    RawEvent { meta: meta(), body: body.into(), answer: None }
}

/// Bytes without a pattern, always the same (xorshift, <https://www.jstatsoft.org/article/view/v008i14>).
pub(crate) fn incompressible(length: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_be_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// All pages of a listing, with at most `limit` items on each.
pub(crate) async fn walk<T>(limit: usize, page: impl AsyncFn(PageRequest) -> Page<T>) -> Vec<T> {
    let mut all = Vec::new();
    let mut request = PageRequest { after: None, limit };
    loop {
        let page = page(request.clone()).await;
        assert!(page.items.len() <= limit, "{} items on a page of {limit}", page.items.len());
        all.extend(page.items);
        match page.next {
            Some(next) => request.after = Some(next),
            None => return all,
        }
    }
}

/// A page of which every item can be read.
pub(crate) fn readable<T>(page: Page<Positioned<Read<T>>>) -> Page<T> {
    Page { items: page.items.into_iter().map(|entry| entry.item.unwrap()).collect(), next: page.next }
}

/// Makes an item unreadable, as one that a later release has written may be.
pub(crate) async fn spoil(clients: &Clients, pk: &str, sk: &str) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let update = clients.dynamodb.update_item().table_name(&clients.name);
    update
        .key("PK", text(pk))
        .key("SK", text(sk))
        .update_expression("SET d = :d")
        .expression_attribute_values(":d", AttributeValue::B(Blob::new([9; 9])))
        .send()
        .await
        .unwrap();
}

/// Of the event `key` of the first payment, to one of two endpoints.
pub(crate) fn delivery(key: &str, endpoint: u64) -> Delivery {
    let event = event(1, key, at(0)).id;
    Delivery {
        id: DeliveryId::derive(&event, &endpoint_id(endpoint)),
        event,
        endpoint: endpoint_id(endpoint),
        event_type: EventType::PaymentCaptured,
        status: DeliveryStatus::Retrying,
        created_at: at(0),
        next_attempt_at: None,
        dead_letter: None,
        attempts: Vec::new(),
    }
}
