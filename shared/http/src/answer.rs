//! Answers that are not problems.

use crate::IfNoneMatch;
use crate::etag::{etag, etag_of_variant};
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use domain::{SealedSecret, SecretId, serde_time, serde_time_option};
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// A page of a list.
#[derive(Debug, Serialize)]
pub struct List<T> {
    pub data: Vec<T>,
    /// `null` on the last page.
    pub next_cursor: Option<String>,
}

impl<T: Serialize> IntoResponse for List<T> {
    fn into_response(self) -> Response {
        json(StatusCode::OK, &self)
    }
}

/// A secret as it is shown after it was stored.
#[derive(Debug, Clone, Serialize)]
pub struct SecretView {
    pub id: SecretId,
    pub object: &'static str,
    pub hint: String,
    #[serde(with = "serde_time")]
    pub created_at: Timestamp,
    #[serde(with = "serde_time_option", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl From<&SealedSecret> for SecretView {
    fn from(secret: &SealedSecret) -> Self {
        Self {
            id: secret.id.clone(),
            object: "secret",
            hint: secret.hint.clone(),
            created_at: secret.created_at,
            expires_at: secret.expires_at,
        }
    }
}

/// 200 with the object and its `ETag`; 304 if the client has it.
pub fn ok<T: Serialize>(object: &T, revision: u64, known: Option<&IfNoneMatch>) -> Response {
    let mut response = if known.is_some_and(|known| known.has(revision)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        json(StatusCode::OK, object)
    };
    response.headers_mut().insert(header::ETAG, etag(revision));
    response
}

/// As [`ok`], for an object that shows more than what has this revision: `more`, if there is any.
pub fn ok_with<T: Serialize>(
    object: &T,
    revision: u64,
    more: Option<&impl Serialize>,
    known: Option<&IfNoneMatch>,
) -> Response {
    let Some(more) = more else { return ok(object, revision, known) };
    let digest = Sha256::digest(serde_json::to_vec(more).expect("plain data serialises"));
    let tag = etag_of_variant(revision, &HEXLOWER.encode(&digest[..4]));
    let is_known = known.is_some_and(|known| tag.to_str().is_ok_and(|tag| known.has_tag(tag)));
    let mut response =
        if is_known { StatusCode::NOT_MODIFIED.into_response() } else { json(StatusCode::OK, object) };
    response.headers_mut().insert(header::ETAG, tag);
    response
}

/// 201 with the object, its `ETag` and its `Location`.
pub fn created<T: Serialize>(object: &T, revision: u64, location: &str) -> Response {
    let mut response = json(StatusCode::CREATED, object);
    response.headers_mut().insert(header::ETAG, etag(revision));
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

pub fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// Any status with a JSON body.
pub fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    let bytes = serde_json::to_vec(body).expect("plain data serialises");
    let mut response = (status, Body::from(bytes)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
