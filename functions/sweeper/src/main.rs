//! The sweeper on Lambda, called by a schedule.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use platform::{Settings, init_logs};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut settings = Settings::from_environment();
    init_logs(&settings);
    let deps = sweeper::Deps::from_settings(&mut settings);
    settings.check()?;
    let deps = &deps;
    run(service_fn(async |_: LambdaEvent<Value>| Ok::<_, Error>(sweeper::handle(deps).await?))).await
}
