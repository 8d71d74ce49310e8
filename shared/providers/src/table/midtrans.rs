//! Midtrans, core API (<https://docs.midtrans.com/docs/https-notification-webhooks>).
//!
//! The signature covers order, amount and `status_code`, but not `transaction_status`: the signature of a canceled
//! payment fits a settled one. So nothing of it moves money until the API confirms it. Payouts (Iris) are signed
//! whole.
//!
//! `refund_amount` is the sum of all refunds so far (<https://docs.midtrans.com/reference/refund-transactions-card>);
//! some examples leave it out.

use super::prelude::*;

const NOTIFICATION: Scheme = Scheme {
    name: "signature_key",
    covers: Covers::None,
    algorithm: Algorithm::Digest(Hash::Sha512),
    signature: Signature { from: Place::Json(&["signature_key"]), ..in_header("", Encoding::HexLower) },
    signed: &[&[
        Part::From(Place::Json(&["order_id"])),
        Part::From(Place::Json(&["status_code"])),
        Part::From(Place::Json(&["gross_amount"])),
        Part::Key,
    ]],
    ..hmac_of_body("signature_key", Hash::Sha512, Encoding::HexLower)
};

pub(super) static MIDTRANS: Provider = Provider {
    id: "midtrans",
    name: "Midtrans",
    documentation: "https://docs.midtrans.com/docs/https-notification-webhooks",
    experimental: false,
    schemes: Schemes::Signed {
        first: NOTIFICATION,
        more: &[
            Scheme {
                name: "signature_key of an account",
                signed: &[&[
                    Part::From(Place::Json(&["account_id"])),
                    Part::From(Place::Json(&["account_status"])),
                    Part::From(Place::Json(&["status_code"])),
                    Part::Key,
                ]],
                ..NOTIFICATION
            },
            Scheme {
                algorithm: Algorithm::Digest(Hash::Sha512),
                signed: &[&[Part::Body, Part::Key]],
                keeps: &["iris-signature"],
                ..hmac_of_body("iris-signature", Hash::Sha512, Encoding::HexLower)
            },
        ],
    },
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        key: &[
            // Partial refunds differ in nothing but their total.
            &[Body("transaction_id"), Body("transaction_status"), Body("status_code"), Body("refund_amount")],
            &[Body("transaction_id"), Body("transaction_status"), Body("status_code")],
            &[Body("account_id"), Body("account_status"), Body("status_code")],
            &[Body("reference_no"), Body("status")],
            &[BodySha256],
        ],
        kind: &[
            &[Body("transaction_status")],
            &[Is("account"), Body("account_status")],
            &[Is("payout"), Body("status")],
        ],
        // Times have no zone: they are Jakarta's.
        time: &[
            (Body("settlement_time"), Clock::Local("%Y-%m-%d %H:%M:%S", 7)),
            (Body("transaction_time"), Clock::Local("%Y-%m-%d %H:%M:%S", 7)),
        ],
        unit: AmountUnit::Major,
        subjects: &[
            Subject {
                // A card payment is captured at once, unless the fraud check wants a human to look at it.
                rules: &[
                    ("capture", "challenge", Processing),
                    ("capture", "deny", Failed),
                    ("capture", "", Paid),
                    ("settlement", "", Paid),
                    ("authorize", "", Authorized),
                    ("pending", "", Processing),
                    ("deny", "", Failed),
                    ("failure", "", Failed),
                    ("cancel", "", Canceled),
                    ("expire", "", Expired),
                    ("chargeback", "", DISPUTE_CHARGED),
                    ("partial_chargeback", "", DISPUTE_CHARGED),
                ],
                ..TRANSACTION
            },
            Subject {
                // Without a sum, `refund` is the whole amount.
                amount: Amount::First(&["refund_amount", "gross_amount"]),
                rules: &[("refund", "", RefundTotal)],
                ..TRANSACTION
            },
            Subject {
                amount: Amount::First(&["refund_amount"]),
                status: &[If("refund_amount", "sum")],
                rules: &[("partial_refund", "sum", RefundTotal)],
                ..TRANSACTION
            },
            Subject {
                amount: Amount::Each("refunds", "refund_amount"),
                rules: &[("partial_refund", "", RefundTotal)],
                ..TRANSACTION
            },
        ],
        object: &[Body("transaction_id"), Body("account_id"), Body("reference_no")],
        ..Format::JSON
    }),
};

const TRANSACTION: Subject = Subject {
    payment: &[Body("transaction_id")],
    status: &[Body("fraud_status")],
    amount: Amount::First(&["gross_amount"]),
    currency: Named::At(&["currency"]),
    reference: &[Body("order_id")],
    ..Subject::NOTHING
};
