//! What somebody can make of one genuine request that he has seen, or of a genuine one that was made for somebody else.

use crate::support;
use crate::vectors::Vector;
use data_encoding::{BASE64, HEXLOWER};
use domain::{Derived, EventId, Fact, Ledger, SourceId, VerifiedBy};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use providers::{
    ApiAnswer, Covers, Evidence, Fetched, Outcome, Provider, Rejection, Request, Roots, Secret, Settings,
    Verified, VerifiedMeta,
};
use serde_json::json;
use sha2::{Digest, Sha256};

const NOW_S: i64 = 1_795_348_800;
const SECRET: &str = "a-secret-of-some-length";
const ADYEN_KEY: &[u8] = b"fedcba9876543210fedcba9876543210";

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

fn settings(pairs: &[(&str, &str)]) -> Settings {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A vector of ours, ready to be tried with changes.
struct Case {
    provider: &'static Provider,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    secrets: Vec<String>,
    settings: Settings,
    now: Timestamp,
}

impl Case {
    fn of(id: &str) -> Self {
        let (provider, _) = id.split_once('/').unwrap();
        let vectors = support::read::<Vector>(&support::own_directory().join(format!("{provider}.json")));
        let vector = vectors.into_iter().find(|vector| vector.id == id).unwrap();
        let provider = Provider::find(provider).unwrap();
        let known = provider.settings().iter();
        let extra = known.filter_map(|setting| Some((setting.name, vector.extra(setting.name)?)));
        let extra: Vec<_> = extra.collect();
        Self {
            provider,
            settings: settings(&extra),
            now: Timestamp::from_second(vector.now).unwrap(),
            url: vector.url.unwrap(),
            headers: vector.headers.unwrap(),
            body: BASE64.decode(vector.body.unwrap().as_bytes()).unwrap(),
            secrets: vector.secrets.unwrap_or_default(),
        }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    fn verify(&self) -> Result<Verified, Rejection> {
        let id = support::secret_id(0);
        let secrets: Vec<_> = self.secrets.iter().map(|text| Secret { id: &id, text }).collect();
        let request = Request { method: "POST", url: &self.url, headers: &self.headers, body: &self.body };
        self.provider.verify(&request, &secrets, &self.settings, self.now)
    }

    fn dedupe_key(&self) -> String {
        self.verify().unwrap().notifications(&self.settings).unwrap().remove(0).dedupe_key
    }
}

/// What has crossed the queue, of a signature that proves only the sender.
fn unproven(provider: &str, body: &str) -> Verified {
    let meta = json!({ "provider": provider, "scheme": "test", "covers": "none" });
    let meta: VerifiedMeta = serde_json::from_value(meta).unwrap();
    Verified::from_parts(meta, body.as_bytes().to_vec())
}

fn derived(notifications: &[domain::Notification]) -> Derived {
    let mut ledger = Ledger::default();
    let source = SourceId::mint([0; 16]);
    for notification in notifications {
        ledger.apply(&EventId::derive(&source, None, &notification.dedupe_key), notification);
    }
    ledger.derive()
}

#[test]
fn a_type_in_a_header_that_is_not_signed_moves_no_money() {
    let generic = Provider::find("generic").unwrap();
    let body = r#"{"id":"p-1","event":"payment.failed","amount":1000,"currency":"EUR"}"#;
    let covers = |signed: &str, more: &[(&str, &str)]| {
        let base = [
            ("algorithm", "hmac-sha256"),
            ("signature", "header:x-sig"),
            ("encoding", "hex"),
            ("signed", signed),
            ("payment", "id"),
        ];
        let settings = settings(&[&base[..], more].concat());
        assert_eq!(generic.check_settings(&settings), Ok(()));
        let message = signed.replace("{header:x-event}", "payment.paid").replace("{body}", body);
        let headers = [
            ("x-sig".to_owned(), HEXLOWER.encode(&hmac(SECRET.as_bytes(), &message))),
            // The sender wrote `payment.failed`.
            ("x-event".to_owned(), "payment.paid".to_owned()),
        ];
        let request = Request { method: "POST", url: "https://x/", headers: &headers, body: body.as_bytes() };
        let secrets = [Secret { id: &support::secret_id(0), text: SECRET }];
        let now = Timestamp::from_second(NOW_S).unwrap();
        let verified = generic.verify(&request, &secrets, &settings, now).unwrap();
        (verified.covers(), verified.verified_by())
    };
    let meanings = ("meanings", "payment.paid=paid, payment.failed=failed");
    let unproven = (Covers::None, VerifiedBy::None);
    let proven = (Covers::Body, VerifiedBy::Signature);
    assert_eq!(covers("{body}", &[("type", "header:x-event"), meanings]), unproven);
    assert_eq!(covers("{body}", &[("type", "event, header:x-event"), meanings]), unproven);
    // What is signed too, what is in the body, and what is only shown.
    assert_eq!(covers("{header:x-event}.{body}", &[("type", "header:x-event"), meanings]), proven);
    assert_eq!(covers("{body}", &[("type", "event"), meanings]), proven);
    assert_eq!(covers("{body}", &[("type", "header:x-event")]), proven);
    let by_status = [("type", "header:x-event"), ("status", "event"), ("meanings", "*|payment.paid=paid")];
    assert_eq!(covers("{body}", &by_status), proven);
    let test = [("type", "header:x-event"), ("meanings", "ping=test")];
    assert_eq!(covers("{body}", &test), proven);
}

#[test]
fn a_form_that_can_be_divided_in_another_way_moves_no_money() {
    let generic = Provider::find("generic").unwrap();
    let verify =
        |signed: &str, (id, url, body): (&str, &str, &str), signature: &str, more: &[(&str, &str)]| {
            let base = [
                ("algorithm", "hmac-sha256"),
                ("signature", "header:x-sig"),
                ("encoding", "hex"),
                ("signed", signed),
                ("body_format", "form"),
                ("payment", "id"),
                ("type", "event"),
                ("status", "status"),
                ("meanings", "payment|failed=failed, payment=paid"),
            ];
            let settings = settings(&[&base[..], more].concat());
            assert_eq!(generic.check_settings(&settings), Ok(()), "{signed}");
            let headers = [("x-sig", signature), ("x-id", id), ("x-time", "1795348800")];
            let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let request = Request { method: "POST", url, headers: &headers, body: body.as_bytes() };
            let secrets = [Secret { id: &support::secret_id(0), text: SECRET }];
            let verified =
                generic.verify(&request, &secrets, &settings, Timestamp::from_second(NOW_S).unwrap());
            verified.map(|verified| (verified.covers(), verified.notifications(&settings).unwrap().remove(0)))
        };
    let (url, body) = ("https://x/in?a=", "status=failed&id=p-1&event=payment");
    let sign = |message: &str| HEXLOWER.encode(&hmac(SECRET.as_bytes(), message));
    for (signed, message, forged) in [
        ("{header:x-id}{body}", format!("7{body}"), ("7status=failed&", url)),
        ("{url}{body}", format!("{url}{body}"), ("7", "https://x/in?a=status=failed&")),
    ] {
        let signature = sign(&message);
        let (covers, genuine) = verify(signed, ("7", url, body), &signature, &[]).unwrap();
        let (_, now) = verify(signed, (forged.0, forged.1, "id=p-1&event=payment"), &signature, &[]).unwrap();
        // The signature is genuine both times.
        assert_ne!(genuine.event_type, now.event_type, "{signed}");
        assert_eq!(covers, Covers::None, "{signed}");
    }
    let digest = HEXLOWER.encode(&Sha256::digest(body));
    let stamp = [("timestamp", "header:x-time"), ("tolerance_seconds", "300")];
    for (signed, message, more) in [
        ("{body}", body.to_owned(), &[][..]),
        ("{timestamp}.{body}", format!("1795348800.{body}"), &stamp[..]),
        ("{header:x-id}.{body_sha256}", format!("7.{digest}"), &[]),
        ("{key}{body}", format!("{SECRET}{body}"), &[]),
    ] {
        let (covers, _) = verify(signed, ("7", url, body), &sign(&message), more).unwrap();
        assert_eq!(covers, Covers::Body, "{signed}");
    }
    // What is read as JSON can't be divided.
    let json = [("body_format", "json")];
    let (covers, _) =
        verify("{header:x-id}{body}", ("7", url, "{\"event\":\"x\"}"), &sign("7{\"event\":\"x\"}"), &json)
            .unwrap();
    assert_eq!(covers, Covers::Body);
}

fn adyen(fields: [&str; 8]) -> Result<(), Rejection> {
    let signature = BASE64.encode(&hmac(ADYEN_KEY, &fields.join(":")));
    let [psp, original, account, reference, value, currency, code, success] = fields;
    let item = json!({
        "pspReference": psp, "originalReference": original, "merchantAccountCode": account,
        "merchantReference": reference, "amount": { "value": value, "currency": currency },
        "eventCode": code, "success": success, "additionalData": { "hmacSignature": signature },
    });
    let body = json!({ "notificationItems": [{ "NotificationRequestItem": item }] }).to_string();
    let secrets = [Secret { id: &support::secret_id(0), text: &HEXLOWER.encode(ADYEN_KEY) }];
    let request = Request { method: "POST", url: "https://x/", headers: &[], body: body.as_bytes() };
    let now = Timestamp::from_second(NOW_S).unwrap();
    Provider::find("adyen").unwrap().verify(&request, &secrets, &Settings::new(), now).map(|_| ())
}

#[test]
fn adyens_fields_can_not_be_divided_in_another_way() {
    // A shop lets its payers write into the reference.
    let genuine = ["8835", "", "Shop", "a:VICTIM:Shop:b", "1000", "EUR", "AUTHORISATION", "true"];
    assert_eq!(adyen(genuine), Ok(()));
    // The same text, and another payment.
    let forged = ["8835::Shop:a", "VICTIM", "Shop", "b", "1000", "EUR", "AUTHORISATION", "true"];
    assert_eq!(genuine.join(":"), forged.join(":"));
    assert_eq!(adyen(forged), Err(Rejection::MalformedBody));
    for place in [0, 1, 2, 4, 5, 6, 7] {
        let mut fields = genuine;
        fields[place] = "a:b";
        assert_eq!(adyen(fields), Err(Rejection::MalformedBody), "field {place}");
    }
}

#[test]
fn a_time_that_nobody_signed_does_not_order_what_the_api_tells() {
    let body = |time: &str| {
        format!(
            r#"{{"transaction_id":"t-1","order_id":"o-1","transaction_status":"settlement","status_code":"200",
                "gross_amount":"10000.00","currency":"IDR","settlement_time":"{time}"}}"#
        )
    };
    let verified = unproven("midtrans", &body("2099-01-01 00:00:00"));
    let said = verified.notifications(&Settings::new()).unwrap().remove(0);
    let fetch = verified.fetch(&said).unwrap();
    let answer = body("2026-11-22 19:00:00");
    let told = verified.fetched(&fetch, &said, answer.as_bytes(), &Settings::new()).unwrap();
    let Fetched::Told(told) = told else { panic!("{told:?}") };
    assert_eq!(told.occurred_at, Some("2026-11-22T12:00:00Z".parse().unwrap()));
}

