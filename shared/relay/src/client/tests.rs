//! TLS with a certificate of our own, which only a client made inside the crate can trust.

use super::*;
use domain::FailureKind;
use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use std::{convert::Infallible, net::Ipv4Addr};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

struct TlsServer {
    port: u16,
    certificate: CertificateDer<'static>,
    accepting: JoinHandle<()>,
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Offers `protocols` for ALPN. The body of its answer is the HTTP version and the name that was asked for.
#[expect(clippy::disallowed_methods, reason = "a test's server is a task beside it")]
async fn serve(name: &str, protocols: &[&str]) -> TlsServer {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepting = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust us hangs up.
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let session = stream.get_ref().1;
            let name = session.server_name().unwrap_or_default().to_owned();
            let is_http2 = session.alpn_protocol() == Some(b"h2");
            let service = service_fn(move |request: Request<Incoming>| {
                let text = format!("{:?} {name}", request.version());
                async move { Ok::<_, Infallible>(hyper::Response::new(Full::new(Bytes::from(text)))) }
            });
            // How the client leaves is not this server's concern.
            let _ = if is_http2 {
                http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await
            } else {
                http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
            };
        }
    });
    TlsServer { port, certificate: cert.der().clone(), accepting }
}

fn loopback() -> (EgressPolicy, Limits, Resolver) {
    let policy = EgressPolicy::from_allow_list("127.0.0.1/32", false).unwrap();
    let limits = Limits { total_timeout: Duration::from_secs(2), ..Limits::default() };
    (policy, limits, Resolver::custom(|_| Ok(vec![Ipv4Addr::LOCALHOST.into()])))
}

fn trusting(certificate: &CertificateDer<'static>) -> Client {
    let (policy, limits, resolver) = loopback();
    Client::trusting(policy, limits, resolver, [certificate.to_vec()]).unwrap()
}

async fn post(client: &Client, host: &str, port: u16) -> Answer {
    let url = format!("https://{host}:{port}/").parse().unwrap();
    client.post(Outbound { url, headers: Vec::new(), body: Bytes::new() }).await
}

#[tokio::test]
async fn the_name_of_the_url_is_asked_for_and_verified_though_the_address_was_resolved_here() {
    let server = serve("hooks.example.com", &[]).await;
    let answer = post(&trusting(&server.certificate), "hooks.example.com", server.port).await;
    let response = answer.outcome.unwrap();
    assert_eq!((response.status, response.excerpt.as_str()), (200, "HTTP/1.1 hooks.example.com"));
}

#[tokio::test]
async fn http2_is_spoken_where_it_is_offered() {
    let server = serve("hooks.example.com", &["h2", "http/1.1"]).await;
    let client = trusting(&server.certificate);
    for _ in 0..2 {
        let response = post(&client, "hooks.example.com", server.port).await.outcome.unwrap();
        assert_eq!((response.status, response.excerpt.as_str()), (200, "HTTP/2.0 hooks.example.com"));
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let server = serve("hooks.example.com", &[]).await;
    let answer = post(&trusting(&server.certificate), "other.example.com", server.port).await;
    assert_eq!(answer.outcome.unwrap_err().kind(), FailureKind::Tls);
}

#[tokio::test]
async fn a_certificate_from_an_unknown_issuer_is_refused_and_the_owner_is_told_why() {
    let server = serve("hooks.example.com", &[]).await;
    let (policy, limits, resolver) = loopback();
    let client = Client::new(policy, limits, resolver);
    let error = post(&client, "hooks.example.com", server.port).await.outcome.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Tls);
    assert_eq!(error.public_text(), "TLS could not be set up: invalid peer certificate: UnknownIssuer");
}

#[test]
fn what_is_no_certificate_is_not_a_root() {
    let (policy, limits, resolver) = loopback();
    let refused = Client::trusting(policy, limits, resolver, [b"-----BEGIN".to_vec()]);
    assert_eq!(refused.unwrap_err().to_string(), "the root is not a certificate in DER");
}

#[test]
fn debug_output_shows_neither_headers_nor_body_nor_query() {
    let outbound = Outbound {
        url: "https://hooks.example.com/s3cret?token=s3cret".parse().unwrap(),
        headers: vec![(header::AUTHORIZATION, HeaderValue::from_static("Bearer s3cret"))],
        body: Bytes::from_static(b"s3cret"),
    };
    assert_eq!(format!("{outbound:?}"), "Outbound { host: \"hooks.example.com\", body_bytes: 6, .. }");
}
