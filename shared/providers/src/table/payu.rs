//! PayU in Europe (<https://developers.payu.com/europe/docs/webhooks/>). The signature is a plain hash of the body and
//! the second key, by whichever algorithm the header names of those that PayU's SDK knows
//! (MD5 among them: infra/decisions/0021). The statuses of orders are
//! those of <https://developers.payu.com/europe/docs/payment-flows/lifecycle>; `NEW` and `REJECTED` are older.

use super::prelude::*;

const OPENPAYU: Scheme = Scheme {
    name: "openpayu-signature",
    algorithm: Algorithm::DigestNamedBy {
        pair: "algorithm",
        allowed: &[
            ("MD5", Hash::Md5),
            ("SHA", Hash::Sha1),
            ("SHA1", Hash::Sha1),
            ("SHA-1", Hash::Sha1),
            ("SHA256", Hash::Sha256),
            ("SHA-256", Hash::Sha256),
            ("SHA_256", Hash::Sha256),
        ],
    },
    signature: Signature {
        shape: Shape::Pairs { list: ';', pair: '=', signature: "signature" },
        ..in_header("openpayu-signature", Encoding::HexLower)
    },
    signed: &[&[Part::Body, Part::Key]],
    keeps: &["openpayu-signature"],
    ..hmac_of_body("openpayu-signature", Hash::Sha256, Encoding::HexLower)
};

pub(super) static PAYU: Provider = Provider {
    id: "payu",
    name: "PayU (Europe)",
    documentation: "https://developers.payu.com/europe/docs/webhooks/",
    experimental: false,
    schemes: Schemes::Signed {
        first: OPENPAYU,
        more: &[Scheme {
            name: "x-openpayu-signature",
            signature: Signature { from: Place::Header("x-openpayu-signature"), ..OPENPAYU.signature },
            // PayU sends both; the one must not rescue the other.
            conditions: &[Condition::HeaderAbsent("openpayu-signature")],
            keeps: &["x-openpayu-signature"],
            ..OPENPAYU
        }],
    },
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        key: &[
            &[Body("refund.refundId"), Body("refund.status")],
            &[Body("order.orderId"), Body("order.status")],
            &[BodySha256],
        ],
        kind: &[&[Is("refund"), Body("refund.status")], &[Is("order"), Body("order.status")]],
        time: &[
            (Body("refund.statusDateTime"), Clock::Rfc3339),
            (Body("localReceiptDateTime"), Clock::Rfc3339),
            (Body("order.orderCreateDate"), Clock::Rfc3339),
        ],
        subjects: &[
            Subject {
                payment: &[Body("order.orderId")],
                amount: Amount::First(&["order.totalAmount"]),
                currency: Named::At(&["order.currencyCode"]),
                reference: &[Body("order.extOrderId")],
                rules: &[
                    ("order.NEW", "", Created),
                    ("order.PENDING", "", Processing),
                    ("order.WAITING_FOR_CONFIRMATION", "", Authorized),
                    ("order.COMPLETED", "", Paid),
                    ("order.REJECTED", "", Failed),
                    ("order.CANCELED", "", Canceled),
                ],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("orderId")],
                operation: &[Body("refund.refundId")],
                amount: Amount::First(&["refund.amount"]),
                currency: Named::At(&["refund.currencyCode"]),
                rules: &[
                    ("refund.PENDING", "", REFUND_PENDING),
                    ("refund.FINALIZED", "", REFUNDED),
                    ("refund.CANCELED", "", REFUND_FAILED),
                ],
                ..Subject::NOTHING
            },
        ],
        ..Format::JSON
    }),
};
