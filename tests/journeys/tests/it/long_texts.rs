//! Texts of any length where others choose them: recorded, readable and findable, and whole in the event's bytes.

use anyhow::{Context, Result, ensure};
use axum::http::{Method, StatusCode};
use domain::{MAX_ID_BYTES, MAX_REFERENCE_BYTES, bounded_id, bounded_reference};
use journeys::{App, Receiver};
use relay::Url;
use serde_json::{Value, json};
use simulators::{Adyen, AdyenItem, StandardWebhooks, Stripe, Webhook};

/// What the REST API reads.
const MAX_QUERY_BYTES: usize = 8 * 1024;
/// Of one, two, three and four bytes.
const CHARACTERS: [&str; 4] = ["x", "ü", "€", "🛒"];

struct Shop {
    app: App,
    receiver: Receiver,
}

impl Shop {
    async fn open() -> Result<Self> {
        let app = App::start().await?;
        let (_, receiver) = app.endpoint().await?;
        Ok(Self { app, receiver })
    }

    /// The one payment that was told of since the last call, after both of its events.
    async fn payment(&self, source: &str, webhooks: [&Webhook; 2]) -> Result<Value> {
        let app = &self.app;
        for webhook in webhooks {
            let answer = app.webhook(source, webhook).await?;
            ensure!(answer.status == StatusCode::OK, "{}", answer.text());
            app.stack.settle().await?;
            app.clock.advance(jiff::SignedDuration::from_secs(2));
            app.stack.settle().await?;
        }
        ensure!(app.stack.dead_letter_counts()? == (0, 0), "a dead letter");
        let told = self.receiver.take();
        ensure!(told.len() == 2, "{} deliveries", told.len());
        let id = told[0].json()["data"]["payment"]["id"].as_str().context("an id")?.to_owned();
        let timeline = app.get(&format!("/v1/payments/{id}/timeline")).await?;
        ensure!(timeline["data"].as_array().map(Vec::len) == Some(2), "{timeline}");
        let events = app.get(&format!("/v1/events?payment={id}")).await?;
        for event in events["data"].as_array().context("a list")? {
            let path = format!("/v1/events/{}/raw", event["id"].as_str().context("an id")?);
            let raw = app.api(Method::GET, &path, None).await?.body;
            ensure!(webhooks.iter().any(|webhook| webhook.body.as_bytes() == raw), "byte for byte");
        }
        app.get(&format!("/v1/payments/{id}")).await
    }

    async fn found(&self, by: &str, text: &str) -> Result<Vec<Value>> {
        let path = format!("/v1/payments?{}", query(by, text)?);
        Ok(self.app.get(&path).await?["data"].as_array().context("a list")?.clone())
    }
}

fn query(by: &str, text: &str) -> Result<String> {
    let mut url = Url::parse("http://payrelay.test")?;
    url.query_pairs_mut().append_pair(by, text);
    Ok(url.query().context("a query")?.to_owned())
}

fn texts(counts: &[usize]) -> impl Iterator<Item = String> {
    CHARACTERS.into_iter().flat_map(|character| counts.iter().map(|count| character.repeat(*count)))
}

/// By what is shown of it, which fits into a query whatever its characters, and by the whole, if that does.
async fn is_found(shop: &Shop, payment: &Value, by: &str, whole: &str, shown: &str) -> Result<()> {
    ensure!(payment[by] == shown, "{by} is shown as {}", payment[by]);
    for text in [shown, whole] {
        if text != shown && query(by, text)?.len() > MAX_QUERY_BYTES {
            continue;
        }
        let found = shop.found(by, text).await?;
        ensure!(found.len() == 1 && found[0]["id"] == payment["id"], "by {by}: {} found", found.len());
    }
    ensure!(shop.found(by, &format!("{shown}.")).await?.is_empty(), "found by another {by}");
    Ok(())
}

