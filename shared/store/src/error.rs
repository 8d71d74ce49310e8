//! What can go wrong at the table.

use crate::Unreadable;
use aws_sdk_dynamodb::error::SdkError;

type Cause = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The call failed or its answer was lost; its effect is unknown. Trying again is always safe.
    #[error("DynamoDB {operation} failed")]
    Unavailable {
        operation: &'static str,
        #[source]
        source: Cause,
    },
    /// The item is not as the caller read it: read again.
    #[error("the item was changed by somebody else")]
    Conflict,
    /// The item exceeds DynamoDB's 400 KB; trying again is pointless.
    #[error("the item is larger than DynamoDB takes")]
    TooLarge,
    /// The item can't be read by this version.
    #[error(transparent)]
    Corrupt(#[from] Unreadable),
}

impl StoreError {
    pub(crate) fn unavailable<E, R>(operation: &'static str) -> impl FnOnce(SdkError<E, R>) -> Self
    where
        SdkError<E, R>: std::error::Error + Send + Sync + 'static,
    {
        move |source| Self::Unavailable { operation, source: Box::new(source) }
    }

    pub(crate) fn corrupt(kind: &'static str, source: impl Into<Cause>) -> Self {
        Self::Corrupt(Unreadable::because(kind, source))
    }
}
