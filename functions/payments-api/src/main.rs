//! Lambda: answers `/v1/payments` and `/v1/events`.

use http::RequestId;
use lambda_http::{Error, Request, RequestExt, request::RequestContext};
use payments_api::{Deps, service};
use platform::{Settings, init_logs};
use tower::util::MapRequest;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut settings = Settings::from_environment();
    init_logs(&settings);
    let deps = Deps::from_settings(&mut settings);
    settings.check()?;
    lambda_http::run(MapRequest::new(service(deps), with_gateway_id)).await
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
