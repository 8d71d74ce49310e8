//! What the demo's providers send.

use jiff::{SignedDuration, Timestamp};
use platform::Entropy;
use serde_json::{Value, json};
use simulators::{Adyen, AdyenItem, StandardWebhooks, Stripe, Webhook};

/// One webhook of the story.
pub(super) struct Sent {
    pub(super) name: &'static str,
    /// What the provider tells repeats by.
    pub(super) key: &'static str,
    pub(super) note: &'static str,
    pub(super) webhook: Webhook,
    pub(super) genuine: bool,
}

/// Three payments, each with its own trouble.
pub(super) struct Story {
    pub(super) stripe: Stripe,
    pub(super) adyen: Adyen,
    pub(super) in_house: StandardWebhooks,
    now: Timestamp,
}

impl Story {
    pub(super) fn new(entropy: &Entropy, now: Timestamp) -> Self {
        Self {
            stripe: Stripe::new(entropy.bytes()),
            adyen: Adyen::new(entropy.bytes()),
            in_house: StandardWebhooks::new(entropy.bytes()),
            now,
        }
    }

    /// In the order in which they are sent, which is not the order in which things happened.
    pub(super) fn webhooks(&self) -> Vec<Sent> {
        let refund = json!({
            "id": "re_demo1", "object": "refund", "amount": 1500, "charge": "ch_demo1", "currency": "eur",
            "payment_intent": "pi_demo1", "status": "succeeded",
        });
        let pending = merge(&refund, json!({ "status": "pending" }));
        let created = intent(json!({ "status": "requires_payment_method" }));
        let captured =
            intent(json!({ "status": "succeeded", "amount_received": 4620, "latest_charge": "ch_demo1" }));
        let mut forged = self.stripe("evt_demo9", 9, "payment_intent.succeeded", &captured, "forged");
        forged.webhook.headers =
            vec![("stripe-signature", format!("t={},v1={}", self.now.as_second(), "0".repeat(64)))];
        forged.genuine = false;
        vec![
            self.stripe("evt_demo4", 4, "charge.refund.updated", &refund, "before its payment"),
            self.adyen("A-CAPTURE", "CAPTURE", 700, 3, "before authorisation"),
            self.stripe("evt_demo1", 1, "payment_intent.created", &created, ""),
            self.in_house("msg_demo1", "payment.authorized", 1, json!({ "amount": 12_000 }), ""),
            self.stripe("evt_demo2", 2, "payment_intent.succeeded", &captured, ""),
            self.stripe("evt_demo2", 2, "payment_intent.succeeded", &captured, "the same again"),
            self.adyen("A-PAYMENT", "AUTHORISATION", 2000, 1, ""),
            self.stripe("evt_demo3", 3, "refund.created", &pending, "late"),
            self.in_house(
                "msg_demo2",
                "payment.captured",
                2,
                json!({ "id": "cap_demo", "amount": 12_000 }),
                "",
            ),
            self.adyen("A-CAPTURE", "CAPTURE", 700, 3, "the same again"),
            self.in_house(
                "msg_demo3",
                "dispute.opened",
                3,
                json!({ "id": "dsp_demo", "amount": 12_000 }),
                "",
            ),
            self.adyen("A-REFUND", "REFUND", 200, 4, ""),
            forged,
        ]
    }

    fn at(&self, second: i64) -> Timestamp {
        self.now - SignedDuration::from_secs(60 - second)
    }

    fn stripe(
        &self,
        key: &'static str,
        second: i64,
        name: &'static str,
        object: &Value,
        note: &'static str,
    ) -> Sent {
        let webhook = self.stripe.event(key, name, self.at(second), object, self.now);
        Sent { name, key, note, webhook, genuine: true }
    }

    fn adyen(
        &self,
        key: &'static str,
        name: &'static str,
        value: i64,
        second: i64,
        note: &'static str,
    ) -> Sent {
        let webhook = self.adyen.notification(&[AdyenItem {
            psp_reference: key,
            original_reference: (name != "AUTHORISATION").then_some("A-PAYMENT"),
            merchant_reference: "order-42",
            event_code: name,
            value,
            currency: "EUR",
            success: true,
            event_date: self.at(second),
        }]);
        Sent { name, key, note, webhook, genuine: true }
    }

    fn in_house(
        &self,
        key: &'static str,
        name: &'static str,
        second: i64,
        data: Value,
        note: &'static str,
    ) -> Sent {
        let data = merge(&json!({ "payment_id": "inv_demo", "currency": "USD" }), data);
        let webhook = self.in_house.event(key, name, self.at(second), &data, self.now);
        Sent { name, key, note, webhook, genuine: true }
    }
}

fn intent(fields: Value) -> Value {
    let intent = json!({
        "id": "pi_demo1", "object": "payment_intent", "amount": 4620, "amount_received": 0, "currency": "eur",
        "metadata": { "order_id": "order-41" },
    });
    merge(&intent, fields)
}

fn merge(base: &Value, over: Value) -> Value {
    let mut merged = base.clone();
    if let (Some(merged), Value::Object(over)) = (merged.as_object_mut(), over) {
        merged.extend(over);
    }
    merged
}