#[test]
fn an_amount_below_zero_is_shown_and_never_added_up() {
    let event = |kind: &str, data: serde_json::Value| {
        let body = json!({ "type": kind, "timestamp": "2026-11-22T12:00:00Z", "data": data }).to_string();
        let headers = [("webhook-id", kind), ("webhook-timestamp", "1795348800")];
        let verified = support::verified("standard_webhooks", &headers, body.as_bytes());
        verified.notifications(&Settings::new()).unwrap().remove(0)
    };
    let captured = event("payment.captured", json!({ "id": "p", "amount": 1000, "currency": "EUR" }));
    let refunded = json!({ "id": "r", "payment_id": "p", "amount": -400, "currency": "EUR" });
    let refunded = event("refund.succeeded", refunded);
    assert_eq!(refunded.amount, Some(-400));
    let payment = derived(&[captured.clone(), refunded]);
    assert_eq!((payment.amount_captured, payment.amount_refunded), (Some(1000), None));
    assert_eq!(payment.net_amount, None, "not more than was captured");
    let data =
        json!({ "id": "d", "payment_id": "p", "amount": -400, "currency": "EUR", "funds": "withdrawn" });
    assert_eq!(derived(&[captured, event("dispute.opened", data)]).net_amount, None);
    let data = json!({ "id": "p", "amount": -1, "requested_amount": -1, "currency": "EUR" });
    let facts = event("payment.authorized", data).facts;
    assert!(!facts.iter().any(|fact| matches!(fact, Fact::Requested { .. })), "{facts:?}");
}

