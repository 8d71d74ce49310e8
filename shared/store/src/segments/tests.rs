use super::*;
use crate::StoredPayment;
use crate::item::{REVISION, number};
use domain::{
    Arrival, EventId, EventType, Fact, Notification, OperationKind, OperationState, Payment, SourceId,
    VerifiedBy,
};
use jiff::Timestamp;
use platform::{Aws, AwsEndpoints};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Like a provider's id: it has 24 characters that do not compress.
fn random_id(prefix: &str, seed: &str) -> String {
    let text = data_encoding::BASE64URL_NOPAD.encode(&Sha256::digest(seed.as_bytes()));
    format!("{prefix}_{}", &text.replace(['-', '_'], "x")[..24])
}

fn source() -> SourceId {
    SourceId::mint([1; 16])
}

fn at(second: usize) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + i64::try_from(second).expect("small")).expect("in range")
}

fn refunds(number: usize, refunds: impl IntoIterator<Item = String>) -> Notification {
    Notification {
        dedupe_key: random_id("evt", &number.to_string()),
        provider_event_id: None,
        provider_type: "charge.refunded".to_owned(),
        event_type: EventType::RefundSucceeded,
        occurred_at: Some(at(number)),
        version: None,
        provider_payment_id: Some("pi_1".to_owned()),
        object_id: None,
        amount: Some(1),
        currency: "EUR".parse().ok(),
        exponent: None,
        facts: refunds
            .into_iter()
            .map(|id| Fact::Operation {
                kind: OperationKind::Refund,
                id,
                state: OperationState::Succeeded,
                amount: Some(1),
                cause: None,
            })
            .collect(),
    }
}

fn record(payment: &mut Payment, notification: &Notification, second: usize) {
    let id = EventId::derive(&source(), Some(&payment.id), &notification.dedupe_key);
    let arrival = Arrival {
        received_at: at(second),
        verified_by: VerifiedBy::Signature,
        confirmed_at: None,
        secret: None,
    };
    payment.record(&id, &id, notification, &arrival);
}

fn payment() -> Payment {
    let first = EventId::derive(&source(), None, "first");
    Payment::new(source(), "stripe".to_owned(), "pi_1".to_owned(), first, at(0))
}

fn item_bytes(item: &Item) -> usize {
    let bytes = |value: &aws_sdk_dynamodb::types::AttributeValue| match (value.as_s(), value.as_b()) {
        (Ok(text), _) => text.len(),
        (_, Ok(blob)) => blob.as_ref().len(),
        _ => 8,
    };
    item.iter().map(|(name, value)| name.len() + bytes(value)).sum()
}

/// A table of one payment, in memory: what its items say is all that the next write knows.
#[derive(Default)]
struct Table {
    head: Option<Item>,
    segments: HashMap<String, Item>,
}

impl Table {
    fn read(&self) -> StoredPayment {
        let Some(head) = &self.head else { return StoredPayment::new(payment()) };
        let base = get_text(head, SEGMENT).map(|last| {
            let ledger = joined(&self.segments, last).expect("segments are read").expect("none is missing");
            Base { ledger: Arc::new(ledger), last: Some(last.to_owned()) }
        });
        StoredPayment::from_head(head, base).expect("the head is read")
    }

    /// Gives the sizes of what was written.
    fn write(&mut self, stored: StoredPayment) -> Vec<usize> {
        let (segments, head) = stored.items().expect("it fits");
        let sizes = segments.iter().chain([&head]).map(item_bytes).collect();
        for segment in segments {
            self.segments.insert(get_text(&segment, keys::SK).expect("a key").to_owned(), segment);
        }
        self.head = Some(head);
        sizes
    }
}

#[test]
fn a_payment_is_written_at_the_same_cost_however_long_its_history() {
    let mut table = Table::default();
    let mut expected = payment();
    let mut heaviest = [0_usize; 2];
    let mut written = [0_usize; 2];
    for number in 0..400 {
        let mut stored = table.read();
        if number % 20 == 0 {
            assert_eq!(stored.payment.ledger, expected.ledger, "after {number} events");
        }
        stored.payment.outbox.clear();
        expected.outbox.clear();
        let said = refunds(number, [random_id("re", &number.to_string())]);
        record(&mut stored.payment, &said, number);
        record(&mut expected, &said, number);
        let sizes = table.write(stored);
        // Up to a hundred operations are shown with each event: it grows until then.
        let Some(late) = number.checked_sub(120).map(|number| usize::from(number >= 140)) else { continue };
        heaviest[late] = heaviest[late].max(sizes.iter().sum());
        written[late] += sizes.iter().map(|bytes| bytes.div_ceil(1024)).sum::<usize>();
    }
    assert!(heaviest[1] <= heaviest[0] + 512 && heaviest[1] < 16 * 1024, "{heaviest:?}");
    assert!(written[1] <= written[0] * 5 / 4, "write units of 140 events each: {written:?}");
    assert!(table.segments.len() > 3, "{} segments", table.segments.len());
}

