//! Mercado Pago (<https://www.mercadopago.com/developers/en/docs/your-integrations/notifications/webhooks>).
//!
//! The signature covers the id in the address and nothing of the body, and the body only says that a payment changed.
//! Whether `ts` counts seconds or milliseconds is told in two ways, so its age is not judged; a repeat is harmless,
//! because what counts is what the API says. A chargeback names its payment beside itself
//! (<https://www.mercadopago.com.br/developers/en/docs/your-integrations/notifications/additional-info>).

use super::prelude::*;

pub(super) static MERCADOPAGO: Provider = Provider {
    id: "mercadopago",
    name: "Mercado Pago",
    documentation: "https://www.mercadopago.com/developers/en/docs/your-integrations/notifications/webhooks",
    experimental: false,
    schemes: Schemes::one(Scheme {
        covers: Covers::None,
        signature: Signature {
            shape: Shape::Pairs { list: ',', pair: '=', signature: "v1" },
            ..in_header("x-signature", Encoding::HexLower)
        },
        // The documentation says that letters of the id are signed in lower case, the SDK signs them as they are.
        signed: &[
            &[Part::Maybe(ID), Part::Maybe(REQUEST), Part::Text("ts:"), TS, Part::Text(";")],
            &[Part::Maybe(ID_LOWER), Part::Maybe(REQUEST), Part::Text("ts:"), TS, Part::Text(";")],
        ],
        keeps: &["x-signature", "x-request-id"],
        ..hmac_of_body("x-signature", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        event_id: &[Body("id")],
        key: &[&[Body("id")], &[Body("topic"), Body("resource")]],
        kind: &[&[Body("action")], &[Body("type")], &[Body("topic")]],
        time: &[(Body("date_created"), Clock::Rfc3339)],
        subjects: &[
            Subject {
                payment: &[Body("data.id")],
                rules: &[
                    ("payment.created", "", Mention),
                    ("payment.updated", "", Mention),
                    ("payment", "", Mention),
                ],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("data.payment_id")],
                operation: &[Body("data.id")],
                rules: &[("topic_chargebacks_wh", "", Mention)],
                ..Subject::NOTHING
            },
        ],
        object: &[Body("data.id")],
        ..Format::JSON
    }),
};

const ID: &[Part] = &[Part::Text("id:"), Part::From(Place::Query("data.id")), Part::Text(";")];
const ID_LOWER: &[Part] = &[Part::Text("id:"), Part::From(Place::QueryLower("data.id")), Part::Text(";")];
const REQUEST: &[Part] =
    &[Part::Text("request-id:"), Part::From(Place::Header("x-request-id")), Part::Text(";")];
const TS: Part = Part::From(Place::Pair("ts"));
