//! Lambda: answers `/v1/sources`, `/v1/providers`, `/v1/quarantine`, `/v1/dead-letters` and `/v1/api-keys`.

use platform::{Settings, init_logs};
use sources_api::{Deps, service};
use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut settings = Settings::from_environment();
    init_logs(&settings);
    let deps = Deps::from_settings(&mut settings);
    settings.check()?;
    http::run_on_lambda(service(deps)).await
}
