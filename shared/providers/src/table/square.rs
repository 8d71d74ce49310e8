//! Square (<https://developer.squareup.com/docs/webhooks/overview>). The address is part of what is signed. Types,
//! states and examples are those of <https://github.com/square/connect-api-specification> and of
//! <https://developer.squareup.com/reference/square/webhooks>. Not confirmed: when Square holds what is disputed, which
//! no event says, so that only a lost dispute takes money.

use super::prelude::*;

pub(super) static SQUARE: Provider = Provider {
    id: "square",
    name: "Square",
    documentation: "https://developer.squareup.com/docs/webhooks/step3validate",
    experimental: false,
    schemes: Schemes::one(Scheme {
        // `x-square-signature`, the SHA-1 of before, is not accepted.
        signed: &[
            &[Part::From(Place::Setting("notification_url")), Part::Body],
            &[Part::From(Place::Url), Part::Body],
        ],
        keeps: &["x-square-hmacsha256-signature"],
        ..hmac_of_body("x-square-hmacsha256-signature", Hash::Sha256, Encoding::Base64)
    }),
    accepted: OK,
    settings: &[Setting {
        name: "notification_url",
        description: "The address as it is entered at Square, where a proxy in front of Payrelay changes it.",
        required: false,
        values: SettingValues::HttpUrl,
    }],
    normalise: Normalise::Format(&Format {
        event_id: &[Body("event_id")],
        key: &[&[Body("event_id")]],
        kind: &[&[Body("type")]],
        time: &[(Body("created_at"), Clock::Rfc3339)],
        subjects: &[
            Subject {
                payment: &[Body("data.object.payment.id")],
                status: &[Body("data.object.payment.status")],
                // The total is with the tip, which is captured and refunded with the rest.
                amount: Amount::First(&[
                    "data.object.payment.total_money.amount",
                    "data.object.payment.amount_money.amount",
                ]),
                currency: Named::At(&["data.object.payment.amount_money.currency"]),
                reference: &[Body("data.object.payment.reference_id")],
                refunded: Amount::First(&["data.object.payment.refunded_money.amount"]),
                rules: &[
                    ("payment.created", "PENDING", Processing),
                    ("payment.created", "APPROVED", Authorized),
                    ("payment.created", "COMPLETED", Paid),
                    ("payment.created", "CANCELED", Canceled),
                    ("payment.created", "FAILED", Failed),
                    ("payment.updated", "PENDING", Processing),
                    ("payment.updated", "APPROVED", Authorized),
                    ("payment.updated", "COMPLETED", Paid),
                    ("payment.updated", "CANCELED", Canceled),
                    ("payment.updated", "FAILED", Failed),
                ],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("data.object.refund.payment_id")],
                operation: &[Body("data.object.refund.id")],
                status: &[Body("data.object.refund.status")],
                amount: Amount::First(&["data.object.refund.amount_money.amount"]),
                currency: Named::At(&["data.object.refund.amount_money.currency"]),
                rules: &[
                    ("refund.created", "PENDING", REFUND_PENDING),
                    ("refund.created", "COMPLETED", REFUNDED),
                    ("refund.created", "REJECTED", REFUND_FAILED),
                    ("refund.created", "FAILED", REFUND_FAILED),
                    ("refund.updated", "PENDING", REFUND_PENDING),
                    ("refund.updated", "COMPLETED", REFUNDED),
                    ("refund.updated", "REJECTED", REFUND_FAILED),
                    ("refund.updated", "FAILED", REFUND_FAILED),
                ],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("data.object.dispute.disputed_payment.payment_id")],
                operation: &[Body("data.object.dispute.id"), Body("data.object.dispute.dispute_id")],
                status: &[Body("data.object.dispute.state")],
                amount: Amount::First(&["data.object.dispute.amount_money.amount"]),
                currency: Named::At(&["data.object.dispute.amount_money.currency"]),
                rules: &[
                    ("*", "INQUIRY_EVIDENCE_REQUIRED", DISPUTE_WARNING),
                    ("*", "INQUIRY_PROCESSING", DISPUTE_WARNING),
                    ("*", "INQUIRY_CLOSED", DISPUTE_WON),
                    ("*", "EVIDENCE_REQUIRED", DISPUTE_OPEN),
                    ("*", "PROCESSING", DISPUTE_OPEN),
                    ("*", "WON", DISPUTE_WON),
                    ("*", "LOST", DISPUTE_LOST),
                    ("*", "ACCEPTED", DISPUTE_LOST),
                ],
                ..Subject::NOTHING
            },
            Subject { rules: &[("webhooks.test_notification", "", Test)], ..Subject::NOTHING },
        ],
        object: &[Body("data.id")],
        ..Format::JSON
    }),
};
