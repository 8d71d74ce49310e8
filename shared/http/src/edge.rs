//! The outermost layer: request ids, security headers, problems as bodies, and the one log line of a failure.

use crate::problem::{ProblemBody, Raised};
use crate::{Code, Problem};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use platform::Entropy;
use std::any::Any;
use std::error::Error;
use std::fmt::Write;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

const REQUEST_ID: &str = "x-request-id";

/// The id under which a request is logged. Put it into the request's extensions where the caller has one already
/// (API Gateway's); one is made otherwise. It is never taken from a header: a client could choose it.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Wraps a function's routes. Call it last.
pub fn edge(routes: Router, entropy: Entropy) -> Router {
    routes
        .fallback(async || Problem::new(Code::NotFound, "This path does not exist."))
        .method_not_allowed_fallback(async || {
            Problem::new(Code::MethodNotAllowed, "This path does not take this method.")
        })
        .layer(from_fn_with_state(entropy, serve))
}

async fn serve(State(entropy): State<Entropy>, request: Request, next: Next) -> Response {
    let request_id = match request.extensions().get::<RequestId>() {
        Some(RequestId(id)) => id.clone(),
        None => data_encoding::BASE64URL_NOPAD.encode(&entropy.bytes::<12>()),
    };
    let (method, uri) = (request.method().clone(), request.uri().clone());
    // Lambda's runtime would catch a panic as well, but answer with the gateway's own 500.
    let mut response = match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => Problem::internal(panic_text(panic.as_ref())).into_response(),
    };
    if let Some(problem) = problem_of(&mut response) {
        if problem.code.status().is_server_error() {
            tracing::error!(
                request_id,
                %method,
                path = uri.path(),
                code = problem.code.as_str(),
                error = problem.cause.as_deref().map(|cause| chain(cause)),
                "request failed"
            );
        }
        write_body(&mut response, &problem, &uri, &request_id);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, id);
    }
    // What is answered is somebody's payments: no cache between us and them may keep it.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The problem that a response stands for. A bare error status is one too: axum's own extractors answer in plain
/// text, and a route that uses one must not break the guarantee.
fn problem_of(response: &mut Response) -> Option<Arc<Problem>> {
    if let Some(Raised(problem)) = response.extensions_mut().remove::<Raised>() {
        return Some(problem);
    }
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    let code = Code::ALL.iter().copied().find(|code| code.status() == status);
    Some(Arc::new(match code {
        Some(Code::InvalidJson) | None if status.is_client_error() => {
            Problem::new(Code::InvalidParameter, "The request can't be read.")
        }
        Some(code) => Problem::new(code, code.title()),
        None => Problem::internal(format!("a handler answered {status}")),
    }))
}

fn write_body(response: &mut Response, problem: &Problem, uri: &Uri, request_id: &str) {
    let body = ProblemBody::new(problem, uri.path(), request_id);
    let bytes = serde_json::to_vec(&body).expect("plain data serialises");
    *response.status_mut() = problem.code.status();
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    *response.body_mut() = Body::from(bytes);
}

/// The error and its sources, outermost first.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let _ = write!(text, ": {error}"); // writing to a String does not fail
        source = error.source();
    }
    text
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let message =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", message.unwrap_or("no message"))
}

#[cfg(test)]
mod tests;
