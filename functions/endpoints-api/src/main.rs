//! Lambda: answers `/v1/endpoints` and `/v1/deliveries`.

use endpoints_api::{Deps, service};
use platform::{Settings, init_logs};
use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut settings = Settings::from_environment();
    init_logs(&settings);
    let deps = Deps::from_settings(&mut settings);
    settings.check()?;
    let deps = deps?;
    http::run_on_lambda(service(deps)).await
}
