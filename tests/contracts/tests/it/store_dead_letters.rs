//! Dead letters: their two lists, their index by time, and messages that exceed one item.

use contracts::Clients;
use domain::{DeadLetter, DeadLetterId, DeadLetterReason, Death, MessageSubject, RedrivenBy, WorkQueue};
use jiff::SignedDuration;
use store::{DueRedrive, PageRequest, Store, StoreError};

use crate::samples::{at, source_id, store};

crate::checks!["store":
    a_dead_letter_is_read_with_its_message_and_deleted_once,
    a_dead_letters_message_may_be_as_large_as_sqs_takes,
    a_dead_letter_is_written_only_over_the_one_that_was_read,
    dead_letters_that_wait_and_those_sent_again_are_listed_apart_and_together,
    dead_letters_come_up_when_they_are_to_be_sent_again_and_leave_that_index,
];

fn letter(number: i64, reason: DeadLetterReason) -> DeadLetter {
    let death = Death {
        queue: WorkQueue::Events,
        reason,
        error: Some("DynamoDB PutItem failed".to_owned()),
        received_count: 5,
        message_id: format!("message-{number}"),
        group: Some("src_1".to_owned()),
        body_bytes: 7,
        sent_at: at(0),
        died_at: at(number),
        subject: MessageSubject { source: Some(source_id(1)), ..MessageSubject::default() },
    };
    DeadLetter::new(DeadLetterId::derive(WorkQueue::Events, &death.message_id), death)
}

async fn put(store: &Store, letter: &DeadLetter) {
    store.put_dead_letter(letter, vec![7, 0, 255], 0).await.unwrap();
}

async fn message(store: &Store, id: &DeadLetterId) -> Vec<u8> {
    let stored = store.dead_letter(id).await.unwrap().unwrap();
    store.dead_letter_message(&stored).await.unwrap().into_owned()
}

async fn a_dead_letter_is_read_with_its_message_and_deleted_once(clients: Clients) {
    let store = store(&clients).await;
    let letter = letter(1, DeadLetterReason::Unreadable);
    assert!(store.dead_letter(&letter.id).await.unwrap().is_none());
    put(&store, &letter).await;
    let stored = store.dead_letter(&letter.id).await.unwrap().unwrap();
    assert_eq!((&stored.letter, stored.revision), (&letter, 1));
    assert_eq!(message(&store, &letter.id).await, [7, 0, 255]);
    assert!(store.delete_dead_letter(&letter.id).await.unwrap());
    assert!(!store.delete_dead_letter(&letter.id).await.unwrap());
    assert!(store.dead_letter(&letter.id).await.unwrap().is_none());
}

async fn a_dead_letters_message_may_be_as_large_as_sqs_takes(clients: Clients) {
    let store = store(&clients).await;
    let letter = letter(1, DeadLetterReason::TooLarge);
    let sealed: Vec<u8> = (0..1_049_000_u32).map(|number| (number % 251) as u8).collect();
    store.put_dead_letter(&letter, sealed.clone(), 0).await.unwrap();
    assert_eq!(message(&store, &letter.id).await, sealed);
    let redriven = letter.redriven(&letter, RedrivenBy::Somebody, at(2));
    store.update_dead_letter(&redriven, 1).await.unwrap();
    assert_eq!(message(&store, &letter.id).await, sealed, "it is kept when the letter is marked");
    // Read before it was deleted: its parts are gone with it.
    let stored = store.dead_letter(&letter.id).await.unwrap().unwrap();
    assert!(store.delete_dead_letter(&letter.id).await.unwrap());
    assert!(matches!(store.dead_letter_message(&stored).await, Err(StoreError::Corrupt { .. })));
}

