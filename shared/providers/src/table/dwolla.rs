//! Dwolla. Events name their transfer and carry no amount. The bank's side of a transfer (`bank_transfer_*`) is a
//! resource of its own, and not the payment.
//!
//! Read: <https://developers.dwolla.com/docs/balance/webhook-events>,
//! <https://developers.dwolla.com/docs/balance/transfer-failures>. Not confirmed: whether a transfer that has completed
//! can fail later (a late ACH return) under the same id; what has completed stays completed.

use super::prelude::*;

pub(super) static DWOLLA: Provider = Provider {
    id: "dwolla",
    name: "Dwolla",
    documentation: "https://developers.dwolla.com/docs/working-with-webhooks",
    experimental: false,
    schemes: Schemes::one(Scheme {
        keeps: &["x-request-signature-sha-256", "x-dwolla-topic"],
        ..hmac_of_body("x-request-signature-sha-256", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        event_id: &[Body("id")],
        key: &[&[Body("id")]],
        kind: &[&[Body("topic")]],
        time: &[(Body("timestamp"), Clock::Rfc3339), (Body("created"), Clock::Rfc3339)],
        subjects: &[Subject {
            payment: &[Body("resourceId")],
            // Chosen by the merchant when the transfer was created.
            reference: &[Body("correlationId")],
            rules: &[
                ("transfer_created", "", Processing),
                ("transfer_completed", "", Paid),
                ("transfer_failed", "", Failed),
                ("transfer_cancelled", "", Canceled),
                ("customer_transfer_created", "", Processing),
                ("customer_transfer_completed", "", Paid),
                ("customer_transfer_failed", "", Failed),
                ("customer_transfer_cancelled", "", Canceled),
            ],
            ..Subject::NOTHING
        }],
        object: &[Body("resourceId")],
        ..Format::JSON
    }),
};
