//! The stock library verifies what is signed here. (Not the `svix` crate beside it: it compiles with a TLS stack
//! only, and that one is aws-lc. Its published vector is in `src/signing/tests.rs`; its Python and Node editions are
//! run against whole deliveries.)

use hyper::http::HeaderMap;
use jiff::Timestamp;
use relay::{SigningKey, SigningSecret, signing};
use standardwebhooks::Webhook;

const BODY: &[u8] = "{\"type\":\"payment.captured\",\"note\":\"é€😀\"}".as_bytes();

#[expect(clippy::disallowed_methods, reason = "the library holds the timestamp against the system's clock")]
fn signed(secrets: &[SigningSecret], keys: &[SigningKey]) -> HeaderMap {
    let now = Timestamp::now().as_second();
    HeaderMap::from_iter(signing::headers("dlv_1", now, BODY, secrets, keys).unwrap())
}

#[test]
fn the_stock_library_verifies_each_signature_during_a_rotation_and_beside_a_v1a_one() {
    let secrets = [SigningSecret::generate([1; 32]), SigningSecret::generate([2; 32])];
    let headers = signed(&secrets, &[SigningKey::generate([3; 32])]);
    for secret in &secrets {
        Webhook::new(&secret.to_text()).unwrap().verify(BODY, &headers).unwrap();
    }
    let other = SigningSecret::generate([4; 32]).to_text();
    assert!(Webhook::new(&other).unwrap().verify(BODY, &headers).is_err());
}

#[test]
fn a_library_that_knows_v1_alone_accepts_no_v1a_signature() {
    let headers = signed(&[], &[SigningKey::generate([3; 32])]);
    let secret = SigningSecret::generate([1; 32]).to_text();
    assert!(Webhook::new(&secret).unwrap().verify(BODY, &headers).is_err());
}
