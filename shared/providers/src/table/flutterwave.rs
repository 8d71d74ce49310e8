//! Flutterwave v3 (<https://developer.flutterwave.com/v3.0/docs/webhooks>): the secret is sent as it is.
//!
//! `charge.completed` is sent once, when the charge has succeeded or failed. Refunds and transfers have events of their
//! own; not confirmed: what a refund's looks like, so it books nothing.

use super::prelude::*;

pub(super) static FLUTTERWAVE: Provider = Provider {
    id: "flutterwave",
    name: "Flutterwave (v3)",
    documentation: "https://developer.flutterwave.com/v3.0.0/docs/webhooks",
    experimental: true,
    schemes: Schemes::one(token("verif-hash")),
    accepted: OK,
    settings: &[EXPERIMENTAL],
    normalise: Normalise::Format(&Format {
        key: &[&[Body("event"), Body("data.id")], &[BodySha256]],
        kind: &[&[Body("event")], &[Body("event.type")]],
        time: &[(Body("data.created_at"), Clock::Rfc3339)],
        unit: AmountUnit::Major,
        subjects: &[Subject {
            payment: &[Body("data.id")],
            status: &[Body("data.status")],
            amount: Amount::First(&["data.amount"]),
            currency: Named::At(&["data.currency"]),
            reference: &[Body("data.tx_ref")],
            rules: &[
                ("charge.completed", "successful", Paid),
                ("charge.completed", "failed", Failed),
                ("charge.completed", "pending", Processing),
            ],
            ..Subject::NOTHING
        }],
        object: &[Body("data.id")],
        ..Format::JSON
    }),
};
