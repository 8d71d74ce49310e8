//! Worldpay, Access events (<https://developer.worldpay.com/products/access/events>). Experimental: the page about these
//! events does not say how the signature is encoded. It is hex in the same header of another product
//! (<https://docs.worldpay.com/access/products/account-payouts/hmac-signature>).
//!
//! Types and examples are those of <https://docs.worldpay.com/access/products/events/openapi>. What Worldpay sends off
//! counts as done, and `settled` and `refunded` only confirm it later; their examples leave out the reference of a
//! partial settlement or refund, so without one they book nothing, or it would count twice. Not confirmed: that times
//! without a zone are UTC, and whether `settlementFailed` names the partial settlement that failed.

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
        // A token that was created is told without a type.
        kind: &[&[Body("eventDetails.type")], &[Body("eventDetails.classification")]],
        // `eventDetails.date` is the day of the payment, whatever the event.
        time: &[
            (Body("eventTimestamp"), Clock::Rfc3339),
            (Body("eventTimestamp"), Clock::Local("%Y-%m-%dT%H:%M:%S%.f", 0)),
        ],
        subjects: &[
            Subject {
                // Partial settlements and refunds have a reference of their own; a full one goes by the payment's.
                operation: &[Body("eventDetails.reference"), Body("eventDetails.transactionReference")],
                reference: &[Body("eventDetails.transactionReference")],
                status: &[If("eventDetails.reference", "partial")],
                rules: &[
                    ("sentForAuthorization", "", Processing),
                    ("authorized", "", Authorized),
                    ("refused", "", Failed),
                    ("error", "", Failed),
                    ("cancelled", "", Canceled),
                    ("cancelledByCustomer", "", Canceled),
                    ("expired", "", Expired),
                    ("requestExpired", "", Expired),
                    ("sentForSettlement", "", Captured),
                    ("settled", "partial", Captured),
                    ("settled", "", Mention),
                    ("settlementFailed", "", CaptureReversed),
                    ("sentForRefund", "", REFUNDED),
                    ("refunded", "partial", REFUNDED),
                    ("refunded", "", Mention),
                    ("refundFailed", "", REFUND_REVERSED),
                ],
                ..PAYMENT
            },
            // A dispute has no id of its own. The issuer holds its money from the first question on.
            Subject {
                rules: &[("informationRequested", "", DISPUTE_CHARGED), ("chargedBack", "", DISPUTE_CHARGED)],
                ..PAYMENT
            },
        ],
        object: &[Body("eventDetails.reference")],
        ..Format::JSON
    }),
};

const PAYMENT: Subject<'static> = Subject {
    payment: &[Body("eventDetails.transactionReference")],
    amount: Amount::First(&["eventDetails.amount.value"]),
    currency: Named::At(&["eventDetails.amount.currencyCode", "eventDetails.amount.currency"]),
    ..Subject::NOTHING
};
