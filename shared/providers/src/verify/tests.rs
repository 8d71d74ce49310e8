//! Each word of the vocabulary, by rows in the shape of real providers'. The signatures were computed with
//! Python's `hmac` and `hashlib`, not with this crate.

use super::*;
use crate::scheme::{
    Covers, Encoding, Freshness, Hash, Key, KeyEncoding, KeyPrefix, Part, Place, Repeat, Shape, Signature,
    SignaturePrefix, Want,
};
use domain::SecretId;

const BODY: &str = r#"{"id":1}"#;
const KEY: &str = "a-shared-secret";
const NOW_S: i64 = 1_795_348_800;

const HEX: Signature = Signature {
    from: Place::Header("x-signature"),
    repeat: Repeat::Refused,
    shape: Shape::One,
    prefix: SignaturePrefix::None,
    encoding: Encoding::HexLower,
};
const TEXT_KEY: Key = Key { prefix: KeyPrefix::None, encoding: KeyEncoding::Utf8, min_bytes: 1 };
/// Hex HMAC-SHA256 of the body in one header: what most providers do.
const PLAIN: Scheme = Scheme {
    name: "test",
    covers: Covers::Body,
    scope: Scope::Request,
    algorithm: Algorithm::Hmac(Hash::Sha256),
    key: TEXT_KEY,
    signature: HEX,
    signed: &[&[Part::Body]],
    freshness: None,
    conditions: &[],
    keeps: &[],
};
const PLAIN_HEX: &str = "e4ac29a65d8f3822e53d1eddb53a3bf5e558761ee1d394f65441522034503a80";

struct Try<'a> {
    secrets: &'a [&'a str],
    url: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: &'a str,
    settings: &'a [(&'a str, &'a str)],
    now_ms: i64,
}

impl Default for Try<'_> {
    fn default() -> Self {
        let url = "https://gw.example.test/in/square?x=1";
        Self { secrets: &[KEY], url, headers: &[], body: BODY, settings: &[], now_ms: NOW_S * 1000 }
    }
}

impl Try<'_> {
    fn verify(&self, scheme: &Scheme) -> Result<usize, Rejection> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers: Vec<_> = self.headers.iter().map(own).collect();
        let settings: Settings = self.settings.iter().map(own).collect();
        let id = SecretId::mint([0; 16]);
        let secrets: Vec<_> = self.secrets.iter().map(|text| Secret { id: &id, text }).collect();
        let request =
            Request { method: "POST", url: self.url, headers: &headers, body: self.body.as_bytes() };
        let now = Timestamp::from_millisecond(self.now_ms).expect("in range");
        super::verify(scheme, &request, &secrets, &settings, now)
    }
}

fn with_header(scheme: &Scheme, value: &str) -> Result<usize, Rejection> {
    Try { headers: &[("X-Signature", value)], ..Try::default() }.verify(scheme)
}

#[test]
fn a_plain_signature_matches_under_any_case_of_the_header_name() {
    assert_eq!(with_header(&PLAIN, PLAIN_HEX), Ok(0));
    let upper = PLAIN_HEX.to_ascii_uppercase();
    assert_eq!(with_header(&PLAIN, &upper), Err(Rejection::MalformedSignature), "HexLower is strict");
    assert_eq!(with_header(&PLAIN, ""), Err(Rejection::MissingSignature));
    assert_eq!(with_header(&PLAIN, "zz"), Err(Rejection::MalformedSignature));
    assert_eq!(with_header(&PLAIN, &PLAIN_HEX[..62]), Err(Rejection::SignatureMismatch));
    assert_eq!(Try::default().verify(&PLAIN), Err(Rejection::MissingSignature));
}

#[test]
fn any_of_the_secrets_may_match_and_the_one_that_did_is_told() {
    let headers = &[("x-signature", PLAIN_HEX)];
    assert_eq!(Try { secrets: &["new", KEY], headers, ..Try::default() }.verify(&PLAIN), Ok(1));
    assert_eq!(Try { secrets: &["", KEY], headers, ..Try::default() }.verify(&PLAIN), Ok(1));
    assert_eq!(
        Try { secrets: &["new"], headers, ..Try::default() }.verify(&PLAIN),
        Err(Rejection::SignatureMismatch)
    );
    assert_eq!(
        Try { secrets: &[], headers, ..Try::default() }.verify(&PLAIN),
        Err(Rejection::NoActiveSecret)
    );
}

