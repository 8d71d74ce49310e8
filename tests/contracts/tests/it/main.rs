//! What Payrelay relies on in SQS, DynamoDB, EventBridge and KMS, and what its own crates make of them (`store`,
//! `queue`, `destinations`, the vault), checked over every engine that stands in for AWS.
//!
//! `cargo test -p contracts` checks the embedded engines. With `PAYRELAY_MINISTACK_URL` set, the same checks
//! also run against that ministack.

#![expect(clippy::unwrap_used, reason = "tests")]

mod dynamodb;
mod dynamodb_queries;
mod eventbridge;
mod sqs;
mod sqs_fifo;
mod sqs_limits;
mod sqs_redelivery;

mod queue_sending;
mod samples;
mod sending;
mod store_activity;
mod store_config;
mod store_dead_letters;
mod store_deliveries;
mod store_events;
mod store_health;
mod store_limits;
mod store_mailbox;
mod store_payments;
mod store_quarantine;
mod store_replays;
mod vault;

use std::pin::Pin;
use std::process::ExitCode;

use contracts::{Clients, Embedded, Engine};
use libtest_mimic::{Arguments, Trial};

type Run = fn(Clients) -> Pin<Box<dyn Future<Output = ()>>>;

/// A check by its name, `area::…`.
struct Check {
    name: &'static str,
    run: Run,
}

/// Lists async functions of this module as checks named `area::function`.
macro_rules! checks {
    ($area:literal: $($check:ident),+ $(,)?) => {
        pub(crate) const CHECKS: &[crate::Check] = &[$(crate::Check {
            name: concat!($area, "::", stringify!($check)),
            run: |clients| Box::pin($check(clients)),
        }),+];
    };
}
pub(crate) use checks;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let embedded = Embedded::start().unwrap();
    let engines: Vec<Engine> = [Some(embedded.engine()), Engine::ministack()].into_iter().flatten().collect();
    let mut trials = Vec::new();
    for engine in &engines {
        for check in all() {
            trials.push(trial(engine, check));
        }
        for known in engine.known_differences {
            assert!(all().any(|check| check.name == known.check), "no check is called {}", known.check);
        }
    }
    if engines.len() == 1 {
        eprintln!("ministack is not checked: {} is not set", contracts::MINISTACK_URL);
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    embedded.stop().unwrap();
    conclusion.exit_code()
}

fn all() -> impl Iterator<Item = &'static Check> {
    let engines = [
        sqs::CHECKS,
        sqs_fifo::CHECKS,
        sqs_limits::CHECKS,
        sqs_redelivery::CHECKS,
        dynamodb::CHECKS,
        dynamodb_queries::CHECKS,
        eventbridge::CHECKS,
    ];
    let ours = [
        queue_sending::CHECKS,
        sending::CHECKS,
        store_activity::CHECKS,
        store_config::CHECKS,
        store_dead_letters::CHECKS,
        store_deliveries::CHECKS,
        store_events::CHECKS,
        store_payments::CHECKS,
        store_quarantine::CHECKS,
        store_health::CHECKS,
        store_limits::CHECKS,
        store_mailbox::CHECKS,
        store_replays::CHECKS,
        vault::CHECKS,
    ];
    engines.into_iter().chain(ours).flatten()
}

fn trial(engine: &Engine, check: &'static Check) -> Trial {
    let known = engine.known_differences.iter().find(|known| known.check == check.name);
    if let Some(known) = known {
        eprintln!("{} skips {}: {}", engine.name, check.name, known.reason);
    }
    let name = format!("{}::{}", engine.name, check.name);
    let engine = engine.clone();
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on((check.run)(Clients::new(&engine)));
        Ok(())
    };
    Trial::test(name, run).with_ignored_flag(known.is_some())
}
