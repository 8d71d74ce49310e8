use super::*;

#[test]
fn debug_shows_of_a_url_its_scheme_and_host_alone() {
    for (url, shown) in [
        ("https://hooks.example.com/services/PASSWORD", "https://hooks.example.com/…"),
        ("https://hooks.example.com:8443?key=PASSWORD", "https://hooks.example.com:8443/…"),
        ("https://hooks.example.com#PASSWORD", "https://hooks.example.com/…"),
        (r"https://hooks.example.com\PASSWORD", "https://hooks.example.com/…"),
        ("https://user:PASSWORD@hooks.example.com/", "https://hooks.example.com/…"),
        ("https://hooks.example.com", "https://hooks.example.com/…"),
        ("PASSWORD", "…"),
        ("https:hooks.example.com/PASSWORD?then=https://other.example.com", "…"),
    ] {
        let destination = Destination::Http { url: url.to_owned() };
        assert_eq!(format!("{destination:?}"), format!("Http {{ url: \"{shown}\" }}"));
    }
}

#[test]
fn debug_shows_other_destinations_as_they_are() {
    let arn = "arn:aws:sqs:us-east-1:000000000000:orders".to_owned();
    let shown = format!("{:?}", [Destination::Sqs { arn: arn.clone() }, Destination::Poll]);
    assert_eq!(shown, format!("[Sqs {{ arn: \"{arn}\" }}, Poll]"));
    let bus = format!("{:?}", Destination::Eventbridge { arn: "bus".to_owned() });
    assert_eq!(bus, "Eventbridge { arn: \"bus\" }");
}