#[test]
fn an_empty_secret_matches_nothing_whatever_the_scheme() {
    let token = Scheme {
        algorithm: Algorithm::Token,
        signature: Signature { encoding: Encoding::Text, ..HEX },
        ..PLAIN
    };
    let sha1_key = Scheme { key: Key { encoding: KeyEncoding::Sha1OfUtf8, ..TEXT_KEY }, ..PLAIN };
    for scheme in [&PLAIN, &token, &sha1_key] {
        let attempt = Try { secrets: &[""], headers: &[("x-signature", PLAIN_HEX)], ..Try::default() };
        assert_eq!(attempt.verify(scheme), Err(Rejection::NoActiveSecret));
    }
}

#[test]
fn a_repeated_header_is_refused_unless_the_row_allows_it() {
    let headers = &[("X-Signature", "00"), ("x-signature", PLAIN_HEX)];
    let twice = Try { headers, ..Try::default() };
    assert_eq!(twice.verify(&PLAIN), Err(Rejection::DuplicateHeader));
    let lenient = Scheme { signature: Signature { repeat: Repeat::AnyLine, ..HEX }, ..PLAIN };
    assert_eq!(twice.verify(&lenient), Ok(0));
}

#[test]
fn prefixes_are_cut_and_hex_may_come_in_any_case_where_the_row_says_so() {
    let sha512 = Scheme {
        algorithm: Algorithm::Hmac(Hash::Sha512),
        signature: Signature {
            prefix: SignaturePrefix::Required("sha512="),
            encoding: Encoding::HexAnyCase,
            ..HEX
        },
        ..PLAIN
    };
    let value = "988DEDB1EE31B07437B3B4359DF62B63D2AD50C5A00CCC03D5D9B549AC0ECD81\
                 E7C296AA8D0F164E4CB91574DF72919C103DFE1D5A4019E83BE654E57A8D67D9";
    assert_eq!(with_header(&sha512, &format!("sha512={value}")), Ok(0));
    assert_eq!(with_header(&sha512, &format!("sha512={}", value.to_ascii_lowercase())), Ok(0));
    assert_eq!(with_header(&sha512, value), Err(Rejection::MalformedSignature));
    let optional =
        Scheme { signature: Signature { prefix: SignaturePrefix::Optional("sha256="), ..HEX }, ..PLAIN };
    assert_eq!(with_header(&optional, PLAIN_HEX), Ok(0));
    assert_eq!(with_header(&optional, &format!("sha256={PLAIN_HEX}")), Ok(0));
}

/// Paddle's shape.
const PAIRS: Scheme = Scheme {
    signature: Signature { shape: Shape::Pairs { list: ';', pair: '=', signature: "h1" }, ..HEX },
    signed: &[&[Part::From(Place::Pair("ts")), Part::Text(":"), Part::Body]],
    freshness: Some(Freshness { from: Place::Pair("ts"), unit: Unit::Seconds, past_s: 5, future_s: 3 }),
    ..PLAIN
};
const PAIRS_HEX: &str = "6877d776a5bea0683011bafd798a50a3c8d346ba2b74846bddcff670fa5cc88c";

#[test]
fn any_of_several_signatures_may_match_and_unknown_elements_are_ignored() {
    assert_eq!(with_header(&PAIRS, &format!("ts={NOW_S};h1={PAIRS_HEX}")), Ok(0));
    assert_eq!(with_header(&PAIRS, &format!("ts={NOW_S};h1=00;h2=zz;nothing;h1={PAIRS_HEX};x=1;x=2")), Ok(0));
    assert_eq!(with_header(&PAIRS, &format!("ts={NOW_S};h2={PAIRS_HEX}")), Err(Rejection::MissingSignature));
    assert_eq!(with_header(&PAIRS, "nothing"), Err(Rejection::MalformedSignature));
    assert_eq!(with_header(&PAIRS, &format!("h1={PAIRS_HEX}")), Err(Rejection::MissingSignature));
}

