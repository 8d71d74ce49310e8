//! GoCardless (<https://developer.gocardless.com/api-reference/#core-endpoints-events>): batches of events that name
//! their resources and carry no amounts.

use super::prelude::*;

pub(super) static GOCARDLESS: Provider = Provider {
    id: "gocardless",
    name: "GoCardless",
    documentation: "https://developer.gocardless.com/getting-started/staying-up-to-date-with-webhooks",
    experimental: false,
    schemes: Schemes::one(Scheme {
        keeps: &["webhook-signature"],
        ..hmac_of_body("webhook-signature", Hash::Sha256, Encoding::HexAnyCase)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        list: Some("events"),
        event_id: &[Body("id")],
        key: &[&[Body("id")]],
        kind: &[&[Body("resource_type"), Body("action")]],
        time: &[(Body("created_at"), Clock::Rfc3339)],
        subjects: &[
            // A dispute has no id of its own: it goes by its payment.
            Subject {
                payment: &[Body("links.payment")],
                rules: &[
                    ("payments.created", "", Created),
                    ("payments.customer_approval_granted", "", Processing),
                    ("payments.customer_approval_denied", "", Failed),
                    ("payments.submitted", "", Processing),
                    ("payments.resubmission_requested", "", Processing),
                    ("payments.confirmed", "", Paid),
                    ("payments.paid_out", "", Paid),
                    ("payments.cancelled", "", Canceled),
                    ("payments.failed", "", Failed),
                    // The bank took it back after it had been confirmed.
                    ("payments.late_failure_settled", "", CaptureReversed),
                    ("payments.charged_back", "", DISPUTE_CHARGED),
                    ("payments.chargeback_cancelled", "", DISPUTE_REINSTATED),
                    ("payments.chargeback_settled", "", DISPUTE_LOST),
                    ("payments.surcharge_fee_debited", "", Mention),
                ],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("links.payment")],
                operation: &[Body("links.refund")],
                rules: &[
                    ("refunds.created", "", REFUND_PENDING),
                    ("refunds.paid", "", REFUNDED),
                    ("refunds.refund_settled", "", REFUNDED),
                    ("refunds.failed", "", REFUND_FAILED),
                    ("refunds.bounced", "", REFUND_REVERSED),
                    ("refunds.funds_returned", "", REFUND_REVERSED),
                ],
                ..Subject::NOTHING
            },
        ],
        object: &[
            Body("links.mandate"),
            Body("links.subscription"),
            Body("links.payout"),
            Body("links.billing_request"),
        ],
        ..Format::JSON
    }),
};
