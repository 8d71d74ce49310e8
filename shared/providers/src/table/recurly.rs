//! Recurly, JSON webhooks (<https://docs.recurly.com/recurly-subscriptions/docs/webhooks>): the kind of an object, what
//! happened to it, and its id. XML webhooks are not signed. What happens to a payment is listed at
//! <https://docs.recurly.com/docs/payment-notifications>.

use super::prelude::*;

pub(super) static RECURLY: Provider = Provider {
    id: "recurly",
    name: "Recurly",
    documentation: "https://docs.recurly.com/recurly-subscriptions/docs/signature-verification",
    experimental: false,
    schemes: Schemes::one(Scheme {
        signature: Signature {
            shape: Shape::First { list: ',', first: "t" },
            ..in_header("recurly-signature", Encoding::HexLower)
        },
        signed: &[&[Part::From(Place::Pair("t")), Part::Text("."), Part::Body]],
        freshness: fresh(Place::Pair("t"), Unit::Milliseconds, 300, 300),
        keeps: &["recurly-signature"],
        ..hmac_of_body("recurly-signature", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        key: &[&[Body("object_type"), Body("id"), Body("event_type"), Body("event_time")], &[BodySha256]],
        kind: &[&[Body("object_type"), Body("event_type")]],
        time: &[(Body("event_time"), Clock::Rfc3339)],
        subjects: &[Subject {
            payment: &[Body("id")],
            rules: &[
                ("payment.scheduled", "", Created),
                ("payment.processing", "", Processing),
                ("payment.authorized", "", Authorized),
                ("payment.succeeded", "", Paid),
                ("payment.failed", "", Failed),
                ("payment.voided", "", Canceled),
                // How much, and which of several, is not said.
                ("payment.refunded", "", Mention),
                ("payment.fraud_info_updated", "", Mention),
                ("payment.transaction_status_updated", "", Mention),
            ],
            ..Subject::NOTHING
        }],
        object: &[Body("id")],
        ..Format::JSON
    }),
};
