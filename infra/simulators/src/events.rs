//! Events made field by field, for tests that say themselves what happens to a payment: Stripe, Adyen and Standard
//! Webhooks. They sign in their own few lines, not by the table of `providers`.

use crate::Webhook;
use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;
use std::fmt;

/// Signs by <https://docs.stripe.com/webhooks#verify-manually>.
pub struct Stripe {
    secret: String,
}

impl Stripe {
    pub fn new(random: [u8; 16]) -> Self {
        Self { secret: format!("whsec_{}", HEXLOWER.encode(&random)) }
    }

    /// As the dashboard shows it.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    pub fn event(
        &self,
        id: &str,
        event_type: &str,
        created: Timestamp,
        object: &Value,
        signed_at: Timestamp,
    ) -> Webhook {
        let event = json!({
            "id": id,
            "object": "event",
            "api_version": "2025-04-30.basil",
            "created": created.as_second(),
            "data": { "object": object },
            "livemode": false,
            "pending_webhooks": 1,
            "request": { "id": "req_8GknGVjaPItZiK", "idempotency_key": null },
            "type": event_type,
        });
        self.sign(event.to_string(), signed_at)
    }

    pub fn sign(&self, body: String, signed_at: Timestamp) -> Webhook {
        let t = signed_at.as_second();
        let signature = HEXLOWER.encode(&hmac_sha256(self.secret.as_bytes(), &format!("{t}.{body}")));
        Webhook::json("stripe", vec![("stripe-signature", format!("t={t},v1={signature}"))], body)
    }
}

/// Signs by <https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures/>.
pub struct Adyen {
    key: [u8; 32],
}

/// One item of an Adyen notification.
#[derive(Debug, Clone)]
pub struct AdyenItem<'a> {
    pub psp_reference: &'a str,
    /// Of the payment that a modification is about.
    pub original_reference: Option<&'a str>,
    pub merchant_reference: &'a str,
    pub event_code: &'a str,
    pub value: i64,
    pub currency: &'a str,
    pub success: bool,
    pub event_date: Timestamp,
}

impl Adyen {
    pub fn new(random: [u8; 32]) -> Self {
        Self { key: random }
    }

    /// As the Customer Area shows it.
    pub fn secret(&self) -> String {
        HEXUPPER.encode(&self.key)
    }

    pub fn notification(&self, items: &[AdyenItem<'_>]) -> Webhook {
        let items: Vec<Value> =
            items.iter().map(|item| json!({ "NotificationRequestItem": self.item(item) })).collect();
        let body = json!({ "live": "false", "notificationItems": items }).to_string();
        Webhook::json("adyen", Vec::new(), body)
    }

    fn item(&self, item: &AdyenItem<'_>) -> Value {
        const MERCHANT: &str = "PayrelayDemo";
        let signed = [
            item.psp_reference,
            item.original_reference.unwrap_or_default(),
            MERCHANT,
            item.merchant_reference,
            &item.value.to_string(),
            item.currency,
            item.event_code,
            &item.success.to_string(),
        ]
        .join(":");
        let mut body = json!({
            "additionalData": { "hmacSignature": BASE64.encode(&hmac_sha256(&self.key, &signed)) },
            "amount": { "currency": item.currency, "value": item.value },
            "eventCode": item.event_code,
            "eventDate": item.event_date.to_string(),
            "merchantAccountCode": MERCHANT,
            "merchantReference": item.merchant_reference,
            "pspReference": item.psp_reference,
            "success": item.success.to_string(),
        });
        if let Some(original) = item.original_reference {
            body["originalReference"] = original.into();
        }
        body
    }
}

/// Somebody who signs by <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.
pub struct StandardWebhooks {
    key: [u8; 32],
}

impl StandardWebhooks {
    pub fn new(random: [u8; 32]) -> Self {
        Self { key: random }
    }

    pub fn secret(&self) -> String {
        format!("whsec_{}", BASE64.encode(&self.key))
    }

    pub fn event(
        &self,
        id: &str,
        event_type: &str,
        at: Timestamp,
        data: &Value,
        signed_at: Timestamp,
    ) -> Webhook {
        let body = json!({ "type": event_type, "timestamp": at.to_string(), "data": data }).to_string();
        let signed_at = signed_at.as_second().to_string();
        let signature = BASE64.encode(&hmac_sha256(&self.key, &format!("{id}.{signed_at}.{body}")));
        let headers = vec![
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", signed_at),
            ("webhook-signature", format!("v1,{signature}")),
        ];
        Webhook::json("standard_webhooks", headers, body)
    }
}

fn hmac_sha256(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

// The secrets are made up, but whoever copies a type that shows its secret copies that too.
impl fmt::Debug for Stripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stripe").finish_non_exhaustive()
    }
}

impl fmt::Debug for Adyen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adyen").finish_non_exhaustive()
    }
}

impl fmt::Debug for StandardWebhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandardWebhooks").finish_non_exhaustive()
    }
}
