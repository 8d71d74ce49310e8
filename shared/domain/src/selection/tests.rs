use super::*;
use crate::{Conditions, EndpointId, SourceId};
use jiff::Timestamp;
use serde_json::json;

fn source(number: u8) -> SourceId {
    SourceId::mint([number; 16])
}

fn endpoint() -> Endpoint {
    serde_json::from_value(json!({
        "id": EndpointId::mint([1; 16]), "destination": {"type": "http", "url": "https://shop.example/"}, "name": "",
        "event_types": ["payment.*"], "sources": [source(1)], "format": "standard", "status": "active",
        "secrets": [], "created_at": Timestamp::UNIX_EPOCH, "updated_at": Timestamp::UNIX_EPOCH,
    }))
    .expect("what the first release stored is still read")
}

fn candidate(event_type: &str, amount: i64) -> Candidate<'static> {
    Candidate::payload(json!({
        "type": event_type, "data": { "event": { "source": source(1), "amount": amount } },
    }))
}

fn failing(endpoint: &Endpoint, candidate: &Candidate<'_>) -> Vec<String> {
    let reasons = endpoint.judge(candidate);
    assert_eq!(endpoint.wants(candidate), reasons.iter().all(|reason| reason.holds), "{reasons:?}");
    reasons.into_iter().filter(|reason| !reason.holds).map(|reason| reason.part).collect()
}

#[test]
fn an_endpoint_wants_what_every_part_of_its_filter_holds_of() {
    let mut endpoint = endpoint();
    let captured = candidate("payment.captured", 500);
    assert_eq!(failing(&endpoint, &captured), [""; 0]);
    assert_eq!(failing(&endpoint, &candidate("refund.failed", 500)), ["event_types"]);
    assert_eq!(failing(&endpoint, &candidate("no.type_of_ours", 500)), ["event_types"]);

    endpoint.conditions =
        Conditions::parse(&json!({"data.event.amount": [{"numeric": [">=", 501]}]})).expect("valid");
    assert_eq!(failing(&endpoint, &captured), ["conditions/data.event.amount"]);
    assert_eq!(failing(&endpoint, &candidate("payment.captured", 501)), [""; 0]);

    endpoint.sources = vec![source(2)];
    endpoint.status = EndpointStatus::Disabled;
    let all = ["status", "event_types", "sources", "conditions/data.event.amount"];
    assert_eq!(failing(&endpoint, &candidate("refund.failed", 1)), all);
    endpoint.sources.clear();
    endpoint.status = EndpointStatus::Failing;
    assert_eq!(
        failing(&endpoint, &candidate("payment.captured", 501)),
        [""; 0],
        "failing ones are still tried"
    );
}

#[test]
fn an_endpoint_for_raw_requests_does_not_want_what_came_in_none() {
    let mut endpoint = endpoint();
    assert!(endpoint.wants(&candidate("payment.conflicted", 1)));
    endpoint.format = EndpointFormat::Raw;
    assert_eq!(failing(&endpoint, &candidate("payment.conflicted", 1)), ["format"]);
    assert_eq!(failing(&endpoint, &candidate("payment.captured", 1)), [""; 0]);
}

#[test]
fn a_payload_without_type_or_source_is_for_nobody_who_asks_for_them() {
    let nothing = Candidate::payload(json!({}));
    assert_eq!(failing(&endpoint(), &nothing), ["event_types", "sources"]);
}
