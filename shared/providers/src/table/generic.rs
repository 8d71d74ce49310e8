//! Any provider that signs with an HMAC, sends a token or uses HTTP Basic: the source's settings say how, in the
//! words of [`crate::generic`].

use super::prelude::*;
use crate::generic;

pub(super) static GENERIC: Provider = Provider {
    id: "generic",
    name: "Generic (configured)",
    documentation: "https://www.rfc-editor.org/rfc/rfc2104",
    experimental: false,
    schemes: Schemes::Configured,
    accepted: OK,
    settings: SETTINGS,
    normalise: Normalise::Code { run: generic::notifications, expresses: EVERYTHING },
};

const fn setting(name: &'static str, values: SettingValues, description: &'static str) -> Setting {
    Setting { name, description, required: false, values }
}

const SETTINGS: &[Setting] = &[
    Setting {
        required: true,
        ..setting(
            "algorithm",
            // Not one of them is meant by its absence: it is required.
            SettingValues::OneOf(&["hmac-sha256", "hmac-sha512", "hmac-sha1", "token", "basic"]),
            "How the provider proves that a webhook is its own. `token` sends the secret as it is, `basic` as the \
             `user:password` of HTTP Basic: neither covers the body, so that events are recorded as `unverified`.",
        )
    },
    setting(
        "signature",
        SettingValues::Text,
        "Where the signature or the token stands: `header:NAME` (in lower case), `query:NAME`, or `form:NAME` for \
         a field of a form's body. Required but for `basic`.",
    ),
    setting(
        "layout",
        SettingValues::Text,
        "How it is laid out there: `{signature}`, which is meant when this is absent, behind a fixed text \
         (`sha256={signature}`), behind a timestamp (`{timestamp},{signature}`), or as elements with names in any \
         order (`t={timestamp},v1={signature}`; `v1,{signature} v1,{signature}` for a list of signatures alone). \
         Elements by other names are ignored.",
    ),
    setting(
        "encoding",
        SettingValues::OneOf(&["hex", "hex-any-case", "base64", "base64-of-hex"]),
        "How the signature is written; `hex` is in lower case. Required for an HMAC.",
    ),
    setting("key_encoding", SettingValues::OneOf(&["utf8", "hex", "base64"]), "How the secret is written."),
    setting(
        "key_prefix",
        SettingValues::Text,
        "Is cut off the secret, where it starts with it, before it is decoded.",
    ),
    setting(
        "signed",
        SettingValues::Text,
        "What is signed: text in which `{body}`, `{body_sha256}` (in hex), `{timestamp}`, `{url}` (the whole URL of \
         the request), `{key}`, `{header:NAME}`, `{query:NAME}` and `{form:NAME}` stand for their values, `{{` and \
         `}}` for braces. Required for an HMAC. Only with `{body}` or `{body_sha256}` do events count as verified, and only \
         if a header that `meanings` tell types by is signed too, and of a form nothing beside `{body}` but `{timestamp}`.",
    ),
    setting(
        "timestamp",
        SettingValues::Text,
        "Where the time of signing stands, if not in `layout`: a place as in `signature`. It must be signed.",
    ),
    setting(
        "timestamp_unit",
        SettingValues::OneOf(&["seconds", "milliseconds"]),
        "The timestamp's unit, since 1970.",
    ),
    setting(
        "tolerance_seconds",
        SettingValues::Text,
        "How far the timestamp may be from our clock, either way: 1 to 604800. Required where there is a timestamp.",
    ),
    setting(
        "body_format",
        SettingValues::OneOf(&["json", "form"]),
        "What the body is, as far as the following read it.",
    ),
    setting(
        "event_id",
        SettingValues::Text,
        "Where the notification's own id is. Without it a repeat is known by the body's SHA-256. This and the \
         following are paths, whose steps are separated by `.` (`data.items.0.id`); of several, separated by `,`, \
         the first counts that is there. This and `type` may also be `header:NAME`.",
    ),
    setting("type", SettingValues::Text, "Where the provider's name of what happened is. Absent: `unknown`."),
    setting("status", SettingValues::Text, "Where a status is that `meanings` refers to."),
    setting("time", SettingValues::Text, "When it happened."),
    setting(
        "time_format",
        SettingValues::OneOf(&["rfc3339", "seconds", "milliseconds"]),
        "How `time` is written: as text with a zone, or since 1970.",
    ),
    setting("payment", SettingValues::Text, "The provider's id of the payment."),
    setting("operation", SettingValues::Text, "The provider's id of the capture, refund or dispute."),
    setting("amount", SettingValues::Text, "The amount. Needs a currency."),
    setting(
        "amount_unit",
        SettingValues::OneOf(&["minor", "major"]),
        "Whether amounts are integers of the currency's smallest unit, or decimals of the currency.",
    ),
    setting("currency", SettingValues::Text, "The currency's code."),
    setting(
        "fixed_currency",
        SettingValues::Currency,
        "The currency of all amounts, where payloads don't say.",
    ),
    setting("merchant_reference", SettingValues::Text, "Your own reference of the payment."),
    setting(
        "meanings",
        SettingValues::Text,
        "What types mean, separated by commas: `TYPE=MEANING`, or `TYPE|STATUS=MEANING` for one status; `*` is any \
         type, and the first that fits counts. Anything else is recorded and relayed as `provider.other`.",
    ),
];
