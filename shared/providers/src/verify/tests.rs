use super::*;
use crate::scheme::*;
use domain::SecretId;
use serde::Deserialize;

const BASE: Scheme = Scheme {
    name: "x", covers: Covers::Body, scope: Scope::Request, algorithm: Algorithm::Hmac(Hash::Sha256),
    key: KEY_TEXT,
    signature: HEX, signed: &[&[Part::Body]], freshness: None, conditions: &[], keeps: &[],
};
const KEY_TEXT: Key = Key { prefix: KeyPrefix::None, encoding: KeyEncoding::Utf8, min_bytes: 1 };
const HEX: Signature = Signature { from: Place::Header("x"), repeat: Repeat::Refused, shape: Shape::One, prefix: SignaturePrefix::None, encoding: Encoding::HexLower };
const fn hex(h: &'static str) -> Scheme { Scheme { signature: Signature { from: Place::Header(h), ..HEX }, ..BASE } }
const fn b64(h: &'static str) -> Scheme { Scheme { signature: Signature { from: Place::Header(h), encoding: Encoding::Base64, ..HEX }, ..BASE } }
use crate::scheme::Key;
fn rows() -> Vec<(&'static str, Vec<Scheme>)> {
    vec![
    ("github", vec![Scheme { signature: Signature { from: Place::Header("x-hub-signature-256"), prefix: SignaturePrefix::Required("sha256="), ..HEX }, ..BASE }]),
    ("razorpay", vec![hex("x-razorpay-signature")]), ("checkout", vec![hex("cko-signature")]),
    ("coinbase_commerce", vec![hex("x-cc-webhook-signature")]), ("dwolla", vec![hex("x-request-signature-sha-256")]), ("klarna", vec![hex("klarna-signature")]),
    ("flutterwave_v4", vec![b64("flutterwave-signature")]),
    ("adyen_platform", vec![Scheme { key: Key { encoding: KeyEncoding::Hex, ..KEY_TEXT }, ..b64("hmacsignature") }]),
    ("square", vec![Scheme { signed: &[&[Part::From(Place::Setting("notification_url")), Part::Body]], ..b64("x-square-hmacsha256-signature") }]),
    ("braintree", vec![Scheme { algorithm: Algorithm::Hmac(Hash::Sha1), key: Key { encoding: KeyEncoding::Sha1OfUtf8, ..KEY_TEXT },
        signature: Signature { from: Place::Form("bt_signature"), shape: Shape::Fields { list: '&', field: '|', fields: &[Some(Want::Setting("public_key")), None] }, ..HEX },
        signed: &[&[Part::From(Place::Form("bt_payload"))], &[Part::From(Place::Form("bt_payload")), Part::Text("\n")]], ..BASE }]),
    ("paddle", vec![Scheme { signature: Signature { from: Place::Header("paddle-signature"), shape: Shape::Pairs { list: ';', pair: '=', signature: "h1" }, ..HEX },
        signed: &[&[Part::From(Place::Pair("ts")), Part::Text(":"), Part::Body]], freshness: Some(Freshness { from: Place::Pair("ts"), unit: Unit::Seconds, past_s: 5, future_s: 5 }), ..BASE }]),
    ("mollie_nextgen", vec![Scheme { signature: Signature { from: Place::Header("x-mollie-signature"), repeat: Repeat::AnyLine, prefix: SignaturePrefix::Optional("sha256="), ..HEX }, ..BASE }]),
    ("authorizenet", vec![Scheme { algorithm: Algorithm::Hmac(Hash::Sha512), signature: Signature { from: Place::Header("x-anet-signature"), prefix: SignaturePrefix::Required("sha512="), encoding: Encoding::HexAnyCase, ..HEX }, ..BASE }]),
    ("worldpay", vec![Scheme { signature: Signature { from: Place::Header("event-signature"), shape: Shape::Fields { list: ',', field: '/', fields: &[Some(Want::Setting("key_id")), Some(Want::Is("SHA256")), None] }, ..HEX }, ..BASE }]),
    ("xendit", vec![Scheme { algorithm: Algorithm::Token, signature: Signature { from: Place::Header("x-callback-token"), encoding: Encoding::Text, ..HEX }, ..BASE }]),
    ("flutterwave", vec![Scheme { algorithm: Algorithm::Token, signature: Signature { from: Place::Header("verif-hash"), encoding: Encoding::Text, ..HEX }, ..BASE }]),
    ("chargebee", vec![Scheme { algorithm: Algorithm::Token, signature: Signature { from: Place::Header("authorization"), prefix: SignaturePrefix::Required("Basic "), encoding: Encoding::Base64, ..HEX }, ..BASE }]),
    ("midtrans", vec![Scheme { algorithm: Algorithm::Digest(Hash::Sha512), signature: Signature { from: Place::Json(&["signature_key"]), ..HEX }, signed: &[&[Part::From(Place::Json(&["order_id"])), Part::From(Place::Json(&["status_code"])), Part::From(Place::Json(&["gross_amount"])), Part::Key]], ..BASE }]),
    ("opennode", vec![Scheme { signature: Signature { from: Place::Form("hashed_order"), ..HEX }, signed: &[&[Part::From(Place::Form("id"))]], ..BASE }]),
    ("nuvei", vec![Scheme { algorithm: Algorithm::Digest(Hash::Sha256), signature: Signature { from: Place::Form("advanceResponseChecksum"), ..HEX }, signed: &[&[Part::Key, Part::OrEmpty(Place::Form("totalAmount")), Part::OrEmpty(Place::Form("currency")), Part::OrEmpty(Place::Form("responseTimeStamp")), Part::OrEmpty(Place::Form("PPP_TransactionID")), Part::OrEmpty(Place::Form("Status")), Part::OrEmpty(Place::Form("productId"))]], ..BASE }]),
    ("mercadopago", vec![Scheme { signature: Signature { from: Place::Header("x-signature"), shape: Shape::Pairs { list: ',', pair: '=', signature: "v1" }, ..HEX },
        signed: &[&[Part::Maybe(&[Part::Text("id:"), Part::From(Place::Query("data.id")), Part::Text(";")]), Part::Maybe(&[Part::Text("request-id:"), Part::From(Place::Header("x-request-id")), Part::Text(";")]), Part::Maybe(&[Part::Text("ts:"), Part::From(Place::Pair("ts")), Part::Text(";")])],
          &[Part::Maybe(&[Part::Text("id:"), Part::From(Place::QueryLower("data.id")), Part::Text(";")]), Part::Maybe(&[Part::Text("request-id:"), Part::From(Place::Header("x-request-id")), Part::Text(";")]), Part::Maybe(&[Part::Text("ts:"), Part::From(Place::Pair("ts")), Part::Text(";")])]], ..BASE }]),
    ("payu", vec![Scheme { algorithm: Algorithm::DigestNamedBy { pair: "algorithm", allowed: &[("SHA-256", Hash::Sha256), ("SHA256", Hash::Sha256), ("SHA-1", Hash::Sha1)] }, signature: Signature { from: Place::Header("openpayu-signature"), shape: Shape::Pairs { list: ';', pair: '=', signature: "signature" }, ..HEX }, signed: &[&[Part::Body, Part::Key]], ..BASE }]),
    ("phonepe", vec![Scheme { algorithm: Algorithm::Digest(Hash::Sha256), signed: &[&[Part::Key]], ..hex("authorization") }]),
    ("phonepe_v1", vec![Scheme { algorithm: Algorithm::Digest(Hash::Sha256), signature: Signature { from: Place::Header("x-verify"), shape: Shape::Fields { list: ',', field: '#', fields: &[None, Some(Want::Is("")), Some(Want::Is("")), Some(Want::Setting("salt_index"))] }, ..HEX }, signed: &[&[Part::From(Place::Json(&["response"])), Part::Key]], ..BASE }]),
    ]
}
#[derive(Deserialize)]
struct V { id: String, provider: String, expect: String, strictness: String, reason: String, #[serde(default)] secrets: Vec<String>, #[serde(default)] extra: std::collections::BTreeMap<String, serde_json::Value>, url: String, method: String, #[serde(default)] headers: Vec<(String,String)>, #[serde(default)] body: String, now: i64 }
#[test]
fn temp_rows() {
    for (name, schemes) in rows() {
        let vs: Vec<V> = serde_json::from_slice(&std::fs::read(format!("/work/shared/vectors/{name}.json")).unwrap()).unwrap();
        for v in vs {
            let id = SecretId::mint([0;16]);
            let secrets: Vec<_> = v.secrets.iter().map(|t| Secret { id: &id, text: t }).collect();
            let settings: Settings = v.extra.iter().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect();
            let body = data_encoding::BASE64.decode(v.body.as_bytes()).unwrap();
            let r = Request { method: &v.method, url: &v.url, headers: &v.headers, body: &body };
            let outs: Vec<_> = schemes.iter().map(|s| verify(s, &r, &secrets, &settings, Timestamp::from_second(v.now).unwrap())).collect();
            let ok = outs.iter().any(|o| o.is_ok());
            if ok != (v.expect == "accept") { println!("DIFF {} {} {} {:?} | {}", v.provider, v.id, v.strictness, outs, v.reason); } else { println!("ok {}", v.id); }
        }
    }
}