#[test]
fn what_one_event_tells_of_thousands_of_operations_is_cut_into_items_that_fit() {
    let mut table = Table::default();
    let mut stored = table.read();
    let ids = (0..20_000).map(|number| random_id("re", &number.to_string()));
    record(&mut stored.payment, &refunds(1, ids), 1);
    let expected = stored.payment.ledger.clone();
    let sizes = table.write(stored);
    assert!(sizes.len() > 2 && sizes.iter().all(|bytes| *bytes < 320 * 1024), "{sizes:?}");
    let read = table.read();
    assert_eq!(read.payment.ledger, expected);
    assert_eq!(table.write(read).len(), 1, "segments are written once");
    assert_eq!(table.read().payment.ledger, expected);
}

#[test]
fn a_segment_of_a_write_that_lost_its_race_disturbs_nobody() {
    let mut table = Table::default();
    let mut stored = table.read();
    record(&mut stored.payment, &refunds(1, (0..300).map(|number| random_id("re", &number.to_string()))), 1);
    table.write(stored);
    let (mut winner, mut loser) = (table.read(), table.read());
    for (stored, name) in [(&mut winner, "winner"), (&mut loser, "loser")] {
        let ids = (0..300).map(|number| random_id("re", &format!("{name}{number}")));
        record(&mut stored.payment, &refunds(2, ids), 2);
    }
    let expected = winner.payment.ledger.clone();
    let (orphans, _) = loser.items().expect("it fits");
    assert_eq!(orphans.len(), 1);
    for orphan in orphans {
        table.segments.insert(get_text(&orphan, keys::SK).expect("a key").to_owned(), orphan);
    }
    table.write(winner);
    assert_eq!(table.read().payment.ledger, expected);
    assert_eq!(table.segments.len(), 3);
}

#[test]
fn a_small_payment_is_one_item() {
    let mut table = Table::default();
    for number in 0..10 {
        let mut stored = table.read();
        stored.payment.outbox.clear();
        record(&mut stored.payment, &refunds(number, [random_id("re", &number.to_string())]), number);
        assert_eq!(table.write(stored).len(), 1);
    }
    assert!(table.head.as_ref().is_some_and(|head| !head.contains_key(SEGMENT)));
}

/// As it was written before there were segments and snapshots: the ledger whole, and again in each outbox entry.
fn old_item(payment: &Payment) -> (Item, usize) {
    let mut json = serde_json::to_value(payment).expect("plain data");
    let ledger = json["ledger"].clone();
    for entry in json["outbox"].as_array_mut().expect("an outbox") {
        entry["transition"]["after"] = ledger.clone();
    }
    let plain = json.to_string().into_bytes();
    let dictionary = include_bytes!("../dictionary-1.txt");
    let mut compressor = zstd::bulk::Compressor::with_dictionary(9, dictionary).expect("a dictionary");
    let mut data = vec![1];
    data.extend(compressor.compress(&plain).expect("compresses"));
    let mut item = key(payment.id.pk(), payment.id.sk());
    item.insert(DATA.to_owned(), blob(data));
    item.insert(REVISION.to_owned(), number(7));
    (item, plain.len())
}

#[tokio::test]
async fn a_payment_that_was_stored_too_large_to_be_read_is_read_and_goes_into_segments() {
    let mut recorded = payment();
    for event in 0..3 {
        let ids = (0..4_000).map(|number| format!("re_{event}_{number}"));
        record(&mut recorded, &refunds(event, ids), event);
    }
    // As it is after it was stored: times have milliseconds.
    recorded =
        serde_json::from_str(&serde_json::to_string(&recorded).expect("plain data")).expect("reads back");
    let (item, plain_bytes) = old_item(&recorded);
    assert!(
        plain_bytes > 4 * 1024 * 1024 && item_bytes(&item) < 400 * 1024,
        "{plain_bytes} {}",
        item_bytes(&item)
    );
    // Nothing is asked of the table: the item names no segment.
    let aws = Aws::local(AwsEndpoints::default());
    let store = Store::new(aws.dynamodb(), "payrelay");
    let read = store.read_payment(&item, true).await.expect("it is read");
    assert_eq!((read.payment.ledger.clone(), read.revision), (recorded.ledger.clone(), 7));
    let after = &read.payment.outbox.last().expect("an entry").transition.after;
    assert_eq!((after.operations.len(), after.operations_count), (100, 12_000));

    let mut table = Table { head: Some(item), segments: HashMap::new() };
    let mut stored = table.read();
    stored.payment.outbox.clear();
    record(&mut stored.payment, &refunds(9, ["re_last".to_owned()]), 9);
    let expected = stored.payment.ledger.clone();
    table.write(stored);
    assert!(!table.segments.is_empty());
    assert!(table.head.as_ref().is_some_and(|head| item_bytes(head) < 8 * 1024));
    assert_eq!(table.read().payment.ledger, expected);
}

#[test]
fn what_can_not_be_read_again_is_not_written() {
    let huge = Value::String("x".repeat(64 * 1024 * 1024));
    assert!(matches!(codec::encode(&huge), Err(StoreError::TooLarge)));
    let large = "x".repeat(5 * 1024 * 1024);
    let stored = codec::encode(&large).expect("it can be written");
    assert_eq!(codec::decode::<String>("test", &stored).expect("and read"), large);
    // A blob that claims to be larger than anything that is written.
    let mut compressor = zstd::bulk::Compressor::new(1).expect("a compressor");
    let mut bomb = vec![1];
    bomb.extend(compressor.compress(&vec![0; 65 * 1024 * 1024]).expect("compresses"));
    assert!(matches!(codec::decode_bytes("test", &bomb), Err(StoreError::Corrupt { .. })));
}
