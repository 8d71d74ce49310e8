//! The closed list of error codes. Each is documented at `/errors/{code}`, which is the `type` of its problems.

use axum::http::StatusCode;

macro_rules! codes {
    ($($variant:ident $name:literal $status:ident $title:literal $documentation:literal),* $(,)?) => {
        /// What went wrong, for machines. Part of the API: a code is never renamed, and never reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $documentation] $variant,)*
        }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];

            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $name),* }
            }

            pub fn status(self) -> StatusCode {
                match self { $(Code::$variant => StatusCode::$status),* }
            }

            /// The same for every problem of this code (RFC 9457 §3.1.3).
            pub fn title(self) -> &'static str {
                match self { $(Code::$variant => $title),* }
            }

            /// What it means and what to do.
            pub fn documentation(self) -> &'static str {
                match self { $(Code::$variant => $documentation),* }
            }
        }
    };
}

codes! {
    InvalidJson "invalid_json" BAD_REQUEST "The body is not JSON"
        "The request's body can't be parsed as JSON. `detail` gives line and column.",
    UnknownField "unknown_field" BAD_REQUEST "The body has a field that does not exist"
        "A misspelt field would otherwise be ignored in silence. `errors` names it by its JSON pointer. Fields that only answers have (`id`, `object`, `created_at`, ...) are not accepted in a request either.",
    MissingField "missing_field" BAD_REQUEST "The body lacks a field"
        "`errors` names the field by its JSON pointer.",
    InvalidField "invalid_field" BAD_REQUEST "A field has a value that is not accepted"
        "`errors` names every such field by its JSON pointer and says what is expected.",
    InvalidParameter "invalid_parameter" BAD_REQUEST "A query parameter is not accepted"
        "`errors` names every parameter that does not exist, is repeated, or has a value that is not accepted. A `cursor` is accepted only as it was answered, with the filters of the page that it came with.",
    MalformedWebhook "malformed_webhook" BAD_REQUEST "The webhook's body is not what its provider sends"
        "The signature is right, but the body can't be read as a notification of the source's provider.",
    Unauthorized "unauthorized" UNAUTHORIZED "No valid API key"
        "Send `Authorization: Bearer` and an API key. Unknown, expired and revoked keys are answered alike.",
    SignatureRejected "signature_rejected" UNAUTHORIZED "The webhook's signature was not accepted"
        "The signature is missing or malformed, matches none of the source's active secrets, or is too old. Compare the secret at the provider with the source's; `detail` says which check failed.",
    Forbidden "forbidden" FORBIDDEN "The API key lacks a scope"
        "`detail` names the scope. Scopes are fixed when a key is made: create another key.",
    NotFound "not_found" NOT_FOUND "There is nothing at this address"
        "The path does not exist, or nothing has this id (any more). Events and deliveries are kept for 90 days.",
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "The path does not take this method"
        "The `Allow` header lists the methods that it takes.",
    NotAcceptable "not_acceptable" NOT_ACCEPTABLE "The answer can't be given in an accepted format"
        "Answers are `application/json`; the request's `Accept` header excludes it.",
    Conflict "conflict" CONFLICT "The object's state does not allow this"
        "`detail` says why. If the object was changed by somebody else at the same moment, read it and try again.",
    PreconditionFailed "precondition_failed" PRECONDITION_FAILED "The object has changed since it was read"
        "The request's `If-Match` is not the object's current `ETag`. Read the object again, then decide.",
    PayloadTooLarge "payload_too_large" PAYLOAD_TOO_LARGE "The body is too large"
        "The limit is 256 KiB for API requests. A webhook may have 4,560 KiB, if it compresses to 756 KiB: it has to fit into one request of Lambda and one message of SQS. One that does not is kept in quarantine.",
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "The body's format is not accepted"
        "Bodies are JSON: send `Content-Type: application/json`.",
    EndpointUrlRefused "endpoint_url_refused" UNPROCESSABLE_ENTITY "Deliveries can't be sent to this URL"
        "An endpoint's URL is https with a public host. `errors` has the reason as a `code` of its own: `url_address_blocked` for private, loopback, link-local and other special addresses in any notation, `url_local_name`, `url_scheme`, `url_user_info`, `url_fragment`, and others. The address that a name resolves to is checked again at every delivery.",
    DeliveryLoop "delivery_loop" LOOP_DETECTED "Payrelay was sent its own delivery"
        "The URL of the endpoint is the webhook address of a source of the same Payrelay. The delivery would be recorded as an event, which would be delivered, and so on for ever. Give the endpoint the address of your own application.",
    Internal "internal" INTERNAL_SERVER_ERROR "Something went wrong on our side"
        "The cause is in the log under the problem's `request_id`.",
    Unreadable "unreadable" INTERNAL_SERVER_ERROR "What is stored can't be read"
        "The object exists, in a form that this release can't read; nothing else is affected. In a list such an object stands with its `id`, its `object` and this problem, whatever the filters: nobody can tell whether they match. The cause is in the log under the object's id.",
    Unavailable "unavailable" SERVICE_UNAVAILABLE "A service that we need does not answer"
        "Whether the request had its effect is not known. Try again after the seconds in `Retry-After`; before a second POST, look whether the first one made the object.",
}

impl Code {
    /// The address at which it is documented.
    pub(crate) fn problem_type(self) -> String {
        format!("/errors/{}", self.as_str())
    }

    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}
