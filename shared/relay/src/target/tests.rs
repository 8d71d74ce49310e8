use super::*;
use domain::EndpointId;
use serde_json::json;
use std::{convert::Infallible, future::ready};

const SECRET: &str = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
const OLD_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn secret(sealed: &str, expires_at: Option<&str>, public_key: Option<&str>) -> serde_json::Value {
    let id = format!("sec_{}", "0".repeat(26));
    let mut secret = json!({ "id": id, "hint": "", "sealed": sealed, "created_at": now() });
    for (name, value) in [("expires_at", expires_at), ("public_key", public_key)] {
        if let Some(value) = value {
            secret[name] = json!(value);
        }
    }
    secret
}

/// "Sealed" texts are in clear: what seals them is not this crate's concern.
fn endpoint(changes: serde_json::Value) -> Endpoint {
    let mut endpoint = json!({
        "id": EndpointId::mint([1; 16]), "destination": {"type": "http", "url": "https://shop.example/hooks?k=1"}, "name": "", "event_types": ["*"],
        "sources": [], "format": "standard", "status": "active", "secrets": [secret(SECRET, None, None)],
        "created_at": now(), "updated_at": now(),
    });
    for (name, value) in changes.as_object().unwrap() {
        endpoint[name] = value.clone();
    }
    serde_json::from_value(endpoint).unwrap()
}

async fn open(endpoint: &Endpoint) -> Result<Target, OpenError<Infallible>> {
    Target::open(endpoint, now(), |sealed| ready(Ok(sealed))).await
}

async fn sent(endpoint: &Endpoint, body: Body) -> Vec<(String, String)> {
    let signed = open(endpoint).await.unwrap().sign("dlv_1", now(), body).unwrap();
    let text = |(name, value): &(HeaderName, HeaderValue)| {
        (name.as_str().to_owned(), value.to_str().unwrap().to_owned())
    };
    signed.headers.iter().map(text).collect()
}

fn names(headers: &[(String, String)]) -> Vec<&str> {
    headers.iter().map(|(name, _)| name.as_str()).collect()
}

fn signature(headers: &[(String, String)]) -> Vec<&str> {
    let (_, value) = headers.iter().find(|(name, _)| name == "webhook-signature").unwrap();
    value.split(' ').map(|signature| signature.split(',').next().unwrap()).collect()
}

fn json_body() -> Body {
    Body::new("application/json", "{}".to_owned())
}

#[tokio::test]
async fn a_request_is_signed_for_each_scheme_by_each_secret_that_has_not_expired() {
    let key = SigningKey::generate([5; 32]);
    let public = key.public_text();
    let secrets = json!([
        secret(OLD_SECRET, Some("2026-11-22T12:00:01Z"), None),
        secret(OLD_SECRET, Some("2026-11-22T12:00:00Z"), None),
        secret(&key.to_text(), None, Some(&public)),
        secret(SECRET, None, None),
    ]);
    for (signing, expected) in [
        (json!(["v1"]), vec!["v1", "v1"]),
        (json!(["v1a"]), vec!["v1a"]),
        (json!(["v1", "v1a"]), vec!["v1", "v1", "v1a"]),
    ] {
        let headers = sent(&endpoint(json!({ "signing": signing, "secrets": secrets })), json_body()).await;
        assert_eq!(signature(&headers), expected);
    }
    let unsigned = open(&endpoint(json!({ "secrets": [] }))).await.unwrap();
    assert_eq!(unsigned.sign("dlv_1", now(), json_body()).unwrap_err(), SignError::NoSecret);
}

