//! Lambda: answers `/webhooks/{source_id}`.

use platform::{Settings, init_logs};
use std::error::Error;
use webhook::{Deps, service};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut settings = Settings::from_environment();
    init_logs(&settings);
    let deps = Deps::from_settings(&mut settings);
    settings.check()?;
    http::run_on_lambda(service(deps)).await
}
