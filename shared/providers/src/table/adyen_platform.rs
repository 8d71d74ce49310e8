//! Adyen for Platforms: transfers, balances, account holders. They are about a platform's own money, not about
//! payments of payers, so nothing of them is booked. Disputes of issued cards (`balancePlatform.dispute.*`) are the
//! platform's own too.
//!
//! Read: the specifications in <https://github.com/Adyen/adyen-openapi>. They number no notification; a repeat has the
//! same body.

use super::prelude::*;

pub(super) static ADYEN_PLATFORM: Provider = Provider {
    id: "adyen_platform",
    name: "Adyen (platform, transfer and management webhooks)",
    documentation: "https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures",
    experimental: false,
    schemes: Schemes::one(Scheme {
        key: Key { prefix: KeyPrefix::None, encoding: KeyEncoding::Hex, min_bytes: 32 },
        keeps: &["hmacsignature", "protocol"],
        ..hmac_of_body("hmacsignature", Hash::Sha256, Encoding::Base64)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        key: &[&[BodySha256]],
        kind: &[&[Body("type")]],
        time: &[(Body("timestamp"), Clock::Rfc3339), (Body("createdAt"), Clock::Rfc3339)],
        object: &[Body("data.id"), Body("data.accountHolder.id"), Body("data.balanceAccount.id")],
        ..Format::JSON
    }),
};
