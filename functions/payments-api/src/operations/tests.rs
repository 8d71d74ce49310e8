use super::*;
use domain::{EventId, SourceId};
use jiff::Timestamp;

fn operation(kind: &'static str, id: &str, occurred_at: Option<i64>) -> OperationView {
    OperationView {
        kind: kind.into(),
        provider_operation_id: id.to_owned(),
        state: "succeeded".into(),
        amount: None,
        occurred_at: occurred_at.map(|us| Timestamp::from_microsecond(us).expect("in range")),
        event: EventId::derive(&SourceId::mint([1; 16]), None, "1"),
    }
}

#[test]
fn operations_sort_by_time_then_kind_then_id_and_no_two_alike() {
    let long = |end: &str| format!("{}{end}", "x".repeat(5000));
    let (a, b) = (long("a"), long("b"));
    let sorted = [
        operation("refund", "r1", None),
        operation("capture", "c1", Some(5)),
        operation("capture", "c2", Some(5)),
        operation("refund", "r1", Some(5)),
        operation("capture", "c1", Some(1_000_000_000)),
    ];
    let positions: Vec<String> = sorted.iter().map(position).collect();
    assert!(positions.is_sorted_by(|earlier, later| earlier < later), "{positions:?}");
    let (a, b) = (position(&operation("refund", &a, None)), position(&operation("refund", &b, None)));
    assert!(a != b && a.len() < 300, "a cursor travels in a URL: {a}");
}
