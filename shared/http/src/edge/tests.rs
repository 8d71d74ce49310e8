use super::*;
use crate::FieldError;
use axum::body::to_bytes;
use axum::http::{Method, StatusCode};
use axum::routing::get;
use serde_json::{Value, json};
use std::fmt;
use tower::ServiceExt;

#[derive(Debug)]
struct Inner;

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the inner cause")
    }
}

impl Error for Inner {}

async fn answer(method: Method, path: &str, id: Option<&str>) -> (Response<()>, Value) {
    let routes = Router::new()
        .route("/fine", get(async || "fine"))
        .route("/secret", get(async || Problem::unavailable(Inner)))
        .route("/panic", get(async || -> &'static str { panic!("at the disco") }))
        .route("/plain", get(async || (StatusCode::UNSUPPORTED_MEDIA_TYPE, "axum's own words")))
        .route(
            "/many",
            get(async || {
                let errors = (0..60_000).map(|index| FieldError::field(format!("/a/{index}"), "is odd"));
                Problem::new(Code::InvalidField, "See errors.").with_errors(errors)
            }),
        )
        .route(
            "/fields",
            get(async || {
                Problem::new(Code::InvalidField, "See errors.")
                    .with_errors([FieldError::field("/a", "is odd"), FieldError::parameter("b", "is even")])
            }),
        );
    let mut request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
    if let Some(id) = id {
        request.extensions_mut().insert(RequestId(id.to_owned()));
    }
    let response = edge(routes, Entropy::system()).oneshot(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.expect("in memory");
    (Response::from_parts(parts, ()), serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let (response, body) = answer(Method::GET, "/nowhere?key=hidden", Some("r-1")).await;
    assert_eq!(response.status(), 404);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(
        body,
        json!({
            "type": "/errors/not_found", "title": "There is nothing at this address", "status": 404,
            "detail": "This path does not exist.", "instance": "/nowhere", "code": "not_found",
            "request_id": "r-1",
        })
    );
    let (response, body) = answer(Method::POST, "/fine", None).await;
    assert_eq!(
        (response.status(), &body["code"]),
        (StatusCode::METHOD_NOT_ALLOWED, &json!("method_not_allowed"))
    );
    assert_eq!(response.headers()["allow"], "GET,HEAD");
}

#[tokio::test]
async fn every_answer_has_an_id_and_is_not_cached() {
    let (response, _) = answer(Method::GET, "/fine", Some("gateway-1")).await;
    assert_eq!(response.headers()["x-request-id"], "gateway-1");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let (response, body) = answer(Method::GET, "/secret", None).await;
    assert_eq!(response.headers()["x-request-id"], body["request_id"].as_str().expect("an id"));
}

#[tokio::test]
async fn causes_and_panics_are_not_shown() {
    let (response, body) = answer(Method::GET, "/secret", None).await;
    assert_eq!((response.status().as_u16(), &body["code"]), (503, &json!("unavailable")));
    assert_eq!(response.headers()["retry-after"], "2");
    assert!(!body.to_string().contains("inner"));
    let (response, body) = answer(Method::GET, "/panic", None).await;
    assert_eq!((response.status().as_u16(), &body["code"]), (500, &json!("internal")));
    assert!(!body.to_string().contains("disco"));
}

#[tokio::test]
async fn an_error_in_plain_text_becomes_a_problem() {
    let (response, body) = answer(Method::GET, "/plain", None).await;
    assert_eq!((response.status().as_u16(), &body["code"]), (415, &json!("unsupported_media_type")));
    assert_eq!(response.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn errors_point_at_fields_and_parameters() {
    let (_, body) = answer(Method::GET, "/fields", None).await;
    assert_eq!(
        body["errors"],
        json!([{"pointer": "/a", "detail": "is odd"}, {"parameter": "b", "detail": "is even"}])
    );
}

#[test]
fn the_chain_is_logged_outermost_first() {
    #[derive(Debug)]
    struct Outer(Inner);
    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer")
        }
    }
    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
    assert_eq!(chain(&Outer(Inner)), "outer: the inner cause");
}

#[tokio::test]
async fn at_most_twenty_errors_are_told_and_how_many_more_there_are() {
    let (_, body) = answer(Method::GET, "/many", None).await;
    let errors = body["errors"].as_array().expect("a list");
    assert_eq!((errors.len(), &errors[19]["pointer"]), (20, &json!("/a/19")));
    assert_eq!(body["errors_omitted"], 59_980);
    assert_eq!(body["detail"], "See errors. 59980 more are not shown.");
    let (_, few) = answer(Method::GET, "/fields", None).await;
    assert_eq!((few["errors"].as_array().map(Vec::len), few.get("errors_omitted")), (Some(2), None));
}

#[tokio::test]
async fn a_long_path_is_not_repeated_whole() {
    let (response, body) = answer(Method::GET, &format!("/{}", "n".repeat(60_000)), None).await;
    assert_eq!(response.status(), 404);
    assert_eq!(body["instance"].as_str().map(str::len), Some(1024));
}
