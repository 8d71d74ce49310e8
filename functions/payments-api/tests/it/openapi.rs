//! `infra/openapi.json` is written by hand, so it is held to what it describes.

use domain::{DeadLetterReason, EventType, Scope, WorkQueue};
use http::Code;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::{Answer, Api, Call, operations};

pub(crate) fn document() -> Value {
    serde_json::from_str(include_str!("../../../../infra/openapi.json")).expect("the document is JSON")
}

/// Method, path, and scope of all operations in the document.
fn documented(document: &Value) -> BTreeSet<(String, String, Option<String>)> {
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().expect("a path item").iter().map(move |(method, operation)| {
            let scope = operation["security"][0]["api_key"][0].as_str().map(str::to_owned);
            (method.clone(), path.clone(), scope)
        })
    });
    operations.collect()
}

#[test]
fn the_document_has_exactly_the_operations_of_the_routers_with_their_scopes() {
    let mut routed: BTreeSet<_> = operations()
        .into_iter()
        .map(|operation| {
            let scope = operation.scope.map(|scope| scope.as_str().to_owned());
            (operation.method, operation.path.to_owned(), scope)
        })
        .collect();
    // The routes of the webhook function, whose answers are the providers' business.
    for method in ["get", "post"] {
        routed.insert((method.to_owned(), "/webhooks/{source_id}".to_owned(), None));
    }
    assert_eq!(documented(&document()), routed);
}

#[test]
fn its_closed_lists_are_those_of_the_code() {
    let document = document();
    let listed = |pointer: &str| document.pointer(pointer).cloned().expect(pointer);
    let codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(listed("/components/schemas/Problem/properties/code/enum"), json!(codes));
    let types: Vec<_> = EventType::ALL.iter().map(|event_type| event_type.as_str()).collect();
    assert_eq!(listed("/components/schemas/EventType/enum"), json!(types));
    let scopes: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    assert_eq!(listed("/components/schemas/Scope/enum"), json!(scopes));
    let reasons: Vec<_> = DeadLetterReason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(listed("/components/schemas/DeadLetterReason/enum"), json!(reasons));
    let queues: Vec<_> = WorkQueue::ALL.iter().map(|queue| queue.as_str()).collect();
    assert_eq!(listed("/components/schemas/WorkQueue/enum"), json!(queues));
}

#[test]
fn every_reference_in_it_leads_somewhere() {
    fn check(document: &Value, value: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref") {
                    let pointer = reference.as_str().and_then(|text| text.strip_prefix('#')).expect("local");
                    assert!(document.pointer(pointer).is_some(), "{pointer}");
                }
                members.values().for_each(|member| check(document, member));
            }
            Value::Array(items) => items.iter().for_each(|item| check(document, item)),
            _ => {}
        }
    }
    let document = document();
    check(&document, &document);
}

#[tokio::test]
async fn it_is_served_and_every_operation_asks_for_its_key() {
    let api = Api::start().await;
    let served = api.send(Call::new("GET", "/openapi.json").no_key()).await;
    assert_eq!(served.expect(200).json, document());
    for (method, path, scope) in documented(&document()) {
        let method: &'static str = match method.as_str() {
            "get" => "GET",
            "post" => "POST",
            "put" => "PUT",
            "delete" => "DELETE",
            other => panic!("{other}"),
        };
        let path = path.replace("{code}", "not_found").replace("{", "").replace("}", "");
        let answer = api.send(Call::new(method, &path).no_key()).await;
        match scope {
            Some(_) => _ = answer.expect_problem(401, "unauthorized"),
            None if path.starts_with("/webhooks/") => _ = answer.expect_problem(404, "not_found"),
            None => _ = answer.expect(200),
        }
    }
}

