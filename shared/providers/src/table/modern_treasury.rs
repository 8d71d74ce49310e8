//! Modern Treasury (<https://docs.moderntreasury.com/platform/reference/webhooks>): payment orders, whichever way the
//! money goes. Their events are those of <https://docs.moderntreasury.com/platform/reference/payment-orders>. The
//! webhook's id is in a header, which is not signed, so that repeats are told by the body.

use super::prelude::*;

pub(super) static MODERN_TREASURY: Provider = Provider {
    id: "modern_treasury",
    name: "Modern Treasury",
    documentation: "https://docs.moderntreasury.com/platform/docs/webhooks-overview",
    experimental: false,
    schemes: Schemes::one(Scheme {
        keeps: &["x-signature", "x-topic", "x-webhook-id", "x-event-id"],
        ..hmac_of_body("x-signature", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        event_id: &[Header("x-webhook-id"), Header("x-event-id")],
        key: &[&[BodySha256]],
        kind: &[&[Body("data.object"), Body("event")], &[Body("event")]],
        time: &[(Body("data.updated_at"), Clock::Rfc3339), (Body("data.created_at"), Clock::Rfc3339)],
        subjects: &[Subject {
            payment: &[Body("data.id")],
            amount: Amount::First(&["data.amount"]),
            currency: Named::At(&["data.currency"]),
            reference: &[Body("data.metadata.merchant_reference"), Body("data.metadata.order_id")],
            rules: &[
                ("payment_order.created", "", Created),
                ("payment_order.approved", "", Processing),
                ("payment_order.begin_processing", "", Processing),
                ("payment_order.processing", "", Processing),
                ("payment_order.finish_processing", "", Processing),
                ("payment_order.sent", "", Processing),
                ("payment_order.acknowledged", "", Processing),
                ("payment_order.nsf_deferment", "", Processing),
                ("payment_order.completed", "", Paid),
                ("payment_order.denied", "", Failed),
                ("payment_order.failed", "", Failed),
                ("payment_order.cancelled", "", Canceled),
                ("payment_order.returned", "", CaptureReversed),
                ("payment_order.reversed", "", CaptureReversed),
                ("payment_order.updated", "", Mention),
                // Expected to post, but not posted.
                ("payment_order.tentatively_reconciled", "", Mention),
            ],
            ..Subject::NOTHING
        }],
        object: &[Body("data.id")],
        ..Format::JSON
    }),
};
