//! What can be wrong with a signature and with what is signed beside the body.

use super::account::{
    Account, BODY, Carrier, DUPLICATE, MALFORMED, MISMATCH, MISSING, Way, Written, header, header_twice,
    with_header,
};
use data_encoding::BASE64;
use journeys::Sent;
use providers::scheme::{Condition, Part, Place, Shape};

/// A request and why it is refused.
pub(super) struct Case {
    pub(super) what: String,
    pub(super) sent: Sent,
    pub(super) reason: &'static str,
}

pub(super) fn case(what: impl Into<String>, sent: Sent, reason: &'static str) -> Case {
    Case { what: what.into(), sent, reason }
}

/// More than any rotation needs, and than is looked at.
const TOO_MANY: usize = 33;

/// Of whoever may send the header twice, and why that is no forgery.
pub(super) const MAY_REPEAT: &[(&str, &str)] =
    &[("mollie_nextgen", "Mollie sends a line for each secret while one is replaced")];

/// Of whoever has a list in the header, so that two lines that became one on the way are a list of two. All of it is
/// the sender's own.
pub(super) const MAY_BE_JOINED: &[(&str, &str)] = &[
    ("mollie_nextgen", "the same"),
    ("paddle", "what is joined falls into one of several `h1`, of which any may match"),
    ("phonepe_v1", "there is an element for each index of a key"),
    ("recurly", "signatures follow one another, and any may match"),
    ("worldpay", "there is an element for each key"),
];

/// Whoever sends upper-case hex, or may: `(name, why)`.
pub(super) const ANY_CASE: &[(&str, &str)] = &[
    ("authorizenet", "it sends upper case"),
    ("coinbase_cdp", "Hook0's own library decodes either"),
    ("coinbase_cdp, x-hook0-signature v0", "the same"),
    ("coinbase_cdp, x-hook0-signature v1 without headers", "the same"),
    ("creem, creem-signature", "its SDK decodes either"),
    ("creem, x-creem-signature", "the same"),
    ("gocardless", "its Node SDK takes either"),
];

fn listed(list: &[(&str, &str)], name: &str) -> bool {
    list.iter().any(|(listed, _)| *listed == name)
}

pub(super) fn of(account: &Account, way: &Way) -> Vec<Case> {
    let genuine = &account.genuine;
    let mut cases = vec![
        case("without a signature", way.with_value(genuine, None), MISSING),
        case("with an empty one", way.with_value(genuine, Some(b"")), MISSING),
    ];
    let repeated = if matches!(way.carrier, Carrier::Header(_)) { DUPLICATE } else { BODY };
    if !listed(MAY_REPEAT, &account.name) {
        cases.push(case("with it twice", way.twice(genuine), repeated));
    }
    if matches!(way.carrier, Carrier::Header(_)) && !listed(MAY_BE_JOINED, &account.name) {
        let value = way.value(genuine);
        let joined = way.with_value(genuine, Some(format!("{value},{value}").as_bytes()));
        let reason = if way.written == Written::Text { MISMATCH } else { MALFORMED };
        cases.push(case("with it twice, as API Gateway joins lines", joined, reason));
    }
    cases.extend(spoiled(account, way));
    cases.extend(too_many(genuine, way));
    cases.extend(beside(genuine, way));
    cases
}

/// The signature itself, among all that stands beside it.
fn spoiled(account: &Account, way: &Way) -> Vec<Case> {
    let genuine = &account.genuine;
    let signature = way.signature(genuine);
    // Any text can be a token, so no token can be malformed.
    let malformed = if way.written == Written::Text { MISMATCH } else { MALFORMED };
    let with = |what: &str, signature: &[u8], reason| {
        case(format!("with a signature that {what}"), way.with_signature(genuine, signature), reason)
    };
    let mut cases = vec![
        with("is of no alphabet", "~".repeat(signature.len()).as_bytes(), malformed),
        with("lacks its last character", &signature.as_bytes()[..signature.len() - 1], malformed),
        with("has a space in it", format!("{} {}", &signature[..3], &signature[3..]).as_bytes(), malformed),
        with("ends early", early(way, &signature).as_bytes(), MISMATCH),
    ];
    if matches!(way.carrier, Carrier::Header(_)) {
        cases.push(with("is no text", &[b"\xff", signature.as_bytes()].concat(), malformed));
    }
    let empty = match way.shape {
        // The same as an empty value.
        Shape::One if way.value(genuine) == signature => None,
        // An empty element of the list is none.
        Shape::First { .. } => Some(MISSING),
        _ => Some(MALFORMED),
    };
    cases.extend(empty.map(|reason| with("is empty", b"", reason)));
    let upper = match way.written {
        Written::HexLower => Some(signature.to_ascii_uppercase()),
        Written::Base64OfHex => {
            let hex = BASE64.decode(signature.as_bytes()).expect("it is base64");
            Some(BASE64.encode(&hex.to_ascii_uppercase()))
        }
        _ => None,
    };
    if let Some(upper) = upper {
        assert_ne!(upper, signature);
        cases.push(with("is in upper case", upper.as_bytes(), MALFORMED));
    }
    if matches!(way.written, Written::HexLower | Written::HexAnyCase) {
        cases.push(with("goes on", format!("{signature}00").as_bytes(), MISMATCH));
    }
    cases
}

