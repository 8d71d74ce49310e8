//! How much a request may hold, by the document: every list and map of every body has a maximum, and what is far
//! beyond it costs neither time nor an answer that is larger than a page.

use crate::openapi::document;
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};
use support::{Api, Call};

const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// As many short texts as fit into a body.
const VAST: usize = 60_000;

/// A list or a map in the body of an operation.
struct Place {
    method: &'static str,
    path: String,
    /// From the body.
    pointer: String,
    is_list: bool,
    maximum: Option<u64>,
}

fn places(document: &Value) -> Vec<Place> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, key) in [("POST", "post"), ("PUT", "put")] {
            let schema = &item[key]["requestBody"]["content"]["application/json"]["schema"];
            if !schema.is_null() {
                walk(document, schema, String::new(), &mut |pointer, is_list, maximum| {
                    found.push(Place { method, path: path.clone(), pointer, is_list, maximum });
                });
            }
        }
    }
    found
}

fn walk(document: &Value, schema: &Value, at: String, found: &mut dyn FnMut(String, bool, Option<u64>)) {
    if let Some(pointer) = schema["$ref"].as_str() {
        let target = document.pointer(pointer.trim_start_matches('#')).expect("references lead somewhere");
        return walk(document, target, at, found);
    }
    let types = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
    if types.contains(&json!("array")) {
        found(at.clone(), true, schema["maxItems"].as_u64());
        walk(document, &schema["items"], format!("{at}/0"), found);
    }
    if types.contains(&json!("object")) {
        let others = &schema["additionalProperties"];
        if *others != json!(false) {
            found(at.clone(), false, schema["maxProperties"].as_u64());
        }
        if others.is_object() {
            walk(document, others, format!("{at}/x"), found);
        }
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            walk(document, member, format!("{at}/{name}"), found);
        }
    }
}

/// A body with `value` at `pointer` and nothing else.
fn body_with(pointer: &str, value: Value) -> Value {
    pointer.rsplit('/').filter(|name| !name.is_empty()).fold(value, |inner, name| match name {
        "0" => json!([inner]),
        name => json!({ name: inner }),
    })
}

fn map_of(names: impl Iterator<Item = String>) -> Value {
    Value::Object(names.map(|name| (name, json!("x"))).collect::<Map<_, _>>())
}

#[test]
fn every_list_and_map_of_every_body_has_a_documented_maximum() {
    let document = document();
    let places = places(&document);
    assert!(places.len() > 20, "the walk finds them: {}", places.len());
    for place in places {
        let what = format!("{} {} {}", place.method, place.path, place.pointer);
        assert!(place.maximum.is_some_and(|maximum| maximum <= http::MAX_ENTRIES as u64), "{what}");
    }
}

#[tokio::test]
async fn no_body_makes_an_answer_that_is_large_or_late() {
    let api = Api::start().await;
    let source = api.new_source().await;
    let endpoint = api.new_endpoint().await;
    let ids = [("sources/{id}", source.id.as_str()), ("endpoints/{id}", endpoint.as_str())];
    for Place { method, path, pointer, is_list, .. } in places(&document()) {
        let path = ids.iter().fold(path, |path, (name, id)| path.replace(name, &name.replace("{id}", id)));
        let few = http::MAX_ENTRIES + 1;
        let values = if is_list {
            [json!(vec!["x"; VAST]), json!(vec![json!({}); VAST]), json!(vec!["x"; few])]
        } else {
            let numbered = |count: usize| map_of((0..count).map(|number| format!("m{number}")));
            [numbered(VAST / 4), map_of(std::iter::once("n".repeat(200_000))), numbered(few)]
        };
        for (index, value) in values.into_iter().enumerate() {
            let call = Call::new(method, &path).json(&body_with(&pointer, value));
            let started = Instant::now();
            let answer = api.send(call).await;
            let what = format!("{method} {path} {pointer} {index}");
            assert!(started.elapsed() < Duration::from_secs(5), "{what}: {:?}", started.elapsed());
            assert!(answer.bytes.len() < MAX_ANSWER_BYTES, "{what}: {} bytes", answer.bytes.len());
            assert_eq!(answer.status.as_u16(), 400, "{what}: {}", answer.json);
            assert_eq!(answer.places(), [pointer.as_str()], "{what}");
        }
    }
}

#[tokio::test]
async fn no_query_and_no_path_makes_a_large_answer() {
    let api = Api::start().await;
    let names: Vec<String> = (0..800).map(|number| format!("n{number}=x")).collect();
    for (target, status) in [
        (format!("/v1/payments?{}", names.join("&")), 400),
        (format!("/v1/payments?{}", "limit=3&".repeat(900)), 400),
        (format!("/v1/events?{}=x", "n".repeat(60_000)), 400),
        (format!("/v1/events?source={}", "n".repeat(60_000)), 400),
        (format!("/v1/payments/{}", "n".repeat(60_000)), 404),
    ] {
        let answer = api.get(&target).await;
        assert_eq!(answer.status.as_u16(), status, "{}", &target[..40]);
        assert!(answer.bytes.len() < MAX_ANSWER_BYTES, "{}: {} bytes", &target[..40], answer.bytes.len());
    }
    let answer = api.get(format!("/v1/payments?{}", names.join("&"))).await;
    assert_eq!((answer.errors().len(), &answer["errors_omitted"]), (20, &json!(780)));
}
