//! The REST edge: what every function that answers a client has in common.
//!
//! **Guarantees:** every error, an unknown path and a panic included, is a problem (RFC 9457) with one of a
//! closed list of codes ([`Code`]) and the id of its request; its cause goes to the log and never to the client.
//! A route that is added to [`Routes`] is behind an API key and its scope unless it is added as public. No
//! answer and no log line repeats a header or a body that a client sent.

mod accept;
mod answer;
mod auth;
mod body;
mod checks;
mod code;
mod cursor;
mod edge;
mod etag;
mod extract;
mod lambda;
mod page;
mod params;
mod problem;
mod routes;
mod walk;

pub use answer::{List, SecretView, created, json, no_content, ok, ok_with};
pub use auth::{Authenticator, NewKey};
pub use body::{Json, MAX_BODY_BYTES, MAX_ENTRIES, MAX_NAME_CHARS};
pub use checks::Checks;
pub use code::Code;
pub use cursor::{Cursors, Listing};
pub use edge::{RequestId, edge};
pub use etag::{IfMatch, IfNoneMatch};
pub use extract::Path;
pub use lambda::run_on_lambda;
pub use page::{ItemProblem, LARGEST_ANSWER, MAX_ANSWER_WEIGHT, Paged, Paging, weight};
pub use params::Params;
pub use problem::{FieldError, MAX_ERRORS, Place, Problem};
pub use routes::{Operation, Routes};
pub use walk::{page_of, walk};