#[tokio::test]
async fn custom_headers_are_sent_and_kept_out_of_debug_output() {
    let sealed = json!({"authorization": "Bearer s3cret", "x-shop": "7"}).to_string();
    let endpoint = endpoint(json!({ "headers": { "shown": [], "sealed": sealed } }));
    let headers = sent(&endpoint, json_body()).await;
    let expected =
        ["content-type", "webhook-id", "webhook-timestamp", "webhook-signature", "authorization", "x-shop"];
    assert_eq!(names(&headers), expected);
    assert_eq!(headers[4].1, "Bearer s3cret");
    let target = open(&endpoint).await.unwrap();
    let outbound = target.sign("dlv_1", now(), json_body()).unwrap();
    assert!(!format!("{target:?} {:?} {:?}", outbound, outbound.headers).contains("s3cret"));
}

#[tokio::test]
async fn a_providers_request_keeps_its_headers_and_ours_step_aside_where_they_collide() {
    let stripe = [("content-type", "application/json; charset=utf-8"), ("stripe-signature", "t=1,v1=ab")];
    let polar = [("content-type", "application/json"), ("webhook-id", "msg_1"), ("webhook-timestamp", "1")];
    let odd = [("transfer-encoding", "chunked"), ("a b", "x"), ("x-signature", "a\nb"), ("host", "evil")];
    let original = |headers: &[(&str, &str)]| {
        let headers: Vec<_> = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Body::original(&headers, "raw")
    };
    let endpoint = endpoint(json!({
        "headers": { "shown": [], "sealed": json!({"stripe-signature": "mine"}).to_string() },
    }));
    let headers = sent(&endpoint, original(&stripe)).await;
    let ours = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    assert_eq!(names(&headers), [&["content-type", "stripe-signature"], &ours[..]].concat());
    assert_eq!(headers[1].1, "t=1,v1=ab", "the provider's, not the custom one");

    let headers = sent(&endpoint, original(&polar)).await;
    let moved = ["payrelay-webhook-id", "payrelay-webhook-timestamp", "payrelay-webhook-signature"];
    assert_eq!(names(&headers)[3..6], moved);
    assert_eq!((headers[1].1.as_str(), headers[3].1.as_str()), ("msg_1", "dlv_1"));

    let headers = sent(&endpoint, original(&odd)).await;
    assert_eq!(names(&headers)[..4], [&["payrelay-headers-left-out"], &ours[..]].concat());
    assert!(headers[0].1.contains("x-signature"), "{}", headers[0].1);
}

#[test]
fn a_client_can_set_its_own_headers_and_none_of_ours() {
    for name in ["authorization", "X-Api-Key", "cookie", "x-tenant"] {
        assert_eq!(check_header(name, "v").unwrap().as_str(), name.to_ascii_lowercase());
    }
    for name in [
        "host",
        "Content-Length",
        "content-type",
        "content-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
        "proxy-authorization",
        "user-agent",
        "webhook-id",
        "webhook-anything",
        "payrelay-webhook-id",
        "x-forwarded-for",
        "forwarded",
        "via",
        "ce-id",
        "date",
    ] {
        assert_eq!(check_header(name, "v").unwrap_err(), HeaderError::Reserved, "{name}");
    }
    for name in ["", "a b", "a:b", "é", "a\r\nb", &"a".repeat(65)] {
        assert_eq!(check_header(name, "v").unwrap_err(), HeaderError::Name, "{name:?}");
    }
    for value in ["", " a", "a ", "a\r\nx-injected: 1", "a\0", "é", &"a".repeat(1025)] {
        assert_eq!(check_header("x-key", value).unwrap_err(), HeaderError::Value, "{value:?}");
    }
    assert!(check_header("x-key", &format!("Bearer {}", "a".repeat(1017))).is_ok());
}

#[tokio::test]
async fn what_was_sealed_and_is_no_secret_is_an_error_and_not_an_unsigned_request() {
    let error = open(&endpoint(json!({ "secrets": [secret("whsec_short", None, None)] }))).await.unwrap_err();
    assert_eq!(error.to_string(), "the endpoint's secret is not what was checked when it was stored");
    let headers = json!({ "headers": { "shown": [], "sealed": "[]" } });
    assert!(matches!(open(&endpoint(headers)).await.unwrap_err(), OpenError::Invalid("headers")));
}
