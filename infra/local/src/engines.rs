//! The embedded engines, each served on a loopback port of its own.

use crate::eventbridge::{self, EventBridge};
use crate::sqs::{self, Sqs};
use anyhow::{Context, Result, anyhow};
use dynoxide::Database;
use platform::{AwsEndpoints, Clock, Entropy, SecretText};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Where the state is.
#[derive(Debug, Clone)]
pub enum Storage {
    Memory,
    /// A directory, made if absent. What is in it survives SIGKILL.
    Directory(PathBuf),
}

impl Storage {
    fn file(&self, name: &str) -> Result<Option<PathBuf>> {
        match self {
            Self::Memory => Ok(None),
            Self::Directory(directory) => {
                std::fs::create_dir_all(directory)
                    .with_context(|| format!("the data directory {} can't be made", directory.display()))?;
                Ok(Some(directory.join(name)))
            }
        }
    }

    /// The admin key of this storage, made at first use.
    pub fn admin_key(&self, entropy: &Entropy) -> Result<SecretText> {
        self.secret_file("admin.key", || format!("prk_admin_{}", entropy.secret_text().expose()))
            .map(SecretText::new)
    }

    /// The text in a file of the directory that only its owner can read, made by `new` if it is not there.
    pub(crate) fn secret_file(&self, name: &str, new: impl FnOnce() -> String) -> Result<String> {
        let Some(path) = self.file(name)? else { return Ok(new()) };
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let text = new();
                write_private(&path, &text)
                    .with_context(|| format!("{} can't be written", path.display()))?;
                Ok(text)
            }
            Err(error) => Err(error).with_context(|| format!("{} can't be read", path.display())),
        }
    }
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// The engines, served until this is dropped.
#[derive(Debug)]
pub(crate) struct Engines {
    pub(crate) sqs: Sqs,
    pub(crate) buses: EventBridge,
    pub(crate) sqs_address: SocketAddr,
    pub(crate) endpoints: AwsEndpoints,
    /// Dropping the sender ends the servers.
    _stop: watch::Sender<()>,
    _servers: JoinSet<()>,
}

impl Engines {
    pub(crate) async fn start(storage: &Storage, clock: &Clock) -> Result<Self> {
        let database = match storage.file("dynamodb.sqlite")? {
            None => Database::memory(),
            Some(path) => Database::new(path.to_str().context("the data directory's name is not UTF-8")?),
        };
        let database = database.map_err(|error| anyhow!("the DynamoDB engine does not start: {error}"))?;
        let now = clock.clone();
        let sqs = Sqs::open(storage.file("sqs.sqlite")?.as_deref())?
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
        let router = sqs::router(sqs.clone());
        let until = stopped.clone();
        servers.spawn(async move {
            let server = axum::serve(sqs_listener, router).with_graceful_shutdown(wait(until));
            if let Err(error) = server.await {
                tracing::error!(error = &error as &dyn std::error::Error, "the SQS engine stopped");
            }
        });
        let router = eventbridge::router(buses.clone());
        servers.spawn(async move {
            let server = axum::serve(buses_listener, router).with_graceful_shutdown(wait(stopped));
            if let Err(error) = server.await {
                tracing::error!(error = &error as &dyn std::error::Error, "the EventBridge engine stopped");
            }
        });
        Ok(Self { sqs, buses, sqs_address, endpoints, _stop: stop, _servers: servers })
    }

    pub(crate) fn queue_url(&self, name: &str) -> String {
        format!("http://{}/000000000000/{name}", self.sqs_address)
    }
}

async fn wait(mut stopped: watch::Receiver<()>) {
    // Nothing is ever sent: this ends when the sender is dropped.
    while stopped.changed().await.is_ok() {}
}
