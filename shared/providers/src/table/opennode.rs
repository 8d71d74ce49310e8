//! OpenNode (<https://developers.opennode.com/docs/charges-webhooks>). Only the charge's id is signed, so that anybody
//! who has seen one notification can make it say something else: nothing moves money until the API confirms it.

use super::prelude::*;

pub(super) static OPENNODE: Provider = Provider {
    id: "opennode",
    name: "OpenNode",
    documentation: "https://developers.opennode.com/docs/charges-webhooks",
    experimental: false,
    schemes: Schemes::one(Scheme {
        name: "hashed_order",
        covers: Covers::None,
        signature: Signature { from: Place::Form("hashed_order"), ..in_header("", Encoding::HexLower) },
        signed: &[&[Part::From(Place::Form("id"))]],
        ..hmac_of_body("hashed_order", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        key: &[&[Body("id"), Body("status")]],
        kind: &[&[Is("charge"), Body("status")]],
        subjects: &[Subject {
            payment: &[Body("id")],
            currency: Named::Always("BTC"),
            reference: &[Body("order_id")],
            rules: &[
                ("charge.unpaid", "", Created),
                ("charge.underpaid", "", RequiresAction),
                ("charge.processing", "", Processing),
                ("charge.paid", "", Paid),
                ("charge.expired", "", Expired),
                ("charge.refunded", "", Mention),
            ],
            ..Subject::NOTHING
        }],
        object: &[Body("id")],
        ..Format::FORM
    }),
};
