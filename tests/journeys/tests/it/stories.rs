//! Histories that several journeys use.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use simulators::{Stripe, Webhook};

/// A Stripe payment of 46.20 EUR, captured and partly refunded, in the order in which it happened.
pub(crate) struct StripeStory<'a> {
    pub(crate) stripe: &'a Stripe,
    pub(crate) payment: &'a str,
    pub(crate) now: Timestamp,
}

impl StripeStory<'_> {
    pub(crate) fn webhooks(&self) -> Vec<Webhook> {
        vec![self.created(), self.succeeded(), self.refund_pending(), self.refunded()]
    }

    pub(crate) fn created(&self) -> Webhook {
        self.event("1", "payment_intent.created", self.intent("requires_payment_method", 0))
    }

    pub(crate) fn succeeded(&self) -> Webhook {
        self.event("2", "payment_intent.succeeded", self.intent("succeeded", 4620))
    }

    pub(crate) fn refund_pending(&self) -> Webhook {
        self.event("3", "refund.created", self.refund("pending"))
    }

    pub(crate) fn refunded(&self) -> Webhook {
        self.event("4", "charge.refund.updated", self.refund("succeeded"))
    }

    /// The event's number is also the second at which it happened.
    fn event(&self, number: &str, event_type: &str, object: Value) -> Webhook {
        let second: i64 = number.parse().expect("a number");
        let created = self.now - SignedDuration::from_secs(60 - second);
        self.stripe.event(&format!("evt_{}_{number}", self.payment), event_type, created, &object, self.now)
    }

    fn intent(&self, status: &str, received: i64) -> Value {
        json!({
            "id": self.payment,
            "object": "payment_intent",
            "amount": 4620,
            "amount_received": received,
            "currency": "eur",
            "metadata": { "order_id": format!("order-{}", self.payment) },
            "status": status,
        })
    }

    fn refund(&self, status: &str) -> Value {
        json!({
            "id": format!("re_{}", self.payment),
            "object": "refund",
            "amount": 1500,
            "charge": format!("ch_{}", self.payment),
            "currency": "eur",
            "payment_intent": self.payment,
            "status": status,
        })
    }
}

/// A payment's fields that do not depend on ids minted at random.
pub(crate) fn essence(payment: &Value) -> Value {
    let mut essence = payment.clone();
    if let Some(fields) = essence.as_object_mut() {
        for name in ["id", "source", "state_version", "created_at", "updated_at"] {
            fields.remove(name);
        }
    }
    for operation in essence["operations"].as_array_mut().into_iter().flatten() {
        operation.as_object_mut().map(|fields| fields.remove("event"));
    }
    essence
}
