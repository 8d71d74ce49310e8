//! What every simulated provider sends is genuine, can be read, and tells the life of a payment, in whatever order.

use domain::{EventId, Ledger, Notification, PaymentId, SecretId, SourceId};
use jiff::Timestamp;
use providers::scheme::KeyPrefix;
use providers::{Evidence, Provider, Rejection, Request, Roots, Secret, Settings, Verified};
use serde_json::Value;
use simulators::{Message, Outcome, Simulator};
use std::collections::{BTreeMap, BTreeSet};

const URL: &str = "https://api.example.test/webhooks/src_1";

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("a time")
}

fn simulators() -> impl Iterator<Item = Simulator> {
    Simulator::providers().map(|id| Simulator::new(id, [7; 32]).expect("it is on the list"))
}

/// Signs and verifies, as the webhook function would.
fn verified(simulator: &Simulator, message: &Message) -> Verified {
    let name = simulator.provider().id();
    let webhook = simulator.sign(message, URL, now()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut headers = vec![("content-type".to_owned(), webhook.content_type.to_owned())];
    headers.extend(webhook.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let url = webhook.address(URL);
    let request = Request { method: "POST", url: &url, headers: &headers, body: webhook.body.as_bytes() };
    let roots = [Simulator::authority().to_vec()];
    let id = SecretId::mint([1; 16]);
    let secrets: Vec<Secret<'_>> =
        simulator.secret().map(|text| Secret { id: &id, text }).into_iter().collect();
    let mut evidence = Evidence::new(Some("client:secret"), Roots::Only(&roots));
    for _ in 0..3 {
        let outcome =
            simulator.provider().verify_with(&request, &secrets, simulator.settings(), &evidence, now());
        match outcome {
            Ok(providers::Outcome::Verified(verified)) => return verified,
            Ok(providers::Outcome::Needs(needed)) => {
                let answer = simulator.answer(&needed.request);
                evidence.add(needed.id, answer.unwrap_or_else(|| panic!("{name}: {:?}", needed.request)));
            }
            Err(rejection) => panic!("{name}, {}: {rejection}: {}", message.event(simulator), webhook.body),
        }
    }
    panic!("{name} asks without end");
}

fn notifications(simulator: &Simulator, message: &Message) -> Vec<Notification> {
    let name = simulator.provider().id();
    let verified = verified(simulator, message);
    verified
        .notifications(simulator.settings())
        .unwrap_or_else(|malformed| panic!("{name}, {}: {malformed}", message.event(simulator)))
}

/// The ledgers of all payments, as if everything were confirmed.
fn fold(simulator: &Simulator, messages: &[Message]) -> BTreeMap<String, Ledger> {
    let source = SourceId::mint([2; 16]);
    let mut ledgers: BTreeMap<String, Ledger> = BTreeMap::new();
    for notification in messages.iter().flat_map(|message| notifications(simulator, message)) {
        let Some(payment) = &notification.provider_payment_id else { continue };
        let id = PaymentId::derive(&source, payment);
        let event = EventId::derive(&source, Some(&id), &notification.dedupe_key);
        ledgers.entry(payment.clone()).or_default().apply(&event, &notification);
    }
    ledgers
}

fn outcome(ledger: &Ledger) -> Outcome {
    let derived = serde_json::to_value(ledger.derive()).expect("plain data serialises");
    let text = |field: &str| derived[field].as_str().map_or_else(|| "none".to_owned(), str::to_owned);
    assert_eq!(derived["integrity"], Value::from("ok"), "{derived}");
    Outcome {
        status: text("status"),
        refund_status: text("refund_status"),
        dispute_status: text("dispute_status"),
    }
}

#[test]
fn every_provider_of_the_table_can_be_simulated() {
    let table: BTreeSet<&str> = Provider::all().map(Provider::id).collect();
    let simulated: BTreeSet<&str> = Simulator::providers().collect();
    assert_eq!(simulated, table);
}

#[test]
fn secrets_and_settings_are_such_as_a_source_can_be_created_with() {
    for simulator in simulators() {
        let provider = simulator.provider();
        assert_eq!(simulator.secret().is_some(), provider.takes_secrets(), "{}", provider.id());
        assert_eq!(
            simulator.secret().map_or(Ok(()), |text| provider.check_secret(text, simulator.settings())),
            Ok(()),
            "{}",
            provider.id()
        );
        assert_eq!(provider.check_settings(simulator.settings()), Ok(()), "{}", provider.id());
    }
}

#[test]
fn every_story_is_accepted_and_folds_into_its_outcome() {
    for simulator in simulators() {
        for seed in 0..simulator.stories() as u64 {
            let story = simulator.story(seed, now());
            let name = format!("{}, {}", simulator.provider().id(), simulator.story_name(&story[0]));
            let ledgers = fold(&simulator, &story);
            match simulator.outcome(seed) {
                None => assert!(ledgers.is_empty(), "{name}: {ledgers:#?}"),
                Some(wanted) => {
                    let got: Vec<Outcome> = ledgers.values().map(outcome).collect();
                    assert_eq!(got, std::slice::from_ref(wanted), "{name}: {ledgers:#?}");
                }
            }
        }
    }
}

#[test]
fn every_event_is_named_by_a_rule_of_the_table() {
    // What the table does not know is recorded as `provider.other`; a script that sends such a thing about a payment
    // has misspelt it.
    for simulator in simulators() {
        for seed in 0..simulator.stories() as u64 {
            for message in simulator.story(seed, now()) {
                for notification in notifications(&simulator, &message) {
                    let known =
                        notification.provider_payment_id.is_some() || simulator.outcome(seed).is_none();
                    assert!(known, "{}: {notification:#?}", simulator.provider().id());
                }
            }
        }
    }
}

#[test]
fn repeats_new_tries_and_another_order_change_nothing() {
    const PAYMENTS: u64 = 6;
    for simulator in simulators() {
        for seed in 0..4 {
            let in_order: Vec<Message> =
                (0..PAYMENTS).flat_map(|payment| simulator.story(seed + payment, start(payment))).collect();
            let traffic = simulator.traffic(seed, now(), PAYMENTS);
            assert!(traffic.len() >= in_order.len());
            let (expected, got) = (fold(&simulator, &in_order), fold(&simulator, &traffic));
            assert_eq!(got, expected, "{}", simulator.provider().id());
        }
    }
}

fn start(payment: u64) -> Timestamp {
    now() + jiff::SignedDuration::from_secs(i64::try_from(payment).expect("a few"))
}

#[test]
fn traffic_repeats_some_events_tries_some_again_and_sends_some_out_of_order() {
    let simulator = Simulator::new("square", [7; 32]).expect("it is on the list");
    let traffic = simulator.traffic(3, now(), 40);
    let bodies: Vec<String> = traffic
        .iter()
        .map(|message| simulator.sign(message, URL, now()).expect("it is signed").body)
        .collect();
    let distinct: BTreeSet<&String> = bodies.iter().collect();
    assert!(distinct.len() < bodies.len(), "nothing is sent twice");
    assert!(traffic.iter().any(|message| message.tries_before() > 1), "nothing is tried again");
    let times: Vec<Timestamp> = traffic.iter().map(|message| message.occurred_at(&simulator)).collect();
    assert!(!times.is_sorted(), "nothing is overtaken");
}

#[test]
fn a_new_try_says_so_where_the_provider_does() {
    let header = |simulator: &Simulator, message: &Message, name: &str| {
        let webhook = simulator.sign(message, URL, now()).expect("it is signed");
        webhook.headers.into_iter().find(|(header, _)| *header == name).map(|(_, value)| value)
    };
    let square = Simulator::new("square", [7; 32]).expect("it is on the list");
    let first = &square.story(0, now())[0];
    assert_eq!(header(&square, first, "square-retry-number"), None);
    assert_eq!(header(&square, &square.try_again(first, 1), "square-retry-number").as_deref(), Some("1"));

    let btcpay = Simulator::new("btcpay", [7; 32]).expect("it is on the list");
    let first = &btcpay.story(0, now())[0];
    let body = |message: &Message| -> Value {
        let webhook = btcpay.sign(message, URL, now()).expect("it is signed");
        serde_json::from_str(&webhook.body).expect("JSON")
    };
    let (first, again) = (body(first), body(&btcpay.try_again(first, 1)));
    assert_eq!(
        (&first["deliveryId"], &first["isRedelivery"]),
        (&first["originalDeliveryId"], &Value::from(false))
    );
    assert_eq!(
        (&again["originalDeliveryId"], &again["isRedelivery"]),
        (&first["deliveryId"], &Value::from(true))
    );
    assert_ne!(again["deliveryId"], first["deliveryId"]);
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_other_ids() {
    // Plaid signs with ECDSA, which takes random numbers.
    for simulator in simulators().filter(|simulator| simulator.provider().id() != "plaid") {
        let sign = |seed: u64| -> Vec<simulators::Webhook> {
            let story = simulator.story(seed, now());
            story.iter().map(|message| simulator.sign(message, URL, now()).expect("it is signed")).collect()
        };
        assert_eq!(sign(5), sign(5), "{}", simulator.provider().id());
        let other = 5 + simulator.stories() as u64;
        assert_ne!(sign(5), sign(other), "{}", simulator.provider().id());
    }
}

/// No source can be created with one. Were there one all the same, everybody could sign for it.
#[test]
fn an_empty_secret_matches_nothing_not_even_what_was_signed_with_it() {
    for simulator in simulators().filter(|simulator| simulator.secret().is_some()) {
        let provider = simulator.provider();
        let prefix = match provider.schemes().next().map(|scheme| scheme.key.prefix) {
            Some(KeyPrefix::Cut(prefix) | KeyPrefix::CutRequired(prefix)) => prefix,
            _ => "",
        };
        for secret in ["", prefix] {
            let settings = simulator.settings().clone();
            let forger = Simulator::new(provider.id(), [7; 32]).expect("it is on the list");
            let forger = forger.with(Some(secret.to_owned()), settings);
            let webhook = forger.sign(&forger.story(0, now())[0], URL, now()).expect("it is signed");
            let mut headers = vec![("content-type".to_owned(), webhook.content_type.to_owned())];
            headers.extend(webhook.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            let url = webhook.address(URL);
            let request =
                Request { method: "POST", url: &url, headers: &headers, body: webhook.body.as_bytes() };
            let id = SecretId::mint([1; 16]);
            let secrets = [Secret { id: &id, text: secret }];
            let outcome = provider.verify(&request, &secrets, simulator.settings(), now());
            // Creem's older ways of signing would take the prefix for a text like any other.
            let reason = match (provider.id(), secret) {
                ("creem", "whsec_") => Rejection::MissingSignature,
                _ => Rejection::NoActiveSecret,
            };
            assert_eq!(outcome.err(), Some(reason), "{}: `{secret}`", provider.id());
        }
    }
}

#[test]
fn another_secret_is_refused() {
    for simulator in simulators().filter(|simulator| simulator.secret().is_some()) {
        let stranger = Simulator::new(simulator.provider().id(), [8; 32]).expect("it is on the list");
        let webhook = stranger.sign(&stranger.story(0, now())[0], URL, now()).expect("it is signed");
        let headers: Vec<(String, String)> =
            webhook.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let url = webhook.address(URL);
        let request = Request { method: "POST", url: &url, headers: &headers, body: webhook.body.as_bytes() };
        let id = SecretId::mint([1; 16]);
        let secrets = [Secret { id: &id, text: simulator.secret().unwrap_or_default() }];
        let outcome = simulator.provider().verify(&request, &secrets, simulator.settings(), now());
        assert!(outcome.is_err(), "{}", simulator.provider().id());
    }
}

#[test]
fn a_secret_and_settings_that_are_given_take_the_place_of_ours() {
    let settings = Settings::from([("key_id".to_owned(), "7".to_owned())]);
    let simulator = Simulator::new("worldpay", [7; 32]).expect("it is on the list");
    let simulator = simulator.with(Some("a-secret-of-mine".to_owned()), settings);
    assert_eq!(simulator.secret(), Some("a-secret-of-mine"));
    assert_eq!(
        simulator.settings().get("experimental").map(String::as_str),
        Some("accepted"),
        "what is not given stays"
    );
    let webhook = simulator.sign(&simulator.story(0, now())[0], URL, now()).expect("it is signed");
    assert!(
        webhook
            .headers
            .iter()
            .any(|(name, value)| *name == "event-signature" && value.starts_with("7/SHA256/"))
    );
    assert!(!format!("{simulator:?}").contains("a-secret-of-mine"));
}
