//! GitHub, and the many who sign as it does. It knows no payments: everything is relayed as `provider.other`.

use super::prelude::*;

pub(super) static GITHUB: Provider = Provider {
    id: "github",
    name: "GitHub",
    documentation: "https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
    experimental: false,
    schemes: Schemes::one(Scheme {
        // `x-hub-signature`, the SHA-1 of before, is not accepted.
        signature: Signature {
            prefix: SignaturePrefix::Required("sha256="),
            ..in_header("x-hub-signature-256", Encoding::HexLower)
        },
        keeps: &["x-hub-signature-256", "x-github-event", "x-github-delivery"],
        ..hmac_of_body("x-hub-signature-256", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        event_id: &[Header("x-github-delivery")],
        // The delivery's id is not signed.
        key: &[&[BodySha256]],
        kind: &[&[Header("x-github-event"), Body("action")], &[Header("x-github-event")]],
        subjects: &[Subject { rules: &[("ping", "", Test)], ..Subject::NOTHING }],
        ..Format::JSON
    }),
};
