//! What API Gateway does: hands each request to the function whose route it is.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use std::convert::Infallible;
use tower::ServiceExt;

/// The HTTP functions.
#[derive(Debug, Clone)]
pub(crate) struct Functions {
    pub(crate) webhook: Router,
    pub(crate) payments_api: Router,
    pub(crate) endpoints_api: Router,
    pub(crate) sources_api: Router,
}

/// The template's routes, by their beginnings. What matches none goes to a function that answers 404.
pub(crate) fn router(functions: Functions) -> Router {
    let route = async move |request: Request<Body>| -> Result<Response, Infallible> {
        let path = request.uri().path();
        let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| is_below(path, prefix));
        let function = if begins(&["/webhooks"]) {
            &functions.webhook
        } else if begins(&["/v1/endpoints", "/v1/deliveries", "/v1/replays"]) {
            &functions.endpoints_api
        } else if begins(&[
            "/v1/sources",
            "/v1/providers",
            "/v1/quarantine",
            "/v1/dead-letters",
            "/v1/api-keys",
        ]) {
            &functions.sources_api
        } else {
            &functions.payments_api
        };
        function.clone().oneshot(request).await
    };
    Router::new().fallback_service(tower::service_fn(move |request| {
        let route = route.clone();
        async move { route(request).await }
    }))
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
