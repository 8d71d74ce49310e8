use super::*;
use proptest::prelude::*;

#[test]
fn only_white_space_between_tokens_goes() {
    let json = b" { \"a b\" : [ 1.0 ,\t-2e+5 , \"x \\\\\" , \" \\\" y \" ] ,\r\n\"c\": null } \n";
    let minified = minify(json).expect("JSON");
    let expected = r#"{"a b":[1.0,-2e+5,"x \\"," \" y "],"c":null}"#;
    assert_eq!(String::from_utf8_lossy(&minified), expected);
    for other in [&b""[..], b"{", b"{} {}", b"{'a':1}", b"\xff"] {
        assert_eq!(minify(other), None);
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![any::<bool>().prop_map(Into::into), any::<String>().prop_map(Into::into)];
    leaf.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pretty_and_compact_forms_of_a_document_are_the_same(value in json()) {
        let pretty = serde_json::to_vec_pretty(&value).expect("a document");
        prop_assert_eq!(minify(&pretty).expect("JSON"), serde_json::to_vec(&value).expect("a document"));
    }
}
