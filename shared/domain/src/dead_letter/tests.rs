use super::*;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_795_348_800 + minutes * 60).expect("in range")
}

fn death(message_id: &str, reason: DeadLetterReason, minutes: i64) -> Death {
    Death {
        queue: WorkQueue::Events,
        reason,
        error: Some("DynamoDB PutItem failed".to_owned()),
        received_count: 5,
        message_id: message_id.to_owned(),
        group: None,
        body_bytes: 3,
        sent_at: at(0),
        died_at: at(minutes),
        subject: MessageSubject::default(),
    }
}

fn letter(reason: DeadLetterReason) -> DeadLetter {
    DeadLetter::new(DeadLetterId::derive(WorkQueue::Events, "first"), death("first", reason, 1))
}

#[test]
fn what_may_pass_is_sent_again_after_growing_pauses_and_then_rests() {
    let mut letter = letter(DeadLetterReason::TriesUsedUp);
    let mut minutes = 1;
    for (number, pause) in [15, 60, 6 * 60, 24 * 60].into_iter().enumerate() {
        assert_eq!(letter.next_redrive_at, Some(at(minutes + pause)));
        minutes += pause;
        letter = letter.redriven(&letter, RedrivenBy::Sweeper, at(minutes));
        assert_eq!((letter.status, letter.next_redrive_at), (DeadLetterStatus::Redriven, None));
        let again = death(&format!("again {number}"), DeadLetterReason::TriesUsedUp, minutes);
        letter = letter.died_again(again).expect("another death");
        assert!(letter.is_waiting());
    }
    assert_eq!((letter.next_redrive_at, letter.redrives, letter.automatic_redrives), (None, 4, 4));
    assert_eq!(letter.created_at, at(1));
    assert_eq!(letter.expires_at(), at(minutes) + DEAD_LETTER_KEPT);
}

#[test]
fn what_no_time_can_mend_waits_for_somebody() {
    for reason in DeadLetterReason::ALL {
        let mends = !matches!(
            reason,
            DeadLetterReason::Unreadable
                | DeadLetterReason::TooLarge
                | DeadLetterReason::Refused
                | DeadLetterReason::Unknown
        );
        assert_eq!(letter(*reason).next_redrive_at.is_some(), mends, "{reason:?}");
    }
}

#[test]
fn a_redrive_by_somebody_uses_up_no_pause() {
    let letter = letter(DeadLetterReason::ProcessDied);
    let redriven = letter.redriven(&letter, RedrivenBy::Somebody, at(2));
    assert_eq!((redriven.redrives, redriven.automatic_redrives, redriven.redriven_at), (1, 0, Some(at(2))));
    let again = redriven.died_again(death("second", DeadLetterReason::ProcessDied, 10));
    assert_eq!(again.expect("another death").next_redrive_at, Some(at(25)));
}

#[test]
fn a_death_that_is_reported_twice_counts_once_also_after_a_redrive() {
    let letter = letter(DeadLetterReason::TriesUsedUp);
    let same = death("first", DeadLetterReason::TriesUsedUp, 9);
    assert_eq!(letter.died_again(same.clone()), None);
    assert_eq!(letter.redriven(&letter, RedrivenBy::Somebody, at(2)).died_again(same), None);
}

#[test]
fn a_message_that_died_again_before_its_redrive_was_noted_goes_on_waiting() {
    let sent = letter(DeadLetterReason::Refused);
    let current = sent.died_again(death("second", DeadLetterReason::Refused, 3)).expect("another death");
    let noted = current.redriven(&sent, RedrivenBy::Somebody, at(4));
    assert!(noted.is_waiting());
    assert_eq!((noted.redrives, noted.redriven_at), (1, Some(at(4))));
}

#[test]
fn a_code_is_read_as_it_is_written_and_one_of_another_release_is_unknown() {
    for reason in DeadLetterReason::ALL {
        assert_eq!(DeadLetterReason::from_code(reason.as_str()), *reason);
        let json = serde_json::to_value(reason).expect("plain data");
        assert_eq!(json, reason.as_str());
    }
    assert_eq!(DeadLetterReason::from_code("eaten_by_a_dog"), DeadLetterReason::Unknown);
    for queue in WorkQueue::ALL {
        assert_eq!(serde_json::to_value(queue).expect("plain data"), queue.as_str());
    }
}