#[test]
fn a_timestamp_that_occurs_twice_or_is_more_than_digits_is_refused() {
    for ts in [
        "1795348800;ts=1795348800",
        "+1795348800",
        " 1795348800",
        "1795348800.0",
        "1e9",
        "-1",
        "9999999999999999999",
    ] {
        let outcome = with_header(&PAIRS, &format!("ts={ts};h1={PAIRS_HEX}"));
        assert_eq!(outcome, Err(Rejection::MalformedSignature), "{ts}");
    }
    assert_eq!(with_header(&PAIRS, &format!("ts=;h1={PAIRS_HEX}")), Err(Rejection::MissingSignature));
}

#[test]
fn the_tolerance_is_inclusive_on_both_sides() {
    let value = format!("ts={NOW_S};h1={PAIRS_HEX}");
    let headers = &[("x-signature", value.as_str())];
    for (offset_s, fresh) in [(5, true), (6, false), (-3, true), (-4, false)] {
        let outcome = Try { headers, now_ms: (NOW_S + offset_s) * 1000, ..Try::default() }.verify(&PAIRS);
        let expected = if fresh { Ok(0) } else { Err(Rejection::TimestampOutOfTolerance) };
        assert_eq!(outcome, expected, "{offset_s} s");
    }
}

#[test]
fn only_a_genuine_signature_is_called_stale() {
    let value = format!("ts={NOW_S};h1=00");
    let outcome = Try { headers: &[("x-signature", &value)], now_ms: 0, ..Try::default() }.verify(&PAIRS);
    assert_eq!(outcome, Err(Rejection::SignatureMismatch));
}

#[test]
fn the_first_element_may_be_a_timestamp_in_milliseconds() {
    // Recurly.
    let scheme = Scheme {
        signature: Signature { shape: Shape::First { list: ',', first: "ts" }, ..HEX },
        signed: &[&[Part::From(Place::Pair("ts")), Part::Text("."), Part::Body]],
        freshness: Some(Freshness {
            from: Place::Pair("ts"),
            unit: Unit::Milliseconds,
            past_s: 1,
            future_s: 1,
        }),
        ..PLAIN
    };
    let good = "5740f5c5c9a4bcbd152dca88bca4548229a433073c54d3e55c3ffd6942430a12";
    let value = format!("{NOW_S}123,00,{good}");
    let headers = &[("x-signature", value.as_str())];
    for (offset_ms, fresh) in [(1000, true), (1001, false), (-1000, true), (-1001, false)] {
        let outcome =
            Try { headers, now_ms: NOW_S * 1000 + 123 + offset_ms, ..Try::default() }.verify(&scheme);
        assert_eq!(outcome.is_ok(), fresh, "{offset_ms} ms: {outcome:?}");
    }
    assert_eq!(with_header(&scheme, &format!("{NOW_S}123")), Err(Rejection::MissingSignature));
}

#[test]
fn fields_in_fixed_order_must_be_what_the_row_wants() {
    // Worldpay.
    let fields: &[Option<Want>] = &[Some(Want::Setting("key_id")), Some(Want::Is("SHA256")), None];
    let scheme = Scheme {
        signature: Signature { shape: Shape::Fields { list: ',', field: '/', fields }, ..HEX },
        ..PLAIN
    };
    let check = |value: &str, settings: &[(&str, &str)]| {
        Try { headers: &[("x-signature", value)], settings, ..Try::default() }.verify(&scheme)
    };
    let (other, good) = ("7/SHA256/00", format!("1/SHA256/{PLAIN_HEX}"));
    assert_eq!(check(&format!("{other},{good}"), &[("key_id", "1")]), Ok(0));
    assert_eq!(check(&good, &[("key_id", "2")]), Err(Rejection::MissingSignature));
    assert_eq!(check(&format!("1/MD5/{PLAIN_HEX}"), &[("key_id", "1")]), Err(Rejection::MissingSignature));
    assert_eq!(check(PLAIN_HEX, &[("key_id", "1")]), Err(Rejection::MalformedSignature));
    assert_eq!(check(&good, &[]), Err(Rejection::MissingSetting));
}

