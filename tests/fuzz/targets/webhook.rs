//! A whole request: headers, URL and body, before anything is known to be genuine.
#![no_main]

use fuzz::{Input, record};
use libfuzzer_sys::fuzz_target;
use providers::{Evidence, Outcome, Request, Roots, Secret};

fuzz_target!(|bytes: &[u8]| {
    let Some(input) = Input::parse(bytes) else { return };
    let ids = input.secret_ids();
    let secrets: Vec<Secret<'_>> =
        ids.iter().zip(&input.secrets).map(|(id, text)| Secret { id, text }).collect();
    let request =
        Request { method: "POST", url: input.url, headers: &input.headers, body: input.body };
    let evidence = Evidence::new(Some("credential:secret"), Roots::Web);
    let outcome =
        input.provider.verify_with(&request, &secrets, &input.settings, &evidence, input.now);
    if let Ok(Outcome::Needs(needed)) = &outcome {
        assert!(needed.request.url.starts_with("https://"), "a call that is not https");
    }
    let _ = input.provider.answer_challenge(&request, &secrets, &input.settings);
    if let Ok(Outcome::Verified(verified)) = outcome {
        assert_eq!(verified.body(), input.body, "the body is kept byte for byte");
        if let Ok(notifications) = verified.notifications(&input.settings) {
            record(input.provider, &notifications, input.now);
        }
    }
    // Without a secret nothing is signed.
    let empty = [Secret { id: &domain::SecretId::mint([9; 16]), text: "" }];
    if input.provider.takes_secrets() {
        let refused =
            input.provider.verify_with(&request, &empty, &input.settings, &evidence, input.now);
        assert!(refused.is_err(), "an empty secret matched");
    }
});
