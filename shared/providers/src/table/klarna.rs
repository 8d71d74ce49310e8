//! Klarna Payments notifications (<https://docs.klarna.com/>). Experimental: how the signature is encoded is not
//! documented; hex is assumed. Notifications carry no amounts.

use super::prelude::*;

pub(super) static KLARNA: Provider = Provider {
    id: "klarna",
    name: "Klarna",
    documentation: "https://docs.klarna.com/acquirer/klarna/get-started/integration-resilience/webhooks/",
    experimental: true,
    schemes: Schemes::one(Scheme {
        keeps: &["klarna-signature", "klarna-signing-key-id"],
        ..hmac_of_body("klarna-signature", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[EXPERIMENTAL],
    normalise: Normalise::Format(&Format {
        event_id: &[Body("metadata.event_id")],
        key: &[&[Body("metadata.event_id")]],
        kind: &[&[Body("metadata.event_type")]],
        time: &[(Body("metadata.occurred_at"), Clock::Rfc3339)],
        subjects: &[Subject {
            payment: &[Body("payload.payment_request_id")],
            reference: &[Body("payload.payment_request_reference")],
            rules: &[
                ("payment.request.state-change.submitted", "", Created),
                ("payment.request.state-change.in-progress", "", RequiresAction),
                ("payment.request.state-change.pending-confirmation", "", Processing),
                ("payment.request.state-change.authorized", "", Authorized),
                ("payment.request.state-change.completed", "", Authorized),
                ("payment.request.state-change.declined", "", Failed),
                ("payment.request.state-change.canceled", "", Canceled),
                ("payment.request.state-change.expired", "", Expired),
            ],
            ..Subject::NOTHING
        }],
        object: &[Body("payload.payment_request_id"), Body("payload.payment_transaction_id")],
        ..Format::JSON
    }),
};
