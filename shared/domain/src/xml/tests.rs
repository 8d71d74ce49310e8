use super::document;
use serde_json::json;

#[test]
fn each_kind_of_value_has_its_form() {
    let value = json!({
        "text": "a", "number": -5, "yes": true, "nothing": null, "list": [1, {"kind": "x"}, []], "empty": {},
    });
    assert_eq!(
        document("webhook", &value),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<webhook><empty></empty>\
         <list><item>1</item><item><kind>x</kind></item><item></item></list>\
         <nothing nil=\"true\"/><number>-5</number><text>a</text><yes>true</yes></webhook>\n"
    );
}

#[test]
fn markup_in_a_text_stays_text() {
    let value = json!("<a href=\"x\">&amp;]]></a>\r\n\t");
    let text = "&lt;a href=&quot;x&quot;&gt;&amp;amp;]]&gt;&lt;/a&gt;&#13;\n\t";
    assert!(document("t", &value).ends_with(&format!("<t>{text}</t>\n")));
}

#[test]
fn a_text_that_xml_can_not_write_is_escaped_and_says_so() {
    let told = |value: serde_json::Value| document("t", &value);
    let odd = "a\u{0}b\u{1b}c\u{fffe}\"\\é€😀";
    let escaped = r"a\u0000b\u001bc\ufffe\&quot;\\é€😀";
    assert!(told(json!(odd)).ends_with(&format!("<t escaped=\"json\">{escaped}</t>\n")));
    let again: String =
        serde_json::from_str(&format!("\"{}\"", escaped.replace("&quot;", "\""))).expect("JSON");
    assert_eq!(again, odd);
    let named = r#"<t><entry name="a\uffff" name-escaped="json">1</entry></t>"#;
    assert!(told(json!({ "a\u{ffff}": 1 })).ends_with(&format!("{named}\n")));
    assert!(told(json!(r"a\b")).ends_with(&format!("{}\n", r"<t>a\b</t>")), "no other text is touched");
}

#[test]
fn a_name_that_can_not_be_an_element_becomes_an_attribute() {
    for (name, element) in [
        ("a-b.c_1", "<a-b.c_1>1</a-b.c_1>"),
        ("1a", "<entry name=\"1a\">1</entry>"),
        ("", "<entry name=\"\">1</entry>"),
        ("xmlns", "<entry name=\"xmlns\">1</entry>"),
        ("a b><c/", "<entry name=\"a b&gt;&lt;c/\">1</entry>"),
        ("ns:a", "<entry name=\"ns:a\">1</entry>"),
    ] {
        assert!(document("t", &json!({ name: 1 })).ends_with(&format!("<t>{element}</t>\n")), "{name}");
    }
}
