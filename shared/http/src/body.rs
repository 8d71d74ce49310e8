//! JSON bodies. What is wrong with one is said by JSON pointer, and without repeating any value: a body may hold
//! secrets.

use crate::{Code, FieldError, Problem};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};
use std::error::Error;

/// 256 KiB: a thousand times what any of our objects needs.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// For each list and each object of a body, at any depth. A field may have a lower maximum of its own; what is more than this
/// is not even looked at, so that neither work nor answer grows with it.
pub const MAX_ENTRIES: usize = 100;
/// Names of members are repeated in JSON pointers.
pub const MAX_NAME_CHARS: usize = 256;

/// A body of JSON. `T` says `#[serde(deny_unknown_fields)]`.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(Code::UnsupportedMediaType, "Send `Content-Type: application/json`."));
        }
        let bytes = axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES).await.map_err(unreadable)?;
        parse(&bytes).map(Self)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn unreadable(error: axum::Error) -> Problem {
    let mut source: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(error) = source {
        if error.is::<LengthLimitError>() {
            return Problem::new(Code::PayloadTooLarge, format!("The limit is {MAX_BODY_BYTES} bytes."));
        }
        source = error.source();
    }
    Problem::new(Code::InvalidJson, "The body ended before it was complete.")
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let document: Value = serde_json::from_slice(bytes).map_err(|error| not_json(&error))?;
    // serde would read a list as a struct, field by field.
    if !document.is_object() {
        return Err(Problem::new(Code::InvalidField, "The body is not a JSON object.")
            .with_errors([FieldError::field("", "expected an object")]));
    }
    check_sizes(&document, "").map_err(|error| {
        Problem::new(Code::InvalidField, "A list or an object has too many entries.").with_errors([error])
    })?;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| refusal(error.inner(), error.path()))?;
    deserializer.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

/// No list and no object has more than [`MAX_ENTRIES`]; the first that has is told. (The parser allows a depth of 128.)
fn check_sizes(value: &Value, at: &str) -> Result<(), FieldError> {
    let count = value.as_array().map(Vec::len).or(value.as_object().map(Map::len)).unwrap_or_default();
    if count > MAX_ENTRIES {
        return Err(FieldError::field(at, format!("must have at most {MAX_ENTRIES} entries")));
    }
    if let Value::Array(entries) = value {
        let mut entries = entries.iter().enumerate();
        return entries.try_for_each(|(index, entry)| check_sizes(entry, &format!("{at}/{index}")));
    }
    value.as_object().into_iter().flatten().try_for_each(|(name, member)| {
        if name.chars().count() > MAX_NAME_CHARS {
            let detail = format!("has a name of more than {MAX_NAME_CHARS} characters");
            return Err(FieldError::field(at, detail));
        }
        check_sizes(member, &format!("{at}/{}", escaped(name)))
    })
}

fn not_json(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    Problem::new(Code::InvalidJson, format!("The body is not JSON: see line {line}, column {column}."))
}

/// serde tells what is wrong in words alone; a test holds the ones that this relies on.
fn refusal(error: &serde_json::Error, path: &Path) -> Problem {
    if !error.is_data() {
        return not_json(error);
    }
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    let named = |prefix: &str| text.strip_prefix(prefix)?.split('`').next();
    let at = pointer(path);
    if let Some(name) = named("missing field `") {
        Problem::missing_field(format!("{at}/{}", escaped(name)), name)
    } else if let Some(name) = named("unknown field `") {
        let error = FieldError::field(field_pointer(&at, name), "does not exist");
        Problem::new(Code::UnknownField, format!("The field `{name}` does not exist.")).with_errors([error])
    } else if let Some(name) = named("duplicate field `") {
        let error = FieldError::field(field_pointer(&at, name), "is given twice");
        Problem::new(Code::InvalidField, format!("The field `{name}` is given twice.")).with_errors([error])
    } else {
        Problem::new(Code::InvalidField, "A field has a value that is not accepted.")
            .with_errors([FieldError::field(at, expectation(text))])
    }
}

/// "invalid type: string \"…\", expected u64" says what was sent; only what is expected is passed on.
fn expectation(text: &str) -> String {
    let quotes_the_value =
        ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant "].iter();
    if quotes_the_value.clone().any(|prefix| text.starts_with(prefix)) {
        let expected = text.rsplit_once(", expected ").map_or("another value", |(_, expected)| expected);
        format!("expected {expected}")
    } else {
        text.to_owned() // from our own types, whose errors repeat no value
    }
}

/// The path may or may not end with the name already, depending on where serde noticed.
fn field_pointer(at: &str, name: &str) -> String {
    let last = format!("/{}", escaped(name));
    if at.ends_with(&last) { at.to_owned() } else { format!("{at}{last}") }
}

fn pointer(path: &Path) -> String {
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", escaped(key)),
            Segment::Enum { variant } => format!("/{}", escaped(variant)),
            Segment::Unknown => String::new(),
        })
        .collect()
}

/// RFC 6901 §3.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests;