#[test]
fn a_text_that_no_provider_gives_out_is_cut_before_it_is_kept_and_stops_nothing() {
    let long = "7".repeat(100_000);
    let only = |verified: Verified| verified.notifications(&Settings::new()).unwrap().remove(0);
    // Anybody can post this one.
    let mollie = |id: &str| only(unproven("mollie", &format!("id={id}"))).provider_payment_id.unwrap();
    assert_eq!(mollie(&long[..1024]), long[..1024]);
    assert_eq!(mollie(&long).len(), 1024);
    let standard = |kind: &str, id: &str, payment: &str| {
        let data = json!({ "id": id, "payment_id": payment, "merchant_reference": id });
        let body = json!({ "type": kind, "data": data }).to_string();
        only(support::verified("standard_webhooks", &[("webhook-id", "m")], body.as_bytes()))
    };
    let said = standard(&long, &long, &long);
    assert_eq!(said.clone().bounded(), said);
    assert!(serde_json::to_string(&said).unwrap().len() < 10_000);
}

#[test]
fn no_source_learns_from_another_ones_credential() {
    let vectors = support::read::<Vector>(&support::own_directory().join("plaid.json"));
    let vector = vectors.into_iter().find(|vector| vector.id == "plaid/good").unwrap();
    let (headers, body) = (vector.headers.unwrap(), BASE64.decode(vector.body.unwrap().as_bytes()).unwrap());
    let plaid = Provider::find("plaid").unwrap();
    let verify = |evidence: &Evidence<'_>| {
        let request = Request { method: "POST", url: "https://x/", headers: &headers, body: &body };
        let now = Timestamp::from_second(vector.now).unwrap();
        plaid.verify_with(&request, &[], &Settings::new(), evidence, now)
    };
    let needed = |credential| match verify(&Evidence::new(Some(credential), Roots::Web)) {
        Ok(Outcome::Needs(needed)) => needed.id,
        other => panic!("{other:?}"),
    };
    let (revoked, good) = (needed("client:revoked"), needed("client:good"));
    assert_ne!(revoked, good, "that Plaid refuses the one says nothing of the other");
    assert!(!revoked.contains("revoked") && needed("client:good") == good);
    // And what was refused under the one is not taken for an answer to the other.
    let mut evidence = Evidence::new(Some("client:good"), Roots::Web);
    let refusal = br#"{"error_type":"INVALID_INPUT","error_code":"INVALID_API_KEYS"}"#.to_vec();
    evidence.add(revoked, ApiAnswer { status: 400, body: refusal });
    assert!(matches!(verify(&evidence), Ok(Outcome::Needs(_))));
}

