//! What the benches measure with: events of the size and shape that providers really send.

#![recursion_limit = "256"] // one large `json!`

mod machine;
mod shop;

pub use machine::Machine;
pub use shop::{Shop, options, percentile};

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Looks random and is the same in every run. 24 characters, as in Stripe's ids.
pub fn token(seed: &str) -> String {
    let text = BASE64URL_NOPAD.encode(&Sha256::digest(seed.as_bytes()));
    text.replace(['-', '_'], "x")[..24].to_owned()
}

/// A Stripe charge, whole. Its event has 2.6 KiB, or 2.9 KiB with `metadata` as a shop may set it.
pub fn stripe_charge(payment: &str, refunded: i64, metadata: bool) -> Value {
    let mut charge = bare_charge(payment, refunded);
    if metadata {
        charge["metadata"] = json!({
            "basket_id": token(&format!("basket{payment}")),
            "channel": "web",
            "delivery": "home, between 9 and 12",
            "items": "2 × coffee beans 1 kg; 1 × grinder, hand-operated, steel",
            "order_id": token(&format!("order{payment}"))[..12].to_owned(),
            "shop": "example-shop-fr",
            "terms_accepted": "2026-11-22T11:58:21Z, version 14",
            "visitor": token(&format!("visitor{payment}")),
        });
    }
    charge
}

fn bare_charge(payment: &str, refunded: i64) -> Value {
    let id = |prefix: &str| format!("{prefix}_{}", token(&format!("{prefix}{payment}")));
    json!({
        "id": id("ch"),
        "object": "charge",
        "amount": 12990,
        "amount_captured": 12990,
        "amount_refunded": refunded,
        "application": null,
        "application_fee": null,
        "application_fee_amount": null,
        "balance_transaction": id("txn"),
        "billing_details": {
            "address": {
                "city": "Lyon", "country": "FR", "line1": "12 rue de la République", "line2": null,
                "postal_code": "69002", "state": null
            },
            "email": format!("{}@example.com", &token(&format!("mail{payment}"))[..10].to_lowercase()),
            "name": "Camille Martin",
            "phone": null,
            "tax_id": null
        },
        "calculated_statement_descriptor": "EXAMPLE SHOP* 4711",
        "captured": true,
        "created": 1_795_348_740,
        "currency": "eur",
        "customer": id("cus"),
        "description": format!("Order {} at Example Shop, thank you", &token(&format!("order{payment}"))[..8]),
        "destination": null,
        "dispute": null,
        "disputed": false,
        "failure_balance_transaction": null,
        "failure_code": null,
        "failure_message": null,
        "fraud_details": {},
        "livemode": true,
        "metadata": { "order_id": token(&format!("order{payment}"))[..12].to_owned() },
        "on_behalf_of": null,
        "order": null,
        "outcome": {
            "advice_code": null, "network_advice_code": null, "network_decline_code": null,
            "network_status": "approved_by_network", "reason": null, "risk_level": "normal", "risk_score": 21,
            "seller_message": "Payment complete.", "type": "authorized"
        },
        "paid": true,
        "payment_intent": payment,
        "payment_method": id("pm"),
        "payment_method_details": {
            "card": {
                "amount_authorized": 12990,
                "authorization_code": "394812",
                "brand": "visa",
                "checks": {
                    "address_line1_check": "pass", "address_postal_code_check": "pass", "cvc_check": "pass"
                },
                "country": "FR",
                "exp_month": 11,
                "exp_year": 2029,
                "extended_authorization": { "status": "disabled" },
                "fingerprint": token(&format!("finger{payment}"))[..16].to_owned(),
                "funding": "debit",
                "incremental_authorization": { "status": "unavailable" },
                "installments": null,
                "last4": "4242",
                "mandate": null,
                "multicapture": { "status": "unavailable" },
                "network": "visa",
                "network_token": { "used": false },
                "network_transaction_id": "976910110049114",
                "overcapture": { "maximum_amount_capturable": 12990, "status": "unavailable" },
                "regulated_status": "unregulated",
                "three_d_secure": null,
                "wallet": null
            },
            "type": "card"
        },
        "radar_options": {},
        "receipt_email": null,
        "receipt_number": null,
        "receipt_url": format!(
            "https://pay.stripe.com/receipts/payment/{}{}",
            token(&format!("receipt{payment}")),
            token(&format!("tail{payment}"))
        ),
        "refunded": refunded == 12990,
        "review": null,
        "shipping": null,
        "source": null,
        "source_transfer": null,
        "statement_descriptor": null,
        "statement_descriptor_suffix": null,
        "status": "succeeded",
        "transfer_data": null,
        "transfer_group": null
    })
}
