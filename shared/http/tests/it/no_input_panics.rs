//! Whatever a client sends as cursor, entity tag, parameters or body, it ends in an answer: never in a panic, which the
//! edge would show as a 500, and never in an answer that says what was sent.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::post;
use domain::{PaymentStatus, SourceId};
use http::{Code, Cursors, IfMatch, IfNoneMatch, Json, Listing, Params, Problem};
use platform::Entropy;
use proptest::collection::vec;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use tower::ServiceExt;

const REVISION: u64 = 3;
/// What no answer may repeat.
const HIDDEN: &str = "hidden-from-answers";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Thing {
    name: String,
    #[serde(default)]
    sizes: Vec<u64>,
    #[serde(default)]
    source: Option<SourceId>,
    #[serde(default)]
    settings: BTreeMap<String, Option<bool>>,
}

/// A route that takes all there is to take.
async fn take(
    mut params: Params,
    if_match: IfMatch,
    if_none_match: IfNoneMatch,
    Json(thing): Json<Thing>,
) -> Result<impl IntoResponse, Problem> {
    let _: Option<PaymentStatus> = params.parsed("status");
    let _: Option<SourceId> = params.parsed("source");
    let _ = params.text("reference");
    let _ = params.page(&Cursors::new("key"));
    params.finish()?;
    if_match.check(REVISION)?;
    let Thing { name, sizes, source, settings } = thing;
    let read = (name.len(), sizes.len(), source.is_some(), settings.len());
    Ok(format!("{read:?} {}", if_none_match.has(REVISION)))
}

#[derive(Debug)]
struct Answer {
    status: u16,
    code: Option<String>,
    text: String,
}

fn call(request: Request) -> Answer {
    let router = http::edge(Router::new().route("/things", post(take)), Entropy::system());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let response = router.oneshot(request).await.expect("a router does not fail");
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("the body is there");
        let text = String::from_utf8(body.to_vec()).expect("answers are text");
        let problem: Option<Value> = serde_json::from_str(&text).ok();
        let code = problem.and_then(|problem| problem["code"].as_str().map(str::to_owned));
        Answer { status, code, text }
    })
}

fn request(query: &str, headers: &[(&str, &[u8])], body: Vec<u8>) -> Option<Request> {
    let mut request = Request::post(format!("/things?{query}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body)).ok()
}

const JSON: (&str, &[u8]) = ("content-type", b"application/json");
const GOOD: &[u8] = br#"{"name":"x"}"#;

/// An answer that the API documents, and none of ours that went wrong.
fn check(answer: &Answer) -> Result<(), TestCaseError> {
    prop_assert!(answer.status < 500, "{:?}", answer);
    if answer.status >= 400 {
        let code = answer.code.as_deref().unwrap_or_default();
        prop_assert!(
            Code::find(code).is_some_and(|code| code.status().as_u16() == answer.status),
            "{:?}",
            answer
        );
    }
    prop_assert!(!answer.text.contains(HIDDEN), "{:?}", answer);
    Ok(())
}

fn query() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("status".to_owned()),
        Just("source".to_owned()),
        Just("reference".to_owned()),
        Just("limit".to_owned()),
        Just("cursor".to_owned()),
        "[a-z%+.~\\[\\]]{0,6}",
    ];
    let value = prop_oneof![
        Just(HIDDEN.to_owned()),
        Just("1".to_owned()),
        Just("captured".to_owned()),
        "[0-9+-]{1,30}",
        "[!-~&&[^&#]]{0,40}",
        "%[0-9a-fA-F]{0,2}(%[0-9a-fA-F]{2}){0,8}",
    ];
    let joined = |pairs: Vec<(String, String)>| {
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    };
    prop_oneof![vec((name, value), 0..6).prop_map(joined), "[!-~&&[^#]]{0,60}"]
}

