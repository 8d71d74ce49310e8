//! Klarna's webhooks (Klarna Network). Experimental: how the signature is encoded is not documented; hex is assumed.
//!
//! Read: the states of a payment request
//! (<https://docs.klarna.com/websdk/v2-r8/enums/constants.PaymentRequestState.html>,
//! <https://docs.klarna.com/websdk/v1-r6/enums/payment.PaymentRequestState.html>), the Notifications API
//! (<https://docs.klarna.com/api/kn/klarna-notifications-api/klarna-notifications_release/4>), the disputes' events
//! (<https://docs.klarna.com/klarna-network-distribution/after-payments/disputes/integrate-disputes-management>).
//!
//! - A payment request ends in `completed` (`authorized` in version 1). Completed means that the payer agreed: nothing is
//!   reserved until the merchant authorises the payment with the token that came of it.
//! - Disputes name the payment transaction, which has another id than the request: they make a payment of their own.
//! - Not confirmed: events of payment transactions (capture, refund, void); they are recorded as `provider.other`.

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
        subjects: &[
            Subject {
                payment: &[Body("payload.payment_request_id")],
                reference: &[Body("payload.payment_request_reference")],
                rules: REQUESTS,
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("payload.payment_transaction_id"), Body("payload.order_id")],
                operation: &[Body("payload.payment_dispute_id")],
                status: &[Body("payload.dispute_outcome")],
                // Other stages than the first do not repeat the amount.
                amount: Amount::First(&["payload.dispute_details.dispute_amount"]),
                currency: Named::At(&["payload.dispute_details.currency"]),
                rules: DISPUTES,
                ..Subject::NOTHING
            },
        ],
        object: &[Body("payload.payment_request_id"), Body("payload.payment_transaction_id")],
        ..Format::JSON
    }),
};

const REQUESTS: &[Rule] = &[
    ("payment.request.state-change.submitted", "", Created),
    ("payment.request.state-change.prepared", "", Created),
    ("payment.request.state-change.in-progress", "", RequiresAction),
    ("payment.request.state-change.pending-confirmation", "", Processing),
    ("payment.request.state-change.completed", "", Processing),
    ("payment.request.state-change.authorized", "", Authorized),
    ("payment.request.state-change.declined", "", Failed),
    ("payment.request.state-change.canceled", "", Canceled),
    ("payment.request.state-change.expired", "", Expired),
];

const DISPUTES: &[Rule] = &[
    ("payment.dispute.state-change.initiated", "", DISPUTE_OPEN),
    ("payment.dispute.state-change.representment", "", DISPUTE_OPEN),
    ("payment.dispute.state-change.merchant-evidence-pending", "", DISPUTE_OPEN),
    ("payment.dispute.state-change.pre-arbitration", "", DISPUTE_OPEN),
    ("payment.dispute.state-change.arbitration-pending", "", DISPUTE_OPEN),
    ("payment.dispute.state-change.arbitration", "", DISPUTE_OPEN),
    // Lost, a chargeback follows.
    ("payment.dispute.state-change.closed", "LOST", DISPUTE_LOST),
    ("payment.dispute.state-change.closed", "WON", DISPUTE_WON),
    ("payment.dispute.state-change.closed", "", DISPUTE_UPDATED),
    ("payment.dispute.updated.representment-deadline-extended", "", DISPUTE_UPDATED),
];
