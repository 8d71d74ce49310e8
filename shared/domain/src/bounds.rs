//! How long the texts may be that others choose and that we write into keys, items and messages: each of these has a limit.
//!
//! **Guarantee:** a text within its bound stays as it is. A longer one becomes its beginning, `…` and a hash of all of it, so
//! two different texts stay different, the same text stays the same, and everybody sees that something is missing. The whole
//! stands in the bytes of the event, which nothing here touches. To bound a bounded text changes nothing.

use data_encoding::BASE32_DNSSEC;
use sha2::{Digest, Sha256};

/// A merchant reference is part of an index key, of which DynamoDB takes 2,048 bytes
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-partition-sort-keys>). Stripe's
/// metadata, where most of them stand, has 500 characters of at most four bytes.
pub const MAX_REFERENCE_BYTES: usize = 2000;

/// An id, or the provider's name of a type: at every provider they have tens of characters. A payment shows a hundred of them with
/// each of its events.
pub const MAX_ID_BYTES: usize = 1024;

/// May be a token with a signature (Plaid's, of 4 KiB at most), or several ids. It stands in its event alone.
pub(crate) const MAX_DEDUPE_KEY_BYTES: usize = 8 * 1024;

/// See the module's documentation. `max_bytes` has room for the mark and the hash.
#[must_use]
pub fn bounded(text: String, max_bytes: usize) -> String {
    if text.len() <= max_bytes {
        return text;
    }
    // 130 bits in 26 characters: nobody finds two texts with the same.
    let hash = BASE32_DNSSEC.encode(&Sha256::digest(&text)[..16]);
    let end = text.floor_char_boundary(max_bytes - '…'.len_utf8() - hash.len());
    format!("{}…{hash}", &text[..end])
}

/// A merchant reference as it is recorded, shown and looked up.
#[must_use]
pub fn bounded_reference(text: String) -> String {
    bounded(text, MAX_REFERENCE_BYTES)
}

/// An id of the provider's as it is recorded, shown and looked up.
#[must_use]
pub fn bounded_id(text: String) -> String {
    bounded(text, MAX_ID_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CONTENT_KEY, EventType, Fact, Notification, OperationKind, OperationState};
    use proptest::prelude::*;

    /// Every text of it is `long`.
    fn notification(long: &str) -> Notification {
        let own = || Some(long.to_owned());
        Notification {
            dedupe_key: long.to_owned(),
            provider_event_id: own(),
            provider_type: long.to_owned(),
            event_type: EventType::PaymentCaptured,
            occurred_at: None,
            version: None,
            provider_payment_id: own(),
            object_id: own(),
            amount: None,
            currency: None,
            exponent: None,
            facts: vec![
                Fact::Operation {
                    kind: OperationKind::Capture,
                    id: long.to_owned(),
                    state: OperationState::Succeeded,
                    amount: None,
                    cause: None,
                },
                Fact::Dispute { id: long.to_owned(), stage: None, amount: None, funds: None },
                Fact::MerchantReference { reference: long.to_owned() },
            ],
        }
    }

    #[test]
    fn no_text_of_a_notification_is_without_a_bound() {
        let largest = MAX_DEDUPE_KEY_BYTES + 6 * MAX_ID_BYTES + MAX_REFERENCE_BYTES;
        let bounded = notification(&"€".repeat(100_000)).bounded();
        let written = serde_json::to_string(&bounded).unwrap();
        assert!((largest - 200..largest + 800).contains(&written.len()), "{}", written.len());
        assert_eq!(bounded.clone().bounded(), bounded);
    }

    /// Otherwise its repeats would be told apart by what nobody signed.
    #[test]
    fn a_long_dedupe_key_that_is_made_of_the_content_still_says_so() {
        let keyed = |type_in_a_header: &str| Notification {
            dedupe_key: format!("{}{CONTENT_KEY}{}", "x".repeat(20_000), "0f".repeat(32)),
            provider_type: type_in_a_header.to_owned(),
            ..notification("short")
        };
        assert_eq!(keyed("one").bounded().digest(), keyed("other").bounded().digest());
        assert!(keyed("one").bounded().dedupe_key.len() < 10_000);
    }

    #[test]
    fn a_text_within_its_bound_stays_as_it_is() {
        for text in [String::new(), "order-7".to_owned(), "ü".repeat(MAX_REFERENCE_BYTES / 2)] {
            assert_eq!(bounded_reference(text.clone()), text);
        }
    }

    #[test]
    fn of_a_longer_one_the_beginning_is_seen_and_that_something_is_missing() {
        let text = format!("order-7 {}", "x".repeat(MAX_REFERENCE_BYTES));
        let bounded = bounded_reference(text.clone());
        let (beginning, hash) = bounded.split_once('…').unwrap();
        assert!(text.starts_with(beginning) && beginning.len() > 1900, "{bounded}");
        assert_eq!(hash.len(), 26);
        assert_eq!(bounded.len(), MAX_REFERENCE_BYTES);
    }

    proptest! {
        #[test]
        fn whatever_is_written_it_fits_its_bound_and_bounding_it_again_changes_nothing(
            text in r"\PC{0,80}", times in 1_usize..200, max_bytes in 64_usize..4000,
        ) {
            let text = text.repeat(times);
            let once = bounded(text.clone(), max_bytes);
            prop_assert!(once.len() <= max_bytes);
            prop_assert_eq!(once == text, text.len() <= max_bytes);
            prop_assert_eq!(bounded(once.clone(), max_bytes), once);
        }

        #[test]
        fn texts_that_differ_at_the_end_alone_stay_different(one in r"\PC{0,9}", other in r"\PC{0,9}") {
            let long = |end: &str| bounded_id(format!("{}{end}", "€".repeat(500)));
            prop_assert_eq!(long(&one) == long(&other), one == other);
        }
    }
}
