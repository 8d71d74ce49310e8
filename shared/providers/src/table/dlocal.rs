//! dLocal (<https://docs.dlocal.com/docs/receive-notifications>): the body is the payment as it is now, for every change
//! of its status. Experimental: its pages do not agree on the header that carries the signature
//! (<https://docs.dlocal.com/reference/verifications-notifications>).
//!
//! Refunds and chargebacks name their payment, and only the status tells them apart. A refund's are PENDING, SUCCESS,
//! REJECTED and CANCELLED (<https://docs.dlocal.com/reference/refund-status-codes>). Not confirmed: a chargeback's;
//! COMPLETED is taken as one, and PENDING, which could be either, books nothing.

use super::prelude::*;

pub(super) static DLOCAL: Provider = Provider {
    id: "dlocal",
    name: "dLocal",
    documentation: "https://docs.dlocal.com/reference/verifications-notifications",
    experimental: true,
    schemes: Schemes::one(Scheme {
        signature: Signature {
            prefix: SignaturePrefix::Required("V2-HMAC-SHA256, Signature: "),
            ..in_header("authorization", Encoding::HexLower)
        },
        signed: &[&[Part::From(Place::Header("x-login")), Part::From(Place::Header("x-date")), Part::Body]],
        keeps: &["authorization", "x-login", "x-date"],
        ..hmac_of_body("authorization", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[EXPERIMENTAL],
    normalise: Normalise::Format(&Format {
        key: &[&[Body("id"), Body("status")]],
        // What names a payment is a refund or a chargeback of it.
        kind: &[&[If("payment_id", "modification"), Body("status")], &[Is("payment"), Body("status")]],
        time: &[(Body("approved_date"), Clock::Rfc3339), (Body("created_date"), Clock::Rfc3339)],
        unit: AmountUnit::Major,
        subjects: &[
            Subject {
                payment: &[Body("id")],
                rules: &[
                    ("payment.PENDING", "", Processing),
                    ("payment.AUTHORIZED", "", Authorized),
                    ("payment.PAID", "", Paid),
                    ("payment.REJECTED", "", Failed),
                    ("payment.CANCELLED", "", Canceled),
                    ("payment.EXPIRED", "", Expired),
                ],
                ..PAYMENT
            },
            Subject {
                payment: &[Body("payment_id")],
                operation: &[Body("id")],
                rules: &[
                    ("modification.SUCCESS", "", REFUNDED),
                    ("modification.REJECTED", "", REFUND_FAILED),
                    ("modification.CANCELLED", "", REFUND_FAILED),
                    ("modification.PENDING", "", Mention),
                    ("modification.COMPLETED", "", DISPUTE_CHARGED),
                ],
                ..PAYMENT
            },
        ],
        object: &[Body("id")],
        ..Format::JSON
    }),
};

const PAYMENT: Subject = Subject {
    amount: Amount::First(&["amount"]),
    currency: Named::At(&["currency"]),
    reference: &[Body("order_id")],
    ..Subject::NOTHING
};
