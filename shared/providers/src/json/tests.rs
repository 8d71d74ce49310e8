use super::*;

fn parse(text: &str) -> Result<Object<'_>, Malformed> {
    Object::parse(text.as_bytes(), "body")
}

#[test]
fn amounts_are_exact_integers_or_errors() {
    let object = parse(
        r#"{"max":9223372036854775807,"min":-9223372036854775808,"over":9223372036854775808,
            "fraction":10.0,"exponent":1e3,"string":"10","null":null,"beyond_double":9007199254740993}"#,
    )
    .expect("an object");
    assert_eq!(object.amount("max"), Ok(Some(i64::MAX)));
    assert_eq!(object.amount("min"), Ok(Some(i64::MIN)));
    assert_eq!(object.amount("beyond_double"), Ok(Some(9_007_199_254_740_993)));
    assert_eq!(object.amount("null"), Ok(None));
    assert_eq!(object.amount("absent"), Ok(None));
    for name in ["over", "fraction", "exponent", "string"] {
        assert!(object.amount(name).is_err(), "{name}");
        assert_eq!(object.integer(name), None, "{name}");
    }
}

#[test]
fn errors_name_the_field_and_never_its_value() {
    let object = parse(r#"{"amount":"4111111111111111"}"#).expect("an object");
    let malformed = object.amount("amount").expect_err("a string");
    assert_eq!(malformed.to_string(), "`amount` is not an integer of 64 bits");
    let nested = Object::parse(br#"{"a":1}"#, "data.object").expect("an object");
    assert_eq!(nested.required_text("id").expect_err("absent").field(), "data.object.id");
    assert_eq!(parse("[]").expect_err("a list").to_string(), "`body` is not a JSON object");
}

#[test]
fn a_member_that_occurs_twice_is_refused_even_when_escaped_differently() {
    assert!(parse(r#"{"a":1,"a":1}"#).is_err());
    assert!(parse(r#"{"a":1,"\u0061":2}"#).is_err());
    let outer = parse(r#"{"inner":{"a":1,"a":2},"b":1}"#).expect("only this level is read");
    assert!(outer.object("inner", "inner").is_err());
}

#[test]
fn text_is_decoded_and_numbers_keep_their_text() {
    let object = parse(r#"{"s":"a\"\\\u00e9","n":10.00,"t":true,"l":[],"e":""}"#).expect("an object");
    assert_eq!(object.text("s").as_deref(), Some("a\"\\é"));
    assert_eq!(object.text("e"), None);
    assert_eq!(object.text("n"), None);
    let scalar_of = |name| object.member(name).and_then(scalar);
    assert_eq!(scalar_of("n").as_deref(), Some("10.00"));
    assert_eq!(scalar_of("t").as_deref(), Some("true"));
    assert_eq!(scalar_of("l"), None);
}

#[test]
fn bytes_that_are_not_utf_8_and_endless_nesting_are_errors() {
    assert!(Object::parse(b"{\"a\":\"\xff\"}", "body").is_err());
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    if let Ok(object) = parse(&deep) {
        assert!(object.list("a").is_none_or(|list| list.len() == 1));
    }
}
