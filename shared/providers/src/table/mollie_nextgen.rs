//! Mollie's next-gen webhooks (<https://docs.mollie.com/reference/webhooks-new>). A payload of the simple kind has no
//! amount, and of a refund, chargeback or capture no payment either, so that it only names itself.
//!
//! Types and entities are those of <https://github.com/mollie/openapi>. A payment that is captured in steps says so by
//! `amountCaptured`: a total, beside the captures that are reported one by one. A paid payment link is told by its own
//! id as well as by its payment's, so of those two types a source should take one. Some pages
//! (<https://docs.mollie.com/reference/captures-api-webhooks>) show the entity alone, without the event around it:
//! that is read as well.

use super::prelude::*;

pub(super) static MOLLIE_NEXTGEN: Provider = Provider {
    id: "mollie_nextgen",
    name: "Mollie (next-gen webhooks)",
    documentation: "https://docs.mollie.com/reference/webhooks-new",
    experimental: false,
    schemes: Schemes::one(Scheme {
        // While a secret is replaced there is a header for each.
        signature: Signature {
            repeat: Repeat::AnyLine,
            prefix: SignaturePrefix::Optional("sha256="),
            ..in_header("x-mollie-signature", Encoding::HexLower)
        },
        keeps: &["x-mollie-signature"],
        ..hmac_of_body("x-mollie-signature", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        event_id: &[Body("id")],
        // An entity alone keeps its id whatever happens to it.
        key: &[&[Body("paymentId"), BodySha256], &[Body("profileId"), BodySha256], &[Body("id")]],
        kind: &[&[Body("type")], &[Body("resource"), Body("status")], &[Body("resource")]],
        time: &[(Body("createdAt"), Clock::Rfc3339)],
        unit: AmountUnit::Major,
        subjects: &[
            Subject {
                status: &[If("_embedded.entity.amountCaptured.value", "captured in steps")],
                ..CAPTURED_IN_STEPS
            },
            Subject { status: &[If("amountCaptured.value", "captured in steps")], ..CAPTURED_IN_STEPS },
            Subject {
                payment: ENTITY,
                rules: &[
                    ("payment.paid", "", Paid),
                    ("payment.authorized", "", Authorized),
                    ("payment.pending", "", Processing),
                    ("payment.failed", "", Failed),
                    ("payment.canceled", "", Canceled),
                    ("payment.expired", "", Expired),
                    ("payment-link.paid", "", Paid),
                ],
                ..PAYMENT
            },
            Subject {
                payment: &[Body("_embedded.entity.paymentId"), Body("paymentId")],
                operation: ENTITY,
                rules: &[
                    ("capture.succeeded", "", Captured),
                    ("capture.failed", "", CaptureFailed),
                    ("refund.queued", "", REFUND_PENDING),
                    ("refund.pending", "", REFUND_PENDING),
                    ("refund.processing", "", REFUND_PENDING),
                    ("refund.refunded", "", REFUNDED),
                    ("refund.canceled", "", REFUND_FAILED),
                    // A transfer may come back after it was done.
                    ("refund.failed", "", REFUND_REVERSED),
                    ("chargeback.received", "", DISPUTE_CHARGED),
                    ("chargeback.reversed", "", DISPUTE_REINSTATED),
                    ("chargeback", "reversed", DISPUTE_REINSTATED),
                    ("chargeback", "", DISPUTE_CHARGED),
                ],
                status: &[If("reversedAt", "reversed")],
                ..PAYMENT
            },
            Subject { rules: &[("hook.ping", "", Test)], ..Subject::NOTHING },
        ],
        object: ENTITY,
        ..Format::JSON
    }),
};

/// The entity of the event, or what the entity calls itself where it comes alone.
const ENTITY: &[At<'static>] = &[Body("entityId"), Body("id")];

const PAYMENT: Subject<'static> = Subject {
    amount: Amount::First(AMOUNT),
    currency: Named::At(&["_embedded.entity.amount.currency", "amount.currency"]),
    refunded: Amount::First(&["_embedded.entity.amountRefunded.value", "amountRefunded.value"]),
    reference: &[
        Body("_embedded.entity.metadata.merchant_reference"),
        Body("_embedded.entity.metadata.order_id"),
        Body("metadata.merchant_reference"),
        Body("metadata.order_id"),
    ],
    ..Subject::NOTHING
};

const CAPTURED_IN_STEPS: Subject<'static> = Subject {
    payment: ENTITY,
    amount: Amount::First(&["_embedded.entity.amountCaptured.value", "amountCaptured.value"]),
    requested: Amount::First(AMOUNT),
    rules: &[("payment.paid", "captured in steps", CaptureTotal)],
    ..PAYMENT
};

const AMOUNT: &[&str] = &["_embedded.entity.amount.value", "amount.value"];
