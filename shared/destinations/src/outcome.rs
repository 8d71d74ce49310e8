//! What an AWS service's answer is as an attempt's.

#[cfg(test)]
mod tests;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use relay::{Response, SendError};
use std::error::Error;
use std::sync::Arc;

/// What is told when a service refuses without a word.
const NO_CODE: &str = "Unknown";

/// The same for every service: their error types differ, how they fail does not.
///
/// A refusal is an answer, with the code and the text of the service, such as `AccessDenied: User … is not authorized to
/// perform: sqs:SendMessage`. Neither holds anything of what was sent.
pub(crate) fn of_error<E>(error: SdkError<E>) -> Result<Response, SendError>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match error {
        SdkError::ServiceError(refusal) => {
            let status = refusal.raw().status().as_u16();
            Ok(Response::of_service(status, &words(refusal.err().code(), refusal.err().message())))
        }
        SdkError::TimeoutError(_) => Err(SendError::Timeout),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Err(SendError::ConnectTimeout),
        SdkError::DispatchFailure(failure) if failure.is_io() => {
            Err(SendError::Reset(Arc::new(SdkError::<E>::DispatchFailure(failure))))
        }
        other => Err(SendError::Protocol(Arc::new(other))),
    }
}

/// As one line: the code first, for a machine may look for it.
pub(crate) fn words(code: Option<&str>, message: Option<&str>) -> String {
    let code = code.unwrap_or(NO_CODE);
    match message {
        Some(message) => format!("{code}: {message}"),
        None => code.to_owned(),
    }
}
