//! What others' servers say to us: an endpoint's URL and answer.
#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use relay::{Answer, EgressPolicy, HeaderValue, Response, classify};
use std::net::IpAddr;
use std::time::Duration;
use url::Host;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let policy = EgressPolicy::default();
    if let Ok(url) = policy.parse_url(text) {
        assert_eq!(url.scheme(), "https");
        let address: Option<IpAddr> = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            _ => None,
        };
        assert!(address.is_none_or(|address| policy.check_ip(address).is_ok()), "{address:?} passed");
    }
    if let Ok(value) = HeaderValue::from_str(text) {
        let response = Response { status: 429, retry_after: Some(value), rejects: false, excerpt: String::new() };
        classify(&Answer { outcome: Ok(response), latency: Duration::ZERO }, Timestamp::UNIX_EPOCH);
    }
});
