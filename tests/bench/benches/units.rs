//! Billable units of DynamoDB per event, from ReturnConsumedCapacity of the embedded engine: consumer and
//! dispatcher together, one event of about 3 KiB at a time (the dearest way: batches share reads), to one endpoint that
//! answers 200. Fails above the budget of the design: 6 write units and 3 read units.
//!
//! `cargo test -p bench --bench units`: what is counted does not depend on how it was compiled.

use anyhow::{Result, ensure};
use bench::{stripe_charge, token};
use jiff::SignedDuration;
use journeys::App;
use simulators::Stripe;

const EVENTS: usize = 50;
const WRITE_BUDGET: f64 = 6.0;
const READ_BUDGET: f64 = 3.0;

/// Units per event.
struct Units {
    name: &'static str,
    body_bytes: usize,
    write: f64,
    read: f64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let app = App::start_as_deployed().await?;
    let stripe = Stripe::new([1; 16]);
    let source = app.source("stripe", stripe.secret()).await?;
    let (_, receiver) = app.endpoint().await?;
    let payments: Vec<String> =
        (0..EVENTS).map(|number| format!("pi_{}", token(&number.to_string()))).collect();
    let cases = [
        ("first event of a payment", "charge.succeeded", 0, true),
        ("second event, a refund", "charge.refunded", 500, true),
        ("third event, without metadata", "charge.refunded", 700, false),
        ("fourth event, nothing new", "charge.updated", 700, false),
    ];
    // What a process writes once in ten minutes (AP48) is no part of an event.
    let warm_up = stripe.event(
        "evt_0",
        "charge.succeeded",
        app.clock.now(),
        &stripe_charge("pi_0", 0, false),
        app.clock.now(),
    );
    app.webhook(&source, &warm_up).await?;
    app.stack.settle().await?;
    let mut rows = Vec::new();
    for (name, event_type, refunded, metadata) in cases {
        let mut body_bytes = 0;
        let (mut write, mut read) = (0.0, 0.0);
        for payment in &payments {
            let id = format!("evt_{}", token(&format!("{name}{payment}")));
            let charge = stripe_charge(payment, refunded, metadata);
            let now = app.clock.now();
            // Stripe sends `charge.updated` for many reasons; what it says of money is known by then.
            let created =
                if event_type == "charge.updated" { now - SignedDuration::from_hours(1) } else { now };
            let webhook = stripe.event(&id, event_type, created, &charge, now);
            body_bytes += webhook.body.len();
            app.webhook(&source, &webhook).await?;
            let meter = app.stack.store.meter();
            let before = (meter.write_units(), meter.read_units());
            app.stack.settle().await?;
            write += meter.write_units() - before.0;
            read += meter.read_units() - before.1;
            app.clock.advance(SignedDuration::from_millis(100));
        }
        let events = EVENTS as f64;
        rows.push(Units {
            name,
            body_bytes: body_bytes / EVENTS,
            write: write / events,
            read: read / events,
        });
    }
    ensure!(receiver.receipts().len() == EVENTS * cases.len() + 1, "every event was delivered");

    println!("{:<30} {:>10} {:>12} {:>12}", "per event", "body bytes", "write units", "read units");
    for row in &rows {
        println!("{:<30} {:>10} {:>12.2} {:>12.2}", row.name, row.body_bytes, row.write, row.read);
    }
    println!("{:<30} {:>10} {WRITE_BUDGET:>12.2} {READ_BUDGET:>12.2}", "budget", "");
    for row in &rows {
        ensure!(row.write <= WRITE_BUDGET, "{}: {} write units", row.name, row.write);
        ensure!(row.read <= READ_BUDGET, "{}: {} read units", row.name, row.read);
    }
    Ok(())
}
