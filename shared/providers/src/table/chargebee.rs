//! Chargebee (<https://apidocs.chargebee.com/docs/api/events>). HTTP Basic is all that it offers.
//!
//! Types and statuses of transactions are those of <https://github.com/chargebee/openapi>. The capture of an
//! authorisation is a transaction of its own, which its refunds name: it is the payment, and the authorisation, which
//! they do not name, is one beside it. A direct debit that comes back late has a status of its own; not confirmed: in
//! which event it is told.

use super::prelude::*;

pub(super) static CHARGEBEE: Provider = Provider {
    id: "chargebee",
    name: "Chargebee",
    documentation: "https://www.chargebee.com/docs/billing/2.0/site-configuration/webhook_settings",
    experimental: false,
    schemes: Schemes::one(Scheme {
        name: "basic",
        signature: Signature {
            prefix: SignaturePrefix::Required("Basic "),
            ..in_header("authorization", Encoding::Base64)
        },
        ..token("authorization")
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        event_id: &[Body("id")],
        key: &[&[Body("id")]],
        kind: &[&[Body("event_type")]],
        time: &[(Body("occurred_at"), Clock::Seconds)],
        subjects: &[
            Subject {
                payment: &[Body("content.transaction.id")],
                status: &[Body("content.transaction.status")],
                rules: &[
                    ("payment_failed", "late_failure", Returned),
                    ("transaction_updated", "late_failure", Returned),
                    ("payment_initiated", "", Processing),
                    ("payment_succeeded", "", Paid),
                    ("payment_failed", "", Failed),
                    ("authorization_succeeded", "", Authorized),
                    ("authorization_voided", "", Canceled),
                ],
                ..TRANSACTION
            },
            Subject {
                payment: &[Body("content.transaction.refunded_txn_id")],
                operation: &[Body("content.transaction.id")],
                rules: &[("refund_initiated", "", REFUND_PENDING), ("payment_refunded", "", REFUNDED)],
                ..TRANSACTION
            },
        ],
        object: &[Body("content.subscription.id"), Body("content.invoice.id"), Body("content.customer.id")],
        ..Format::JSON
    }),
};

const TRANSACTION: Subject = Subject {
    amount: Amount::First(&["content.transaction.amount"]),
    currency: Named::At(&["content.transaction.currency_code"]),
    reference: &[Body("content.transaction.reference_number")],
    ..Subject::NOTHING
};
