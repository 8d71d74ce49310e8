//! The keeper of dead letters on Lambda.

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use platform::{Settings, init_logs};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut settings = Settings::from_environment();
    init_logs(&settings);
    let deps = dead_letters::Deps::from_settings(&mut settings);
    settings.check()?;
    let deps = &deps;
    run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        Ok::<_, Error>(dead_letters::handle(deps, event.payload).await)
    }))
    .await
}
