//! Authorize.Net (<https://developer.authorize.net/api/reference/features/webhooks.html>).
//!
//! No currency is sent: it is the account's, which a setting can name. A capture and a void have the id of the
//! transaction that they are about. A refund has a transaction id of its own and does not say what it refunds, so it
//! can't be booked. Not confirmed: whether a capture's amount may stand in another field than `authAmount`.

use super::prelude::*;

pub(super) static AUTHORIZENET: Provider = Provider {
    id: "authorizenet",
    name: "Authorize.Net",
    documentation: "https://developer.authorize.net/api/reference/features/webhooks.html",
    experimental: false,
    schemes: Schemes::one(Scheme {
        // The key looks like hex but is used as text.
        key: Key { encoding: KeyEncoding::HexText, min_bytes: 128, ..TEXT_KEY },
        signature: Signature {
            prefix: SignaturePrefix::Required("sha512="),
            ..in_header("x-anet-signature", Encoding::HexAnyCase)
        },
        keeps: &["x-anet-signature"],
        ..hmac_of_body("x-anet-signature", Hash::Sha512, Encoding::HexAnyCase)
    }),
    accepted: OK,
    settings: &[Setting {
        name: "currency",
        description: "The account's currency, which the notifications do not name (ISO 4217).",
        required: false,
        values: SettingValues::Currency,
    }],
    normalise: Normalise::Format(&Format {
        event_id: &[Body("notificationId")],
        key: &[&[Body("notificationId")]],
        kind: &[&[Body("eventType")]],
        time: &[(Body("eventDate"), Clock::Rfc3339)],
        unit: AmountUnit::Major,
        // Accounts settle in AUD, CAD, CHF, DKK, EUR, GBP, NOK, NZD, PLN, SEK, USD or ZAR, all with two decimals.
        unnamed_exponent: Some(2),
        subjects: &[
            Subject {
                payment: &[Body("payload.id")],
                status: &[Body("payload.responseCode")],
                amount: Amount::First(&["payload.authAmount"]),
                currency: Named::Setting("currency"),
                reference: &[Body("payload.invoiceNumber"), Body("payload.merchantReferenceId")],
                // Response codes: 2 declined, 3 error, 4 held for review.
                rules: &[
                    ("net.authorize.payment.authorization.created", "2", Failed),
                    ("net.authorize.payment.authorization.created", "3", Failed),
                    ("net.authorize.payment.authorization.created", "4", Processing),
                    ("net.authorize.payment.authorization.created", "", Authorized),
                    ("net.authorize.payment.authcapture.created", "2", Failed),
                    ("net.authorize.payment.authcapture.created", "3", Failed),
                    ("net.authorize.payment.authcapture.created", "4", Processing),
                    ("net.authorize.payment.authcapture.created", "", Paid),
                    ("net.authorize.payment.priorAuthCapture.created", "2", CaptureFailed),
                    ("net.authorize.payment.priorAuthCapture.created", "3", CaptureFailed),
                    ("net.authorize.payment.priorAuthCapture.created", "", Captured),
                    ("net.authorize.payment.capture.created", "2", CaptureFailed),
                    ("net.authorize.payment.capture.created", "3", CaptureFailed),
                    ("net.authorize.payment.capture.created", "", Captured),
                    // Possible until settlement, of what was captured too.
                    ("net.authorize.payment.void.created", "", Undone),
                    ("net.authorize.payment.fraud.held", "", Processing),
                    ("net.authorize.payment.fraud.declined", "", Failed),
                    // Approved as what it was submitted as, which is not said.
                    ("net.authorize.payment.fraud.approved", "", Mention),
                ],
                ..Subject::NOTHING
            },
            Subject {
                operation: &[Body("payload.id")],
                status: &[Body("payload.responseCode")],
                amount: Amount::First(&["payload.authAmount"]),
                currency: Named::Setting("currency"),
                rules: &[
                    ("net.authorize.payment.refund.created", "2", REFUND_FAILED),
                    ("net.authorize.payment.refund.created", "3", REFUND_FAILED),
                    ("net.authorize.payment.refund.created", "", REFUNDED),
                ],
                ..Subject::NOTHING
            },
        ],
        object: &[Body("payload.id")],
        ..Format::JSON
    }),
};
