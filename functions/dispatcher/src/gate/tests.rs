use super::*;

#[test]
fn what_is_over_the_rate_spreads_over_the_seconds_that_it_needs() {
    assert_eq!((rate_delay(1, 10), rate_delay(10, 10)), (None, None));
    let seconds = |count| rate_delay(count, 10).map(|delay| delay.as_secs());
    assert_eq!([11, 20, 21, 30, 100].map(seconds), [Some(1), Some(1), Some(2), Some(2), Some(9)]);
}

#[test]
fn who_finds_no_room_waits_twice_as_long_each_time_up_to_ten_minutes() {
    assert_eq!((room_delay(0, 0.0).as_millis(), room_delay(0, 1.0).as_millis()), (2_500, 5_000));
    assert_eq!(room_delay(3, 1.0), Duration::from_secs(40));
    assert_eq!(room_delay(u8::MAX, 1.0), MAX_ROOM_DELAY);
}

#[test]
fn an_endpoint_may_want_less_than_the_slow_lane_gives_and_not_more() {
    let slow = [None, Some(3), Some(100)].map(|wanted| bound(wanted, Lane::Slow));
    assert_eq!(slow, [Some(SLOW_LANE_BOUND), Some(3), Some(SLOW_LANE_BOUND)]);
    let fast = [None, Some(3), Some(100)].map(|wanted| bound(wanted, Lane::Fast));
    assert_eq!(fast, [None, Some(3), Some(100)]);
}
