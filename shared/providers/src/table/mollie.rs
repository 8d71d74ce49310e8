//! Mollie's classic webhooks (<https://docs.mollie.com/reference/webhooks>): unsigned, and nothing but an id. Every
//! change of a payment sends the same body, so that only their arrival tells them apart: what comes within two seconds is
//! one notification, about which Mollie is asked after that time.

use super::prelude::*;

pub(super) static MOLLIE: Provider = Provider {
    id: "mollie",
    name: "Mollie (classic webhooks)",
    documentation: "https://docs.mollie.com/reference/webhooks",
    experimental: true,
    schemes: Schemes::Unsigned,
    accepted: OK,
    settings: &[EXPERIMENTAL],
    normalise: Normalise::Format(&Format {
        key: &[&[Body("id"), Arrival], &[Body("id")]],
        kind: &[&[Is("payment.changed")]],
        subjects: &[Subject {
            payment: &[Body("id")],
            rules: &[("payment.changed", "", Mention)],
            ..Subject::NOTHING
        }],
        ..Format::FORM
    }),
};
