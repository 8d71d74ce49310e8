//! Paddle Classic (<https://developer.paddle.com/classic/webhook-reference/verifying-webhooks>): PHP's own serialisation
//! of the form, under a key of each vendor's.

use super::prelude::*;

pub(super) static PADDLE_CLASSIC: Provider = Provider {
    id: "paddle_classic",
    name: "Paddle Classic",
    documentation: "https://developer.paddle.com/classic/webhook-reference/verifying-webhooks",
    experimental: false,
    schemes: Schemes::one(Scheme {
        name: "p_signature",
        algorithm: Algorithm::Rsa { hash: RsaHash::Sha1, key: PublicKey::Setting("public_key_pem") },
        signature: Signature { from: Place::Form("p_signature"), ..in_header("", Encoding::Base64) },
        signed: &[&[Part::PhpForm { without: "p_signature" }]],
        // `p_signature` is the one field that is not signed; nothing is read from it.
        ..hmac_of_body("p_signature", Hash::Sha1, Encoding::Base64)
    }),
    accepted: OK,
    settings: &[Setting {
        name: "public_key_pem",
        description: "The vendor's public key, from Paddle's dashboard (Developer Tools, Public Key).",
        required: true,
        values: SettingValues::PublicKeyPem,
    }],
    normalise: Normalise::Format(&Format {
        event_id: &[Body("alert_id")],
        key: &[&[Body("alert_id")], &[BodySha256]],
        kind: &[&[Body("alert_name")]],
        // Without a zone: UTC.
        time: &[(Body("event_time"), Clock::Local("%Y-%m-%d %H:%M:%S", 0))],
        unit: AmountUnit::Major,
        subjects: &[
            Subject {
                payment: &[Body("order_id"), Body("subscription_payment_id")],
                amount: Amount::First(&["sale_gross"]),
                currency: Named::At(&["currency"]),
                reference: &[Body("passthrough")],
                rules: &[
                    ("payment_succeeded", "", Paid),
                    ("subscription_payment_succeeded", "", Paid),
                    // A try that failed has no order; the next one may succeed.
                    ("subscription_payment_failed", "", Mention),
                ],
                ..Subject::NOTHING
            },
            // A refund has no id of its own, and an order may be refunded several times: the alert's is the nearest.
            Subject {
                payment: &[Body("order_id"), Body("subscription_payment_id")],
                operation: &[Body("alert_id")],
                amount: Amount::First(&["gross_refund"]),
                currency: Named::At(&["currency"]),
                rules: &[("payment_refunded", "", REFUNDED), ("subscription_payment_refunded", "", REFUNDED)],
                ..Subject::NOTHING
            },
            // One dispute of an order is all that the alerts can tell.
            Subject {
                payment: &[Body("order_id")],
                operation: &[After("dispute-", "order_id")],
                amount: Amount::First(&["amount"]),
                currency: Named::At(&["currency"]),
                rules: &[
                    ("payment_dispute_created", "", DISPUTE_CHARGED),
                    ("payment_dispute_closed", "", DISPUTE_REINSTATED),
                ],
                ..Subject::NOTHING
            },
        ],
        object: &[Body("subscription_id"), Body("checkout_id"), Body("order_id")],
        ..Format::FORM
    }),
};
