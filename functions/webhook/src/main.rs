//! The webhook function on Lambda.

use lambda_http::{Error, run};
use platform::{Settings, init_logs};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut settings = Settings::from_environment();
    init_logs(&settings);
    let deps = webhook::Deps::from_settings(&mut settings);
    settings.check()?;
    run(webhook::service(deps)).await
}
