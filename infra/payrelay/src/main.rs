//! `payrelay`: the command-line tool. `payrelay dev` runs all of Payrelay on this machine.

mod demo;
mod dev;
mod simulate;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

#[derive(Debug, Parser)]
#[command(name = "payrelay", version, about = "A payment-event gateway: receives, records, relays, answers.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the whole of Payrelay on this machine, without an AWS account.
    Dev(dev::Dev),
    /// Sends webhooks of any provider to a source, signed as the provider signs them.
    Simulate(simulate::Simulate),
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, whatever led to it.
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    // Standard output belongs to what a script may read.
    // The engine warns of every conditional write that does not hold, which is how ours find out that they lost.
    let targets = Targets::new().with_default(LevelFilter::WARN).with_target("dynoxide", LevelFilter::ERROR);
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    tracing_subscriber::registry().with(lines.with_filter(targets)).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match cli.command {
        Command::Dev(dev) => runtime.block_on(dev.run()),
        Command::Simulate(simulate) => runtime.block_on(simulate.run()),
    }
}
