//! Midtrans by Bank Indonesia's standard SNAP (<https://docs.midtrans.com/reference/payment-notification-api>). The
//! body is signed whole, with the path that was called and the time, as in `snapBi.js` of midtrans-client.
//!
//! Midtrans calls the paths of the standard (`/v1.0/debit/notify`). A proxy that turns them into the source's address
//! is needed, and the setting `notification_path` then says what was called.

use super::prelude::*;

pub(super) static MIDTRANS_SNAP: Provider = Provider {
    id: "midtrans_snap",
    name: "Midtrans (SNAP)",
    documentation: "https://docs.midtrans.com/reference/payment-notification-api",
    experimental: false,
    schemes: Schemes::one(Scheme {
        algorithm: Algorithm::Rsa { hash: RsaHash::Sha256, key: PublicKey::Setting("public_key_pem") },
        signed: &[
            &[
                Part::Text("POST:"),
                Part::From(Place::Setting("notification_path")),
                Part::Text(":"),
                Part::MinifiedSha256,
                Part::Text(":"),
                Part::From(Place::Header("x-timestamp")),
            ],
            &[
                Part::Text("POST:"),
                Part::From(Place::Path),
                Part::Text(":"),
                Part::MinifiedSha256,
                Part::Text(":"),
                Part::From(Place::Header("x-timestamp")),
            ],
        ],
        conditions: &[
            Condition::Present(Place::Header("x-timestamp")),
            Condition::EqualIfSet(Place::Json(&["merchantId"]), "merchant_id"),
        ],
        keeps: &["x-signature", "x-timestamp", "x-external-id"],
        ..hmac_of_body("x-signature", Hash::Sha256, Encoding::Base64)
    }),
    accepted: Accepted {
        status: 200,
        content_type: "application/json",
        body: r#"{"responseCode":"2005600","responseMessage":"Successful"}"#,
    },
    settings: &[
        Setting {
            name: "public_key_pem",
            description: "The public key that Midtrans gives out for its notifications.",
            required: true,
            values: SettingValues::PublicKeyPem,
        },
        Setting {
            name: "notification_path",
            description: "The path that Midtrans calls, where a proxy in front of Payrelay changes it.",
            required: false,
            values: SettingValues::Path,
        },
        Setting {
            name: "merchant_id",
            description: "The `merchantId` of your notifications: those of others, which the same key may sign, are \
                          refused. Without it the address must be kept to oneself.",
            required: false,
            values: SettingValues::Text,
        },
    ],
    normalise: Normalise::Format(&Format {
        // The standard's number of a request is unique for a day only, and white space is not signed.
        key: &[&[MinifiedSha256]],
        kind: &[&[Is("transaction"), Body("latestTransactionStatus")]],
        time: &[(Header("x-timestamp"), Clock::Rfc3339)],
        unit: AmountUnit::Major,
        subjects: &[
            Subject {
                rules: &[
                    ("transaction.00", "", Paid),
                    ("transaction.01", "", Created),
                    ("transaction.02", "", Processing),
                    ("transaction.03", "", Processing),
                    ("transaction.05", "", Canceled),
                    ("transaction.06", "", Failed),
                ],
                ..TRANSACTION
            },
            Subject {
                amount: Amount::Each("additionalInfo.refundHistory", "refundAmount.value"),
                rules: &[("transaction.04", "", RefundTotal)],
                ..TRANSACTION
            },
        ],
        object: &[Body("originalReferenceNo")],
        ..Format::JSON
    }),
};

const TRANSACTION: Subject = Subject {
    payment: &[Body("originalReferenceNo")],
    amount: Amount::First(&["amount.value"]),
    currency: Named::At(&["amount.currency"]),
    reference: &[Body("originalPartnerReferenceNo")],
    ..Subject::NOTHING
};
