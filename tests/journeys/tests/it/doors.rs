//! Who gets in: the admin key, over sockets, as HTTP/1.1 and HTTP/2 carry it.

use anyhow::Result;
use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, Version, header};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use journeys::{ADMIN_KEY, App};
use tokio::net::TcpListener;

/// `Bearer ` keeps its space in HTTP/2; HTTP/1.1 takes it away.
#[tokio::test]
async fn an_empty_or_short_key_is_nobodys_over_http_1_and_2() -> Result<()> {
    let app = App::start().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/v1/payments", listener.local_addr()?);
    let running = app.stack.start(listener);
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let client =
            Client::builder(TokioExecutor::new()).http2_only(version == Version::HTTP_2).build_http::<Body>();
        let status = async |value: &[u8]| -> Result<(Version, StatusCode)> {
            let request = Request::get(&url).version(version);
            let request = request.header(header::AUTHORIZATION, HeaderValue::from_bytes(value)?);
            let answer = client.request(request.body(Body::empty())?).await?;
            Ok((answer.version(), answer.status()))
        };
        for value in ["", "Bearer", "Bearer ", "Bearer  ", "Bearer x", "Bearer \t", " Bearer ", "bearer k k"]
        {
            assert_eq!(status(value.as_bytes()).await?, (version, StatusCode::UNAUTHORIZED), "{value:?}");
        }
        let short = &ADMIN_KEY[..31];
        assert_eq!(status(format!("Bearer {short}").as_bytes()).await?, (version, StatusCode::UNAUTHORIZED));
        assert_eq!(status(format!("Bearer {ADMIN_KEY}").as_bytes()).await?, (version, StatusCode::OK));
    }
    running.stop().await;
    Ok(())
}
