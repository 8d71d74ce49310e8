//! What `payrelay dev` costs while nothing happens: the whole stack at work, with data and an endpoint, after its last
//! delivery. Fails at 1 % of a core, or 0.5 % where it is optimised. Linux only: processor time is read from `/proc`.
//!
//! `cargo bench -p bench --bench idle`, or `cargo test -p bench --bench idle` unoptimised: two minutes each.

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::http::{Method, StatusCode};
use bench::{Shop, options};
use local::Stack;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

const EVENTS: usize = 50;
const MINUTE: Duration = Duration::from_secs(60);
const BUDGET_PERCENT: f64 = if cfg!(debug_assertions) { 1.0 } else { 0.5 };
/// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>: Linux counts in hundredths, whatever its clock.
const TICKS_PER_SECOND: f64 = 100.0;

#[tokio::main]
async fn main() -> Result<()> {
    let stack = Arc::new(Stack::open(options()).await?);
    let running = stack.start(TcpListener::bind("127.0.0.1:0").await?);
    let receiver = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/hook", receiver.local_addr()?);
    let answers = Router::new().fallback(|| async { StatusCode::NO_CONTENT });
    tokio::spawn(async move { axum::serve(receiver, answers).await });
    let shop = Shop::open(Arc::clone(&stack)).await?;
    shop.call(Method::POST, "/v1/endpoints", Some(json!({ "url": url, "name": "app" }))).await?;
    for number in 0..EVENTS {
        shop.webhook(number).await?;
    }
    loop {
        let delivered = shop.call(Method::GET, "/v1/deliveries?status=succeeded&limit=100", None).await?;
        if delivered["data"].as_array().map_or(0, Vec::len) >= EVENTS {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Connections that are kept for a while, and the first sweep, belong to the work.
    tokio::time::sleep(MINUTE / 2).await;
    let before = processor_seconds()?;
    tokio::time::sleep(MINUTE).await;
    let used = processor_seconds()? - before;
    let percent = 100.0 * used / MINUTE.as_secs_f64();
    println!("idle: {used:.2} s of a core in a minute, {percent:.2} % (budget {BUDGET_PERCENT} %)");
    ensure!(percent < BUDGET_PERCENT, "it is not idle");
    running.stop().await;
    Ok(())
}

fn processor_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The name in parentheses may hold anything; behind it come the state and ten numbers, then the times of user and system.
    let (_, rest) = stat.rsplit_once(')').context("the name ends")?;
    let ticks: Vec<f64> = rest.split_whitespace().skip(11).take(2).filter_map(|n| n.parse().ok()).collect();
    ensure!(ticks.len() == 2, "times of user and system");
    Ok(ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
}
