//! What can be wrong with a body.

use super::account::{
    Account, BODY, Carrier, MALFORMED, MISMATCH, MISSING, Way, field_twice, member, member_twice, with_field,
    with_header, with_member, without_member,
};
use super::signatures::{Case, case};
use anyhow::Result;
use journeys::Sent;
use url::form_urlencoded;

/// Deep enough for whoever recurses to run out of a test's stack of 2 MiB, at a hundred bytes a level.
const DEEP: usize = 20_000;

/// How verification reads the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    /// As bytes, all of which are signed.
    Bytes,
    /// As JSON, some of whose members are signed or say for whom it is.
    Json,
    /// As a form, some of whose fields are signed.
    Form,
    /// Not at all: it proves nothing, and what is in it is an unverified event's.
    Nothing,
}

/// Those that do not sign the bytes of the body, with the reason.
const READS: &[(&str, Reads, &str)] = &[
    ("adyen", Reads::Json, "signs eight members of each item"),
    ("braintree", Reads::Form, "signs a field that holds all there is"),
    ("chargebee", Reads::Nothing, "sends a password"),
    ("flutterwave", Reads::Nothing, "sends a token"),
    ("mercadopago", Reads::Nothing, "signs the query and a header"),
    ("midtrans", Reads::Json, "signs three members"),
    ("midtrans, signature_key of an account", Reads::Json, "signs three members"),
    ("midtrans_snap", Reads::Json, "signs the body without white space between its tokens"),
    ("mollie", Reads::Nothing, "signs nothing"),
    ("nuvei", Reads::Form, "signs six fields"),
    ("opennode", Reads::Form, "signs the id"),
    ("paddle_classic", Reads::Form, "signs all fields, sorted"),
    ("phonepe", Reads::Nothing, "sends a hash of its password"),
    ("phonepe_v1", Reads::Json, "signs a member that holds all there is"),
    ("woovi", Reads::Json, "says in the body for whom it is, which is looked at first"),
    ("woovi, without company", Reads::Json, "the same"),
    ("xendit", Reads::Nothing, "sends a token"),
];

/// The fields or members that are signed one by one, and why a request without one is refused: absent ones count as
/// empty, or have to be there.
const SIGNED: &[(&str, &[&str], &str)] = &[
    (
        "adyen",
        &[
            "pspReference",
            "merchantAccountCode",
            "merchantReference",
            "value",
            "currency",
            "eventCode",
            "success",
        ],
        MISMATCH,
    ),
    ("braintree", &["bt_payload"], MISSING),
    ("midtrans", &["order_id", "status_code", "gross_amount"], MISSING),
    ("midtrans, signature_key of an account", &["account_id", "account_status", "status_code"], MISSING),
    (
        "nuvei",
        &["totalAmount", "currency", "responseTimeStamp", "PPP_TransactionID", "Status", "productId"],
        MISMATCH,
    ),
    ("opennode", &["id"], MISSING),
    (
        "paddle_classic",
        &["alert_id", "alert_name", "currency", "event_time", "order_id", "sale_gross"],
        MISMATCH,
    ),
    ("phonepe_v1", &["response"], MISSING),
];

pub(super) fn reads(account: &Account) -> Reads {
    READS.iter().find(|(name, ..)| *name == account.name).map_or(Reads::Bytes, |(_, reads, _)| *reads)
}

