use super::*;
use crate::Request;
use domain::{EventId, Payment, SecretId, SourceId, VerifiedBy};
use serde_json::{Value, json};
use std::path::Path;

/// The documented answers of a provider's API (`tests/vectors/answers/`).
fn answer(provider: &str, name: &str) -> Vec<u8> {
    let file = format!("../../tests/vectors/answers/{provider}.json");
    let text = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("the file is there");
    let all: Value = serde_json::from_slice(&text).expect("it is JSON");
    let answer = &all["answers"][name];
    assert!(!answer.is_null(), "{provider} has no answer {name}");
    answer.to_string().into_bytes()
}

fn settings() -> Settings {
    Settings::from([("experimental".to_owned(), "accepted".to_owned())])
}

/// A webhook as if it had been verified: what a signature covers is the provider's row's.
fn verified(provider: &str, body: &str) -> Verified {
    let provider = Provider::find(provider).expect("the provider is in the table");
    let now = Timestamp::from_second(1_700_000_000).expect("in range");
    let request =
        Request { method: "POST", url: "https://pay.example/", headers: &[], body: body.as_bytes() };
    match provider.schemes().next() {
        Some(scheme) => Verified::new(provider, scheme, &SecretId::mint([1; 16]), &request),
        None => Verified::unsigned(provider, &request, now),
    }
}

fn notification(verified: &Verified) -> Notification {
    verified.notifications(&settings()).expect("it can be read").remove(0)
}

const MOLLIE: &str = "id=tr_5B8cwPMGnU6qLbRvo7qEZo";
const MERCADOPAGO: &str = r#"{"action":"payment.updated","api_version":"v1","data":{"id":"20359978"},"date_created":"2019-07-10T14:40:00Z","id":"123456","live_mode":true,"type":"payment","user_id":"448876418"}"#;
const MIDTRANS: &str = r#"{"transaction_id":"249fc620-6017-4540-af7c-5a1c25788f46","transaction_status":"settlement","status_code":"200","order_id":"example-1424936368","gross_amount":"30000.00","currency":"IDR"}"#;
const OPENNODE: &str = "id=47bb5224-bf50-49d0-a317-4adfd345221a&status=paid&order_id=7";
const FLUTTERWAVE: &str = r#"{"event":"charge.completed","data":{"id":288200108,"status":"successful","amount":1,"currency":"NGN"}}"#;

fn thin(kind: &str, id: &str) -> String {
    json!({
        "id": "evt_test_65R9Ijk8dKEYZcXeRWn16R9A",
        "object": "v2.core.event",
        "type": format!("v1.{kind}.updated"),
        "livemode": false,
        "created": "2024-09-17T06:20:52.246Z",
        "related_object": { "id": id, "type": kind, "url": "https://attacker.example/steal" },
    })
    .to_string()
}

fn fetch(provider: &str, body: &str) -> Option<Fetch> {
    let verified = verified(provider, body);
    verified.fetch(&notification(&verified))
}

