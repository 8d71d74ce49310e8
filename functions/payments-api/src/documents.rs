//! The documents that explain the API. They need no key.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http::{Code, List, Path, Problem};
use serde::Serialize;

const OPENAPI: &str = include_str!("../../../infra/openapi.json");

pub(crate) async fn openapi() -> Response {
    let mut response = OPENAPI.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The documentation of an error code.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorView {
    id: &'static str,
    object: &'static str,
    status: u16,
    title: &'static str,
    documentation: &'static str,
}

impl From<Code> for ErrorView {
    fn from(code: Code) -> Self {
        Self {
            id: code.as_str(),
            object: "error",
            status: code.status().as_u16(),
            title: code.title(),
            documentation: code.documentation(),
        }
    }
}

pub(crate) async fn errors() -> List<ErrorView> {
    List { data: Code::ALL.iter().copied().map(ErrorView::from).collect(), next_cursor: None }
}

pub(crate) async fn error(Path(code): Path<String>) -> Result<Response, Problem> {
    let code = Code::find(&code).ok_or_else(Problem::not_found)?;
    Ok(http::json(StatusCode::OK, &ErrorView::from(code)))
}
