//! A body that passed for genuine: whoever holds the secret may still send anything.
#![no_main]

use fuzz::{Input, record};
use libfuzzer_sys::fuzz_target;
use providers::{Verified, VerifiedMeta};

fuzz_target!(|bytes: &[u8]| {
    let Some(input) = Input::parse(bytes) else { return };
    let headers: Vec<(String, &str)> =
        input.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_str())).collect();
    // As after the queue: no signature to guess.
    let meta = serde_json::json!({
        "provider": input.provider.id(),
        "scheme": "fuzz",
        "covers": "body",
        "headers": headers,
    });
    let meta: VerifiedMeta = serde_json::from_value(meta).expect("this is what the queue carries");
    let verified = Verified::from_parts(meta, input.body.to_vec());
    if let Ok(notifications) = verified.notifications(&input.settings) {
        record(input.provider, &notifications, input.now);
    }
});
