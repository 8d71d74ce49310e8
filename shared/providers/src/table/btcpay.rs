//! BTCPay Server (<https://docs.btcpayserver.org/API/Greenfield/v1/#tag/Webhooks>; `swagger.template.webhooks.json` of
//! <https://github.com/btcpayserver/btcpayserver>). Its events carry no amounts of the invoice; those of a single
//! payment to it are of its coin. Refunds are payouts, which do not name the invoice.

use super::prelude::*;

pub(super) static BTCPAY: Provider = Provider {
    id: "btcpay",
    name: "BTCPay Server",
    documentation: "https://docs.btcpayserver.org/API/Greenfield/v1/#tag/Webhooks",
    experimental: false,
    schemes: Schemes::one(Scheme {
        signature: Signature {
            prefix: SignaturePrefix::Required("sha256="),
            ..in_header("btcpay-sig", Encoding::HexLower)
        },
        keeps: &["btcpay-sig"],
        ..hmac_of_body("btcpay-sig", Hash::Sha256, Encoding::HexLower)
    }),
    accepted: OK,
    settings: &[],
    normalise: Normalise::Format(&Format {
        // A redelivery has a delivery id of its own and names the first one.
        event_id: &[Body("originalDeliveryId"), Body("deliveryId")],
        key: &[&[Body("originalDeliveryId")], &[Body("deliveryId")]],
        kind: &[&[Body("type")]],
        time: &[(Body("timestamp"), Clock::Seconds)],
        subjects: &[Subject {
            payment: &[Body("invoiceId")],
            reference: &[Body("metadata.orderId")],
            rules: &[
                ("InvoiceCreated", "", Created),
                // On its way; not yet enough, or not yet settled.
                ("InvoiceReceivedPayment", "", Processing),
                ("InvoicePaymentSettled", "", Processing),
                ("InvoiceProcessing", "", Processing),
                ("InvoiceSettled", "", Paid),
                ("InvoiceExpired", "", Expired),
                ("InvoiceInvalid", "", Failed),
            ],
            ..Subject::NOTHING
        }],
        object: &[Body("invoiceId"), Body("payoutId"), Body("pullPaymentId")],
        ..Format::JSON
    }),
};
