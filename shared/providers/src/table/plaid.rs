//! Plaid (<https://plaid.com/docs/api/webhooks/>). The notifications are thin: they say that there is something to ask
//! for. So nothing is booked, and the same body comes again for each change.

use super::prelude::*;
use crate::verify::plaid;

pub(super) static PLAID: Provider = Provider {
    id: "plaid",
    name: "Plaid",
    documentation: "https://plaid.com/docs/api/webhooks/webhook-verification/",
    experimental: false,
    schemes: Schemes::Coded(Coded {
        name: "plaid-verification ES256",
        covers: Covers::Body,
        keeps: &["plaid-verification"],
        verify: plaid::verify,
    }),
    accepted: OK,
    settings: &[Setting {
        name: "environment",
        description: "Where the key is asked for, with the source's credential `client_id:secret`.",
        required: false,
        values: SettingValues::OneOf(&["production", "sandbox"]),
    }],
    normalise: Normalise::Format(&Format {
        // The token has the time in it; what Plaid sends a second time after a failure is therefore told twice. By the
        // body alone all but the first change would be lost.
        key: &[&[Token("plaid-verification")], &[BodySha256]],
        kind: &[&[Body("webhook_type"), Body("webhook_code")]],
        time: &[(Body("timestamp"), Clock::Rfc3339)],
        subjects: &[Subject {
            payment: &[Body("payment_id")],
            rules: &[("PAYMENT_INITIATION.PAYMENT_STATUS_UPDATE", "", Mention)],
            ..Subject::NOTHING
        }],
        object: &[Body("transfer_id"), Body("item_id"), Body("link_session_id")],
        ..Format::JSON
    }),
};
