use super::*;
use proptest::prelude::*;
use serde_json::json;

fn payload() -> Value {
    json!({
        "type": "payment.captured",
        "data": {
            "event": { "amount": 4200, "provider": "stripe", "source": "src_1" },
            "payment": {
                "currency": "EUR", "merchant_reference": "shop-7", "double_loss_risk": true, "net_amount": -100,
                "operations": [{ "kind": "authorization", "amount": 4200 }, { "kind": "capture", "amount": 4000 }],
            },
            "previous": { "amount_captured": null },
        },
    })
}

#[track_caller]
fn holds(conditions: Value) -> bool {
    Conditions::parse(&conditions).expect("valid conditions").hold(&payload())
}

#[track_caller]
fn check(path: &str, matcher: Value, expected: bool) {
    assert_eq!(holds(json!({ path: [matcher.clone()] })), expected, "{path}: {matcher}");
}

#[test]
fn each_matcher_holds_of_what_it_names_and_of_nothing_else() {
    for (path, matcher, expected) in [
        ("data.payment.currency", json!("EUR"), true),
        ("data.payment.currency", json!("eur"), false),
        ("data.event.amount", json!(4200), true),
        ("data.event.amount", json!("4200"), false),
        ("data.payment.double_loss_risk", json!(true), true),
        ("data.payment.double_loss_risk", json!(false), false),
        ("data.previous.amount_captured", json!(null), true),
        ("data.event.amount", json!(null), false),
        ("data.payment.merchant_reference", json!({"prefix": "shop-"}), true),
        ("data.payment.merchant_reference", json!({"prefix": "hop-"}), false),
        ("data.payment.merchant_reference", json!({"suffix": "-7"}), true),
        ("data.payment.merchant_reference", json!({"suffix": "-"}), false),
        ("data.event.amount", json!({"prefix": "4"}), false),
        ("data.payment.currency", json!({"anything-but": "USD"}), true),
        ("data.payment.currency", json!({"anything-but": ["USD", "EUR"]}), false),
        ("data.event.amount", json!({"numeric": [">=", 4200]}), true),
        ("data.event.amount", json!({"numeric": [">", 4200]}), false),
        ("data.event.amount", json!({"numeric": ["<=", 4200]}), true),
        ("data.event.amount", json!({"numeric": ["<", 4200]}), false),
        ("data.event.amount", json!({"numeric": ["=", 4200]}), true),
        ("data.event.amount", json!({"numeric": [">=", 1000, "<", 5000]}), true),
        ("data.event.amount", json!({"numeric": [">=", 1000, "<", 4000]}), false),
        ("data.payment.net_amount", json!({"numeric": ["<", 0]}), true),
        ("data.payment.currency", json!({"numeric": [">", 0]}), false),
        ("data.payment.currency", json!({"exists": true}), true),
        ("data.payment.currency", json!({"exists": false}), false),
        ("data.payment", json!({"exists": true}), true),
        ("data.payment.status", json!({"exists": false}), true),
        // What is absent is none of the values that are unwanted, but it is not there either.
        ("data.payment.status", json!({"anything-but": "failed"}), false),
        ("data.payment.status", json!(null), false),
    ] {
        check(path, matcher, expected);
    }
}

#[test]
fn a_path_through_a_list_holds_if_it_holds_for_one_of_the_entries() {
    check("data.payment.operations.kind", json!("capture"), true);
    check("data.payment.operations.kind", json!("refund"), false);
    check("data.payment.operations.amount", json!({"numeric": ["<", 4100]}), true);
    check("data.payment.operations.state", json!({"exists": true}), false);
}

