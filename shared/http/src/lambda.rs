//! A service on Lambda, behind API Gateway's HTTP API.

use crate::RequestId;
use axum::Router;
use lambda_http::{Error, Request, RequestExt, request::RequestContext};
use tower::util::MapRequest;

/// Answers invocations until Lambda ends the process.
pub async fn run_on_lambda(service: Router) -> Result<(), Error> {
    lambda_http::run(MapRequest::new(service, with_gateway_id)).await
}

/// The id under which API Gateway logs the request is the one that our answers and logs name.
fn with_gateway_id(mut request: Request) -> Request {
    if let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref()
        && let Some(id) = context.request_id.clone()
    {
        request.extensions_mut().insert(RequestId(id));
    }
    request
}
