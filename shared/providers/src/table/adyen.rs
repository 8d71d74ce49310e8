//! Adyen's standard notifications. Normalised by code: success, setting and code decide together.

use super::prelude::*;
use crate::normalise::adyen;

pub(super) static ADYEN: Provider = Provider {
    id: "adyen",
    name: "Adyen (standard notifications)",
    documentation: "https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures",
    experimental: false,
    schemes: Schemes::one(Scheme {
        name: "hmacSignature",
        // Reason, payment method, event date and the rest of `additionalData` are not signed.
        covers: Covers::Fields,
        scope: Scope::EachItem { list: "notificationItems", element: "NotificationRequestItem" },
        algorithm: Algorithm::Hmac(Hash::Sha256),
        key: Key { prefix: KeyPrefix::None, encoding: KeyEncoding::Hex, min_bytes: 32 },
        signature: Signature {
            from: Place::Json(&["additionalData", "hmacSignature"]),
            repeat: Repeat::Refused,
            shape: Shape::One,
            prefix: SignaturePrefix::None,
            encoding: Encoding::Base64,
        },
        // Joined with `:` without escaping: what is absent counts as empty.
        signed: &[&[
            Part::OrEmpty(Place::Json(&["pspReference"])),
            Part::Text(":"),
            Part::OrEmpty(Place::Json(&["originalReference"])),
            Part::Text(":"),
            Part::OrEmpty(Place::Json(&["merchantAccountCode"])),
            Part::Text(":"),
            Part::OrEmpty(Place::Json(&["merchantReference"])),
            Part::Text(":"),
            Part::OrEmpty(Place::Json(&["amount", "value"])),
            Part::Text(":"),
            Part::OrEmpty(Place::Json(&["amount", "currency"])),
            Part::Text(":"),
            Part::OrEmpty(Place::Json(&["eventCode"])),
            Part::Text(":"),
            Part::OrEmpty(Place::Json(&["success"])),
        ]],
        freshness: None,
        // At most one of them can hold a `:` then, which leaves one way to divide what is signed. The reference is
        // the merchant's own text.
        conditions: &[
            Condition::Without(':', Place::Json(&["pspReference"])),
            Condition::Without(':', Place::Json(&["originalReference"])),
            Condition::Without(':', Place::Json(&["merchantAccountCode"])),
            Condition::Without(':', Place::Json(&["amount", "value"])),
            Condition::Without(':', Place::Json(&["amount", "currency"])),
            Condition::Without(':', Place::Json(&["eventCode"])),
            Condition::Without(':', Place::Json(&["success"])),
        ],
        keeps: &[],
    }),
    accepted: Accepted { status: 200, content_type: "text/plain; charset=utf-8", body: "[accepted]" },
    settings: &[Setting {
        name: "capture",
        description: "How the merchant account captures. With `automatic` Adyen sends no CAPTURE, so that a \
                      successful AUTHORISATION counts as the capture too.",
        required: false,
        values: SettingValues::OneOf(&["manual", "automatic"]),
    }],
    normalise: Normalise::Code { run: adyen::notifications, expresses: EVERYTHING },
};