#[tokio::test]
async fn a_merchant_reference_of_any_length_is_recorded_and_found() -> Result<()> {
    let shop = Shop::open().await?;
    let standard = StandardWebhooks::new([3; 32]);
    let source = shop.app.source("standard_webhooks", &standard.secret()).await?;
    let limit = MAX_REFERENCE_BYTES;
    for (number, reference) in texts(&[limit / 4, limit, limit + 1, 5_000, 500_000]).enumerate() {
        let now = shop.app.clock.now();
        let data = json!({
            "id": format!("pay-{number}"), "amount": 4620, "currency": "EUR", "merchant_reference": reference,
        });
        let paid = standard.event(&format!("a-{number}"), "payment.captured", now, &data, now);
        let data = json!({
            "id": format!("re-{number}"), "payment_id": format!("pay-{number}"), "amount": 20, "currency": "EUR",
        });
        let refunded = standard.event(&format!("b-{number}"), "refund.succeeded", now, &data, now);
        let payment = shop.payment(&source, [&paid, &refunded]).await?;
        assert_eq!((&payment["amount_captured"], &payment["amount_refunded"]), (&json!(4620), &json!(20)));
        let shown = bounded_reference(reference.clone());
        is_found(&shop, &payment, "merchant_reference", &reference, &shown).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_long_merchant_reference_of_any_provider_is_recorded_and_found() -> Result<()> {
    let shop = Shop::open().await?;
    let (stripe, adyen) = (Stripe::new([1; 16]), Adyen::new([2; 32]));
    let at_stripe = shop.app.source("stripe", stripe.secret()).await?;
    let at_adyen = shop.app.source("adyen", &adyen.secret()).await?;
    for (number, reference) in texts(&[5_000]).enumerate() {
        let now = shop.app.clock.now();
        let (payment, psp) = (format!("pi_{number}"), format!("psp{number}"));
        let intent = |status: &str| {
            json!({
                "id": payment, "object": "payment_intent", "amount": 4620, "currency": "eur", "status": status,
                "metadata": { "order_id": reference },
            })
        };
        let event = |id: &str, event_type, status| {
            stripe.event(&format!("evt_{number}_{id}"), event_type, now, &intent(status), now)
        };
        let created = event("1", "payment_intent.created", "requires_payment_method");
        let paid = event("2", "payment_intent.succeeded", "succeeded");
        let of_stripe = shop.payment(&at_stripe, [&created, &paid]).await?;

        let item = |event_code: &'static str, psp_reference, original_reference| AdyenItem {
            psp_reference,
            original_reference,
            merchant_reference: &reference,
            event_code,
            value: 4620,
            currency: "EUR",
            success: true,
            event_date: now,
        };
        let capture = format!("cap{number}");
        let authorised = adyen.notification(&[item("AUTHORISATION", &psp, None)]);
        let captured = adyen.notification(&[item("CAPTURE", &capture, Some(&psp))]);
        let of_adyen = shop.payment(&at_adyen, [&authorised, &captured]).await?;

        let shown = bounded_reference(reference.clone());
        assert_eq!(
            (&of_stripe["merchant_reference"], &of_adyen["merchant_reference"]),
            (&json!(shown), &json!(shown))
        );
        let found = shop.found("merchant_reference", &shown).await?;
        let ids: Vec<&Value> = found.iter().map(|payment| &payment["id"]).collect();
        assert_eq!(ids, [&of_adyen["id"], &of_stripe["id"]], "newest first");
    }
    Ok(())
}

#[tokio::test]
async fn ids_of_any_length_are_recorded_and_found() -> Result<()> {
    let shop = Shop::open().await?;
    let standard = StandardWebhooks::new([3; 32]);
    let source = shop.app.source("standard_webhooks", &standard.secret()).await?;
    for (number, id) in texts(&[MAX_ID_BYTES / 4, MAX_ID_BYTES + 1, 5_000, 100_000]).enumerate() {
        let now = shop.app.clock.now();
        let (payment, refund) = (format!("pay {id}"), format!("re {id}"));
        let data = json!({ "id": payment, "amount": 4620, "currency": "EUR" });
        let paid = standard.event(&format!("a-{number}"), "payment.captured", now, &data, now);
        let data = json!({ "id": refund, "payment_id": payment, "amount": 20, "currency": "EUR" });
        let refunded = standard.event(&format!("b-{number}"), "refund.succeeded", now, &data, now);
        let recorded = shop.payment(&source, [&paid, &refunded]).await?;
        assert_eq!((&recorded["amount_captured"], &recorded["amount_refunded"]), (&json!(4620), &json!(20)));
        let operations = recorded["operations"].as_array().context("a list")?;
        let shown = bounded_id(refund);
        assert!(operations.iter().any(|operation| operation["provider_operation_id"] == shown.as_str()));
        let shown = bounded_id(payment.clone());
        is_found(&shop, &recorded, "provider_payment_id", &payment, &shown).await?;
    }
    Ok(())
}

/// Two texts that are the same for longer than what is shown are two texts.
#[tokio::test]
async fn long_texts_that_differ_at_the_end_alone_stay_apart() -> Result<()> {
    let shop = Shop::open().await?;
    let standard = StandardWebhooks::new([3; 32]);
    let source = shop.app.source("standard_webhooks", &standard.secret()).await?;
    let begin = "x".repeat(5_000);
    for end in ["1", "2"] {
        let now = shop.app.clock.now();
        let data = json!({
            "id": format!("{begin}{end}"), "amount": 4620, "currency": "EUR", "merchant_reference": format!("{begin}{end}"),
        });
        shop.app.webhook(&source, &standard.event(end, "payment.captured", now, &data, now)).await?;
    }
    shop.app.stack.settle().await?;
    for by in ["provider_payment_id", "merchant_reference"] {
        let (one, other) =
            (shop.found(by, &format!("{begin}1")).await?, shop.found(by, &format!("{begin}2")).await?);
        assert_eq!((one.len(), other.len()), (1, 1), "{by}");
        assert_ne!(one[0]["id"], other[0]["id"], "{by}");
    }
    assert_eq!(shop.receiver.receipts().len(), 2);
    Ok(())
}
