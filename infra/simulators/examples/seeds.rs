//! Writes what the simulators send as a corpus for the fuzz targets, one file per webhook, in the form that
//! `tests/fuzz/src/lib.rs` describes: `cargo run -p simulators --example seeds -- DIRECTORY`.

use jiff::Timestamp;
use simulators::{Simulator, Webhook};
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

const URL: &str = "https://gw.example.test/in";

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: seeds DIRECTORY")?);
    fs::create_dir_all(&directory)?;
    let start = Timestamp::from_second(1_795_348_800)?;
    for provider in Simulator::providers() {
        let simulator = Simulator::new(provider, [7; 32]).ok_or("a provider without a simulator")?;
        for seed in 0..simulator.stories() as u64 {
            for (place, message) in simulator.story(seed, start).iter().enumerate() {
                let now = start + simulator.longest();
                let webhook = simulator.sign(message, URL, now)?;
                let name = format!("{provider}-{seed}-{place}");
                fs::write(directory.join(name), text(&simulator, &webhook, now)?)?;
            }
        }
    }
    Ok(())
}

fn text(simulator: &Simulator, webhook: &Webhook, now: Timestamp) -> Result<String, std::fmt::Error> {
    let mut text = format!("{} {} {}\n", webhook.provider, webhook.address(URL), now.as_second());
    if let Some(secret) = simulator.secret() {
        writeln!(text, "!{secret}")?;
    }
    for (name, value) in simulator.settings() {
        writeln!(text, "~{name}: {}", value.replace('\n', "\\n"))?;
    }
    writeln!(text, "content-type: {}", webhook.content_type)?;
    for (name, value) in &webhook.headers {
        writeln!(text, "{name}: {value}")?;
    }
    // One empty line before the body.
    Ok(format!("{text}\n{}", webhook.body))
}
