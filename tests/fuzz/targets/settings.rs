//! Secrets and settings, as somebody configures a source: what passes the checks must be usable.
#![no_main]

use fuzz::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(input) = Input::parse(bytes) else { return };
    let _ = input.provider.check_settings(&input.settings);
    for secret in &input.secrets {
        let _ = input.provider.check_secret(secret, &input.settings);
    }
});
