use super::*;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1_000_000 / 24)
}

fn failing(consecutive_failures: u32, since: SignedDuration) -> Health {
    Health { consecutive_failures, failing_since: now() - since, next_probe_at: None, warned_percent: None }
}

#[test]
fn the_breaker_opens_once_after_more_failures_than_one_delivery_can_have() {
    let most_attempts =
        crate::RetrySchedule::try_from(vec![1; 20]).expect("as long as it may be").max_attempts();
    assert!(usize::try_from(OPENS_AT).is_ok_and(|opens_at| opens_at > most_attempts));
    assert_eq!(failing(24, HOUR).consequence(now()), None);
    let mut health = failing(25, HOUR);
    assert_eq!(health.consequence(now()), Some(Consequence::Open));
    health.next_probe_at = Some(now());
    assert_eq!(health.consequence(now()), None);
}

#[test]
fn the_state_is_half_open_from_the_time_of_the_probe_on() {
    let mut health = failing(25, HOUR);
    assert_eq!((health.state(now()), health.is_failing()), (BreakerState::Closed, false));
    health.next_probe_at = Some(now());
    let second = SignedDuration::from_secs(1);
    assert_eq!(health.state(now() - second), BreakerState::Open);
    assert_eq!(health.state(now()), BreakerState::HalfOpen);
    assert!(health.is_failing());
}

#[test]
fn warnings_come_at_50_70_and_90_percent_of_five_days_and_then_the_end() {
    let at = |hours: i64, warned_percent| {
        Health {
            warned_percent,
            next_probe_at: Some(now()),
            ..failing(25, HOUR * i32::try_from(hours).unwrap_or(0))
        }
        .consequence(now())
    };
    assert_eq!(at(59, None), None);
    assert_eq!(at(60, None), Some(Consequence::Warn(50)));
    assert_eq!(at(83, Some(50)), None);
    assert_eq!(at(84, Some(50)), Some(Consequence::Warn(70)));
    assert_eq!(at(108, Some(70)), Some(Consequence::Warn(90)));
    assert_eq!(at(119, Some(90)), None);
    assert_eq!(at(120, Some(90)), Some(Consequence::GiveUp));
    assert_eq!(at(500, None), Some(Consequence::Warn(90)), "never without the last warning");
    assert_eq!(failing(24, HOUR * 500).consequence(now()), None, "a few failures far apart prove nothing");
}

#[test]
fn probes_become_rarer_and_parked_deliveries_wait_longer_the_longer_it_lasts() {
    let minutes = |hours, random| {
        let health = failing(25, HOUR * hours);
        let of = |at: Timestamp| at.duration_since(now()).as_mins();
        (of(health.probe_after(now())), of(health.parked_until(now(), random)))
    };
    assert_eq!(minutes(0, 0.0), (1, 1));
    assert_eq!(minutes(1, 0.0), (6, 12));
    assert_eq!(minutes(1, 0.5), (6, 18));
    assert_eq!(minutes(48, 0.0), (15, 60));
    assert_eq!(minutes(48, 1.0), (15, 120));
}

#[test]
fn an_endpoint_counts_as_slow_for_ten_minutes_and_a_slow_attempt_renews_it_in_their_second_half() {
    let minutes = SignedDuration::from_mins;
    let well = Standing::default();
    assert!(!well.is_slow(now()));
    assert_eq!(well.slow_from(now()), Some(now() + minutes(10)));
    let slow = Standing { health: None, slow_until: Some(now() + minutes(10)) };
    assert!(slow.is_slow(now()) && slow.is_slow(now() + minutes(9)));
    assert!(!slow.is_slow(now() + minutes(10)), "it is over then");
    assert_eq!(slow.slow_from(now() + minutes(5)), None);
    let later = now() + minutes(6);
    assert_eq!(slow.slow_from(later), Some(later + minutes(10)));
}
