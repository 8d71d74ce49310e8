//! What one more refund costs a payment that has so many operations already: write and read units, and processor time of
//! everything in this process (consumer, dispatcher, the embedded engines). Fails if the writes grow with the history.
//!
//! `cargo test -p bench --bench growth`: 1, 100 and 1,000 operations. `cargo bench -p bench --bench growth -- 1 100 1000 10000`
//! for the whole table, and for processor time that means something.

use anyhow::{Context, Result, ensure};
use bench::token;
use jiff::SignedDuration;
use journeys::App;
use serde_json::{Value, json};
use simulators::Stripe;

/// Refunds that are measured at each size, one at a time.
const EVENTS: usize = 20;
/// Refunds that one `charge.refunded` lists while a payment is grown: some 200 KB.
const LISTED: usize = 2_000;
/// From a hundred operations on, all that is shown is shown: what is written may only vary with the spills.
const SPILLS: f64 = 2.0;

struct Row {
    operations: usize,
    write: f64,
    read: f64,
    milliseconds: f64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let asked: Vec<usize> = std::env::args().filter_map(|size| size.parse().ok()).collect();
    let sizes = if asked.is_empty() { vec![1, 100, 1_000] } else { asked };
    let app = App::start_as_deployed().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (_, receiver) = app.endpoint().await?;
    let mut rows = Vec::new();
    for size in sizes {
        rows.push(measure(&app, &stripe, &source, size).await?);
    }
    ensure!(!receiver.receipts().is_empty(), "events were delivered");

    println!("{:>10} {:>12} {:>12} {:>12}", "operations", "write units", "read units", "CPU ms");
    for row in &rows {
        let Row { operations, write, read, milliseconds } = row;
        println!("{operations:>10} {write:>12.2} {read:>12.2} {milliseconds:>12.1}");
    }
    let shown = rows.iter().find(|row| row.operations >= 100).map(|row| row.write);
    for row in &rows {
        ensure!(shown.is_none_or(|shown| row.write <= shown + SPILLS), "{} operations", row.operations);
    }
    Ok(())
}

async fn measure(app: &App, stripe: &Stripe, source: &str, size: usize) -> Result<Row> {
    let payment = format!("pi_{}", token(&format!("payment of {size}")));
    let refund = |number: usize| format!("re_{}", token(&format!("{payment}{number}")));
    // The authorisation and the capture are operations as well.
    let mut refunds = 0;
    send(app, stripe, source, "charge.succeeded", &charge(&payment, 0, &[])).await?;
    while refunds + 2 < size {
        let listed: Vec<String> = (refunds..(size - 2).min(refunds + LISTED)).map(refund).collect();
        refunds += listed.len();
        send(app, stripe, source, "charge.refunded", &charge(&payment, refunds, &listed)).await?;
    }
    let meter = app.stack.store.meter();
    let before = (meter.write_units(), meter.read_units(), processor_ms()?);
    for _ in 0..EVENTS {
        let object = json!({
            "id": refund(refunds), "object": "refund", "amount": 1, "currency": "eur", "status": "succeeded",
            "payment_intent": payment,
        });
        refunds += 1;
        send(app, stripe, source, "refund.created", &object).await?;
    }
    let per_event = |used: f64| used / EVENTS as f64;
    Ok(Row {
        operations: size,
        write: per_event(meter.write_units() - before.0),
        read: per_event(meter.read_units() - before.1),
        milliseconds: per_event(processor_ms()? - before.2),
    })
}

fn charge(payment: &str, refunded: usize, listed: &[String]) -> Value {
    let refunds: Vec<Value> =
        listed.iter().map(|id| json!({ "id": id, "amount": 1, "status": "succeeded" })).collect();
    json!({
        "id": format!("ch_{}", token(payment)), "object": "charge", "amount": 1_000_000_000, "captured": true,
        "amount_captured": 1_000_000_000, "amount_refunded": refunded, "currency": "eur", "status": "succeeded",
        "payment_intent": payment, "refunds": { "data": refunds },
    })
}

async fn send(app: &App, stripe: &Stripe, source: &str, event_type: &str, object: &Value) -> Result<()> {
    let now = app.clock.now();
    let id = format!("evt_{}", token(&format!("{event_type}{object}")));
    app.webhook(source, &stripe.event(&id, event_type, now, object, now)).await?;
    app.stack.settle().await?;
    app.clock.advance(SignedDuration::from_secs(1));
    Ok(())
}

/// Of this process, in all (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>).
fn processor_ms() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, numbers) = stat.rsplit_once(')').context("a name in parentheses")?;
    let ticks = numbers.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    // 100 ticks a second, on every Linux that there is.
    Ok(ticks.sum::<f64>() * 10.0)
}
