//! Checkout.com. Each capture, void and refund is an action with an id of its own.
//!
//! Read: the event types and their examples
//! (<https://www.checkout.com/docs/developer-resources/event-notifications/event-types>, formerly
//! <https://www.checkout.com/docs/workflows/webhook-event-types>), the catalogue of the Workflows API. Payments' events
//! have `created_on`, disputes' have `timestamp`.
//!
//! A payment that the payer's bank takes back after it had succeeded (`payment_returned`, as of ACH) is booked as a
//! dispute that is lost. Of payouts there is the same event, which has a currency account as its source.

use super::prelude::*;

pub(super) static CHECKOUT: Provider = Provider {
    id: "checkout",
    name: "Checkout.com",
    documentation: "https://www.checkout.com/docs/developer-resources/event-notifications/receive-webhooks/configure-your-webhook-server",
    experimental: false,
    schemes: Schemes::one(Scheme {
        keeps: &["cko-signature"],
        ..hmac_of_body("cko-signature", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        event_id: &[Body("id")],
        key: &[&[Body("id")]],
        kind: &[&[Body("type")]],
        time: &[(Body("created_on"), Clock::Rfc3339), (Body("timestamp"), Clock::Rfc3339)],
        // https://www.checkout.com/docs/payments/accept-payments/format-the-amount-value: two decimals that are
        // always zero for CLP, none for CLF.
        exponents: &[("CLP", 2), ("CLF", 0)],
        subjects: &[
            Subject { rules: PAYMENTS, ..PAYMENT },
            // Its `amount` is the increment; what is authorised by now stands among the balances.
            Subject {
                amount: Amount::First(&["data.balances.total_authorized"]),
                rules: &[("payment_authorization_incremented", "", Authorized)],
                ..PAYMENT
            },
            Subject { operation: &[Body("data.action_id")], rules: ACTIONS, ..PAYMENT },
            Subject {
                operation: &[Body("data.action_id")],
                status: &[Body("data.source.type")],
                rules: &[
                    ("payment_returned", "currency_account", Mention),
                    ("payment_returned", "", DISPUTE_LOST),
                ],
                ..PAYMENT
            },
            Subject {
                payment: &[Body("data.payment_id")],
                operation: &[Body("data.id")],
                rules: DISPUTES,
                ..PAYMENT
            },
        ],
        object: &[Body("data.id")],
        ..Format::JSON
    }),
};

const PAYMENT: Subject = Subject {
    payment: &[Body("data.id")],
    amount: Amount::First(&["data.amount"]),
    currency: Named::At(&["data.currency"]),
    reference: &[Body("data.reference")],
    ..Subject::NOTHING
};

const PAYMENTS: &[Rule] = &[
    ("payment_pending", "", Processing),
    ("payment_compliance_review", "", Processing),
    ("payment_retry_scheduled", "", Processing),
    ("payment_approved", "", Authorized),
    ("payment_authorized", "", Authorized),
    ("payment_declined", "", Failed),
    ("payment_authentication_failed", "", Failed),
    ("payment_canceled", "", Canceled),
    ("payment_voided", "", Canceled),
    ("payment_expired", "", Expired),
];

const ACTIONS: &[Rule] = &[
    ("payment_captured", "", Captured),
    ("payment_capture_declined", "", CaptureFailed),
    ("payment_refund_pending", "", REFUND_PENDING),
    ("payment_refunded", "", REFUNDED),
    ("payment_refund_declined", "", REFUND_FAILED),
    ("payment_capture_pending", "", Mention),
    ("payment_void_declined", "", Mention),
    ("payment_authorization_increment_declined", "", Mention),
];

const DISPUTES: &[Rule] = &[
    ("request_for_information_received", "", DISPUTE_WARNING),
    ("dispute_received", "", DISPUTE_OPEN),
    // By then the account has been debited.
    ("dispute_evidence_required", "", DISPUTE_CHARGED),
    ("dispute_evidence_submitted", "", DISPUTE_UPDATED),
    ("dispute_evidence_acknowledged_by_scheme", "", DISPUTE_UPDATED),
    ("dispute_arbitration_evidence_submitted", "", DISPUTE_UPDATED),
    ("dispute_arbitration_sent_to_scheme", "", DISPUTE_OPEN),
    ("dispute_accepted", "", DISPUTE_LOST),
    ("dispute_expired", "", DISPUTE_LOST),
    ("dispute_lost", "", DISPUTE_LOST),
    ("dispute_arbitration_lost", "", DISPUTE_LOST),
    ("dispute_canceled", "", DISPUTE_REINSTATED),
    // Nothing is taken: the payer had the money back already.
    ("dispute_resolved", "", DISPUTE_WON),
    ("dispute_won", "", DISPUTE_REINSTATED),
    ("dispute_arbitration_won", "", DISPUTE_REINSTATED),
];
