//! Lambda: answers `/v1/payments` and `/v1/events`.

use payments_api::{Deps, service};
use platform::{Settings, init_logs};
use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut settings = Settings::from_environment();
    init_logs(&settings);
    let deps = Deps::from_settings(&mut settings);
    settings.check()?;
    http::run_on_lambda(service(deps)).await
}