/// Whole bytes of it, but fewer.
fn early(way: &Way, signature: &str) -> String {
    match way.written {
        Written::Token => {
            let (signed, signature) = signature.rsplit_once('.').expect("a token has parts");
            format!("{signed}.{}", &signature[..40])
        }
        Written::HexLower | Written::HexAnyCase => signature[..32].to_owned(),
        // 30 bytes; of hex, 15.
        Written::Base64 | Written::Base64OfHex => signature[..signature.len().min(44) / 4 * 4 - 4].to_owned(),
        Written::Text => signature[..signature.len() / 2].to_owned(),
    }
}

/// Checking signatures costs time, which a sender must not set.
fn too_many(genuine: &Sent, way: &Way) -> Option<Case> {
    let value = way.value(genuine);
    let signature = &value[way.span(&value)];
    let (list, element) = match way.shape {
        Shape::One => return None,
        Shape::Pairs { list, pair, signature: name } => (list, format!("{name}{pair}{signature}")),
        Shape::First { list, .. } => (list, signature.to_owned()),
        Shape::Fields { list, .. } => (list, value.clone()),
    };
    let many = value + &format!("{list}{element}").repeat(TOO_MANY);
    Some(case("with 34 signatures", way.with_value(genuine, Some(many.as_bytes())), MALFORMED))
}

/// Headers and elements that are signed, or have to be there.
fn beside(genuine: &Sent, way: &Way) -> Vec<Case> {
    let Some(scheme) = way.scheme else { return Vec::new() };
    let conditions = scheme.conditions.iter().filter_map(|condition| match condition {
        Condition::Present(place) => Some((*place, false)),
        _ => None,
    });
    let signed = scheme.signed.first().into_iter().flat_map(|template| template.iter());
    let signed = signed.filter_map(|part| match part {
        Part::From(place) => Some((*place, true)),
        _ => None,
    });
    let mut cases = Vec::new();
    for (place, is_signed) in signed.chain(conditions) {
        match place {
            Place::Header(name) => {
                let with = |value: Option<&[u8]>| with_header(genuine, name, value);
                let altered = header(genuine, name) + "0";
                cases.push(case(format!("without {name}"), with(None), MISSING));
                cases.push(case(format!("with an empty {name}"), with(Some(b"")), MISSING));
                cases.push(case(format!("with {name} twice"), header_twice(genuine, name), DUPLICATE));
                if is_signed {
                    let altered = with(Some(altered.as_bytes()));
                    cases.push(case(format!("with another {name}"), altered, MISMATCH));
                }
            }
            Place::Pair(name) => cases.extend(element(genuine, way, name)),
            _ => {}
        }
    }
    cases
}

fn element(genuine: &Sent, way: &Way, name: &str) -> Vec<Case> {
    let text = way.element(genuine, name);
    let with = |text: Option<&str>| way.with_element(genuine, name, text);
    let altered = format!("{text}0");
    // Hook0 names headers: one that is not there can't be signed, and where none is named another scheme signs.
    let (other, none) = if name == "h" { (MISSING, MISMATCH) } else { (MISMATCH, MISSING) };
    let mut cases = vec![
        case(format!("without `{name}`"), with(None), none),
        case(format!("with an empty `{name}`"), with(Some("")), MISSING),
        case(format!("with another `{name}`"), with(Some(&altered)), other),
    ];
    if let Shape::Pairs { list, pair, .. } = way.shape {
        let twice = format!("{text}{list}{name}{pair}{text}");
        cases.push(case(format!("with `{name}` twice"), with(Some(&twice)), MALFORMED));
    }
    cases
}