/// The call, as one line and its headers.
fn call(provider: &str, body: &str, credential: &str) -> (String, Vec<(&'static str, String)>) {
    let request = fetch(provider, body).expect("it is asked for").request(credential);
    assert!(request.body.is_empty());
    (format!("{:?} {}", request.method, request.url), request.headers)
}

fn header<'a>(headers: &'a [(&'static str, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.as_str())
}

/// The payment after one confirmed event, and the event's type.
fn confirmed(provider: &str, body: &str, answer: &[u8]) -> (Value, EventType) {
    let verified = verified(provider, body);
    let said = notification(&verified);
    let fetch = verified.fetch(&said).expect("it is asked for");
    let Ok(Fetched::Told(told)) = verified.fetched(&fetch, &said, answer, &settings()) else {
        panic!("the answer tells nothing")
    };
    assert_eq!(
        (&told.dedupe_key, &told.provider_event_id, &told.provider_type),
        (&said.dedupe_key, &said.provider_event_id, &said.provider_type),
    );
    let source = SourceId::mint([1; 16]);
    let id = told.provider_payment_id.clone().expect("it is about a payment");
    let event = EventId::derive(&source, None, &told.dedupe_key);
    let now = Timestamp::from_second(1_700_000_000).expect("in range");
    let mut payment = Payment::new(source, provider.to_owned(), id, event.clone(), now);
    let verified_by = VerifiedBy::Api;
    let arrival = domain::Arrival { received_at: now, verified_by, confirmed_at: Some(now), secret: None };
    payment.confirm(&event, &said.digest(), &told, &arrival).expect("it is the first");
    (serde_json::to_value(payment.ledger.derive()).expect("plain data"), told.event_type)
}

#[track_caller]
fn assert_amounts(payment: &Value, expected: &[(&str, Value)]) {
    for (field, value) in expected {
        assert_eq!(payment[field], *value, "{field} of {payment}");
    }
}

#[test]
fn mollie_is_asked_for_the_payment_with_its_refunds_and_chargebacks() {
    let (line, headers) = call("mollie", MOLLIE, "live_key");
    let url = "https://api.mollie.com/v2/payments/tr_5B8cwPMGnU6qLbRvo7qEZo?embed=refunds,chargebacks";
    assert_eq!(line, format!("Get {url}"));
    assert_eq!(header(&headers, "authorization"), Some("Bearer live_key"));
}

#[test]
fn each_of_mollies_statuses_is_told() {
    for (name, event_type, status, captured) in [
        ("open", EventType::PaymentCreated, "created", 0),
        ("pending", EventType::PaymentProcessing, "processing", 0),
        ("authorized", EventType::PaymentAuthorized, "authorized", 0),
        ("paid", EventType::PaymentCaptured, "captured", 7500),
        ("canceled", EventType::PaymentCanceled, "canceled", 0),
        ("expired", EventType::PaymentExpired, "expired", 0),
        ("failed", EventType::PaymentFailed, "failed", 0),
    ] {
        let (payment, told) = confirmed("mollie", MOLLIE, &answer("mollie", name));
        assert_eq!((told, &payment["status"]), (event_type, &json!(status)), "{name}");
        assert_eq!(payment["amount_captured"].as_i64().unwrap_or(0), captured, "{name}");
        let expected = [("amount_requested", json!(7500)), ("merchant_reference", json!("12345"))];
        assert_amounts(&payment, &expected);
    }
}

#[test]
fn mollies_refunds_and_chargebacks_are_booked_one_by_one_and_the_latest_names_the_event() {
    let (payment, told) = confirmed("mollie", MOLLIE, &answer("mollie", "refunded"));
    assert_eq!(told, EventType::RefundPending);
    let expected = [("amount_refunded", json!(595)), ("amount_refund_pending", json!(1000))];
    assert_amounts(&payment, &expected);
    let (payment, told) = confirmed("mollie", MOLLIE, &answer("mollie", "charged_back"));
    assert_eq!(told, EventType::DisputeOpened);
    assert_amounts(&payment, &[("amount_disputed", json!(7500)), ("dispute_status", json!("open"))]);
    let (payment, told) = confirmed("mollie", MOLLIE, &answer("mollie", "chargeback_reversed"));
    assert_eq!(told, EventType::DisputeWon);
    assert_amounts(&payment, &[("net_amount", json!(7500)), ("dispute_status", json!("won"))]);
}

#[test]
fn mercado_pago_is_asked_for_the_payment() {
    let (line, headers) = call("mercadopago", MERCADOPAGO, "APP_USR-key");
    assert_eq!(line, "Get https://api.mercadopago.com/v1/payments/20359978");
    assert_eq!(header(&headers, "authorization"), Some("Bearer APP_USR-key"));
}

#[test]
fn each_of_mercado_pagos_statuses_is_told() {
    for (name, event_type, status, captured, refunded) in [
        ("pending", EventType::PaymentRequiresAction, "requires_action", 0, 0),
        ("in_process", EventType::PaymentProcessing, "processing", 0, 0),
        ("authorized", EventType::PaymentAuthorized, "authorized", 0, 0),
        ("approved", EventType::PaymentCaptured, "captured", 5880, 0),
        ("rejected", EventType::PaymentFailed, "failed", 0, 0),
        ("cancelled", EventType::PaymentCanceled, "canceled", 0, 0),
        ("expired", EventType::PaymentExpired, "expired", 0, 0),
        ("partially_refunded", EventType::RefundSucceeded, "captured", 5880, 1050),
        ("refunded", EventType::RefundSucceeded, "captured", 5880, 5880),
        ("in_mediation", EventType::DisputeOpened, "captured", 5880, 0),
        ("charged_back", EventType::DisputeOpened, "captured", 5880, 0),
        ("chargeback_lost", EventType::DisputeLost, "captured", 5880, 0),
        ("chargeback_won", EventType::DisputeWon, "captured", 5880, 0),
    ] {
        let (payment, told) = confirmed("mercadopago", MERCADOPAGO, &answer("mercadopago", name));
        assert_eq!((told, &payment["status"]), (event_type, &json!(status)), "{name}");
        let amount = |field: &str| payment[field].as_i64().unwrap_or(0);
        assert_eq!((amount("amount_captured"), amount("amount_refunded")), (captured, refunded), "{name}");
        assert_amounts(&payment, &[("currency", json!("BRL")), ("merchant_reference", json!("MP0001"))]);
        assert_eq!(payment["integrity"], "ok", "{name}");
    }
}

#[test]
fn a_thin_event_of_stripe_is_asked_for_at_stripes_own_address_and_in_its_account() {
    let id = "pi_3MtwBwLkdIwHu7ix28a3tqPa";
    let (line, headers) = call("stripe", &thin("payment_intent", id), "sk_test_1");
    assert_eq!(line, format!("Get https://api.stripe.com/v1/payment_intents/{id}?expand[]=latest_charge"));
    assert_eq!(header(&headers, "authorization"), Some("Bearer sk_test_1"));
    assert_eq!(header(&headers, "stripe-version"), Some("2024-06-20"));
    assert_eq!(header(&headers, "stripe-context"), None);
    let connected = thin("refund", "re_1").replacen('{', r#"{"context":"acct_1/acct_2","#, 1);
    let (line, headers) = call("stripe", &connected, "sk_test_1");
    assert_eq!(line, "Get https://api.stripe.com/v1/refunds/re_1");
    assert_eq!(header(&headers, "stripe-context"), Some("acct_1/acct_2"));
}

#[test]
fn each_status_of_stripes_payment_intent_is_told() {
    let thin = thin("payment_intent", "pi_3MtwBwLkdIwHu7ix28a3tqPa");
    for (name, event_type, status) in [
        ("created", EventType::PaymentCreated, "created"),
        ("failed", EventType::PaymentFailed, "failed"),
        ("requires_action", EventType::PaymentRequiresAction, "requires_action"),
        ("processing", EventType::PaymentProcessing, "processing"),
        ("authorized", EventType::PaymentAuthorized, "authorized"),
        ("succeeded", EventType::PaymentCaptured, "captured"),
        ("canceled", EventType::PaymentCanceled, "canceled"),
    ] {
        let (payment, told) = confirmed("stripe", &thin, &answer("stripe", name));
        assert_eq!((told, &payment["status"]), (event_type, &json!(status)), "{name}");
        assert_amounts(&payment, &[("amount_requested", json!(2000)), ("currency", json!("USD"))]);
        assert_eq!(payment["integrity"], "ok", "{name}");
    }
    let (payment, _) = confirmed("stripe", &thin, &answer("stripe", "succeeded_and_refunded"));
    assert_amounts(&payment, &[("amount_captured", json!(2000)), ("amount_refunded", json!(500))]);
}

#[test]
fn stripes_charges_refunds_and_disputes_tell_which_payment_they_are_of() {
    let verified = verified("stripe", &thin("refund", "re_1Nispe2eZvKYlo2Cd31jOCgZ"));
    let said = notification(&verified);
    assert_eq!(said.provider_payment_id, None);
    let fetch = verified.fetch(&said).expect("it is asked for");
    let Ok(Fetched::Told(told)) = verified.fetched(&fetch, &said, &answer("stripe", "refund"), &settings())
    else {
        panic!("the answer tells nothing")
    };
    assert_eq!(told.provider_payment_id.as_deref(), Some("pi_3MtwBwLkdIwHu7ix28a3tqPa"));
    assert_eq!(told.event_type, EventType::RefundSucceeded);
    assert_eq!(told.occurred_at, said.occurred_at);
    for (kind, id, event_type) in [
        ("charge", "ch_3MmlLrLkdIwHu7ix0snN0B15", EventType::PaymentCaptured),
        ("dispute", "du_1MtJUT2eZvKYlo2CNaw2HvEv", EventType::DisputeOpened),
    ] {
        assert_eq!(confirmed("stripe", &thin(kind, id), &answer("stripe", kind)).1, event_type);
    }
}

#[test]
fn snapshot_events_and_objects_that_are_no_payments_are_not_asked_for() {
    let snapshot = r#"{"id":"evt_1","object":"event","type":"payment_intent.succeeded","created":1,"data":{"object":{"id":"pi_1","object":"payment_intent","amount":1,"currency":"usd"}}}"#;
    assert!(fetch("stripe", snapshot).is_none());
    assert!(fetch("stripe", &thin("billing.meter", "mtr_1")).is_none());
}

#[test]
fn midtrans_opennode_and_flutterwave_are_asked_as_they_document() {
    let (line, headers) = call("midtrans", MIDTRANS, "SB-Mid-server-key");
    assert_eq!(line, "Get https://api.sandbox.midtrans.com/v2/249fc620-6017-4540-af7c-5a1c25788f46/status");
    assert_eq!(header(&headers, "authorization"), Some("Basic U0ItTWlkLXNlcnZlci1rZXk6"));
    assert!(call("midtrans", MIDTRANS, "Mid-server-key").0.starts_with("Get https://api.midtrans.com/v2/"));
    let (payment, told) = confirmed("midtrans", MIDTRANS, &answer("midtrans", "capture"));
    assert_eq!(told, EventType::PaymentCaptured);
    assert_amounts(&payment, &[("amount_captured", json!(3_000_000)), ("currency", json!("IDR"))]);
    let (payment, _) = confirmed("midtrans", MIDTRANS, &answer("midtrans", "pending"));
    assert_eq!(payment["status"], "processing", "what the notification says counts for nothing");

    let (line, headers) = call("opennode", OPENNODE, "key");
    assert_eq!(line, "Get https://api.opennode.com/v1/charge/47bb5224-bf50-49d0-a317-4adfd345221a");
    assert_eq!(header(&headers, "authorization"), Some("key"));
    let (payment, _) = confirmed("opennode", OPENNODE, &answer("opennode", "paid"));
    assert_amounts(&payment, &[("amount_captured", json!(250_000)), ("currency_exponent", json!(8))]);
    assert_eq!(confirmed("opennode", OPENNODE, &answer("opennode", "expired")).0["status"], "expired");

    let (line, headers) = call("flutterwave", FLUTTERWAVE, "FLWSECK-1");
    assert_eq!(line, "Get https://api.flutterwave.com/v3/transactions/288200108/verify");
    assert_eq!(header(&headers, "authorization"), Some("Bearer FLWSECK-1"));
    let (payment, _) = confirmed("flutterwave", FLUTTERWAVE, &answer("flutterwave", "successful"));
    assert_amounts(&payment, &[("amount_captured", json!(10_000)), ("currency", json!("NGN"))]);
}

#[test]
fn what_midtrans_does_not_know_it_says_under_status_200() {
    let verified = verified("midtrans", MIDTRANS);
    let said = notification(&verified);
    let fetch = verified.fetch(&said).expect("it is asked for");
    let fetched = verified.fetched(&fetch, &said, &answer("midtrans", "unknown"), &settings());
    assert_eq!(fetched, Ok(Fetched::Unknown));
}

#[test]
fn an_answer_about_another_object_or_none_at_all_is_refused() {
    for (provider, body, other) in [
        ("mollie", MOLLIE, answer("mollie", "paid")),
        ("mercadopago", MERCADOPAGO, answer("mercadopago", "approved")),
        ("midtrans", MIDTRANS, answer("midtrans", "capture")),
        ("opennode", OPENNODE, answer("opennode", "paid")),
        ("flutterwave", FLUTTERWAVE, answer("flutterwave", "successful")),
        ("stripe", &thin("payment_intent", "pi_3MtwBwLkdIwHu7ix28a3tqPa"), answer("stripe", "succeeded")),
        ("stripe", &thin("charge", "pi_3MtwBwLkdIwHu7ix28a3tqPa"), answer("stripe", "succeeded")),
    ] {
        let verified = verified(provider, body);
        let said = notification(&verified);
        let fetch = verified.fetch(&said).expect("it is asked for");
        let id = &fetch.asked.id;
        let other = String::from_utf8(other).expect("UTF-8").replace(id, &"9".repeat(id.len()));
        let read = |answer: &[u8]| verified.fetched(&fetch, &said, answer, &settings());
        assert_eq!(read(other.as_bytes()), Err(FetchError::OtherObject), "{provider}");
        for garbage in ["", "<html>", "[]", "{}", "null", "\u{0}", r#"{"id":1,"id":2}"#, r#"{"data":7}"#] {
            assert!(read(garbage.as_bytes()).is_err(), "{provider}: {garbage}");
        }
    }
}

#[test]
fn an_amount_that_can_not_be_exact_is_an_error_and_no_amount() {
    for (provider, body, answer, from, to) in [
        ("mollie", MOLLIE, answer("mollie", "paid"), "75.00", "75.001"),
        ("mercadopago", MERCADOPAGO, answer("mercadopago", "approved"), "58.8", "58.888"),
    ] {
        let verified = verified(provider, body);
        let said = notification(&verified);
        let fetch = verified.fetch(&said).expect("it is asked for");
        let odd = String::from_utf8(answer).expect("UTF-8").replace(from, to);
        let read = verified.fetched(&fetch, &said, odd.as_bytes(), &settings());
        assert!(matches!(read, Err(FetchError::Unreadable(_))), "{provider}: {read:?}");
    }
}

#[test]
fn an_id_that_would_be_a_path_is_not_asked_for() {
    for id in ["..%2F..%2Fv2%2Fbalance", "tr_1%3Fembed%3Dx", "tr_1/refunds", "%00", "tr%201"] {
        assert!(fetch("mollie", &format!("id={id}")).is_none(), "{id}");
    }
    let long = "a".repeat(129);
    assert!(fetch("mollie", &format!("id={long}")).is_none());
    assert!(fetch("stripe", &thin("charge", "../balance")).is_none());
}

#[test]
fn credentials_are_taken_where_something_is_asked_and_look_like_keys() {
    let check = |provider: &str, text: &str| {
        Provider::find(provider).expect("in the table").check_api_credential(text)
    };
    for (provider, good) in [
        ("stripe", "sk_live_abc"),
        ("stripe", "rk_live_abc"),
        ("mollie", "test_abc"),
        ("mercadopago", "APP_USR-1-2"),
        ("midtrans", "Mid-server-abc"),
        ("opennode", "b63b9c4a-1"),
        ("flutterwave", "FLWSECK_TEST-1"),
    ] {
        assert_eq!(check(provider, good), Ok(()), "{provider}");
        assert_eq!(check(provider, ""), Err(InvalidCredential::Empty), "{provider}");
        assert_eq!(check(provider, &format!("{good}\n")), Err(InvalidCredential::Characters), "{provider}");
    }
    assert!(matches!(check("stripe", "pk_live_abc"), Err(InvalidCredential::Prefix(_))));
    assert_eq!(check("adyen", "key"), Err(InvalidCredential::Unused));
}

#[test]
fn every_api_belongs_to_a_provider_is_in_the_readme_and_is_called_over_https() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    let readme = readme.expect("the readme is there");
    for api in APIS {
        let provider = Provider::find(api.provider).expect("the provider is in the table");
        assert!(provider.confirms());
        assert!(readme.contains(&format!("]({})", api.documentation)), "{}", api.provider);
        for origin in [Some(api.origin), api.sandbox.map(|(_, origin)| origin)].into_iter().flatten() {
            assert!(origin.starts_with("https://") && !origin[8..].contains('/'), "{origin}");
        }
    }
}

/// Every documented answer, cut off everywhere and with each of its values replaced by odd ones.
#[test]
fn no_answer_panics() {
    let mut read = 0;
    for (provider, body) in [
        ("mollie", MOLLIE),
        ("mercadopago", MERCADOPAGO),
        ("midtrans", MIDTRANS),
        ("opennode", OPENNODE),
        ("flutterwave", FLUTTERWAVE),
        ("stripe", &thin("payment_intent", "pi_3MtwBwLkdIwHu7ix28a3tqPa")),
        ("stripe", &thin("charge", "ch_3MmlLrLkdIwHu7ix0snN0B15")),
        ("stripe", &thin("refund", "re_1Nispe2eZvKYlo2Cd31jOCgZ")),
        ("stripe", &thin("dispute", "du_1MtJUT2eZvKYlo2CNaw2HvEv")),
    ] {
        let verified = verified(provider, body);
        let said = notification(&verified);
        let fetch = verified.fetch(&said).expect("it is asked for");
        for name in names(provider) {
            let text = String::from_utf8(answer(provider, &name)).expect("UTF-8");
            let cut = (0..text.len()).map(|end| text[..end].to_owned());
            let odd = ["null", "-1", "1e999", "[]", "{}", r#""""#, r#""\u0000""#, "9223372036854775808"];
            let places: Vec<usize> = text.match_indices(':').map(|(place, _)| place + 1).collect();
            let replaced = places.iter().flat_map(|place| {
                let end = text[*place..].find([',', '}']).map_or(text.len(), |end| place + end);
                odd.map(|odd| format!("{}{odd}{}", &text[..*place], &text[end..]))
            });
            for answer in cut.chain(replaced) {
                read += usize::from(verified.fetched(&fetch, &said, answer.as_bytes(), &settings()).is_ok());
            }
        }
    }
    assert!(read > 1000, "most odd values leave the rest readable: {read}");
}

fn names(provider: &str) -> Vec<String> {
    let file = format!("../../tests/vectors/answers/{provider}.json");
    let text = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("the file is there");
    let all: Value = serde_json::from_slice(&text).expect("it is JSON");
    all["answers"].as_object().expect("an object").keys().cloned().collect()
}
