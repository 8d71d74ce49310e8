//! Servers with certificates of a test's own authority, which speak HTTP/2 (RFC 9113) as badly as they are told.
//!
//! The frames are written by hand: a library's server refuses to misbehave.

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use relay::{Client, EgressPolicy, Limits, Resolver};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

type Made = (CertificateDer<'static>, PrivateKeyDer<'static>);

/// All for `hooks.test`.
pub(super) struct Certificates {
    authority: Vec<u8>,
    pub(super) good: Made,
    pub(super) expired: Made,
    pub(super) not_yet_valid: Made,
    pub(super) self_signed: Made,
}

impl Certificates {
    pub(super) fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "the authority of the tests");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let between = |first_year, last_year| -> Result<Made> {
            let mut params = leaf()?;
            params.not_before = date_time_ymd(first_year, 1, 1);
            params.not_after = date_time_ymd(last_year, 1, 1);
            let key = KeyPair::generate()?;
            Ok((params.signed_by(&key, &authority)?.der().clone(), private(&key)?))
        };
        let key = KeyPair::generate()?;
        Ok(Self {
            good: between(2020, 2120)?,
            expired: between(2020, 2021)?,
            not_yet_valid: between(2120, 2121)?,
            self_signed: (leaf()?.self_signed(&key)?.der().clone(), private(&key)?),
            authority: authority.der().to_vec(),
        })
    }

    /// Trusts the authority; `hooks.test` and `other.test` are this machine.
    pub(super) fn client(&self) -> Result<Client> {
        let policy = EgressPolicy::from_allow_list("127.0.0.1/32", true)?;
        let resolver = Resolver::custom(|name| match name {
            "hooks.test" | "other.test" => Ok(vec![IpAddr::from(Ipv4Addr::LOCALHOST)]),
            _ => Err(io::Error::other("no such name")),
        });
        Ok(Client::trusting(policy, Limits::default(), resolver, [self.authority.clone()])?)
    }
}

fn leaf() -> Result<CertificateParams> {
    Ok(CertificateParams::new(["hooks.test".to_owned()])?)
}

fn private(key: &KeyPair) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misbehaviour {
    None,
    /// Without offering HTTP/2.
    NoneOverHttp1,
    Silence,
    Reset,
    GoAway,
    /// Forty headers of a KiB, in CONTINUATION frames.
    VastHeader,
    /// A little above the limit, in two frames.
    LargeHeader,
    EndlessBody,
    /// HTTP/1.1 after HTTP/2 was agreed on.
    Garbage,
}

/// Gives the port.
pub(super) async fn serve(
    servers: &mut JoinSet<()>,
    (certificate, key): &Made,
    behaviour: Misbehaviour,
) -> Result<u16> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.clone_key())?;
    if behaviour != Misbehaviour::NoneOverHttp1 {
        config.alpn_protocols = vec![b"h2".to_vec()];
    }
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    servers.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            // Whoever does not trust us hangs up, and whoever had enough.
            connections.spawn(async move { behave(acceptor.accept(stream).await?, behaviour).await });
        }
    });
    Ok(port)
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
const PREFACE_BYTES: usize = 24;
/// HPACK's static table has it (RFC 7541, appendix A).
const STATUS_200: u8 = 0x88;
const INTERNAL_ERROR: [u8; 4] = [0, 0, 0, 2];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length[..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header field that HPACK writes out and does not remember: `x-vast`, with a KiB of value.
fn vast_field() -> Vec<u8> {
    // A length of 1024 in a prefix of seven bits: 127, then 897 in groups of seven bits, lowest first.
    [&[0x00, 6][..], b"x-vast", &[0x7f, 0x81, 0x07], &[b'v'; 1024]].concat()
}

async fn behave(mut stream: TlsStream<TcpStream>, behaviour: Misbehaviour) -> io::Result<()> {
    if behaviour == Misbehaviour::NoneOverHttp1 {
        let _ = stream.read(&mut [0; 16 * 1024]).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nHTTP/1.1").await?;
        return stream.flush().await;
    }
    if behaviour == Misbehaviour::Garbage {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await?;
        stream.flush().await?;
        return pending().await;
    }
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    let request = request(&mut stream).await?;
    let answer = match behaviour {
        Misbehaviour::Reset => frame(RST_STREAM, 0, request, &INTERNAL_ERROR),
        Misbehaviour::GoAway => frame(GOAWAY, 0, 0, &[[0; 4], INTERNAL_ERROR].concat()),
        Misbehaviour::VastHeader => {
            let mut answer = frame(HEADERS, 0, request, &[STATUS_200]);
            for left in (0..40).rev() {
                let flags = if left == 0 { END_HEADERS } else { 0 };
                answer.extend(frame(CONTINUATION, flags, request, &vast_field()));
            }
            answer
        }
        Misbehaviour::LargeHeader => {
            let (first, rest) = (vast_field().repeat(10), vast_field().repeat(8));
            let mut answer = frame(HEADERS, 0, request, &[&[STATUS_200], &first[..]].concat());
            answer.extend(frame(CONTINUATION, END_HEADERS, request, &rest));
            answer
        }
        Misbehaviour::Silence => Vec::new(),
        _ => frame(HEADERS, END_HEADERS, request, &[STATUS_200]),
    };
    stream.write_all(&answer).await?;
    match behaviour {
        Misbehaviour::None => stream.write_all(&frame(DATA, END_STREAM, request, b"HTTP/2.0")).await?,
        Misbehaviour::EndlessBody => loop {
            stream.write_all(&frame(DATA, 0, request, &[b'x'; 8192])).await?;
        },
        _ => {}
    }
    stream.flush().await?;
    pending().await
}

/// Reads until a request's header has come. Gives its stream's number.
async fn request(stream: &mut TlsStream<TcpStream>) -> io::Result<u32> {
    stream.read_exact(&mut [0; PREFACE_BYTES]).await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let [high, middle, low, kind, flags, id @ ..] = head;
        let mut payload = vec![0; usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low)];
        stream.read_exact(&mut payload).await?;
        match kind {
            HEADERS => return Ok(u32::from_be_bytes(id)),
            SETTINGS if flags & ACK == 0 => stream.write_all(&frame(SETTINGS, ACK, 0, &[])).await?,
            _ => {}
        }
    }
}
