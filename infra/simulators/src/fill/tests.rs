use super::{Unknown, Values, compact};
use crate::script::Script;
use std::collections::BTreeMap;

fn fill(text: &str) -> Result<String, Unknown> {
    let with = BTreeMap::from([("status".to_owned(), "paid for {payment}".to_owned())]);
    let ids = BTreeMap::from([("payment".to_owned(), "pay_1".to_owned())]);
    let values = Values {
        script: Script::of("square").expect("it is on the list"),
        event: "payment.created",
        part: None,
        with: &with,
        ids: &ids,
        amount: 1205,
        start: "2026-11-22T10:00:00Z".parse().expect("a time"),
        at: "2026-11-22T20:30:00.5Z".parse().expect("a time"),
        now: "2026-11-23T00:00:00Z".parse().expect("a time"),
        try_number: 2,
        signatures: &["one".to_owned(), "two".to_owned()],
    };
    values.fill(text)
}

fn check(text: &str, filled: &str) {
    assert_eq!(fill(text).as_deref(), Ok(filled));
}

#[test]
fn names_are_replaced_and_what_they_stand_for_is_filled_too() {
    check(r#"{"a":{"b":"{payment}"},"c":"{status}"}"#, r#"{"a":{"b":"pay_1"},"c":"paid for pay_1"}"#);
    check(r#"{"c":{},"d":[]}"#, r#"{"c":{},"d":[]}"#);
    assert_eq!(fill("{nobody}"), Err(Unknown("nobody".to_owned())));
}

#[test]
fn numbers_and_truth_values_lose_their_quotes() {
    check(r#"{"a":"{=amount}","b":"{amount}","c":"{=repeated}"}"#, r#"{"a":1205,"b":"1205","c":true}"#);
}

#[test]
fn money_is_written_with_the_providers_number_of_decimals() {
    check("{amount:major} {partial} {partial:major} {rest} {currency:lower}", "12.05 401 4.01 804 usd");
}

#[test]
fn times_are_written_as_providers_write_them() {
    check(
        "{start:s} {now:ms} {at:iso} {at:iso_s}",
        "1795341600 1795392000000 2026-11-22T20:30:00.500Z 2026-11-22T20:30:00Z",
    );
    check("{at:+7 %Y-%m-%d %H:%M:%S}", "2026-11-23 03:30:00");
}

#[test]
fn tries_are_counted_and_signatures_are_given_out_in_order() {
    check("{try} {attempt} {signature} {signature} {signature}", "2 3 one two {signature}");
}

#[test]
fn white_space_between_tokens_goes_and_that_in_texts_stays() {
    assert_eq!(compact("{ \"a b\" : [ 1,\n 2 ], \"c\": \"\\\" } \" }"), r#"{"a b":[1,2],"c":"\" } "}"#);
}