async fn a_dead_letter_is_written_only_over_the_one_that_was_read(clients: Clients) {
    let store = store(&clients).await;
    let letter = letter(1, DeadLetterReason::TriesUsedUp);
    put(&store, &letter).await;
    let again = store.put_dead_letter(&letter, vec![1], 0).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "it is there already");
    let redriven = letter.redriven(&letter, RedrivenBy::Somebody, at(2));
    store.update_dead_letter(&redriven, 1).await.unwrap();
    for outdated in
        [store.update_dead_letter(&redriven, 1).await, store.put_dead_letter(&letter, vec![1], 1).await]
    {
        assert!(matches!(outdated, Err(StoreError::Conflict)));
    }
    store.put_dead_letter(&letter, vec![1], 2).await.unwrap();
    assert_eq!(store.dead_letter(&letter.id).await.unwrap().unwrap().revision, 3);
    assert_eq!(message(&store, &letter.id).await, [1]);
}

async fn dead_letters_that_wait_and_those_sent_again_are_listed_apart_and_together(clients: Clients) {
    let store = store(&clients).await;
    let letters: Vec<DeadLetter> =
        (0..7).map(|number| letter(number, DeadLetterReason::Unreadable)).collect();
    for letter in &letters {
        put(&store, letter).await;
    }
    for letter in &letters[2..4] {
        store.update_dead_letter(&letter.redriven(letter, RedrivenBy::Somebody, at(9)), 1).await.unwrap();
    }
    let listed = async |redriven| {
        let mut found = Vec::new();
        let mut page = PageRequest { after: None, limit: 3 };
        loop {
            let listed = store.list_dead_letters(redriven, &page).await.unwrap();
            found.extend(listed.items.into_iter().map(|listed| listed.id));
            match listed.next {
                Some(next) => page.after = Some(next),
                None => return found,
            }
        }
    };
    let ids =
        |numbers: &[usize]| numbers.iter().map(|number| letters[*number].id.clone()).collect::<Vec<_>>();
    assert_eq!(listed(Some(false)).await, ids(&[6, 5, 4, 1, 0]));
    assert_eq!(listed(Some(true)).await, ids(&[3, 2]));
    assert_eq!(listed(None).await, ids(&[6, 5, 4, 3, 2, 1, 0]));
    assert_eq!(store.waiting_dead_letters().await.unwrap(), 5);
    let found = store.dead_letters_by_id(&ids(&[0, 3])).await.unwrap();
    assert_eq!(found.len(), 2);
    assert!(!found[&letters[3].id].as_ref().unwrap().letter.is_waiting());
}

async fn dead_letters_come_up_when_they_are_to_be_sent_again_and_leave_that_index(clients: Clients) {
    let store = store(&clients).await;
    let letters: Vec<DeadLetter> =
        (0..3).map(|number| letter(number, DeadLetterReason::TriesUsedUp)).collect();
    for letter in &letters {
        put(&store, letter).await;
    }
    put(&store, &letter(9, DeadLetterReason::Unreadable)).await;
    let due =
        |letter: &DeadLetter| DueRedrive { id: letter.id.clone(), due_at: letter.next_redrive_at.unwrap() };
    let pause = SignedDuration::from_mins(15);
    let all: Vec<DueRedrive> = letters.iter().map(due).collect();
    let before = store.meter().read_units();
    assert_eq!(store.due_redrives(at(-1) + pause, None, 10).await.unwrap(), []);
    assert!(store.meter().read_units() - before <= 0.5, "what a minute costs when nothing is due");
    assert_eq!(store.due_redrives(at(1) + pause, None, 10).await.unwrap(), all[..2]);
    assert_eq!(store.due_redrives(at(9) + pause, None, 2).await.unwrap(), all[..2]);
    assert_eq!(store.due_redrives(at(9) + pause, Some(&all[1]), 2).await.unwrap(), all[2..]);
    let redriven = letters[0].redriven(&letters[0], RedrivenBy::Sweeper, at(5));
    store.update_dead_letter(&redriven, 1).await.unwrap();
    assert_eq!(store.due_redrives(at(9) + pause, None, 10).await.unwrap(), all[1..]);
}
