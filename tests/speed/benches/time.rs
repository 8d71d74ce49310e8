//! What it costs to verify and to normalise one webhook of each provider, in time; `instructions` counts the same in
//! instructions, which no other load on the machine changes.
//!
//! `cargo bench -p speed --bench time`. It ends with the ratio to Stripe's own SDK for Node
//! (`stripe.webhooks.constructEvent`: verify and parse), measured in the same run on the same webhook; for that,
//! `npm ci` must have run in `tests/sdk`.

use anyhow::{Context, Result, ensure};
use divan::{Bencher, black_box};
use jiff::Timestamp;
use simulators::Simulator;
use speed::Sample;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

const ROUNDS: u32 = 20_000;

fn main() -> Result<()> {
    divan::main();
    baseline()
}

fn providers() -> Vec<&'static str> {
    Simulator::providers().collect()
}

fn sample(provider: &str) -> Sample {
    Sample::of(provider, now()).expect("each provider is simulated")
}

/// The SDK's clock is the real one.
#[expect(clippy::disallowed_methods, reason = "the baseline accepts a signature of now only")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[divan::bench(args = providers())]
fn verify(bencher: Bencher<'_, '_>, provider: &str) {
    let sample = sample(provider);
    bencher.bench(|| black_box(&sample).verify().expect("genuine"));
}

#[divan::bench(args = providers())]
fn normalise(bencher: Bencher<'_, '_>, provider: &str) {
    let sample = sample(provider);
    let verified = sample.verify().expect("genuine");
    bencher.bench(|| sample.normalise(black_box(&verified)).expect("readable"));
}

fn baseline() -> Result<()> {
    let sample = Sample::of("stripe", now())?;
    let run = |rounds| -> Result<()> {
        for _ in 0..rounds {
            let verified = black_box(&sample).verify()?;
            black_box(sample.normalise(&verified)?);
        }
        Ok(())
    };
    run(ROUNDS / 10)?;
    let started = Instant::now();
    run(ROUNDS)?;
    let ours_us = started.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS);
    let theirs_us = construct_event(&sample)?;
    println!(
        "stripe, {} bytes: verify and normalise {ours_us:.1} µs, constructEvent (Node) {theirs_us:.1} µs, ratio {:.2}",
        sample.body.len(),
        ours_us / theirs_us,
    );
    Ok(())
}

fn construct_event(sample: &Sample) -> Result<f64> {
    let input = serde_json::json!({
        "body": sample.body,
        "signature": sample.header("stripe-signature"),
        "secret": sample.secret,
        "rounds": ROUNDS,
    });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/node/construct_event.mjs");
    let mut node = Command::new("node")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("node can't be started")?;
    node.stdin.take().context("a pipe")?.write_all(input.to_string().as_bytes())?;
    let output = node.wait_with_output()?;
    ensure!(output.status.success(), "the baseline failed: has `npm ci` run in tests/sdk?");
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