#[test]
fn the_url_and_the_hash_of_the_body_can_be_signed() {
    // Square.
    let square = Scheme {
        signature: Signature { encoding: Encoding::Base64, ..HEX },
        signed: &[&[Part::From(Place::Url), Part::Body]],
        ..PLAIN
    };
    assert_eq!(with_header(&square, "ZxwhqIlaa2Sk/f4XBPcP9IWFsbbRIA42PnMoDni+Eyk="), Ok(0));
    assert_eq!(
        with_header(&square, "ZxwhqIlaa2Sk_f4XBPcP9IWFsbbRIA42PnMoDni-Eyk="),
        Err(Rejection::MalformedSignature)
    );
    let hashed = Scheme { signed: &[&[Part::Text("POST:"), Part::BodySha256]], ..PLAIN };
    let value = "bf3bb3400097d16c89102ddc433eeee3384f7d6784faffe1d029b6ee3c9f95a1";
    assert_eq!(with_header(&hashed, value), Ok(0));
}

#[test]
fn a_signature_may_be_base64_of_hex() {
    // Rapyd.
    let scheme = Scheme {
        signature: Signature { encoding: Encoding::Base64OfHex, ..HEX },
        signed: &[&[Part::From(Place::Url), Part::Text("salt"), Part::From(Place::Setting("access_key"))]],
        ..PLAIN
    };
    // The golden value signs the body at the end of the access key.
    let value = "ODE0OWFjOTZlYjE3ZWRhNmMyZmM4MDY5NmY3ZTE5OGNmZDAwMGM0YmQ2YzA4NWJlNjE4Y2NhZDc0YWUwNWI3Mw==";
    let settings = &[("access_key", r#"access{"id":1}"#)];
    let url = "https://gw.example.test/in";
    let attempt = Try { url, settings, headers: &[("x-signature", value)], ..Try::default() };
    assert_eq!(attempt.verify(&scheme), Ok(0));
}

#[test]
fn form_fields_carry_signature_and_payload() {
    // Braintree: the payload is signed as decoded, or with a line feed at its end.
    let fields: &[Option<Want>] = &[Some(Want::Setting("public_key")), None];
    let scheme = Scheme {
        algorithm: Algorithm::Hmac(Hash::Sha1),
        key: Key { encoding: KeyEncoding::Sha1OfUtf8, ..TEXT_KEY },
        signature: Signature {
            from: Place::Form("bt_signature"),
            shape: Shape::Fields { list: '&', field: '|', fields },
            ..HEX
        },
        signed: &[
            &[Part::From(Place::Form("bt_payload"))],
            &[Part::From(Place::Form("bt_payload")), Part::Text("\n")],
        ],
        ..PLAIN
    };
    let check =
        |body: &str| Try { body, settings: &[("public_key", "pk")], ..Try::default() }.verify(&scheme);
    assert_eq!(check("bt_signature=pk%7Cd91c5af5e2add7014d676ca959d0b66714b15b64&bt_payload=YWJj%0A"), Ok(0));
    assert_eq!(check("bt_signature=pk%7Cd91c5af5e2add7014d676ca959d0b66714b15b64&bt_payload=YWJj"), Ok(0));
    assert_eq!(check("bt_signature=pk%7C6bd42f3418c9c794eda1e0204a3552fb4614c8dd&bt_payload=YWJj"), Ok(0));
    let twice = "bt_signature=pk%7C6bd42f3418c9c794eda1e0204a3552fb4614c8dd&bt_payload=YWJj&bt_payload=x";
    assert_eq!(check(twice), Err(Rejection::MalformedBody));
    assert_eq!(check("bt_payload=YWJj"), Err(Rejection::MissingSignature));
}

#[test]
fn json_fields_carry_a_digest_with_the_key_in_it() {
    // Midtrans.
    let scheme = Scheme {
        covers: Covers::None,
        algorithm: Algorithm::Digest(Hash::Sha512),
        signature: Signature { from: Place::Json(&["signature_key"]), ..HEX },
        signed: &[&[
            Part::From(Place::Json(&["order_id"])),
            Part::From(Place::Json(&["status_code"])),
            Part::From(Place::Json(&["gross_amount"])),
            Part::Key,
        ]],
        ..PLAIN
    };
    let signature = "d83efcbf351dc3a7d2470b10100193ed8c9fc416295b0867b93e99d7f09e8354\
                     b45ffbbf6573a55fe321d5e5fc57254aaf37cce8a35854464b6e708b6ceee136";
    let check = |fields: &str| {
        let body = format!(r#"{{"signature_key":"{signature}",{fields}}}"#);
        Try { body: &body, ..Try::default() }.verify(&scheme)
    };
    assert_eq!(check(r#""order_id":"order-1","status_code":"200","gross_amount":"10000.00""#), Ok(0));
    assert_eq!(
        check(r#""order_id":"order-1","status_code":200,"gross_amount":10000.00"#),
        Ok(0),
        "as written"
    );
    let changed = check(r#""order_id":"order-1","status_code":"200","gross_amount":"10000""#);
    assert_eq!(changed, Err(Rejection::SignatureMismatch));
    let absent = check(r#""order_id":"order-1","status_code":"200""#);
    assert_eq!(absent, Err(Rejection::MissingSignature));
    let twice = check(r#""order_id":"order-1","status_code":"200","gross_amount":"10000.00","order_id":"x""#);
    assert_eq!(twice, Err(Rejection::MalformedBody));
}

#[test]
fn a_hash_named_by_the_header_must_be_on_the_list() {
    // PayU.
    let scheme = Scheme {
        algorithm: Algorithm::DigestNamedBy { pair: "algorithm", allowed: &[("SHA-256", Hash::Sha256)] },
        signature: Signature { shape: Shape::Pairs { list: ';', pair: '=', signature: "signature" }, ..HEX },
        signed: &[&[Part::Body, Part::Key]],
        ..PLAIN
    };
    let sha256 = "c25aea97be7e74266a63c4929664d1fd86776ffbb4fd12ecd1c511124d4f4c92";
    assert_eq!(
        with_header(
            &scheme,
            &format!("sender=checkout;signature={sha256};algorithm=SHA-256;content=DOCUMENT")
        ),
        Ok(0)
    );
    let sha1 = "69d8276898588ceea07a2eb5356124ecf34a5272";
    let weak = with_header(&scheme, &format!("signature={sha1};algorithm=SHA-1"));
    assert_eq!(weak, Err(Rejection::MalformedSignature));
}

#[test]
fn a_segment_vanishes_when_a_value_in_it_is_missing() {
    // Mercado Pago.
    const MANIFEST: [Part; 3] = [
        Part::Maybe(&[Part::Text("id:"), Part::From(Place::Query("data.id")), Part::Text(";")]),
        Part::Maybe(&[Part::Text("request-id:"), Part::From(Place::Header("x-request-id")), Part::Text(";")]),
        Part::Maybe(&[Part::Text("ts:"), Part::From(Place::Pair("ts")), Part::Text(";")]),
    ];
    const LOWER: [Part; 3] = [
        Part::Maybe(&[Part::Text("id:"), Part::From(Place::QueryLower("data.id")), Part::Text(";")]),
        MANIFEST[1],
        MANIFEST[2],
    ];
    let scheme = Scheme {
        signature: Signature { shape: Shape::Pairs { list: ',', pair: '=', signature: "v1" }, ..HEX },
        signed: &[&MANIFEST, &LOWER],
        ..PLAIN
    };
    let url = "https://gw.example.test/in?type=payment&data.id=ABC#x";
    let check = |signature: &str, request_id: &[(&str, &str)]| {
        let value = format!("ts={NOW_S},v1={signature}");
        let mut headers = vec![("x-signature", value.as_str())];
        headers.extend(request_id);
        Try { url, headers: &headers, ..Try::default() }.verify(&scheme)
    };
    let id = &[("X-Request-Id", "r-1")];
    assert_eq!(check("249f76406eaf2c30ccc20a88c19f021763b2940cf3a50edad9545536c53e3880", id), Ok(0));
    assert_eq!(check("81d17d368db68667da97ee6c33b1ef84e0844aab31fff7fa1e0cc1a80d0a0e32", id), Ok(0));
    assert_eq!(check("64e909fb360f4e93c7c0b2f1737b0c01900bdf4bd203d2041cec1c543b727bc6", &[]), Ok(0));
    let twice = &[("X-Request-Id", "r-1"), ("X-Request-Id", "r-1")];
    let outcome = check("64e909fb360f4e93c7c0b2f1737b0c01900bdf4bd203d2041cec1c543b727bc6", twice);
    assert_eq!(outcome, Err(Rejection::DuplicateHeader), "a repeated header is not an absent one");
}

#[test]
fn headers_named_by_the_sender_are_signed_and_a_weaker_version_rescues_nothing() {
    // Hook0, as Coinbase's developer platform uses it.
    let v1 = Scheme {
        signature: Signature { shape: Shape::Pairs { list: ',', pair: '=', signature: "v1" }, ..HEX },
        signed: &[&[
            Part::From(Place::Pair("t")),
            Part::Text("."),
            Part::From(Place::Pair("h")),
            Part::Text("."),
            Part::HeadersNamedBy("h"),
            Part::Text("."),
            Part::Body,
        ]],
        ..PLAIN
    };
    let v0 = Scheme {
        signature: Signature { shape: Shape::Pairs { list: ',', pair: '=', signature: "v0" }, ..HEX },
        signed: &[&[Part::From(Place::Pair("t")), Part::Text("."), Part::Body]],
        conditions: &[Condition::PairAbsent("v1")],
        ..PLAIN
    };
    let good0 = "5039270857860f6fcda53e63fed90958e36c7963c56dbf6394ca23923deb49f9";
    let good1 = "b24dd452d47447e14f96fb5546f9a0176e6efbc317e0ddb944e5c9b813a28da1";
    let check = |scheme: &Scheme, signature: &str| {
        Try { headers: &[("x-signature", signature), ("X-A", "1"), ("X-B", "2")], ..Try::default() }
            .verify(scheme)
    };
    assert_eq!(check(&v1, &format!("t={NOW_S},h=x-a x-b,v1={good1}")), Ok(0));
    assert_eq!(check(&v1, &format!("t={NOW_S},h=x-a x-c,v1={good1}")), Err(Rejection::MissingSignature));
    assert_eq!(check(&v0, &format!("t={NOW_S},v0={good0}")), Ok(0));
    // What is wrong with it, the other scheme says.
    assert_eq!(check(&v0, &format!("t={NOW_S},v0={good0},v1=00")), Err(Rejection::MissingSignature));
}

#[test]
fn two_values_can_be_required_to_be_equal() {
    let scheme = Scheme {
        conditions: &[Condition::Equal(Place::Header("x-login"), Place::Setting("login"))],
        ..PLAIN
    };
    let check = |login: &str| {
        let headers = &[("x-signature", PLAIN_HEX), ("x-login", login)];
        Try { headers, settings: &[("login", "shop")], ..Try::default() }.verify(&scheme)
    };
    assert_eq!(check("shop"), Ok(0));
    assert_eq!(check("other"), Err(Rejection::SignatureMismatch));
    assert_eq!(check(""), Err(Rejection::MissingSignature));
}

#[test]
fn a_token_is_the_secret_itself_and_basic_authentication_is_one() {
    // Xendit, Chargebee, PhonePe.
    let token = Scheme {
        covers: Covers::None,
        algorithm: Algorithm::Token,
        signature: Signature { encoding: Encoding::Text, ..HEX },
        signed: &[],
        ..PLAIN
    };
    assert_eq!(with_header(&token, KEY), Ok(0));
    assert_eq!(with_header(&token, "a-shared-secret "), Err(Rejection::SignatureMismatch));
    let basic = Scheme {
        signature: Signature {
            prefix: SignaturePrefix::Required("Basic "),
            encoding: Encoding::Base64,
            ..HEX
        },
        ..token
    };
    assert_eq!(with_header(&basic, "Basic YS1zaGFyZWQtc2VjcmV0"), Ok(0));
    assert_eq!(with_header(&basic, "basic YS1zaGFyZWQtc2VjcmV0"), Err(Rejection::MalformedSignature));
    let digest = Scheme { algorithm: Algorithm::Digest(Hash::Sha256), signed: &[&[Part::Key]], ..PLAIN };
    let value = "c91b1d6acd383c44c4ec20c9723e758c31182a1f4f0231d63d91259a2ea14b9d";
    let attempt = Try { secrets: &["user:password"], headers: &[("x-signature", value)], ..Try::default() };
    assert_eq!(attempt.verify(&digest), Ok(0));
}

#[test]
fn too_many_signatures_are_refused() {
    let value = vec!["h1=00"; 33].join(";");
    assert_eq!(with_header(&PAIRS, &format!("ts={NOW_S};{value}")), Err(Rejection::MalformedSignature));
}
