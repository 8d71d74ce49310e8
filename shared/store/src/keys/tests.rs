//! The roles (infra/roles.yaml) grant by the beginnings of keys, so these two must agree.

use super::*;
use domain::{ApiKey, Endpoint, Source, WorkQueue};

const ROLES: &str = include_str!("../../../../infra/roles.yaml");

/// A `PK` of each kind of item, made as the store makes it, and what IAM's `StringLike` calls it (`?` is one character).
fn kinds() -> Vec<(String, &'static str)> {
    let (source, endpoint) = (SourceId::mint([1; 16]), EndpointId::mint([2; 16]));
    let payment = PaymentId::derive(&source, "pi_1");
    let partition = QuarantineId::partition_of(&source).to_string();
    vec![
        (payment.pk().to_owned(), "????????????????"),
        (quarantine_key(&partition), "Q#*"),
        (quarantine_quota(&source, Date::constant(2026, 11, 22)).pk, "QUOTA#*"),
        (Place::of_dead_letter(&DeadLetterId::derive(WorkQueue::Events, "message")).pk, "DEAD#*"),
        (source.to_string(), "src_*"),
        (endpoint.to_string(), "ep_*"),
        (lease_key(&endpoint), "LEASE#*"),
        (rate_key(&endpoint), "RATE#*"),
        (<Source as crate::Config>::KIND.to_owned(), "source"),
        (<Endpoint as crate::Config>::KIND.to_owned(), "endpoint"),
        (<ApiKey as crate::Config>::KIND.to_owned(), "api_key"),
        (crate::replays::KIND.to_owned(), "replay"),
    ]
}

fn is_like(text: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => text.starts_with(prefix),
        None => {
            text.len() == pattern.len()
                && text.bytes().zip(pattern.bytes()).all(|(byte, wanted)| wanted == b'?' || byte == wanted)
        }
    }
}

/// Otherwise a role that lets a function reach one kind would let it reach another.
#[test]
fn the_key_of_each_kind_of_item_is_like_no_other_kinds() {
    let kinds = kinds();
    for (key, own) in &kinds {
        let like: Vec<_> = kinds.iter().map(|(_, pattern)| *pattern).filter(|p| is_like(key, p)).collect();
        assert_eq!(like, [*own], "{key}");
    }
}

#[test]
fn the_roles_name_kinds_of_items_and_nothing_else() {
    let known: Vec<&str> = kinds().into_iter().map(|(_, pattern)| pattern).collect();
    let mut named: Vec<&str> = ROLES
        .split("dynamodb:LeadingKeys: [")
        .skip(1)
        .flat_map(|rest| rest.split(']').next().unwrap_or_default().split(", "))
        .map(|pattern| pattern.trim_matches('\''))
        .collect();
    named.sort_unstable();
    named.dedup();
    assert!(named.iter().all(|pattern| known.contains(pattern)), "{named:?}");
    let unreached: Vec<_> = known.iter().filter(|pattern| !named.contains(pattern)).collect();
    assert!(unreached.is_empty(), "no function reaches {unreached:?}");
}
