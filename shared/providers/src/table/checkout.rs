//! Checkout.com (<https://www.checkout.com/docs/developer-resources/event-notifications>). Each capture, void and
//! refund is an action with an id of its own.

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
        time: &[(Body("created_on"), Clock::Rfc3339)],
        // https://www.checkout.com/docs/payments/accept-payments/format-the-amount-value: two decimals that are
        // always zero for CLP, none for CLF.
        exponents: &[("CLP", 2), ("CLF", 0)],
        subjects: &[
            Subject {
                rules: &[
                    ("payment_pending", "", Processing),
                    ("payment_approved", "", Authorized),
                    ("payment_declined", "", Failed),
                    ("payment_canceled", "", Canceled),
                    ("payment_voided", "", Canceled),
                    ("payment_expired", "", Expired),
                ],
                ..PAYMENT
            },
            Subject {
                operation: &[Body("data.action_id")],
                rules: &[
                    ("payment_captured", "", Captured),
                    ("payment_capture_declined", "", CaptureFailed),
                    ("payment_refund_pending", "", REFUND_PENDING),
                    ("payment_refunded", "", REFUNDED),
                    ("payment_refund_declined", "", REFUND_FAILED),
                    ("payment_capture_pending", "", Mention),
                    ("payment_void_declined", "", Mention),
                    ("payment_authorization_incremented", "", Mention),
                ],
                ..PAYMENT
            },
            Subject {
                payment: &[Body("data.payment_id")],
                operation: &[Body("data.id")],
                rules: &[
                    ("dispute_received", "", DISPUTE_OPEN),
                    ("dispute_evidence_required", "", DISPUTE_OPEN),
                    ("dispute_evidence_submitted", "", DISPUTE_UPDATED),
                    ("dispute_accepted", "", DISPUTE_LOST),
                    ("dispute_expired", "", DISPUTE_LOST),
                    ("dispute_lost", "", DISPUTE_LOST),
                    ("dispute_arbitration_lost", "", DISPUTE_LOST),
                    ("dispute_canceled", "", DISPUTE_WON),
                    ("dispute_resolved", "", DISPUTE_WON),
                    ("dispute_won", "", DISPUTE_WON),
                    ("dispute_arbitration_won", "", DISPUTE_WON),
                ],
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
