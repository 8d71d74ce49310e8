//! `payrelay`: the command-line tool. `payrelay dev` runs all of Payrelay on this machine.

mod demo;
mod dev;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::io::IsTerminal;
use tracing::level_filters::LevelFilter;

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
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    // Standard output belongs to what a script may read.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(LevelFilter::WARN)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match cli.command {
        Command::Dev(dev) => runtime.block_on(dev.run()),
    }
}
