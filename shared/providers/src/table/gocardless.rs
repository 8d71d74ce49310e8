//! GoCardless: batches of events that name their resources and carry no amounts.
//!
//! Read: the events of the API (<https://developer.gocardless.com/api-reference/#core-endpoints-events>), with their
//! examples; the guide to billing requests' events.
//!
//! - A dispute has no id of its own: it goes by its payment.
//! - `payments.failed` may come after `confirmed` (a late failure), and after `failed` the same payment may be tried
//!   again and be confirmed. The event does not say which it is, so that `confirmed` stands until
//!   `late_failure_settled` says that the money was taken back. A late failure before the payout has no such event.
//! - Events of refunds name the refund; the examples do not name its payment, and then it can't be booked.

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
            Subject { payment: &[Body("links.payment")], rules: PAYMENTS, ..Subject::NOTHING },
            // Pay by Bank: the payer has authorised it, and this names the payment that came of it.
            Subject {
                payment: &[Body("links.payment_request_payment")],
                object: &[Body("links.billing_request")],
                status: &[If("links.payment_request_payment", "payment")],
                rules: &[("billing_requests.fulfilled", "payment", Processing)],
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
            Body("links.instalment_schedule"),
            Body("links.payout"),
            Body("links.billing_request"),
            Body("links.outbound_payment"),
            Body("links.creditor"),
        ],
        ..Format::JSON
    }),
};

const PAYMENTS: &[Rule] = &[
    ("payments.created", "", Created),
    ("payments.customer_approval_granted", "", Processing),
    ("payments.customer_approval_denied", "", Failed),
    ("payments.submitted", "", Processing),
    ("payments.resubmission_requested", "", Processing),
    ("payments.confirmed", "", Paid),
    ("payments.paid_out", "", Paid),
    ("payments.cancelled", "", Canceled),
    ("payments.failed", "", Failed),
    // The bank took it back after it had been paid out.
    ("payments.late_failure_settled", "", Returned),
    ("payments.charged_back", "", DISPUTE_CHARGED),
    ("payments.chargeback_cancelled", "", DISPUTE_REINSTATED),
    ("payments.chargeback_settled", "", DISPUTE_LOST),
    ("payments.surcharge_fee_debited", "", Mention),
    ("payments.sds_settlement_delayed", "", Mention),
    ("subscriptions.payment_created", "", Mention),
    ("instalment_schedules.payment_created", "", Mention),
];
