use super::*;

fn steps(requests: u64, full: bool, told: u8) -> Vec<&'static str> {
    let filling = Filling { requests, bytes: 0, full };
    filling.steps_above(told).map(FillingStep::as_str).collect()
}

#[test]
fn a_step_is_reached_with_its_last_request_and_not_before() {
    assert_eq!(steps(9, false, 0), [""; 0]);
    assert_eq!(steps(10, false, 0), ["10"]);
    assert_eq!(steps(99, false, 0), ["10"]);
    assert_eq!(steps(100, false, 0), ["10", "100"]);
    assert_eq!(steps(1_000, true, 0), ["10", "100", "full"]);
}

#[test]
fn what_was_told_is_not_told_again_nor_is_anything_below_it() {
    assert_eq!(steps(150, false, FillingStep::Ten.number()), ["100"]);
    assert_eq!(steps(150, false, FillingStep::Hundred.number()), [""; 0]);
    assert_eq!(steps(1_000, true, FillingStep::Full.number()), [""; 0]);
}

#[test]
fn a_day_that_a_few_large_requests_have_filled_is_full() {
    assert_eq!(steps(40, true, FillingStep::Ten.number()), ["full"]);
    assert_eq!(steps(3, true, 0), ["full"]);
}