#[test]
fn all_paths_must_hold_and_of_each_one_matcher() {
    assert!(holds(json!({})));
    assert!(holds(json!({"data.payment.currency": ["USD", "EUR"], "data.event.provider": ["stripe"]})));
    assert!(!holds(json!({"data.payment.currency": ["USD", "EUR"], "data.event.provider": ["adyen"]})));
    let either = json!({"data.payment.status": [{"exists": false}, "captured"]});
    assert!(holds(either));
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_without_the_value() {
    let pointers = |conditions: &Value| -> Vec<String> {
        let errors = Conditions::parse(conditions).expect_err("invalid");
        assert!(errors.iter().all(|error| !error.detail.contains("s3cret")), "{errors:?}");
        errors.into_iter().map(|error| error.pointer).collect()
    };
    let path = "data.event.amount";
    for (matchers, pointer) in [
        (json!("s3cret"), "/data.event.amount"),
        (json!([]), "/data.event.amount"),
        (json!(vec!["s3cret"; MAX_MATCHERS + 1]), "/data.event.amount"),
        (json!([1, 1.5]), "/data.event.amount/1"),
        (json!([["s3cret"]]), "/data.event.amount/0"),
        (json!(["x".repeat(MAX_TEXT_CHARS + 1)]), "/data.event.amount/0"),
        (json!([{}]), "/data.event.amount/0"),
        (json!([{"prefix": "s3cret", "suffix": "s3cret"}]), "/data.event.amount/0"),
        (json!([{"prefix": 1}]), "/data.event.amount/0/prefix"),
        (json!([{"s3cret": 1}]), "/data.event.amount/0/s3cret"),
        (json!([{"exists": "s3cret"}]), "/data.event.amount/0/exists"),
        (json!([{"anything-but": []}]), "/data.event.amount/0/anything-but"),
        (json!([{"anything-but": ["a", {}]}]), "/data.event.amount/0/anything-but/1"),
        (json!([{"numeric": 5}]), "/data.event.amount/0/numeric"),
        (json!([{"numeric": [">"]}]), "/data.event.amount/0/numeric"),
        (json!([{"numeric": ["!=", 5]}]), "/data.event.amount/0/numeric"),
        (json!([{"numeric": [">", "5"]}]), "/data.event.amount/0/numeric"),
        (json!([{"numeric": [">", 5, "<", 6, "=", 7]}]), "/data.event.amount/0/numeric"),
    ] {
        assert_eq!(pointers(&json!({ path: matchers.clone() })), [pointer], "{matchers}");
    }
    assert_eq!(pointers(&json!([])), [""]);
    let many: Map<String, Value> = (0..=MAX_PATHS).map(|n| (format!("data.event.{n}"), json!([1]))).collect();
    assert_eq!(pointers(&Value::Object(many)), [""]);
    let bulky = json!({"data.event.provider": vec!["s3cret".repeat(40); 18]});
    assert_eq!(pointers(&bulky), [""]);
    // All of them at once.
    let two = json!({"data.event.amount": [{"exists": 1}], "data.payment.currancy": ["EUR"], "a/b": ["x"]});
    assert_eq!(pointers(&two), ["/data.event.amount/0/exists", "/a~1b", "/data.payment.currancy"]);
}

#[test]
fn only_paths_into_the_payload_are_taken_from_a_client_and_any_from_the_store() {
    for path in
        ["", "data.", "payment.currency", "data.event.amount.x", "data..amount", "data.previous.provider"]
    {
        let unknown = json!({ path: ["x"] });
        assert!(Conditions::parse(&unknown).is_err(), "{path:?}");
        assert!(Conditions::try_from(unknown).is_ok(), "{path:?}: a later release may have had it");
    }
}

#[test]
fn conditions_are_shown_as_they_were_given() {
    let given = json!({
        "data.event.amount": [{"numeric": [">=", 1000, "<", 5000]}, {"exists": false}, 7, null, true],
        "data.payment.currency": ["EUR", {"prefix": "U"}, {"suffix": "F"}, {"anything-but": ["USD", 1]}],
    });
    let conditions = Conditions::parse(&given).expect("valid");
    assert_eq!(serde_json::to_value(&conditions).expect("JSON"), given);
    assert_eq!(serde_json::from_value::<Conditions>(given).expect("what was written is read"), conditions);
}

#[test]
fn many_matchers_over_a_large_payload_come_to_an_end() {
    let entry = json!({"kind": "capture", "provider_operation_id": "x".repeat(200), "amount": 1});
    let payload = json!({"data": {"payment": {"operations": vec![entry; 5000]}}});
    let nothing = json!({"anything-but": (0..MAX_MATCHERS).collect::<Vec<_>>()});
    let matchers: Vec<Value> = vec![json!({"prefix": "y".repeat(100)}); MAX_MATCHERS];
    let conditions = json!({
        "data.payment.operations.provider_operation_id": matchers,
        "data.payment.operations.amount": [nothing],
        "data.payment.operations.kind": ["refund"],
    });
    let conditions = Conditions::parse(&conditions).expect("valid");
    // 5000 entries × 22 matchers: were it quadratic in the entries, this would not end.
    assert!(!conditions.hold(&payload));
}

/// JSON of the shapes that conditions have, and of many that they do not.
fn any_json() -> impl Strategy<Value = Value> {
    const NAMES: &[&str] = &[
        "data.event.amount",
        "data.payment.operations.kind",
        "type",
        "prefix",
        "suffix",
        "anything-but",
        "numeric",
        "exists",
        "data",
        "event",
        "amount",
        "",
        ">=",
        "<",
        "é",
    ];
    let names = prop::sample::select(NAMES);
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        names.clone().prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_makes_conditions_panic_and_what_is_accepted_is_read_back_the_same(
        conditions in any_json(), payload in any_json(),
    ) {
        if let Ok(accepted) = Conditions::parse(&conditions) {
            let written = Value::from(accepted.clone());
            prop_assert_eq!(Conditions::parse(&written), Ok(accepted.clone()));
            prop_assert_eq!(accepted.judge(&payload).all(|(_, holds)| holds), accepted.hold(&payload));
        }
        let _ = Conditions::try_from(conditions);
    }
}
