//! Woovi, which was OpenPix (<https://developers.woovi.com/docs/webhook/seguranca/webhook-public-keys>): Pix.
//!
//! It signs under one key for all of its customers, so that any of them has genuine notifications, with ids that he chose.
//! One counts as ours if its `company.id` is that of the source's settings. The test, payouts and disputes name no
//! company: they prove nothing ([`Covers::None`]). The signature in `X-OpenPix-Signature` (HMAC-SHA1 with a secret of the
//! webhook) would prove it, but Woovi has deprecated it (ADR 0018).
//!
//! Experimental: the key of production has 1024 bits, and the documents were not compared with the sandbox.
//!
//! A payment is the charge, by the id that the merchant gave it and Woovi's API finds it by, or a Pix without a charge, by
//! its end-to-end id. The notifications that Woovi recommends for refunds (`PIX_TRANSACTION_REFUND_…`) name the Pix and not
//! its charge, and a payment keeps one id: so they are relayed as `provider.other` and not booked. Refunds are booked by
//! `OPENPIX:TRANSACTION_REFUND_RECEIVED`, which is deprecated and names the charge.

use super::prelude::*;

/// As the page above has it; `key_identifier` 9dce6187…, 1024 bits. It verifies the notification on the page
/// `webhook-signature-validation`, which is among the vectors.
const PRODUCTION: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC/+NtIkjzevvqD+I3MMv3bLXDt
pvxBjY4BsRrSdca3rtAwMcRYYvxSnd7jagVLpctMiOxQO8ieUCKLSWHpsMAjO/zZ
WMKbqoG8MNpi/u3fp6zz0mcHCOSqYsPUUG19buW8bis5ZZ2IZgBObWSpTvJ0cnj6
HKBAA82Jln+lGwS1MwIDAQAB
-----END PUBLIC KEY-----
";
/// From the page `webhook-sandbox-public-key` beside it; `key_identifier` 7c8efa31…, 2048 bits.
const SANDBOX: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAoZwBaFwmstKqy9VAqqxi
SbCWgJR3dd5CTtDi6Fwthtd2owFkZIMqTqKg3Bq5ExjuOxE+v/1gIWFqR9jNjbtY
umwPq+wXQhvx9TrQgrrFMVZ6tMPcwzj8Nknw182N/HMIQsV6B+8JWWzf/cN4ZZVS
sRZfQvoVgFM7PSvSvc/h6v0X2Lkzjypvw7ZRkfxoc+z7B0p3vdQmLSKxPRpLzdLL
VlJ+CJA2aATKVQR5feiuWHKdOlvCT7IRhal0hxUAjc7rxho5eHgaxWO5rITke8wS
IjYIpuw38vMobYSxXb6iuj5Zrjpe2GV8vwuGud8H2dngYhkqbGuY5f4j1kfcN7gC
8QIDAQAB
-----END PUBLIC KEY-----
";

const COMPANY: Place = Place::Json(&["company", "id"]);

const SIGNED: Scheme = Scheme {
    algorithm: Algorithm::Rsa {
        hash: RsaHash::Sha256,
        key: PublicKey::Fixed {
            by: "environment",
            keys: &[("production", PRODUCTION), ("sandbox", SANDBOX)],
            custom: ("custom", "public_key_pem"),
        },
    },
    conditions: &[Condition::Equal(COMPANY, Place::Setting("company_id"))],
    keeps: &["x-webhook-signature"],
    ..hmac_of_body("x-webhook-signature", Hash::Sha256, Encoding::Base64)
};

