//! Braintree (<https://developer.paypal.com/braintree/docs/guides/webhooks/parse>): a form with base64 of XML. Before
//! it sends anything, it asks whether the address is ours.
//!
//! Most payments by card are reported only once they are disbursed, or by the subscription that they belong to. A
//! subscription's transactions and disbursed ones do not say their currency, unless the notification comes from a
//! newer version: the setting `currency` does.

use super::prelude::*;
use crate::normalise::format;

pub(super) static BRAINTREE: Provider = Provider {
    id: "braintree",
    name: "Braintree",
    documentation: "https://developer.paypal.com/braintree/docs/guides/webhooks/parse",
    experimental: false,
    schemes: Schemes::Challenging {
        scheme: Scheme {
            name: "bt_signature",
            // All that is read is in `bt_payload`.
            covers: Covers::Fields,
            key: Key { prefix: KeyPrefix::None, encoding: KeyEncoding::Sha1OfUtf8, min_bytes: 20 },
            signature: Signature {
                from: Place::Form("bt_signature"),
                shape: Shape::Fields {
                    list: '&',
                    field: '|',
                    fields: &[Some(Want::Setting("public_key")), None],
                },
                ..in_header("", Encoding::HexLower)
            },
            // The line feed at the end is signed, and gets lost on the way.
            signed: &[
                &[Part::From(Place::Form("bt_payload"))],
                &[Part::From(Place::Form("bt_payload")), Part::Text("\n")],
            ],
            conditions: &[Condition::Base64Lines(Place::Form("bt_payload"))],
            ..hmac_of_body("bt_signature", Hash::Sha1, Encoding::HexLower)
        },
        challenge: Challenge { query: "bt_challenge", length: 20..=32, public_key: "public_key" },
    },
    accepted: OK,
    settings: &[
        Setting {
            name: "public_key",
            description: "The public key that belongs to the private key, which is the secret.",
            required: true,
            values: SettingValues::Text,
        },
        Setting {
            name: "currency",
            description: "The merchant account's currency, for notifications that do not say theirs.",
            required: false,
            values: SettingValues::Currency,
        },
    ],
    normalise: Normalise::Format(&Format {
        body: format::Body::XmlInForm("bt_payload"),
        key: &[&[FieldSha256("bt_payload")]],
        kind: &[&[Body("kind")]],
        time: &[(Body("timestamp"), Clock::Rfc3339)],
        unit: AmountUnit::Major,
        subjects: &[
            // A refund is a transaction of its own.
            Subject {
                payment: &[Body("subject.transaction.refunded-transaction-id")],
                operation: &[Body("subject.transaction.id")],
                status: &[If("subject.transaction.refunded-transaction-id", "refund")],
                amount: Amount::First(&["subject.transaction.amount"]),
                currency: Named::AtOrSetting(&["subject.transaction.currency-iso-code"], "currency"),
                rules: &[
                    ("transaction_settled", "refund", REFUNDED),
                    ("transaction_disbursed", "refund", REFUNDED),
                    ("transaction_settlement_declined", "refund", REFUND_FAILED),
                    ("refund_failed", "refund", REFUND_FAILED),
                ],
                ..Subject::NOTHING
            },
            Subject {
                rules: &[
                    ("transaction_settled", "", Paid),
                    ("transaction_disbursed", "", Paid),
                    ("transaction_settlement_declined", "", Failed),
                    ("transaction_retried", "", Mention),
                    // Without the transaction that it refunds.
                    ("refund_failed", "", Mention),
                ],
                ..TRANSACTION
            },
            Subject {
                payment: &[Body("subject.transaction-review.transaction-id")],
                rules: &[("transaction_reviewed", "", Mention)],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("subject.subscription.transactions.0.id")],
                amount: Amount::First(&["subject.subscription.transactions.0.amount"]),
                currency: Named::AtOrSetting(
                    &["subject.subscription.transactions.0.currency-iso-code"],
                    "currency",
                ),
                reference: &[Body("subject.subscription.transactions.0.order-id")],
                rules: &[
                    ("subscription_charged_successfully", "", Paid),
                    ("subscription_charged_unsuccessfully", "", Failed),
                ],
                ..Subject::NOTHING
            },
            Subject {
                rules: &[
                    ("dispute_opened", "retrieval", DISPUTE_WARNING),
                    ("dispute_opened", "", DISPUTE_CHARGED),
                    ("dispute_under_review", "", DISPUTE_UPDATED),
                    ("dispute_disputed", "", DISPUTE_UPDATED),
                    ("dispute_won", "", DISPUTE_REINSTATED),
                    ("dispute_lost", "", DISPUTE_LOST),
                    ("dispute_accepted", "", DISPUTE_LOST),
                    ("dispute_auto_accepted", "", DISPUTE_LOST),
                    ("dispute_expired", "", DISPUTE_LOST),
                ],
                ..DISPUTE
            },
            Subject { rules: &[("check", "", Test)], ..Subject::NOTHING },
        ],
        object: &[
            Body("subject.subscription.id"),
            Body("subject.disbursement.id"),
            Body("subject.merchant-account.id"),
        ],
        ..Format::FORM
    }),
};

const TRANSACTION: Subject = Subject {
    payment: &[Body("subject.transaction.id")],
    amount: Amount::First(&["subject.transaction.amount"]),
    currency: Named::AtOrSetting(&["subject.transaction.currency-iso-code"], "currency"),
    reference: &[Body("subject.transaction.order-id")],
    ..Subject::NOTHING
};

const DISPUTE: Subject = Subject {
    payment: &[Body("subject.dispute.transaction.id")],
    operation: &[Body("subject.dispute.id")],
    status: &[Body("subject.dispute.kind")],
    amount: Amount::First(&["subject.dispute.amount-disputed", "subject.dispute.amount"]),
    currency: Named::AtOrSetting(&["subject.dispute.currency-iso-code"], "currency"),
    ..Subject::NOTHING
};
