//! `payrelay dev`.

use crate::demo;
use anyhow::{Context, Result};
use clap::Args;
use jiff::SignedDuration;
use local::{Options, Stack, Storage, loopback_egress};
use platform::{AdminKeyHash, Clock, Entropy, SecretText};
use relay::{Detours, EgressPolicy, Resolver};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

const DATA_DIR: &str = ".payrelay";

#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// Where to serve; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where the state is kept [default: .payrelay, or nowhere with --demo].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Deliver as on AWS: over https to public addresses only.
    #[arg(long, conflicts_with = "demo")]
    strict_egress: bool,
    /// Send signed events of three providers to a built-in receiver and show what happens.
    #[arg(long)]
    demo: bool,
    /// The admin key [default: one is made, kept in the data directory and printed].
    #[arg(long, env = "PAYRELAY_ADMIN_KEY", hide_env_values = true, hide = true)]
    admin_key: Option<String>,
}

impl Dev {
    #[expect(clippy::disallowed_methods, reason = "a user's endpoints may have any name")]
    pub(crate) async fn run(self) -> Result<()> {
        let given = self.admin_key.map(SecretText::new);
        if let Some(key) = &given {
            AdminKeyHash::of(key).context("PAYRELAY_ADMIN_KEY can't be used")?;
        }
        let storage = match (&self.data_dir, self.demo) {
            (Some(directory), _) => Storage::directory(directory)?,
            (None, true) => Storage::Memory,
            (None, false) => Storage::directory(DATA_DIR)?,
        };
        let admin_key = match &given {
            Some(key) => key.clone(),
            None => storage.admin_key(&Entropy::system())?,
        };
        let listener = TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("{} can't be served", self.listen))?;
        let url = format!("http://{}", listener.local_addr()?);
        let egress = if self.strict_egress { EgressPolicy::strict() } else { loopback_egress() };
        let options = Options {
            storage,
            public_url: url.clone(),
            admin_key: admin_key.clone(),
            egress,
            resolver: Resolver::system(),
            detours: Detours::default(),
            roots: None,
            clock: Clock::system(),
            config_max_age: SignedDuration::ZERO,
            http_client: None,
        };
        // Before anything is announced: whoever reads `ready` may send a signal at once.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let stack = Arc::new(Stack::open(options).await?);
        let running = stack.start(listener);
        if given.is_none() {
            println!("admin key {}", admin_key.expose());
        }
        println!("ready {url}");
        if !self.demo {
            // For the AWS CLI and SDKs of who makes queues and event buses to deliver to.
            let engines = stack.engines();
            for (name, address) in [("sqs", &engines.sqs), ("eventbridge", &engines.eventbridge)] {
                println!("{name} {}", address.as_deref().unwrap_or_default());
            }
        }
        let waiting = stack.dead_letters_waiting()?;
        if waiting > 0 {
            println!("dead letters waiting: {waiting} (GET /v1/dead-letters)");
        }
        let work = async {
            if self.demo {
                demo::run(&stack, &url, &admin_key).await?;
            }
            std::future::pending::<Result<()>>().await
        };
        let outcome = tokio::select! {
            outcome = work => outcome,
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
        };
        running.stop().await;
        outcome
    }
}
