//! Mollie's next-gen webhooks (<https://docs.mollie.com/reference/webhooks-new>). A payload of the simple kind has no
//! amount.

use super::prelude::*;

pub(super) static MOLLIE_NEXTGEN: Provider = Provider {
    id: "mollie_nextgen",
    name: "Mollie (next-gen webhooks)",
    documentation: "https://docs.mollie.com/reference/webhooks-new",
    experimental: false,
    schemes: Schemes::one(Scheme {
        // While a secret is replaced there is a header for each.
        signature: Signature {
            repeat: Repeat::AnyLine,
            prefix: SignaturePrefix::Optional("sha256="),
            ..in_header("x-mollie-signature", Encoding::HexLower)
        },
        keeps: &["x-mollie-signature"],
        ..hmac_of_body("x-mollie-signature", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        event_id: &[Body("id")],
        key: &[&[Body("id")]],
        kind: &[&[Body("type")]],
        time: &[(Body("createdAt"), Clock::Rfc3339)],
        unit: AmountUnit::Major,
        subjects: &[
            Subject {
                payment: &[Body("entityId")],
                amount: Amount::First(&["_embedded.entity.amount.value"]),
                currency: Named::At(&["_embedded.entity.amount.currency"]),
                rules: &[("payment-link.paid", "", Paid)],
                ..Subject::NOTHING
            },
            Subject { rules: &[("hook.ping", "", Test)], ..Subject::NOTHING },
        ],
        object: &[Body("entityId")],
        ..Format::JSON
    }),
};