pub(super) static WOOVI: Provider = Provider {
    id: "woovi",
    name: "Woovi (OpenPix)",
    documentation: "https://developers.woovi.com/docs/webhook/seguranca/webhook-public-keys",
    experimental: true,
    schemes: Schemes::Signed {
        first: SIGNED,
        more: &[Scheme {
            name: "without company",
            covers: Covers::None,
            conditions: &[Condition::Absent(COMPANY)],
            ..SIGNED
        }],
    },
    accepted: OK,
    settings: &[
        EXPERIMENTAL,
        Setting {
            name: "company_id",
            description: "The `company.id` of your notifications: Woovi signs those of all its customers under one key.",
            required: true,
            values: SettingValues::Text,
        },
        ENVIRONMENT,
        CUSTOM_KEY,
    ],
    normalise: Normalise::Format(&Format {
        // Notifications have no id.
        key: &[&[BodySha256]],
        kind: &[&[Body("event")]],
        time: &[
            (Body("refundTransaction.time"), Clock::Rfc3339),
            (Body("pix.time"), Clock::Rfc3339),
            (Body("transaction.time"), Clock::Rfc3339),
            (Body("charge.updatedAt"), Clock::Rfc3339),
            (Body("data_criacao"), Clock::Rfc3339),
        ],
        subjects: &[CHARGE, PIX, REFUND_OF_CHARGE, REFUND_OF_PIX, PAYOUT, TEST],
        object: &[Body("dispute.endToEndId")],
        ..Format::JSON
    }),
};

const CHARGE: Subject = Subject {
    payment: &[Body("charge.correlationID")],
    status: &[Body("charge.status")],
    // What was paid, before what was asked for.
    amount: Amount::First(&["pix.value", "charge.valueWithDiscount", "charge.value"]),
    currency: Named::Always("BRL"),
    reference: &[Body("charge.correlationID")],
    rules: &[
        ("OPENPIX:CHARGE_CREATED", "ACTIVE", Created),
        ("OPENPIX:CHARGE_COMPLETED", "COMPLETED", Paid),
        ("OPENPIX:CHARGE_COMPLETED_NOT_SAME_CUSTOMER_PAYER", "COMPLETED", Paid),
        ("OPENPIX:CHARGE_EXPIRED", "EXPIRED", Expired),
    ],
    ..Subject::NOTHING
};

/// A Pix that came in, for a charge or without one.
const PIX: Subject = Subject {
    payment: &[Body("charge.correlationID"), Body("pix.endToEndId")],
    status: &[If("pix.endToEndId", "pix")],
    amount: Amount::First(&["pix.value"]),
    rules: &[("OPENPIX:TRANSACTION_RECEIVED", "pix", Paid)],
    ..CHARGE
};

const REFUND_OF_CHARGE: Subject = Subject {
    payment: &[Body("charge.correlationID")],
    // The `pix` is the refund's.
    operation: &[Body("pix.endToEndId")],
    rules: &[("OPENPIX:TRANSACTION_REFUND_RECEIVED", "pix", REFUNDED)],
    ..PIX
};

/// Refunds under the name of the Pix that they give back, be it one that came in or a payout of ours.
const REFUND_OF_PIX: Subject = Subject {
    object: &[Body("refundTransaction.endToEndId")],
    status: &[If("refundTransaction.endToEndId", "refund")],
    amount: Amount::First(&["refundTransaction.value"]),
    currency: Named::Always("BRL"),
    rules: &[
        ("PIX_TRANSACTION_REFUND_SENT_CONFIRMED", "refund", Mention),
        ("PIX_TRANSACTION_REFUND_SENT_REJECTED", "refund", Mention),
        ("PIX_TRANSACTION_REFUND_RECEIVED_CONFIRMED", "refund", Mention),
        ("PIX_TRANSACTION_REFUND_RECEIVED_REJECTED", "refund", Mention),
    ],
    ..Subject::NOTHING
};

/// Money that we sent.
const PAYOUT: Subject = Subject {
    object: &[Body("payment.correlationID")],
    status: &[If("payment.correlationID", "payout")],
    amount: Amount::First(&["payment.value"]),
    currency: Named::Always("BRL"),
    rules: &[
        ("OPENPIX:MOVEMENT_CONFIRMED", "payout", Mention),
        ("OPENPIX:MOVEMENT_FAILED", "payout", Mention),
        ("OPENPIX:MOVEMENT_REMOVED", "payout", Mention),
    ],
    ..Subject::NOTHING
};

/// It has the type of the webhook that was created, and nothing of what that is about.
const TEST: Subject =
    Subject { status: &[If("data_criacao", "test")], rules: &[("*", "test", Test)], ..Subject::NOTHING };
