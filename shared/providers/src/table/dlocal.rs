//! dLocal (<https://docs.dlocal.com/reference/verifications-notifications>). Experimental: its pages do not agree on
//! the header that carries the signature.

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
        // What names a payment is a refund or a chargeback of it; only refunds end in SUCCESS.
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
                rules: &[("modification.SUCCESS", "", REFUNDED)],
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
