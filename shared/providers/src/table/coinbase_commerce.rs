//! Coinbase Commerce (<https://docs.cdp.coinbase.com/commerce/api-arcitecture/webhooks-events>). A charge without a
//! price has no amount. Its events know neither refunds nor disputes.

use super::prelude::*;

pub(super) static COINBASE_COMMERCE: Provider = Provider {
    id: "coinbase_commerce",
    name: "Coinbase Commerce",
    documentation: "https://docs.cdp.coinbase.com/commerce/api-arcitecture/webhooks-security",
    experimental: false,
    schemes: Schemes::one(Scheme {
        keeps: &["x-cc-webhook-signature"],
        ..hmac_of_body("x-cc-webhook-signature", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        // The outer id changes with each attempt.
        event_id: &[Body("event.id")],
        key: &[&[Body("event.id")]],
        kind: &[&[Body("event.type")]],
        time: &[(Body("event.created_at"), Clock::Rfc3339)],
        unit: AmountUnit::Major,
        subjects: &[Subject {
            payment: &[Body("event.data.code"), Body("event.data.id")],
            amount: Amount::First(&["event.data.pricing.local.amount"]),
            currency: Named::At(&["event.data.pricing.local.currency"]),
            reference: &[
                Body("event.data.metadata.merchant_reference"),
                Body("event.data.metadata.order_id"),
            ],
            rules: &[
                ("charge:created", "", Created),
                ("charge:pending", "", Processing),
                ("charge:confirmed", "", Paid),
                ("charge:resolved", "", Paid),
                ("charge:failed", "", Failed),
                // Paid after it had expired: somebody has to decide, which makes it `resolved`.
                ("charge:delayed", "", Mention),
            ],
            ..Subject::NOTHING
        }],
        object: &[Body("event.data.code"), Body("event.data.id")],
        ..Format::JSON
    }),
};
