//! Problems (RFC 9457): what a client is told, kept apart from why it happened.

use crate::Code;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use platform::VaultError;
use serde::Serialize;
use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;
use store::{StoreError, Unreadable};

/// Seconds. DynamoDB, SQS and KMS recover from throttling within moments.
const RETRY_AFTER_SECONDS: &str = "2";

/// What more is wrong is counted and not told: a body must not make an answer that is larger than itself.
pub const MAX_ERRORS: usize = 20;

/// The request's path is repeated up to here. (API Gateway's own limit for it and the headers is 10,240 bytes.)
const MAX_INSTANCE_BYTES: usize = 1024;

type Cause = Box<dyn Error + Send + Sync>;

/// An error on its way to the client. It becomes a body in [`crate::edge`], which knows the request.
#[derive(Debug)]
pub struct Problem {
    pub(crate) code: Code,
    pub(crate) detail: String,
    pub(crate) errors: Vec<FieldError>,
    pub(crate) cause: Option<Cause>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// One field or parameter that is wrong, and what is expected of it. The value is never repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    #[serde(flatten)]
    pub place: Place,
    /// A reason for machines, where there is more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    pub detail: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A JSON pointer (RFC 6901) into the body.
    Pointer(String),
    /// The name of a query parameter.
    Parameter(String),
}

impl FieldError {
    pub fn field(pointer: impl Into<String>, detail: impl ToString) -> Self {
        Self { place: Place::Pointer(pointer.into()), code: None, detail: detail.to_string() }
    }

    pub fn parameter(name: impl Into<String>, detail: impl ToString) -> Self {
        Self { place: Place::Parameter(name.into()), code: None, detail: detail.to_string() }
    }
}

impl Problem {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let headers = match code {
            Code::Unavailable => {
                vec![(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS))]
            }
            _ => Vec::new(),
        };
        Self { code, detail: detail.into(), errors: Vec::new(), cause: None, headers }
    }

    pub fn code(&self) -> Code {
        self.code
    }

    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "There is nothing by this id.")
    }

    /// `pointer` is where it should be.
    pub fn missing_field(pointer: impl Into<String>, name: &str) -> Self {
        let error = FieldError::field(pointer, "is required");
        Self::new(Code::MissingField, format!("The field `{name}` is missing.")).with_errors([error])
    }

    /// For what may work when it is tried again. `cause` is logged.
    pub fn unavailable(cause: impl Into<Cause>) -> Self {
        Self::new(Code::Unavailable, "A service that we need does not answer.").because(cause)
    }

    /// For what should not be possible. `cause` is logged.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::new(Code::Internal, "The cause is in our log.").because(cause)
    }

    #[must_use]
    pub fn because(mut self, cause: impl Into<Cause>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    #[must_use]
    pub fn with_errors(mut self, errors: impl IntoIterator<Item = FieldError>) -> Self {
        self.errors.extend(errors);
        self
    }

    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } => Self::unavailable(error),
            StoreError::Conflict => {
                Self::new(Code::Conflict, "The object was changed by somebody else at the same moment.")
            }
            StoreError::TooLarge => {
                Self::new(Code::PayloadTooLarge, "The object is larger than we can keep.")
            }
            StoreError::Corrupt(ref unreadable) => {
                Self::new(Code::Unreadable, unreadable_detail(unreadable)).because(error)
            }
        }
    }
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Unavailable { .. } => Self::unavailable(error),
            VaultError::Unopenable | VaultError::InvalidKeyFile => Self::internal(error),
        }
    }
}

/// Carries the problem to [`crate::edge`]; response extensions are `Clone`, a cause is not.
#[derive(Clone)]
pub(crate) struct Raised(pub(crate) Arc<Problem>);

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let mut response = self.code.status().into_response();
        for (name, value) in self.headers.drain(..) {
            response.headers_mut().append(name, value);
        }
        response.extensions_mut().insert(Raised(Arc::new(self)));
        response
    }
}

/// Without the cause, which may repeat what is stored.
pub(crate) fn unreadable_detail(unreadable: &Unreadable) -> String {
    let kind = unreadable.kind.replace('_', " ");
    format!("The {kind} is stored in a form that this release can't read. The cause is in our log.")
}

/// The body of a problem.
#[derive(Serialize)]
pub(crate) struct ProblemBody<'a> {
    #[serde(rename = "type")]
    problem_type: String,
    title: &'static str,
    status: u16,
    detail: Cow<'a, str>,
    instance: &'a str,
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    /// How many more there are.
    #[serde(skip_serializing_if = "is_zero")]
    errors_omitted: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl<'a> ProblemBody<'a> {
    pub(crate) fn new(problem: &'a Problem, instance: &'a str, request_id: &'a str) -> Self {
        let (errors, omitted) = problem.errors.split_at(problem.errors.len().min(MAX_ERRORS));
        Self {
            problem_type: problem.code.problem_type(),
            title: problem.code.title(),
            status: problem.code.status().as_u16(),
            detail: match omitted.len() {
                0 => Cow::Borrowed(&problem.detail),
                more => Cow::Owned(format!("{} {more} more are not shown.", problem.detail)),
            },
            instance: &instance[..instance.floor_char_boundary(MAX_INSTANCE_BYTES)],
            code: problem.code.as_str(),
            request_id,
            errors,
            errors_omitted: omitted.len(),
        }
    }
}
