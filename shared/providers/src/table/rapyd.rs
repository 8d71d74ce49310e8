//! Rapyd (<https://docs.rapyd.net/en/webhooks.html>). The address is part of what is signed.
//!
//! Payloads are those of the pages of each webhook, such as <https://docs.rapyd.net/en/payment-captured-webhook.html>:
//! `amount` is what was paid so far, zero until then, and `original_amount` what was asked for; a dispute's is what was
//! deducted for it. Refunds are sent in an older envelope whose times are zero. Not confirmed: that a dispute that was
//! reversed (`REV`) is won.

use super::prelude::*;

pub(super) static RAPYD: Provider = Provider {
    id: "rapyd",
    name: "Rapyd",
    documentation: "https://docs.rapyd.net/en/webhook-authentication.html",
    experimental: false,
    schemes: Schemes::one(Scheme {
        // The base64 of the hex text, not of the digest.
        signature: in_header("signature", Encoding::Base64OfHex),
        signed: &[SIGNED_SETTING, SIGNED_URL],
        keeps: &["signature", "salt", "timestamp", "access_key"],
        ..hmac_of_body("signature", Hash::Sha256, Encoding::Base64OfHex)
    }),
    accepted: OK,
    settings: &[Setting {
        name: "notification_url",
        description: "The address as it is entered at Rapyd, where a proxy in front of Payrelay changes it.",
        required: false,
        values: SettingValues::HttpUrl,
    }],
    normalise: Normalise::Format(&Format {
        event_id: &[Body("id")],
        key: &[&[Body("id")]],
        kind: &[&[Body("type")]],
        time: &[
            (Body("extended_timestamp"), Clock::Milliseconds),
            (Body("created_at"), Clock::Seconds),
            (Body("timestamp"), Clock::Seconds),
        ],
        unit: AmountUnit::Major,
        subjects: &[
            Subject {
                amount: Amount::First(&["data.amount"]),
                requested: Amount::First(&["data.original_amount", "data.amount"]),
                rules: &[
                    ("PAYMENT_SUCCEEDED", "CLO", Paid),
                    ("PAYMENT_COMPLETED", "", Paid),
                    ("PAYMENT_CAPTURED", "", Captured),
                ],
                ..PAYMENT
            },
            Subject {
                amount: Amount::First(&["data.original_amount"]),
                status: &[Body("data.captured")],
                rules: &[("PAYMENT_REVERSED", "true", CaptureReversed), ("PAYMENT_REVERSED", "", Canceled)],
                ..PAYMENT
            },
            Subject {
                amount: Amount::First(&["data.original_amount"]),
                rules: &[
                    ("PAYMENT_SUCCEEDED", "ACT", Authorized),
                    ("PAYMENT_FAILED", "", Failed),
                    ("PAYMENT_CANCELED", "", Canceled),
                    ("PAYMENT_EXPIRED", "", Expired),
                    ("PAYMENT_UPDATED", "", Mention),
                    ("PAYMENT_UPDATE_NEXT_ACTION", "", Mention),
                ],
                ..PAYMENT
            },
            Subject {
                payment: &[Body("data.payment"), Body("data.payment_id")],
                operation: &[Body("data.id")],
                status: &[Body("data.status")],
                amount: Amount::First(&["data.amount"]),
                currency: Named::At(&["data.currency", "data.currency_code"]),
                rules: &[
                    ("REFUND_CREATED", "", REFUND_PENDING),
                    ("REFUND_COMPLETED", "", REFUNDED),
                    ("REFUND_FAILED", "", REFUND_FAILED),
                    ("REFUND_REJECTED", "", REFUND_FAILED),
                    ("PAYMENT_REFUND_FAILED", "", REFUND_FAILED),
                    ("PAYMENT_REFUND_REJECTED", "", REFUND_FAILED),
                    ("PAYMENT_REFUND_UPDATED", "Pending", REFUND_PENDING),
                    ("PAYMENT_REFUND_UPDATED", "Completed", REFUNDED),
                    ("PAYMENT_REFUND_UPDATED", "Canceled", REFUND_FAILED),
                    ("PAYMENT_REFUND_UPDATED", "Rejected", REFUND_FAILED),
                    ("PAYMENT_REFUND_UPDATED", "Error", REFUND_FAILED),
                    ("PAYMENT_REFUND_UPDATED", "", Mention),
                ],
                ..Subject::NOTHING
            },
            Subject {
                status: &[Body("data.pre_dispute")],
                rules: &[
                    ("PAYMENT_DISPUTE_CREATED", "true", DISPUTE_WARNING),
                    ("PAYMENT_DISPUTE_CREATED", "", DISPUTE_CHARGED),
                ],
                ..DISPUTE
            },
            Subject {
                status: &[Body("data.status")],
                rules: &[
                    ("PAYMENT_DISPUTE_UPDATED", "WIN", DISPUTE_WON),
                    ("PAYMENT_DISPUTE_UPDATED", "REV", DISPUTE_WON),
                    ("PAYMENT_DISPUTE_UPDATED", "LOS", DISPUTE_LOST),
                    ("PAYMENT_DISPUTE_UPDATED", "", DISPUTE_UPDATED),
                ],
                ..DISPUTE
            },
        ],
        object: &[Body("data.id")],
        ..Format::JSON
    }),
};

const PAYMENT: Subject<'static> = Subject {
    payment: &[Body("data.id")],
    status: &[Body("data.status")],
    currency: Named::At(&["data.currency_code", "data.currency"]),
    reference: &[Body("data.merchant_reference_id")],
    ..Subject::NOTHING
};

const DISPUTE: Subject<'static> = Subject {
    payment: &[Body("data.original_transaction_id")],
    operation: &[Body("data.token"), Body("data.id")],
    amount: Amount::First(&["data.amount"]),
    currency: Named::At(&["data.currency"]),
    ..Subject::NOTHING
};

const SALT: Part = Part::From(Place::Header("salt"));
const TIMESTAMP: Part = Part::From(Place::Header("timestamp"));
const ACCESS_KEY: Part = Part::From(Place::Header("access_key"));
const SIGNED_URL: &[Part] = &[Part::From(Place::Url), SALT, TIMESTAMP, ACCESS_KEY, Part::Key, Part::Body];
const SIGNED_SETTING: &[Part] =
    &[Part::From(Place::Setting("notification_url")), SALT, TIMESTAMP, ACCESS_KEY, Part::Key, Part::Body];
