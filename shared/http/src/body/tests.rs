use super::*;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "what counts is whether it can be read")]
struct Shape {
    name: String,
    #[serde(default)]
    sizes: Vec<u64>,
    #[serde(default)]
    inner: Option<Inner>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "what counts is whether it can be read")]
struct Inner {
    id: domain::SourceId,
}

fn refused(body: &str) -> (&'static str, Vec<FieldError>) {
    let problem = parse::<Shape>(body.as_bytes()).expect_err(body);
    (problem.code.as_str(), problem.errors)
}

#[test]
fn a_body_that_is_not_json_is_refused_by_place() {
    for body in ["", "{", "[1,", "{\"name\": \"x\"} x", "{\"name\": \"\u{1}\"}", "nope"] {
        let (code, errors) = refused(body);
        assert_eq!((code, errors.len()), ("invalid_json", 0), "{body}");
    }
}

#[test]
fn what_is_wrong_is_named_by_json_pointer() {
    for (body, code, pointer, detail) in [
        ("{}", "missing_field", "/name", "is required"),
        (r#"{"name": "a", "inner": {}}"#, "missing_field", "/inner/id", "is required"),
        (r#"{"name": "a", "nome": 1}"#, "unknown_field", "/nome", "does not exist"),
        (r#"{"name": "a", "inner": {"x": {"y": 1}}}"#, "unknown_field", "/inner/x", "does not exist"),
        (r#"{"name": "a", "name": "b"}"#, "invalid_field", "/name", "is given twice"),
        (r#"{"name": 17}"#, "invalid_field", "/name", "expected a string"),
        (r#"{"name": "a", "sizes": [1, "x"]}"#, "invalid_field", "/sizes/1", "expected u64"),
        (r#"{"name": "a", "sizes": [-1]}"#, "invalid_field", "/sizes/0", "expected u64"),
        (r#"{"name": "a", "settings": {"a/b": 1}}"#, "invalid_field", "/settings/a~1b", "expected a string"),
        (r#"["a"]"#, "invalid_field", "", "expected an object"),
        ("17", "invalid_field", "", "expected an object"),
    ] {
        let (found, errors) = refused(body);
        assert_eq!(found, code, "{body}");
        assert_eq!(errors, [FieldError::field(pointer, detail)], "{body}");
    }
}

#[test]
fn values_are_never_repeated() {
    for body in [
        r#"{"name": "a", "sizes": "whsec_hidden"}"#,
        r#"{"name": "a", "sizes": "whsec_hidden, expected whsec_hidden", "x": 1}"#,
        r#"{"name": "a", "inner": {"id": "whsec_hidden"}}"#,
        r#"{"name": ["whsec_hidden"]}"#,
    ] {
        let (_, errors) = refused(body);
        assert!(!format!("{errors:?}").contains("whsec_hidden"), "{errors:?}");
    }
}

#[test]
fn a_list_or_object_that_is_too_long_is_refused_wherever_it_stands_and_before_it_is_looked_at() {
    let most = format!("[{}]", vec!["1"; MAX_ENTRIES].join(","));
    parse::<Shape>(format!(r#"{{"name": "a", "sizes": {most}}}"#).as_bytes()).expect("not too many");
    let list = format!("[{}\"x\"]", "\"x\",".repeat(60_000));
    let members: String = (0..=MAX_ENTRIES).map(|number| format!("\"m{number}\": 1,")).collect();
    for (body, pointer) in [
        (format!(r#"{{"name": "a", "sizes": {list}}}"#), "/sizes"),
        (format!(r#"{{"name": "a", "nobody": {list}}}"#), "/nobody"),
        (format!(r#"{{"settings": {{"a/b": [[], {list}]}}}}"#), "/settings/a~1b/1"),
        (format!(r#"{{{members} "name": "a"}}"#), ""),
        (format!(r#"{{"inner": {{{members} "id": "x"}}}}"#), "/inner"),
    ] {
        let expected = [FieldError::field(pointer, "must have at most 100 entries")];
        assert_eq!(refused(&body), ("invalid_field", expected.to_vec()), "{pointer}");
    }
}

#[test]
fn a_name_that_is_too_long_is_refused_without_being_repeated() {
    let long = "n".repeat(MAX_NAME_CHARS + 1);
    for (body, pointer) in [
        (format!(r#"{{"name": "a", "{long}": 1}}"#), ""),
        (format!(r#"{{"name": "a", "settings": {{"{long}": "x"}}}}"#), "/settings"),
    ] {
        let expected = [FieldError::field(pointer, "has a name of more than 256 characters")];
        assert_eq!(refused(&body), ("invalid_field", expected.to_vec()));
    }
}
