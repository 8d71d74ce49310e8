use super::*;
use domain::{EndpointId, EventId, SourceId};

fn named(count: u8) -> Named {
    let (source, endpoint) = (SourceId::mint([1; 16]), EndpointId::mint([2; 16]));
    let names = (0..count).map(|number| {
        let event = EventId::derive(&source, None, &number.to_string());
        (DeliveryId::derive(&event, &endpoint), u64::from(number) + 1)
    });
    Named(names.collect())
}

#[test]
fn what_a_cursor_names_is_read_from_it_again() {
    for count in [0, 1, 50] {
        assert_eq!(Named::parse(&named(count).position()), Some(named(count)));
    }
}

#[test]
fn what_is_no_position_of_a_poll_is_refused() {
    for text in ["x", "0000000000000000000000000000000000000000", "x.1", ".", "1.1"] {
        assert_eq!(Named::parse(text), None, "{text}");
    }
    let position = named(1).position();
    assert_eq!(Named::parse(&position.replace(".1", ".-1")), None);
}

#[test]
fn the_longest_cursor_takes_less_than_half_of_what_api_gateway_takes_for_a_request_line_and_headers() {
    let cursor = http::Cursors::new("key").encode(&http::Listing::new("path", ""), &named(50).position());
    // <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
    assert!(cursor.len() < 10_240 / 2, "{}", cursor.len());
}