/// JSON of any shape, with the names that the route knows among the others.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(Value::from(HIDDEN)),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let name = prop_oneof![
            Just("name".to_owned()),
            Just("sizes".to_owned()),
            Just("source".to_owned()),
            Just("settings".to_owned()),
            "[a-z/~`]{0,4}",
        ];
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((name, inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_cursor_is_taken_only_as_it_was_made(text in "\\PC{0,80}", bytes in vec(any::<u8>(), 0..60), at in "\\PC{0,40}") {
        let (cursors, listing) = (Cursors::new("key"), Listing::new("/v1/things", "a"));
        prop_assert_eq!(cursors.decode(&listing, &text), None);
        let encoded = data_encoding::BASE64URL_NOPAD.encode(&bytes);
        prop_assert_eq!(cursors.decode(&listing, &encoded), None);
        let cursor = cursors.encode(&listing, &at);
        prop_assert_eq!(cursors.decode(&listing, &cursor), Some(at));
        prop_assert_eq!(cursors.decode(&Listing::new("/v1/things", "b"), &cursor), None);
        prop_assert_eq!(cursors.decode(&listing, &format!("{cursor}A")), None);
    }

    #[test]
    fn parameters_of_any_kind_are_answered(query in query()) {
        // What is no URI reaches no handler.
        if let Some(request) = request(&query, &[JSON], GOOD.to_vec()) {
            check(&call(request))?;
        }
    }

    #[test]
    fn a_precondition_holds_only_for_its_own_revision(
        lines in vec(prop_oneof![vec(any::<u8>(), 0..30), "[W/\"0-9, *]{0,12}".prop_map(String::into_bytes)], 0..4),
    ) {
        let with = |name| {
            let headers: Vec<(&str, &[u8])> =
                lines.iter().map(|line| (name, line.as_slice())).chain([JSON]).collect();
            request("", &headers, GOOD.to_vec())
        };
        let (Some(if_match), Some(if_none_match)) = (with("if-match"), with("if-none-match")) else {
            return Ok(()); // not to be sent as a header at all
        };
        let named = |wanted: &str| {
            let all = lines.iter().filter_map(|line| std::str::from_utf8(line).ok());
            all.flat_map(|line| line.split(',')).any(|tag| tag.trim().trim_start_matches("W/") == wanted)
        };
        let answer = call(if_match);
        check(&answer)?;
        if answer.status == 200 {
            prop_assert!(lines.is_empty() || named("\"3\"") || named("*"), "{:?}", lines);
        } else {
            prop_assert_eq!(answer.code.as_deref(), Some("precondition_failed"));
        }
        let answer = call(if_none_match);
        check(&answer)?;
        prop_assert!(answer.text.ends_with("false") || named("\"3\"") || named("*"), "{:?}", lines);
    }

    #[test]
    fn bytes_for_a_body_are_answered(body in vec(any::<u8>(), 0..200), media_type in vec(any::<u8>(), 0..40)) {
        let sent = request("", &[JSON], body.clone()).expect("it can be sent");
        let answer = call(sent);
        check(&answer)?;
        prop_assert_eq!(answer.status, 400, "no random bytes are a thing: {:?}", answer);
        if let Some(request) = request("", &[("content-type", &media_type)], body) {
            let answer = call(request);
            prop_assert_eq!(answer.code.as_deref(), Some("unsupported_media_type"));
        }
    }

    #[test]
    fn json_of_any_shape_is_answered(body in json(), cut in any::<prop::sample::Index>()) {
        let text = body.to_string();
        check(&call(request("", &[JSON], text.clone().into_bytes()).expect("it can be sent")))?;
        let cut = text.as_bytes()[..cut.index(text.len())].to_vec();
        let answer = call(request("", &[JSON], cut).expect("it can be sent"));
        check(&answer)?;
        prop_assert!(answer.status == 400, "cut JSON of one value is none, or another value: {:?}", answer);
    }
}

#[test]
fn depth_and_size_of_a_body_are_bounded() {
    for (body, status, code) in [
        (b"[".repeat(200_000), 400, "invalid_json"),
        (br#"{"name":"#.repeat(25_000), 400, "invalid_json"),
        ([br#"{"settings":"#.to_vec(), b"[".repeat(200_000)].concat(), 400, "invalid_json"),
        ([br#"{"nobody_knows":"#.to_vec(), b"[".repeat(100_000)].concat(), 400, "invalid_json"),
        ([GOOD.to_vec(), b" ".repeat(http::MAX_BODY_BYTES)].concat(), 413, "payload_too_large"),
    ] {
        let answer = call(request("", &[JSON], body).expect("it can be sent"));
        assert_eq!((answer.status, answer.code.as_deref()), (status, Some(code)), "{}", answer.text);
    }
    let answer = call(request("", &[JSON], GOOD.to_vec()).expect("it can be sent"));
    assert_eq!(answer.status, 200, "and this is how it is right: {answer:?}");
}
