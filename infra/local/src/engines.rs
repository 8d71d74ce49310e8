//! The embedded engines, each served on a loopback port of its own.

use crate::eventbridge::{self, EventBridge};
use crate::server::{self, serve};
use crate::sqs::{self, Sqs};
use crate::storage::Storage;
use anyhow::{Context, Result, anyhow};
use dynoxide::Database;
use platform::{AwsEndpoints, Clock};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The engines, served until this is dropped.
#[derive(Debug)]
pub(crate) struct Engines {
    pub(crate) sqs: Sqs,
    pub(crate) buses: EventBridge,
    pub(crate) sqs_address: SocketAddr,
    pub(crate) endpoints: AwsEndpoints,
    /// Nobody else opens its directory while the engines run.
    _storage: Storage,
    /// Dropping the sender ends the servers.
    _stop: watch::Sender<()>,
    _servers: JoinSet<()>,
}

impl Engines {
    pub(crate) async fn start(storage: &Storage, clock: &Clock) -> Result<Self> {
        let database = match storage.database("dynamodb.sqlite")? {
            None => Database::memory(),
            Some(path) => Database::new(path.to_str().context("the data directory's name is not UTF-8")?),
        };
        let database = database.map_err(|error| anyhow!("the DynamoDB engine does not start: {error}"))?;
        let now = clock.clone();
        let sqs = Sqs::open(storage.database("sqs.sqlite")?.as_deref())?
            .with_clock(Arc::new(move || now.now().as_millisecond()));

        let buses = EventBridge::open(storage.file("event-buses.json")?.as_deref(), clock.clone())
            .context("the event buses can't be read")?;

        let (stop, stopped) = watch::channel(());
        let dynamodb_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let sqs_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let sqs_address = sqs_listener.local_addr()?;
        let buses_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let endpoints = AwsEndpoints {
            dynamodb: Some(format!("http://{}", dynamodb_listener.local_addr()?)),
            eventbridge: Some(format!("http://{}", buses_listener.local_addr()?)),
            sqs: Some(format!("http://{sqs_address}")),
            kms: None,
        };
        let mut servers = JoinSet::new();
        let until = wait(stopped.clone());
        servers.spawn(async move {
            if let Err(error) =
                dynoxide::server::serve_with_shutdown(dynamodb_listener, database, until).await
            {
                tracing::error!(error, "the DynamoDB engine stopped");
            }
        });
        let (queues, event_buses) = (sqs::router(sqs.clone()), eventbridge::router(buses.clone()));
        servers.spawn(serve(sqs_listener, queues, server::IDLE, wait(stopped.clone())));
        servers.spawn(serve(buses_listener, event_buses, server::IDLE, wait(stopped)));
        Ok(Self {
            sqs,
            buses,
            sqs_address,
            endpoints,
            _storage: storage.clone(),
            _stop: stop,
            _servers: servers,
        })
    }

    pub(crate) fn queue_url(&self, name: &str) -> String {
        format!("http://{}/000000000000/{name}", self.sqs_address)
    }
}

async fn wait(mut stopped: watch::Receiver<()>) {
    // Nothing is ever sent: this ends when the sender is dropped.
    while stopped.changed().await.is_ok() {}
}
