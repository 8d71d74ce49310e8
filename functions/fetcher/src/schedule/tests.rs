use super::*;

#[test]
fn twelve_calls_are_made_over_about_two_hours() {
    let delays: Vec<u64> =
        (1..).map_while(|number| delay_after(number, None)).map(|delay| delay.as_secs()).collect();
    assert_eq!(delays, [5, 30, 120, 600, 900, 900, 900, 900, 900, 900, 900]);
    let minutes = delays.iter().sum::<u64>() / 60;
    assert!((100..=125).contains(&minutes), "{minutes} minutes");
    const { assert!(MAX_ATTEMPTS < 16, "Lambda takes 16 for a loop") };
}

#[test]
fn an_api_can_ask_for_more_time_but_not_for_less_and_not_for_more_than_a_queue_can_wait() {
    let after = |number, asked| delay_after(number, Some(Duration::from_secs(asked)));
    assert_eq!(after(1, 60), Some(Duration::from_secs(60)));
    assert_eq!(after(3, 60), Some(Duration::from_secs(120)));
    assert_eq!(after(1, 7200), Some(Duration::from_secs(900)));
    assert_eq!(after(12, 1), None);
}
