//! PhonePe v1, server-to-server callbacks (<https://developer.phonepe.com/v1/reference/server-to-server-callback-5>).
//! Experimental: sources disagree on whether the request's path is part of what is hashed; here it is not.
//!
//! A refund's callback has the same form and the same codes, an id of its own and nothing that names the payment
//! (<https://developer.phonepe.com/v1/reference/refund-8>); unlike a payment's it has no instrument. So a success
//! without one books nothing. Not confirmed: what else tells a refund that failed from a payment that did.

use super::prelude::*;
use crate::normalise::format;

pub(super) static PHONEPE_V1: Provider = Provider {
    id: "phonepe_v1",
    name: "PhonePe (v1)",
    documentation: "https://developer.phonepe.com/v1/reference/server-to-server-callback-5",
    experimental: true,
    schemes: Schemes::one(Scheme {
        // `response` is all that the body holds.
        covers: Covers::Fields,
        algorithm: Algorithm::Digest(Hash::Sha256),
        // `{signature}###{index of the salt key}`
        signature: Signature {
            shape: Shape::Fields {
                list: ',',
                field: '#',
                fields: &[None, Some(Want::Is("")), Some(Want::Is("")), Some(Want::Setting("salt_index"))],
            },
            ..in_header("x-verify", Encoding::HexLower)
        },
        signed: &[&[Part::From(Place::Json(&["response"])), Part::Key]],
        keeps: &["x-verify"],
        ..hmac_of_body("x-verify", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[
        EXPERIMENTAL,
        Setting {
            name: "salt_index",
            description: "The number that PhonePe shows beside the salt key.",
            required: true,
            values: SettingValues::Digits,
        },
    ],
    normalise: Normalise::Format(&Format {
        body: format::Body::JsonInBase64("response"),
        key: &[&[Body("code"), Body("data.transactionId")], &[BodySha256]],
        kind: &[&[Body("code")]],
        subjects: &[Subject {
            payment: &[Body("data.transactionId")],
            amount: Amount::First(&["data.amount"]),
            currency: Named::Always("INR"),
            reference: &[Body("data.merchantTransactionId")],
            status: &[If("data.paymentInstrument", "payment")],
            rules: &[
                ("PAYMENT_SUCCESS", "payment", Paid),
                ("PAYMENT_PENDING", "", Processing),
                ("PAYMENT_ERROR", "", Failed),
                ("PAYMENT_DECLINED", "", Failed),
                ("TIMED_OUT", "", Failed),
            ],
            ..Subject::NOTHING
        }],
        object: &[Body("data.transactionId")],
        ..Format::JSON
    }),
};
