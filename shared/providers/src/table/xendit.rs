//! Xendit (<https://docs.xendit.co/docs/handling-webhooks>): the secret is sent as it is. Amounts are in units of the
//! currency, also Rupiah.
//!
//! Types and payloads are those of <https://docs.xendit.co/docs/payments-api-webhooks>,
//! <https://docs.xendit.co/apidocs/payment-webhook-notification> and
//! <https://docs.xendit.co/apidocs/refund-webhook-notification>. A refund of an invoice names the invoice, which then is
//! the payment. Repeats are told by the body: the header `webhook-id` is as anybody writes it who has the token. Not confirmed: what the
//! older `ewallet.*` and `qr.*` send beside the examples.

use super::prelude::*;

pub(super) static XENDIT: Provider = Provider {
    id: "xendit",
    name: "Xendit",
    documentation: "https://docs.xendit.co/docs/handling-webhooks",
    experimental: false,
    schemes: Schemes::one(Scheme { keeps: &["webhook-id"], ..token("x-callback-token") }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        event_id: &[Header("webhook-id")],
        key: &[&[BodySha256]],
        // An invoice's callback is the invoice itself; those of other old products name nothing.
        kind: &[&[Body("event")], &[If("external_id", "invoice"), Body("status")], &[Is("callback")]],
        time: &[
            (Body("created"), Clock::Rfc3339),
            (Body("updated"), Clock::Rfc3339),
            (Body("data.updated"), Clock::Rfc3339),
        ],
        unit: AmountUnit::Major,
        subjects: &[
            Subject {
                status: &[If("data.captures.0.capture_amount", "captured"), Body("data.capture_method")],
                amount: Amount::Each("data.captures", "capture_amount"),
                requested: Amount::First(&["data.request_amount", "data.amount"]),
                rules: &[
                    // Of what was authorised before, perhaps only a part.
                    ("payment.capture", "captured.MANUAL", Captured),
                ],
                ..PAYMENT
            },
            Subject {
                rules: &[
                    ("payment.capture", "FAILED", Failed),
                    ("payment.capture", "", Paid),
                    ("payment.authorization", "", Authorized),
                    ("payment.failure", "", Failed),
                    // The authorisation of a payment.
                    ("payment.expiry", "", Expired),
                    ("payment.succeeded", "", Paid),
                    ("payment.failed", "", Failed),
                    ("payment.pending", "", Processing),
                    ("payment.awaiting_capture", "", Authorized),
                ],
                ..PAYMENT
            },
            Subject {
                amount: Amount::First(&["data.capture_amount", "data.charge_amount", "data.amount"]),
                rules: &[
                    ("ewallet.capture", "SUCCEEDED", Paid),
                    ("ewallet.capture", "FAILED", Failed),
                    ("qr.payment", "SUCCEEDED", Paid),
                    ("qr.payment", "FAILED", Failed),
                ],
                ..PAYMENT
            },
            Subject {
                payment: &[Body("data.invoice_id"), Body("data.payment_id")],
                operation: &[Body("data.id")],
                amount: Amount::First(&["data.amount"]),
                currency: Named::At(&["data.currency"]),
                rules: &[("refund.succeeded", "", REFUNDED), ("refund.failed", "", REFUND_FAILED)],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("id")],
                amount: Amount::First(&["paid_amount", "amount"]),
                currency: Named::At(&["currency"]),
                requested: Amount::First(&["amount"]),
                reference: &[Body("external_id")],
                rules: &[
                    ("invoice.PAID", "", Paid),
                    ("invoice.SETTLED", "", Paid),
                    ("invoice.EXPIRED", "", Expired),
                ],
                ..Subject::NOTHING
            },
        ],
        object: &[Body("data.id"), Body("id")],
        ..Format::JSON
    }),
};

const PAYMENT: Subject<'static> = Subject {
    payment: &[Body("data.payment_id"), Body("data.id")],
    status: &[Body("data.status")],
    amount: Amount::First(&["data.request_amount", "data.amount"]),
    currency: Named::At(&["data.currency"]),
    reference: &[Body("data.reference_id")],
    ..Subject::NOTHING
};
