use super::{InvalidSchedule, RetrySchedule};
use std::time::Duration;

#[test]
fn the_default_schedule_gives_ten_attempts_over_more_than_75_hours() {
    let schedule = RetrySchedule::default();
    let delays: Vec<_> = (1..).map_while(|number| schedule.delay_after(number, 0.0, None)).collect();
    assert_eq!(delays.len() + 1, schedule.max_attempts());
    assert_eq!(schedule.max_attempts(), 10);
    assert_eq!(delays[0], Duration::from_secs(5));
    assert!(delays.iter().sum::<Duration>() > Duration::from_secs(75 * 3600));
}

#[test]
fn jitter_adds_at_most_a_fifth() {
    let schedule = RetrySchedule::default();
    assert_eq!(schedule.delay_after(2, 1.0, None), Some(Duration::from_secs(360)));
    assert_eq!(schedule.delay_after(2, 0.0, None), Some(Duration::from_secs(300)));
}

#[test]
fn a_receiver_can_ask_for_more_time_but_not_for_less() {
    let schedule = RetrySchedule::default();
    assert_eq!(schedule.delay_after(1, 0.0, Some(Duration::from_secs(60))), Some(Duration::from_secs(60)));
    assert_eq!(schedule.delay_after(2, 0.0, Some(Duration::from_secs(1))), Some(Duration::from_secs(300)));
    assert_eq!(schedule.delay_after(10, 0.0, Some(Duration::from_secs(1))), None);
}

#[test]
fn a_schedule_of_ones_own_keeps_within_its_limits() {
    let schedule = |seconds: &[u64]| RetrySchedule::try_from(seconds.to_vec());
    let own = schedule(&[1, 48 * 3600]).expect("both limits");
    assert_eq!(own.max_attempts(), 3);
    assert_eq!(own.delay_after(2, 0.0, None), Some(Duration::from_secs(48 * 3600)));
    assert_eq!(Vec::from(own), [1, 48 * 3600]);
    assert_eq!(schedule(&[]), Err(InvalidSchedule::Count));
    assert_eq!(schedule(&[1; 21]), Err(InvalidSchedule::Count));
    assert_eq!(schedule(&[1, 2, 0]), Err(InvalidSchedule::Delay(2)));
    assert_eq!(schedule(&[48 * 3600 + 1]), Err(InvalidSchedule::Delay(0)));
    assert!(schedule(&[42 * 3600; 4]).is_ok());
    assert_eq!(schedule(&[42 * 3600, 42 * 3600, 42 * 3600, 42 * 3600 + 1]), Err(InvalidSchedule::Total));
    let default = Vec::from(RetrySchedule::default());
    assert_eq!(schedule(&default), Ok(RetrySchedule::default()), "the default keeps within them too");
}