#[test]
fn a_repeat_that_is_written_differently_is_the_same_notification() {
    // Braintree's signature fits with and without the line feed at the end.
    let good = Case::of("braintree/good-check");
    let mut without = Case::of("braintree/good-check");
    without.body.truncate(without.body.strip_suffix(b"%0A").unwrap().len());
    assert_eq!(without.dedupe_key(), good.dedupe_key());
    // White space is not part of what SNAP signs.
    let (good, pretty) = (Case::of("midtrans_snap/good"), Case::of("midtrans_snap/pretty-body"));
    assert_ne!(good.body, pretty.body);
    assert_eq!(pretty.dedupe_key(), good.dedupe_key());
}

#[test]
fn what_is_signed_for_another_customer_is_refused_where_the_source_says_who_we_are() {
    for (id, setting, ours, theirs) in [
        ("midtrans_snap/good", "merchant_id", "G099333790", "G000000001"),
        ("wise/published", "profile_id", "16055450", "16055451"),
    ] {
        assert!(Case::of(id).verify().is_ok(), "{id}: not set");
        assert!(Case::of(id).with(setting, ours).verify().is_ok(), "{id}: ours");
        let refused = Case::of(id).with(setting, theirs).verify();
        assert_eq!(refused.unwrap_err(), Rejection::SignatureMismatch, "{id}: of another one");
        let known = Provider::find(id.split_once('/').unwrap().0).unwrap().settings();
        assert!(known.iter().any(|known| known.name == setting && !known.required), "{setting}");
    }
}

