//! Nuvei, direct merchant notifications (<https://docs.nuvei.com/documentation/integration/webhooks/>). Experimental:
//! sources disagree on whether the secret comes first or last in what is hashed. Nuvei's plugins for shops put it
//! first; the checksum in a test of the one for SAP Commerce is among our vectors. Events of the Control Panel, the
//! chargebacks among them (<https://docs.nuvei.com/documentation/integration/webhooks/control-panel>), are another format
//! with another checksum, and are not read. Not confirmed: a chargeback among the payments' notifications.
//!
//! The checksum covers amount, currency, status and Nuvei's id of the order, but not the kind of the transaction:
//! that of a sale fits a refund. So nothing of it moves money until the API confirms it.

use super::prelude::*;

pub(super) static NUVEI: Provider = Provider {
    id: "nuvei",
    name: "Nuvei",
    documentation: "https://docs.nuvei.com/documentation/integration/webhooks/payment-dmns/",
    experimental: true,
    schemes: Schemes::one(Scheme {
        name: "advanceResponseChecksum",
        covers: Covers::None,
        algorithm: Algorithm::Digest(Hash::Sha256),
        signature: Signature {
            from: Place::Form("advanceResponseChecksum"),
            ..in_header("", Encoding::HexLower)
        },
        signed: &[&[
            Part::Key,
            Part::OrEmpty(Place::Form("totalAmount")),
            Part::OrEmpty(Place::Form("currency")),
            Part::OrEmpty(Place::Form("responseTimeStamp")),
            Part::OrEmpty(Place::Form("PPP_TransactionID")),
            Part::OrEmpty(Place::Form("Status")),
            Part::OrEmpty(Place::Form("productId")),
        ]],
        ..hmac_of_body("advanceResponseChecksum", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[EXPERIMENTAL],
    normalise: Normalise::Format(&Format {
        key: &[&[Body("TransactionID"), Body("Status")], &[Body("PPP_TransactionID"), Body("Status")]],
        kind: &[&[Is("payment"), Body("transactionType"), Body("Status")], &[Is("payment"), Body("Status")]],
        time: &[(Body("responseTimeStamp"), Clock::Local("%Y-%m-%d.%H:%M:%S", 0))],
        unit: AmountUnit::Major,
        subjects: &[
            Subject {
                payment: &[Body("TransactionID")],
                rules: &[
                    ("payment.Sale.APPROVED", "", Paid),
                    ("payment.Sale.SUCCESS", "", Paid),
                    ("payment.Sale.PENDING", "", Processing),
                    ("payment.Sale.DECLINED", "", Failed),
                    ("payment.Sale.ERROR", "", Failed),
                    ("payment.Auth.APPROVED", "", Authorized),
                    ("payment.Auth.SUCCESS", "", Authorized),
                    ("payment.Auth.PENDING", "", Processing),
                    ("payment.Auth.DECLINED", "", Failed),
                    ("payment.Auth.ERROR", "", Failed),
                ],
                ..TRANSACTION
            },
            Subject {
                payment: &[Body("relatedTransactionId")],
                operation: &[Body("TransactionID")],
                rules: &[
                    ("payment.Settle.APPROVED", "", Captured),
                    ("payment.Settle.DECLINED", "", CaptureFailed),
                    ("payment.Void.APPROVED", "", Canceled),
                    ("payment.Credit.APPROVED", "", REFUNDED),
                    ("payment.Credit.DECLINED", "", REFUND_FAILED),
                    ("payment.Chargeback.APPROVED", "", DISPUTE_OPEN),
                ],
                ..TRANSACTION
            },
        ],
        object: &[Body("TransactionID"), Body("PPP_TransactionID")],
        ..Format::FORM
    }),
};

const TRANSACTION: Subject = Subject {
    amount: Amount::First(&["totalAmount"]),
    currency: Named::At(&["currency"]),
    reference: &[Body("clientUniqueId")],
    ..Subject::NOTHING
};
