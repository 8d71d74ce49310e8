//! The engines of the local stack, served on loopback as the local runner serves them.

use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow};
use dynoxide::Database;
use local::eventbridge::{self, EventBridge};
use local::sqs::{self, Sqs};
use platform::Clock;
use tokio::sync::watch;

use crate::{Engine, KnownDifference};

/// All engines, in memory, on a thread of their own. [`Embedded::stop`] ends them.
#[derive(Debug)]
pub struct Embedded {
    sqs: SocketAddr,
    dynamodb: SocketAddr,
    eventbridge: SocketAddr,
    stop: watch::Sender<bool>,
    thread: JoinHandle<Result<()>>,
}

impl Embedded {
    /// Starts them on free ports of the loopback interface.
    ///
    /// # Errors
    /// If a port or a database cannot be opened.
    pub fn start() -> Result<Self> {
        let queues = Sqs::open(None)?;
        let database = Database::memory().map_err(|error| anyhow!("dynoxide does not start: {error}"))?;
        let sqs = listen()?;
        let dynamodb = listen()?;
        let buses = listen()?;
        let addresses = (sqs.local_addr()?, dynamodb.local_addr()?, buses.local_addr()?);
        let event_buses = EventBridge::open(None, Clock::system())?;
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let sqs = tokio::net::TcpListener::from_std(sqs)?;
                let dynamodb = tokio::net::TcpListener::from_std(dynamodb)?;
                let queues =
                    axum::serve(sqs, sqs::router(queues)).with_graceful_shutdown(wait(stopped.clone()));
                let buses = tokio::net::TcpListener::from_std(buses)?;
                let buses = axum::serve(buses, eventbridge::router(event_buses))
                    .with_graceful_shutdown(wait(stopped.clone()));
                let tables = dynoxide::server::serve_with_shutdown(dynamodb, database, wait(stopped));
                let (queues, buses, tables) = tokio::join!(queues.into_future(), buses.into_future(), tables);
                queues?;
                buses?;
                tables.map_err(|error| anyhow!(error))
            })
        });
        Ok(Self { sqs: addresses.0, dynamodb: addresses.1, eventbridge: addresses.2, stop, thread })
    }

    /// How to reach them.
    #[must_use]
    pub fn engine(&self) -> Engine {
        Engine {
            name: "embedded",
            sqs_url: format!("http://{}", self.sqs),
            dynamodb_url: format!("http://{}", self.dynamodb),
            eventbridge_url: format!("http://{}", self.eventbridge),
            kms_url: None,
            known_differences: EMBEDDED_DIFFERENCES,
        }
    }

    /// Stops serving and waits until the thread has ended.
    ///
    /// # Errors
    /// If an engine failed meanwhile.
    pub fn stop(self) -> Result<()> {
        self.stop.send_replace(true);
        self.thread.join().map_err(|_| anyhow!("the engines' thread panicked"))?
    }
}

const EMBEDDED_DIFFERENCES: &[KnownDifference] = &[
    without_kms("vault::a_sealed_secret_opens_for_its_owner_alone"),
    without_kms("vault::what_was_tampered_with_does_not_open"),
    without_kms("vault::a_secret_does_not_open_under_another_key"),
    KnownDifference {
        check: "sending::an_event_that_matches_a_rule_reaches_the_rules_queue",
        reason: "there are no rules",
    },
    without_kms("vault::sealed_bytes_open_for_their_owner_alone_and_only_whole"),
];

/// The local stack has a key file in place of KMS, which `platform` tests itself.
const fn without_kms(check: &'static str) -> KnownDifference {
    KnownDifference { check, reason: "there is no KMS" }
}

fn listen() -> Result<TcpListener> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free loopback port")?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn wait(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone: then it is time to stop as well.
    let _ = stopped.wait_for(|&stopped| stopped).await;
}
