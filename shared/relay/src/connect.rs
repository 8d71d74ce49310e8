//! The connector: resolves the name, checks every address, opens the socket, sets up TLS.
//!
//! **Guarantee:** a socket is opened only to an address that came out of the one look-up made here and that the
//! policy accepts, and to no port of another service. One refused address refuses the name: whoever mixes a public and a private address in one
//! answer hopes that we try the second.
//!
//! hyper-util's own `HttpConnector` is not used: it resolves through a trait in which a refusal is just another
//! DNS error, and connects literal addresses without asking anyone.

#[cfg(test)]
mod tests;

use crate::{EgressPolicy, SendError};
use hyper::Uri;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, ConfigBuilder, WantsVerifier, client::WantsClientCert, crypto::ring};
use std::{
    error::Error,
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};
use tower::Service;

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, SendError>> + Send>>;

/// Made once per process: the embedded roots are about 150 trust anchors, and the session cache in here is what
/// makes the next handshake with the same endpoint short.
static TLS: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| tls_config(ConfigBuilderExt::with_webpki_roots));

/// HTTP/2 where the server offers it. `trust` says whose certificates are good.
pub(crate) fn tls_config(
    trust: impl FnOnce(ConfigBuilder<ClientConfig, WantsVerifier>) -> ConfigBuilder<ClientConfig, WantsClientCert>,
) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring implements TLS 1.2 and 1.3");
    let mut config = trust(builder).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

type LookUp = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// Who turns names into addresses. There is no default: `clippy.toml` lets only the deployed functions and the
/// command-line tool ask the system.
#[derive(Clone)]
pub struct Resolver(Source);

#[derive(Clone)]
enum Source {
    System,
    Custom(Arc<LookUp>),
}

impl Resolver {
    /// `getaddrinfo`, on tokio's blocking threads.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// For tests and simulations: a function from the name, without its final dot, to its addresses.
    pub fn custom(resolve: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        Self(Source::Custom(Arc::new(resolve)))
    }

    /// Knows `localhost` and no other name, so that a test asks nobody outside its machine.
    pub fn this_machine() -> Self {
        Self::custom(|name| match name {
            "localhost" => Ok(vec![IpAddr::from(Ipv4Addr::LOCALHOST)]),
            _ => Err(io::Error::other("no name is looked up here")),
        })
    }

    /// `absolute` keeps the machine's search domains and its hosts file out of it.
    #[expect(clippy::disallowed_methods, reason = "the one place where the system is asked for a name")]
    async fn resolve(&self, name: &str, port: u16, absolute: bool) -> io::Result<Vec<SocketAddr>> {
        let bare = name.strip_suffix('.').unwrap_or(name);
        match &self.0 {
            Source::System if absolute => {
                Ok(tokio::net::lookup_host((format!("{bare}."), port)).await?.collect())
            }
            Source::System => Ok(tokio::net::lookup_host((name, port)).await?.collect()),
            Source::Custom(resolve) => {
                Ok(resolve(bare)?.into_iter().map(|address| SocketAddr::new(address, port)).collect())
            }
        }
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System => "System",
            Source::Custom(_) => "Custom(..)",
        })
    }
}

/// TCP to a checked address.
#[derive(Debug, Clone)]
pub(crate) struct Dialer {
    pub(crate) policy: Arc<EgressPolicy>,
    pub(crate) resolver: Resolver,
    pub(crate) resolve_timeout: Duration,
    pub(crate) connect_timeout: Duration,
}

impl Dialer {
    #[expect(clippy::disallowed_methods, reason = "these are addresses, and checked ones")]
    async fn dial(self, uri: Uri) -> Result<TokioIo<TcpStream>, SendError> {
        let addresses = self.checked_addresses(&uri).await?;
        let share = self.connect_timeout / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let mut outcome = Err(SendError::Dns(Arc::new(io::Error::other("the name has no address"))));
        for address in addresses {
            outcome = match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return no_delay(stream).map(TokioIo::new),
                Ok(Err(error)) => Err(connect_error(error)),
                Err(_) => Err(SendError::ConnectTimeout),
            };
        }
        outcome
    }

    async fn checked_addresses(&self, uri: &Uri) -> Result<Vec<SocketAddr>, SendError> {
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        EgressPolicy::check_port(port).map_err(SendError::Url)?;
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let addresses = match literal.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => {
                let lookup = self.resolver.resolve(host, port, self.policy.is_strict_about_names());
                let late = |_| SendError::Dns(Arc::new(io::Error::from(io::ErrorKind::TimedOut)));
                timeout(self.resolve_timeout, lookup)
                    .await
                    .map_err(late)?
                    .map_err(|e| SendError::Dns(Arc::new(e)))?
            }
        };
        for address in &addresses {
            self.policy.check_ip(address.ip()).map_err(SendError::Blocked)?;
        }
        Ok(addresses)
    }
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<TcpStream>;
    type Error = SendError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().dial(uri))
    }
}

/// TLS over [`Dialer`], and the connect timeout around both.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    https: HttpsConnector<Dialer>,
    connect_timeout: Duration,
}

impl Connector {
    pub(crate) fn new(dialer: Dialer) -> Self {
        Self::with_tls(dialer, Arc::clone(&TLS))
    }

    pub(crate) fn with_tls(dialer: Dialer, tls: Arc<ClientConfig>) -> Self {
        Self { connect_timeout: dialer.connect_timeout, https: HttpsConnector::from((dialer, tls)) }
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = SendError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = timeout(self.connect_timeout, self.https.call(uri));
        Box::pin(async move {
            match connecting.await {
                Ok(Ok(stream)) => Ok(stream),
                Ok(Err(error)) => Err(own_or_tls(error)),
                Err(_) => Err(SendError::ConnectTimeout),
            }
        })
    }
}

/// Whatever fails in `HttpsConnector` without being the dialer's is the handshake's.
fn own_or_tls(error: Box<dyn Error + Send + Sync>) -> SendError {
    match error.downcast::<SendError>() {
        Ok(own) => *own,
        Err(handshake) => SendError::Tls(Arc::from(handshake)),
    }
}

fn no_delay(stream: TcpStream) -> Result<TcpStream, SendError> {
    stream.set_nodelay(true).map_err(connect_error)?;
    Ok(stream)
}

fn connect_error(error: io::Error) -> SendError {
    match error.kind() {
        io::ErrorKind::TimedOut => SendError::ConnectTimeout,
        io::ErrorKind::ConnectionReset => SendError::Reset(Arc::new(error)),
        _ => SendError::Refused(Arc::new(error)),
    }
}