#[test]
fn lines_that_api_gateway_joined_are_the_same_signatures() {
    let good = Case::of("mollie_nextgen/good");
    let (name, value) = good.headers.iter().find(|(name, _)| name == "X-Mollie-Signature").unwrap();
    let false_one = format!("sha256={}", "0".repeat(64));
    for joined in [
        format!("{false_one},{value}"),
        format!("{value}, {false_one}"),
        format!("{false_one},{false_one}"),
        "0,".repeat(40),
    ] {
        let mut case = Case::of("mollie_nextgen/good");
        case.headers = vec![(name.clone(), joined.clone())];
        assert_eq!(case.verify().is_ok(), joined.contains(value.as_str()), "{joined}");
    }
    // Where one line is meant, two remain none.
    let two = [("x-paystack-signature".to_owned(), "ab,ab".to_owned())];
    let request = Request { method: "POST", url: "https://x/", headers: &two, body: b"{}" };
    let secrets = [Secret { id: &support::secret_id(0), text: SECRET }];
    let paystack = Provider::find("paystack").unwrap();
    let outcome = paystack.verify(&request, &secrets, &Settings::new(), Timestamp::UNIX_EPOCH);
    assert_eq!(outcome.unwrap_err(), Rejection::MalformedSignature);
}

#[test]
fn an_answer_to_braintrees_challenge_signs_no_notification() {
    let case = Case::of("braintree/good-check");
    let id = support::secret_id(0);
    let secrets: Vec<_> = case.secrets.iter().map(|text| Secret { id: &id, text }).collect();
    // Anybody may ask, and choose what is signed: letters that are base64 too.
    let challenge = "77bbabcdef0123456789abcd";
    let url = format!("https://x/?bt_challenge={challenge}");
    let request = Request { method: "GET", url: &url, headers: &[], body: b"" };
    let answer = case.provider.answer_challenge(&request, &secrets, &case.settings).unwrap().unwrap();
    let body = format!("bt_signature={}&bt_payload={challenge}", answer.replace('|', "%7C"));
    let forged = Case { body: body.into_bytes(), ..case };
    // The signature is genuine, and no hex text is base64 of anything that begins as XML does.
    assert!(forged.verify().unwrap().notifications(&forged.settings).is_err());
    let beginnings = "0123456789abcdef".chars().flat_map(|a| "0123456789abcdef".chars().map(move |b| (a, b)));
    for (first, second) in beginnings {
        let byte = BASE64.decode(format!("{first}{second}00").as_bytes()).unwrap()[0];
        assert!(byte != b'<' && !byte.is_ascii_whitespace(), "{first}{second}");
    }
}

#[test]
fn kept_headers_are_not_shown() {
    let headers = [("plaid-verification", "eyJhbGciOi"), ("authorization", "V2-HMAC-SHA256, Signature: ab")];
    let verified = support::verified("dlocal", &headers, b"{}");
    let shown = format!("{:?} {verified:?}", verified.meta());
    assert!(!shown.contains("eyJhbGciOi") && !shown.contains("Signature: ab"), "{shown}");
    assert!(shown.contains("plaid-verification"), "names are: {shown}");
}

