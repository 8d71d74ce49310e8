//! Worldpay, Access events (<https://developer.worldpay.com/products/access/events>). Experimental: how the signature is
//! encoded is not documented; hex is assumed.

use super::prelude::*;

pub(super) static WORLDPAY: Provider = Provider {
    id: "worldpay",
    name: "Worldpay (Access)",
    documentation: "https://developer.worldpay.com/products/access/events/signature",
    experimental: true,
    schemes: Schemes::one(Scheme {
        // `{key}/{hash}/{signature}`, one for each active key, in any order.
        signature: Signature {
            shape: Shape::Fields {
                list: ',',
                field: '/',
                fields: &[Some(Want::Setting("key_id")), Some(Want::Is("SHA256")), None],
            },
            ..in_header("event-signature", Encoding::HexLower)
        },
        keeps: &["event-signature"],
        ..hmac_of_body("event-signature", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[
        EXPERIMENTAL,
        Setting {
            name: "key_id",
            description: "The id of the key, which the signature names.",
            required: true,
            values: SettingValues::Text,
        },
    ],
    normalise: Normalise::Format(&Format {
        event_id: &[Body("eventId")],
        key: &[&[Body("eventId")]],
        kind: &[&[Body("eventDetails.type")]],
        time: &[(Body("eventTimestamp"), Clock::Rfc3339), (Body("eventDetails.date"), Clock::Rfc3339)],
        subjects: &[Subject {
            payment: &[Body("eventDetails.transactionReference")],
            // Partial settlements and refunds have a reference of their own; a full one goes by the payment's.
            operation: &[Body("eventDetails.reference"), Body("eventDetails.transactionReference")],
            amount: Amount::First(&["eventDetails.amount.value"]),
            currency: Named::At(&["eventDetails.amount.currencyCode", "eventDetails.amount.currency"]),
            reference: &[Body("eventDetails.transactionReference")],
            rules: &[
                ("sentForAuthorization", "", Processing),
                ("authorized", "", Authorized),
                ("refused", "", Failed),
                ("error", "", Failed),
                ("cancelled", "", Canceled),
                ("expired", "", Expired),
                ("sentForSettlement", "", Captured),
                ("settlementFailed", "", CaptureReversed),
                ("sentForRefund", "", REFUNDED),
                ("refunded", "", REFUNDED),
                ("refundFailed", "", REFUND_REVERSED),
            ],
            ..Subject::NOTHING
        }],
        object: &[Body("eventDetails.reference")],
        ..Format::JSON
    }),
};