#[tokio::test]
async fn answers_have_the_documented_shapes() {
    let api = Api::start().await;
    let source = api.new_source().await;
    let data = json!({"id": "p1", "amount": 500, "currency": "EUR", "merchant_reference": "order-1"});
    let settings = json!({
        "url": "http://127.0.0.1:2/", "signing": ["v1", "v1a"], "headers": {"x-a": "b"},
        "conditions": {"type": ["payment.captured", {"anything-but": ["x", 1, null]}, {"exists": false}]},
    });
    let endpoint = api.post("/v1/endpoints", &settings).await;
    let polled = api.post("/v1/endpoints", &json!({"type": "poll"})).await.expect(201).id();
    api.event(&source, "msg_1", "payment.captured", &data).await;
    api.event(&source, "msg_2", "invoice.paid", &json!({})).await;
    while api.stack.dispatch().await.expect("the dispatcher runs") > 0 {}
    let key = api.post("/v1/api-keys", &json!({"name": "k", "scopes": ["admin"]})).await;
    let secrets = format!("/v1/sources/{}/secrets", source.id);
    let secret = api.post(&secrets, &json!({"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})).await;

    let endpoint_path = format!("/v1/endpoints/{}", endpoint.id());
    let own_secrets = format!("{endpoint_path}/secrets");
    let added = api.post(&own_secrets, &json!({})).await;
    let test = api.post(&format!("{endpoint_path}/test"), &json!({})).await;
    let polled_test = api.post(&format!("/v1/endpoints/{polled}/test"), &json!({})).await;
    let matched = api.post(&format!("{endpoint_path}/match"), &json!({"payload": {}})).await;

    api.send_webhook(&source.signed_with([9; 32]), "msg_3", b"{}").await.expect(401);
    for body in ["not json", "{}"] {
        api.stack.deliveries.send(body).await.expect("SQS takes it");
    }
    while api.stack.dispatch().await.expect("the dispatcher runs") > 0 {}
    while api.stack.record_dead_letters().await.expect("they are recorded") > 0 {}

    let endpoint_id = endpoint.id();
    let range = json!({"endpoint": endpoint_id, "since": "2026-01-01T00:00:00Z", "status": "failed"});
    let replay = api.post("/v1/replays", &range).await;
    let dry_run = json!({"endpoint": endpoint_id, "since": "2026-01-01T00:00:00Z", "dry_run": true});
    let count = api.post("/v1/replays", &dry_run).await;

    let id_of = async |path: &str| api.get(path).await.data()[0]["id"].as_str().expect("an id").to_owned();
    let payment = format!("/v1/payments/{}", id_of("/v1/payments").await);
    let event = format!("/v1/events/{}", id_of("/v1/events").await);
    let delivery = format!("/v1/deliveries/{}", id_of("/v1/deliveries").await);
    let quarantined = format!("/v1/quarantine/{}", id_of("/v1/quarantine").await);
    let dead_letter = format!("/v1/dead-letters/{}", id_of("/v1/dead-letters").await);
    let shapes = Shapes(document());
    for (path, shape) in [
        ("/v1/payments".to_owned(), "PaymentList"),
        (payment.clone(), "Payment"),
        (format!("{payment}/operations"), "OperationList"),
        (format!("{payment}/timeline"), "TimelineEntryList"),
        ("/v1/events".to_owned(), "EventList"),
        (event, "Event"),
        ("/v1/endpoints".to_owned(), "EndpointList"),
        (endpoint_path, "Endpoint"),
        (own_secrets, "EndpointSecretList"),
        (format!("/v1/endpoints/{polled}/poll"), "Poll"),
        ("/v1/deliveries".to_owned(), "DeliveryList"),
        (delivery.clone(), "Delivery"),
        (format!("{delivery}/attempts"), "AttemptList"),
        ("/v1/replays".to_owned(), "ReplayList"),
        (format!("/v1/replays/{}", replay.id()), "Replay"),
        ("/v1/sources".to_owned(), "SourceList"),
        (format!("/v1/sources/{}", source.id), "Source"),
        (secrets, "SecretList"),
        ("/v1/providers".to_owned(), "ProviderList"),
        ("/v1/providers/plaid".to_owned(), "Provider"),
        ("/v1/quarantine".to_owned(), "QuarantinedRequestList"),
        (quarantined.clone(), "QuarantinedRequest"),
        ("/v1/dead-letters".to_owned(), "DeadLetterList"),
        (dead_letter.clone(), "DeadLetter"),
        ("/v1/api-keys".to_owned(), "ApiKeyList"),
        (format!("/v1/api-keys/{}", key.id()), "ApiKey"),
        ("/errors".to_owned(), "ErrorList"),
        ("/errors/not_found".to_owned(), "Error"),
    ] {
        shapes.check(shape, api.get(&path).await.expect(200));
    }
    shapes.check("CreatedEndpoint", &endpoint);
    shapes.check("CreatedApiKey", &key);
    shapes.check("Replay", &replay);
    shapes.check("ReplayCount", &count);
    shapes.check("AddedEndpointSecret", &added);
    shapes.check("EndpointTest", &test);
    shapes.check("EndpointTest", &polled_test);
    shapes.check("Match", &matched);
    shapes.check("Secret", &secret);
    shapes.check("QuarantineVerification", &api.post(&format!("{quarantined}/verify"), &json!({})).await);
    let all = api.post("/v1/quarantine/verify", &json!({"source": source.id})).await;
    shapes.check("QuarantineVerifications", &all);
    shapes.check("DeadLetter", &api.post(&format!("{dead_letter}/redrive"), &json!({})).await);
    shapes.check("DeadLetterRedrives", &api.post("/v1/dead-letters/redrive", &json!({"limit": 1})).await);
    shapes.check("Problem", &api.get("/v1/payments?limit=0&colour=red").await);
}

/// As much of JSON Schema as the document uses for answers.
pub(crate) struct Shapes(pub(crate) Value);

impl Shapes {
    #[track_caller]
    pub(crate) fn check(&self, name: &str, answer: &Answer) {
        let mut wrong = Vec::new();
        self.value(&self.0["components"]["schemas"][name], &answer.json, name, &mut wrong);
        assert!(wrong.is_empty(), "{wrong:#?} in {}", answer.json);
    }

    fn value(&self, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
        if let Some(pointer) = schema["$ref"].as_str() {
            let schema = self.0.pointer(pointer.trim_start_matches('#')).expect("references lead somewhere");
            return self.value(schema, value, at, wrong);
        }
        if let Some(alternatives) = schema["anyOf"].as_array() {
            let found = alternatives.iter().map(|schema| {
                let mut wrong = Vec::new();
                self.value(schema, value, at, &mut wrong);
                wrong
            });
            // The first alternative is the usual one: what it says is the more helpful.
            let found: Vec<_> = found.collect();
            if found.iter().all(|wrong| !wrong.is_empty()) {
                wrong.extend(found.into_iter().next().unwrap_or_default());
            }
            return;
        }
        let is = |name: &Value| match name.as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("boolean") => value.is_boolean(),
            Some("null") => value.is_null(),
            _ => false,
        };
        let typed = match &schema["type"] {
            Value::Array(names) => names.iter().any(is),
            name => is(name),
        };
        if !typed {
            wrong.push(format!("{at}: not of type {}", schema["type"]));
        }
        if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
            wrong.push(format!("{at}: {value} is not listed"));
        }
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            self.value(&schema["items"], item, &format!("{at}/{index}"), wrong);
        }
        let Some(members) = value.as_object() else { return };
        for name in schema["required"].as_array().into_iter().flatten() {
            if !members.contains_key(name.as_str().expect("a name")) {
                wrong.push(format!("{at}: {name} is missing"));
            }
        }
        for (name, member) in members {
            match (&schema["properties"][name], &schema["additionalProperties"]) {
                (Value::Null, Value::Bool(false)) => wrong.push(format!("{at}: {name} is not documented")),
                (Value::Null, others) => self.value(others, member, &format!("{at}/{name}"), wrong),
                (schema, _) => self.value(schema, member, &format!("{at}/{name}"), wrong),
            }
        }
    }
}