/// What is booked, and of which payment; empty where nothing is.
fn booked(verified: &Verified, settings: &Settings) -> Option<String> {
    let notifications = verified.notifications(settings).ok()?;
    let what = |notification: &domain::Notification| {
        let domain::Notification { provider_payment_id, amount, currency, occurred_at, facts, .. } =
            notification;
        format!("{provider_payment_id:?} {amount:?} {currency:?} {occurred_at:?} {facts:?}")
    };
    Some(notifications.iter().filter(|notification| !notification.facts.is_empty()).map(what).collect())
}

/// Each leaf of a JSON document in turn replaced by each of `values`.
fn altered(document: &serde_json::Value, values: &[serde_json::Value]) -> Vec<(String, serde_json::Value)> {
    let mut pointers = Vec::new();
    let mut open = vec![(String::new(), document)];
    while let Some((pointer, value)) = open.pop() {
        match value {
            serde_json::Value::Object(members) => {
                open.extend(members.iter().map(|(name, value)| (format!("{pointer}/{name}"), value)));
            }
            serde_json::Value::Array(elements) => {
                open.extend(
                    elements.iter().enumerate().map(|(at, value)| (format!("{pointer}/{at}"), value)),
                );
            }
            _ => pointers.push(pointer),
        }
    }
    let mut all = Vec::new();
    for pointer in pointers {
        for value in values {
            let mut document = document.clone();
            if let Some(leaf) = document.pointer_mut(&pointer) {
                *leaf = value.clone();
                all.push((pointer.clone(), document));
            }
        }
    }
    all
}

/// Read although they are not signed, as `normalise/adyen.rs` says.
const NOT_SIGNED: &[&str] = &["eventDate", "modification.action"];

#[test]
fn what_a_signature_leaves_open_changes_nothing_that_is_booked() {
    let (mut tried, mut providers) = (0, std::collections::BTreeSet::new());
    for file in support::json_files(&support::own_directory()) {
        for vector in support::read::<Vector>(&file) {
            let is_post = vector.method.as_deref().is_none_or(|method| method == "POST");
            let is_whole = vector.url.is_some() && vector.headers.is_some() && vector.body.is_some();
            if !is_post || !is_whole || Provider::find(&vector.provider).is_none() {
                continue;
            }
            let mut case = Case::of(&vector.id);
            case.settings.extend(support::accepted(case.provider));
            let Ok(genuine) = case.verify() else { continue };
            if genuine.covers() == Covers::None {
                continue;
            }
            let Some(said) = booked(&genuine, &case.settings) else { continue };
            if !said.is_empty() {
                providers.insert(vector.provider.clone());
            }
            let check = |headers: Vec<(String, String)>, url: String, body: Vec<u8>, what: &str| {
                let Case { provider, ref secrets, ref settings, now, .. } = case;
                let (secrets, settings) = (secrets.clone(), settings.clone());
                let changed = Case { provider, url, headers, body, secrets, settings, now };
                let Some(now_said) = changed.verify().ok().and_then(|it| booked(&it, &changed.settings))
                else {
                    return;
                };
                assert_eq!(now_said, said, "{}: {what}", vector.id);
            };
            let kept: Vec<&str> = case.provider.schemes().flat_map(|scheme| scheme.keeps).copied().collect();
            let sent = case.headers.iter().map(|(name, _)| name.as_str());
            for name in sent.chain(kept).chain(["content-type", "date"]) {
                for value in [None, Some("true"), Some("2099-01-01T00:00:00Z"), Some("payment.paid")] {
                    let mut headers = case.headers.clone();
                    headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
                    headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
                    check(headers, case.url.clone(), case.body.clone(), name);
                    tried += 1;
                }
            }
            check(case.headers.clone(), format!("{}&id=1", case.url), case.body.clone(), "the address");
            let Ok(document) = serde_json::from_slice::<serde_json::Value>(&case.body) else { continue };
            let values =
                [json!("true"), json!("2099-01-01T00:00:00Z"), json!(7), json!(null), json!("refund")];
            for (pointer, document) in altered(&document, &values) {
                if !NOT_SIGNED.iter().any(|name| pointer.ends_with(name)) {
                    let body = document.to_string().into_bytes();
                    check(case.headers.clone(), case.url.clone(), body, &pointer);
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 1000 && providers.len() > 25, "{tried} of {providers:?}");
}