/// A body that is not what was signed.
pub(super) fn altered(account: &Account) -> Vec<Case> {
    let genuine = &account.genuine;
    let body = |body: Vec<u8>| Sent { body, ..genuine.clone() };
    let truncated = body(genuine.body[..genuine.body.len() - 1].to_vec());
    let mut cases = Vec::new();
    match reads(account) {
        Reads::Bytes => {
            cases.push(case("with a truncated body", truncated, MISMATCH));
            cases.push(case("without a body", body(Vec::new()), MISMATCH));
            cases.push(case("with a line feed behind", body([&genuine.body[..], b"\n"].concat()), MISMATCH));
            cases.push(case("with one bit of the body turned", body(turned(&genuine.body)), MISMATCH));
        }
        Reads::Json => {
            cases.push(case("with a truncated body", truncated, BODY));
            cases.push(case("without a body", body(Vec::new()), BODY));
            cases.push(case("with bytes that are no UTF-8", body(not_utf8(&genuine.body)), BODY));
            cases.push(case("with lists without end", body(b"[".repeat(DEEP)), BODY));
            cases.push(case("with objects without end", body(br#"{"a":"#.repeat(DEEP)), BODY));
        }
        Reads::Form => {
            // What stands at the end is cut: an escape in the payload, or the signature.
            let cut = if account.id() == "braintree" { BODY } else { MALFORMED };
            cases.push(case("with a truncated body", truncated, cut));
            cases.push(case("without a body", body(Vec::new()), MISSING));
            cases.push(case("with JSON for a body", body(br#"{"id":"1"}"#.to_vec()), MISSING));
        }
        Reads::Nothing => {}
    }
    if let Some((_, names, absent)) = SIGNED.iter().find(|(name, ..)| *name == account.name) {
        for name in *names {
            cases.extend(if reads(account) == Reads::Form {
                field(genuine, name, absent)
            } else {
                json_member(genuine, name, absent)
            });
        }
    }
    if account.id() == "mercadopago" {
        let query = |query: &str| Sent { query: query.to_owned(), ..genuine.clone() };
        cases.push(case("about another payment", query("?data.id=1&type=payment"), MISMATCH));
        cases.push(case("about none", query(""), MISMATCH));
        let twice = format!("{}&data.id=1", genuine.query);
        cases.push(case("about two", query(&twice), MALFORMED));
        let without = with_header(genuine, "x-request-id", None);
        cases.push(case("without the request's id", without, MISMATCH));
    }
    cases
}

fn field(genuine: &Sent, name: &str, absent: &'static str) -> Vec<Case> {
    let mut fields = form_urlencoded::parse(&genuine.body);
    let value = fields.find(|(field, _)| field == name).expect("the field is there").1.into_owned();
    let with = |value: Option<&[u8]>| with_field(genuine, name, value);
    vec![
        case(format!("with another {name}"), with(Some(format!("1{value}").as_bytes())), MISMATCH),
        case(format!("without {name}"), with(None), absent),
        case(format!("with {name} twice"), field_twice(genuine, name), BODY),
        case(format!("with a {name} that is no text"), with(Some(b"\xff")), BODY),
    ]
}

fn json_member(genuine: &Sent, name: &str, absent: &'static str) -> Vec<Case> {
    let text = std::str::from_utf8(&genuine.body).expect("it is JSON");
    let value = &text[member(text, name)];
    // In front of a number's digits, or of a text's.
    let other = value.strip_prefix('"').map_or_else(|| format!("1{value}"), |text| format!("\"1{text}"));
    vec![
        case(format!("with another {name}"), with_member(genuine, name, other.as_bytes()), MISMATCH),
        case(format!("without {name}"), without_member(genuine, name), absent),
        case(format!("with {name} twice"), member_twice(genuine, name), BODY),
        case(format!("with a list for {name}"), with_member(genuine, name, b"[1]"), BODY),
    ]
}

fn turned(body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    let middle = body.len() / 2;
    body[middle] ^= 1;
    body
}

fn not_utf8(body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    let text = body.iter().rposition(u8::is_ascii_alphanumeric).expect("there is text in it");
    body[text] = 0xff;
    body
}

/// Genuine requests whose body is not what the provider sends, where a body can be signed on its own or is not signed.
pub(super) fn unreadable(account: &Account, at: jiff::Timestamp) -> Result<Vec<(&'static str, Sent)>> {
    let genuine = &account.genuine;
    let bodies: &[(&str, Vec<u8>)] = &[
        ("nothing", Vec::new()),
        ("bytes that are no UTF-8", not_utf8(&genuine.body)),
        ("a null byte", vec![0]),
        ("a byte order mark", [b"\xef\xbb\xbf", &genuine.body[..]].concat()),
        ("a list", b"[]".to_vec()),
        ("a form", b"id=1&type=payment".to_vec()),
        (
            "XML with an entity",
            br#"<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>"#.to_vec(),
        ),
        ("half of it", genuine.body[..genuine.body.len() / 2].to_vec()),
        ("it and more", [&genuine.body[..], b"}"].concat()),
        ("lists without end", b"[".repeat(DEEP)),
        ("objects without end", br#"{"a":"#.repeat(DEEP)),
        ("lists in lists", [b"[".repeat(DEEP), b"]".repeat(DEEP)].concat()),
    ];
    let mut all = Vec::with_capacity(bodies.len());
    for (what, body) in bodies {
        let sent = match reads(account) {
            Reads::Nothing => Sent { body: body.clone(), ..genuine.clone() },
            _ => account.signed_over(body, at)?,
        };
        all.push((*what, sent));
    }
    Ok(all)
}

/// A genuine event with lists in lists where nobody looks.
pub(super) fn deep(account: &Account, at: jiff::Timestamp) -> Result<Sent> {
    let nested = [b"[".repeat(DEEP), b"]".repeat(DEEP)].concat();
    let genuine = &account.genuine;
    let body = [br#"{"nobody_looks_here":"#, &nested[..], b",", &genuine.body[1..]].concat();
    let signs_no_bytes = matches!(account.way, Some(Way { carrier: Carrier::Json(_), .. }))
        || account.id() == "phonepe_v1"
        || reads(account) == Reads::Nothing;
    if signs_no_bytes { Ok(Sent { body, ..genuine.clone() }) } else { account.signed_over(&body, at) }
}
