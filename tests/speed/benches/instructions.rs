//! How many instructions it takes to verify and to normalise one webhook of each provider.
//!
//! `cargo bench -p speed --bench instructions [provider …]`, with valgrind installed. Each figure is the difference
//! between a run that does it many times and one that does not, over the number of times, so that start-up and the
//! signing of the webhook are not in it.

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use simulators::Simulator;
use speed::Sample;
use std::hint::black_box;
use std::process::Command;

const TIMES: u64 = 50;

fn main() -> Result<()> {
    // Cargo's own `--bench` is not for us.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [once, provider, verify, normalise] = arguments.as_slice()
        && once == "--once"
    {
        return run(provider, verify.parse()?, normalise.parse()?);
    }
    let wanted = |provider: &&str| arguments.is_empty() || arguments.iter().any(|name| name == provider);
    println!("{:<22} {:>8} {:>12} {:>12}", "provider", "bytes", "verify", "normalise");
    for provider in Simulator::providers().filter(wanted) {
        let bytes = Sample::of(provider, at())?.body.len();
        let idle = count(provider, 0, 0)?;
        let verify = count(provider, TIMES, 0)?.saturating_sub(idle) / TIMES;
        let normalise = count(provider, 0, TIMES)?.saturating_sub(idle) / TIMES;
        println!("{provider:<22} {bytes:>8} {verify:>12} {normalise:>12}");
    }
    Ok(())
}

/// The same in every run, so that the webhook is.
fn at() -> Timestamp {
    Timestamp::from_second(1_795_348_800).expect("in range")
}

fn run(provider: &str, verify: u64, normalise: u64) -> Result<()> {
    let sample = Sample::of(provider, at())?;
    let verified = sample.verify()?;
    for _ in 0..verify {
        black_box(black_box(&sample).verify()?);
    }
    for _ in 0..normalise {
        black_box(sample.normalise(black_box(&verified))?);
    }
    Ok(())
}

/// The instructions that a run of this program takes.
fn count(provider: &str, verify: u64, normalise: u64) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["--once", provider, &verify.to_string(), &normalise.to_string()])
        .output()
        .context("valgrind can't be started (Debian: apt install valgrind)")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{provider}: {said}");
    let collected = said.lines().find_map(|line| line.split_once("Collected : "));
    let (_, collected) = collected.context("callgrind names no figure")?;
    Ok(collected.trim().parse()?)
}
